/* fakeback.h - what the fake backends share: granted pages and xenstore.
 * SPDX-License-Identifier: ISC
 *
 * Included where FRONT, BACK and a struct `back` with its state are.
 */
#ifndef FAKEBACK_H
#define FAKEBACK_H

#include "fakestore.h"

static void *back_page(uint32_t ref, int write)
{
  grant_entry_v1_t *g;

  if (ref < 8 || ref >= fake.grant_frames * 512)
    abort();
  g = &fake.grants[ref];
  if (!(g->flags & GTF_permit_access) || (write && g->flags & GTF_readonly))
    abort();
  return fake.frame[g->frame];
}

static void back_put(const char *key, const char *value)
{
  char path[64];

  snprintf(path, sizeof path, BACK "/%s", key);
  store_write(path, value, strlen(value));
}

__attribute__((unused)) static void back_number(const char *key, uint64_t value)
{
  char text[24];

  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  back_put(key, text);
}

static void back_switch(int state)
{
  back.state = state;
  back_number("state", (unsigned)state);
}

/* The number at FRONT/key; -1: there is none. */
static long front_number(const char *key)
{
  char path[64];
  int i;

  snprintf(path, sizeof path, FRONT "/%s", key);
  i = store_find(path, 0);
  return i < 0 ? -1 : strtol(store.node[i].value, NULL, 10);
}

static void front_put(const char *key, const char *value)
{
  char path[64];

  snprintf(path, sizeof path, FRONT "/%s", key);
  store_write(path, value, strlen(value));
}

__attribute__((unused)) static void back_unplug(void)
{
  int i;

  for (i = 0; i < 64; i++)
    if (!strncmp(store.node[i].path, FRONT, sizeof FRONT - 1) ||
        !strncmp(store.node[i].path, BACK, sizeof BACK - 1)) {
      store_changed(store.node[i].path);
      store.node[i].path[0] = '\0';
    }
  back.state = 0;
}

#endif
