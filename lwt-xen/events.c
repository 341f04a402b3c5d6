/* events.c - event channels: which ports are ours, what has come, sleeping.
 * SPDX-License-Identifier: ISC
 *
 * An event says "look again" and nothing more.  Its port's pending bit is cleared
 * before anybody looks, so what comes while they look is seen in the next turn:
 * no event is lost.  Masked ports never interrupt, but SCHEDOP_poll wakes for them:
 * it returns at once if a listed port is pending, and else for the next event of
 * any port, but of one listed alone only for its own.
 *
 * A port that nobody needs an event of, as that of a ring which has room, is not listed.
 *
 * It takes at most 128 ports.  With more than that, an unlisted port may have an
 * event between the last look and the call, without being seen: then no sleep is
 * longer than OVERFLOW_SLEEP.  A port that has had an event and is not listed takes
 * the place of one that is.
 */
#include "xen.h"

#include <string.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define PORTS 4096u
#define LISTED 128u
#define OVERFLOW_SLEEP LWT_MS(10)
#define WORDS (PORTS / 64)

struct shared_info *lwt__shared_info;

static struct lwt__port *ports[PORTS];
static uint64_t bound[WORDS], again[WORDS], words; /* words: that have a bit */
static size_t n_ports, n_quiet, n_wanted, n_again;
static evtchn_port_t list[LISTED];
static unsigned n_listed, victim;
static uint64_t latest = LWT_NEVER;

int lwt__xen_param(uint32_t index, uint64_t *value)
{
  struct xen_hvm_param op = { .domid = DOMID_SELF, .index = index };

  if (hypercall_hvm_op(HVMOP_get_param, &op) || !op.value)
    return LWT_ENODEV;
  *value = op.value;
  return 0;
}

/* ---- The shared page ----------------------------------------------------- */

static int map_shared(void *window)
{
  /* A vector that is never taken, because interrupts are off.  Said for what it
   * does besides: Xen writes the wall clock, and the toolstack believes that we can
   * suspend. */
  struct xen_hvm_param vector = { .domid = DOMID_SELF,
                                  .index = HVM_PARAM_CALLBACK_IRQ,
                                  .value = 2ull << 56 | 0xf3 };
  struct xen_add_to_physmap op = { .domid = DOMID_SELF,
                                   .space = XENMAPSPACE_shared_info,
                                   .gpfn = hypercall_frame(window) };

  if (hypercall_memory_op(XENMEM_add_to_physmap, &op))
    return LWT_EIO;
  hypercall_hvm_op(HVMOP_set_param, &vector);
  lwt__shared_info = window;
  memset(lwt__shared_info->evtchn_mask, 0xff, sizeof lwt__shared_info->evtchn_mask);
  return 0;
}

int lwt__events_init(void)
{
  void *window = hypercall_window(1);

  return window ? map_shared(window) : LWT_ENOMEM;
}

/* ---- Ports --------------------------------------------------------------- */

static void enlist(struct lwt__port *p)
{
  unsigned at;

  if (n_listed < LISTED) {
    at = n_listed++;
  } else {
    at = victim++ % LISTED;
    ports[list[at]]->listed = 0;
  }
  list[at] = p->number;
  p->listed = at + 1;
}

static void unlist(struct lwt__port *p)
{
  unsigned at = p->listed - 1, i;

  if (!p->listed)
    return;
  list[at] = list[--n_listed];
  ports[list[at]]->listed = at + 1;
  p->listed = 0;
  /* Somebody unlisted may move up. */
  for (i = 0; n_ports - n_quiet > n_listed && i < PORTS; i++)
    if (ports[i] && !ports[i]->listed && !ports[i]->quiet && ports[i] != p) {
      enlist(ports[i]);
      break;
    }
}

int lwt__port_bind(struct lwt__port *p, uint32_t number)
{
  if (!number || number >= PORTS)
    return LWT_EINVAL;
  if (ports[number])
    return LWT_EBUSY;
  p->number = number;
  p->count = 0;
  p->fixed = 1;
  p->quiet = 0;
  ports[number] = p;
  n_ports++;
  enlist(p);
  bound[number / 64] |= 1ull << number % 64;
  words |= 1ull << number / 64;
  return 0;
}

static void close_port(uint32_t number)
{
  struct evtchn_close op = { .port = number };

  hypercall_event_channel_op(EVTCHNOP_close, &op);
}

