/* t-http-parse.c - requests: what is read, what is refused, and why.
 * SPDX-License-Identifier: ISC
 *
 * Each case is parsed whole, byte by byte, and cut in two at every place; the
 * outcome, as a line of text, must be the same.  The bytes lie in memory of
 * their exact size, so that the sanitizers see a read too far.
 */
#include "net/http_site.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static const struct net_http_limits limits = { 64, 400, 8 };

struct test {
  const char *in;
  const char *out;
};

#define H "Host: h\r\n"
#define G "GET / HTTP/1.1\r\n" H
#define P "POST /f HTTP/1.1\r\n" H
#define S50 "01234567890123456789012345678901234567890123456789"
#define S100 S50 S50

/* ---- Heads --------------------------------------------------------------- */

static const struct test requests[] = {
  /* What is a request. */
  { G "\r\n", "GET / 1.1 keep" },
  { "HEAD / HTTP/1.1\r\n" H "\r\n", "HEAD / 1.1 keep" },
  { "POST / HTTP/1.1\r\n" H "\r\n", "POST / 1.1 keep" },
  { "PUT /x HTTP/1.1\r\n" H "\r\n", "PUT /x 1.1 keep" },
  { "PATCH /x HTTP/1.1\r\n" H "\r\n", "PATCH /x 1.1 keep" },
  { "DELETE /x HTTP/1.1\r\n" H "\r\n", "DELETE /x 1.1 keep" },
  { "OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * 1.1 keep" },
  { "OPTIONS /x HTTP/1.1\r\n" H "\r\n", "OPTIONS /x 1.1 keep" },
  { "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close" },
  { "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / 1.0 close" },
  { "GET / HTTP/1.2\r\n" H "\r\n", "GET / 1.1 keep" },
  { "GET / HTTP/1.9\r\n" H "\r\n", "GET / 1.1 keep" },
  { "\r\n" G "\r\n", "GET / 1.1 keep" },
  { "GET /a/b.c?d=e&f HTTP/1.1\r\n" H "\r\n", "GET /a/b.c ?d=e&f 1.1 keep" },
  { "GET /? HTTP/1.1\r\n" H "\r\n", "GET / ? 1.1 keep" },
  { "GET /a?b?c HTTP/1.1\r\n" H "\r\n", "GET /a ?b?c 1.1 keep" },
  { "GET /%41%2f HTTP/1.1\r\n" H "\r\n", "GET /%41%2f 1.1 keep" },
  { "GET //a HTTP/1.1\r\n" H "\r\n", "GET //a 1.1 keep" },
  { "GET /-._~!$&'()*+,;=:@ HTTP/1.1\r\n" H "\r\n", "GET /-._~!$&'()*+,;=:@ 1.1 keep" },
  { "GET /a|b[c]^ HTTP/1.1\r\n" H "\r\n", "GET /a|b[c]^ 1.1 keep" },
  { G "\r\nGET /next", "GET / 1.1 keep rest=9" },
  /* Not yet. */
  { "", "more" },
  { "G", "more" },
  { "\r\n", "more" },
  { "\r", "more" },
  { "GET / HTTP/1.1\r", "more" },
  { "GET / HTTP/1.1\r\n", "more" },
  { G, "more" },
  { G "\r", "more" },
  { G "A: b", "more" },
  /* The request line. */
  { "\r\n\r\n" G "\r\n", "400 empty lines" },
  { "\n" G "\r\n", "400 a line end that is not CRLF" },
  { " GET / HTTP/1.1\r\n", "400 malformed request line" },
  { "GET\r\n", "400 malformed request line" },
  { "GET /\r\n", "400 malformed request line" },
  { "GET / \r\n", "400 malformed version" },
  { "GET  / HTTP/1.1\r\n", "400 malformed version" },
  { "GET /  HTTP/1.1\r\n", "400 malformed version" },
  { "GET / HTTP/1.1 \r\n", "400 malformed version" },
  { "GET / x HTTP/1.1\r\n", "400 malformed version" },
  { "GET / http/1.1\r\n", "400 malformed version" },
  { "GET / HTTP/11\r\n", "400 malformed version" },
  { "GET / HTTP/1.10\r\n", "400 malformed version" },
  { "GET / HTTP/1.\r\n", "400 malformed version" },
  { "GET / HTTP/a.1\r\n", "400 malformed version" },
  { "GET / HTTP/1.x\r\n", "400 malformed version" },
  { "GET / HTTP/1,1\r\n", "400 malformed version" },
  { "GET / ICY/1.1\r\n", "400 malformed version" },
  { "GET\t/\tHTTP/1.1\r\n", "400 malformed request line" },
  { "GET\t/ HTTP/1.1\r\n", "400 malformed request line" },
  { "GET / HTTP/0.9\r\n", "505 not HTTP/1" },
  { "GET / HTTP/2.0\r\n", "505 not HTTP/1" },
  { "GET / HTTP/3.0\r\n", "505 not HTTP/1" },
  { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 not HTTP/1" },
  { "get / HTTP/1.1\r\n", "501 unknown method" },
  { "Get / HTTP/1.1\r\n", "501 unknown method" },
  { "GETX / HTTP/1.1\r\n", "501 unknown method" },
  { "GE / HTTP/1.1\r\n", "501 unknown method" },
  { "TRACE / HTTP/1.1\r\n", "501 unknown method" },
  { "CONNECT h:80 HTTP/1.1\r\n", "501 unknown method" },
  { "PROPFIND / HTTP/1.1\r\n", "501 unknown method" },
  { "G\x01T / HTTP/1.1\r\n", "400 control character" },
  { "G(T / HTTP/1.1\r\n", "400 malformed request line" },
  { "G:T / HTTP/1.1\r\n", "400 malformed request line" },
  { "\x16\x03\x01\x02", "400 control character" }, /* a TLS hello */
  { "GET /\x7f HTTP/1.1\r\n", "400 control character" },
  { "GET /\xc3\xa4 HTTP/1.1\r\n", "400 malformed target" },
  { "GET /a#b HTTP/1.1\r\n", "400 malformed target" },
  { "GET /\"a HTTP/1.1\r\n", "400 malformed target" },
  { "GET /<a> HTTP/1.1\r\n", "400 malformed target" },
  { "GET /a\\b HTTP/1.1\r\n", "400 malformed target" },
  { "GET /a`b HTTP/1.1\r\n", "400 malformed target" },
  { "GET /{a} HTTP/1.1\r\n", "400 malformed target" },
  { "GET a HTTP/1.1\r\n", "400 malformed target" },
  { "GET ?a HTTP/1.1\r\n", "400 malformed target" },
  { "GET h:80 HTTP/1.1\r\n", "400 malformed target" },
  { "GET * HTTP/1.1\r\n", "400 target * is for OPTIONS" },
  { "OPTIONS *x HTTP/1.1\r\n", "400 malformed target" },
  /* Absolute targets. */
  { "GET http://a/b HTTP/1.1\r\n" H "\r\n", "GET /b 1.1 host=a keep" },
  { "GET HTTP://a/b HTTP/1.1\r\n" H "\r\n", "GET /b 1.1 host=a keep" },
  { "GET https://a:8/b?c HTTP/1.1\r\n" H "\r\n", "GET /b ?c 1.1 host=a:8 keep" },
  { "GET http://a HTTP/1.1\r\n" H "\r\n", "GET  1.1 host=a keep" },
  { "GET http://a?b HTTP/1.1\r\n" H "\r\n", "GET  ?b 1.1 host=a keep" },
  { "GET http://[::1]:80/ HTTP/1.1\r\n" H "\r\n", "GET / 1.1 host=[::1]:80 keep" },
  { "GET http://a/b HTTP/1.1\r\n\r\n", "400 no Host" },
  { "GET http:///b HTTP/1.1\r\n", "400 malformed host in target" },
  { "GET http:// HTTP/1.1\r\n", "400 malformed target" },
  { "GET http://u@a/ HTTP/1.1\r\n", "400 malformed host in target" },
  { "GET http://a:x/ HTTP/1.1\r\n", "400 malformed host in target" },
  { "GET ftp://a/ HTTP/1.1\r\n", "400 malformed target" },
  /* Lines. */
  { "GET / HTTP/1.1\n", "400 a line end that is not CRLF" },
  { "GET / HTTP/1.1\rX", "400 a line end that is not CRLF" },
  { "GET / HTTP/1.1\r\r\n", "400 a line end that is not CRLF" },
  { "GET /\rx HTTP/1.1\r\n", "400 a line end that is not CRLF" },
  { G "\n", "400 a line end that is not CRLF" },
  { G "A: b\n\r\n", "400 a line end that is not CRLF" },
  { G "A: b\rc\r\n\r\n", "400 a line end that is not CRLF" },
  { G "A: b\n" "Content-Length: 5\r\n\r\n", "400 a line end that is not CRLF" },
  { G "A: b\rContent-Length: 5\r\n\r\n", "400 a line end that is not CRLF" },
  /* Fields. */
  { G "A:b\r\n\r\n", "GET / 1.1 keep A=b" },
  { G "A: \t b \t\r\n\r\n", "GET / 1.1 keep A=b" },
  { G "A:\r\n\r\n", "GET / 1.1 keep A=" },
  { G "A: \r\n\r\n", "GET / 1.1 keep A=" },
  { G "A: b\tc d\r\n\r\n", "GET / 1.1 keep A=b\tc d" },
  { G "A: \xe4\xff\r\n\r\n", "GET / 1.1 keep A=\xe4\xff" },
  { G "A: b: c, \"d\"\r\n\r\n", "GET / 1.1 keep A=b: c, \"d\"" },
  { G "!#$%&'*+-.^_`|~09aZ: b\r\n\r\n", "GET / 1.1 keep !#$%&'*+-.^_`|~09aZ=b" },
  { G "A: b\r\nA: c\r\n\r\n", "GET / 1.1 keep A=b A=c" },
  { G " A: b\r\n\r\n", "400 folded line" },
  { G "A: b\r\n c\r\n\r\n", "400 folded line" },
  { G "A: b\r\n\tc\r\n\r\n", "400 folded line" },
  { "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 folded line" },
  { G "A : b\r\n\r\n", "400 malformed field name" },
  { G "A\t: b\r\n\r\n", "400 malformed field name" },
  { G ": b\r\n\r\n", "400 malformed field name" },
  { G "A\r\n\r\n", "400 malformed field name" },
  { G "A b: c\r\n\r\n", "400 malformed field name" },
  { G "A(: c\r\n\r\n", "400 malformed field name" },
  { G "A\xe4: c\r\n\r\n", "400 malformed field name" },
  { G "\"A\": c\r\n\r\n", "400 malformed field name" },
  { G "A: b\x01\r\n\r\n", "400 control character" },
  { G "A: b\x0b\r\n\r\n", "400 control character" },
  { G "A: b\x7f\r\n\r\n", "400 control character" },
  /* Host. */
  { "GET / HTTP/1.1\r\n\r\n", "400 no Host" },
  { "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 keep" },
  { "GET / HTTP/1.1\r\nhOsT: a.b:80\r\n\r\n", "GET / 1.1 keep" },
  { "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "GET / 1.1 keep" },
  { "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "GET / 1.1 keep" },
  { G "Host: h\r\n\r\n", "400 more than one Host" },
  { G "Host: i\r\n\r\n", "400 more than one Host" },
  { "GET / HTTP/1.0\r\n" H H "\r\n", "400 more than one Host" },
  { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: a]b\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: []\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost: [g]\r\n\r\n", "400 malformed Host" },
  { "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400 malformed field name" },
  /* Connection. */
  { G "Connection: close\r\n\r\n", "GET / 1.1 close" },
  { G "Connection: CLOSE\r\n\r\n", "GET / 1.1 close" },
  { G "Connection: a, close , b\r\n\r\n", "GET / 1.1 close" },
  { G "Connection: a\r\nConnection: close\r\n\r\n", "GET / 1.1 close" },
  { G "Connection: keep-alive, close\r\n\r\n", "GET / 1.1 close" },
  { G "Connection: keep-alive\r\n\r\n", "GET / 1.1 keep" },
  { G "Connection: closed\r\n\r\n", "GET / 1.1 keep" },
  { G "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "GET / 1.1 keep Upgrade=h2c" },
  { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / 1.0 keep" },
  { "GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", "GET / 1.0 close" },
  /* Where the body ends. */
  { P "Content-Length: 0\r\n\r\n", "POST /f 1.1 keep" },
  { P "Content-Length: 5\r\n\r\nhello", "POST /f 1.1 len=5 keep rest=5" },
  { P "content-length:5\r\n\r\n", "POST /f 1.1 len=5 keep" },
  { P "Content-Length: 007\r\n\r\n", "POST /f 1.1 len=7 keep" },
  { G "Content-Length: 3\r\n\r\n", "GET / 1.1 len=3 keep" },
  { P "Content-Length: 18446744073709551615\r\n\r\n",
    "POST /f 1.1 len=18446744073709551615 keep" },
  { P "Content-Length: 99999999999999999999999\r\n\r\n",
    "POST /f 1.1 len=18446744073709551615 keep" },
  { P "Transfer-Encoding: chunked\r\n\r\n", "POST /f 1.1 chunked keep" },
  { P "transfer-encoding: CHUNKED\r\n\r\n", "POST /f 1.1 chunked keep" },
  { P "Transfer-Encoding: , chunked ,\r\n\r\n", "POST /f 1.1 chunked keep" },
  /* Requests with two ends: what smuggling is made of. */
  { P "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "400 more than one Content-Length" },
  { P "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "400 more than one Content-Length" },
  { P "Content-Length: 5, 5\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: 5 6\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: +5\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: -5\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: 0x5\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: 5.0\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: 1e3\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: five\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length:\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length: \"5\"\r\n\r\n", "400 malformed Content-Length" },
  { P "Content-Length : 5\r\n\r\n", "400 malformed field name" },
  { P "Content-Length\r\n : 5\r\n\r\n", "400 malformed field name" },
  { P "X: y\r\n Content-Length: 5\r\n\r\n", "400 folded line" },
  { P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "400 Transfer-Encoding and Content-Length" },
  { P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "400 Transfer-Encoding and Content-Length" },
  { P "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "400 Transfer-Encoding and Content-Length" },
  { P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "400 more than one Transfer-Encoding" },
  { P "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    "400 more than one Transfer-Encoding" },
  { P "Transfer-Encoding: chunked, chunked\r\n\r\n", "400 a coding after chunked" },
  { P "Transfer-Encoding: chunked, identity\r\n\r\n", "400 a coding after chunked" },
  { P "Transfer-Encoding: gzip, chunked\r\n\r\n", "501 unknown transfer coding" },
  { P "Transfer-Encoding: identity, chunked\r\n\r\n", "501 unknown transfer coding" },
  { P "Transfer-Encoding: gzip\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: identity\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding:\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: xchunked\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: chunkedx\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: chunked;q=1\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: \"chunked\"\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: chun ked\r\n\r\n", "400 a body without an end" },
  { P "Transfer-Encoding: \x0b" "chunked\r\n\r\n", "400 control character" },
  { P "Transfer-Encoding : chunked\r\n\r\n", "400 malformed field name" },
  { P "Transfer-Encoding:\r\n chunked\r\n\r\n", "400 a body without an end" },
  { P "X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n", "400 folded line" },
  { P "X: y\nTransfer-Encoding: chunked\r\n\r\n", "400 a line end that is not CRLF" },
  { P "X: y\rTransfer-Encoding: chunked\r\n\r\n", "400 a line end that is not CRLF" },
  { P "Transfer_Encoding: chunked\r\n\r\n",
    "POST /f 1.1 keep Transfer_Encoding=chunked" },
  { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "400 Transfer-Encoding in HTTP/1.0" },
  { "POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n", "POST / 1.0 len=4 close" },
  /* Expect. */
  { P "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    "POST /f 1.1 len=1 continue keep" },
  { P "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
    "POST /f 1.1 len=1 continue keep" },
  { P "Expect: 100-continue\r\n\r\n", "POST /f 1.1 keep" },
  { P "Expect: 200-ok\r\n\r\n", "417 unknown expectation" },
  { "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    "POST / 1.0 len=1 close" },
  /* Limits: 64 bytes of request line, 400 of head, 8 fields. */
  { "GET /" S50 " HTTP/1.1\r\n" H "\r\n", "GET /" S50 " 1.1 keep" },
  { "GET /" S50 "x HTTP/1.1\r\n" H "\r\n", "414 request line too long" },
  { "GET /" S100, "414 request line too long" },
  { S100, "414 request line too long" },
  { G "A: " S100 S100 S100 S50 "0123456789\r\n\r\n",
    "GET / 1.1 keep A=" S100 S100 S100 S50 "0123456789" },
  { G "A: " S100 S100 S100 S50 S50 "\r\n\r\n", "431 head too long" },
  { G S100 S100 S100 S100, "431 head too long" },
  { G "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\n\r\n",
    "GET / 1.1 keep A= B= C= D= E= F= G=" },
  { G "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:\r\n\r\n", "431 too many fields" },
};

/* Fields that are shown by what they mean. */
static int is_known(const char *name, size_t len)
{
  static const char *const known[] = { "host", "connection", "content-length",
                                       "transfer-encoding", "expect" };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (net_http_is(name, len, known[i]))
      return 1;
  return 0;
}

static void describe(const struct net_http_head *h, int result, const char *in,
                     size_t len, char *out, size_t size)
{
  FILE *f = fmemopen(out, size, "w");

  if (result < 0) {
    fprintf(f, "%d %s", -result, h->why);
  } else if (result == 0) {
    fprintf(f, "more");
  } else {
    fprintf(f, "%s %.*s", lwt_http_method_name(h->method), (int)h->path.len,
            in + h->path.at);
    if (h->has_query)
      fprintf(f, " ?%.*s", (int)h->query.len, in + h->query.at);
    fprintf(f, " 1.%d", h->minor);
    if (h->absolute)
      fprintf(f, " host=%.*s", (int)h->host.len, in + h->host.at);
    if (h->length)
      fprintf(f, " len=%" PRIu64, h->length);
    fprintf(f, "%s%s%s", h->chunked ? " chunked" : "",
            h->expect_continue ? " continue" : "", h->keep_alive ? " keep" : " close");
    for (uint32_t i = 0; i < h->n_fields; i++)
      if (!is_known(in + h->name[i].at, h->name[i].len))
        fprintf(f, " %.*s=%.*s", (int)h->name[i].len, in + h->name[i].at,
                (int)h->value[i].len, in + h->value[i].at);
    if ((size_t)result < len)
      fprintf(f, " rest=%zu", len - (size_t)result);
  }
  fclose(f);
}

/* Parse in[0, len), first[0, cut) of it in steps of `step`. */
static int parse_head(struct net_http_head *h, const char *in, size_t len, size_t cut,
                      size_t step)
{
  int result = 0;

  net_http_head_init(h);
  for (size_t n = step; n < cut && result == 0; n += step)
    result = net_http_parse_head(h, in, n, &limits);
  if (result == 0)
    result = net_http_parse_head(h, in, cut, &limits);
  return result ? result : net_http_parse_head(h, in, len, &limits);
}

static void test_head(const char *text, size_t len, const char *want)
{
  char *in = memcpy(malloc(len + !len), text, len), out[1024], other[1024];
  struct net_http_head *h = malloc(sizeof *h);

  describe(h, parse_head(h, in, len, len, len), in, len, out, sizeof out);
  is_str(out, want, "head: %s", want);
  describe(h, parse_head(h, in, len, len, 1), in, len, other, sizeof other);
  if (strcmp(out, other) != 0)
    is_str(other, out, "byte by byte");
  for (size_t cut = 0; cut < len; cut++) {
    describe(h, parse_head(h, in, len, cut, len), in, len, other, sizeof other);
    if (strcmp(out, other) != 0)
      is_str(other, out, "cut at %zu", cut);
  }
  free(h);
  free(in);
}

static void test_heads(void)
{
  static const char nul[] = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
  char in[sizeof nul];

  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
    test_head(requests[i].in, strlen(requests[i].in), requests[i].out);
  /* A NUL is refused wherever it stands. */
  for (size_t i = 0; i < sizeof nul - 1; i++) {
    memcpy(in, nul, sizeof nul);
    in[i] = '\0';
    test_head(in, sizeof nul - 1, i > 0 && nul[i - 1] == '\r'
                ? "400 a line end that is not CRLF" : "400 control character");
  }
}

/* ---- Bodies in chunks: at most 32 bytes, 24 of them overhead ------------- */

static const struct test bodies[] = {
  { "0\r\n\r\n", "'' rest=0" },
  { "5\r\nhello\r\n0\r\n\r\n", "'hello' rest=0" },
  { "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "'hello world' rest=0" },
  { "0\r\n\r\nGET", "'' rest=3" },
  { "000000000000001\r\nx\r\n0\r\n\r\n", "'x' rest=0" },
  { "A\r\n0123456789\r\n0\r\n\r\n", "'0123456789' rest=0" },
  { "a\r\n0123456789\r\n000\r\n\r\n", "'0123456789' rest=0" },
  { "2\r\n\r\n\r\n0\r\n\r\n", "'\r\n' rest=0" },
  { "1;a=b\r\nx\r\n0;c\r\n\r\n", "'x' rest=0" },
  { "1 ; a=\"b\"\r\nx\r\n0\r\n\r\n", "'x' rest=0" },
  { "0\r\nA: b\r\n\r\n", "'' rest=0" },
  { "0\r\nA: b\r\nC:\r\n\r\nX", "'' rest=1" },
  { "", "more" },
  { "5\r\nhel", "more" },
  { "5\r\nhello\r\n", "more" },
  { "0\r\n", "more" },
  { "0\r\nA: b\r\n", "more" },
  { "\r\n", "400 malformed chunk size" },
  { "g\r\n", "400 malformed chunk size" },
  { "-1\r\n", "400 malformed chunk size" },
  { "+1\r\n", "400 malformed chunk size" },
  { "0x1\r\n", "400 malformed chunk size" },
  { " 1\r\n", "400 malformed chunk size" },
  { "1 \r\n", "400 malformed chunk size" },
  { "1 1\r\n", "400 malformed chunk size" },
  { "1,2\r\n", "400 malformed chunk size" },
  { "1\n", "400 malformed chunk size" },
  { "1\r1", "400 a line end that is not CRLF" },
  { ";a\r\n", "400 malformed chunk size" },
  { "1;a\n", "400 malformed chunk extension" },
  { "1;a\x01\r\n", "400 malformed chunk extension" },
  { "1;a\rb", "400 a line end that is not CRLF" },
  { "1\r\nxx\r\n", "400 a line end that is not CRLF" },
  { "1\r\nx\n", "400 a line end that is not CRLF" },
  { "1\r\nx\r\r", "400 a line end that is not CRLF" },
  { "1\r\nx0\r\n\r\n", "400 a line end that is not CRLF" },
  { "2\r\nx\r\n0\r\n\r\n", "400 a line end that is not CRLF" },
  { "0\r\n A: b\r\n", "400 malformed trailer" },
  { "0\r\nA : b\r\n", "400 malformed trailer" },
  { "0\r\n: b\r\n", "400 malformed trailer" },
  { "0\r\nA\r\n", "400 malformed trailer" },
  { "0\r\nA: b\n", "400 malformed trailer" },
  { "0\r\nA: b\r\n c\r\n", "400 malformed trailer" },
  { "0\r\n\n", "400 malformed trailer" },
  { "0\r\n\rx", "400 a line end that is not CRLF" },
  { "20\r\n0123456789abcdef0123456789abcdef\r\n0\r\n\r\n",
    "'0123456789abcdef0123456789abcdef' rest=0" },
  { "21\r\n", "413 body too long" },
  { "10\r\n0123456789abcdef\r\n11\r\n", "413 body too long" },
  { "ffffffffffffffff\r\n", "413 body too long" },
  { "10000000000000000\r\n", "400 chunk size too long" },
  { "00000000000000001\r\n", "400 chunk size too long" },
  { "1;0123456789012345678901234567\r\n", "431 trailers too long" },
  { "0\r\nA: 0123456789012345678901234567\r\n", "431 trailers too long" },
  { "1;01234567\r\nx\r\n1;01234567\r\nx\r\n1;01234567\r\n", "431 trailers too long" },
};

/* Parse in steps of at most `step` bytes. */
static void describe_chunks(const char *in, size_t len, size_t step, char *out)
{
  struct net_http_chunks c = { 0 };
  char body[64];
  size_t at = 0, total = 0;
  int result = 0;

  while (result == 0 && at < len) {
    size_t used = 0, n, part = len - at < step ? len - at : step;
    const char *data;

    result = net_http_parse_chunks(&c, in + at, part, 32, 24, &used, &data, &n);
    if (n > 0)
      memcpy(body + total, data, n);
    total += n;
    at += used;
  }
  if (result < 0)
    sprintf(out, "%d %s", -result, c.why);
  else if (result == 0)
    strcpy(out, "more");
  else
    sprintf(out, "'%.*s' rest=%zu", (int)total, body, len - at);
}

static void test_chunks(void)
{
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    const struct test *t = &bodies[i];
    size_t len = strlen(t->in);
    char *in = memcpy(malloc(len + !len), t->in, len), out[128], other[128];

    describe_chunks(in, len, len + 1, out);
    is_str(out, t->out, "chunks %zu", i);
    for (size_t step = 1; step <= len; step++) {
      describe_chunks(in, len, step, other);
      if (strcmp(out, other) != 0)
        is_str(other, out, "chunks %zu in steps of %zu", i, step);
    }
    free(in);
  }
}

/* ---- Paths, ranges, dates ----------------------------------------- */

static const struct test paths[] = {
  { "/", "/" },
  { "/a/b", "/a/b" },
  { "/%41%5a%7e", "/AZ~" },
  { "/a%20b", "/a b" },
  { "/%C3%a4", "/\xc3\xa4" },
  { "/%2e%2E/", "/../" },
  { "/%25", "/%" },
  { "/%2525", "/%25" },
  { "/%5c", "/\\" },
  { "/%0a", "/\n" },
  { "/+", "/+" },
  { "/%00", NULL },
  { "/a%00.html", NULL },
  { "/%2f", NULL },
  { "/..%2Fx", NULL },
  { "/%", NULL },
  { "/%4", NULL },
  { "/%4g", NULL },
  { "/%g4", NULL },
  { "/%%41", NULL },
  { "/%u0041", NULL },
};

static void test_paths(void)
{
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    size_t len = strlen(paths[i].in);
    char *in = memcpy(malloc(len), paths[i].in, len), *out = malloc(len + 1);
    int n = net_http_decode_path(out, in, len);

    if (!paths[i].out)
      is_int(n, -1, "path %s is refused", paths[i].in);
    else
      ok(n == (int)strlen(out) && strcmp(out, paths[i].out) == 0, "path %s", paths[i].in);
    free(in);
    free(out);
  }
}

static const struct {
  uint64_t size;
  const char *in, *out;
} ranges[] = {
  { 1000, "bytes=0-0", "0-0" },
  { 1000, "bytes=0-999", "0-999" },
  { 1000, "bytes=0-1000", "0-999" },
  { 1000, "bytes=500-", "500-999" },
  { 1000, "bytes=-1", "999-999" },
  { 1000, "bytes=-1000", "0-999" },
  { 1000, "bytes=-2000", "0-999" },
  { 1000, "Bytes=1-2", "1-2" },
  { 1000, "bytes= 1-2 ", "1-2" },
  { 1000, "bytes=999-", "999-999" },
  { 1000, "bytes=1000-", "none" },
  { 1000, "bytes=1000-2000", "none" },
  { 1000, "bytes=-0", "none" },
  { 1000, "bytes=99999999999999999999-", "none" },
  { 1000, "bytes=0-99999999999999999999", "0-999" },
  { 1000, "bytes=-99999999999999999999", "0-999" },
  { 0, "bytes=0-0", "none" },
  { 0, "bytes=-1", "ignored" },
  { 1000, "bytes=", "ignored" },
  { 1000, "bytes", "ignored" },
  { 1000, "bytes=-", "ignored" },
  { 1000, "bytes=1", "ignored" },
  { 1000, "bytes=2-1", "ignored" },
  { 1000, "bytes=a-b", "ignored" },
  { 1000, "bytes=1-2x", "ignored" },
  { 1000, "bytes=1 - 2", "ignored" },
  { 1000, "bytes=1-2,x", "ignored" },
  { 1000, "bytes=--1", "ignored" },
  { 1000, "bytes 1-2", "ignored" },
  { 1000, "lines=1-2", "ignored" },
  { 1000, "bytes=0-1,200-201", "0-1 200-201" },
  { 1000, "bytes=200-201,0-1", "200-201 0-1" },
  { 1000, "bytes=0-1,2000-,200-201", "0-1 200-201" },
  { 1000, "bytes=0-10,5-20", "0-20" },
  { 1000, "bytes=0-10,11-20", "0-20" },
  { 1000, "bytes=0-10,50-60", "0-60" },
  { 1000, "bytes=50-60,0-10", "0-60" },
  { 1000, "bytes=0-999,0-999,0-999,0-", "0-999" },
  { 1000, "bytes=0-1,200-201,400-401,150-450", "0-1 150-450" },
  { 1000, "bytes=0-1,400-401,200-201,150-450", "0-1 150-450" },
  { 1000, "bytes=0-1, ,400-401,", "0-1 400-401" },
  { 1000, "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,"
          "13-13,14-14,15-15", "0-15" },
  { 1000, "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,"
          "13-13,14-14,15-15,16-16", "ignored" },
  { UINT64_MAX, "bytes=18446744073709551613-",
    "18446744073709551613-18446744073709551614" },
};

static void test_ranges(void)
{
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    struct net_http_range r[NET_HTTP_RANGES];
    char out[256] = "";
    int n = net_http_ranges(ranges[i].in, ranges[i].size, r);

    for (int j = 0; j < n; j++)
      sprintf(out + strlen(out), "%s%" PRIu64 "-%" PRIu64, j ? " " : "", r[j].first,
              r[j].last);
    is_str(n > 0 ? out : n == 0 ? "ignored" : "none", ranges[i].out, "range %s",
           ranges[i].in);
  }
}

#define NOW INT64_C(1700000000)
static const struct {
  const char *in;
  int64_t out; /* -1: malformed */
} dates[] = {
  { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
  { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
  { "Sun Nov  6 08:49:37 1994", 784111777 },
  { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
  { "Tue, 29 Feb 2000 23:59:60 GMT", 951868800 },
  { "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
  { "Wednesday, 01-Jan-70 00:00:00 GMT", INT64_C(3155760000) },
  { "Monday, 01-Jan-74 00:00:00 GMT", 126230400 },
  { "Sun, 29 Feb 1900 00:00:00 GMT", -1 },
  { "Sun, 31 Apr 2000 00:00:00 GMT", -1 },
  { "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
  { "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
  { "Sun, 06 Nov 1994 08:60:37 GMT", -1 },
  { "Sun, 06 Nov 1994 08:49:61 GMT", -1 },
  { "Sun, 06 Nov 1994 08:49:37 CET", -1 },
  { "Sun, 06 Nov 1994 08:49:37", -1 },
  { "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
  { "Son, 06 Nov 1994 08:49:37 GMT", -1 },
  { "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
  { "Sun, 06 nov 1994 08:49:37 GMT", -1 },
  { "784111777", -1 },
  { "", -1 },
};

static void test_dates(void)
{
  char text[LWT_HTTP_DATE];

  for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
    int64_t seconds = -1;

    lwt_http_date_parse(dates[i].in, NOW, &seconds);
    is_int(seconds, dates[i].out, "date '%s'", dates[i].in);
  }
  is_str(lwt_http_date_format(text, 784111777), dates[0].in, "a date is written");
  is_str(lwt_http_date_format(text, INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT",
         "a date far ahead");
  is_str(lwt_http_date_format(text, INT64_MIN), "Sat, 01 Jan 0000 00:00:00 GMT",
         "a date far back");
}

int main(void)
{
  test_heads();
  test_chunks();
  test_paths();
  test_ranges();
  test_dates();
  return lwt_test_done();
}
