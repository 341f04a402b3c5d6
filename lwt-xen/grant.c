/* grant.c - the grant table, version 1: which pages another domain may use.
 * SPDX-License-Identifier: ISC
 *
 * Granted pages are made for that, zeroed, and hold nothing else: a backend sees
 * whole pages.  The end of a grant is strict.  While the other domain has the page
 * mapped, neither the reference nor the page is used again: they are parked, and
 * looked at again when somebody needs a reference or memory, when a device connects,
 * and after a resume.
 *
 * The table grows by frames of 512 entries up to what the host allows.
 */
#include "xen.h"

#include <string.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define PER_FRAME (XEN_PAGE / sizeof(grant_entry_v1_t))
#define MAX_FRAMES 256u
#define RESERVED 8u /* the toolstack's: console, xenstore */

/* What is not in the shared table: the next free or parked one, and the page. */
struct slot {
  uint32_t next;
  void *page;
};

static grant_entry_v1_t *table;
static struct slot *slots[MAX_FRAMES];
static uint32_t n_frames, max_frames;
static uint32_t first_free, first_parked;
static struct lwt__grant_stats stats;

static struct slot *slot_of(uint32_t ref)
{
  return &slots[ref / PER_FRAME][ref % PER_FRAME];
}

static int map_frame(uint32_t index)
{
  struct xen_add_to_physmap op = {
    .domid = DOMID_SELF,
    .space = XENMAPSPACE_grant_table,
    .idx = index,
    .gpfn = hypercall_frame((char *)table + (size_t)index * XEN_PAGE)
  };

  return hypercall_memory_op(XENMEM_add_to_physmap, &op) ? LWT_EIO : 0;
}

static int init(void)
{
  struct gnttab_query_size op = { .dom = DOMID_SELF };

  if (hypercall_grant_table_op(GNTTABOP_query_size, &op, 1) || op.status ||
      !op.max_nr_frames)
    return LWT_ENOSYS;
  max_frames = op.max_nr_frames < MAX_FRAMES ? op.max_nr_frames : MAX_FRAMES;
  table = hypercall_window(max_frames);
  return table ? 0 : LWT_ENOMEM;
}

static int grow(void)
{
  struct slot *more;
  uint32_t i;
  int error = table ? 0 : init();

  if (error)
    return error;
  if (n_frames == max_frames)
    return LWT_ENOSPC;
  more = lwt__alloc(PER_FRAME * sizeof *more);
  if (!more)
    return LWT_ENOMEM;
  error = map_frame(n_frames);
  if (error) {
    lwt__free(more);
    return error;
  }
  slots[n_frames] = more;
  for (i = PER_FRAME; i-- > (n_frames ? 0 : RESERVED);) {
    more[i] = (struct slot){ first_free, NULL };
    first_free = n_frames * (uint32_t)PER_FRAME + i;
  }
  n_frames++;
  return 0;
}

/* Take the entry back, unless the other domain is using it. */
static int revoke(uint32_t ref)
{
  uint16_t flags = READ_ONCE(table[ref].flags);

  do {
    if (flags & (GTF_reading | GTF_writing))
      return LWT_EBUSY;
  } while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, (uint16_t)0, 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  return 0;
}

static void release(uint32_t ref)
{
  hypercall_pages_free(slot_of(ref)->page, 1);
  *slot_of(ref) = (struct slot){ first_free, NULL };
  first_free = ref;
  stats.granted--;
}

/* Those that the other domain has let go meanwhile. */
static void look_at_parked(void)
{
  uint32_t ref = first_parked, next;

  first_parked = 0;
  for (; ref; ref = next) {
    next = slot_of(ref)->next;
    if (revoke(ref) == 0) {
      stats.parked--;
      release(ref);
    } else {
      slot_of(ref)->next = first_parked;
      first_parked = ref;
    }
  }
}

static int grant(uint16_t domain, int readonly, void *page, uint32_t *ref)
{
  uint64_t frame = hypercall_frame(page);
  int error;

  if (frame > UINT32_MAX)
    return LWT_ERANGE;
  if (!first_free && first_parked)
    look_at_parked();
  if (!first_free && (error = grow()))
    return error;
  *ref = first_free;
  first_free = slot_of(*ref)->next;
  slot_of(*ref)->page = page;
  table[*ref].frame = (uint32_t)frame;
  table[*ref].domid = domain;
  xen_wmb();
  WRITE_ONCE(table[*ref].flags, GTF_permit_access | (readonly ? GTF_readonly : 0));
  stats.granted++;
  lwt__counts.grants++;
  return 0;
}

/* Zeroed; NULL: no memory, not even in those that are parked. */
static void *new_pages(size_t n)
{
  void *pages = hypercall_pages(n);

  if (!pages && first_parked) {
    look_at_parked();
    pages = hypercall_pages(n);
  }
  return pages;
}

int lwt__grant_page(uint16_t domain, int readonly, void **page, uint32_t *ref)
{
  int error;

  *page = new_pages(1);
  if (!*page)
    return LWT_ENOMEM;
  error = grant(domain, readonly, *page, ref);
  if (error)
    hypercall_pages_free(*page, 1);
  return error;
}

int lwt__grant_pages(uint16_t domain, size_t n, void **pages, uint32_t refs[])
{
  char *first;
  size_t i;
  int error = 0;

  look_at_parked();
  first = hypercall_pages(n);
  if (!first)
    return LWT_ENOMEM;
  for (i = 0; i < n && !error; i++)
    error = grant(domain, 0, first + i * XEN_PAGE, &refs[i]);
  if (error) {
    i--;
    hypercall_pages_free(first + i * XEN_PAGE, n - i);
    while (i--)
      lwt__grant_end(refs[i]);
    return error;
  }
  *pages = first;
  return 0;
}

int lwt__grant_end(uint32_t ref)
{
  int error = revoke(ref);

  if (error) {
    slot_of(ref)->next = first_parked;
    first_parked = ref;
    stats.parked++;
    stats.busy++;
  } else {
    release(ref);
  }
  return error;
}

int lwt__grants_resume(void)
{
  uint32_t i;
  int error = 0;

  for (i = 0; i < n_frames && !error; i++)
    error = map_frame(i);
  if (!error)
    look_at_parked(); /* nobody has them in the new table */
  return error;
}

struct lwt__grant_stats lwt__grant_stats(void)
{
  look_at_parked();
  return stats;
}