/* The port that Xen has made. */
static int adopt(struct lwt__port *p, uint32_t made)
{
  int error = lwt__port_bind(p, made);

  if (error)
    close_port(made);
  else
    p->fixed = 0;
  return error;
}

int lwt__port_alloc(struct lwt__port *p, uint16_t remote)
{
  struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = remote };
  long error = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op);

  return error ? (int)error : adopt(p, op.port);
}

/* Out of the tables. */
static void forget(struct lwt__port *p)
{
  uint32_t number = p->number;

  if (again[number / 64] >> number % 64 & 1)
    n_again--;
  again[number / 64] &= ~(1ull << number % 64);
  bound[number / 64] &= ~(1ull << number % 64);
  if (!bound[number / 64])
    words &= ~(1ull << number / 64);
  n_ports--;
  n_quiet -= p->quiet;
  unlist(p);
  ports[number] = NULL;
  p->number = 0;
}

void lwt__port_free(struct lwt__port *p)
{
  uint32_t number = p->number;

  if (!number)
    return;
  forget(p);
  if (!p->fixed)
    close_port(number);
  lwt_condition_fail(&p->waiters, LWT_ECONNABORTED, "port_after");
}

int lwt__events_resume(void)
{
  struct lwt__port *p;
  uint32_t i;
  int held = lwt__hold(), error = map_shared(lwt__shared_info);

  memset(lwt__shared_info->evtchn_pending, 0, sizeof lwt__shared_info->evtchn_pending);
  for (i = 0; i < PORTS; i++) {
    if (!(p = ports[i]))
      continue;
    forget(p);
    lwt_condition_fail(&p->waiters, LWT_ESHUTDOWN, "port_after");
    if (p->ours)
      lwt__free(p);
  }
  lwt__release(held);
  return error;
}

void lwt__port_notify(const struct lwt__port *p)
{
  struct evtchn_send op = { .port = p->number };

  hypercall_event_channel_op(EVTCHNOP_send, &op);
}

void lwt__port_quiet(struct lwt__port *p, int quiet)
{
  quiet = quiet && !lwt_queue_length(&p->waiters.waiters);
  if (!p->number || p->quiet == quiet)
    return;
  p->quiet = (uint8_t)quiet;
  if (quiet) {
    n_quiet++;
    unlist(p);
  } else {
    n_quiet--;
    enlist(p);
  }
}

void lwt__port_again(const struct lwt__port *p)
{
  uint32_t number = p->number;

  if (!number || (again[number / 64] >> number % 64 & 1))
    return;
  again[number / 64] |= 1ull << number % 64;
  n_again++;
}

lwt_xen_count_p *lwt__port_after(struct lwt__port *p, uint64_t seen, const char *where)
{
  if (p->count > seen)
    return lwt_xen_count_p_return(p->count);
  lwt__port_quiet(p, 0);
  return (lwt_xen_count_p *)lwt_condition_wait_at(&p->waiters, NULL, where);
}

size_t lwt__events_ports(void)
{
  return n_ports;
}

void lwt__events_want(int change)
{
  n_wanted += (size_t)change;
}

/* ---- Looking ---------------------------------------------------------------- */

static void deliver(uint32_t number)
{
  struct lwt__port *p = ports[number];

  if (!p) /* closed by who was called before */
    return;
  p->count++;
  lwt__counts.events++;
  if (!p->listed && !p->quiet)
    enlist(p);
  lwt_condition_broadcast(&p->waiters, (void *)(uintptr_t)p->count);
  if (p->call)
    p->call(p->env);
}

size_t lwt__events_scan(void)
{
  uint64_t left = words, set;
  size_t n = 0;
  unsigned w, bit;
  int held = lwt__hold();

  for (; left; left &= left - 1) {
    w = (unsigned)__builtin_ctzll(left);
    set = READ_ONCE(lwt__shared_info->evtchn_pending[w]) & bound[w];
    if (set)
      set &= __atomic_fetch_and(&lwt__shared_info->evtchn_pending[w], ~set,
                                __ATOMIC_SEQ_CST);
    if (n_again && again[w]) {
      n_again -= (size_t)__builtin_popcountll(again[w]);
      set |= again[w];
      again[w] = 0;
    }
    for (; set; set &= set - 1, n++) {
      bit = (unsigned)__builtin_ctzll(set);
      deliver(w * 64 + bit);
    }
  }
  lwt__release(held);
  return n;
}

