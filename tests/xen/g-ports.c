/* g-ports.c - more event channels than SCHEDOP_poll takes; no event is lost.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

#define PAIRS 75
#define ROUNDS 20

static uint32_t left[PAIRS], right[PAIRS];

struct player {
  struct lwt_frame frame;
  uint32_t in, out;
  uint64_t seen;
  int serves;
};

/* Each event is answered by one to the other end. */
LWT_STEP player_step(struct lwt_frame *frame)
{
  struct player *p = (struct player *)frame;

  lwt_begin(p);
  if (p->serves)
    lwt_xen_port_notify(p->out);
  while (p->seen < ROUNDS) {
    lwt_await(p, &p->seen, lwt_xen_port_after(p->in, p->seen));
    /* the last of them is not answered */
    if (p->seen < ROUNDS || !p->serves)
      lwt_xen_port_notify(p->out);
  }
  lwt_end(p);
}

/* An event sent to `in` comes out at `in`: they are the two ends. */
static lwt_t *player(uint32_t in, int serves)
{
  return LWT_GO(struct player, player_step, .in = in, .out = in, .serves = serves);
}

int main(void)
{
  lwt_t *ps[2 * PAIRS];
  int i, made = 0;
  uint64_t start = lwt_now();

  for (i = 0; i < PAIRS; i++)
    made += lwt_xen_port_alloc(0x7ff0, &left[i]) == 0 &&
            lwt_xen_port_connect(0x7ff0, left[i], &right[i]) == 0;
  check(made == PAIRS, "%d pairs of ports, connected", PAIRS);
  for (i = 0; i < PAIRS; i++) {
    ps[2 * i] = player(left[i], 1);
    ps[2 * i + 1] = player(right[i], 0);
  }
  check(lwt_run(lwt_with_timeout(LWT_S(20), lwt_join(2 * PAIRS, ps))) == 0,
        "%d events over each, back and forth", ROUNDS);
  printf("# %llu ms\n", (unsigned long long)(lwt_now() - start) / 1000000);
  for (i = 0; i < PAIRS; i++) {
    lwt_xen_port_close(left[i]);
    lwt_xen_port_close(right[i]);
  }
  check(lwt_xen_port_alloc(0, &left[0]) == 0, "closed ports can be had again");
  check(lwt_live() == 0, "no promise is left");
  printf("end\n");
  return 0;
}
