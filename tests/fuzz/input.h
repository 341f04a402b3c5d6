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
} in;

static inline uint8_t byte(void)
{
  return in.at < in.end ? *in.at++ : 0;
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