/* ---- Sleeping ---------------------------------------------------------------- */

static void poll(evtchn_port_t *which, unsigned n, uint64_t deadline)
{
  /* Xen's 0 is "for ever". */
  struct sched_poll op = { .nr_ports = n,
                           .timeout = deadline == LWT_NEVER
                                        ? 0
                                        : lwt__xen_system_time(deadline) };

  set_xen_guest_handle(op.ports, which);
  hypercall_sched_op(SCHEDOP_poll, &op);
}

/* Whether an event could matter to anybody. */
static int is_wanted(void)
{
  unsigned i;

  if (n_wanted || n_again)
    return 1;
  for (i = 0; i < PORTS; i++)
    if (ports[i] && lwt_queue_length(&ports[i]->waiters.waiters))
      return 1;
  return 0;
}

void lwt__events_by(uint64_t when)
{
  latest = when;
}

/* What was sent because of an event goes out at once, if all is said that there is to
 * say: otherwise the next turn sends it together with the rest. */
static size_t look(void)
{
  size_t n = lwt__events_scan();

  if (n && n_again && !lwt__is_paused())
    lwt__events_scan();
  return n;
}

/* The loop has just compared the deadline with the clock.  Should it be over meanwhile,
 * Xen wakes us: reading the clock again is dear where the counter is emulated. */
int lwt__events_wait(uint64_t deadline)
{
  uint64_t cap;

  if (deadline == LWT_NEVER && !is_wanted())
    return LWT_EDEADLK;
  if (deadline > latest)
    deadline = latest;
  latest = LWT_NEVER;
  if (look() || deadline <= lwt__xen_latest())
    return 0;
  if (n_ports - n_quiet > n_listed) {
    cap = lwt__xen_now() + OVERFLOW_SLEEP;
    deadline = deadline < cap ? deadline : cap;
  }
  poll(list, n_listed, deadline);
  look();
  return 0;
}

void lwt__port_sleep(const struct lwt__port *p, uint64_t deadline)
{
  uint32_t number = p ? p->number : 0;
  evtchn_port_t one = number;

  poll(&one, number ? 1 : 0, deadline);
  __atomic_fetch_and(&lwt__shared_info->evtchn_pending[number / 64],
                     ~(1ull << number % 64), __ATOMIC_SEQ_CST);
}

/* ---- For programs --------------------------------------------------------- */

static struct lwt__port *port_of(uint32_t number)
{
  return number < PORTS && ports[number] && ports[number]->ours ? ports[number] : NULL;
}

static struct lwt__port *new_port(void)
{
  struct lwt__port *p = lwt__alloc(sizeof *p);

  if (p)
    memset(p, 0, sizeof *p);
  return p;
}

/* The end of opening one: hand its number out, or free it. */
static int opened(struct lwt__port *p, int error, uint32_t *port)
{
  if (error) {
    lwt__free(p);
    return error;
  }
  p->ours = 1;
  *port = p->number;
  return 0;
}

int lwt_xen_port_alloc(uint16_t remote, uint32_t *port)
{
  struct lwt__port *p = new_port();

  return p ? opened(p, lwt__port_alloc(p, remote), port) : LWT_ENOMEM;
}

int lwt_xen_port_connect(uint16_t remote, uint32_t theirs, uint32_t *port)
{
  struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = theirs };
  struct lwt__port *p = new_port();
  long error;

  if (!p)
    return LWT_ENOMEM;
  error = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &op);
  return opened(p, error ? (int)error : adopt(p, op.local_port), port);
}

void lwt_xen_port_close(uint32_t port)
{
  struct lwt__port *p = port_of(port);

  if (!p)
    return;
  lwt__port_free(p);
  lwt__free(p);
}

void lwt_xen_port_notify(uint32_t port)
{
  struct lwt__port *p = port_of(port);

  if (p)
    lwt__port_notify(p);
}

lwt_xen_count_p *lwt_xen_port_after_at(uint32_t port, uint64_t seen, const char *where)
{
  struct lwt__port *p = port_of(port);

  if (!p)
    return (lwt_xen_count_p *)lwt_fail_at(LWT_EBADF, "port_after", where);
  return lwt__port_after(p, seen, where);
}
