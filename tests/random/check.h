/* check.h - one random program, on the library and on the model.
 * SPDX-License-Identifier: ISC
 */
#ifndef RANDOM_CHECK_H
#define RANDOM_CHECK_H

#include "program.h"

/* NULL, or what is wrong.  faults: with failing allocations, one in so many;
 * what happens before the first failure must be the model's, and afterwards
 * callbacks run at most once, finalizers once, values are dropped or taken
 * once, and nothing is left. */
const char *check(const struct program *p, unsigned faults);

/* Make the program shorter while something is wrong with it, and print it with
 * the first event in which the two differ. */
void check_explain(const struct program *p, unsigned faults);

#endif
