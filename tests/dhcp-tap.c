/* dhcp-tap.c - DHCP over a tap device, for dhcp.sh: a client that says what it got, or
 * with a second argument a server for so many seconds.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-dhcp.h>
#include <lwt-net.h>
#include <stdlib.h>

static int serve(struct lwt_stack *stack, unsigned seconds)
{
  struct lwt_dhcpd_config config = { .lease = 60 };
  struct lwt_dhcpd *server;

  lwt_addr_parse(&config.first, "10.9.0.100");
  lwt_addr_parse(&config.last, "10.9.0.110");
  lwt_addr_parse(&config.router, "10.9.0.1");
  if (lwt_dhcpd_start(stack, 2, &config, &server))
    return 1;
  puts("serving");
  fflush(stdout);
  lwt_run(lwt_sleep(LWT_S(seconds)));
  lwt_dhcpd_dump(server, stdout);
  lwt_dhcpd_stop(server);
  return 0;
}

/* One after the other: the second one asks for the address of the first. */
static int get(struct lwt_stack *stack, struct lwt_addr *previous)
{
  struct lwt_dhcp_config config = { .previous = *previous };
  struct lwt_dhcp_lease lease = { 0 };
  struct lwt_dhcp *client;
  char text[LWT_ADDR_TEXT];
  int error;

  if (lwt_dhcp_start(stack, 2, &config, &client))
    return 1;
  error = lwt_run(lwt_with_timeout(LWT_S(30), lwt_dhcp_wait(client)));
  if (!error && previous->family)
    printf("again reboots %d discovers %d\n", (int)lwt_dhcp_stats(client)->reboots,
           (int)lwt_dhcp_stats(client)->discovers);
  else if (!error && !lwt_dhcp_lease(client, &lease))
    printf("lease %s/%u domain %s routers %u dns %u\n",
           lwt_addr_format(&lease.addr, text, sizeof text), lease.prefix, lease.domain,
           lease.n_routers, lease.n_dns);
  *previous = lease.addr;
  return lwt_run(lwt_dhcp_stop(client)) || error;
}

int main(int argc, char **argv)
{
  struct lwt_net_config config = { .mtu = 1500 };
  struct lwt_netif *netif;
  struct lwt_addr previous = { 0 };
  struct lwt_stack *stack;
  int error;

  if (argc > 2) {
    lwt_addr_parse(&config.addr, "10.9.0.1");
    config.prefix = 24;
  }
  if (argc < 2 || lwt_platform_random(config.secret, sizeof config.secret) ||
      lwt_platform_netif(argv[1], &netif) || lwt_net_stack_new(netif, &config, &stack))
    return 1;
  error = argc > 2 ? serve(stack, (unsigned)atoi(argv[2]))
                   : get(stack, &previous) || get(stack, &previous);
  return lwt_run(lwt_stack_close(stack)) || error;
}
