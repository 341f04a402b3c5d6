/* netlab.h - a stack on a hub beside a port that the test holds.
 * SPDX-License-Identifier: ISC
 *
 * The test puts frames on the wire and compares what comes back with lines of
 * text, one a frame, in the order of the wire:
 *
 *   lab_start(NULL);
 *   got("* arp who-has 10.0.0.2 tell 10.0.0.2");    the announcement
 *   lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "hi", 2);
 *   inject();
 *   got("...");
 *   quiet();                                         and nothing more
 *   lab_end();
 *
 * A line begins with the frame's destination, "*" or the last byte of its
 * address: 01 is the stack, 02 the test.  Time is virtual.  What is checked
 * here is computed here, not by the code under test.
 */
#ifndef NETLAB_H
#define NETLAB_H

#define LWT_TEST_SHORT
#include <lwt-net.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static struct lwt_virtual lab_time;
static struct lwt_net_hub *lab_hub;
static struct lwt_netif *lab_port, *lab_device;
static struct lwt_stack *lab_stack;
static lwt_t *lab_listening;
static struct lwt_buf *lab_frames, **lab_frames_end = &lab_frames;
static uint8_t lab_frame[70000]; /* being built */
static uint32_t lab_len;
static uint8_t lab_seen[70000]; /* the last one taken */
static uint32_t lab_seen_len;
static uint8_t lab_mac[6] = { 2, 0, 0, 0, 0, 2 };
static char lab_text[512];

#define STAT(name) (lwt_net_stats(lab_stack)->name)

/* ---- Bytes ------------------------------------------------------------- */

__attribute__((unused)) static uint32_t lab_ip(const char *text)
{
  struct lwt_addr a;

  lwt_addr_parse(&a, text);
  return (uint32_t)a.ip[0] << 24 | (uint32_t)a.ip[1] << 16 | (uint32_t)a.ip[2] << 8 |
         a.ip[3];
}

__attribute__((unused)) static struct lwt_addr lab_addr(const char *text, uint16_t port)
{
  struct lwt_addr a = { 0 };

  lwt_addr_parse(&a, text);
  a.port = port;
  return a;
}

static uint32_t lab_get(const uint8_t *p, int n)
{
  uint32_t v = 0;

  while (n--)
    v = v << 8 | *p++;
  return v;
}

static void lab_put(uint8_t *p, int n, uint32_t v)
{
  while (n--) {
    p[n] = (uint8_t)v;
    v >>= 8;
  }
}

static uint32_t lab_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
  uint32_t i;

  for (i = 0; i < len; i++)
    sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* The sum of a transport packet with its pseudo header. */
static uint32_t lab_pseudo(const uint8_t *ip, uint32_t len)
{
  return lab_sum(ip + 12, 8, ip[9] + len);
}

/* ---- Building frames --------------------------------------------------- */

__attribute__((unused)) static void lab_ether(const char *dst, uint16_t type)
{
  memset(lab_frame, 0, 14);
  if (!strcmp(dst, "*")) {
    memset(lab_frame, 0xff, 6);
  } else {
    lab_frame[0] = 2;
    lab_frame[5] = (uint8_t)strtoul(dst, NULL, 16);
  }
  memcpy(lab_frame + 6, lab_mac, 6);
  lab_put(lab_frame + 12, 2, type);
  lab_len = 14;
}

__attribute__((unused)) static void lab_arp(const char *dst, int op, const char *sender,
                                            const char *target)
{
  uint8_t *p = lab_frame + 14;

  lab_ether(dst, 0x0806);
  memset(p, 0, 28);
  lab_put(p, 2, 1);
  lab_put(p + 2, 2, 0x800);
  p[4] = 6;
  p[5] = 4;
  lab_put(p + 6, 2, (uint32_t)op);
  memcpy(p + 8, lab_mac, 6);
  lab_put(p + 14, 4, lab_ip(sender));
  lab_put(p + 24, 4, lab_ip(target));
  lab_len = 42;
}

static void lab_ip_sum(void)
{
  lab_put(lab_frame + 24, 2, 0);
  lab_put(lab_frame + 24, 2, ~lab_sum(lab_frame + 14, (lab_frame[14] & 15) * 4u, 0));
}

