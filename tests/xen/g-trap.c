/* g-trap.c - faults that must be reported.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

static const char constant[16] = "read-only";
static unsigned char code[16] = { 0xc3 }; /* ret */

__attribute__((noinline)) static void wild_write(volatile char *at)
{
  *at = 1;
  __asm__ volatile(""); /* no tail call */
}

__attribute__((noinline)) static int deep(volatile int n)
{
  volatile char room[1000];

  room[0] = (char)n;
  return n < 0 ? 0 : deep(n + 1) + room[0];
}

int main(int argc, char **argv)
{
  const char *how = argc > 1 ? argv[1] : "";

  printf("now: %s\n", how);
  if (!strcmp(how, "null"))
    wild_write(NULL);
  if (!strcmp(how, "text"))
    wild_write((char *)(uintptr_t)main);
  if (!strcmp(how, "constant"))
    wild_write((char *)(uintptr_t)constant);
  if (!strcmp(how, "data"))
    ((void (*)(void))(uintptr_t)code)();
  if (!strcmp(how, "stack"))
    return deep(0);
  if (!strcmp(how, "abort"))
    abort();
  printf("not ok - %s went unnoticed\n", how);
  return 0;
}
