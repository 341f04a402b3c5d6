/* t-tls.c - TLS over flows in memory: both ends are ours.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt-tls.h>
#include <lwt/array.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 300000, CAPACITY = 20000 };

static uint8_t pattern[LARGE];
static struct lwt_tls_identity *ec, *rsa, *expired, *strange;
static struct lwt_tls_anchors *roots;

static uint32_t chance;
static int not_random(void *bytes, size_t len)
{
  uint8_t *p = bytes;

  while (len--)
    *p++ = (uint8_t)((chance = chance * 1103515245 + 12345) >> 16);
  return 0;
}

static int no_random(void *bytes, size_t len)
{
  (void)bytes;
  (void)len;
  return LWT_EIO;
}

static int64_t year_2026(void)
{
  return (int64_t)1790000000 * 1000000000;
}

static struct lwt_tls_config client(void)
{
  return (struct lwt_tls_config){ .random = not_random, .wallclock = year_2026,
                                  .anchors = roots };
}

static struct lwt_tls_config server(const struct lwt_tls_identity *id)
{
  return (struct lwt_tls_config){ .random = not_random, .identity = id };
}

/* ---- Two ends --------------------------------------------------------------- */

struct ends {
  struct lwt_flow *client, *server, *raw[2];
  struct lwt_error client_error, server_error;
};

/* The value of p; its error in *error. */
static void *outcome(void *p, struct lwt_error *error)
{
  void *value = NULL;
  struct lwt_error e = lwt_run_value(p, &value);

  if (error)
    *error = e;
  return value;
}

static int code(void *p)
{
  struct lwt_error error;

  outcome(p, &error);
  return error.code;
}

static intptr_t number(void *p)
{
  struct lwt_error error;
  intptr_t value = (intptr_t)outcome(p, &error);

  return error.code ? error.code : value;
}

static struct ends meet(const char *name, const struct lwt_tls_config *c,
                        const struct lwt_tls_config *s)
{
  struct ends e = { 0 };
  lwt_flow_p *client, *server;

  if (lwt_pipe(e.raw, CAPACITY)) {
    e.client_error.code = e.server_error.code = LWT_ENOMEM;
    return e;
  }
  client = lwt_tls_connect(e.raw[0], name, c);
  server = lwt_tls_accept(e.raw[1], s);
  e.client = outcome(client, &e.client_error);
  e.server = outcome(server, &e.server_error);
  return e;
}

static void part(struct ends *e)
{
  lwt_t *p;

  if (e->client) {
    p = lwt_flow_close(e->client);
    lwt_error(p);
    lwt_drop(p);
  }
  if (e->server)
    lwt_flow_abort(e->server);
}

/* ---- Bytes ------------------------------------------------------------------ */

struct reading {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  uint8_t *into;
  size_t max, len, n;
};

/* Until the end of the stream or max bytes; as many. */
LWT_STEP read_step(struct lwt_frame *frame)
{
  struct reading *r = (struct reading *)frame;

  lwt_begin(r);
  do {
    lwt_await(r, &r->n, lwt_flow_read(r->flow, r->into + r->len,
                                      r->max - r->len < 7001 ? r->max - r->len : 7001));
    r->len += r->n;
  } while (r->n && r->len < r->max);
  lwt_finish(r, r->len);
  lwt_end(r);
}

static lwt_t *read_all(struct lwt_flow *flow, uint8_t *into, size_t max)
{
  return LWT_GO(struct reading, read_step, .flow = flow, .into = into, .max = max);
}

