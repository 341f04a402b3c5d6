/* replay.c - runs a fuzz target without a fuzzer: on noise, on the files of a
 * corpus, and on mutations of them, the same every time.
 * SPDX-License-Identifier: ISC
 *
 * Instead of a fuzzer's main(): tests/fuzz/fuzz-NAME replays corpus/NAME, if it is
 * there.  With clang, a target becomes a fuzzer by -fsanitize=fuzzer and
 * without this file:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING -I. -Ilwt \
 *     -Inet tests/fuzz/fuzz-stack.c lwt/[a-z]*.c net/[a-z]*.c -o fuzz-stack
 *   ./fuzz-stack NEW tests/fuzz/corpus/stack
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536
#define MAX_FILES 1000
#define MUTATIONS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t state;

static uint32_t chance(uint32_t n)
{
  uint64_t z = (state += 0x9e3779b97f4a7c15u);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return n ? (uint32_t)((z ^ (z >> 31)) % n) : 0;
}

/* Change a few bytes, cut, or repeat a part. */
static size_t mutate(uint8_t *data, size_t len)
{
  static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 4, 8, 20 };
  uint32_t i, n = 1 + chance(4), at, part, to;

  for (i = 0; i < n && len; i++) {
    at = chance((uint32_t)len);
    switch (chance(5)) {
    case 0:
      data[at] ^= (uint8_t)(1u << chance(8));
      break;
    case 1:
      data[at] = (uint8_t)chance(256);
      break;
    case 2:
      data[at] = values[chance(sizeof values)];
      break;
    case 3:
      len = at;
      break;
    default:
      part = chance((uint32_t)len - at);
      to = chance((uint32_t)len);
      if (len + part <= INPUT_MAX) {
        memmove(data + to + part, data + to, len - to);
        memmove(data + to, data + at, part);
        len += part;
      }
    }
  }
  return len;
}

static size_t load(const char *path, uint8_t *data)
{
  FILE *in = fopen(path, "rb");
  size_t len;

  if (!in) {
    printf("Bail out! %s cannot be read\n", path);
    exit(1);
  }
  len = fread(data, 1, INPUT_MAX, in);
  fclose(in);
  return len;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the files in a directory, in order. */
static size_t list(const char *directory, char *names[MAX_FILES])
{
  DIR *d = opendir(directory);
  struct dirent *e;
  size_t n = 0;

  if (!d)
    return 0;
  while (n < MAX_FILES && (e = readdir(d)))
    if (e->d_name[0] != '.')
      names[n++] = strdup(e->d_name);
  closedir(d);
  qsort(names, n, sizeof *names, by_name);
  return n;
}

static void noise(void)
{
  static uint8_t data[300];
  uint32_t i, k, len;

  for (i = 0; i < 1000; i++) {
    len = chance(sizeof data);
    for (k = 0; k < len; k++)
      data[k] = (uint8_t)chance(256);
    LLVMFuzzerTestOneInput(data, len);
  }
}

static void replay(const char *path)
{
  static uint8_t original[INPUT_MAX], data[INPUT_MAX];
  size_t len = load(path, original);
  int i;

  state = len;
  LLVMFuzzerTestOneInput(original, len);
  for (i = 0; i < MUTATIONS; i++) {
    memcpy(data, original, len);
    LLVMFuzzerTestOneInput(data, mutate(data, len));
  }
}

int main(int argc, char **argv)
{
  const char *top = getenv("top_srcdir"), *name = strrchr(argv[0], '/');
  char *names[MAX_FILES], directory[400], path[700];
  size_t i, n;

  (void)argc;
  name = strstr(name ? name : argv[0], "fuzz-");
  snprintf(directory, sizeof directory, "%s/tests/fuzz/corpus/%s", top ? top : ".",
           name ? name + strlen("fuzz-") : "");
  n = list(directory, names);
  LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
  noise();
  ok(1, "noise");
  for (i = 0; i < n; i++) {
    snprintf(path, sizeof path, "%s/%s", directory, names[i]);
    replay(path);
    ok(1, "%s and %d mutations of it", names[i], MUTATIONS);
    free(names[i]);
  }
  return lwt_test_done();
}
