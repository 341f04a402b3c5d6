/* vnet.c - packet metadata as the header of virtio-net, and back.
 * SPDX-License-Identifier: ISC
 */
#include "vnet.h"

#include <string.h>

#define TCP_LEAST 20u
#define TCP_CWR 0x80u

/* The device copies the headers of each segment: to the end of TCP's.  CWR is
 * for the first segment only (RFC 3168 6.1.2), which it must be told. */
static void segmentation(struct virtio_net_hdr *h, const struct lwt_buf *frame)
{
  uint8_t offset_flags[2] = { 0, 0 };

  lwt_buf_copy_out(frame, frame->csum_start + 12u, offset_flags, 2);
  h->gso_type = frame->gso_type == LWT_GSO_TCPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
                                                 : VIRTIO_NET_HDR_GSO_TCPV4;
  if (offset_flags[1] & TCP_CWR)
    h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
  h->gso_size = frame->gso_size;
  h->hdr_len = (uint16_t)(frame->csum_start + (offset_flags[0] >> 4) * 4u);
}

void lwt__vnet_of(struct virtio_net_hdr *h, const struct lwt_buf *frame)
{
  memset(h, 0, sizeof *h);
  if (!(frame->flags & LWT_BUF_CSUM_PARTIAL))
    return;
  h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  h->csum_start = frame->csum_start;
  h->csum_offset = frame->csum_offset;
  if (frame->flags & LWT_BUF_GSO)
    segmentation(h, frame);
}

static int checksum_to(const struct virtio_net_hdr *h, struct lwt_buf *frame)
{
  if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
    if ((uint32_t)h->csum_start + h->csum_offset + 2u > frame->total)
      return LWT_EBADMSG;
    frame->csum_start = h->csum_start;
    frame->csum_offset = h->csum_offset;
    frame->flags |= LWT_BUF_CSUM_PARTIAL;
  } else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
    frame->flags |= LWT_BUF_CSUM_VALID;
  }
  return 0;
}

int lwt__vnet_to(const struct virtio_net_hdr *h, struct lwt_buf *frame)
{
  uint8_t type = (uint8_t)(h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN);

  if (checksum_to(h, frame))
    return LWT_EBADMSG;
  if (type == VIRTIO_NET_HDR_GSO_NONE)
    return 0;
  if ((type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6) ||
      !h->gso_size || !(frame->flags & LWT_BUF_CSUM_PARTIAL) ||
      frame->csum_start + TCP_LEAST > frame->total)
    return LWT_EBADMSG;
  frame->gso_type = type == VIRTIO_NET_HDR_GSO_TCPV4 ? LWT_GSO_TCPV4 : LWT_GSO_TCPV6;
  frame->gso_size = h->gso_size;
  frame->flags |= LWT_BUF_GSO;
  return 0;
}
