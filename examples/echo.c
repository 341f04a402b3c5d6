/* echo.c - lines come in now and then; say each of them again, ten times.
 * SPDX-License-Identifier: ISC
 *
 * The second exercise of the tutorial of Lwt: a dummy input that gives a line
 * of random length after a random time, and a loop that echoes.  The loop is
 * written in bind style; echo-server.c does the same over the network, with
 * frames.
 */
#include <lwt.h>
#include <stdlib.h>
#include <string.h>

#define LINES 10

/* The value of a promise is one word.  This one must be freed: it goes with
 * the function that does it, and is freed even if nobody takes it. */
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
static lwt_t *read_line(void)
{
  return lwt_bind(lwt_sleep(LWT_MS(rand() % 100)), make_line, NULL);
}

/* `env` is what the bind was given: here the number of lines to come.  The
 * value, the line, is ours now. */
static lwt_t *echo(void *env, void *line)
{
  int *lines = env;

  printf("%s\n", (char *)line);
  free(line);
  if (--*lines == 0)
    return lwt_return(NULL);
  /* Around again.  This is no recursion: echo() returns before it is called
   * the next time, and the new promise takes the place of the old one.  It
   * could go on for ever in the same memory. */
  return lwt_bind(read_line(), echo, lines);
}

int main(void)
{
  int lines = LINES;

  return lwt_run(lwt_bind(read_line(), echo, &lines)) != 0;
}
