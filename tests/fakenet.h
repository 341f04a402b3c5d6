/* fakenet.h - a network backend on the hypervisor of fakexen.h.
 * SPDX-License-Identifier: ISC
 *
 * It behaves as Linux's does: looks at a ring only after an event, asks for the next
 * one, fills the frontend's pages in order.  What the frontend must not do aborts
 * or is counted in `back.faults`.  back.evil is called for each response that it is
 * about to write, and may change it.
 */
#ifndef FAKENET_H
#define FAKENET_H

#include "../lwt-xen/netfront.h"
#include "fakestore.h"

#include <xen/io/netif.h>

#define FRONT "device/vif/0"
#define BACK "/local/domain/0/backend/vif/5/0"
#define BACK_SLOTS 256u

struct back_frame {
  struct back_frame *next;
  uint32_t len;
  uint16_t flags; /* NETRXF_... or NETTXF_... */
  uint16_t gso;
  uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_..., 0: of IPv4 */
  uint8_t bytes[];
};

static struct {
  int state; /* our state in xenstore, 0: absent */
  uint32_t port, rx_port;
  netif_tx_sring_t *tx;
  netif_rx_sring_t *rx;
  uint32_t tx_cons, tx_prod, rx_cons, rx_prod;
  int tx_told, rx_told;   /* events from the frontend */
  unsigned told, faults;  /* of both kinds; what the frontend did wrong */
  unsigned events;        /* to the frontend */
  uint32_t pace;          /* transmit requests looked at in a step */
  uint32_t piece;         /* bytes put into a page; 0: all */
  int deaf;               /* looks at nothing */
  int refuse;             /* does not connect */
  int16_t tx_status;
  struct back_frame *out, **out_end; /* to the frontend */
  struct back_frame *in, **in_end;   /* from it */
  unsigned n_in;
  void (*evil)(void);
  uint32_t shift; /* what evil adds to the index */
} back;

static int back_may(uint32_t ref, int write)
{
  uint16_t flags = GTF_permit_access | (write ? GTF_readonly : 0);

  return ref >= 8 && ref < fake.grant_frames * 512 &&
         (fake.grants[ref].flags & flags) == GTF_permit_access;
}

#include "fakeback.h"

/* What the toolstack and a new backend write. */
__attribute__((unused)) static void back_plug(void)
{
  front_put("mac", "00:16:3e:01:02:03");
  front_put("state", "1");
  back_put("feature-rx-copy", "1");
  back_put("feature-sg", "1");
  back_put("feature-gso-tcpv4", "1");
  back_put("feature-gso-tcpv6", "1");
  back_put("feature-ipv6-csum-offload", "1");
  back_put("feature-split-event-channels", "1");
  back_put("multi-queue-max-queues", "4");
  back_switch(XenbusStateInitWait);
  front_put("backend", BACK);
  front_put("backend-id", "0");
}

static void back_connect(void)
{
  long port = front_number("event-channel");

  back.port = (uint32_t)(port < 0 ? front_number("event-channel-tx") : port);
  back.rx_port = port < 0 ? (uint32_t)front_number("event-channel-rx") : back.port;
  back.tx = back_page((uint32_t)front_number("tx-ring-ref"), 1);
  back.rx = back_page((uint32_t)front_number("rx-ring-ref"), 1);
  back.tx_cons = back.tx_prod = back.rx_cons = back.rx_prod = 0;
  back.tx_told = back.rx_told = 1;
  back_switch(XenbusStateConnected);
}

static void back_sent(uint32_t port)
{
  if (port != back.port && port != back.rx_port)
    return;
  back.told++;
  back.tx_told |= port == back.port;
  back.rx_told |= port == back.rx_port;
}

static void back_event(uint32_t port)
{
  back.events++;
  fake_event(port);
}

/* ---- From the frontend ------------------------------------------------------- */

static void back_respond(uint32_t id, int16_t status)
{
  netif_tx_response_t *rsp = &back.tx->ring[back.tx_prod % BACK_SLOTS].rsp;

  rsp->id = (uint16_t)id;
  rsp->status = status;
  back.tx_prod++;
}

