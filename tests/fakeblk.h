/* fakeblk.h - a disk's backend on the hypervisor of fakexen.h.
 * SPDX-License-Identifier: ISC
 *
 * It behaves as Linux's does: looks at the ring after an event only, asks for the next
 * one, and answers with the operation that was asked for.  What the frontend must not
 * do aborts or is counted in back.faults.  back.evil is called for responses that it is
 * about to publish, and may change them.
 */
#ifndef FAKEBLK_H
#define FAKEBLK_H

#include "../lwt-xen/blkfront.h"
#include "fakestore.h"

#define FRONT "device/vbd/51712"
#define BACK "/b/vbd/51712"
#define DISK_BYTES (8u << 20)

static uint8_t *disk_bytes;

static struct {
  int state; /* our state in xenstore, 0: absent */
  /* What it offers, when it is plugged in. */
  uint32_t order, segments, sector_size, physical, info;
  uint64_t units; /* 0: all */
  int flush, barrier, discard, readonly;
  /* The ring. */
  uint8_t *ring[16];
  unsigned ring_pages;
  uint32_t slots, port, cons, prod;
  int told;
  unsigned told_times, faults, events;
  uint32_t pace;  /* requests looked at in a step */
  int deaf;       /* looks at nothing */
  int refuse;     /* does not connect */
  int backwards;  /* answers the last first */
  int persistent; /* maps a page for good once it has seen it */
  /* What it has seen. */
  unsigned reads, writes, flushes, barriers, discards, indirect, most_segments;
  unsigned most; /* requests at once */
  int unsupported; /* this operation is answered so; -1: none */
  int fails;       /* that many data requests are answered with an error */
  void (*evil)(void);
  uint32_t shift; /* what evil adds to the index */
  blkif_response_t rsp[512];
  unsigned n_rsp;
} back;

#include "fakeback.h"

/* Granted, and in use until back_unmap(). */
static void *back_map(uint32_t ref)
{
  void *page = back_page(ref, 1);

  fake.grants[ref].flags |= GTF_reading | GTF_writing;
  return page;
}

static void back_unmap(void)
{
  uint32_t i;

  for (i = 8; fake.grants && i < fake.grant_frames * 512; i++)
    fake.grants[i].flags &= (uint16_t)~(GTF_reading | GTF_writing);
}

/* What the toolstack and a new backend write. */
__attribute__((unused)) static void back_plug(void)
{
  back_unplug();
  back_unmap();
  front_put("state", "1");
  back_number("max-ring-page-order", back.order);
  back_put("mode", back.readonly ? "r" : "w");
  back_switch(XenbusStateInitWait);
  front_put("backend", BACK);
  front_put("backend-id", "0");
}

/* Bytes of the ring, whose pages need not be neighbours. */
static uint8_t *ring_at(size_t offset)
{
  return back.ring[offset / XEN_PAGE] + offset % XEN_PAGE;
}

static void ring_copy(size_t offset, void *bytes, size_t len, int write)
{
  uint8_t *p = bytes;

  for (; len--; p++, offset++)
    if (write)
      *ring_at(offset) = *p;
    else
      *p = *ring_at(offset);
}

static struct front_indices *ring_indices(void)
{
  return (void *)back.ring[0];
}

static void back_connect(void)
{
  long order = front_number("ring-page-order");
  char key[24];
  unsigned i;

  back.ring_pages = 1u << (order < 0 ? 0 : order);
  back.faults += order > (long)back.order;
  for (i = 0; i < back.ring_pages; i++) {
    snprintf(key, sizeof key, order < 0 ? "ring-ref" : "ring-ref%u", i);
    back.ring[i] = back_map((uint32_t)front_number(key));
  }
  for (back.slots = 1; back.slots * 2 * 112 <= back.ring_pages * XEN_PAGE - 64;)
    back.slots *= 2;
  back.faults += front_number("feature-persistent") != 1;
  back.port = (uint32_t)front_number("event-channel");
  back.cons = back.prod = 0;
  back.told = 1;
  back_number("sectors", back.units ? back.units : DISK_BYTES / 512);
  back_number("sector-size", back.sector_size);
  back_number("physical-sector-size", back.physical);
  back_number("info", back.info);
  back_number("feature-flush-cache", (unsigned)back.flush);
  back_number("feature-barrier", (unsigned)back.barrier);
  back_number("feature-discard", (unsigned)back.discard);
  if (back.segments)
    back_number("feature-max-indirect-segments", back.segments);
  back_switch(XenbusStateConnected);
}

