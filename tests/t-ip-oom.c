/* t-ip-oom.c - interfaces, addresses, routes, groups, a router: each allocation fails.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>

#include "netlab.h"

static int allocations, fail_at;
static unsigned events;

static void *failing_malloc(size_t size)
{
  return allocations++ == fail_at ? NULL : malloc(size);
}

static void heard(struct lwt_ip_watch *w, enum lwt_ip_event event, uint32_t index,
                  const struct lwt_addr *addr)
{
  (void)w, (void)event, (void)index, (void)addr;
  events++;
}

static int done(lwt_t *p)
{
  int good = lwt_state(p) == LWT_FULFILLED;

  lwt_error(p);
  lwt_drop(p);
  return good;
}

/* A second interface, with an address that is asked for. */
static int second_interface(void)
{
  struct lwt_ip_address a = { .addr = lab_addr("10.9.0.1", 0), .prefix = 24 };
  struct lwt_ip_route r = { .dst = lab_addr("172.16.0.0", 0), .prefix = 12,
                            .gateway = lab_addr("10.9.0.9", 0), .interface = 3 };
  struct lwt_netif *port = NULL;
  uint32_t index;
  lwt_t *p;
  int good;

  if (lwt_net_hub_port(lab_hub, NULL, &port))
    return 0;
  if (lwt_ip_if_add(lab_stack, port, 600, &index)) {
    lwt_drop(port->ops->close(port));
    return 0;
  }
  p = lwt_ip_address_add(lab_stack, index, &a);
  advance(LWT_S(10));
  good = done(p) && !lwt_ip_route_add(lab_stack, &r);
  return good;
}

static int groups(struct lwt_udp *udp)
{
  struct lwt_addr group = lab_addr("239.1.2.3", 0), to = lab_addr("239.1.2.3", 7);
  struct lwt_addr source = lab_addr("10.0.0.2", 0);
  int good = !lwt_ip_join(udp, 2, &group);
  lwt_t *p;

  good &= !lwt_ip_join_sources(udp, 2, &group, 0, &source, 1);
  p = lwt_udp_send(udp, &to, "x", 1);
  settle();
  good &= done(p);
  p = LWT_UNTYPED(lwt_udp_receive(udp));
  settle();
  good &= done(p);
  lab_ipv4("10.0.0.9", "224.0.0.1", 2, 1, 0, "\x11\x0a\xee\xf5\0\0\0\0\0\0\0", 12);
  lab_frame[22] = 1;
  lab_ip_sum();
  lab_put(lab_frame + 36, 2, 0);
  lab_put(lab_frame + 36, 2, ~lab_sum(lab_frame + 34, 12, 0));
  inject();
  advance(LWT_S(2));
  return good && STAT(igmp_tx) > 3 && !lwt_ip_leave(udp, 2, &group);
}

/* A packet that is cut on its way, one whose next hop does not answer. */
static int forwards(void)
{
  static const uint8_t bytes[1200];

  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_icmp("10.0.0.9", "172.16.0.1", 8, 0, 1, bytes, sizeof bytes);
  inject();
  lab_arp("03", 2, "10.9.0.9", "10.9.0.1");
  inject();
  lab_icmp("10.0.0.9", "10.9.0.77", 8, 0, 1, bytes, 8);
  inject();
  advance(LWT_S(4));
  return STAT(frag_tx) == 3 && STAT(icmp_tx) == 1;
}

static int everything(void)
{
  struct lwt_net_config config = { .addr = lab_addr("10.0.0.2", 0), .prefix = 24 };
  struct lwt_addr seven = lab_addr("0.0.0.0", 7);
  struct lwt_ip_watch watch = { .fn = heard };
  struct lwt_udp *udp = NULL;
  int good = !lab_try_start(&config, NULL);

  if (good) {
    lwt_ip_forward(lab_stack, 1);
    lwt_ip_watch(lab_stack, &watch);
    good = second_interface();
    if (!lwt_stack_udp(lab_stack, &seven, &udp))
      good &= groups(udp);
    good &= udp && forwards();
    if (lwt_ip_if_next(lab_stack, 2))
      good &= done(lwt_ip_if_remove(lab_stack, 3));
    settle();
    if (udp)
      lwt_udp_close(udp);
    good &= events > 4;
  }
  events = 0;
  lab_discard();
  lab_stop();
  return good;
}

int main(void)
{
  int good = 0, clean = 1, failed = 0;

  fail_at = -1;
  lwt_set_allocator(failing_malloc, free);
  ok(everything(), "it works");
  lwt_cleanup();
  for (fail_at = 0; fail_at < 2000; fail_at++) {
    allocations = 0;
    good = everything();
    clean &= !lwt_live() && !lwt_timers() && !lwt_buf_live() && !lwt_cleanup();
    if (allocations <= fail_at)
      break;
    failed += !good;
  }
  ok(good && failed > 20, "%d of %d allocations mattered", failed, fail_at);
  fail_at = -1;
  ok(clean, "nothing leaked");
  return lwt_test_done();
}
