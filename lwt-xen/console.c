/* console.c - the console: a flow, and what the C library prints and reads.
 * SPDX-License-Identifier: ISC
 *
 * Output goes through one queue into the shared ring, in the order in which it
 * was written; the daemon on the other side reads at its own pace, or not at all.
 * A write of the flow waits for room.  printf() cannot: it waits with the whole
 * program while the reader makes progress, and when there has been none for
 * PATIENCE, bytes are dropped and counted, and a line says so when there is room
 * again.
 *
 * Before lwt__console_init(), output goes to the hypervisor's own console.
 */
#include "xen.h"

#include "ring.h"

#include <stdio.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>

#define QUEUE 16384u
#define PATIENCE LWT_S(1)

static struct {
  struct lwt_flow flow;
  struct ring in, out;
  struct lwt__port port; /* not open: no console */
  uint8_t broken;
  uint8_t stuck;  /* no progress for PATIENCE: printf() does not wait again */
  uint8_t cr;     /* the last byte of printf() was CR */
  uint64_t lost;  /* not reported yet */
  /* what waits for room in the ring */
  char queue[QUEUE];
  uint32_t head, len;
  /* the flow's pending operations */
  struct lwt_resolver writer, reader;
  const uint8_t *bytes;
  size_t left;
  struct lwt_buf *chain;
  uint8_t *into;
  size_t want;
  struct lwt_xen_console_stats stats;
} c;

/* ---- Queue and ring ------------------------------------------------------ */

static uint32_t enqueue(const char *bytes, size_t len)
{
  uint32_t n = len < QUEUE - c.len ? (uint32_t)len : QUEUE - c.len;
  uint32_t at = (c.head + c.len) % QUEUE;
  uint32_t part = n < QUEUE - at ? n : QUEUE - at;

  memcpy(c.queue + at, bytes, part);
  memcpy(c.queue, bytes + part, n - part);
  c.len += n;
  return n;
}

static void report_lost(void)
{
  char line[64];
  int n = snprintf(line, sizeof line, "\r\n[%llu bytes of output lost]\r\n",
                   (unsigned long long)c.lost);

  if ((uint32_t)n > QUEUE - c.len)
    return;
  enqueue(line, (size_t)n);
  c.lost = 0;
}

/* From the queue into the ring; returns how much. */
static uint32_t push(void)
{
  uint32_t total = 0, n, part;
  int room;

  while (c.len && !c.broken && (room = ring_room(&c.out)) != 0) {
    if (room < 0) {
      c.broken = 1;
      break;
    }
    part = QUEUE - c.head < c.len ? QUEUE - c.head : c.len;
    n = (uint32_t)room < part ? (uint32_t)room : part;
    ring_put(&c.out, c.queue + c.head, n);
    c.head = (c.head + n) % QUEUE;
    c.len -= n;
    total += n;
    c.stuck = 0;
    if (c.lost)
      report_lost();
  }
  if (c.broken) {
    c.lost += c.len;
    c.stats.dropped += c.len;
    c.len = 0;
  }
  if (total) {
    c.stats.out += total;
    lwt__port_notify(&c.port);
  }
  return total;
}

/* What is in the ring needs no event. */
static void rest(void)
{
  lwt__port_quiet(&c.port, !c.len && !c.writer.lwt_private && !c.reader.lwt_private);
}

/* ---- The C library --------------------------------------------------------- */

/* Wait for room; returns 0 if there is none. */
static int wait_for_room(void)
{
  uint64_t limit = lwt__xen_now() + PATIENCE;

  while (!push()) {
    if (c.broken || c.stuck || lwt__xen_now() >= limit) {
      c.stuck = 1;
      return 0;
    }
    lwt__port_again(&c.port);
    lwt__port_sleep(&c.port, limit);
  }
  return 1;
}

static void put(const char *bytes, size_t len)
{
  uint32_t n;

  while (len) {
    n = enqueue(bytes, len);
    bytes += n;
    len -= n;
    if (!len || (!push() && !wait_for_room()))
      break;
  }
  c.lost += len;
  c.stats.dropped += len;
}

void lwt__console_put(const char *bytes, size_t len)
{
  size_t n;

  if (!c.port.number) {
    hypercall_console_io(CONSOLEIO_write, (int)len, (char *)(uintptr_t)bytes);
    return;
  }
  for (; len; bytes += n, len -= n) {
    if (*bytes == '\n' && !c.cr)
      put("\r", 1);
    for (n = 1; n < len && bytes[n] != '\n'; n++)
      ;
    c.cr = bytes[n - 1] == '\r';
    put(bytes, n);
  }
  push();
  rest();
}

