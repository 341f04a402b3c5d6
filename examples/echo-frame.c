/* echo-frame.c - tutorial: the echo once more, in direct style.
 * SPDX-License-Identifier: ISC
 */
#include <lwt.h>
#include <stdlib.h>
#include <string.h>

#define LINES 10

/* A promise of a line.  With a type of its own the compiler checks what it is
 * awaited into. */
LWT_PROMISE(line_p, char *);

static lwt_t *make_line(void *env, void *value)
{
  char *line = malloc(21);

  (void)env, (void)value;
  if (!line)
    return lwt_fail(LWT_ENOMEM, "read_line");
  memset(line, 'a', 20);
  line[1 + rand() % 20] = '\0';
  return lwt_return_owned(line, free);
}

/* Up to a tenth of a second later, a line. */
static line_p *read_line(void)
{
  return (line_p *)lwt_bind(lwt_sleep(LWT_MS(rand() % 100)), make_line, NULL);
}

struct echo {
  struct lwt_frame frame;
  int lines;
  char *line;
};

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct echo *e = (struct echo *)frame;

  lwt_begin(e);
  for (; e->lines > 0; e->lines--) {
    lwt_await(e, &e->line, read_line());
    puts(e->line);
    free(e->line);
  }
  lwt_end(e);
}

int main(void)
{
  return lwt_run(LWT_GO(struct echo, echo_step, .lines = LINES)) != 0;
}
