/* lwipopts.h - lwIP as bench-lwip.c measures it: one thread, checksums, a large window.
 * SPDX-License-Identifier: ISC
 *
 * Only for lwIP from source (see net-ratios); Debian's library has its own.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_DHCP 0
#define LWIP_DNS 0
#define LWIP_RAW 0
#define LWIP_IPV6 0

#define MEM_ALIGNMENT 8
#define MEM_SIZE (64 << 20)
#define MEMP_NUM_PBUF 16384
#define MEMP_NUM_TCP_PCB 1024
#define MEMP_NUM_TCP_SEG 16384
#define PBUF_POOL_SIZE 8192
#define PBUF_POOL_BUFSIZE 1600

#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
#define TCP_WND (1 << 20)
#define TCP_SND_BUF (1 << 20)
#define TCP_SND_QUEUELEN 8192
#define TCP_SNDLOWAT 32768
#define TCP_SNDQUEUELOWAT 5
#define TCP_QUEUE_OOSEQ 1
#define TCP_LISTEN_BACKLOG 1
#define LWIP_CHECKSUM_ON_COPY 1

#endif
