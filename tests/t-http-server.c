/* t-http-server.c - the HTTP server: what is asked and what is answered.
 * SPDX-License-Identifier: ISC
 *
 * Over a pipe, in virtual time.
 */
#include "tests/http-handler.h"

/* Table: a script and the summary of what comes back. */
static void talks(const char *topic, const char *show, const char *const (*table)[2],
                  size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct http_talk t = { .options = all, .script = table[i][0], .show = show };

    http_is(&t, table[i][1], "%s %zu", topic, i);
  }
}
#define TALKS(topic, show, table) \
  talks(topic, show, table, sizeof(table) / sizeof *(table))

/* ---- Exactly -------------------------------------------------------------- */

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define LATER "Date: Sun, 06 Nov 1994 08:49:39 GMT\r\n"
#define MINUTE "Date: Sun, 06 Nov 1994 08:50:37 GMT\r\n"

static void exactly(const char *name, const char *script, const char *want)
{
  struct http_talk t = { .options = all, .script = script };

  t.options.server = "lwt";
  http_talk(&t);
  is_str(t.raw, want, "%s, byte by byte", name);
  free(t.raw);
}

static void test_exactly(void)
{
  exactly("a response", LAST("/"),
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" DATE "Server: lwt\r\n"
          "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
  exactly("keep-alive", GET("/") "{eof}",
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" DATE "Server: lwt\r\n"
          "Content-Length: 5\r\n\r\nhello");
  exactly("chunks", GET("/chunks") "{eof}",
          "HTTP/1.1 200 OK\r\n" DATE "Server: lwt\r\nTransfer-Encoding: chunked\r\n\r\n"
          "2\r\ndd\r\n2\r\ncc\r\n2\r\nbb\r\n0\r\n\r\n");
  exactly("HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n{eof}",
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" DATE "Server: lwt\r\n"
          "Content-Length: 5\r\n\r\n");
  exactly("204", GET("/status?204") "{eof}",
          "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n" DATE
          "Server: lwt\r\n\r\n");
  exactly("304", GET("/status?304") "{eof}",
          "HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\n" DATE
          "Server: lwt\r\n\r\n");
  exactly("HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{eof}",
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" DATE "Server: lwt\r\n"
          "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
  exactly("an answer that takes its time", LAST("/slow?2000"),
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" LATER "Server: lwt\r\n"
          "Content-Length: 4\r\nConnection: close\r\n\r\nslow");
  exactly("a body that does", "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n{2000}x",
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" LATER "Server: lwt\r\n"
          "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
  exactly("none that takes its time", "HEAD /slow?60001 HTTP/1.0\r\n\r\n",
          "HTTP/1.1 503 Service Unavailable\r\n"
          "Content-Type: text/html; charset=utf-8\r\n" MINUTE "Server: lwt\r\n"
          "Content-Length: 159\r\nConnection: close\r\n\r\n");
  exactly("a refusal", "GET / HTTP/1.1\r\n\r\n{eof}",
          "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=utf-8\r\n" DATE
          "Server: lwt\r\nContent-Length: 157\r\nConnection: close\r\n\r\n"
          "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<title>400 Bad Request</title></head>\n<body><h1>400 Bad Request</h1>"
          "<p>no Host</p></body></html>\n");
}

/* ---- Requests and responses ----------------------------------------------- */

static void test_responses(void)
{
  static const char *const table[][2] = {
    { LAST("/"), "200 close 'hello'" },
    { GET("/") "{eof}", "200 'hello'" },
    { GET("/") GET("/chunks") LAST("/"),
      "200 'hello'; 200 chunked 'ddccbb'; 200 close 'hello'" },
    { GET("/slow?1000") GET("/") LAST("/slow?1"),
      "200 'slow'; 200 'hello'; 200 close 'slow'" },
    { LAST("/") GET("/"), "200 close 'hello'" },
    { "\r\n" GET("/") "\r\n" LAST("/"), "200 'hello'; 200 close 'hello'" },
    { GET("/nothing") LAST("/"), "404 page; 200 close 'hello'" },
    { "GET / HTTP/1.0\r\n\r\n", "200 close 'hello'" },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
      "200 keep-alive 'hello'; 200 close 'hello'" },
    { "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 close 'ddccbb'" },
    { GET("/known") LAST("/known"), "200 'ddccbb'; 200 close 'ddccbb'" },
    { GET("/more") LAST("/"), "200 'ddccb'; 200 close 'hello'" },
    { GET("/less") LAST("/"), "200 cut 'ddccbb'" },
    { GET("/breaks?2") LAST("/"), "200 cut 'ccbb'" },
    { GET("/breaks?0") LAST("/"), "500 page; 200 close 'hello'" },
    { GET("/fail?-5") LAST("/"), "500 page; 200 close 'hello'" },
    { GET("/fail?-12") LAST("/"), "503 page; 200 close 'hello'" },
    { GET("/fail?-24") LAST("/"), "503 page; 200 close 'hello'" },
    { GET("/null") LAST("/"), "500 page; 200 close 'hello'" },
    { GET("/status?204") LAST("/"), "204; 200 close 'hello'" },
    { GET("/status?304") LAST("/"), "304; 200 close 'hello'" },
    { GET("/status?99") LAST("/"), "500 'text'; 200 close 'hello'" },
    { GET("/status?299") LAST("/"), "299 'text'; 200 close 'hello'" },
    { LAST("/chain?300000"), "200 close 300000 bytes" },
    { GET("/chain?65536") LAST("/chain?65537"),
      "200 65536 bytes; 200 close 65537 bytes" },
    { LAST("/stream?20"), "200 close chunked 1310720 bytes" },
    { "GET /stream?20 HTTP/1.0\r\n\r\n", "200 close 1310720 bytes" },
    { LAST("/drip?1000"), "200 close chunked 'ddccbb'" },
  };
  struct http_talk t = { .options = all,
                         .script = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" GET("/")
                           "HEAD /chunks HTTP/1.1\r\nHost: h\r\n\r\n"
                           "HEAD /stream?9 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                           "HEAD / HTTP/1.1\r\n\r\n",
                         .show = "Content-Length,Transfer-Encoding", .heads = 29 };

  TALKS("response", NULL, table);
  http_is(&t, "200 Content-Length=5; 200 Content-Length=5 'hello'; "
              "200 Transfer-Encoding=chunked; 200 keep-alive; "
              "400 close Content-Length=157", "HEAD");
}

static void test_requests(void)
{
  static const char *const table[][2] = {
    { "GET /echo HTTP/1.1\r\nhost: a\r\nX-test: b \r\nConnection: close\r\n\r\n",
      "200 close X-Method=GET X-Host=a X-Target=/echo X-Query=none X-Test=b ''" },
    { "GET http://b:80/%65cho?c=%64 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "200 close X-Method=GET X-Host=b:80 X-Target=/%65cho X-Query=c=%64 ''" },
    { "GET http://b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "200 close 'hello'" },
    { "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "200 close X-Method=OPTIONS X-Host=a X-Target=* X-Query=none ''" },
    { POST("Content-Length: 5\r\nConnection: close\r\n", "12345"),
      "200 close X-Method=POST X-Host=h X-Target=/echo X-Query=none '12345'" },
  };
  static const char *const bodies[][2] = {
    { POST("Content-Length: 5\r\n", "12345") LAST("/"),
      "200 '12345'; 200 close 'hello'" },
    { POST("Content-Length: 5\r\n", "{10}1{10}2{10}345") LAST("/"),
      "200 '12345'; 200 close 'hello'" },
    { POST("Content-Length: 0\r\n", "") LAST("/"), "200 ''; 200 close 'hello'" },
    { "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n123" LAST("/"),
      "200 'hello'; 200 close 'hello'" },
    { POST("Transfer-Encoding: chunked\r\n", "3\r\n123\r\n2;x\r\n45\r\n0\r\nA: b\r\n\r\n")
      LAST("/"), "200 '12345'; 200 close 'hello'" },
    { POST("Transfer-Encoding: chunked\r\n",
           "3{10}\r{10}\n1{10}23{10}\r\n2\r\n45\r\n0\r\n{10}\r\n")
      LAST("/"), "200 '12345'; 200 close 'hello'" },
    { POST("Expect: 100-continue\r\nContent-Length: 2\r\n", "{10}12") LAST("/"),
      "100; 200 '12'; 200 close 'hello'" },
    { POST("Expect: 100-continue\r\nContent-Length: 2\r\n", "12") LAST("/"),
      "200 '12'; 200 close 'hello'" },
    { POST("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "{10}0\r\n\r\n")
      LAST("/"), "100; 200 ''; 200 close 'hello'" },
    { POST("Expect: 100-continue\r\nContent-Length: 99999\r\n", "{10}") LAST("/"),
      "413 close page" },
    { POST("Expect: something\r\nContent-Length: 2\r\n", "12") LAST("/"),
      "417 close page" },
  };

  TALKS("request", "X-Method,X-Host,X-Target,X-Query,X-Test", table);
  TALKS("body", NULL, bodies);
}

static void test_refusals(void)
{
  static const char *const table[][2] = {
    { "GET / HTTP/1.1\r\n\r\n" GET("/"), "400 close page" },
    { "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "400 close page" },
    { "GET / HTTP/2.0\r\n\r\n", "505 close page" },
    { "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "501 close page" },
    { "\x16\x03\x01", "400 close page" },
    { POST("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") GET("/"),
      "400 close page" },
    { POST("Transfer-Encoding: chunked\r\n", "x\r\n"), "400 close page" },
    { POST("Transfer-Encoding: chunked\r\n", "10001\r\n"), "413 close page" },
    { POST("Transfer-Encoding: chunked\r\n", "10000\r\n") "{eof}", "" },
    { POST("Content-Length: 65537\r\n", "1"), "413 close page" },
    { POST("Content-Length: 99999999999999999999999999\r\n", "1"), "413 close page" },
  };
  struct http_talk t = { .options = { .handler = handler },
                         .script = POST("Content-Length: 2\r\n", "12") LAST("/"),
                         .show = "Allow" };

  TALKS("refusal", NULL, table);
  http_is(&t, "405 Allow=GET, HEAD page; 200 close 'hello'", "405 says what is allowed");
  is_int(t.stats.requests, 2, "both are requests");
  is_int(t.stats.refused, 0, "none was refused: a 405 keeps the connection");
}

/* ---- Limits ---------------------------------------------------------------- */

static char *repeat(const char *before, const char *what, size_t n, const char *after)
{
  char *text = malloc(strlen(before) + strlen(what) * n + strlen(after) + 1);

  strcpy(text, before);
  for (char *at = text + strlen(before); n > 0; n--, at += strlen(what))
    strcpy(at, what);
  return strcat(text, after);
}

static void limit(const char *name, char *script, const char *want)
{
  struct http_talk t = { .options = all, .script = script };

  http_is(&t, want, "%s", name);
  free(script);
}

#define CLOSE "Connection: close\r\n"

static void test_limits(void)
{
  const char *get = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  char *body, *tail;

  limit("a line of 8192 bytes",
        repeat("GET /?", "x", 8192 - 15,
               " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        "200 close 'hello'");
  limit("a line of 8193 bytes", repeat("GET /?", "x", 8193 - 15,
                                       " HTTP/1.1\r\nHost: h\r\n\r\n"), "414 close page");
  limit("an endless line", repeat("", "x", 100000, ""), "414 close page");
  tail = repeat("y: ", "z", 16384 - 600 - 7 - 44, "\r\n\r\n");
  limit("a head of 16384 bytes", repeat(get, "x: 45678\r\n", 60, tail),
        "200 close 'hello'");
  free(tail);
  tail = repeat("y: ", "z", 16385 - 600 - 7 - 44, "\r\n\r\n");
  limit("a head of 16385 bytes", repeat(get, "x: 45678\r\n", 60, tail),
        "431 close page");
  free(tail);
  limit("64 fields", repeat(get, "x: y\r\n", 62, "\r\n"), "200 close 'hello'");
  limit("65 fields", repeat(get, "x: y\r\n", 63, "\r\n"), "431 close page");
  limit("an endless head", repeat(get, "x: 345678901234567890\r\n", 5000, ""),
        "431 close page");
  limit("a body of 65536 bytes",
        repeat(POST("Content-Length: 65536\r\n" CLOSE, ""), "x", 65536, ""),
        "200 close 65536 bytes");
  body = repeat("10000\r\n", "x", 65536, "\r\n0\r\n\r\n");
  limit("in chunks",
        repeat(POST("Transfer-Encoding: chunked\r\n" CLOSE, ""), body, 1, ""),
        "200 close 65536 bytes");
  free(body);
  limit("in chunks of one byte",
        repeat(POST("Transfer-Encoding: chunked\r\n" CLOSE, ""), "1\r\nx\r\n", 65536,
               "0\r\n\r\n"), "200 close 65536 bytes");
  limit("one byte more", repeat(POST("Transfer-Encoding: chunked\r\n", ""), "1\r\nx\r\n",
                                65537, "0\r\n\r\n"), "413 close page");
  limit("endless extensions", repeat(POST("Transfer-Encoding: chunked\r\n", "1"), ";x",
                                     10000, "\r\n"), "431 close page");
}

/* A head that ends where the input buffer ends, the body in chunks behind it:
 * 16384 bytes of head and 4096 more. */
static void test_end_of_buffer(void)
{
  const char *post = POST("Transfer-Encoding: chunked\r\n", "");
  size_t get = strlen(GET("/status?204")), n = (20480 - strlen(post)) / get - 1;
  char *pad = repeat("GET /status?204 HTTP/1.1\r\nHost: h\r\nX: ", "x",
                     20480 - strlen(post) - n * get - 42, "\r\n\r\n");
  char *gets = repeat(pad, GET("/status?204"), n, post);
  char *script = repeat(gets, "{10}5\r\nhello\r\n0\r\n\r\n", 1, LAST("/"));
  struct http_talk t = { .options = all, .script = script };

  is_int(strlen(gets), 20480, "a buffer full");
  http_talk(&t);
  ok(strstr(t.raw, "\r\n\r\nhelloHTTP/1.1 200 OK"),
     "a body behind the end of the buffer");
  is_int(t.stats.responses[2], n + 3, "and all other requests");
  free(t.raw);
  free(script);
  free(gets);
  free(pad);
}

static void test_many(void)
{
  char *script = repeat("", GET("/?" "0123456789"), 1000, LAST("/"));
  struct http_talk t = { .options = all, .script = script };
  size_t n = 0;

  http_talk(&t);
  for (char *at = t.raw; (at = strstr(at, "\r\n\r\nhello")); at++)
    n++;
  is_int(n, 1001, "1001 pipelined requests have 1001 responses");
  is_int(t.stats.requests, 1001, "and are counted");
  is_int(t.stats.responses[2], 1001, "by class");
  is_int(t.stats.bytes_in, strlen(script), "with the bytes in");
  is_int(t.stats.bytes_out, t.raw_len, "and out");
  free(t.raw);
  free(script);
}

/* ---- Options ---------------------------------------------------------------- */

static void test_options(void)
{
  struct http_talk t = { .options = all, .script = GET("/") GET("/") GET("/") };
  struct lwt_http_response *r;
  char *big = repeat("", "x", 3072 - 5, "");

  t.options.max_requests = 2;
  http_is(&t, "200 'hello'; 200 close 'hello'", "two requests on a connection");
  t = (struct http_talk){ .script = GET("/") };
  http_is(&t, "", "a server without a handler ...");
  is_int(t.error.code, LWT_EINVAL, "... is refused");
  t.options = all;
  t.options.server = "a\r\nb";
  http_is(&t, "", "so is a name with a line end");

  r = lwt_http_response_new(200);
  is_int(lwt_http_add(r, "A", "b\r\nC: d"), LWT_EINVAL, "a value with a line end");
  is_int(lwt_http_add(r, "A b", "c"), LWT_EINVAL, "a name with a space");
  is_int(lwt_http_add(r, "", "c"), LWT_EINVAL, "no name");
  is_int(lwt_http_add(r, "content-LENGTH", "1"), LWT_EINVAL, "a field of the server's");
  is_int(lwt_http_add(r, "Ab", big), LWT_ENOBUFS, "a byte too much");
  is_int(lwt_http_add(r, "A", big), 0, "as much as there is room for");
  is_int(lwt_http_add(r, "A", ""), LWT_ENOBUFS, "and no more");
  lwt_http_response_free(r);
  free(big);
}

int main(void)
{
  lwt_on_lost(http_on_lost);
  test_exactly();
  test_responses();
  test_requests();
  test_refusals();
  test_limits();
  test_end_of_buffer();
  test_many();
  test_options();
  is_int(alive_producers, 0, "every producer was dropped");
  http_nothing_left();
  return lwt_test_done();
}