/* One packet; returns the number of slots, all of which are there, or a fault. */
static uint32_t back_take_packet(uint32_t ready)
{
  uint32_t cons = back.tx_cons, n = 0, at = 0, size, ids[32];
  struct back_frame *f;
  netif_tx_request_t req = back.tx->ring[cons % BACK_SLOTS].req;
  netif_extra_info_t extra;
  int extras = 0;

  f = malloc(sizeof *f + 70000);
  f->next = NULL;
  f->len = size = req.size;
  f->flags = req.flags;
  f->gso = f->gso_type = 0;
  for (;;) {
    ids[n++] = req.id;
    if (n > 1)
      size = req.size;
    else if (req.flags & NETTXF_extra_info) {
      memcpy(&extra, &back.tx->ring[++cons % BACK_SLOTS], sizeof extra);
      extras = 1;
      f->gso = extra.u.gso.size;
      back.faults += extra.type != XEN_NETIF_EXTRA_TYPE_GSO ||
                     !extra.u.gso.type ||
                     extra.u.gso.type > XEN_NETIF_GSO_TYPE_TCPV6 || extra.flags;
      f->gso_type = extra.u.gso.type;
    }
    cons++;
    if (req.flags & NETTXF_more_data && n == 1)
      size = XEN_PAGE; /* what the others leave, checked below */
    if (n > NETFRONT_SLOTS_MAX || req.offset + size > XEN_PAGE || req.id >= BACK_SLOTS ||
        cons - back.tx_cons > ready) {
      back.faults++;
      break;
    }
    memcpy(f->bytes + at, (char *)back_page(req.gref, 0) + req.offset, size);
    at += size;
    if (!(req.flags & NETTXF_more_data))
      break;
    req = back.tx->ring[cons % BACK_SLOTS].req;
  }
  back.faults += at != f->len || f->len < 14;
  *back.in_end = f;
  back.in_end = &f->next;
  back.n_in++;
  for (size = 0; size < n; size++) {
    back_respond(ids[size], back.tx_status);
    if (!size && extras)
      back_respond(0xdead, NETIF_RSP_NULL);
  }
  size = cons - back.tx_cons;
  back.tx_cons = cons;
  return size;
}

/* Publish responses; whether the frontend wants to hear of it. */
static void back_push(uint32_t *shared, uint32_t now, const uint32_t *event,
                      uint32_t port)
{
  uint32_t old = *shared;

  back.shift = 0;
  if (back.evil)
    back.evil();
  *shared = now + back.shift;
  if (back.evil)
    back_event(port);
  else if (now - *event < now - old)
    back_event(port);
}

static int back_take(void)
{
  uint32_t ready, left = back.pace;
  int moved = 0;

  if (!back.tx_told)
    return 0;
  while ((ready = back.tx->req_prod - back.tx_cons) && left) {
    if (ready > BACK_SLOTS - (back.tx_cons - back.tx_prod)) {
      back.faults++;
      break;
    }
    ready = back_take_packet(ready);
    left -= ready < left ? ready : left;
    moved = 1;
  }
  if (!ready) {
    back.tx_told = 0;
    back.tx->req_event = back.tx_cons + 1;
  }
  if (moved)
    back_push(&back.tx->rsp_prod, back.tx_prod, &back.tx->rsp_event, back.port);
  return moved;
}

/* ---- To the frontend ------------------------------------------------------------ */

__attribute__((unused)) static void back_send(const void *bytes, uint32_t len,
                                              uint16_t flags, uint16_t gso)
{
  struct back_frame *f = malloc(sizeof *f + len);

  *f = (struct back_frame){ .len = len, .flags = flags, .gso = gso };
  memcpy(f->bytes, bytes, len);
  *back.out_end = f;
  back.out_end = &f->next;
}

static uint32_t back_piece(uint32_t left)
{
  uint32_t max = back.piece ? back.piece : XEN_PAGE;

  return left < max ? left : max;
}

