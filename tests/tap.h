/* tap.h - Test Anything Protocol for the programs in tests/.
 * SPDX-License-Identifier: ISC
 *
 * A test program calls ok(), is_int(), is_str() and ends with
 * `return tap_done();`, which prints the plan.
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Nothing is counted nor printed while tap_muted is set. */
#ifndef TAP_MUTED
#define TAP_MUTED 0
#endif
static int tap_count, tap_failures, tap_muted = TAP_MUTED;

#define ok(cond, ...) tap_ok((cond) ? 1 : 0, #cond, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) \
  tap_is_int((intmax_t)(got), (intmax_t)(want), #got, __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) \
  tap_is_str((got), (want), #got, __FILE__, __LINE__, __VA_ARGS__)
#define skip(why, ...) \
  do { \
    printf("ok %d - ", ++tap_count); \
    printf(__VA_ARGS__); \
    printf(" # SKIP %s\n", (why)); \
  } while (0)

__attribute__((format(printf, 5, 6), unused)) static int
tap_ok(int pass, const char *expr, const char *file, int line, const char *name, ...)
{
  char text[300];
  __builtin_va_list ap;

  if (tap_muted)
    return pass;
  __builtin_va_start(ap, name);
  vsnprintf(text, sizeof text, name, ap);
  __builtin_va_end(ap);
  printf("%sok %d - %s\n", pass ? "" : "not ", ++tap_count, text);
  if (!pass) {
    tap_failures++;
    printf("# %s:%d: %s\n", file, line, expr);
  }
  fflush(stdout);
  return pass;
}

__attribute__((format(printf, 6, 7), unused)) static int
tap_is_int(intmax_t got, intmax_t want, const char *expr, const char *file, int line,
           const char *name, ...)
{
  char text[300];
  __builtin_va_list ap;

  __builtin_va_start(ap, name);
  vsnprintf(text, sizeof text, name, ap);
  __builtin_va_end(ap);
  if (!tap_ok(got == want, expr, file, line, "%s", text) && !tap_muted)
    printf("# got %" PRIdMAX ", want %" PRIdMAX "\n", got, want);
  return got == want;
}

__attribute__((format(printf, 6, 7), unused)) static int
tap_is_str(const char *got, const char *want, const char *expr, const char *file,
           int line, const char *name, ...)
{
  char text[300];
  __builtin_va_list ap;
  int same = got && want && strcmp(got, want) == 0;

  __builtin_va_start(ap, name);
  vsnprintf(text, sizeof text, name, ap);
  __builtin_va_end(ap);
  if (!tap_ok(same, expr, file, line, "%s", text) && !tap_muted)
    printf("# got \"%s\", want \"%s\"\n", got ? got : "(null)", want ? want : "(null)");
  return same;
}

__attribute__((unused)) static int tap_done(void)
{
  printf("1..%d\n", tap_count);
  return tap_failures != 0;
}

#endif
