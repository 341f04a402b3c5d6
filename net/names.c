/* net/names.c - what lwt_stack_resolve() does: numbers, the table of hosts, then the
 * stack's resolver.
 * SPDX-License-Identifier: ISC
 */
#include "names.h"

#include "lwt-dns.h"

#include <stdlib.h>
#include <string.h>

/* One block: the table, then the names. */
int net_names_init(struct net_stack *s, const struct lwt_net_config *config)
{
  size_t i, bytes = config->n_hosts * sizeof *config->hosts, len;
  struct lwt_net_host *table;
  char *text;

  s->config.dns = NULL;
  s->config.hosts = NULL;
  s->config.n_hosts = 0;
  for (i = 0; i < config->n_hosts; i++)
    bytes += strlen(config->hosts[i].name) + 1;
  if (bytes) {
    table = lwt__alloc(bytes);
    if (!table)
      return LWT_ENOMEM;
    text = (char *)(table + config->n_hosts);
    for (i = 0; i < config->n_hosts; i++) {
      len = strlen(config->hosts[i].name) + 1;
      memcpy(text, config->hosts[i].name, len);
      table[i] = (struct lwt_net_host){ text, config->hosts[i].addr };
      text += len;
    }
    s->config.hosts = table;
    s->config.n_hosts = config->n_hosts;
  }
  if (!config->dns)
    return 0;
  return s->resolver ? s->resolver->start(s, config->dns) : LWT_ENOTSUP;
}

void net_names_stop(struct net_stack *s)
{
  if (s->dns)
    s->resolver->close(s->dns);
  s->dns = NULL;
}

void net_names_fini(struct net_stack *s)
{
  net_names_stop(s);
  lwt__free((void *)(uintptr_t)s->config.hosts);
}

struct lwt_dns *lwt_net_dns(struct lwt_stack *stack)
{
  struct net_stack *s = net_stack_of(stack);

  if (!s)
    return NULL;
  if (!s->dns && s->resolver && !s->closing)
    s->resolver->start(s, NULL); /* without memory there is none */
  return s->dns;
}

/* ---- Resolving ---------------------------------------------------------------- */

/* Those of the table, with the port set; NULL: there are none, or no memory. */
static struct lwt_addrs *from_table(const struct net_stack *s, const char *name,
                                    uint16_t port)
{
  struct lwt_addrs *addrs = NULL;
  size_t i, n = 0;

  for (i = 0; i < s->config.n_hosts; i++)
    n += !strcmp(s->config.hosts[i].name, name);
  if (n)
    addrs = malloc(sizeof *addrs + n * sizeof *addrs->addr); /* for free() */
  if (!addrs)
    return NULL;
  addrs->n = 0;
  for (i = 0; i < s->config.n_hosts; i++)
    if (!strcmp(s->config.hosts[i].name, name)) {
      addrs->addr[addrs->n] = s->config.hosts[i].addr;
      addrs->addr[addrs->n++].port = port;
    }
  return addrs;
}

static struct lwt_addrs *number(const char *name, uint16_t port)
{
  struct lwt_addrs *addrs;
  struct lwt_addr addr;

  if (lwt_addr_parse(&addr, name))
    return NULL;
  addrs = malloc(sizeof *addrs + sizeof addr); /* for free() */
  if (addrs) {
    addrs->n = 1;
    addrs->addr[0] = addr;
    addrs->addr[0].port = port;
  }
  return addrs;
}

lwt_addrs_p *net_resolve_all(struct lwt_stack *stack, const char *name, uint16_t port)
{
  struct net_stack *s = (struct net_stack *)stack;
  struct lwt_addrs *addrs = number(name, port);
  struct lwt_addr learnt;

  if (!addrs)
    addrs = from_table(s, name, port);
  if (addrs)
    return (lwt_addrs_p *)lwt_return_owned(addrs, free);
  if (!s->dns && s->resolver && !s->closing && s->resolver->learnt(stack, &learnt, 1))
    s->resolver->start(s, NULL);
  if (!s->dns)
    return lwt_addrs_p_fail(LWT_ENOENT, "resolve");
  return s->resolver->lookup(s->dns, name, port);
}

static lwt_t *first(void *env, void *value)
{
  struct lwt_addrs *addrs = value;
  struct lwt_addr *addr = NULL;
  int error = addrs->n ? LWT_ENOMEM : LWT_ENOENT;

  (void)env;
  if (addrs->n)
    addr = malloc(sizeof *addr); /* for free() */
  if (addr)
    *addr = addrs->addr[0];
  free(addrs);
  return addr ? lwt_return_owned(addr, free) : lwt_fail(error, "resolve");
}

lwt_addr_p *net_resolve(struct lwt_stack *stack, const char *name, uint16_t port)
{
  return (lwt_addr_p *)lwt_bind(LWT_UNTYPED(net_resolve_all(stack, name, port)), first,
                                NULL);
}
