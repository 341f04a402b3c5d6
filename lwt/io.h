/* lwt/io.h - buffered reading and writing on any flow.
 * SPDX-License-Identifier: ISC
 *
 *   struct lwt_reader in;
 *   struct lwt_chunk *line;
 *
 *   lwt_reader_init(&in, flow, 65536);
 *   lwt_defer(f, lwt_reader_fini, &in);
 *   for (;;) {
 *     lwt_await(f, &line, lwt_read_line(&in, 1000));
 *     if (!line)
 *       break;
 *     puts(line->bytes);
 *     lwt_chunk_free(line);
 *   }
 *
 * A reader or writer lives in the caller's memory, does not move, and borrows the
 * flow, of which nobody else uses that side meanwhile.  Its buffer grows up to
 * its limit.
 *
 * Rules for every operation here, stated once:
 *
 *   Order       One operation at a time: one that is begun while another is
 *               pending waits for its turn, first come, first served, and gets
 *               what comes next.
 *   Memory      What the caller passes by pointer stays valid until the promise
 *               settles.
 *   Cancelling  A pending read that is cancelled or dropped has taken nothing
 *               (a skip: what the position says), and the next one gets those
 *               bytes.  What a fulfilled promise holds is dropped with it: where
 *               reads compete, let lwt_peek() compete and read afterwards.
 *   Failure     A rejected read has taken nothing either.  LWT_EOF: the stream
 *               ends here.  LWT_ENODATA: it ends in the middle.  LWT_EMSGSIZE:
 *               more bytes than a limit allows.  LWT_ECONNABORTED: it was
 *               finished.  LWT_ENOMEM, and the errors of the flow.
 */
#ifndef LWT_IO_H
#define LWT_IO_H

#include <lwt/flow.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* flexible array members */
#endif

/* Some bytes, and a NUL after them that len does not count. */
struct lwt_chunk {
  size_t len;
  char bytes[];
};
LWT_PROMISE(lwt_chunk_p, struct lwt_chunk *);
/* NULL is allowed. */
LWT_API void lwt_chunk_free(void *chunk);

/* Private. */
struct lwt_lane {
  struct lwt__op *first, *last;
  struct lwt_lane *root;
};
struct lwt_io_bytes {
  char *bytes;
  size_t start, len, capacity;
};

/* ---- Readers ----------------------------------------------------------- */

struct lwt_reader {
  struct lwt_lane lane;
  struct lwt_flow *flow;
  struct lwt_io_bytes buffer;
  size_t limit;
  uint64_t position;
  struct lwt__pending *pending;
};

/* limit: bytes that the buffer holds at most, and with it the longest line,
 * number of bytes to peek at, and so on (0: 65536).  Takes no memory yet. */
LWT_API void lwt_reader_init(struct lwt_reader *r, struct lwt_flow *flow,
                             size_t limit);

/* For lwt_defer(): takes a struct lwt_reader *.  Frees the buffer with what is
 * in it; pending operations are rejected with LWT_ECONNABORTED.  The flow stays
 * open.  Not while a section is open. */
LWT_API void lwt_reader_fini(void *r);

/* The next line without its end, "\n" or "\r\n"; a last one may lack it.  NULL
 * at the end of the stream.  LWT_EMSGSIZE: longer than limit. */
LWT_API lwt_chunk_p *lwt_read_line(struct lwt_reader *r,
                                   size_t limit) LWT_MUST_USE;

/* What comes before the mark, which is taken as well: 1 to LWT_MARK_MAX bytes.
 * NULL at the end of the stream; LWT_ENODATA: it ends without a mark. */
#define LWT_MARK_MAX 16
LWT_API lwt_chunk_p *lwt_read_until(struct lwt_reader *r, const void *mark,
                                    size_t len, size_t limit) LWT_MUST_USE;

/* n bytes. */
LWT_API lwt_chunk_p *lwt_read_exactly(struct lwt_reader *r,
                                      size_t n) LWT_MUST_USE;

/* Everything up to the end, which may be nothing. */
LWT_API lwt_chunk_p *lwt_read_all(struct lwt_reader *r,
                                  size_t limit) LWT_MUST_USE;

/* 1 to len bytes, 0 at the end: like the flow's read. */
LWT_API lwt_size_p *lwt_read_some(struct lwt_reader *r, void *bytes,
                                  size_t len) LWT_MUST_USE;

/* Wait until n bytes are in the buffer and take none.  The value is how many
 * there are: fewer than n only at the end. */
LWT_API lwt_size_p *lwt_peek(struct lwt_reader *r, size_t n) LWT_MUST_USE;
/* The bytes in the buffer, valid until the next operation. */
LWT_API const void *lwt_reader_buffered(const struct lwt_reader *r, size_t *n);

