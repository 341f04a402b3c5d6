/* lwt/flow.h - contract: a byte stream both ways.
 * SPDX-License-Identifier: ISC
 *
 * Implemented by TCP (net/), sockets (lwt-unix) and the in-memory pipe
 * (lwt/pipe.c); used by HTTP and everything above.
 *
 * At most one read and one write may be pending at a time: a second is
 * rejected with LWT_EBUSY.  Cancelling a pending read loses no byte.
 * Cancelling a pending write leaves unsaid how much was sent: abort the flow.
 */
#ifndef LWT_FLOW_H
#define LWT_FLOW_H

#include <lwt/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An IP address and port.  family 4 or 6 (0: unset); ip holds 4 or 16 bytes in
 * network order; port in host order; scope: the interface index of a
 * link-local address, else 0. */
struct lwt_addr {
  uint8_t family;
  uint8_t ip[16];
  uint16_t port;
  uint32_t scope;
};

/* "192.0.2.1", "2001:db8::1" without port.  Returns 0 or LWT_EINVAL; the port
 * is set to 0. */
LWT_API int lwt_addr_parse(struct lwt_addr *addr, const char *text);
/* "192.0.2.1:80", "[2001:db8::1]:80"; size LWT_ADDR_TEXT is always enough.
 * Returns text. */
#define LWT_ADDR_TEXT 64
LWT_API char *lwt_addr_format(const struct lwt_addr *addr, char *text,
                              size_t size);
/* Same family, address and port. */
LWT_API int lwt_addr_equal(const struct lwt_addr *a, const struct lwt_addr *b);

struct lwt_flow;

/* Number of bytes of a read. */
LWT_PROMISE(lwt_size_p, size_t);
LWT_PROMISE(lwt_buf_p, struct lwt_buf *);
LWT_PROMISE(lwt_flow_p, struct lwt_flow *);

struct lwt_flow_ops {
  /* 1 to len bytes into bytes, 0 at the end of the stream.  bytes must stay
   * valid until the promise settles. */
  lwt_size_p *(*read)(struct lwt_flow *flow, void *bytes, size_t len);

  /* The same without a copy: a chain of at least one byte, NULL at the end of
   * the stream.  The caller frees it. */
  lwt_buf_p *(*read_buf)(struct lwt_flow *flow, size_t max);

  /* All of it, or an error.  Fulfilled when the flow has taken the bytes (a
   * full window waits here); bytes must stay valid until then. */
  lwt_t *(*write)(struct lwt_flow *flow, const void *bytes, size_t len);

  /* The same without a copy.  Takes the chain. */
  lwt_t *(*write_buf)(struct lwt_flow *flow, struct lwt_buf *chain);

  /* No more writes: the peer reads to the end.  Reading goes on. */
  lwt_t *(*shutdown)(struct lwt_flow *flow);

  /* Send what is queued, close both sides, and free the flow, which may not
   * be used any more.  Fulfilled when the peer has everything (TCP: when the
   * connection no longer needs the program), rejected if it did not get it;
   * freed in any case.  Dropping the promise lets it go on in peace. */
  lwt_t *(*close)(struct lwt_flow *flow);

  /* Free the flow now; TCP sends RST.  Pending reads and writes are rejected
   * with LWT_ECONNABORTED. */
  void (*abort)(struct lwt_flow *flow);

  /* The other end and this end; family 0 if there is no address. */
  struct lwt_addr (*peer)(struct lwt_flow *flow);
  struct lwt_addr (*local)(struct lwt_flow *flow);
};

struct lwt_flow {
  const struct lwt_flow_ops *ops;
};

static inline lwt_size_p *lwt_flow_read(struct lwt_flow *flow, void *bytes,
                                        size_t len)
{
  return flow->ops->read(flow, bytes, len);
}
static inline lwt_buf_p *lwt_flow_read_buf(struct lwt_flow *flow, size_t max)
{
  return flow->ops->read_buf(flow, max);
}
static inline lwt_t *lwt_flow_write(struct lwt_flow *flow, const void *bytes,
                                    size_t len)
{
  return flow->ops->write(flow, bytes, len);
}
static inline lwt_t *lwt_flow_write_buf(struct lwt_flow *flow,
                                        struct lwt_buf *chain)
{
  return flow->ops->write_buf(flow, chain);
}
static inline lwt_t *lwt_flow_shutdown(struct lwt_flow *flow)
{
  return flow->ops->shutdown(flow);
}
/* For lwt_defer(): takes a struct lwt_flow *. */
static inline lwt_t *lwt_flow_close(void *flow)
{
  return ((struct lwt_flow *)flow)->ops->close((struct lwt_flow *)flow);
}
static inline void lwt_flow_abort(void *flow)
{
  ((struct lwt_flow *)flow)->ops->abort((struct lwt_flow *)flow);
}
static inline struct lwt_addr lwt_flow_peer(struct lwt_flow *flow)
{
  return flow->ops->peer(flow);
}
static inline struct lwt_addr lwt_flow_local(struct lwt_flow *flow)
{
  return flow->ops->local(flow);
}

/* Two connected flows in memory, each holding at most `capacity` bytes that
 * were written and not read.  Returns 0 or LWT_ENOMEM. */
LWT_API int lwt_pipe(struct lwt_flow *ends[2], size_t capacity);

/* Read from `from` and write to `to` until the end of the stream, then shut
 * `to` down.  Copies no payload.  Borrows both flows.  The value is the number
 * of bytes. */
LWT_API lwt_size_p *lwt_flow_splice(struct lwt_flow *from,
                                    struct lwt_flow *to) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
