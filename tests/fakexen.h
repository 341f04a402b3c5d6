/* fakexen.h - a hypervisor in a test program: what lwt-xen/hypercall.h declares.
 * SPDX-License-Identifier: ISC
 *
 * Time is virtual: a SCHEDOP_poll with nothing pending runs fake.step (the other
 * domains), and if that gives no event either, the clock jumps to the deadline.
 * The clock counts nanoseconds.  Pages are counted, and can be made to run out.
 */
#ifndef FAKEXEN_H
#define FAKEXEN_H

#include "../lwt-xen/xen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define FAKE_CONSOLE_PORT 1u
#define FAKE_STORE_PORT 2u
#define FAKE_FRAMES 4096u

static struct {
  uint64_t now;
  /* ports: 0 free, 1 ours alone, else the connected one + 2 */
  uint32_t port[4096];
  uint32_t max_ports;
  void (*sent)(uint32_t port); /* an event to another domain */
  void (*step)(void);          /* the other domains get the processor */
  void (*race)(void);          /* just before the guest is asleep */
  void (*closed)(void);        /* a port has been closed */
  unsigned polls, too_many, forever, masked_off;
  uint64_t deadline; /* of the last poll; 0: none */
  unsigned listed;   /* ports of it */
  /* pages and frames */
  void *frame[FAKE_FRAMES];
  uint32_t frames;
  size_t pages;     /* alive */
  size_t page_fail; /* the nth from now fails; 0: none */
  uint32_t grant_frames;
  grant_entry_v1_t *grants;
  unsigned ended; /* lwt__lifecycle_end(): reason + 1 */
  int random_fails, cancel_suspend;
  unsigned suspends, hasty; /* with a request on its way */
  unsigned hosts;           /* since: other ones that it went to */
} fake = { .max_ports = 4096, .grant_frames = 4, .frames = 1 };

static struct shared_info *fake_shared;
static struct xencons_interface *fake_console;
static struct xenstore_domain_interface *fake_store;

static void fake_event(uint32_t port)
{
  fake_shared->evtchn_pending[port / 64] |= 1ul << port % 64;
}

/* ---- Pages --------------------------------------------------------------- */

static void *fake_frames(size_t n)
{
  char *pages = aligned_alloc(XEN_PAGE, n * XEN_PAGE);
  size_t i;

  if (!pages || fake.frames + n > FAKE_FRAMES)
    abort();
  memset(pages, 0, n * XEN_PAGE);
  for (i = 0; i < n; i++)
    fake.frame[fake.frames++] = pages + i * XEN_PAGE;
  return pages;
}

/* Pages in a row are given back one by one: their memory goes with the last. */
struct fake_run {
  size_t left;
  char *pages;
};
static struct fake_run *fake_run[FAKE_FRAMES]; /* by frame; NULL: a page alone */

void *hypercall_pages(size_t n)
{
  struct fake_run *run = NULL;
  char *pages;
  size_t k;
  uint32_t i;

  if (fake.page_fail && --fake.page_fail == 0)
    return NULL;
  pages = aligned_alloc(XEN_PAGE, n * XEN_PAGE);
  if (!pages || (n > 1 && !(run = malloc(sizeof *run))))
    abort();
  if (run)
    *run = (struct fake_run){ n, pages };
  memset(pages, 0, n * XEN_PAGE);
  fake.pages += n;
  for (k = 0; k < n; k++) {
    for (i = 1; i < fake.frames && fake.frame[i]; i++)
      ;
    if (i == FAKE_FRAMES)
      abort();
    fake.frame[i] = pages + k * XEN_PAGE;
    fake_run[i] = run;
    if (i == fake.frames)
      fake.frames++;
  }
  return pages;
}

uint64_t hypercall_frame(const void *page)
{
  uint32_t i;

  for (i = 1; i < fake.frames; i++)
    if (fake.frame[i] == page)
      return i;
  abort();
}