static void bytes_both_ways(const struct lwt_tls_identity *id, const char *kind)
{
  struct lwt_tls_config c = client(), s = server(id);
  struct ends e = meet("example.test", &c, &s);
  uint8_t *a = malloc(LARGE), *b = malloc(LARGE);
  lwt_t *writes[2], *reads[2];
  struct lwt_tls_info info;
  struct lwt_buf *chain;

  if (!is_int(e.client_error.code, 0, "%s: the client is through", kind) ||
      !is_int(e.server_error.code, 0, "and the server"))
    return;
  is_int(lwt_tls_info(e.server, &info), 0, "what came of it");
  is_str(info.version, "TLSv1.2", "the version");
  is_str(info.name, "example.test", "the name that was asked for");
  is_int(info.suite, id == ec ? 0xC02B : 0xC02F, "ECDHE, AES-128-GCM");
  ok(!info.protocol, "no ALPN");

  is_int(code(lwt_flow_write(e.client, "hello", 5)), 0, "a small write");
  is_int(number(lwt_flow_read(e.server, a, 3)), 3, "a part of it");
  is_int(number(lwt_flow_read(e.server, a + 3, 100)), 2, "the rest");
  is_mem(a, "hello", 5, "the bytes");
  writes[0] = lwt_flow_write(e.client, pattern, LARGE);
  writes[1] = lwt_flow_write_buf(e.server, lwt_buf_copy_in(0, pattern, LARGE));
  is_int(code(lwt_flow_write(e.client, "x", 1)), LWT_EBUSY, "one write at a time");
  reads[0] = read_all(e.client, a, LARGE);
  reads[1] = read_all(e.server, b, LARGE);
  is_int(number(reads[0]), LARGE, "%d bytes to the client", LARGE);
  is_int(number(reads[1]), LARGE, "and to the server at the same time");
  is_int(code(writes[0]), 0, "written");
  is_int(code(writes[1]), 0, "written");
  is_mem(a, pattern, LARGE, "every byte");
  is_mem(b, pattern, LARGE, "every byte");

  reads[0] = LWT_UNTYPED(lwt_flow_read(e.server, a, 10));
  is_int(code(lwt_flow_read(e.server, b, 10)), LWT_EBUSY, "one read at a time");
  lwt_cancel(reads[0]);
  is_int(code(reads[0]), LWT_ECANCELED, "a read is cancelled");
  is_int(code(lwt_flow_write(e.client, "more", 4)), 0, "more");
  chain = outcome(lwt_flow_read_buf(e.server, 100), NULL);
  ok(chain && chain->total == 4 && !memcmp(chain->data, "more", 4), "nothing is lost");
  lwt_buf_free(chain);
  part(&e);
  free(a);
  free(b);
}

static void test_ec(void)
{
  bytes_both_ways(ec, "ECDSA");
}

static void test_rsa(void)
{
  bytes_both_ways(rsa, "RSA");
}

/* ---- Ends ------------------------------------------------------------------- */

static void test_ends(void)
{
  struct lwt_tls_config c = client(), s = server(ec);
  struct ends e = meet("example.test", &c, &s);
  lwt_t *read, *close;
  uint8_t bytes[20];

  is_int(code(lwt_flow_write(e.server, "last words", 10)), 0, "a write");
  is_int(code(lwt_flow_shutdown(e.server)), 0, "then the end");
  is_int(code(lwt_flow_write(e.server, "x", 1)), LWT_EPIPE, "no more");
  is_int(number(read_all(e.client, bytes, 20)), 10, "the peer reads to the end");
  is_mem(bytes, "last words", 10, "all of it");
  is_int(number(lwt_flow_read(e.client, bytes, 1)), 0, "the end stays");
  is_int(code(lwt_flow_write(e.client, "x", 1)), LWT_EPIPE,
         "and it is the end of both directions");
  is_int(number(lwt_flow_read(e.server, bytes, 1)), 0, "also here");
  is_int(code(lwt_flow_close(e.client)), 0, "closed");
  is_int(code(lwt_flow_close(e.server)), 0, "closed");

  e = meet("example.test", &c, &s);
  read = LWT_UNTYPED(lwt_flow_read(e.client, bytes, 20));
  close = lwt_flow_close(e.client);
  is_rejected(read, LWT_ECONNABORTED, "close rejects a read");
  lwt_drop(read);
  is_int(number(lwt_flow_read(e.server, bytes, 1)), 0, "the peer sees an end");
  is_int(code(lwt_flow_close(e.server)), 0, "and closes");
  is_int(code(close), 0, "closed");

  e = meet("example.test", &c, &s);
  read = LWT_UNTYPED(lwt_flow_read(e.client, bytes, 20));
  lwt_flow_abort(e.client);
  is_rejected(read, LWT_ECONNABORTED, "abort rejects a read");
  lwt_drop(read);
  is_int(code(lwt_flow_read(e.server, bytes, 1)), LWT_ECONNRESET, "the peer is reset");
  is_int(code(lwt_flow_write(e.server, "x", 1)), LWT_ECONNRESET, "also when it writes");
  is_int(code(lwt_flow_close(e.server)), LWT_ECONNRESET, "and when it closes");
}

