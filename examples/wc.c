/* wc.c - counts the lines, words and bytes of its standard input.
 * SPDX-License-Identifier: ISC
 *
 *   wc [N]     also says which line is the longest; N: bytes of a line at most
 *
 * A reader in front of standard input, whatever that is (a file, a pipe, a
 * terminal), and a writer in front of standard output.
 */
#include <ctype.h>
#include <lwt-unix/pipe.h>
#include <lwt.h>
#include <lwt/io.h>
#include <stdlib.h>

struct wc {
  struct lwt_frame frame;
  struct lwt_flow *from, *to;
  size_t limit;
  struct lwt_reader in;
  struct lwt_writer out;
  struct lwt_chunk *line;
  struct lwt_error error;
  uint64_t lines, words, longest, longest_len;
};

static void count(struct wc *w)
{
  size_t i;
  int inside = 0;

  w->lines++;
  for (i = 0; i < w->line->len; i++) {
    int space = isspace((unsigned char)w->line->bytes[i]) != 0;

    w->words += !space && !inside;
    inside = !space;
  }
  if (w->line->len > w->longest_len) {
    w->longest = w->lines;
    w->longest_len = w->line->len;
  }
}

LWT_STEP wc_step(struct lwt_frame *frame)
{
  struct wc *w = (struct wc *)frame;

  lwt_begin(w);
  lwt_reader_init(&w->in, w->from, w->limit);
  lwt_defer(w, lwt_reader_fini, &w->in);
  lwt_writer_init(&w->out, w->to, 0);
  lwt_defer(w, lwt_writer_fini, &w->out);
  for (;;) {
    lwt_await_error(w, &w->error, &w->line, lwt_read_line(&w->in, w->limit));
    if (w->error.code || !w->line)
      break;
    count(w);
    lwt_chunk_free(w->line);
  }
  if (w->error.code == LWT_EMSGSIZE)
    lwt_await(w, lwt_print(&w->out, "line %llu is longer than %zu bytes\n",
                           (unsigned long long)w->lines + 1, w->limit));
  else if (w->error.code)
    lwt_throw(w, w->error.code, w->error.what);
  lwt_await(w, lwt_print(&w->out, "%llu lines, %llu words, %llu bytes\n",
                         (unsigned long long)w->lines, (unsigned long long)w->words,
                         (unsigned long long)lwt_reader_position(&w->in)));
  if (w->longest)
    lwt_await(w, lwt_print(&w->out, "line %llu is the longest: %llu bytes\n",
                           (unsigned long long)w->longest,
                           (unsigned long long)w->longest_len));
  lwt_await(w, lwt_writer_close(&w->out));
  lwt_end(w);
}

int main(int argc, char **argv)
{
  size_t limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
  struct lwt_flow *from, *to;
  int failed;

  if (!limit || lwt_unix_stdio(0, &from))
    return 2;
  if (lwt_unix_stdio(1, &to)) {
    lwt_flow_abort(from);
    return 2;
  }
  failed = lwt_run(
    LWT_GO(struct wc, wc_step, .from = from, .to = to, .limit = limit));
  lwt_flow_abort(from);
  return lwt_run(lwt_flow_close(to)) || failed;
}
