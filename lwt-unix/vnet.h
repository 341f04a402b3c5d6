/* lwt-unix/vnet.h - the header of virtio-net before each frame; not installed.
 * SPDX-License-Identifier: ISC
 *
 * With IFF_VNET_HDR a tap device gives and takes this header (virtio 1.2, 5.1.6)
 * in front of the frame, in the byte order of the machine.  It says what the
 * metadata of struct lwt_buf says.
 */
#ifndef LWT_UNIX_VNET_H
#define LWT_UNIX_VNET_H

#include <lwt/buffer.h>

#include <linux/virtio_net.h>

/* What a frame to send needs of the device. */
void lwt__vnet_of(struct virtio_net_hdr *h, const struct lwt_buf *frame);

/* Set the metadata of a frame that was received with h.  Returns 0, or
 * LWT_EBADMSG: h does not fit the frame, or says what was not agreed on. */
int lwt__vnet_to(const struct virtio_net_hdr *h, struct lwt_buf *frame);

#endif
