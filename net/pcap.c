/* net/pcap.c - captures for tcpdump and wireshark.
 * SPDX-License-Identifier: ISC
 *
 * The classic format with nanoseconds, in our byte order.  A checksum that was
 * left to the device is computed in the record, so that no reader complains.
 */
#include "../lwt/memory.h"

#include "pcap.h"

#include "checksum.h"
#include "net.h"

#include <string.h>

#define MAGIC 0xa1b23c4du
#define ETHERNET 1

struct lwt_net_pcap {
  FILE *out;
  uint64_t epoch; /* added to the engine's time */
  uint32_t snaplen;
  int error;
  uint64_t written, lost;
};

int lwt_net_pcap_new(FILE *out, uint32_t snaplen, uint64_t epoch,
                     struct lwt_net_pcap **pcap)
{
  uint32_t header[6] = { MAGIC, 0, 0, 0, snaplen ? snaplen : 262144, ETHERNET };
  struct lwt_net_pcap *p = lwt__alloc(sizeof *p);
  uint16_t version[2] = { 2, 4 };

  if (!p)
    return LWT_ENOMEM;
  memcpy(&header[1], version, sizeof version);
  *p = (struct lwt_net_pcap){ .out = out, .epoch = epoch, .snaplen = header[4] };
  if (fwrite(header, sizeof header, 1, out) != 1) {
    lwt__free(p);
    return LWT_EIO;
  }
  *pcap = p;
  return 0;
}

/* The sum that the device would have put in; -1 if there is none to put. */
static int32_t checksum(const struct lwt_buf *packet)
{
  uint16_t sum;

  if (!(packet->flags & LWT_BUF_CSUM_PARTIAL) || packet->flags & LWT_BUF_GSO ||
      (uint32_t)packet->csum_start + packet->csum_offset + 2 > packet->total)
    return -1;
  sum = (uint16_t)~net_sum_chain(packet, packet->csum_start,
                                 packet->total - packet->csum_start);
  return sum ? sum : 0xffff;
}

static int record(struct lwt_net_pcap *p, uint64_t time, const struct lwt_buf *packet)
{
  uint32_t left = packet->total < p->snaplen ? packet->total : p->snaplen, n;
  uint32_t header[4] = { (uint32_t)(time / LWT_S(1)), (uint32_t)(time % LWT_S(1)), left,
                         packet->total };
  int32_t sum = checksum(packet);
  uint32_t at = (uint32_t)packet->csum_start + packet->csum_offset;
  uint8_t front[256];

  if (fwrite(header, sizeof header, 1, p->out) != 1)
    return LWT_EIO;
  n = lwt_buf_copy_out(packet, 0, front, left < sizeof front ? left : sizeof front);
  if (sum >= 0 && at + 2 <= n)
    net_put16(front + at, (uint32_t)sum);
  if (n && fwrite(front, n, 1, p->out) != 1)
    return LWT_EIO;
  left -= n;
  for (; packet && left; packet = packet->next) {
    uint32_t part = packet->len;

    if (n >= part) {
      n -= part;
      continue;
    }
    part = part - n < left ? part - n : left;
    if (fwrite(packet->data + n, part, 1, p->out) != 1)
      return LWT_EIO;
    left -= part;
    n = 0;
  }
  return 0;
}

void net_pcap_write(struct lwt_net_pcap *p, uint64_t now, const struct lwt_buf *packet)
{
  if (!p)
    return;
  if (!p->error)
    p->error = record(p, p->epoch + now, packet);
  if (p->error)
    p->lost++;
  else
    p->written++;
}

uint64_t lwt_net_pcap_written(const struct lwt_net_pcap *pcap)
{
  return pcap->written;
}

int lwt_net_pcap_free(struct lwt_net_pcap *pcap)
{
  int error = pcap->error;

  if (fflush(pcap->out) && !error)
    error = LWT_EIO;
  lwt__free(pcap);
  return error;
}