/* What comes from a peer that is not ours. */
struct stranger {
  struct lwt_flow *tls, *raw;
};

static lwt_flow_p *begin_strange(struct stranger *x, int as_server)
{
  static struct lwt_tls_config c, s;
  struct lwt_flow *raw[2];

  c = client();
  s = server(ec);
  lwt_pipe(raw, CAPACITY);
  x->raw = raw[1];
  return as_server ? lwt_tls_accept(raw[0], &s)
                   : lwt_tls_connect(raw[0], "example.test", &c);
}

static void test_strangers(void)
{
  struct stranger x;
  lwt_flow_p *p;
  lwt_t *q;

  p = begin_strange(&x, 1);
  is_int(code(lwt_flow_write(x.raw, "GET / HTTP/1.1\r\n\r\n", 18)), 0, "HTTP comes");
  is_int(code(p), LWT_EPROTO, "is no TLS");
  lwt_flow_abort(x.raw);

  p = begin_strange(&x, 0);
  is_int(code(lwt_flow_write(x.raw, "SSH-2.0-OpenSSH_9.2\r\n", 21)), 0, "SSH comes");
  is_int(code(p), LWT_EPROTO, "is no TLS");
  lwt_flow_abort(x.raw);

  p = begin_strange(&x, 1);
  is_int(code(lwt_flow_shutdown(x.raw)), 0, "nothing but an end");
  is_int(code(p), LWT_ENODATA, "is too little");
  lwt_flow_abort(x.raw);

  p = begin_strange(&x, 1);
  is_int(code(p), LWT_ETIMEDOUT, "nothing at all");
  is_int(lwt_now() / LWT_S(1), 30, "is waited for 30 s");
  lwt_flow_abort(x.raw);

  p = begin_strange(&x, 0);
  q = LWT_UNTYPED(p);
  lwt_cancel(q);
  is_int(code(q), LWT_ECANCELED, "a handshake is cancelled");
  is_int(code(lwt_flow_write(x.raw, "x", 1)), LWT_ECONNRESET, "the flow below is gone");
  lwt_flow_abort(x.raw);
}

struct cut {
  struct lwt_frame frame;
  struct lwt_flow *from, *to;
  struct lwt_buf *chain;
  int flip;
};

/* Carry bytes on; of what comes after the handshake, flip a bit. */
LWT_STEP cut_step(struct lwt_frame *frame)
{
  struct cut *c = (struct cut *)frame;

  lwt_begin(c);
  for (;;) {
    lwt_await(c, &c->chain, lwt_flow_read_buf(c->from, 100000));
    if (!c->chain)
      break;
    if (c->flip && c->chain->data[0] == 23)
      c->chain->data[c->chain->len - 1] ^= 1;
    lwt_await(c, lwt_flow_write_buf(c->to, c->chain));
  }
  lwt_await(c, lwt_flow_shutdown(c->to));
  lwt_end(c);
}

/* Two ends with somebody in between. */
static struct ends meet_between(struct lwt_flow *raw[4], lwt_t *carry[2])
{
  struct lwt_tls_config c = client(), s = server(ec);
  struct ends e = { 0 };
  lwt_flow_p *cp, *sp;

  lwt_pipe(raw, CAPACITY);
  lwt_pipe(raw + 2, CAPACITY);
  cp = lwt_tls_connect(raw[0], "example.test", &c);
  sp = lwt_tls_accept(raw[3], &s);
  carry[0] = LWT_GO(struct cut, cut_step, .from = raw[1], .to = raw[2], .flip = 1);
  carry[1] = LWT_GO(struct cut, cut_step, .from = raw[2], .to = raw[1]);
  e.client = outcome(cp, &e.client_error);
  e.server = outcome(sp, &e.server_error);
  return e;
}

