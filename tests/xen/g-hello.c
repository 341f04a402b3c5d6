/* g-hello.c - arguments, printf, and the console both ways.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

struct chat {
  struct lwt_frame frame;
  char line[64];
  size_t n, got;
};

/* Answer lines until "bye". */
LWT_STEP chat_step(struct lwt_frame *frame)
{
  struct chat *c = (struct chat *)frame;
  struct lwt_flow *console = lwt_xen_console();

  lwt_begin(c);
  while (!strstr(c->line, "bye")) {
    lwt_await(c, &c->got,
              lwt_flow_read(console, c->line + c->n, sizeof c->line - 1 - c->n));
    c->n += c->got;
    c->line[c->n] = '\0';
    if (!strchr(c->line, '\n') && !strchr(c->line, '\r'))
      continue;
    lwt_await(c, lwt_flow_write(console, "heard ", 6));
    lwt_await(c, lwt_flow_write(console, c->line, c->n));
    c->n = 0;
  }
  lwt_end(c);
}

int main(int argc, char **argv)
{
  int i;

  printf("float %.3f\n", 3.25);
  check(argc == 4, "three arguments");
  check(argc == 4 && !strcmp(argv[1], "one") && !strcmp(argv[2], "two three") &&
          !strcmp(argv[3], "q\"x"),
        "words and quotes");
  for (i = 0; i < 2000; i++)
    printf("line %d of a long output, which fills the ring\n", i);
  printf("listening\n");
  check(lwt_run(LWT_GO(struct chat, chat_step, .n = 0)) == 0, "the console heard bye");
  check(lwt_live() == 0, "no promise is left");
  printf("end\n");
  return 0;
}
