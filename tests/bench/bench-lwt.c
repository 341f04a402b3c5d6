/* bench-lwt.c - one benchmark of promises per call.
 * SPDX-License-Identifier: ISC
 *
 *   bench-lwt NAME [N]    run the row NAME with N operations; print one line
 *   bench-lwt --list      the rows: name, operations, what is measured
 *
 * The line:
 *
 *   impl=c bench=b1 n=10000000 secs=0.21 ns_op=21 rss_kb=R base_kb=B bytes_op=Y
 *
 * rss_kb is the most memory that the process has had resident, base_kb what it
 * had before the measured section, bytes_op the difference per operation.
 * Exit status 1: the row went wrong; 2: usage; 77: no engine in this build.
 *
 * bench_lwt.ml and bench-lwt.mjs do the same work with Lwt and with Node.js; a
 * row here is changed together with its peers.
 */
#include "bench.h"

#include <lwt/engine.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const struct row *const tables[] = {
  bench_promise,
  bench_thread,
  bench_sync,
  bench_stream,
#ifdef BENCH_UNIX
  bench_unix,
#endif
  bench_combine,
};

static double begin, secs;
static long base_kb, peak_kb;
static size_t done;

void bench_fail(const char *what)
{
  fprintf(stderr, "bench-lwt: %s\n", what);
  exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
  void *p = calloc(count, size);

  if (!p)
    bench_fail("out of memory");
  return p;
}

static double seconds(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A field of /proc/self/status in kB, or -1. */
static long status(const char *field)
{
  char line[128];
  long kb = -1;
  size_t len = strlen(field);
  FILE *f = fopen("/proc/self/status", "r");

  if (!f)
    return -1;
  while (kb < 0 && fgets(line, sizeof line, f))
    if (!strncmp(line, field, len))
      kb = atol(line + len);
  fclose(f);
  return kb;
}

/* Linux keeps in ru_maxrss what the parent had before exec; so it is only
 * asked where there is no better source. */
static long peak(void)
{
  struct rusage usage;
  long kb = status("VmHWM:");

  if (kb >= 0)
    return kb;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

void bench_begin(void)
{
  base_kb = status("VmRSS:");
  if (base_kb < 0)
    base_kb = peak();
  begin = seconds();
}

void bench_end(size_t n)
{
  secs = seconds() - begin;
  peak_kb = peak();
  done = n;
}

static void list(void)
{
  const struct row *row;
  size_t i;

  for (i = 0; i < sizeof tables / sizeof *tables; i++)
    for (row = tables[i]; row->name; row++)
      printf("%s\t%zu\t%s\n", row->name, row->n, row->what);
}

static const struct row *find(const char *name)
{
  const struct row *row;
  size_t i;

  for (i = 0; i < sizeof tables / sizeof *tables; i++)
    for (row = tables[i]; row->name; row++)
      if (!strcmp(row->name, name))
        return row;
  return NULL;
}

static int run(const struct row *row, size_t n)
{
  struct lwt_virtual virtual;

  lwt_virtual_init(&virtual);
  if (!row->loop)
    lwt_set_engine(&virtual.engine);
  else if (!lwt_get_engine())
    return 77;
  row->run(n);
  bench_check(lwt_live() == 0, "promises are left");
  bench_check(lwt_timers() == 0, "timers are left");
  printf("impl=c bench=%s n=%zu secs=%.6f ns_op=%.2f rss_kb=%ld base_kb=%ld "
         "bytes_op=%.1f\n",
         row->name, done, secs, secs * 1e9 / (double)done, peak_kb, base_kb,
         (double)(peak_kb - base_kb) * 1024 / (double)done);
  lwt_set_engine(NULL);
  lwt_cleanup();
  return 0;
}

int main(int argc, char **argv)
{
  const struct row *row;
  char *end = "";
  unsigned long long n = 1;

  if (argc == 2 && !strcmp(argv[1], "--list")) {
    list();
    return 0;
  }
  if (argc == 3)
    n = strtoull(argv[2], &end, 10);
  if (argc < 2 || argc > 3 || *end || n == 0 || n > SIZE_MAX / 64) {
    fprintf(stderr, "usage: bench-lwt NAME [N] | --list\n");
    return 2;
  }
  row = find(argv[1]);
  if (!row) {
    fprintf(stderr, "bench-lwt: no row %s; see --list\n", argv[1]);
    return 2;
  }
  return run(row, argc == 3 ? (size_t)n : row->n);
}