static void back_sent(uint32_t port)
{
  if (port != back.port)
    return;
  back.told_times++;
  back.told = 1;
}

/* ---- Requests ---------------------------------------------------------- */

static void *data_page(uint32_t ref)
{
  return back.persistent ? back_map(ref) : back_page(ref, 1);
}

/* Returns the status. */
static int16_t back_move(uint8_t operation, uint64_t unit,
                         const struct blkif_request_segment *segments, unsigned n)
{
  uint64_t at = unit * 512, all = (back.units ? back.units : DISK_BYTES / 512) * 512;
  unsigned i, len, bytes = 0;
  uint8_t *page;

  if (n > back.most_segments)
    back.most_segments = n;
  back.faults += !n || unit % (back.sector_size / 512);
  for (i = 0; i < n; i++) {
    page = data_page(segments[i].gref);
    if (segments[i].first_sect > segments[i].last_sect || segments[i].last_sect > 7) {
      back.faults++;
      return BLKIF_RSP_ERROR;
    }
    len = (segments[i].last_sect - segments[i].first_sect + 1u) * 512;
    bytes += len;
    if (at + len > all || at + len > DISK_BYTES)
      return BLKIF_RSP_ERROR;
    page += segments[i].first_sect * 512;
    if (operation == BLKIF_OP_READ)
      memcpy(page, disk_bytes + at, len);
    else
      memcpy(disk_bytes + at, page, len);
    at += len;
  }
  back.faults += bytes % back.sector_size != 0;
  if (operation == BLKIF_OP_READ)
    back.reads++;
  else
    back.writes++;
  back.faults += operation != BLKIF_OP_READ && back.readonly;
  return BLKIF_RSP_OKAY;
}

static int16_t back_indirect(const blkif_request_t *req, uint8_t *operation)
{
  blkif_request_indirect_t ind;

  memcpy(&ind, req, sizeof ind);
  *operation = ind.indirect_op;
  back.indirect++;
  if (ind.nr_segments > back.segments || ind.nr_segments > 512) {
    back.faults++;
    return BLKIF_RSP_ERROR;
  }
  return back_move(ind.indirect_op, ind.sector_number, data_page(ind.indirect_grefs[0]),
                   ind.nr_segments);
}

static int16_t back_discard(const blkif_request_t *req)
{
  blkif_request_discard_t d;

  memcpy(&d, req, sizeof d);
  back.discards++;
  back.faults += d.flag || !d.nr_sectors || !back.discard;
  if (d.sector_number + d.nr_sectors > DISK_BYTES / 512)
    return BLKIF_RSP_ERROR;
  memset(disk_bytes + d.sector_number * 512, 0xdd, d.nr_sectors * 512);
  return BLKIF_RSP_OKAY;
}

static void back_do(const blkif_request_t *req)
{
  blkif_response_t *rsp = &back.rsp[back.n_rsp++];
  uint8_t operation = req->operation;
  int16_t status = BLKIF_RSP_OKAY;

  memset(rsp, 0, sizeof *rsp);
  rsp->id = operation == BLKIF_OP_INDIRECT
              ? ((const blkif_request_indirect_t *)(const void *)req)->id
              : req->id;
  back.faults += rsp->id >= back.slots;
  switch (operation) {
  case BLKIF_OP_READ:
  case BLKIF_OP_WRITE:
    back.faults += req->nr_segments > 11;
    status = back_move(operation, req->sector_number, req->seg, req->nr_segments);
    break;
  case BLKIF_OP_INDIRECT: status = back_indirect(req, &operation); break;
  case BLKIF_OP_DISCARD: status = back_discard(req); break;
  case BLKIF_OP_FLUSH_DISKCACHE: back.flushes++; break;
  case BLKIF_OP_WRITE_BARRIER: back.barriers++; break;
  default: back.faults++;
  }
  if (back.fails && operation <= BLKIF_OP_WRITE) {
    back.fails--;
    status = BLKIF_RSP_ERROR;
  }
  if (back.unsupported == operation)
    status = BLKIF_RSP_EOPNOTSUPP;
  rsp->operation = operation;
  rsp->status = status;
}

