/* fuzz-stack6.c - what a stranger on the wire can send to a stack with IPv6.
 * SPDX-License-Identifier: ISC
 *
 * The input is a script: each step is a byte of what to do, then two bytes of
 * length (little-endian) and a frame, or nothing.
 *
 *   bit 0   put the frame on the wire
 *   bit 1   with the checksum of its transport put right
 *   bit 4   let a tenth of a second pass
 *   bit 5   let a minute pass
 *   bit 6   the program sends a datagram to the station, bit 7: to another network
 *
 * The stack has 2001:db8::1 at 02:..:01, and listens to routers; UDP 7 and TCP 80
 * are open.  At the end all is closed, and nothing may be left.
 */
#include "../netlab6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

/* Over extension headers as far as they look like some. */
static void put_right(void)
{
  uint8_t *ip = lab_frame + 14, *t = ip + 40;
  uint32_t len = lab_len - 54, size, at;
  int next = ip[6];

  while ((next == 0 || next == 43 || next == 60) && len >= 8) {
    size = 8u + 8u * t[1];
    if (size > len)
      return;
    next = t[0];
    t += size;
    len -= size;
  }
  at = next == 6 ? 16 : next == 17 ? 6 : 2;
  if ((next != 6 && next != 17 && next != 58) || at + 2 > len)
    return;
  lab_put(t + at, 2, 0);
  lab_put(t + at, 2, ~lab_sum(t, len, lab6_pseudo(ip, next, len)));
}

static lwt_t *ignore(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
  return lwt_return(NULL);
}

static void send(struct lwt_udp *udp, const char *to)
{
  struct lwt_addr a = lab_addr(to, 1000);

  lwt_async(lwt_catch(lwt_udp_send(udp, &a, "hello", 5), ignore, NULL));
}

static void step(uint8_t what, struct lwt_udp *udp)
{
  lwt_datagram_p *p = lwt_udp_receive(udp);

  if (what & 64)
    send(udp, "2001:db8::2");
  if (what & 128)
    send(udp, "2001:4::1");
  if (what & 1 && lab_len >= 14 && lab_len <= 1514) {
    if (what & 2 && lab_len > 54)
      put_right();
    inject();
  }
  if (what & 16)
    advance(LWT_MS(100));
  if (what & 32)
    advance(LWT_S(60));
  lab_discard();
  lwt_error(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct lwt_net_config c = { .ipv6 = LWT_NET_IPV6_AUTO, .prefix6 = 64,
                              .unchecked6 = 1 };
  struct lwt_addr seven = { .family = 6, .port = 7 };
  struct lwt_addr eighty = { .family = 6, .port = 80 };
  struct lwt_listener *listener;
  struct lwt_udp *udp;
  size_t at, n;

  c.addr6 = lab_addr("2001:db8::1", 0);
  check(!lab_try_start(&c, NULL));
  check(!lwt_stack_udp(lab_stack, &seven, &udp));
  check(!lwt_stack_listen(lab_stack, &eighty, 4, &listener));
  for (at = 0; at + 3 <= len; at += n) {
    uint8_t what = data[at];

    n = data[at + 1] | (size_t)data[at + 2] << 8;
    at += 3;
    if (n > len - at)
      n = len - at;
    if (n > sizeof lab_frame)
      break;
    memcpy(lab_frame, data + at, n);
    lab_len = (uint32_t)n;
    step(what, udp);
  }
  lwt_listener_close(listener);
  lwt_udp_close(udp);
  lab_stop();
  advance(LWT_S(600));
  check(!lwt_live() && !lwt_timers() && !lwt_buf_live());
  return 0;
}
