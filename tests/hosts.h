/* hosts.h - the addresses of hosts on one link, of either family.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_HOSTS_H
#define TESTS_HOSTS_H

#include <lwt/flow.h>
#include <stdio.h>

/* 10.0.0.HOST or fd00::HOST. */
static inline struct lwt_addr host_address(int family, unsigned host)
{
  struct lwt_addr a;
  char text[20];

  snprintf(text, sizeof text, family == 6 ? "fd00::%u" : "10.0.0.%u", host);
  lwt_addr_parse(&a, text);
  return a;
}

#endif