size_t lwt__console_get(char *bytes, size_t len)
{
  size_t i;
  int used;

  if (!c.port.number || !len)
    return 0;
  while ((used = c.broken ? -1 : ring_used(&c.in)) == 0) {
    push();
    lwt__port_again(&c.port);
    lwt__port_sleep(&c.port, LWT_NEVER);
  }
  if (used < 0)
    return 0;
  if (len > (size_t)used)
    len = (size_t)used;
  ring_take(&c.in, bytes, (uint32_t)len);
  c.stats.in += len;
  lwt__port_notify(&c.port);
  for (i = 0; i < len; i++)
    if (bytes[i] == '\r')
      bytes[i] = '\n';
  return len;
}

void lwt__console_flush(uint64_t patience)
{
  uint64_t limit;
  int used, before = -1;

  if (!c.port.number)
    return;
  limit = lwt__xen_now() + patience;
  while (!c.broken && (push(), (used = ring_used(&c.out)) > 0)) {
    if (used != before)
      limit = lwt__xen_now() + patience;
    before = used;
    if (lwt__xen_now() >= limit)
      return;
    lwt__port_again(&c.port);
    lwt__port_sleep(&c.port, limit);
  }
}

/* ---- The flow -------------------------------------------------------------- */

static void end_write(int error)
{
  lwt_buf_free(c.chain);
  c.chain = NULL;
  c.bytes = NULL;
  c.left = 0;
  if (error)
    lwt_reject(&c.writer, error, "console_write");
  else
    lwt_fulfill(&c.writer, NULL);
}

static void pump_writer(void)
{
  uint32_t n;

  if (!c.writer.lwt_private)
    return;
  if (lwt_unwanted(&c.writer)) {
    end_write(0);
    lwt__events_want(-1);
    return;
  }
  for (;;) {
    if (!c.left && c.chain) {
      c.bytes = c.chain->data;
      c.left = c.chain->len;
    }
    n = enqueue((const char *)c.bytes, c.left);
    c.bytes += n;
    c.left -= n;
    if (c.chain)
      c.chain = lwt_buf_pull(c.chain, n);
    push();
    if (c.broken || (!c.left && (!c.chain || !c.chain->total)))
      break;
    if (!n)
      return;
  }
  lwt__events_want(-1);
  end_write(c.broken ? LWT_EPROTO : 0);
}

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

static void read_into_chain(uint32_t n)
{
  struct lwt_buf *b = lwt_buf_new(0, n);

  if (!b) {
    lwt_reject(&c.reader, LWT_ENOMEM, "console_read");
    return;
  }
  ring_take(&c.in, b->data, n);
  lwt__port_notify(&c.port);
  c.stats.in += n;
  lwt_fulfill_owned(&c.reader, b, drop_chain);
}

static void pump_reader(void)
{
  uint32_t n;
  int used;

  if (!c.reader.lwt_private)
    return;
  if (lwt_unwanted(&c.reader)) {
    lwt__events_want(-1);
    lwt_abandon(&c.reader);
    return;
  }
  used = c.broken ? -1 : ring_used(&c.in);
  if (!used)
    return;
  lwt__events_want(-1);
  if (used < 0) {
    c.broken = 1;
    lwt_reject(&c.reader, LWT_EPROTO, "console_read");
    return;
  }
  n = (uint32_t)used < c.want ? (uint32_t)used : (uint32_t)c.want;
  if (!c.into) {
    read_into_chain(n);
    return;
  }
  ring_take(&c.in, c.into, n);
  lwt__port_notify(&c.port);
  c.stats.in += n;
  lwt_fulfill(&c.reader, (void *)(uintptr_t)n);
}

static void on_event(void *env)
{
  (void)env;
  push();
  pump_writer();
  pump_reader();
  rest();
}

/* A promise was cancelled: look at its resolver in the next turn. */
static void stopped(void *env)
{
  (void)env;
  lwt__port_again(&c.port);
}

static lwt_t *start_read(void *into, size_t want)
{
  lwt_t *p;
  int held;

  if (!c.port.number || !want)
    return lwt_fail(c.port.number ? LWT_EINVAL : LWT_ENODEV, "console_read");
  pump_reader();
  if (c.reader.lwt_private)
    return lwt_fail(LWT_EBUSY, "console_read");
  p = lwt_task_op(&c.reader, stopped, NULL);
  if (!c.reader.lwt_private)
    return p;
  held = lwt__hold();
  c.into = into;
  c.want = want;
  lwt__events_want(1);
  pump_reader();
  rest();
  lwt__release(held);
  return p;
}

static lwt_size_p *console_read(struct lwt_flow *flow, void *bytes, size_t len)
{
  (void)flow;
  return (lwt_size_p *)start_read(bytes, len);
}