void hypercall_pages_free(void *pages, size_t n)
{
  struct fake_run *run;
  uint64_t frame;
  char *page = pages;

  for (; pages && n--; page += XEN_PAGE) {
    frame = hypercall_frame(page);
    run = fake_run[frame];
    fake.frame[frame] = NULL;
    fake_run[frame] = NULL;
    fake.pages--;
    if (run && --run->left)
      continue;
    free(run ? run->pages : page);
    free(run);
  }
}

void *hypercall_map(uint64_t frame)
{
  return frame < fake.frames ? fake.frame[frame] : NULL;
}

void *hypercall_window(size_t n)
{
  return fake_frames(n);
}

/* ---- Hypercalls ------------------------------------------------------------ */

long hypercall_console_io(int cmd, int count, char *bytes)
{
  (void)cmd;
  (void)bytes;
  return count;
}

static long fake_new_port(uint32_t state, evtchn_port_t *port)
{
  uint32_t i;

  for (i = 3; i < fake.max_ports; i++)
    if (!fake.port[i]) {
      fake.port[i] = state;
      *port = i;
      return 0;
    }
  return -ENOSPC;
}

long hypercall_event_channel_op(int cmd, void *arg)
{
  struct evtchn_bind_interdomain *bind = arg;
  struct evtchn_alloc_unbound *unbound = arg;
  uint32_t port = *(evtchn_port_t *)arg; /* of send and close */
  long error;

  switch (cmd) {
  case EVTCHNOP_alloc_unbound:
    return fake_new_port(1, &unbound->port);
  case EVTCHNOP_bind_interdomain:
    if (bind->remote_port >= 4096 || fake.port[bind->remote_port] != 1)
      return -EINVAL;
    error = fake_new_port(bind->remote_port + 2, &bind->local_port);
    if (!error) {
      fake.port[bind->remote_port] = bind->local_port + 2;
      fake_event(bind->local_port); /* as Xen does */
    }
    return error;
  case EVTCHNOP_close:
    if (fake.port[port] > 1)
      fake.port[fake.port[port] - 2] = 1;
    fake.port[port] = 0;
    if (fake.closed)
      fake.closed();
    return 0;
  case EVTCHNOP_send:
    if (fake.port[port] > 1)
      fake_event(fake.port[port] - 2);
    else if (fake.sent)
      fake.sent(port);
    return 0;
  }
  return -ENOSYS;
}

long hypercall_grant_table_op(unsigned cmd, void *arg, unsigned count)
{
  struct gnttab_query_size *op = arg;

  if (cmd != GNTTABOP_query_size || count != 1)
    return -ENOSYS;
  op->nr_frames = 1;
  op->max_nr_frames = fake.grant_frames;
  op->status = fake.grant_frames ? 0 : GNTST_general_error;
  return 0;
}

long hypercall_hvm_op(int cmd, void *arg)
{
  struct xen_hvm_param *op = arg;

  if (cmd == HVMOP_set_param)
    return op->index == HVM_PARAM_CALLBACK_IRQ ? 0 : -EINVAL;
  if (cmd != HVMOP_get_param)
    return -ENOSYS;
  switch (op->index) {
  case HVM_PARAM_CONSOLE_PFN: op->value = hypercall_frame(fake_console); return 0;
  case HVM_PARAM_CONSOLE_EVTCHN: op->value = FAKE_CONSOLE_PORT; return 0;
  case HVM_PARAM_STORE_PFN: op->value = hypercall_frame(fake_store); return 0;
  case HVM_PARAM_STORE_EVTCHN: op->value = FAKE_STORE_PORT; return 0;
  }
  return -EINVAL;
}

