/* doc-prelude.h - what the fragments in the documents may use.
 * SPDX-License-Identifier: ISC
 *
 * For tests/doc-code.sh, which compiles them and does not link them.
 */
#ifndef DOC_PRELUDE_H
#define DOC_PRELUDE_H

#include <stdlib.h>
#include <string.h>

#define LWT_TEST_SHORT
#include <lwt.h>
#include <lwt/content.h>
#include <lwt/engine.h>
#include <lwt/platform.h>
#include <lwt/stack.h>
#include <lwt/sync.h>
#include <lwt/test.h>

LWT_PROMISE(line_p, char *);

line_p *read_line(const char *host);
lwt_t *write_line(char *line); /* takes line */
lwt_t *read_into(void *source, char *bytes, size_t len);
lwt_map_fn to_upper;
lwt_catch_fn instead;
void beat(void);
void capitals(char *bytes, size_t len);
extern char a[100];

#endif