static void test_between(void)
{
  struct lwt_flow *raw[4];
  struct lwt_error error;
  uint8_t bytes[20];
  lwt_t *carry[2];
  struct ends e = meet_between(raw, carry);

  is_int(code(lwt_flow_write(e.client, "hello", 5)), 0, "a bit is flipped on its way");
  outcome(lwt_flow_read(e.server, bytes, 20), &error);
  is_int(error.code, LWT_EPROTO, "it is seen");
  is_str(error.what, "tls: record was changed on its way", "as what it is");
  is_int(code(lwt_flow_write(e.server, "x", 1)), LWT_EPROTO, "nothing goes on");
  lwt_drop(carry[0]);
  lwt_drop(carry[1]);
  lwt_flow_abort(raw[1]);
  lwt_flow_abort(raw[2]);
  part(&e);

  e = meet_between(raw, carry);
  lwt_drop(carry[0]);
  is_int(code(lwt_flow_shutdown(raw[2])), 0, "somebody says the end for the client");
  is_int(code(lwt_flow_read(e.server, bytes, 20)), LWT_ENODATA, "it is not believed");
  lwt_drop(carry[1]);
  lwt_flow_abort(raw[1]);
  lwt_flow_abort(raw[2]);
  part(&e);
}

/* ---- Certificates ----------------------------------------------------------- */

static void refused(const struct lwt_tls_identity *id, const char *name, const char *what)
{
  struct lwt_tls_config c = client(), s = server(id);
  struct ends e = meet(name, &c, &s);

  is_int(e.client_error.code, LWT_EACCES, "%s", what);
  is_str(e.client_error.what, what, "the client says why");
  ok(e.server_error.code, "the server hears of it");
  part(&e);
}

static void test_certificates(void)
{
  struct lwt_tls_config c = client(), s = server(strange);
  struct ends e;

  refused(expired, "example.test", "tls: certificate expired or not yet valid");
  refused(strange, "example.test", "tls: certificate of an unknown authority");
  refused(ec, "example.org", "tls: certificate of another name");
  e = meet(NULL, &c, &(struct lwt_tls_config){ .random = not_random, .identity = ec });
  is_int(e.client_error.code, 0, "no name: any of the authority's");
  part(&e);
  c.random = no_random;
  is_int(meet("example.test", &c, &s).client_error.code, LWT_EIO, "no entropy");
  c = client();
  is_int(meet("192.0.2.1", &c, &s).client_error.code, LWT_EINVAL, "an address");
  c.anchors = NULL;
  is_int(meet("example.test", &c, &s).client_error.code, LWT_EINVAL, "no anchors");
}

static void test_protocols(void)
{
  static const char *const offers[] = { "h2", "http/1.1", NULL };
  static const char *const has[] = { "http/1.1", NULL };
  struct lwt_tls_config c = client(), s = server(ec);
  struct lwt_tls_info info;
  struct ends e;

  c.protocols = offers;
  s.protocols = has;
  e = meet("example.test", &c, &s);
  lwt_tls_info(e.client, &info);
  is_str(info.protocol, "http/1.1", "ALPN: what both have");
  lwt_tls_info(e.server, &info);
  is_str(info.protocol, "http/1.1", "both know");
  is_int(lwt_tls_info(e.raw[0], &info), LWT_ENOTSUP, "of TLS only");
  part(&e);
}

static void test_sessions(void)
{
  struct lwt_tls_config c = client(), s = server(ec);
  struct lwt_tls_session first = { { 0 } }, again;
  struct lwt_tls_sessions *sessions;
  struct ends e;

  is_int(lwt_tls_sessions_new(4096, &sessions), 0, "a server's sessions");
  s.sessions = sessions;
  c.session = &first;
  e = meet("example.test", &c, &s);
  part(&e);
  again = first;
  c.session = &again;
  e = meet("example.test", &c, &s);
  is_mem(&again, &first, sizeof first, "the session goes on: the same secret");
  part(&e);
  s.sessions = NULL;
  e = meet("example.test", &c, &s);
  is_int(e.client_error.code, 0, "a server that has forgotten it");
  ok(memcmp(&again, &first, sizeof first) != 0, "begins another");
  part(&e);
  while (lwt_run_ready() != LWT_NEVER)
    ;
  lwt_tls_sessions_free(sessions);
}

/* ---- A listener ------------------------------------------------------------- */

/* One in memory, whose connections the test makes. */
struct lab_listener {
  struct lwt_listener listener;
  struct lwt_resolver waiting;
  int closed;
};

static lwt_flow_p *lab_accept(struct lwt_listener *listener)
{
  return (lwt_flow_p *)lwt_task(&((struct lab_listener *)listener)->waiting);
}

