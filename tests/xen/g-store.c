/* g-store.c - xenstore: operations, watches, transactions against dom0's writes.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

#define COUNT 40

struct test {
  struct lwt_frame frame;
  struct lwt_xs_value *value;
  struct lwt_xs_watch *watch;
  struct lwt_error error;
  uint64_t n;
  uint32_t tx;
  char path[32];
};

static unsigned tries;

struct add {
  struct lwt_frame frame;
  uint32_t tx;
  struct lwt_xs_value *counter, *poke;
  char text[16];
};

static void free_add(void *env)
{
  struct add *a = env;

  lwt_xs_free(a->counter);
  lwt_xs_free(a->poke);
}

/* Add one; having looked at what dom0 changes all the time. */
LWT_STEP add_step(struct lwt_frame *frame)
{
  struct add *a = (struct add *)frame;

  lwt_begin(a);
  tries++;
  lwt_defer(a, free_add, a);
  lwt_await(a, &a->poke, lwt_xs_read(a->tx, "data/poke"));
  lwt_await(a, &a->counter, lwt_xs_read(a->tx, "data/counter"));
  snprintf(a->text, sizeof a->text, "%d", atoi(a->counter->bytes) + 1);
  lwt_await(a, lwt_xs_write_text(a->tx, "data/counter", a->text));
  lwt_end(a);
}

static lwt_t *add(void *env, uint32_t tx)
{
  (void)env;
  return LWT_GO(struct add, add_step, .tx = tx);
}

LWT_STEP test_step(struct lwt_frame *frame)
{
  struct test *t = (struct test *)frame;

  lwt_begin(t);
  lwt_await(t, lwt_xs_write_text(0, "data/a/b", "hello"));
  lwt_await(t, &t->value, lwt_xs_read(0, "data/a/b"));
  check(t->value->len == 5 && !strcmp(t->value->bytes, "hello"), "write and read");
  lwt_xs_free(t->value);
  lwt_await_error(t, &t->error, lwt_xs_read(0, "data/nothing"));
  check(t->error.code == LWT_ENOENT, "what is not there is ENOENT");
  lwt_await_error(t, &t->error, lwt_xs_write_text(0, "/local/domain/0/name", "x"));
  check(t->error.code == LWT_EACCES, "what is dom0's is EACCES");
  lwt_await(t, &t->value, lwt_xs_domain_path(0));
  check(!strcmp(t->value->bytes, "/local/domain/0"), "the path of a domain");
  lwt_xs_free(t->value);
  lwt_await(t, &t->value, lwt_xs_permissions(0, "data/a"));
  snprintf(t->path, sizeof t->path, "%s", t->value->bytes); /* who owns it: we */
  check(t->value->len > 2 && t->path[0] == 'n', "permissions: %s", t->path);
  lwt_xs_free(t->value);
  t->n = strlen(t->path) + 1;
  memcpy(t->path + t->n, "r0", 3);
  lwt_await(t, lwt_xs_set_permissions(0, "data/a", t->path, t->n + 3));
  lwt_await(t, &t->value, lwt_xs_permissions(0, "data/a"));
  check(t->value->len == t->n + 3 && !memcmp(t->value->bytes, t->path, t->n + 3),
        "others are set");
  lwt_xs_free(t->value);
  for (t->n = 0; t->n < 2; t->n++) {
    lwt_await(t, &t->tx, lwt_xs_start());
    lwt_await(t, lwt_xs_write_text(t->tx, "data/a/b", "in a transaction"));
    lwt_await(t, lwt_xs_end(t->tx, (int)t->n));
    lwt_await(t, &t->value, lwt_xs_read(0, "data/a/b"));
    check(strcmp(t->value->bytes, t->n ? "in a transaction" : "hello") == 0,
          t->n ? "one that is committed" : "a transaction given up changes nothing");
    lwt_xs_free(t->value);
  }
  lwt_await(t, lwt_xs_rm(0, "data/a"));
  lwt_await_error(t, &t->error, lwt_xs_read(0, "data/a/b"));
  check(t->error.code == LWT_ENOENT, "rm takes all below it");
  for (t->n = 0; t->n < 90; t->n++) {
    snprintf(t->path, sizeof t->path, "data/many/a-long-name-%03d", (int)t->n);
    lwt_await(t, lwt_xs_mkdir(0, t->path));
  }
  lwt_await(t, &t->value, lwt_xs_directory(0, "data/many"));
  check(t->value->len == 90 * 16, "a directory of %zu bytes", t->value->len);
  lwt_xs_free(t->value);

  lwt_await(t, &t->watch, lwt_xs_watch("data/poke"));
  lwt_await(t, lwt_xs_write_text(0, "data/counter", "0"));
  lwt_await(t, lwt_xs_write_text(0, "data/ready", "1"));
  for (t->n = 0; t->n < 3; t->n++) {
    lwt_await(t, &t->value, lwt_xs_watch_next(t->watch));
    lwt_xs_free(t->value);
  }
  check(1, "watch events as dom0 writes");
  for (t->n = 0; t->n < COUNT; t->n++)
    lwt_await(t, lwt_xs_transaction(add, NULL));
  lwt_await(t, &t->value, lwt_xs_read(0, "data/counter"));
  check(atoi(t->value->bytes) == COUNT, "%d transactions", COUNT);
  lwt_xs_free(t->value);
  check(tries > COUNT, "some of them again: dom0 wrote meanwhile");
  printf("# %u tries\n", tries);
  lwt_xs_unwatch(t->watch);
  lwt_await(t, lwt_xs_write_text(0, "data/ready", "2"));
  lwt_end(t);
}

int main(void)
{
  check(lwt_run(LWT_GO(struct test, test_step, .n = 0)) == 0, "no error");
  check(lwt_live() == 0, "no promise is left");
  printf("end\n");
  return 0;
}
