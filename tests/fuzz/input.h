/* input.h - the bytes of a fuzzer's input, one after the other; zeros behind its end.
 * SPDX-License-Identifier: ISC
 *
 * For targets that run promises.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <lwt.h>

#include <stdint.h>
#include <stdlib.h>

static struct {
  const uint8_t *at, *end;
} script;

static inline uint8_t byte(void)
{
  return script.at < script.end ? *script.at++ : 0;
}

/* A number of so many bytes, of fewer at the end. */
static inline uint32_t take(int bytes)
{
  uint32_t v = 0;

  while (bytes-- > 0 && script.at < script.end)
    v = v << 8 | *script.at++;
  return v;
}

static inline void check(int right)
{
  if (!right)
    abort();
}

static inline int run(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

#endif
