/* http.h - a client that follows a script, for the tests of the HTTP server.
 * SPDX-License-Identifier: ISC
 *
 * http_talk() serves one end of a pipe in virtual time and plays the script on
 * the other end.  A script is a string of requests; in it
 *
 *   {500}   wait for 500 ms        {eof}    no more writes
 *   {stop}  read no more           {abort}  reset the connection
 *
 * What came back is summarised, one response after the other:
 *
 *   200 close Content-Type=text/plain 'hello'
 *
 * with "close" if the response says so, the fields named in `show`, and the
 * body, "page" for one of the server's own pages, "N bytes" for a long one.
 */
#ifndef TESTS_HTTP_H
#define TESTS_HTTP_H

#include "net/lwt-http.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <lwt/engine.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_OUT (4u << 20)

struct http_talk {
  struct lwt_http_options options;
  const char *script;
  size_t capacity; /* of the pipe [65536] */
  size_t read;     /* bytes the client reads at a time [65536] */
  const char *show;
  unsigned heads; /* bit i: request i was HEAD */
  /* Out. */
  char *raw;
  size_t raw_len;
  char summary[4096];
  unsigned ms; /* when the client saw the end */
  struct lwt_http_stats stats;
  struct lwt_error error;
  /* Private. */
  struct lwt_flow *flow;
  int stopped, gone;
};

/* Anything that was left alive, by any talk. */
static struct {
  size_t talks, promises, timers, buffers, lost;
} http_left;

static void http_on_lost(struct lwt_error error, const char *where)
{
  printf("# lost: %s: %s (%s)\n", error.what, lwt_strerror(error.code), where);
  http_left.lost++;
}

/* ---- The client ----------------------------------------------------------- */

struct http_writer {
  struct lwt_frame frame;
  struct http_talk *t;
  const char *at;
  size_t n;
  struct lwt_error error;
};

/* A command at `at`: skip it.  Returns how long to wait, or LWT_NEVER. */
static uint64_t http_command(struct http_talk *t, const char **at)
{
  const char *end = strchr(*at, '}') + 1, *text = *at + 1;
  uint64_t wait = LWT_NEVER;

  if (*text >= '0' && *text <= '9')
    wait = LWT_MS(strtoull(text, NULL, 10));
  else if (strncmp(text, "stop}", 5) == 0)
    t->stopped = 1;
  else if (strncmp(text, "eof}", 4) == 0)
    lwt_async(lwt_flow_shutdown(t->flow));
  else if (strncmp(text, "abort}", 6) == 0 && (t->gone = 1))
    lwt_flow_abort(t->flow);
  *at = end;
  return wait;
}

LWT_STEP http_writer_step(struct lwt_frame *frame)
{
  struct http_writer *w = (struct http_writer *)frame;
  uint64_t wait;

  lwt_begin(w);
  while (*w->at && !w->t->gone) {
    if (*w->at == '{') {
      wait = http_command(w->t, &w->at);
      if (wait != LWT_NEVER)
        lwt_await(w, lwt_sleep(wait));
      continue;
    }
    w->n = strcspn(w->at, "{");
    lwt_await_error(w, &w->error, lwt_flow_write(w->t->flow, w->at, w->n));
    w->at += w->n;
    if (w->error.code)
      break;
  }
  lwt_end(w);
}

struct http_reader {
  struct lwt_frame frame;
  struct http_talk *t;
  size_t n;
  struct lwt_error error;
};

LWT_STEP http_reader_step(struct lwt_frame *frame)
{
  struct http_reader *r = (struct http_reader *)frame;
  struct http_talk *t = r->t;

  lwt_begin(r);
  while (!t->stopped && !t->gone) {
    lwt_await_error(r, &r->error, &r->n,
                    lwt_flow_read(t->flow, t->raw + t->raw_len,
                                  t->read < HTTP_OUT - t->raw_len
                                    ? t->read : HTTP_OUT - t->raw_len));
    if (r->error.code || r->n == 0)
      break;
    t->raw_len += r->n;
  }
  t->ms = (unsigned)(lwt_now() / LWT_MS(1));
  lwt_end(r);
}

static void http_close(void *env)
{
  struct http_talk *t = env;

  if (t->flow && !t->gone)
    lwt_flow_abort(t->flow);
  t->gone = 1;
}

static lwt_t *http_client_end(void *env)
{
  http_close(env);
  return NULL;
}

static lwt_t *http_client(struct http_talk *t)
{
  lwt_t *w = LWT_GO(struct http_writer, http_writer_step, .t = t, .at = t->script);
  lwt_t *r = LWT_GO(struct http_reader, http_reader_step, .t = t);

  return lwt_finalize(lwt_join(LWT_PS(w, r)), http_client_end, t);
}

/* ---- What came back ------------------------------------------------------- */

static const char *http_field(const char *head, const char *end, const char *name,
                              char value[512])
{
  size_t n = strlen(name);

  for (const char *line = head; line && line < end; line = strstr(line, "\r\n")) {
    line += line > head ? 2 : 0;
    if (strncmp(line, name, n) == 0 && strncmp(line + n, ": ", 2) == 0) {
      snprintf(value, 512, "%.*s", (int)strcspn(line + n + 2, "\r"), line + n + 2);
      return value;
    }
  }
  return NULL;
}

