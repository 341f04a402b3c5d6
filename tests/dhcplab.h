/* tests/dhcplab.h - a DHCP client, a server and another host on a hub, in virtual time.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_DHCPLAB_H
#define TESTS_DHCPLAB_H

#define LWT_TEST_SHORT
#include <lwt-dhcp.h>
#include <lwt-dns.h>
#include <lwt-ip.h>
#include <lwt-net.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static struct lwt_net_hub *hub;
static struct lwt_stack *client_stack, *server_stack, *other_stack;
static struct lwt_netif *client_port;
static struct lwt_dhcp *client;
static struct lwt_dhcpd *server, *other;
static int changes;

#define STAT(name) (lwt_dhcp_stats(client)->name)
#define SERVED(name) (lwt_dhcpd_stats(server)->name)

static struct lwt_addr addr_of(const char *text)
{
  struct lwt_addr a = { 0 };

  lwt_addr_parse(&a, text);
  return a;
}

static uint32_t ip_of(const char *text)
{
  struct lwt_addr a = addr_of(text);

  return (uint32_t)a.ip[0] << 24 | (uint32_t)a.ip[1] << 16 | (uint32_t)a.ip[2] << 8 |
         a.ip[3];
}

static struct lwt_stack *stack_at(const char *text, struct lwt_netif **port)
{
  struct lwt_net_config c = { .prefix = 24 };
  struct lwt_netif *p;
  struct lwt_stack *stack = NULL;

  if (text)
    c.addr = addr_of(text);
  strcpy((char *)c.secret, text ? text : "client");
  if (lwt_net_hub_port(hub, NULL, &p))
    return NULL;
  if (lwt_net_stack_new(p, &c, &stack))
    lwt_drop(p->ops->close(p));
  else if (port)
    *port = p;
  return stack;
}

static void changed(void *env, struct lwt_dhcp *dhcp, enum lwt_dhcp_state state)
{
  (void)env, (void)dhcp;
  changes += state == LWT_DHCP_BOUND;
}

static struct lwt_dhcpd_config pool(const char *first, const char *last)
{
  struct lwt_dhcpd_config c = { .first = addr_of(first), .last = addr_of(last),
                                .router = addr_of("10.0.0.1"), .n_dns = 1,
                                .domain = "example.org", .lease = 1000 };

  c.dns[0] = addr_of("10.0.0.53");
  return c;
}

static int begin_on(const struct lwt_net_link *link)
{
  struct lwt_net_hub_config h = { .link = { .delay = LWT_MS(1) }, .seed = 7 };

  if (link)
    h.link = *link;
  client_stack = server_stack = other_stack = NULL;
  client = NULL;
  server = other = NULL;
  hub = NULL;
  changes = 0;
  if (lwt_net_hub_new(&h, &hub))
    return LWT_ENOMEM;
  client_stack = stack_at(NULL, &client_port);
  server_stack = stack_at("10.0.0.1", NULL);
  return client_stack && server_stack ? 0 : LWT_ENOMEM;
}

static int serve(const char *first, const char *last)
{
  struct lwt_dhcpd_config c = pool(first, last);

  return lwt_dhcpd_start(server_stack, 2, &c, &server);
}

static int start_after(const char *previous)
{
  struct lwt_dhcp_config c = { .hostname = "tester", .changed = changed };

  if (previous)
    c.previous = addr_of(previous);
  return lwt_dhcp_start(client_stack, 2, &c, &client);
}

static int start(void)
{
  return start_after(NULL);
}

static lwt_t *quiet(void *env, struct lwt_error error)
{
  (void)env, (void)error;
  return lwt_return(NULL);
}

static void done(void)
{
  if (client)
    lwt_async(lwt_catch(lwt_dhcp_stop(client), quiet, NULL));
  lwt_test_advance(LWT_S(3));
  lwt_dhcpd_stop(server);
  lwt_dhcpd_stop(other);
  if (client_stack)
    lwt_async(lwt_catch(lwt_stack_close(client_stack), quiet, NULL));
  if (server_stack)
    lwt_async(lwt_catch(lwt_stack_close(server_stack), quiet, NULL));
  if (other_stack)
    lwt_async(lwt_catch(lwt_stack_close(other_stack), quiet, NULL));
  if (hub)
    lwt_net_hub_free(hub);
  lwt_test_advance(LWT_S(10));
}

/* "address/prefix via router", as the stack has it. */
static const char *configured(void)
{
  static char text[200];
  char one[LWT_ADDR_TEXT];
  struct lwt_ip_address addrs[4];
  struct lwt_ip_route routes[16];
  size_t i, n = lwt_ip_addresses(client_stack, 2, addrs, 4);

  strcpy(text, n ? "" : "none");
  for (i = 0; i < n && i < 4; i++)
    if (addrs[i].addr.family == 4)
      sprintf(text + strlen(text), "%s%s/%u", i ? " " : "",
              lwt_addr_format(&addrs[i].addr, one, sizeof one), addrs[i].prefix);
  n = lwt_ip_routes(client_stack, routes, 16);
  for (i = 0; i < n && i < 16; i++)
    if (!routes[i].prefix && routes[i].dst.family == 4)
      sprintf(text + strlen(text), " via %s",
              lwt_addr_format(&routes[i].gateway, one, sizeof one));
  return text;
}

/* What a dump says: of the client, or of the stack's resolver. */
static const char *told(int dns)
{
  static char text[1000];
  FILE *out = fmemopen(text, sizeof text, "w");

  if (dns)
    lwt_dns_dump(lwt_net_dns(client_stack), out);
  else
    lwt_dhcp_dump(client, out);
  fclose(out);
  return text;
}

#endif
