/* lwt/test.h - unit tests of promise code: TAP, virtual time, failing memory.
 * SPDX-License-Identifier: ISC
 *
 * A test program is a list of functions:
 *
 *   #define LWT_TEST_SHORT
 *   #include <lwt/test.h>
 *
 *   static void gives_up(void)
 *   {
 *     struct lwt_resolver r;
 *     lwt_t *p = lwt_with_timeout(LWT_S(10), lwt_task(&r));
 *
 *     lwt_test_advance(LWT_S(9));
 *     is_pending(p, "waits for nine seconds");
 *     lwt_test_advance(LWT_S(1));
 *     is_rejected(p, LWT_ETIMEDOUT, "gives up after ten");
 *     lwt_abandon(&r);
 *     lwt_drop(p);
 *   }
 *
 *   static const struct lwt_test tests[] = { LWT_TEST(gives_up) };
 *
 *   int main(int argc, char **argv)
 *   {
 *     return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
 *   }
 *
 * It prints the Test Anything Protocol and returns 0 if all passed.  Link it
 * with liblwt-test in place of liblwt (pkg-config: lwt-test): the same library
 * without pools, in which each promise is one allocation that can fail, and
 * whose misuse the sanitizers and valgrind see.
 *
 * All functions belong to the thread that runs the tests; the assertions may be
 * called from others, one at a time.
 */
#ifndef LWT_TEST_H
#define LWT_TEST_H

#include <inttypes.h>
#include <lwt.h>
#include <lwt/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Assertions -------------------------------------------------------------
 *
 * Each prints one line of TAP, named by a printf format, and returns whether
 * it passed.  With LWT_TEST_SHORT they also have names without lwt_. */