static lwt_buf_p *console_read_buf(struct lwt_flow *flow, size_t max)
{
  (void)flow;
  return (lwt_buf_p *)start_read(NULL, max < LWT_PAGE_SIZE ? max : LWT_PAGE_SIZE);
}

/* Takes chain. */
static lwt_t *start_write(const void *bytes, size_t len, struct lwt_buf *chain)
{
  int held, error = !c.port.number ? LWT_ENODEV : c.broken ? LWT_EPROTO : 0;
  lwt_t *p;

  if (c.port.number)
    pump_writer();
  if (!error && c.writer.lwt_private)
    error = LWT_EBUSY;
  if (error || (chain ? !chain->total : !len)) {
    lwt_buf_free(chain);
    return error ? lwt_fail(error, "console_write") : lwt_return(NULL);
  }
  p = lwt_task_op(&c.writer, stopped, NULL);
  if (!c.writer.lwt_private) {
    lwt_buf_free(chain);
    return p;
  }
  held = lwt__hold();
  c.bytes = bytes;
  c.left = len;
  c.chain = chain;
  lwt__events_want(1);
  pump_writer();
  rest();
  lwt__release(held);
  return p;
}

static lwt_t *console_write(struct lwt_flow *flow, const void *bytes, size_t len)
{
  (void)flow;
  return start_write(bytes, len, NULL);
}

static lwt_t *console_write_buf(struct lwt_flow *flow, struct lwt_buf *chain)
{
  (void)flow;
  return chain ? start_write(NULL, 0, chain) : lwt_return(NULL);
}

static lwt_t *console_shutdown(struct lwt_flow *flow)
{
  (void)flow;
  return lwt_return(NULL);
}

struct drain {
  struct lwt_frame frame;
  uint64_t seen;
};

LWT_STEP drain_step(struct lwt_frame *frame)
{
  struct drain *d = (struct drain *)frame;

  lwt_begin(d);
  while (c.port.number && !c.broken && (c.len || ring_used(&c.out) > 0))
    lwt_await(d, &d->seen, lwt__port_after(&c.port, d->seen, LWT_WHERE));
  lwt_end(d);
}

static void end_reader(struct lwt_flow *flow)
{
  (void)flow;
  if (!c.reader.lwt_private)
    return;
  lwt__events_want(-1);
  lwt_reject(&c.reader, LWT_ECONNABORTED, "console_read");
}

static lwt_t *console_close(struct lwt_flow *flow)
{
  end_reader(flow);
  return LWT_GO(struct drain, drain_step, .seen = 0);
}

static void console_abort(struct lwt_flow *flow)
{
  end_reader(flow);
  if (c.writer.lwt_private) {
    lwt__events_want(-1);
    end_write(LWT_ECONNABORTED);
  }
}

static struct lwt_addr console_addr(struct lwt_flow *flow)
{
  (void)flow;
  return (struct lwt_addr){ 0 };
}

static const struct lwt_flow_ops console_ops = {
  .read = console_read,
  .read_buf = console_read_buf,
  .write = console_write,
  .write_buf = console_write_buf,
  .shutdown = console_shutdown,
  .close = console_close,
  .abort = console_abort,
  .peer = console_addr,
  .local = console_addr,
};

/* ---- Start ------------------------------------------------------------------ */

int lwt__console_init(void)
{
  struct xencons_interface *page;
  uint64_t frame, port;
  int error;

  if (lwt__xen_param(HVM_PARAM_CONSOLE_PFN, &frame) ||
      lwt__xen_param(HVM_PARAM_CONSOLE_EVTCHN, &port))
    return LWT_ENODEV;
  page = hypercall_map(frame);
  if (!page)
    return LWT_ENOMEM;
  c.in = (struct ring){ page->in, sizeof page->in, &page->in_cons, &page->in_prod };
  c.out = (struct ring){ page->out, sizeof page->out, &page->out_cons, &page->out_prod };
  c.port.call = on_event;
  error = port < UINT32_MAX ? lwt__port_bind(&c.port, (uint32_t)port) : LWT_EINVAL;
  rest();
  return error;
}

/* The ring is as it was, the port is a new one. */
int lwt__console_resume(void)
{
  int error = c.out.bytes ? lwt__console_init() : 0;

  if (!error && c.port.number)
    lwt__port_again(&c.port);
  return error;
}

struct lwt_flow *lwt_xen_console(void)
{
  c.flow.ops = &console_ops;
  return &c.flow;
}

void lwt_xen_console_stats(struct lwt_xen_console_stats *stats)
{
  *stats = c.stats;
}
