/* t-addr.c - addresses as text.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/buffer.h>
#include <lwt/memory.h>
#include <lwt/stack.h>
#include <lwt/test.h>
#include <string.h>

static const struct {
  const char *in, *out;
} good[] = {
  { "0.0.0.0", "0.0.0.0" },
  { "192.0.2.1", "192.0.2.1" },
  { "255.255.255.255", "255.255.255.255" },
  { "::", "::" },
  { "::1", "::1" },
  { "1::", "1::" },
  { "2001:db8::1", "2001:db8::1" },
  { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
  { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
  { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
  { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
  { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
  { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
  { "1:0:0:4:5:6:0:0", "1::4:5:6:0:0" },
  { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
  { "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
  { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
  { "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
  { "fe80::1%3", "fe80::1%3" },
};

static const char *const bad[] = {
  "", "1", "1.2.3", "1.2.3.4.", "1.2.3.4.5", ".1.2.3.4", "256.1.1.1", "1.2.3.256",
  "01.2.3.4", "1.2.3.4x", " 1.2.3.4", "1..2.3", "-1.2.3.4", "99999999999.1.1.1",
  ":", ":::", ":1", "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8:9",
  "1::2::3", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::",
  "::1.2.3", "::1.2.3.4.5", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::256.1.1.1",
  "fe80::1%", "fe80::1%x", "fe80::1%4294967296", "1.2.3.4%1", "[::1]", "::1 ",
};

/* What a datagram owns goes with it. */
static void datagram(void)
{
  struct lwt_datagram *d = lwt__alloc(sizeof *d);

  memset(d, 0, sizeof *d);
  d->packet = lwt_buf_new(0, 100);
  is_int(lwt_buf_live(), 1, "a datagram with a packet");
  lwt_datagram_free(d);
  is_int(lwt_buf_live(), 0, "... is freed with it");
  d = lwt__alloc(sizeof *d);
  memset(d, 0, sizeof *d);
  lwt_datagram_free(d);
  lwt_datagram_free(NULL);
  is_int(lwt_buf_live(), 0, "... without one, too, and none at all");
}

int main(void)
{
  struct lwt_addr a, b;
  char text[LWT_ADDR_TEXT], tiny[4];
  size_t i;

  for (i = 0; i < sizeof good / sizeof *good; i++) {
    is_int(lwt_addr_parse(&a, good[i].in), 0, "%s is read", good[i].in);
    is_str(lwt_addr_format(&a, text, sizeof text), good[i].out, "and written");
    ok(!lwt_addr_parse(&b, text) && lwt_addr_equal(&a, &b) && a.scope == b.scope,
       "and read again");
  }
  memset(&a, 0x55, sizeof a);
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    b = a;
    is_int(lwt_addr_parse(&b, bad[i]), LWT_EINVAL, "\"%s\" is refused", bad[i]);
    ok(!memcmp(&a, &b, sizeof a), "and the address untouched");
  }
  lwt_addr_parse(&a, "192.0.2.1");
  a.port = 80;
  is_str(lwt_addr_format(&a, text, sizeof text), "192.0.2.1:80", "IPv4 with a port");
  lwt_addr_parse(&b, "2001:db8::1");
  b.port = 65535;
  is_str(lwt_addr_format(&b, text, sizeof text), "[2001:db8::1]:65535",
         "IPv6 with a port");
  lwt_addr_parse(&b, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  b.port = 65535;
  b.scope = UINT32_MAX;
  is_str(lwt_addr_format(&b, text, sizeof text),
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
         "the longest address fits");
  is_str(lwt_addr_format(&a, tiny, sizeof tiny), "192", "a short buffer is cut");
  ok(!lwt_addr_equal(&a, &b), "families differ");
  b = a;
  b.ip[9] = 1;
  ok(lwt_addr_equal(&a, &b), "bytes behind an IPv4 address do not count");
  b.port = 81;
  ok(!lwt_addr_equal(&a, &b), "ports differ");
  b = a;
  b.ip[3] = 9;
  ok(!lwt_addr_equal(&a, &b), "addresses differ");
  memset(&a, 0, sizeof a);
  is_str(lwt_addr_format(&a, text, sizeof text), "-", "no address");
  datagram();
  return lwt_test_done();
}