/* Publish the responses. */
static void back_answer(void)
{
  struct front_indices *shared = ring_indices();
  uint32_t old = shared->rsp_prod;
  blkif_response_t *rsp;
  unsigned i;

  for (i = 0; i < back.n_rsp; i++) {
    rsp = &back.rsp[back.backwards ? back.n_rsp - 1 - i : i];
    ring_copy(64 + (back.prod++ & (back.slots - 1)) * 112, rsp, sizeof *rsp, 1);
  }
  back.shift = 0;
  if (back.evil)
    back.evil();
  shared->rsp_prod = back.prod + back.shift;
  if (back.evil || back.prod - shared->rsp_event < back.prod - old) {
    back.events++;
    fake_event(back.port);
  }
  back.n_rsp = 0;
}

static int back_take(void)
{
  struct front_indices *shared = ring_indices();
  uint32_t ready, left = back.pace;
  blkif_request_t req;

  if (!back.told)
    return 0;
  if (shared->req_prod - back.cons > back.most)
    back.most = shared->req_prod - back.cons;
  while ((ready = shared->req_prod - back.cons) && left--) {
    if (ready > back.slots - (back.cons - back.prod - back.n_rsp)) {
      back.faults++;
      break;
    }
    ring_copy(64 + (back.cons++ & (back.slots - 1)) * 112, &req, sizeof req, 0);
    back_do(&req);
  }
  if (!ready) {
    back.told = 0;
    shared->req_event = back.cons + 1;
  }
  if (!back.n_rsp)
    return 0;
  back_answer();
  return 1;
}

/* ---- Its turn ---------------------------------------------------------- */

static void back_leave(void)
{
  back_unmap();
  back_switch(XenbusStateClosed);
}

static void back_step(void)
{
  long front;

  fake_store_step();
  if (!back.state || back.refuse)
    return;
  front = front_number("state");
  if (back.state == XenbusStateInitWait && front == XenbusStateInitialised)
    back_connect();
  else if (back.state == XenbusStateConnected && front == XenbusStateClosing)
    back_switch(XenbusStateClosing);
  else if ((back.state == XenbusStateConnected || back.state == XenbusStateClosing) &&
           front == XenbusStateClosed)
    back_leave();
  else if (back.state == XenbusStateClosed && front == XenbusStateInitialising)
    back_switch(XenbusStateInitWait);
  else if (back.state == XenbusStateConnected && !back.deaf && back_take())
    fake_event(FAKE_STORE_PORT); /* look again, before the clock jumps */
  if (store.n_out)
    fake_event(FAKE_STORE_PORT);
}

/* As Linux's offers it. */
__attribute__((unused)) static void back_default(void)
{
  back.order = 4;
  back.segments = 256;
  back.sector_size = 512;
  back.physical = 0;
  back.info = 0;
  back.units = 0;
  back.flush = back.barrier = back.discard = 1;
  back.readonly = back.deaf = back.refuse = back.backwards = back.persistent = 0;
  back.pace = 512;
  back.unsupported = -1;
  back.fails = 0;
  back.evil = NULL;
}

__attribute__((unused)) static int back_start(void)
{
  int error = fake_start(0);

  disk_bytes = calloc(1, DISK_BYTES);
  fake.now = LWT_S(1);
  fake.step = back_step;
  fake.sent = back_sent;
  back_default();
  return error;
}

#endif
