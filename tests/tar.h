/* tar.h - archives to test with, made header by header.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_TAR_H
#define TESTS_TAR_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The checksum, after a change. */
static void tar_sum(uint8_t *h)
{
  unsigned sum = 0;
  size_t i;

  memset(h + 148, ' ', 8);
  for (i = 0; i < 512; i++)
    sum += h[i];
  snprintf((char *)h + 148, 8, "%06o", sum);
}

/* A header at h. */
static void tar_header(uint8_t *h, const char *prefix, const char *name, char type,
                       size_t size)
{
  memset(h, 0, 512);
  memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
  memcpy(h + 100, "0000644", 8);
  memcpy(h + 108, "0000000", 8);
  memcpy(h + 116, "0000000", 8);
  snprintf((char *)h + 124, 12, "%011zo", size);
  snprintf((char *)h + 136, 12, "%011o", 1000000000u);
  h[156] = (uint8_t)type;
  memcpy(h + 257, "ustar\00000", 8);
  memcpy(h + 345, prefix, strlen(prefix) < 155 ? strlen(prefix) : 155);
  tar_sum(h);
}

static uint8_t tar_byte(unsigned seed, size_t i)
{
  return (uint8_t)((i * 0x9e3779b97f4a7c15u + seed * 0x517cc1b727220a95u) >> 56);
}

/* A header and data of `seed` at `at`; returns where the next one goes. */
__attribute__((unused)) static size_t tar_put(uint8_t *disk, size_t at,
                                              const char *prefix, const char *name,
                                              char type, unsigned seed, size_t size)
{
  size_t i;

  tar_header(disk + at, prefix, name, type, size);
  at += 512;
  for (i = 0; i < size; i++)
    disk[at + i] = tar_byte(seed, i);
  return at + (size + 511) / 512 * 512;
}

#endif