/* To the stack's address.  fragment: the offset in bytes, | 1 more to come. */
__attribute__((unused)) static uint8_t *
lab_ipv4(const char *src, const char *dst, int proto, uint16_t id, uint32_t fragment,
         const void *payload, uint32_t len)
{
  uint8_t *p = lab_frame + 14;

  lab_ether("01", 0x0800);
  memset(p, 0, 20);
  p[0] = 0x45;
  lab_put(p + 2, 2, len + 20);
  lab_put(p + 4, 2, id);
  lab_put(p + 6, 2, (fragment & 1) << 13 | fragment >> 3);
  p[8] = 64;
  p[9] = (uint8_t)proto;
  lab_put(p + 12, 4, lab_ip(src));
  lab_put(p + 16, 4, lab_ip(dst));
  lab_ip_sum();
  if (payload)
    memcpy(p + 20, payload, len);
  lab_len = 34 + len;
  return p + 20;
}

/* A TCP header from port 1000 to 7 with n bytes of options; its sum is zero. */
__attribute__((unused)) static void
lab_tcp(uint8_t *p, uint32_t seq, uint32_t ack, int flags, uint16_t window,
        const void *options, uint32_t n)
{
  memset(p, 0, 20);
  lab_put(p, 2, 1000);
  lab_put(p + 2, 2, 7);
  lab_put(p + 4, 4, seq);
  lab_put(p + 8, 4, ack);
  p[12] = (uint8_t)((20 + n) / 4 << 4);
  p[13] = (uint8_t)flags;
  lab_put(p + 14, 2, window);
  if (n)
    memcpy(p + 20, options, n);
}

__attribute__((unused)) static void lab_udp(const char *src, uint16_t sport,
                                            const char *dst, uint16_t dport,
                                            const void *bytes, uint32_t len)
{
  uint8_t *p = lab_ipv4(src, dst, 17, 1, 0, NULL, len + 8);
  uint32_t sum;

  lab_put(p, 2, sport);
  lab_put(p + 2, 2, dport);
  lab_put(p + 4, 2, len + 8);
  lab_put(p + 6, 2, 0);
  memcpy(p + 8, bytes, len);
  sum = ~lab_sum(p, len + 8, lab_pseudo(lab_frame + 14, len + 8)) & 0xffff;
  lab_put(p + 6, 2, sum ? sum : 0xffff);
}

__attribute__((unused)) static void lab_icmp(const char *src, const char *dst, int type,
                                             int code, uint32_t word, const void *bytes,
                                             uint32_t len)
{
  uint8_t *p = lab_ipv4(src, dst, 1, 1, 0, NULL, len + 8);

  p[0] = (uint8_t)type;
  p[1] = (uint8_t)code;
  lab_put(p + 2, 2, 0);
  lab_put(p + 4, 4, word);
  if (len)
    memcpy(p + 8, bytes, len);
  lab_put(p + 2, 2, ~lab_sum(p, len + 8, 0));
}

/* ---- Reading frames ---------------------------------------------------- */

static char *lab_out;

__attribute__((format(printf, 1, 2))) static void lab_say(const char *format, ...)
{
  va_list ap;
  size_t room = sizeof lab_text - (size_t)(lab_out - lab_text);

  va_start(ap, format);
  vsnprintf(lab_out, room, format, ap);
  va_end(ap);
  lab_out += strlen(lab_out);
}