#define lwt_ok(cond, ...) \
  lwt_test_ok((cond) ? 1 : 0, #cond, LWT_WHERE, __VA_ARGS__)
#define lwt_is_int(got, want, ...) \
  lwt_test_int((intmax_t)(got), (intmax_t)(want), #got, LWT_WHERE, __VA_ARGS__)
/* NULL is equal to nothing. */
#define lwt_is_str(got, want, ...) \
  lwt_test_str((got), (want), #got, LWT_WHERE, __VA_ARGS__)
#define lwt_is_mem(got, want, len, ...) \
  lwt_test_mem((got), (want), (len), #got, LWT_WHERE, __VA_ARGS__)

/* All borrow p. */
#define lwt_is_pending(p, ...) \
  lwt_test_state((p), LWT_PENDING, 0, #p, LWT_WHERE, __VA_ARGS__)
/* The value is an integer or a pointer. */
#define lwt_is_fulfilled(p, value, ...)                                     \
  lwt_test_state((p), LWT_FULFILLED, (intptr_t)(value), #p, LWT_WHERE,      \
                 __VA_ARGS__)
#define lwt_is_rejected(p, code, ...) \
  lwt_test_state((p), LWT_REJECTED, (code), #p, LWT_WHERE, __VA_ARGS__)

/* Counts as passed, and says why it was not run. */
#define lwt_skip(why, ...) lwt_test_skip((why), __VA_ARGS__)

#ifdef LWT_TEST_SHORT
#define ok lwt_ok
#define is_int lwt_is_int
#define is_str lwt_is_str
#define is_mem lwt_is_mem
#define is_pending lwt_is_pending
#define is_fulfilled lwt_is_fulfilled
#define is_rejected lwt_is_rejected
#define skip lwt_skip
#endif

#define LWT__PRINTF(n) __attribute__((format(printf, n, n + 1)))
LWT_API LWT__PRINTF(4) int lwt_test_ok(int pass, const char *expr,
                                       const char *where, const char *name, ...);
LWT_API LWT__PRINTF(5) int lwt_test_int(intmax_t got, intmax_t want,
                                        const char *expr, const char *where,
                                        const char *name, ...);
LWT_API LWT__PRINTF(5) int lwt_test_str(const char *got, const char *want,
                                        const char *expr, const char *where,
                                        const char *name, ...);
LWT_API LWT__PRINTF(6) int lwt_test_mem(const void *got, const void *want,
                                        size_t len, const char *expr,
                                        const char *where, const char *name, ...);
LWT_API LWT__PRINTF(6) int lwt_test_state(lwt_t *p, enum lwt_state state,
                                          intptr_t word, const char *expr,
                                          const char *where, const char *name, ...);
LWT_API LWT__PRINTF(2) void lwt_test_skip(const char *why, const char *name, ...);

/* While muted, assertions print and count nothing.  Returns what was set. */
LWT_API int lwt_test_mute(int muted);
LWT_API int lwt_test_muted(void);

/* Print the plan; returns main()'s result: 0, or 1 if an assertion failed. */
LWT_API int lwt_test_done(void);

/* ---- A program of tests -------------------------------------------------------- */

struct lwt_test {
  const char *name;
  void (*run)(void);
  int memory; /* run it also with each allocation failing in turn */
};
#define LWT_TEST(function) { #function, function, 0 }
/* The function is run many times with assertions muted: whatever its promises
 * become, it must still settle every resolver and drop every handle. */
#define LWT_TEST_MEMORY(function) { #function, function, 1 }

/* Run n tests, each between lwt_test_begin() and lwt_test_end(), and print the
 * plan.  Arguments: --seed=N, --only=NAME, --list.  Returns main()'s result;
 * 2 if the arguments are wrong. */
LWT_API int lwt_test_main(int argc, char **argv, const struct lwt_test *tests,
                          size_t n);

/* Set up virtual time, at 0; the seed of lwt_seed(); no rejection lost yet. */
LWT_API void lwt_test_begin(void);

/* Assert that `name` left nothing behind: promises, timers, memory that
 * lwt_cleanup() gives back, rejections that nobody looked at; what is left is
 * shown.  Goes back to the engine before lwt_test_begin(). */
LWT_API int lwt_test_end(const char *name);

/* ---- Time and chance ---------------------------------------------------------- */

/* Run what can happen now, until only the passing of time helps.  Fails the
 * test if there is no end to it in 1,000,000 turns. */
LWT_API void lwt_test_idle(void);

/* The same, and then from deadline to deadline until `duration` has passed;
 * LWT_NEVER: until no deadline is left. */
LWT_API void lwt_test_advance(uint64_t duration);

/* The seed of this run: --seed, else LWT_TEST_SEED of the environment, else 1;
 * a failed assertion tells it. */
LWT_API uint64_t lwt_test_seed(void);

/* The next number of a sequence that the seed fixes, below n (0: any). */
LWT_API uint64_t lwt_test_random(uint64_t n);

/* Rejections that nobody looked at (lwt_on_lost()) since the last call; the
 * last of them goes to *error (may be NULL). */
LWT_API size_t lwt_test_lost(struct lwt_error *error);

/* ---- Memory -------------------------------------------------------------------- */

/* Count and fail allocations of the library from here on; before any other
 * call.  lwt_test_main() does it. */
LWT_API void lwt_test_memory(void);

/* Of the allocations that follow, let number `first` (from 1; 0: none) fail,
 * with `all` also those after it.  Counters start again. */
LWT_API void lwt_test_fail(size_t first, int all);

/* Memory is back; the counters go on. */
LWT_API void lwt_test_fail_no_more(void);

struct lwt_test_counts {
  size_t calls;  /* allocations since lwt_test_fail() */
  size_t failed; /* those that failed */
  size_t held;   /* allocated and not freed, since lwt_test_memory() */
};
LWT_API struct lwt_test_counts lwt_test_counted(void);

struct lwt_test_result {
  size_t runs;  /* with a failing allocation */
  size_t alive; /* the first run that left a promise alive; 0: none */
  size_t lost;  /* the first run that left more memory allocated than there was
                 * before; 0: none */
};

/* Call body(env) once, then for each of its allocations with that one failing,
 * then with that one and all later ones failing, until something is left
 * behind.  check(env, failed), if not NULL, follows each call with the number
 * of failed allocations. */
LWT_API struct lwt_test_result
lwt_test_each_allocation(void (*body)(void *env),
                         void (*check)(void *env, size_t failed), void *env);

#undef LWT__PRINTF
#ifdef __cplusplus
}
#endif

#endif
