/* stack.c - memory for the stacks of fibers.
 * SPDX-License-Identifier: ISC
 *
 * Pages are taken from the system when they are touched first.  The guard is
 * larger than a page, because a function may reach beyond one page at once.  Each
 * stack and each guard counts as a mapping: Linux allows a process 65530, sysctl
 * vm.max_map_count.
 */
#include "unix.h"

#include <sys/mman.h>
#include <unistd.h>

#define GUARD ((size_t)64 * 1024)

void *lwt_platform_stack(size_t *size)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), guard = GUARD < page ? page : GUARD;
  char *map;

  if (*size > SIZE_MAX - guard - page)
    return NULL;
  *size = (*size + page - 1) / page * page;
  map = mmap(NULL, guard + *size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (map == MAP_FAILED)
    return NULL;
  if (mprotect(map, guard, PROT_NONE)) {
    munmap(map, guard + *size);
    return NULL;
  }
  return map + guard;
}

void lwt_platform_stack_free(void *stack, size_t size)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), guard = GUARD < page ? page : GUARD;

  munmap((char *)stack - guard, guard + size);
}