static void lab_say_ip(const uint8_t *ip)
{
  lab_say("%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
}

static void lab_say_data(const uint8_t *p, uint32_t len)
{
  uint32_t i;

  lab_say(" len %u", (unsigned)len);
  for (i = 0; i < len && i < 24; i++)
    if (p[i] < 32 || p[i] > 126)
      return;
  if (len)
    lab_say(" '%.*s'", (int)(len < 24 ? len : 24), (const char *)p);
}

static void lab_say_packet(const uint8_t *p, uint32_t len, int whole);

static void lab_say_icmp(const uint8_t *p, uint32_t len, int whole)
{
  if (whole && lab_sum(p, len, 0) != 0xffff)
    lab_say(" BAD-SUM");
  if (p[0] == 0 || p[0] == 8) {
    lab_say(" echo%s id %u seq %u", p[0] ? "" : "-reply", (unsigned)lab_get(p + 4, 2),
            (unsigned)lab_get(p + 6, 2));
    lab_say_data(p + 8, len - 8);
    return;
  }
  lab_say(" icmp %u/%u", p[0], p[1]);
  if (p[0] == 3 && p[1] == 4)
    lab_say(" mtu %u", (unsigned)lab_get(p + 6, 2));
  lab_say(" {");
  lab_say_packet(p + 8, len - 8, 0);
  lab_say(" }");
}

/* whole: the packet is here from end to end, so that sums can be checked. */
static void lab_say_packet(const uint8_t *p, uint32_t len, int whole)
{
  uint32_t header = (p[0] & 15) * 4u, total = lab_get(p + 2, 2);
  uint32_t flags = lab_get(p + 6, 2);
  const uint8_t *t = p + header;

  lab_say(" ");
  lab_say_ip(p + 12);
  lab_say(">");
  lab_say_ip(p + 16);
  if (lab_sum(p, header, 0) != 0xffff)
    lab_say(" BAD-IP-SUM");
  if (p[1])
    lab_say(" tos %u", p[1]);
  if (p[8] != 64)
    lab_say(" ttl %u", p[8]);
  if (flags & 0x4000)
    lab_say(" df");
  if (whole && len != total)
    lab_say(" BAD-LEN %u %u", (unsigned)len, (unsigned)total);
  len = (len < total ? len : total) - header;
  if (flags & 0x3fff) {
    lab_say(" frag %u+%u%s", (unsigned)(flags & 0x1fff) * 8, (unsigned)len,
            flags & 0x2000 ? "+" : "");
    whole = 0;
    if (flags & 0x1fff)
      return;
  }
  if (p[9] == 17 && len >= 8) {
    if (whole && lab_get(t + 6, 2) && lab_sum(t, len, lab_pseudo(p, len)) != 0xffff)
      lab_say(" BAD-SUM");
    lab_say(" udp %u>%u", (unsigned)lab_get(t, 2), (unsigned)lab_get(t + 2, 2));
    lab_say_data(t + 8, whole ? len - 8 : lab_get(t + 4, 2) - 8);
  } else if (p[9] == 1 && len >= 8) {
    lab_say_icmp(t, len, whole);
  } else {
    lab_say(" proto %u len %u", p[9], (unsigned)len);
  }
}

__attribute__((unused)) static const char *lab_describe(const uint8_t *p, uint32_t len)
{
  static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  uint32_t type = lab_get(p + 12, 2);

  lab_out = lab_text;
  if (memcmp(p, all, 6))
    lab_say("%02x", p[5]);
  else
    lab_say("*");
  if (type == 0x0806 && len == 42 && lab_get(p + 20, 2) == 1) {
    lab_say(" arp who-has ");
    lab_say_ip(p + 38);
    lab_say(" tell ");
    lab_say_ip(p + 28);
  } else if (type == 0x0806 && len == 42 && lab_get(p + 20, 2) == 2) {
    lab_say(" arp ");
    lab_say_ip(p + 28);
    lab_say(" is-at %02x to ", p[27]);
    lab_say_ip(p + 38);
  } else if (type == 0x0800 && len >= 34) {
    lab_say_packet(p + 14, len - 14, 1);
  } else {
    lab_say(" type %04x len %u", (unsigned)type, (unsigned)len);
  }
  return lab_text;
}

/* ---- Time -------------------------------------------------------------- */

/* Run what can run now. */
__attribute__((unused)) static void settle(void)
{
  while (lwt_run_ready() <= lab_time.time)
    ;
}

/* Let time pass. */
__attribute__((unused)) static void advance(uint64_t duration)
{
  uint64_t end = lab_time.time + duration, next;

  for (;;) {
    next = lwt_run_ready();
    if (next > end)
      break;
    if (next > lab_time.time)
      lab_time.time = next;
  }
  lab_time.time = end;
  settle();
}

/* ---- The wire ---------------------------------------------------------- */

static void lab_input(void *env, struct lwt_buf *packets)
{
  (void)env;
  *lab_frames_end = packets;
  while (*lab_frames_end)
    lab_frames_end = &(*lab_frames_end)->next_packet;
}

/* Put the frame that was built into the batch that settle() delivers. */
static void post(void)
{
  struct lwt_buf *frame = lwt_buf_copy_in(0, lab_frame, lab_len);

  if (frame)
    lab_port->ops->send(lab_port, frame);
}

/* Put the frame that was built on the wire; it is handled at once. */
__attribute__((unused)) static void inject(void)
{
  post();
  settle();
}

/* The next frame from the stack, copied to lab_seen; 0: there is none. */
static int lab_take(void)
{
  struct lwt_buf *frame;

  settle();
  frame = lab_frames;
  if (!frame)
    return 0;
  lab_frames = frame->next_packet;
  if (!lab_frames)
    lab_frames_end = &lab_frames;
  frame->next_packet = NULL;
  lab_seen_len = lwt_buf_copy_out(frame, 0, lab_seen, sizeof lab_seen);
  lwt_buf_free(frame);
  return 1;
}

#define got(text) lab_got((text), __LINE__)
#define quiet() lab_quiet(__LINE__)

static void lab_is(const char *seen, const char *want, int line, const char *name)
{
  char where[32];

  snprintf(where, sizeof where, "line %d", line);
  lwt_test_str(seen, want, "the wire", where, "%s", name);
}

__attribute__((unused)) static void lab_got(const char *text, int line)
{
  const char *seen = lab_take() ? lab_describe(lab_seen, lab_seen_len) : "nothing";

  lab_is(seen, text, line, text);
}

__attribute__((unused)) static void lab_quiet(int line)
{
  const char *seen = lab_take() ? lab_describe(lab_seen, lab_seen_len) : "nothing";

  lab_is(seen, "nothing", line, "nothing more");
}

__attribute__((unused)) static void lab_discard(void)
{
  while (lab_take())
    ;
}

/* ---- Life -------------------------------------------------------------- */

/* The stack is 10.0.0.2/24 with gateway 10.0.0.1 unless config says else.
 * Returns 0, or why there is no stack (then lab_end() all the same). */
__attribute__((unused)) static int lab_try_start(const struct lwt_net_config *config,
                                                 const struct lwt_net_hub_config *hub)
{
  struct lwt_net_config c = { 0 };
  struct lwt_net_hub_config h = { 0 };
  int error;

  if (config)
    c = *config;
  if (hub)
    h = *hub;
  if (!c.addr.family) {
    c.addr = lab_addr("10.0.0.2", 0);
    c.prefix = 24;
    c.gateway = lab_addr("10.0.0.1", 0);
  }
  lab_hub = NULL;
  lab_port = lab_device = NULL;
  lab_stack = NULL;
  lab_listening = NULL;
  lwt_virtual_init(&lab_time);
  lab_time.time = LWT_S(1000);
  lwt_set_engine(&lab_time.engine);
  error = lwt_net_hub_new(&h, &lab_hub);
  if (!error)
    error = lwt_net_hub_port(lab_hub, NULL, &lab_device);
  if (!error)
    error = lwt_net_hub_port(lab_hub, NULL, &lab_port);
  if (!error) {
    lab_listening = lab_port->ops->listen(lab_port, lab_input, NULL);
    error = lwt_error(lab_listening).code;
  }
  if (!error)
    error = lwt_net_stack_new(lab_device, &c, &lab_stack);
  return error;
}

__attribute__((unused)) static void lab_start(const struct lwt_net_config *config)
{
  is_int(lab_try_start(config, NULL), 0, "a stack starts");
  got("* arp who-has 10.0.0.2 tell 10.0.0.2");
}

__attribute__((unused)) static void lab_stop(void)
{
  if (lab_stack)
    lwt_drop(lwt_stack_close(lab_stack));
  else if (lab_device)
    lwt_drop(lab_device->ops->close(lab_device));
  settle();
  lab_discard();
  lwt_drop(lab_listening);
  if (lab_port)
    lwt_drop(lab_port->ops->close(lab_port));
  if (lab_hub)
    lwt_net_hub_free(lab_hub);
  settle();
}

/* Close everything; nothing may be left. */
__attribute__((unused)) static void lab_end(void)
{
  lab_stop();
  is_int(lwt_live(), 0, "no promise lives");
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
}

#endif