static void lab_close(struct lwt_listener *listener)
{
  struct lab_listener *l = (struct lab_listener *)listener;

  l->closed++;
  lwt_reject(&l->waiting, LWT_ECONNABORTED, "lab_accept");
}

static struct lwt_addr lab_local(struct lwt_listener *listener)
{
  (void)listener;
  return (struct lwt_addr){ .family = 4, .port = 443 };
}

static const struct lwt_listener_ops lab_ops = { lab_accept, lab_close, lab_local };

static struct lwt_flow *lab_connect(struct lab_listener *l)
{
  struct lwt_flow *ends[2];

  lwt_pipe(ends, CAPACITY);
  lwt_fulfill_owned(&l->waiting, ends[1], lwt_flow_abort);
  lwt_run_ready();
  return ends[0];
}

static void test_listener(void)
{
  struct lab_listener lab = { .listener = { &lab_ops } };
  struct lwt_tls_config c = client(), s = server(ec);
  struct lwt_tls_listen_stats stats = { 0 };
  struct lwt_flow *slow, *bad, *raw, *f, *g;
  struct lwt_listener *l;
  lwt_flow_p *p, *q;

  is_int(lwt_tls_listen(&lab.listener, &c, 0, NULL, &l), LWT_EINVAL, "no identity");
  is_int(lwt_tls_listen(&lab.listener, &s, 2, &stats, &l), 0, "a listener");
  is_int(l->ops->local(l).port, 443, "is where the one below is");
  p = lwt_accept(l);
  slow = lab_connect(&lab);
  bad = lab_connect(&lab);
  is_int(stats.under_way, 2, "two handshakes are under way");
  ok(!lab.waiting.lwt_private, "a third connection is not accepted yet");
  is_int(code(lwt_flow_write(bad, "rubbish....", 11)), 0, "one comes to nothing");
  lwt_run(lwt_pause());
  lwt_run(lwt_pause());
  is_int(stats.failed, 1, "it failed");
  raw = lab_connect(&lab);
  q = lwt_tls_connect(raw, "example.test", &c);
  f = outcome(p, NULL);
  g = outcome(q, NULL);
  ok(f && g, "a good one overtakes one that is slow");
  is_int(stats.handshakes, 1, "and is counted");
  p = lwt_accept(l);
  lwt_listener_close(l);
  is_int(code(p), LWT_ECONNABORTED, "close rejects who waits");
  is_int(lab.closed, 1, "and closes the one below");
  is_int(code(lwt_flow_write(slow, "x", 1)), LWT_ECONNRESET, "the slow one is reset");
  is_int(code(lwt_flow_write(g, "hello", 5)), 0, "the accepted one goes on");
  lwt_flow_abort(f);
  lwt_flow_abort(g);
  lwt_flow_abort(slow);
  lwt_flow_abort(bad);
}

/* ---- Memory ----------------------------------------------------------------- */

/* Whatever fails: nothing is left. */
static void test_memory(void)
{
  struct lab_listener lab = { .listener = { &lab_ops } };
  struct lwt_tls_config c = client(), s = server(ec);
  struct lwt_tls_listen_stats stats = { 0 };
  struct lwt_flow *ends[2], *f = NULL, *g = NULL;
  struct lwt_listener *l;
  uint8_t bytes[20];
  lwt_flow_p *p, *q;

  if (lwt_tls_listen(&lab.listener, &s, 2, &stats, &l))
    return;
  p = lwt_accept(l);
  if (lwt_pipe(ends, CAPACITY) == 0) {
    if (lwt_fulfill_owned(&lab.waiting, ends[1], lwt_flow_abort))
      lwt_flow_abort(ends[1]);
    q = lwt_tls_connect(ends[0], "example.test", &c);
    g = outcome(q, NULL);
  }
  if (g) {
    f = outcome(p, NULL);
  } else {
    lwt_error(LWT_UNTYPED(p));
    lwt_drop(LWT_UNTYPED(p));
  }
  if (f && g) {
    number(lwt_flow_write(g, "hello", 5));
    number(lwt_flow_read(f, bytes, 20));
    code(lwt_flow_close(g));
    g = NULL;
    number(lwt_flow_read(f, bytes, 20));
  }
  if (f)
    lwt_flow_abort(f);
  if (g)
    lwt_flow_abort(g);
  lwt_listener_close(l);
  while (lwt_run_ready() != LWT_NEVER)
    ;
}

