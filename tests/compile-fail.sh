#!/bin/sh
# compile-fail.sh - mistakes that the compiler finds.
# SPDX-License-Identifier: ISC
#
# Each test is a mistake in an otherwise right program: with the mistake it must
# not compile under -Wall -Wextra -Werror, and the message must name it.
. "$(dirname "$0")/tap.sh"

flags="-x c -std=gnu11 -O2 -Wall -Wextra -Werror -I$top_srcdir -I$top_srcdir/lwt
  -o /dev/null -c"

# program LINE: the right program, LINE inside its step function.
program() {
  cat <<EOF
#include <lwt.h>
LWT_PROMISE(text, const char *);
LWT_PROMISE(number, int);
struct f { struct lwt_frame frame; const char *s; int n; void *p; struct lwt_error e; };
text *get_text(void);
number *get_number(void);
lwt_t *get(void);
void use(const char *s);
void call(void *p);
lwt_t *wait_for(void *p);
void look(int n);
LWT_STEP step(struct lwt_frame *frame)
{
  struct f *f = (struct f *)frame;
  lwt_begin(f);
  lwt_await(f, &f->s, get_text());
  lwt_await(f, &f->n, get_number());
  lwt_await(f, &f->p, get());
  lwt_await(f, get_text());
  lwt_await_error(f, &f->e, &f->n, get_number());
  lwt_await_error(f, &f->e, get());
  lwt_defer(f, call, f->p);
  lwt_defer(f, wait_for, f->p);
  $1
  use(f->s);
  lwt_finish(f, f->n);
  lwt_end(f);
}
lwt_t *go(void);
lwt_t *go(void) { return LWT_GO(struct f, step, .n = 1); }
EOF
}

right() {
  program "" | $1 $flags -
}

# wrong COMPILER LINE MESSAGE: a pattern that the compiler's message must have.
wrong() {
  if program "$2" | $1 $flags - 2>"$tap_dir/message"; then
    echo "it compiles"
    return 1
  fi
  cat "$tap_dir/message"
  grep -E -q "error: .*($3)" "$tap_dir/message"
}

for compiler in gcc clang; do
  if ! command -v $compiler >/dev/null; then
    skip "$compiler" "not installed"
    continue
  fi
  try "$compiler: without mistakes" right $compiler
  try "$compiler: a number for a text" wrong $compiler \
    'lwt_await(f, &f->n, get_text());' 'pointer to integer|integer from pointer'
  try "$compiler: a text for a number" wrong $compiler \
    'lwt_await(f, &f->s, get_number());' 'integer to pointer|pointer from integer'
  try "$compiler: a pointer to another type" wrong $compiler \
    'int *i; lwt_await(f, &i, get_text());' 'incompatible pointer'
  try "$compiler: the same with lwt_await_error" wrong $compiler \
    'lwt_await_error(f, &f->e, &f->n, get_text());' \
    'pointer to integer|integer from pointer'
  try "$compiler: an error for a value" wrong $compiler \
    'lwt_await(f, &f->e, get());' 'incompatible type|assigning to'
  try "$compiler: a typed promise where any is meant" wrong $compiler \
    'lwt_drop(get_text());' 'incompatible pointer'
  try "$compiler: an unused promise" wrong $compiler \
    'lwt_pause();' 'unused.result|ignoring return'
  try "$compiler: an unused bind" wrong $compiler \
    'lwt_map(get(), NULL, NULL);' 'unused.result|ignoring return'
  try "$compiler: an unused thread" wrong $compiler \
    'LWT_GO(struct f, step, .n = 2);' 'unused.result|ignoring return'
  try "$compiler: a deferred function of another type" wrong $compiler \
    'lwt_defer(f, look, f->p);' '[Gg]eneric'
  try "$compiler: an await outside a thread" wrong $compiler \
    '} void other(void); void other(void) { lwt_await(0, get()); return; ' 'undeclared'
done

# What does not survive an await: gcc by -Wall, clang by one more warning.
if command -v gcc >/dev/null; then
  try "gcc: a local that does not survive an await" wrong gcc \
    'int n = f->n; lwt_await(f, get()); look(n);' 'uninitialized'
fi
if command -v clang >/dev/null; then
  try "clang: a local that does not survive an await" wrong \
    'clang -Wconditional-uninitialized' \
    'int n = f->n; lwt_await(f, get()); look(n);' 'uninitialized'
fi
tap_done
