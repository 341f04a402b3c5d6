/* fortify.c - what archives that were compiled for glibc with _FORTIFY_SOURCE call,
 * such as Debian's BearSSL, and musl does not have.
 * SPDX-License-Identifier: ISC
 *
 * The room behind `to` is known to the caller; what is more ends the domain.
 */
#include "x86.h"

#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room);
void *__memmove_chk(void *to, const void *from, size_t len, size_t room);
void *__memset_chk(void *to, int byte, size_t len, size_t room);

static void check(size_t len, size_t room)
{
  if (len > room)
    lwt__xen_panic("buffer overflow");
}

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room)
{
  check(len, room);
  return memcpy(to, from, len);
}

void *__memmove_chk(void *to, const void *from, size_t len, size_t room)
{
  check(len, room);
  return memmove(to, from, len);
}

void *__memset_chk(void *to, int byte, size_t len, size_t room)
{
  check(len, room);
  return memset(to, byte, len);
}
