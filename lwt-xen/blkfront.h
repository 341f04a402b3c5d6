/* blkfront.h - the disk's frontend, inside.
 * SPDX-License-Identifier: ISC
 *
 * blkfront.c is the disk as a struct lwt_block: a list of calls.  blkfront_ring.c cuts
 * calls into requests and takes responses, blkfront_connect.c is the handshake.
 *
 * Data is copied into and out of pages that are granted for as long as the device is
 * connected ("persistent grants"), at most BLKFRONT_PAGES of them; the backend never
 * sees memory that holds anything else.  What is under way is known by a small index
 * and a table of our own (the shadow), never by what a response says.
 *
 * The ring counts in units of 512 bytes, whatever the size of a sector.
 */
#ifndef LWT_XEN_BLKFRONT_H
#define LWT_XEN_BLKFRONT_H

#include "front.h"
#include "frontring.h"

#include <lwt/block.h>
#include <xen/io/blkif.h>

#define BLKFRONT_PAGES 512u
#define BLKFRONT_RING_ORDER 4u
#define BLKFRONT_SEGMENTS 64u   /* of a request, at most */
#define BLKFRONT_CALLS 1024u    /* pending, at most */
#define BLKFRONT_UNIT 512u
#define BLKFRONT_NONE 0xffffu

enum blkfront_kind { BLKFRONT_READ, BLKFRONT_WRITE, BLKFRONT_FLUSH, BLKFRONT_DISCARD };

/* A promise of the program's.  In the list from its beginning until it settles. */
struct blkfront_call {
  struct blkfront_call *next, *prev;
  struct blkfront *b;
  struct lwt_resolver r;
  uint8_t kind; /* enum blkfront_kind */
  uint8_t unlisted;
  uint8_t *bytes;
  uint64_t unit;         /* where, in 512 bytes */
  uint64_t len;          /* bytes */
  uint64_t issued;       /* of them; a flush: 0 or 1 */
  unsigned requests;     /* under way */
  int error;             /* the first */
};

/* A request, by its id. */
struct blkfront_request {
  struct blkfront_call *call; /* NULL: nobody wants it any more */
  uint64_t at;                /* of the call's bytes */
  uint32_t len;
  uint16_t first_page;        /* linked by their next; BLKFRONT_NONE: none */
  uint16_t next_free;
  uint8_t busy, operation;
};

struct blkfront_page {
  void *page;
  uint32_t ref;
  uint16_t next;
};

struct blkfront_counts {
  uint64_t events, notifies;
  uint64_t idle; /* events with nothing behind them */
  uint64_t requests, indirect, segments;
  uint64_t refused; /* calls: too many */
};

struct blkfront {
  struct lwt_block block;
  struct front front;
  char name[16];
  uint32_t device; /* its number */
  struct lwt__port port;
  struct frontring ring;
  uint32_t ring_ref[1u << BLKFRONT_RING_ORDER];
  unsigned ring_pages;
  struct blkfront_request *request; /* ring.slots of them */
  uint16_t first_free;              /* request */
  struct blkfront_page page[BLKFRONT_PAGES];
  uint16_t pages, free_page, n_free; /* made; first free one; how many */
  unsigned segments; /* of a request */
  uint8_t flush, barrier;
  uint8_t known; /* size and so on are: after a resume they must be the same */
  uint8_t kicked;
  struct blkfront_call *first, *last;
  struct blkfront_call *waiting; /* the first that is not all issued */
  unsigned calls;
  struct lwt_condition idle; /* no calls */
  struct blkfront_counts counts;
};

static inline struct blkfront *blkfront_of(struct front *f)
{
  return CONTAINER(f, struct blkfront, front);
}

/* ---- blkfront.c -------------------------------------------------------- */

/* The number of a disk: "vbd:51712", "51712", "xvda", "xvda1", "vbd:xvda".  Returns 0
 * or LWT_ENODEV. */
int lwt__blkfront_number(const char *name, uint32_t *device);
/* The call is through, with its error; unless it was cancelled, and its stop is on its
 * way.  Frees it. */
void lwt__blkfront_settle(struct blkfront_call *c);
/* Issue it again, from its beginning. */
void lwt__blkfront_again(struct blkfront_call *c);
/* Look at the ring in the next turn. */
void lwt__blkfront_kick(struct blkfront *b);

/* ---- blkfront_ring.c --------------------------------------------------- */

/* Returns 0 or an error; what was made is given back by stop. */
int lwt__blkfront_start(struct blkfront *b, unsigned order);
void lwt__blkfront_stop(struct blkfront *b);
/* Make requests of what waits, as far as there is room. */
void lwt__blkfront_issue(struct blkfront *b);
/* Take what the backend has answered.  Returns how many, or -1: it broke a rule. */
int lwt__blkfront_take(struct blkfront *b);

/* ---- blkfront_connect.c ------------------------------------------------ */

extern const struct front_ops lwt__blkfront_ops;

#endif