static void back_fill(const struct back_frame *f, uint32_t at, uint32_t part)
{
  netif_rx_request_t req = back.rx->ring[back.rx_cons % BACK_SLOTS].req;
  uint16_t offset = (uint16_t)(back.piece && part < XEN_PAGE - 2 ? 2 : 0);
  netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

  memcpy((char *)back_page(req.gref, 1) + offset, f->bytes + at, part);
  back.rx->ring[back.rx_cons++ % BACK_SLOTS].rsp = (netif_rx_response_t){
    .id = req.id,
    .offset = offset,
    .flags = (uint16_t)((at ? 0 : f->flags | (f->gso ? NETRXF_extra_info : 0)) |
                        (at + part < f->len ? NETRXF_more_data : 0)),
    .status = (int16_t)part
  };
  if (at || !f->gso)
    return;
  extra.u.gso.type = f->gso_type ? f->gso_type : XEN_NETIF_GSO_TYPE_TCPV4;
  extra.u.gso.size = f->gso;
  memcpy(&back.rx->ring[back.rx_cons++ % BACK_SLOTS], &extra, sizeof extra);
}

static int back_give(void)
{
  struct back_frame *f;
  uint32_t at, part;
  int moved = 0;

  while ((f = back.out)) {
    if (!f->len || (f->len + back_piece(f->len) - 1) / back_piece(f->len) + 1 >
                     back.rx->req_prod - back.rx_cons) {
      if (!back.rx_told)
        break;
      back.rx_told = 0;
      back.rx->req_event = back.rx_cons + 1;
      continue;
    }
    for (at = 0; at < f->len; at += part)
      back_fill(f, at, part = back_piece(f->len - at));
    back.out = f->next;
    if (!back.out)
      back.out_end = &back.out;
    free(f);
    moved = 1;
  }
  back.rx_prod = back.rx_cons;
  if (moved)
    back_push(&back.rx->rsp_prod, back.rx_prod, &back.rx->rsp_event, back.rx_port);
  return moved;
}

/* ---- Its turn --------------------------------------------------------------------- */

static void back_step(void)
{
  long front;

  fake_store_step();
  if (!back.state || back.refuse)
    return;
  front = front_number("state");
  /* A frontend that has given up, without the memory to say so. */
  if (back.state != XenbusStateClosed &&
      (front == XenbusStateConnected || back.state == XenbusStateConnected) &&
      !back_may((uint32_t)front_number("tx-ring-ref"), 1))
    back_switch(XenbusStateClosed);
  else if (back.state == XenbusStateInitWait && front == XenbusStateConnected)
    back_connect();
  else if (back.state == XenbusStateConnected && front == XenbusStateClosing)
    back_switch(XenbusStateClosing);
  else if ((back.state == XenbusStateConnected || back.state == XenbusStateClosing) &&
           front == XenbusStateClosed)
    back_switch(XenbusStateClosed);
  else if (back.state == XenbusStateClosed && front == XenbusStateInitialising)
    back_switch(XenbusStateInitWait);
  else if (back.state == XenbusStateConnected && !back.deaf &&
           back_take() + back_give())
    fake_event(FAKE_STORE_PORT); /* look again, before the clock jumps */
  if (store.n_out)
    fake_event(FAKE_STORE_PORT);
}

/* The next frame from the frontend, which the caller frees; NULL: there is none. */
__attribute__((unused)) static struct back_frame *back_next(void)
{
  struct back_frame *f = back.in;

  if (!f)
    return NULL;
  back.in = f->next;
  if (!back.in)
    back.in_end = &back.in;
  back.n_in--;
  return f;
}

__attribute__((unused)) static void back_forget(void)
{
  struct back_frame *f;

  while ((f = back_next()))
    free(f);
  while ((f = back.out)) {
    back.out = f->next;
    free(f);
  }
  back.out_end = &back.out;
}

__attribute__((unused)) static int back_start(void)
{
  int error = fake_start(0);

  fake.now = LWT_S(1);
  fake.step = back_step;
  fake.sent = back_sent;
  back.in_end = &back.in;
  back.out_end = &back.out;
  back.pace = BACK_SLOTS;
  return error;
}

#endif