/* Decode chunks at `at` into body; returns what follows them, NULL if they are
 * not whole. */
static const char *http_unchunk(const char *at, const char *end, char *body, size_t *len)
{
  for (;;) {
    char *rest;
    size_t n = strtoul(at, &rest, 16);

    if (rest == at || rest + 2 > end || n > (size_t)(end - rest) - 2)
      return NULL;
    at = rest + 2;
    memcpy(body + *len, at, n);
    *len += n;
    at += n;
    if (at + 2 > end || strncmp(at, "\r\n", 2) != 0)
      return NULL;
    at += 2;
    if (n == 0)
      return at;
  }
}

static void http_show_body(FILE *out, const char *body, size_t len)
{
  if (len > 9 && strncmp(body, "<!DOCTYPE", 9) == 0)
    fprintf(out, " page");
  else if (len > 200)
    fprintf(out, " %zu bytes", len);
  else
    fprintf(out, " '%.*s'", (int)len, body);
}

/* One response; returns what follows it. */
static const char *http_show(FILE *out, struct http_talk *t, const char *at,
                             const char *end, unsigned index)
{
  const char *body = strstr(at, "\r\n\r\n"), *next;
  char value[512], *show = strdup(t->show ? t->show : ""), *decoded;
  int status = body ? atoi(at + 9) : 0, bodiless;
  size_t len;

  if (!body || strncmp(at, "HTTP/1.1 ", 9) != 0) {
    fprintf(out, "<%zu bytes that are no response>", (size_t)(end - at));
    free(show);
    return end;
  }
  body += 4;
  bodiless = status < 200 || status == 204 || status == 304 ||
    (index < 32 && t->heads >> index & 1);
  fprintf(out, "%d", status);
  if (http_field(at, body, "Connection", value))
    fprintf(out, " %s", value);
  for (char *name = strtok(show, ","); name; name = strtok(NULL, ","))
    if (http_field(at, body, name, value))
      fprintf(out, " %s=%s", name, value);
  free(show);
  if (bodiless)
    return body;
  decoded = malloc((size_t)(end - body) + 1);
  if (http_field(at, body, "Transfer-Encoding", value)) {
    len = 0;
    next = http_unchunk(body, end, decoded, &len);
    fprintf(out, next ? " chunked" : " cut");
    next = next ? next : end;
    http_show_body(out, decoded, len);
  } else {
    len = http_field(at, body, "Content-Length", value) ? strtoull(value, NULL, 10)
                                                        : (size_t)(end - body);
    if (len > (size_t)(end - body)) {
      len = (size_t)(end - body);
      fprintf(out, " cut");
    }
    next = body + len;
    http_show_body(out, body, len);
  }
  free(decoded);
  return next;
}

static void http_summarise(struct http_talk *t)
{
  const char *at = t->raw, *end = t->raw + t->raw_len;
  FILE *out = fmemopen(t->summary, sizeof t->summary, "w");

  t->raw[t->raw_len] = '\0';
  for (unsigned i = 0; at < end; i++) {
    if (i > 0)
      fprintf(out, "; ");
    at = http_show(out, t, at, end, i);
  }
  fclose(out);
}

/* ---- Talking -------------------------------------------------------------- */

static int64_t http_clock(void)
{
  return INT64_C(784111777) * 1000000000 + (int64_t)lwt_now();
}

/* Free t->raw after. */
static const char *http_talk(struct http_talk *t)
{
  struct lwt_virtual v;
  struct lwt_flow *ends[2];
  lwt_t *server;

  lwt_virtual_init(&v);
  lwt_set_engine(&v.engine);
  t->raw = malloc(HTTP_OUT + 1);
  t->raw_len = 0;
  t->stopped = t->gone = 0;
  t->capacity = t->capacity ? t->capacity : 65536;
  t->read = t->read ? t->read : 65536;
  t->options.stats = &t->stats;
  t->options.wallclock = http_clock;
  t->error.code = lwt_pipe(ends, t->capacity);
  if (t->error.code == 0) {
    t->flow = ends[1];
    server = lwt_http_serve_flow(ends[0], &t->options);
    t->error = lwt_run_value(lwt_join(LWT_PS(server, http_client(t))), NULL);
  }
  http_close(t);
  http_summarise(t);
  http_left.talks++;
  http_left.promises += lwt_live();
  http_left.timers += lwt_timers();
  http_left.buffers += lwt_buf_live();
  lwt_set_engine(NULL);
  return t->summary;
}

/* Talk, and compare the summary. */
#define http_is(t, want, ...)                                                 \
  do {                                                                        \
    is_str(http_talk(t), want, __VA_ARGS__);                                  \
    free((t)->raw);                                                           \
  } while (0)

static void http_nothing_left(void)
{
  is_int(http_left.promises, 0, "no promise is alive after %zu talks", http_left.talks);
  is_int(http_left.timers, 0, "no timer is set");
  is_int(http_left.buffers, 0, "no buffer is alive");
  is_int(http_left.lost, 0, "no rejection was lost");
}

#endif
