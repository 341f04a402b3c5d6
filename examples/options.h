/* options.h - the command lines of the larger examples.
 * SPDX-License-Identifier: ISC
 *
 * "--name=value", from a table of what there is.  Nothing else is taken, and
 * what is wrong is said in one line.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <lwt/flow.h>
#include <stdlib.h>
#include <string.h>

enum option_kind {
  OPTION_FLAG,   /* int: 1 if given */
  OPTION_NUMBER, /* unsigned, from least to most */
  OPTION_TEXT,   /* const char * */
  OPTION_ADDR,   /* struct lwt_addr */
  OPTION_NET     /* struct option_net: ADDR, ADDR/PREFIX, dhcp or dhcp:ADDR */
};

struct option_net {
  struct lwt_addr addr;
  uint8_t prefix; /* 0: not given */
  uint8_t dhcp;   /* to be got from the network: addr, if any, is the one of before */
};

struct option {
  const char *name;
  enum option_kind kind;
  void *to;
  const char *help;
  unsigned least, most; /* of a number */
};

static inline int option_number(const char *text, unsigned least, unsigned most,
                                unsigned *number)
{
  char *end;
  unsigned long n = strtoul(text, &end, 10);

  if (text[0] < '0' || text[0] > '9' || *end || n < least || n > most)
    return LWT_EINVAL;
  *number = (unsigned)n;
  return 0;
}

static inline int option_net(const char *text, struct option_net *net)
{
  char addr[LWT_ADDR_TEXT];
  size_t n = strcspn(text, "/");
  unsigned prefix = 0;

  net->dhcp = strncmp(text, "dhcp", 4) == 0 && (!text[4] || text[4] == ':');
  if (net->dhcp)
    return text[4] ? lwt_addr_parse(&net->addr, text + 5) : 0;
  if (n >= sizeof addr)
    return LWT_EINVAL;
  memcpy(addr, text, n);
  addr[n] = '\0';
  if (lwt_addr_parse(&net->addr, addr))
    return LWT_EINVAL;
  if (text[n] &&
      option_number(text + n + 1, 1, net->addr.family == 4 ? 32 : 128, &prefix))
    return LWT_EINVAL;
  net->prefix = (uint8_t)prefix;
  return 0;
}

/* Returns 0, or LWT_EINVAL if the value is not one of this kind. */
static inline int option_set(const struct option *o, const char *value)
{
  if (!value || o->kind == OPTION_FLAG) {
    if (value || o->kind != OPTION_FLAG)
      return LWT_EINVAL;
    *(int *)o->to = 1;
    return 0;
  }
  switch (o->kind) {
  case OPTION_NUMBER:
    return option_number(value, o->least, o->most, o->to);
  case OPTION_ADDR:
    return lwt_addr_parse(o->to, value);
  case OPTION_NET:
    return option_net(value, o->to);
  default:
    *(const char **)o->to = value;
    return *value ? 0 : LWT_EINVAL;
  }
}

static inline void options_help(const char *usage, const struct option *o)
{
  printf("%s\n", usage);
  for (; o->name; o++)
    printf("  --%-22s %s\n", o->name, o->help);
  printf("  --%-22s %s\n", "help", "this text");
}

/* The option that an argument names, up to its '='; NULL if there is none.  The
 * name in the table goes on after '=' with what the help shows. */
static inline const struct option *option_find(const struct option *o, const char *arg)
{
  size_t n = strcspn(arg, "=");

  for (; o->name; o++)
    if (strcspn(o->name, "=") == n && strncmp(o->name, arg, n) == 0)
      return o;
  return NULL;
}

/* The table ends with a name NULL.  Returns 0, or the exit code plus one when
 * the program has nothing more to do: after --help, or after an error. */
static inline int options_parse(int argc, char **argv, const char *usage,
                                const struct option *table)
{
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i], *equals = strchr(arg, '=');
    const struct option *o;

    if (strcmp(arg, "--help") == 0) {
      options_help(usage, table);
      return 1;
    }
    o = strncmp(arg, "--", 2) == 0 ? option_find(table, arg + 2) : NULL;
    if (!o) {
      fprintf(stderr, "%s: unknown argument \"%s\", see --help\n", argv[0], arg);
      return 3;
    }
    if (option_set(o, equals ? equals + 1 : NULL)) {
      fprintf(stderr, "%s: \"%s\" is not of the form --%s: %s\n", argv[0], arg, o->name,
              o->help);
      return 3;
    }
  }
  return 0;
}

#endif
