/* paging.c - page tables: one to one, W^X, nothing mapped that is not used.
 * SPDX-License-Identifier: ISC
 *
 * RAM is mapped by pages of 2 MiB, which are split where rights differ: around
 * the image, at the stack's guard, and where the program protects pages.
 * Unmapped are page 0, the guard below the stack, and all that is not RAM, until
 * somebody asks for it.
 */
#include "x86.h"

#include <string.h>

#define PRESENT 1ull
#define WRITABLE 2ull
#define LARGE 0x80ull
#define NO_EXECUTE (1ull << 63)
#define ADDRESS 0x000ffffffffff000ull

static uint64_t *root;

static uint64_t *new_table(void)
{
  uint64_t *table = (uint64_t *)lwt__frames_alloc(1, 1);

  return table ? memset(table, 0, XEN_PAGE) : NULL;
}

static uint64_t bits_of(int rights)
{
  if (!rights)
    return 0;
  return PRESENT | (rights & PAGE_WRITE ? WRITABLE : 0) |
         (rights & PAGE_EXEC ? 0 : NO_EXECUTE);
}

/* The table below an entry, made if there is none; a large page is split. */
static uint64_t *below(uint64_t *entry)
{
  uint64_t *table, bits;
  unsigned i;

  if ((*entry & PRESENT) && !(*entry & LARGE))
    return (uint64_t *)(*entry & ADDRESS);
  table = new_table();
  if (!table)
    return NULL;
  if (*entry & PRESENT) {
    bits = *entry & ~LARGE;
    for (i = 0; i < 512; i++)
      table[i] = bits + i * (uint64_t)XEN_PAGE;
  }
  *entry = (uint64_t)table | PRESENT | WRITABLE;
  return table;
}

/* The entry for address at level 1 (pages) or 2 (large ones). */
static uint64_t *entry_of(uint64_t address, int level)
{
  uint64_t *table = root;
  int l;

  for (l = 4; l > level; l--) {
    table = below(&table[address >> (12 + 9 * (l - 1)) & 511]);
    if (!table)
      return NULL;
  }
  return &table[address >> (12 + 9 * (level - 1)) & 511];
}

static void flush(uint64_t address)
{
  __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

int lwt__paging_set(uint64_t address, size_t n, int rights)
{
  uint64_t *entry;

  for (; n--; address += XEN_PAGE) {
    entry = entry_of(address, 1);
    if (!entry)
      return LWT_ENOMEM;
    *entry = rights ? address | bits_of(rights) : 0;
    flush(address);
  }
  return 0;
}

int lwt__paging_rights(uint64_t address)
{
  uint64_t *table = root, entry;
  int level;

  for (level = 4;; level--) {
    entry = table[address >> (12 + 9 * (level - 1)) & 511];
    if (!(entry & PRESENT))
      return 0;
    if (level == 1 || (entry & LARGE))
      return PAGE_READ | (entry & WRITABLE ? PAGE_WRITE : 0) |
             (entry & NO_EXECUTE ? 0 : PAGE_EXEC);
    table = (uint64_t *)(entry & ADDRESS);
  }
}

static int map_ram(const struct region *r)
{
  uint64_t address = r->start, *entry;

  while (address < r->end) {
    if (address % LARGE_PAGE == 0 && r->end - address >= LARGE_PAGE) {
      entry = entry_of(address, 2);
      if (!entry)
        return LWT_ENOMEM;
      *entry = address | bits_of(PAGE_READ | PAGE_WRITE) | LARGE;
      address += LARGE_PAGE;
    } else {
      if (lwt__paging_set(address, 1, PAGE_READ | PAGE_WRITE))
        return LWT_ENOMEM;
      address += XEN_PAGE;
    }
  }
  return 0;
}

static int protect(const char *from, const char *to, int rights)
{
  return lwt__paging_set((uint64_t)from, (size_t)(to - from) / XEN_PAGE, rights);
}

void lwt__paging_init(void)
{
  unsigned i;
  int error;

  root = new_table();
  error = root ? 0 : LWT_ENOMEM;
  for (i = 0; i < lwt__ram_n && !error; i++)
    error = map_ram(&lwt__ram[i]);
  if (error || lwt__paging_set(0, 1, 0) ||
      protect(__image_start, __text_end, PAGE_READ | PAGE_EXEC) ||
      protect(__text_end, __rodata_end, PAGE_READ) ||
      lwt__paging_set((uint64_t)__stack_guard, 1, 0))
    lwt__xen_panic("not enough memory for page tables");
  __asm__ volatile("mov %0, %%cr3" ::"r"(root) : "memory");
}

/* ---- Stacks of fibers ------------------------------------------------------ */

#define MAX_STACK (64u << 20)

void *lwt_platform_stack(size_t *size)
{
  size_t n = (*size + XEN_PAGE - 1) / XEN_PAGE;
  uint64_t guard;

  if (*size > MAX_STACK || !n)
    return NULL;
  guard = lwt__frames_alloc(n + 1, 1);
  if (!guard)
    return NULL;
  if (lwt__paging_set(guard, 1, 0)) {
    lwt__frames_free(guard, n + 1);
    return NULL;
  }
  *size = n * XEN_PAGE;
  return (void *)(guard + XEN_PAGE);
}

void lwt_platform_stack_free(void *stack, size_t size)
{
  uint64_t guard = (uint64_t)stack - XEN_PAGE;

  /* The tables for it are there already. */
  lwt__paging_set(guard, 1, PAGE_READ | PAGE_WRITE);
  lwt__frames_free(guard, size / XEN_PAGE + 1);
}
