/* t-ipv6-router.c - addresses made and defended, routers heard, groups reported.
 * SPDX-License-Identifier: ISC
 */

#include "netlab6.h"

#include "../net/ipv6.h"

#define LL_GROUP "*"

static char text[200];

/* What the stack asks before it uses its link-local address. */
static const char *with_group(const char *format)
{
  char group[LWT_ADDR_TEXT];
  struct lwt_addr a = lab_addr("ff02::1:ff00:0", 0);

  memcpy(a.ip + 13, lab_ll.ip + 13, 3);
  snprintf(text, sizeof text, format, lwt_addr_format(&a, group, sizeof group));
  return text;
}

static void begin(uint8_t mode)
{
  struct lwt_net_config c = { .ipv6 = mode };

  memset(&lab_ll, 0, sizeof lab_ll);
  is_int(lab_try_start(&c, NULL), 0, "a stack starts");
  lab_discard();
  lab6_find_ll();
}

/* A report at once, the question after a random time, an answer from nobody. */
static void test_detection(void)
{
  begin(LWT_NET_IPV6_AUTO);
  is_int(lab6_address("fe80::", 8).state, LWT_IP_TENTATIVE, "it is tentative at first");
  advance(LWT_S(1));
  while (lab_take() && !strstr(lab6_describe(), " ns "))
    ;
  is_str(lab6_describe(), with_group("* ::>%s hops 255 ns LL nonce"), "the question");
  is_int(lab6_address("fe80::", 8).state, LWT_IP_TENTATIVE, "still tentative");
  echo_unheard:
  advance(LWT_S(1));
  is_int(lab6_address("fe80::", 8).state, LWT_IP_PREFERRED, "usable a second later");
  advance(LWT_S(1));
  while (lab_take() && !strstr(lab6_describe(), " rs"))
    ;
  is_str(lab6_describe(), "* LL>ff02::2 hops 255 rs from 01", "then routers are asked");
  lab_end();
  return;
  goto echo_unheard;
}