long hypercall_memory_op(unsigned cmd, void *arg)
{
  struct xen_add_to_physmap *op = arg;

  if (cmd != XENMEM_add_to_physmap)
    return -ENOSYS;
  if (op->space == XENMAPSPACE_shared_info) {
    fake_shared = fake.frame[op->gpfn];
    fake_shared->vcpu_info[0].time.tsc_to_system_mul = 0x80000000u;
    fake_shared->vcpu_info[0].time.tsc_shift = 1;
  } else if (op->space == XENMAPSPACE_grant_table && op->idx < fake.grant_frames) {
    if (!op->idx)
      fake.grants = fake.frame[op->gpfn];
  } else {
    return -EINVAL;
  }
  return 0;
}

static int fake_is_pending(const struct sched_poll *op)
{
  unsigned i;

  for (i = 0; i < op->nr_ports; i++)
    if (fake_shared->evtchn_pending[op->ports.p[i] / 64] >> op->ports.p[i] % 64 & 1)
      return 1;
  return 0;
}

/* Let the others run; whether there is an event that was not there before, which is of
 * the port if only one is listed. */
static int fake_others(const struct sched_poll *op)
{
  unsigned long before[64];

  memcpy(before, fake_shared->evtchn_pending, sizeof before);
  if (fake.step)
    fake.step();
  if (op->nr_ports == 1)
    return fake_is_pending(op);
  return memcmp(before, fake_shared->evtchn_pending, sizeof before) != 0;
}

/* Another domain on another host: other ports, a clock that began later. */
static long fake_suspend(const struct sched_shutdown *op)
{
  if (op->reason != SHUTDOWN_suspend)
    return -EINVAL;
  fake.suspends++;
  fake.hasty += fake_store->req_cons != fake_store->req_prod;
  if (fake.cancel_suspend)
    return 1;
  fake.hosts++;
  memset(fake.port, 0, sizeof fake.port);
  memset(fake_shared, 0, sizeof *fake_shared);
  fake.port[FAKE_CONSOLE_PORT] = fake.port[FAKE_STORE_PORT] = 1;
  fake.now = LWT_S(1);
  return 0;
}

long hypercall_sched_op(int cmd, void *arg)
{
  const struct sched_poll *op = arg;
  unsigned i;

  if (cmd == SCHEDOP_shutdown)
    return fake_suspend(arg);
  if (cmd != SCHEDOP_poll)
    return -ENOSYS;
  fake.polls++;
  fake.deadline = op->timeout;
  fake.listed = op->nr_ports;
  for (i = 0; i < 64; i++)
    fake.masked_off += fake_shared->evtchn_mask[i] != ~0ul;
  if (op->nr_ports > 128) {
    if (++fake.too_many > 1000)
      abort();
    return -EINVAL;
  }
  if (fake.race)
    fake.race();
  if (fake_is_pending(op) || (op->timeout && op->timeout <= fake.now))
    return 0;
  /* an event that comes while we sleep wakes, listed or not */
  if (fake_others(op))
    return 0;
  if (op->timeout)
    fake.now = op->timeout;
  else if (++fake.forever > 1000)
    abort();
  return 0;
}

uint64_t hypercall_tsc(void)
{
  return fake.now;
}

int hypercall_random(void *bytes, size_t len)
{
  memset(bytes, 7, len);
  return fake.random_fails ? LWT_EIO : 0;
}

void lwt__lifecycle_end(unsigned reason)
{
  fake.ended = reason + 1;
}

/* ---- Start ------------------------------------------------------------------ */

/* cons and prod of all rings begin at `index`. */
static int fake_start(uint32_t index)
{
  fake_console = fake_frames(1);
  fake_store = fake_frames(1);
  fake_console->in_cons = fake_console->in_prod = index;
  fake_console->out_cons = fake_console->out_prod = index;
  fake_store->req_cons = fake_store->req_prod = index;
  fake_store->rsp_cons = fake_store->rsp_prod = index;
  fake.port[FAKE_CONSOLE_PORT] = fake.port[FAKE_STORE_PORT] = 1;
  lwt_set_engine(&lwt__xen_engine);
  return lwt__events_init();
}

#endif
