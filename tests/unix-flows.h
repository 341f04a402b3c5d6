/* unix-flows.h - flows over the kernel's sockets, step by step, for tests.
 * SPDX-License-Identifier: ISC
 */
#ifndef UNIX_FLOWS_H
#define UNIX_FLOWS_H

#include "plain.h"

#define LWT_TEST_SHORT
#include <lwt-unix.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE __attribute__((unused)) /* not by every test */

static struct lwt_stack *stack;

MAYBE static struct lwt_addr address(const char *text, uint16_t port)
{
  struct lwt_addr addr;

  lwt_addr_parse(&addr, text);
  addr.port = port;
  return addr;
}

MAYBE static struct lwt_listener *listening(const char *text, unsigned backlog)
{
  struct lwt_addr addr = address(text, 0);
  struct lwt_listener *l = NULL;

  is_int(lwt_stack_listen(stack, &addr, backlog, &l), 0, "listen on %s", text);
  return l;
}

MAYBE static uint16_t port_of(struct lwt_listener *l)
{
  return l->ops->local(l).port;
}

/* What a promise became: 0 or its error; the value to *value. */
MAYBE static int outcome(void *p, void **value)
{
  return lwt_run_value(p, value).code;
}

/* Let the loop see what is there. */
MAYBE static void look(void)
{
  struct lwt_engine *engine = lwt_get_engine();
  int i;

  for (i = 0; i < 3; i++)
    engine->wait(engine, 0);
}

/* Two ends of a connection. */
MAYBE static void connected(const char *text, struct lwt_flow *ends[2])
{
  struct lwt_listener *l = listening(text, 10);
  struct lwt_addr addr = l->ops->local(l);
  lwt_flow_p *accept = lwt_accept(l);
  void *value;

  ends[0] = ends[1] = NULL;
  if (outcome(lwt_stack_connect(stack, &addr), &value) == 0)
    ends[0] = value;
  if (outcome(accept, &value) == 0)
    ends[1] = value;
  ok(ends[0] && ends[1], "connect and accept over %s", text);
  lwt_listener_close(l);
}

/* The number of bytes read, or the error. */
MAYBE static intptr_t get(struct lwt_flow *flow, char *bytes, size_t len)
{
  void *n = NULL;
  int error;

  error = outcome(lwt_flow_read(flow, bytes, len), &n);
  if (!error && (size_t)n < len)
    bytes[(size_t)n] = '\0';
  return error ? error : (intptr_t)n;
}

MAYBE static int put(struct lwt_flow *flow, const char *text)
{
  return outcome(lwt_flow_write(flow, text, strlen(text)), NULL);
}

MAYBE static int closed(struct lwt_flow *flow)
{
  return outcome(lwt_flow_close(flow), NULL);
}

#endif
