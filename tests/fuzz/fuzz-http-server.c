/* fuzz-http-server.c - what a stranger can send to the HTTP server.
 * SPDX-License-Identifier: ISC
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING \
 *     -DLWT_NO_POOLS -I. -Ilwt -Inet tests/fuzz/fuzz-http-server.c \
 *     net/http_*.c lwt/[a-z]*.c -o fuzz-http-server
 *
 * The input is what a client writes, in virtual time; a byte 0xff in it is a
 * pause of a second.  Whatever it is, the connection must end, everything that
 * comes back must be responses, and nothing may be left alive.
 */
#include "net/lwt-http.h"

#include <lwt/engine.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct client {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  const uint8_t *data;
  size_t left, n;
  struct lwt_error error;
};

LWT_STEP writer_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;

  lwt_begin(c);
  while (c->left > 0) {
    const uint8_t *pause = memchr(c->data, 0xff, c->left);

    c->n = pause ? (size_t)(pause - c->data) : c->left;
    if (c->n > 0)
      lwt_await(c, lwt_flow_write(c->flow, c->data, c->n));
    c->data += c->n;
    c->left -= c->n;
    if (c->left > 0) {
      lwt_await(c, lwt_sleep(LWT_S(1)));
      c->data++;
      c->left--;
    }
  }
  lwt_await(c, lwt_flow_shutdown(c->flow));
  lwt_end(c);
}

static char out[1 << 16];
static size_t out_len;

LWT_STEP reader_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;

  lwt_begin(c);
  do {
    if (out_len == sizeof out)
      out_len = 1; /* enough was seen */
    lwt_await_error(c, &c->error, &c->n,
                    lwt_flow_read(c->flow, out + out_len, sizeof out - out_len));
    out_len += c->error.code ? 0 : c->n;
  } while (!c->error.code && c->n > 0);
  lwt_end(c);
}

static lwt_http_response_p *echo(void *env, const struct lwt_http_request *rq)
{
  struct lwt_http_response *r = lwt_http_response_new(200);

  (void)env;
  if (strlen(rq->path) > 4096 || strlen(rq->host) > 4096 || rq->body[rq->body_len])
    abort();
  for (size_t i = 0; r && i < rq->n_fields; i++)
    if (lwt_http_add(r, rq->fields[i].name, rq->fields[i].value) == LWT_ENOMEM)
      abort();
  if (r && rq->body_len > 0)
    lwt_http_set_body(r, lwt_buf_copy_in(0, rq->body, (uint32_t)rq->body_len));
  return lwt_http_return(r);
}

static void silent(struct lwt_error error, const char *where)
{
  (void)error, (void)where;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct lwt_http_stats stats = { 0 };
  struct lwt_http_options o = { .handler = echo, .methods = 127, .max_line = 256,
                                .max_head = 1024, .max_body = 512, .window = 100,
                                .stats = &stats };
  struct lwt_virtual v;
  struct lwt_flow *ends[2];
  lwt_t *server, *writer, *reader;

  lwt_virtual_init(&v);
  lwt_set_engine(&v.engine);
  lwt_on_lost(silent);
  out_len = 0;
  if (lwt_pipe(ends, 700))
    abort();
  server = lwt_http_serve_flow(ends[0], &o);
  reader = LWT_GO(struct client, reader_step, .flow = ends[1]);
  writer = LWT_GO(struct client, writer_step, .flow = ends[1], .data = data, .left = len);
  lwt_run_value(server, NULL);
  lwt_run_value(reader, NULL);
  lwt_run_value(writer, NULL);
  lwt_flow_abort(ends[1]);
  if (lwt_live() || lwt_timers() || lwt_buf_live() || stats.active)
    abort();
  if (out_len >= 9 && out[0] && strncmp(out, "HTTP/1.1 ", 9) != 0)
    abort();
  return 0;
}
