/* fuzz-dhcp.c - what a stranger can send to net/dhcp_wire.c.
 * SPDX-License-Identifier: ISC
 *
 * What is read and fits into a message is read again as the same.
 */
#include "../../net/dhcp_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static uint8_t out[NET_DHCP_ROOM];
  uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees the end */
  struct net_dhcp m, again;
  int n;

  memcpy(exact, data, len);
  if (net_dhcp_parse(&m, exact, len) == 0) {
    if (m.n_routers > 4 || m.n_dns > 8 || m.n_routes > 16 || m.n_params > 32 ||
        m.id_len > 64 || strlen(m.hostname) > 63 || strlen(m.domain) > 253)
      abort();
    n = net_dhcp_emit(&m, out, sizeof out);
    if (n > 0 && (net_dhcp_parse(&again, out, (size_t)n) || again.yiaddr != m.yiaddr ||
                  again.n_routes != m.n_routes || again.n_dns != m.n_dns ||
                  again.mask != m.mask || again.id_len != m.id_len ||
                  strcmp(again.domain, m.domain) || again.type != m.type))
      abort();
  }
  free(exact);
  return 0;
}
