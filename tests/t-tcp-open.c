/* t-tcp-open.c - connections open: transcripts of RFC 9293.
 * SPDX-License-Identifier: ISC
 *
 * Each case names the requirement of RFC 9293's list that it shows.
 */
#include "tcplab.h"

static void begin(const char *what)
{
  printf("# %s\n", what);
  lab_start(NULL);
}

/* ---- Opening ----------------------------------------------------------- */

static void passive_open(void)
{
  begin("passive open: MUST-11, MUST-14 (MSS both ways)");
  lab_listen(4);
  in("S 0 win 1000 mss 1460");
  out("SA 0 ack 1 win 65535 mss 1460");
  quiet();
  in("A 1 ack 1 win 1000");
  quiet();
  lab_expect(lwt_accept(lab_listener));
  ok(lab_flow != NULL, "accepted");
  is_int(lwt_flow_peer(lab_flow).port, 7000, "the peer's port");
  is_int(lwt_flow_local(lab_flow).port, 80, "our port");
  is_int(write_text(lab_flow, "hello"), 0, "written");
  out("PA 1 ack 1 win 65535 'hello'");
  in("A 1 ack 6 win 1000");
  abort_flow(lab_flow);
  out("RA 6 ack 1 win 65535");
  lab_end();
}

static void passive_options(void)
{
  begin("what is offered is agreed on, nothing else (RFC 7323 2.2, 3.2)");
  lab_listen(4);
  in("S 0 win 1000 mss 1460 ws 7 sok ts 0/0");
  out("SA 0 ack 1 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("A 1 ack 1 win 10 ts 1/0");
  lab_expect(lwt_accept(lab_listener));
  write_len(lab_flow, 1, 1280); /* 10 << 7 */
  out("PA 1 ack 1 win 65535 len 1280 ts 0/1");
  lab_end();
}

static void active_open(void)
{
  begin("active open, all options");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  quiet();
  in("SA 0 ack 1 win 65535 mss 1000 ws 2 sok ts 10/0");
  out("A 1 ack 1 win 65535 ts 0/10");
  ok(lab_flow != NULL, "connected");
  write_len(lab_flow, 1, 2000);
  out("A 1 ack 1 win 65535 len 988 ts 0/10"); /* MUST-16: less the options */
  out("A 989 ack 1 win 65535 len 988 ts 0/10");
  out("PA 1977 ack 1 win 65535 len 24 ts 0/10");
  lab_end();
}

static void active_options(void)
{
  begin("a peer without options gets none: MUST-15 (536 bytes)");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("SA 0 ack 1 win 65535");
  out("A 1 ack 1 win 65535");
  write_len(lab_flow, 1, 1000);
  out("A 1 ack 1 win 65535 len 536");
  out("PA 537 ack 1 win 65535 len 464");
  lab_end();
}

static void refused(void)
{
  begin("active open refused");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("RA 0 ack 1 win 0");
  is_int(lab_error.code, LWT_ECONNREFUSED, "refused");
  quiet();
  lab_end();
}

static void wrong_answers(void)
{
  begin("SYN-SENT: what is not an answer changes nothing (3.10.7.3)");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("RA 0 ack 2 win 0");
  in("R 0 win 0");
  quiet();
  in("SA 0 ack 2 win 1000");
  out("R 2 win 0");
  in("SA 0 ack 0 win 1000");
  out("R 0 win 0");
  in("A 1 ack 1 win 1000");
  quiet();
  is_int(STAT(tcp_ignored), 3, "what was not answered is counted");
  ok(!lab_flow && !lab_error.code, "still connecting");
  in("SA 0 ack 1 win 1000");
  out("A 1 ack 1 win 65535");
  ok(lab_flow != NULL, "connected");
  lab_end();
}

static void simultaneous_open(void)
{
  begin("MUST-10: simultaneous open");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("S 0 win 1000 mss 1000");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("A 1 ack 1 win 1000");
  ok(lab_flow != NULL, "connected");
  write_text(lab_flow, "hi");
  out("PA 1 ack 1 win 65535 'hi'");
  lab_end();

  begin("MUST-10: both sides answer with SYN and ACK");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("S 0 win 1000 mss 1000");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("SA 0 ack 77 win 1000 mss 1000");
  quiet();
  is_int(STAT(tcp_ignored), 1, "of what we have not sent");
  in("SA 0 ack 1 win 1000 mss 1000");
  quiet();
  ok(lab_flow != NULL, "connected");
  lab_end();
}

static void connect_cancel(void)
{
  lwt_flow_p *p;

  begin("a cancelled connect gives up");
  p = net_tcp_connect(&lab.stack, &peer);
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  lwt_drop(LWT_UNTYPED(p));
  advance(LWT_S(10));
  quiet();
  is_int(lab.tcp->n_conns, 0, "no connection");
  lab_end();
}

static void connect_errors(void)
{
  struct lwt_addr to;

  begin("connect that cannot be: MUST-46 and others");
  lwt_addr_parse(&to, "224.0.0.1");
  to.port = 80;
  lab_expect(net_tcp_connect(&lab.stack, &to));
  is_int(lab_error.code, LWT_EADDRNOTAVAIL, "multicast");
  to = peer;
  to.port = 0;
  lab_expect(net_tcp_connect(&lab.stack, &to));
  is_int(lab_error.code, LWT_EINVAL, "port 0");
  to.family = 0;
  to.port = 1;
  lab_expect(net_tcp_connect(&lab.stack, &to));
  is_int(lab_error.code, LWT_ENOTSUP, "no family");
  lab_route_error = LWT_ENETUNREACH;
  lab_expect(net_tcp_connect(&lab.stack, &peer));
  is_int(lab_error.code, LWT_ENETUNREACH, "no route");
  lab_route_error = 0;
  lab_send_error = LWT_EHOSTUNREACH;
  lab_expect(net_tcp_connect(&lab.stack, &peer));
  is_int(lab_error.code, LWT_EHOSTUNREACH, "no neighbour");
  lab_send_error = 0;
  quiet();
  lab_end();
}

static void syn_timeouts(void)
{
  begin("SYN retransmission: MUST-22, MUST-23 (at least 3 minutes)");
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  advance(LWT_MS(999));
  quiet();
  advance(LWT_MS(1));
  out("S 0 win 65535 mss 1460 ws 0 sok ts 1000/0");
  advance(LWT_S(2));
  out("S 0 win 65535 mss 1460 ws 0 sok ts 3000/0");
  advance(LWT_S(176));
  lab_discard();
  ok(!lab_error.code, "still trying after 179 s");
  advance(LWT_S(1));
  is_int(lab_error.code, LWT_ETIMEDOUT, "given up after 180 s");
  is_int(lab.tcp->n_conns, 0, "no connection");
  lab_end();
}

/* ---- Half-open connections and listeners ------------------------------- */

static void half_open(void)
{
  begin("SYN-RECEIVED: retransmission of SYN and of SYN-ACK");
  lab_listen(4);
  in("S 0 win 1000 mss 1460");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("S 0 win 1000 mss 1460");
  out("SA 0 ack 1 win 65535 mss 1460");
  advance(LWT_S(1));
  out("SA 0 ack 1 win 65535 mss 1460");
  advance(LWT_S(2));
  out("SA 0 ack 1 win 65535 mss 1460");
  in("R 2000000 win 0"); /* outside the window */
  in("P 1 win 1000 'x'"); /* no ACK */
  quiet();
  is_int(STAT(tcp_ignored), 2, "counted");
  in("R 1 win 0"); /* back to LISTEN */
  is_int(lab.tcp->n_halves, 0, "reset");
  our_iss_known = 0;
  in("S 0 win 1000 mss 1460");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("A 1 ack 2 win 1000");
  out("R 2 win 0");
  in("A 2000000 ack 1 win 1000"); /* outside the window */
  out("A 1 ack 1 win 65535");
  advance(LWT_S(200));
  lab_discard();
  is_int(lab.tcp->n_halves, 0, "gone after 3 minutes");
  is_int(STAT(tcp_half_timeouts), 1, "counted");
  lab_end();
}

static void half_open_data(void)
{
  begin("data and FIN with the ACK that completes the handshake");
  lab_listen(4);
  in("S 0 win 1000 mss 1460");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("FPA 1 ack 1 win 1000 'hello'");
  out("A 1 ack 7 win 65529");
  lab_expect(lwt_accept(lab_listener));
  is_str(read_text(lab_flow), "hello", "the data is there");
  is_str(read_text(lab_flow), "end", "and the end");
  lab_end();
}

static void nobody_listens(void)
{
  begin("3.5.2: a segment for nobody is reset; 3.10.7.1: not a reset");
  in("S 5 win 1000");
  out("RA 0 ack 6 win 0");
  in("A 5 ack 77 win 1000 len 10");
  out("R 77 win 0");
  in("FA 5 ack 78 win 1000");
  out("R 78 win 0");
  in("R 5 win 0");
  in("RA 5 ack 1 win 0");
  quiet();
  lab_listen(1);
  in("A 5 ack 78 win 1000"); /* to a listener */
  out("R 78 win 0");
  in("SA 5 ack 78 win 1000");
  out("R 78 win 0");
  is_int(STAT(tcp_ignored), 0, "all of them count elsewhere");
  in("F 5 win 1000");
  in("R 5 win 0");
  in("SF 5 win 1000");
  in("SR 5 win 0");
  quiet();
  is_int(STAT(tcp_ignored), 4, "without effect, and counted");
  is_int(lab.tcp->n_halves, 0, "no connection");
  lab_resets_allowed = 0;
  in("A 5 ack 78 win 1000");
  quiet();
  is_int(STAT(tcp_resets_limited), 1, "resets to strangers are limited");
  lab_end();
}

static void bad_addresses(void)
{
  struct net_ip_info ip = { .proto = 6 };

  begin("MUST-57, MUST-63: SYN to a broadcast, from an invalid address; MUST-3");
  lab_listen(1);
  ip.src = peer;
  ip.dst = us;
  ip.src.port = ip.dst.port = 0;
  ip.broadcast = 1;
  net_tcp_input(&lab, &ip, lab_make("S 0 win 100"));
  ip.broadcast = 0;
  ip.src.ip[0] = 224;
  net_tcp_input(&lab, &ip, lab_make("S 0 win 100"));
  lab_csum_ok = 0;
  in("S 0 win 100");
  quiet();
  is_int(STAT(tcp_malformed), 2, "counted");
  is_int(STAT(tcp_checksum), 1, "counted");
  is_int(lab.tcp->n_halves, 0, "no connection");
  lab_end();
}

static void backlog(void)
{
  struct lwt_flow *first;

  begin("the backlog bounds what waits for accept");
  lab_listen(2);
  is_str(lab_knock(1001), "accepted", "the first waits for accept");
  is_str(lab_knock(1002), "accepted", "the second too");
  is_str(lab_knock(1003), "refused", "the third is refused");
  is_int(STAT(tcp_backlog_full), 1, "counted");
  lab_expect(lwt_accept(lab_listener));
  first = lab_flow;
  is_str(lab_knock(1004), "accepted", "after an accept there is room");
  is_int(lwt_flow_peer(first).port, 1001, "served in order");
  abort_flow(first);
  lab_end();

  begin("handshakes that were under way when the backlog filled wait");
  lab_listen(1);
  peer.port = 1001;
  in_batch("S 0 win 1000");
  peer.port = 1002;
  in_batch("S 0 win 1000");
  in_done();
  out("SA 0 ack 1 win 65535 mss 1460");
  peer.port = 1001;
  in_batch("A 1 ack 1 win 1000");
  our_iss_known = 0;
  out("SA 0 ack 1 win 65535 mss 1460");
  peer.port = 1002;
  in_batch("A 1 ack 1 win 1000");
  in_done();
  quiet();
  is_int(lab.tcp->n_conns, 1, "one in the queue");
  is_int(lab.tcp->n_halves, 1, "one waits before it");
  is_int(STAT(tcp_backlog_waits), 1, "counted");
  lab_expect(lwt_accept(lab_listener));
  abort_flow(lab_flow);
  lab_discard();
  is_int(lab.tcp->n_halves, 0, "an accept lets it in");
  lab_expect(lwt_accept(lab_listener));
  is_int(lwt_flow_peer(lab_flow).port, 1002, "and it is served");
  write_text(lab_flow, "hi");
  out("PA 1 ack 1 win 65535 'hi'");
  lab_end();
}

static void acceptors(void)
{
  lwt_t *first, *second, *third;

  begin("accepts that wait, and one that was cancelled");
  lab_listen(4);
  first = LWT_UNTYPED(lwt_accept(lab_listener));
  second = LWT_UNTYPED(lwt_accept(lab_listener));
  third = LWT_UNTYPED(lwt_accept(lab_listener));
  lwt_drop(first);
  is_str(lab_knock(1001), "accepted", "a connection");
  is_int(lwt_state(second), LWT_FULFILLED, "goes to the first who still waits");
  is_int(lwt_state(third), LWT_PENDING, "the other waits");
  lwt_listener_close(lab_listener);
  lab_listener = NULL;
  is_int(lwt_error(third).code, LWT_ECONNABORTED, "closed: rejected");
  lab_expect((lwt_flow_p *)second);
  abort_flow(lab_flow);
  lwt_drop(third);
  lab_end();
}

static void accept_dropped(void)
{
  lwt_t *p;

  begin("a connection that nobody takes from its promise is reset");
  lab_listen(4);
  p = LWT_UNTYPED(lwt_accept(lab_listener));
  in("S 0 win 1000");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("A 1 ack 1 win 1000");
  lwt_drop(p);
  out("RA 1 ack 1 win 65535");
  is_int(lab.tcp->n_conns, 0, "gone");
  lab_end();
}

static void listener_closed(void)
{
  begin("closing a listener resets what waits and forgets what is half open");
  lab_listen(4);
  is_str(lab_knock(1001), "accepted", "one waits");
  peer.port = 1002;
  our_iss_known = 0;
  in("S 0 win 1000");
  out("SA 0 ack 1 win 65535 mss 1460");
  lwt_listener_close(lab_listener);
  lab_listener = NULL;
  peer.port = 1001;
  lab_discard();
  is_int(lab.tcp->n_conns + lab.tcp->n_halves, 0, "nothing is left");
  lab_end();
}

static void listen_errors(void)
{
  struct lwt_addr any = { .family = 4, .port = 80 }, addr = us;
  struct lwt_listener *l, *m;

  begin("MUST-41, MUST-42: listeners");
  is_int(net_tcp_listen(&lab.stack, &any, 1, &l), 0, "port 80 of all addresses");
  is_int(net_tcp_listen(&lab.stack, &any, 1, &m), LWT_EADDRINUSE, "once");
  addr.port = 80;
  is_int(net_tcp_listen(&lab.stack, &addr, 1, &m), LWT_EADDRINUSE, "covered by it");
  addr.port = 81;
  is_int(net_tcp_listen(&lab.stack, &addr, 1, &m), 0, "another port");
  lwt_listener_close(m);
  addr.ip[3]++;
  is_int(net_tcp_listen(&lab.stack, &addr, 1, &m), LWT_EADDRNOTAVAIL, "not ours");
  any.family = 0;
  is_int(net_tcp_listen(&lab.stack, &any, 1, &m), LWT_ENOTSUP, "no family");
  any.family = 4;
  any.port = 0;
  is_int(net_tcp_listen(&lab.stack, &any, 1, &m), 0, "any port");
  ok(m->ops->local(m).port >= 1024, "was chosen");
  lwt_listener_close(m);
  lwt_listener_close(l);
  lab_end();
}

int main(void)
{
  passive_open();
  passive_options();
  active_open();
  active_options();
  refused();
  wrong_answers();
  simultaneous_open();
  connect_cancel();
  connect_errors();
  syn_timeouts();
  half_open();
  half_open_data();
  nobody_listens();
  bad_addresses();
  backlog();
  acceptors();
  accept_dropped();
  listener_closed();
  listen_errors();
  return lwt_test_done();
}
