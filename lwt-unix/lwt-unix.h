/* lwt-unix.h - promises on Unix: the loop, signals, tap.
 * SPDX-License-Identifier: ISC
 *
 * Threads, files, pipes and processes have headers of their own in lwt-unix/.
 *
 * A program needs this header only for what exists on Unix alone: sockets,
 * files and lwt_run() are reached through lwt/platform.h.
 *
 * The engine is libuv's.  By default a thread gets a loop of its own, made when
 * it is first needed; lwt_run() then waits in it.  A program that has a
 * uv_loop_t already attaches promises to it instead.
 *
 * When is nothing able to wake the loop?  lwt_run() returns LWT_EDEADLK if its
 * promise is pending, no timer is set, and libuv's loop is not alive: no
 * referenced handle is active and no request is under way.  Sockets hold a
 * reference only while a promise waits for them.  Promises of signals hold none,
 * so they do not keep a program's own uv_run() from returning; but a signal may
 * come at any time, so lwt_run() waits as long as one of them is pending.
 *
 * SIGPIPE: a write to a closed socket must be an error and not the program's
 * end.  lwt_platform_sockets() therefore ignores the signal, if its disposition
 * is the default.
 */
#ifndef LWT_UNIX_H
#define LWT_UNIX_H

#include <lwt/platform.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s; /* uv_loop_t in <uv.h> */

/* ---- The loop ---------------------------------------------------------- */

struct lwt_unix;

/* Let this thread's promises live on a loop that the program runs.  While it is
 * in uv_run(), promises progress: what is ready runs before and after each poll,
 * and uv_run() does not return while one sleeps.  lwt_run() works too, except
 * inside a callback of the loop, because uv_run() does not nest.  Do not give
 * the loop up before lwt_unix_detach().
 * Returns 0; LWT_EBUSY: this thread has an engine on a loop already (attach
 * first, or after lwt_platform_cleanup()); LWT_ENOMEM, LWT_EMFILE. */
LWT_API int lwt_unix_attach(struct uv_loop_s *loop, struct lwt_unix **u);

/* Look at the promises in the loop's next turn, and have a next turn.  Needed
 * only when nothing else keeps the program's loop alive, after promises were
 * made or settled outside of uv_run() or in a callback of the program. */
LWT_API void lwt_unix_wake(struct lwt_unix *u);

/* The way back.  What was opened stays open and works, but timers and pauses
 * rest.  The engine's handles are closed; when the program has run its loop once
 * more (and closed all else), uv_loop_close() returns 0. */
LWT_API void lwt_unix_detach(struct lwt_unix *u);

/* The loop of this thread's engine, to put handles of one's own on it; NULL
 * when memory is out. */
LWT_API struct uv_loop_s *lwt_unix_loop(void);

/* ---- Signals ----------------------------------------------------------- */

/* Fulfilled at the next delivery of signo to the process.  The disposition goes
 * back to the default when the last promise for signo has ended and its
 * callbacks have run: one that asks again there is not killed in between, and
 * what came in between counts as one with what it was called for.  LWT_EINVAL:
 * not a signal that can be caught. */
LWT_API lwt_t *lwt_unix_signal(int signo) LWT_MUST_USE;

/* kill -USR1 of a program with a loop prints lwt_dump() of each of its loops to
 * stderr, when the loop next looks.  Not if the signal's disposition was not the
 * default when the first loop was made, nor with LWT_DUMP_SIGNAL=0 in the
 * environment, nor after lwt_unix_signal(SIGUSR1).  For the whole process: 0
 * switches it off (other threads' loops still catch the signal, and are silent), 1
 * on again. */
LWT_API void lwt_unix_dump_signal(int on);

/* ---- One port for several loops ---------------------------------------- */

/* As lwt_stack_listen() of lwt_platform_sockets(), at an address where other loops,
 * of other threads or processes of this user, listen in the same way: the kernel
 * spreads the connections (SO_REUSEPORT).  LWT_EADDRINUSE: somebody listens there
 * who does not share.  LWT_ENOTSUP, LWT_EINVAL: the system cannot. */
LWT_API int lwt_unix_listen_shared(struct lwt_stack *stack, const struct lwt_addr *addr,
                                   unsigned backlog, struct lwt_listener **listener);

/* ---- Devices ----------------------------------------------------------- */

/* The Ethernet device behind the tap interface `ifname` (lwt_platform_netif()
 * with "tap:ifname").  A persistent interface that the user owns can be opened
 * without privilege:
 *
 *   ip tuntap add dev tap0 mode tap user $USER
 *   ip addr add 10.0.0.1/24 dev tap0; ip link set tap0 up
 *
 * With CAP_NET_ADMIN one that does not exist is made, and goes with the netif.
 * mac: our address on that Ethernet, NULL: a random local one.  The MTU is the
 * interface's.
 *
 * The netif has the offloads that the kernel agrees to (IFF_VNET_HDR): checksums
 * both ways, segmentation of TCP, received segments in one piece of up to 64 KB.
 * ",plain" behind the name switches them off.
 *
 * Returns 0; LWT_EPERM: neither ours nor privileged; LWT_EBUSY:
 * somebody has it open; LWT_EINVAL: no such name, or not a tap; LWT_ENODEV: the
 * system has no /dev/net/tun. */
LWT_API int lwt_unix_tap(const char *ifname, const uint8_t mac[6],
                         struct lwt_netif **netif);

/* The file or disk at path (lwt_platform_block() with "file:path"), in sectors of 512
 * bytes.  Read-only if asked for, or if it cannot be opened for writing.  It is locked
 * (flock) for as long as it is open: against all others, or, read-only, against who
 * writes.  Discarding makes a hole in the file, where the file system can.  Returns
 * 0; LWT_EBUSY: it is locked; LWT_EINVAL: its length is not a multiple of 512;
 * LWT_ENOTSUP: it is neither a file nor a disk; LWT_EISDIR, LWT_ENOENT, LWT_EACCES. */
LWT_API int lwt_unix_block(const char *path, int readonly, struct lwt_block **block);

/* ---- Counters ---------------------------------------------------------- */

struct lwt_unix_stats {
  uint64_t accept_errors; /* connections that the kernel could not hand over */
  uint64_t udp_dropped;   /* received datagrams without room, all endpoints */
  uint64_t udp_unsent;    /* datagrams to send without room */
};

/* Of a stack from lwt_platform_sockets(). */
LWT_API void lwt_unix_stats(struct lwt_stack *stack,
                            struct lwt_unix_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