/* Forget n bytes, which may be more than the limit. */
LWT_API lwt_t *lwt_read_skip(struct lwt_reader *r, size_t n) LWT_MUST_USE;

/* The number in 1, 2, 4 or 8 bytes (else LWT_EINVAL) goes to *to, an integer or
 * floating-point variable of that size. */
enum lwt_order { LWT_LITTLE, LWT_BIG };
#define lwt_read_number(r, order, to) \
  lwt_read_number_of((r), (order), (to), sizeof *(to))
LWT_API lwt_t *lwt_read_number_of(struct lwt_reader *r, enum lwt_order order,
                                  void *to, size_t size) LWT_MUST_USE;

/* Bytes taken so far. */
LWT_API uint64_t lwt_reader_position(const struct lwt_reader *r);

/* Several operations that others do not come between.  When it is its turn,
 * body(env, inner) runs: it reads from `inner`, and from nothing else that leads
 * to this reader.  The section ends when the promise that body returns has
 * settled and the operations on inner have ended; inner is gone then.  The
 * result is that promise's.  Sections nest. */
typedef lwt_t *lwt_reader_fn(void *env, struct lwt_reader *inner);
LWT_API lwt_t *lwt_reader_atomic(struct lwt_reader *r, lwt_reader_fn *body,
                                 void *env) LWT_MUST_USE;

/* ---- Writers ----------------------------------------------------------- */

struct lwt_writer {
  struct lwt_lane lane;
  struct lwt_flow *flow;
  struct lwt_io_bytes filling, sending;
  size_t limit;
  uint64_t position;
  struct lwt_error error;
  struct lwt__pending *pending, *turn;
  int closed;
};

/* limit: bytes that are buffered at most (0: 65536).  Takes no memory yet.  The
 * writer borrows the flow, whose writing side nobody else uses meanwhile.
 *
 * What is written is sent when it is flushed, when the buffer is full, and in any
 * case on the loop's next turn.  If the flow fails, what is buffered is lost, and
 * every operation from then on is rejected with the flow's error. */
LWT_API void lwt_writer_init(struct lwt_writer *w, struct lwt_flow *flow,
                             size_t limit);

/* For lwt_defer(): take a struct lwt_writer *.
 *
 * close: send everything, shut the flow's writing side down, and free the buffer;
 * what is written afterwards is rejected with LWT_EPIPE.  Rejected if not
 * everything was sent; the buffer is then freed as well.  If it is cancelled,
 * the writer stays open.  fini: free the buffer at once; what was not sent is
 * lost, pending operations are rejected with LWT_ECONNABORTED.  Neither closes
 * the flow; neither while a section is open. */
LWT_API lwt_t *lwt_writer_close(void *w) LWT_MUST_USE;
LWT_API void lwt_writer_fini(void *w);

/* All bytes, in one piece whoever else writes; fulfilled when they are buffered.
 * A write that is cancelled while it waits for room has buffered a part, which
 * the position tells. */
LWT_API lwt_t *lwt_write_all(struct lwt_writer *w, const void *bytes,
                             size_t len) LWT_MUST_USE;

/* As many as there is room for, at least one; the value is how many. */
LWT_API lwt_size_p *lwt_write(struct lwt_writer *w, const void *bytes,
                              size_t len) LWT_MUST_USE;

/* As printf(); the text is made in the call.  LWT_EMSGSIZE: longer than the
 * limit. */
LWT_API lwt_t *lwt_print(struct lwt_writer *w, const char *format, ...)
  __attribute__((format(printf, 2, 3))) LWT_MUST_USE;
LWT_API lwt_t *lwt_vprint(struct lwt_writer *w, const char *format, va_list args)
  __attribute__((format(printf, 2, 0))) LWT_MUST_USE;

/* The variable *from, as lwt_read_number() reads it; copied in the call. */
#define lwt_write_number(w, order, from) \
  lwt_write_number_of((w), (order), (from), sizeof *(from))
LWT_API lwt_t *lwt_write_number_of(struct lwt_writer *w, enum lwt_order order,
                                   const void *from, size_t size) LWT_MUST_USE;

/* Fulfilled when the flow has taken all that was written before.  Cancelling it
 * stops nothing. */
LWT_API lwt_t *lwt_flush(struct lwt_writer *w) LWT_MUST_USE;

/* Bytes that the flow has not taken yet; all bytes that were buffered so far. */
LWT_API size_t lwt_writer_buffered(const struct lwt_writer *w);
LWT_API uint64_t lwt_writer_position(const struct lwt_writer *w);

/* As lwt_reader_atomic(). */
typedef lwt_t *lwt_writer_fn(void *env, struct lwt_writer *inner);
LWT_API lwt_t *lwt_writer_atomic(struct lwt_writer *w, lwt_writer_fn *body,
                                 void *env) LWT_MUST_USE;

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
