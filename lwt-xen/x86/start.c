/* start.c - from Xen's start info to main().
 * SPDX-License-Identifier: ISC
 *
 * The start info, the command line and the memory map are in RAM behind the
 * image: they are copied before any page is given out.
 */
#include "x86.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/memory.h>

#include <elf.h>
#include <string.h>

#define MAX_ARGS 128
#define MAX_ENV 16
#define MAX_AUX 12

extern const Elf64_Ehdr __ehdr_start;
int main(int argc, char **argv);
int __libc_start_main(int (*)(int, char **), int, char **, void (*)(void),
                      void (*)(void), void (*)(void));

static char command_line[4096];
static uint8_t secret[16]; /* AT_RANDOM: the C library's own */
static uint64_t early_tls[32];

/* argc, argv, NULL, environment, NULL, auxiliary vector: as a kernel lays them
 * out, because musl finds one behind the other. */
static uint64_t vector[MAX_ARGS + MAX_ENV + 2 + 2 * MAX_AUX];

/* ---- Memory ------------------------------------------------------------ */

static void add_ram(uint64_t start, uint64_t end)
{
  unsigned i = lwt__ram_n;

  start = (start + XEN_PAGE - 1) & ~(uint64_t)(XEN_PAGE - 1);
  end &= ~(uint64_t)(XEN_PAGE - 1);
  if (start < XEN_PAGE)
    start = XEN_PAGE;
  if (start >= end || lwt__ram_n == MAX_REGIONS)
    return;
  for (; i && lwt__ram[i - 1].start > start; i--)
    lwt__ram[i] = lwt__ram[i - 1];
  lwt__ram[i] = (struct region){ start, end };
  lwt__ram_n++;
}

/* Xen's own map: for version 0 of the start info, which has none. */
static void ask_map(void)
{
  struct __attribute__((packed)) {
    uint64_t addr, size;
    uint32_t type;
  } map[MAX_REGIONS];
  struct xen_memory_map op = { .nr_entries = MAX_REGIONS };
  unsigned i;

  set_xen_guest_handle(op.buffer, (void *)map);
  if (hypercall_memory_op(XENMEM_memory_map, &op))
    return;
  for (i = 0; i < op.nr_entries && i < MAX_REGIONS; i++)
    if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
      add_ram(map[i].addr, map[i].addr + map[i].size);
}

static void find_memory(const struct hvm_start_info *info)
{
  const struct hvm_memmap_table_entry *map;
  uint32_t i;

  if (info->version >= 1 && info->memmap_entries) {
    map = (const struct hvm_memmap_table_entry *)info->memmap_paddr;
    for (i = 0; i < info->memmap_entries; i++)
      if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
        add_ram(map[i].addr, map[i].addr + map[i].size);
  } else {
    ask_map();
  }
  if (!lwt__ram_n)
    lwt__xen_panic("no memory map");
}

/* ---- Arguments ----------------------------------------------------------- */

/* The next argument of *text, in place: words, 'as is', "with \" in it". */
static char *next_word(char **text)
{
  char *from = *text, *to, *word;
  char quote = 0;

  while (*from == ' ' || *from == '\t')
    from++;
  if (!*from)
    return NULL;
  for (word = to = from; *from && (quote || (*from != ' ' && *from != '\t')); from++) {
    if (quote ? *from == quote : (*from == '\'' || *from == '"')) {
      quote = quote ? 0 : *from;
      continue;
    }
    if (*from == '\\' && quote != '\'' && from[1])
      from++;
    *to++ = *from;
  }
  if (*from)
    from++;
  *to = '\0';
  *text = from;
  return word;
}

/* NAME=VALUE, the name of capitals, digits and underlines. */
static int is_variable(const char *word)
{
  size_t len = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

  return len && word[len] == '=';
}

static void build_vector(void)
{
  const Elf64_Ehdr *header = &__ehdr_start;
  const uint64_t aux[] = {
    AT_PHDR,   (uint64_t)header + header->e_phoff,
    AT_PHENT,  header->e_phentsize,
    AT_PHNUM,  header->e_phnum,
    AT_PAGESZ, XEN_PAGE,
    AT_ENTRY,  header->e_entry,
    AT_RANDOM, (uint64_t)secret,
    AT_CLKTCK, 100,
    AT_NULL,   0,
  };
  char *text = command_line, *word, *variables[MAX_ENV];
  uint64_t argc = 0, n = 0;

  _Static_assert(sizeof aux <= 2 * MAX_AUX * sizeof *aux, "room");
  vector[1 + argc++] = (uint64_t)"lwt-xen";
  while (argc < MAX_ARGS - 2 && (word = next_word(&text))) {
    if (argc == 1 && n < MAX_ENV && is_variable(word))
      variables[n++] = word;
    else
      vector[1 + argc++] = (uint64_t)word;
  }
  vector[0] = argc;
  /* a NULL after argv, one after the environment */
  memcpy(&vector[argc + 2], variables, n * sizeof *variables);
  memcpy(&vector[argc + n + 3], aux, sizeof aux);
}

/* ---- Start and end ------------------------------------------------------- */

void lwt__xen_end(unsigned reason)
{
  struct sched_shutdown op = { .reason = reason };

  for (;;)
    hypercall_sched_op(SCHEDOP_shutdown, &op);
}

void lwt__xen_panic(const char *why)
{
  lwt__say("lwt-xen: %s\n", why);
  lwt__console_flush(LWT_S(1));
  lwt__xen_end(SHUTDOWN_crash);
}

/* The C library's secret need not be strong: where there is no generator,
 * programs run, and only lwt_platform_random() fails. */
static void make_secret(void)
{
  uint64_t tsc = hypercall_tsc() * 0x9e3779b97f4a7c15u;

  if (hypercall_random(secret, sizeof secret)) {
    memcpy(secret, &tsc, 8);
    tsc ^= tsc >> 29;
    memcpy(secret + 8, &tsc, 8);
  }
}

void lwt__xen_start(const struct hvm_start_info *info)
{
  wrmsr(0xc0000100, (uint64_t)early_tls);
  early_tls[0] = (uint64_t)early_tls;
  if (!lwt__hypercall_init())
    for (;;)
      __asm__ volatile("hlt"); /* not on Xen: nobody to tell */
  lwt__traps_init();
  if (info->magic != XEN_HVM_START_MAGIC_VALUE)
    lwt__xen_panic("not started by the PVH protocol");
  if (info->cmdline_paddr)
    strncpy(command_line, (const char *)info->cmdline_paddr, sizeof command_line - 1);
  find_memory(info);
  lwt__memory_init((uint64_t)__image_end);
  lwt__paging_init();
  if (lwt__events_init() || lwt__console_init())
    lwt__xen_panic("no shared page or no console");
  make_secret();
  lwt__syscall_init();
  build_vector();
  __libc_start_main(main, (int)vector[0], (char **)&vector[1], NULL, NULL, NULL);
}
