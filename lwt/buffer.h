/* lwt/buffer.h - packets: reference-counted slices of 4 KiB pages.
 * SPDX-License-Identifier: ISC
 *
 * One type from the driver to the program.  A packet is a chain of slices
 * linked by `next`; the first slice carries the packet's metadata.  A page
 * holds nothing but packet bytes and is page-aligned, so that a driver can
 * grant it to a backend.  Several slices may look at one page (a segment and
 * its retransmission, the two halves of a split); nobody writes to a page
 * that another slice can see, except headers into their own headroom.
 *
 * A queue of packets is linked by `next_packet` of the first slices.
 *
 * Functions that allocate return NULL when memory is out.
 */
#ifndef LWT_BUFFER_H
#define LWT_BUFFER_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LWT_PAGE_SIZE 4096u
/* Room that lwt_buf_new() leaves in front: Ethernet, IPv6 with options, TCP
 * with options, and a virtio-net header; a multiple of 16, plus 2 so that the
 * IP header is aligned. */
#define LWT_BUF_HEADROOM 162u

struct lwt_page; /* reference counted, private to buffer.c */

enum lwt_buf_flags {
  /* Send: the checksum at csum_start + csum_offset is not computed; the field
   * holds the pseudo-header sum.  Receive: the same (the packet never crossed
   * a wire), the data may be trusted. */
  LWT_BUF_CSUM_PARTIAL = 1,
  /* Receive: the device has checked the transport checksum. */
  LWT_BUF_CSUM_VALID = 2,
  /* gso_size and gso_type are set: cut into segments on the way. */
  LWT_BUF_GSO = 4
};

enum lwt_buf_gso { LWT_GSO_TCPV4 = 1, LWT_GSO_TCPV6 = 4 };

struct lwt_buf {
  struct lwt_buf *next;        /* the packet's next slice */
  struct lwt_buf *next_packet; /* in a queue; first slice only */
  uint8_t *data;
  uint32_t len;
  uint32_t total;       /* bytes of the whole chain; first slice only */
  uint16_t csum_start;  /* from the first byte of the packet */
  uint16_t csum_offset; /* from csum_start */
  uint16_t gso_size;    /* payload bytes of each segment */
  uint8_t gso_type;     /* enum lwt_buf_gso */
  uint8_t flags;        /* enum lwt_buf_flags */
  struct lwt_page *page;
};

/* One slice with `headroom` bytes free in front and len bytes of room
 * (headroom + len <= LWT_PAGE_SIZE), data not initialised. */
LWT_API struct lwt_buf *lwt_buf_new(uint32_t headroom, uint32_t len);

/* A chain with len bytes (any size), headroom in the first slice. */
LWT_API struct lwt_buf *lwt_buf_chain(uint32_t headroom, uint32_t len);

/* A chain that holds a copy of len bytes. */
LWT_API struct lwt_buf *lwt_buf_copy_in(uint32_t headroom, const void *bytes,
                                        uint32_t len);

/* One slice on memory that is not a page (static content, a foreign buffer):
 * release(env) is called when the last slice goes; NULL: never. */
LWT_API struct lwt_buf *lwt_buf_foreign(const void *bytes, uint32_t len,
                                        void (*release)(void *), void *env);

/* Free a packet: all slices of the chain.  NULL is allowed. */
LWT_API void lwt_buf_free(struct lwt_buf *packet);
/* Free a queue of packets. */
LWT_API void lwt_buf_free_queue(struct lwt_buf *packets);

/* A second chain of slices on the bytes [offset, offset + len) of packet; no
 * copy.  The range must lie in the packet. */
LWT_API struct lwt_buf *lwt_buf_slice(const struct lwt_buf *packet,
                                      uint32_t offset, uint32_t len);

/* Open `len` bytes in front of the first slice.  If its page has no headroom,
 * or another slice shares the page, a slice is put in front.  Returns the new
 * first slice or NULL (the packet is then freed). */
LWT_API struct lwt_buf *lwt_buf_push(struct lwt_buf *packet, uint32_t len);

/* Drop bytes at the front or the end.  len <= total.  Slices that become empty
 * are freed, except the first, whose metadata stays. */
LWT_API struct lwt_buf *lwt_buf_pull(struct lwt_buf *packet, uint32_t len);
LWT_API void lwt_buf_trim(struct lwt_buf *packet, uint32_t len);

/* The first len bytes made contiguous in the first slice (len <= 2048).
 * Returns the first slice, or NULL when the packet is shorter or memory is
 * out; the packet is then freed. */
LWT_API struct lwt_buf *lwt_buf_pullup(struct lwt_buf *packet, uint32_t len);

/* Append the chain tail to packet. */
LWT_API void lwt_buf_append(struct lwt_buf *packet, struct lwt_buf *tail);

/* Copy bytes [offset, offset + len) out; returns what there was. */
LWT_API uint32_t lwt_buf_copy_out(const struct lwt_buf *packet,
                                  uint32_t offset, void *bytes, uint32_t len);

/* Whether the bytes in front of data may be written (nobody shares them). */
LWT_API int lwt_buf_writable(const struct lwt_buf *slice);

/* Slices and pages alive on this thread, and the most pages it may have
 * (default: no limit); beyond it, allocation fails as if memory were out. */
LWT_API size_t lwt_buf_live(void);
LWT_API size_t lwt_buf_pages(void);
LWT_API void lwt_buf_limit(size_t pages);

#ifdef __cplusplus
}
#endif

#endif
