/* fuzz-stack.c - what a stranger on the wire can send to a whole stack.
 * SPDX-License-Identifier: ISC
 *
 * The input is a script: each step is a byte of what to do, then two bytes of
 * length (little-endian) and a frame, or nothing.  The length's highest bit: the next
 * step comes before the frame is delivered, and its frame is of the same batch.
 *
 *   bit 0   put the frame on the wire
 *   bit 1   with its IP checksum put right
 *   bit 2   with its transport checksum put right, too; and an acknowledgment
 *           of 0 becomes one of all that the stack has sent last
 *   bit 3   change addresses, routes or groups: what the first byte of the frame
 *           says, with the second; in the first step: the stack forwards
 *   bit 4   let a tenth of a second pass
 *   bit 5   let a minute pass
 *   bit 6   the program sends a datagram to the station
 *   bit 7   the program accepts, echoes and closes a connection
 *
 * The stack is 10.0.0.2/24 at 02:..:01; UDP 7 and TCP 80 are open.  At the end
 * all is closed, and nothing may be left.
 */
#include <lwt-ip.h>

#include "../netlab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static uint32_t seen; /* what acknowledges the stack's last TCP segment */

static void note(const uint8_t *ip)
{
  const uint8_t *t = ip + 20;
  uint32_t len = lab_get(ip + 2, 2) - 20;

  if (ip[9] != 6 || len < 20)
    return;
  len -= (uint32_t)(t[12] >> 4) * 4;
  seen = lab_get(t + 4, 4) + len + (t[13] & 1) + (t[13] >> 1 & 1);
}

static void put_right(int transport)
{
  uint8_t *ip = lab_frame + 14, *t;
  uint32_t header, total, at, sum;

  if (lab_len < 34 || lab_frame[12] != 8 || lab_frame[13] || ip[0] >> 4 != 4)
    return;
  header = (ip[0] & 15) * 4u;
  total = lab_get(ip + 2, 2);
  if (header < 20 || total < header || 14 + total > lab_len)
    return;
  lab_ip_sum();
  t = ip + header;
  total -= header;
  at = ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : ip[9] == 1 || ip[9] == 2 ? 2 : 0;
  if (!transport || !at || at + 2 > total)
    return;
  if (ip[9] == 6 && total >= 20 && !lab_get(t + 8, 4))
    lab_put(t + 8, 4, seen);
  lab_put(t + at, 2, 0);
  sum = ip[9] <= 2 ? 0 : lab_pseudo(ip, total);
  lab_put(t + at, 2, ~lab_sum(t, total, sum));
}

struct echo {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  struct lwt_error error;
};

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct echo *e = (struct echo *)frame;

  lwt_begin(e);
  lwt_await(e, &e->flow, lwt_accept(e->listener));
  lwt_await_error(e, &e->error, lwt_flow_splice(e->flow, e->flow));
  if (e->error.code)
    lwt_flow_abort(e->flow);
  else
    lwt_await_error(e, &e->error, lwt_flow_close(e->flow));
  lwt_end(e);
}

static lwt_t *ignore(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
  return lwt_return(NULL);
}

static void ignore_value(lwt_t *p)
{
  lwt_async(lwt_catch(p, ignore, NULL));
}

static void change(uint8_t what, uint8_t x, struct lwt_udp *udp)
{
  struct lwt_ip_address a = { .addr = lab_addr("10.0.0.0", 0), .prefix = 24,
                              .origin = x & 1, .valid_until = lwt_now() + LWT_S(x),
                              .preferred_until = lwt_now() + LWT_S(x / 2),
                              .unchecked = x & 2 };
  struct lwt_ip_route r = { .dst = lab_addr("10.0.0.0", 0), .prefix = 16,
                            .gateway = lab_addr("10.0.0.1", 0), .interface = 2 };
  struct lwt_addr group = lab_addr("239.0.0.0", 0), sources[2];

  a.addr.ip[3] = r.dst.ip[1] = x;
  group.ip[3] = x & 3;
  sources[0] = sources[1] = a.addr;
  sources[1].ip[3] = x ^ 1;
  switch (what % 8) {
  case 0: ignore_value(lwt_ip_address_add(lab_stack, 2, &a)); break;
  case 1: lwt_ip_address_remove(lab_stack, 2, &a.addr); break;
  case 2: lwt_ip_route_add(lab_stack, &r); break;
  case 3: lwt_ip_route_remove(lab_stack, &r); break;
  case 4: lwt_ip_join(udp, 2, &group); break;
  case 5: lwt_ip_join_sources(udp, 2, &group, x & 4, sources, x >> 3 & 1 ? 2 : 1); break;
  default: lwt_ip_leave(udp, 2, &group);
  }
}

/* What happens at once. */
static void act(uint8_t what, struct lwt_udp *udp, struct lwt_listener *listener)
{
  struct lwt_addr to = lab_addr("10.0.0.9", 1000);

  if (what & 64)
    ignore_value(lwt_udp_send(udp, &to, "hello", 5));
  if (what & 128)
    ignore_value(LWT_GO(struct echo, echo_step, .listener = listener));
  if (what & 1 && lab_len >= 14 && lab_len <= 1514) {
    if (what & 2)
      put_right(what & 4);
    post();
  }
  if (what & 8 && lab_len >= 2)
    change(lab_frame[0], lab_frame[1], udp);
}

/* And then. */
static void follow(uint8_t what, struct lwt_udp *udp)
{
  lwt_datagram_p *p = lwt_udp_receive(udp);

  settle();
  if (what & 16)
    advance(LWT_MS(100));
  if (what & 32)
    advance(LWT_S(60));
  while (lab_take())
    if (lab_seen_len >= 54 && lab_seen[12] == 8 && !lab_seen[13])
      note(lab_seen + 14);
  lwt_error(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct lwt_addr seven = lab_addr("0.0.0.0", 7), eighty = lab_addr("0.0.0.0", 80);
  struct lwt_net_config config = { 0 };
  struct lwt_listener *listener;
  struct lwt_udp *udp;
  size_t at, n;
  int more;

  seen = 0;
  check(!lab_try_start(&config, NULL));
  lwt_ip_forward(lab_stack, len && data[0] & 8);
  check(!lwt_stack_udp(lab_stack, &seven, &udp));
  check(!lwt_stack_listen(lab_stack, &eighty, 4, &listener));
  for (at = 0; at + 3 <= len; at += n) {
    uint8_t what = data[at];

    n = data[at + 1] | (size_t)(data[at + 2] & 127) << 8;
    more = data[at + 2] & 128;
    at += 3;
    if (n > len - at)
      n = len - at;
    if (n > sizeof lab_frame)
      break;
    memcpy(lab_frame, data + at, n);
    lab_len = (uint32_t)n;
    act(what, udp, listener);
    if (!more)
      follow(what, udp);
  }
  lwt_listener_close(listener);
  lwt_udp_close(udp);
  lab_stop();
  advance(LWT_S(1200));
  check(!lwt_live() && !lwt_timers() && !lwt_buf_live());
  return 0;
}