/* ---- Keys ------------------------------------------------------------------- */

static char *text_of(const char *name, size_t *len)
{
  const char *top = getenv("top_srcdir");
  char path[500], *text = malloc(10001);
  FILE *file;

  snprintf(path, sizeof path, "%s/tests/tls/%s", top ? top : ".", name);
  file = fopen(path, "r");
  *len = file ? fread(text, 1, 10000, file) : 0;
  if (file)
    fclose(file);
  text[*len] = '\0';
  return text;
}

static int identity(const char *chain, const char *key, struct lwt_tls_identity **id)
{
  size_t chain_len, key_len;
  char *chain_text = text_of(chain, &chain_len), *key_text = text_of(key, &key_len);
  int error = lwt_tls_identity_new(chain_text, chain_len, key_text, key_len, id);

  free(chain_text);
  free(key_text);
  return error;
}

static void test_keys(void)
{
  struct lwt_tls_identity *id;
  struct lwt_tls_anchors *a;
  size_t len, key_len, i;
  char *pem = text_of("root.pem", &len), *key = text_of("ec.key", &key_len);
  char *twice = malloc(2 * len + key_len);

  is_int(identity("ec.pem", "rsa.key", &id), LWT_EINVAL, "a key of another type");
  ok(!id, "no identity");
  is_int(identity("ec.key", "ec.key", &id), LWT_EBADMSG, "no certificate");
  is_int(identity("ec.pem", "ec.pem", &id), LWT_EBADMSG, "no key");
  is_int(identity("none.pem", "ec.key", &id), LWT_EBADMSG, "nothing");
  is_int(lwt_tls_anchors_count(roots), 1, "one anchor");
  memcpy(twice, pem, len);
  memcpy(twice + len, key, key_len);
  memcpy(twice + len + key_len, pem, len);
  is_int(lwt_tls_anchors_new(twice, 2 * len + key_len, &a), 0, "two, and a key between");
  is_int(lwt_tls_anchors_count(a), 2, "two");
  lwt_tls_anchors_free(a);
  is_int(lwt_tls_anchors_new(pem, len - 1, &a), 0, "no newline at the end");
  lwt_tls_anchors_free(a);
  is_int(lwt_tls_anchors_new("", 0, &a), LWT_EBADMSG, "no anchors");
  is_int(lwt_tls_anchors_new(pem, len / 2, &a), LWT_EBADMSG, "cut off");
  for (i = 40; i < len && pem[i] != '\n'; i++)
    ;
  pem[i - 3] = '!';
  is_int(lwt_tls_anchors_new(pem, len, &a), LWT_EBADMSG, "not base64");
  pem[i - 3] = 'A';
  free(twice);
  free(key);
  free(pem);
}

static int load(void)
{
  size_t len;
  char *pem = text_of("root.pem", &len);
  int error = lwt_tls_anchors_new(pem, len, &roots);

  free(pem);
  return error || identity("ec.pem", "ec.key", &ec) ||
         identity("rsa.pem", "rsa.key", &rsa) ||
         identity("expired.pem", "expired.key", &expired) ||
         identity("strange.pem", "strange.key", &strange);
}

int main(int argc, char **argv)
{
  static const struct lwt_test tests[] = {
    LWT_TEST(test_keys),         LWT_TEST(test_ec),        LWT_TEST(test_rsa),
    LWT_TEST(test_ends),         LWT_TEST(test_strangers), LWT_TEST(test_between),
    LWT_TEST(test_certificates), LWT_TEST(test_protocols), LWT_TEST(test_sessions),
    LWT_TEST(test_listener),     LWT_TEST_MEMORY(test_memory),
  };
  int result;
  size_t i;

  for (i = 0; i < sizeof pattern; i++)
    pattern[i] = (uint8_t)(i * 7 + i / 256);
  if (load())
    return printf("1..0 # SKIP tests/tls is not there\n") < 0;
  result = lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  lwt_tls_identity_free(ec);
  lwt_tls_identity_free(rsa);
  lwt_tls_identity_free(expired);
  lwt_tls_identity_free(strange);
  lwt_tls_anchors_free(roots);
  return result;
}
