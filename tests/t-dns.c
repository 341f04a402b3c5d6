/* t-dns.c - the resolver: answers, caches, servers that fail, strangers who guess.
 * SPDX-License-Identifier: ISC
 */
#include "dnslab.h"

static struct server *const one = &lab_servers[0], *const two = &lab_servers[1];

#define STAT(name) (lwt_dns_stats(lab_dns)->name)

typedef enum reply answer_fn(struct server *s, const struct net_dns_question *q, int tcp,
                             struct net_dns_header *h, struct net_dns_writer *w);

static char asked[NET_DNS_TEXT];

static const char *name_of(const struct net_dns_question *q)
{
  struct net_dns_name name = q->name;

  net_dns_name_fold(&name);
  return net_dns_name_text(&name, asked, sizeof asked);
}

/* A zone: *.example.org, an alias and its target, nothing else. */
static enum reply zone(struct server *s, const struct net_dns_question *q, int tcp,
                       struct net_dns_header *h, struct net_dns_writer *w)
{
  const char *name = name_of(q);

  (void)s, (void)tcp;
  if (!strcmp(name, "www.example.org") && q->type == NET_DNS_A) {
    put_addr(w, name, 300, "192.0.2.1");
    put_addr(w, name, 200, "192.0.2.2");
    put_addr(w, "stranger.example.org", 200, "192.0.2.66");
  } else if (!strcmp(name, "www.example.org") && q->type == NET_DNS_AAAA) {
    put_addr(w, name, 300, "2001:db8::1");
  } else if (!strcmp(name, "four.example.org") && q->type == NET_DNS_A) {
    put_addr(w, name, 300, "192.0.2.4");
  } else if (!strcmp(name, "alias.example.org") && q->type == NET_DNS_A) {
    put_addr(w, "four.example.org", 300, "192.0.2.4");
    put_name(w, name, NET_DNS_CNAME, 60, "four.example.org");
  } else if (!strcmp(name, "half.example.org")) {
    put_name(w, name, NET_DNS_CNAME, 60, "four.example.org");
  } else if (!strcmp(name, "loop.example.org")) {
    put_name(w, name, NET_DNS_CNAME, 60, "loop.example.org");
  } else if (!strcmp(name, "zero.example.org") && q->type == NET_DNS_A) {
    put_addr(w, name, 0, "192.0.2.9");
  } else if (strstr(name, "no.")) {
    h->rcode = NET_DNS_NXDOMAIN;
    put_soa(w, "example.org", 900, 30);
  } else {
    put_soa(w, "example.org", 20, 900);
  }
  return REPLY;
}

static lwt_addrs_p *look(const char *name)
{
  return lwt_dns_lookup(lab_dns, name, 80);
}

/* Wait for a lookup and compare what it gives. */
static void gives(lwt_addrs_p *p, const char *want, const char *what)
{
  const struct lwt_addrs *a;
  char text[400] = "", one_addr[LWT_ADDR_TEXT];
  struct lwt_error error;
  size_t i;

  lwt_test_advance(LWT_S(100));
  a = lwt_value(LWT_UNTYPED(p));
  error = lwt_error(LWT_UNTYPED(p));
  if (error.code)
    snprintf(text, sizeof text, "%s", lwt_strerror(error.code));
  for (i = 0; a && i < a->n; i++) {
    strcat(text, i ? " " : "");
    strcat(text, lwt_addr_format(&a->addr[i], one_addr, sizeof one_addr));
  }
  is_str(text, want, "%s", what);
  lwt_drop(LWT_UNTYPED(p));
}

static int queries(void)
{
  return one->udp_queries + one->tcp_queries + two->udp_queries + two->tcp_queries;
}

static void answers(void)
{
  is_int(lab_begin(NULL), 0, "a resolver");
  one->answer = zone;
  gives(look("www.example.org"), "[2001:db8::1]:80 192.0.2.1:80 192.0.2.2:80",
        "both families; a record of another name is not believed");
  is_int(one->udp_queries, 2, "two questions");
  is_int(one->edns, 1232, "that say what size is welcome");
  is_int(one->mixed, 2, "with capitals by chance");
  gives(look("192.0.2.77"), "192.0.2.77:80", "a number is an address");
  gives(look("localhost"), "[::1]:80 127.0.0.1:80", "localhost");
  gives(look("a.LocalHost."), "[::1]:80 127.0.0.1:80", "and below it");
  is_int(one->udp_queries, 2, "without a question");
  gives(look("alias.example.org"), "192.0.2.4:80", "an alias, records in any order");
  gives(look("half.example.org"), "192.0.2.4:80", "an alias whose target is asked for");
  ok(STAT(aliases) >= 1, "which is counted");
  gives(look("loop.example.org"), lwt_strerror(LWT_EIO), "an alias of itself");
  gives(look("no.example.org"), lwt_strerror(LWT_ENOENT), "no such name");
  gives(look("empty.example.org"), lwt_strerror(LWT_ENOENT), "no address");
  gives(look(""), lwt_strerror(LWT_EINVAL), "no name");
  gives(look("a..b"), lwt_strerror(LWT_EINVAL), "an empty label");
  is_int(two->udp_queries, 0, "the second server was not needed");
  lab_finish();
}

static void caches(void)
{
  struct lwt_dns_config c = { .max_entries = 3 };
  int n;

  lab_begin(&c);
  one->answer = zone;
  gives(look("www.example.org"), "[2001:db8::1]:80 192.0.2.1:80 192.0.2.2:80", "asked");
  lwt_drop(LWT_UNTYPED(look("www.example.org")));
  n = queries();
  lwt_test_advance(LWT_S(99)); /* 199 s since the answer */
  lwt_drop(LWT_UNTYPED(look("www.example.org")));
  is_int(queries(), n, "kept for as long as the least of the TTLs");
  is_int(STAT(cache_hits), 4, "cache hits");
  lwt_test_advance(LWT_S(2));
  gives(look("www.example.org"), "[2001:db8::1]:80 192.0.2.1:80 192.0.2.2:80", "again");
  is_int(queries(), n + 1, "and no longer");
  lwt_dns_flush(lab_dns);
  n = queries();
  gives(look("no.example.org"), lwt_strerror(LWT_ENOENT), "no such name, at 0 s");
  is_int(queries(), n + 2, "is asked for");
  gives(look("no.example.org"), lwt_strerror(LWT_ENOENT), "at 100 s");
  is_int(queries(), n + 4, "the minimum of the SOA is over");
  lwt_drop(LWT_UNTYPED(look("no.example.org")));
  gives(look("zero.example.org"), "192.0.2.9:80", "TTL 0");
  n = queries();
  gives(look("zero.example.org"), "192.0.2.9:80", "is not kept");
  ok(queries() > n, "and asked again");
  gives(look("four.example.org"), "192.0.2.4:80", "something else");
  gives(look("alias.example.org"), "192.0.2.4:80", "something else");
  ok(STAT(cache_evicted) > 0, "no more than max_entries");
  lab_finish();
}

static void negative(void)
{
  int n;
  lwt_addrs_p *p;

  lab_begin(NULL);
  one->answer = zone;
  p = look("no.example.org");
  lwt_test_advance(LWT_S(1));
  lwt_error(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
  n = queries();
  lwt_test_advance(LWT_S(28));
  p = look("No.Example.ORG");
  is_rejected(LWT_UNTYPED(p), LWT_ENOENT, "known after 29 s, whatever the case");
  lwt_drop(LWT_UNTYPED(p));
  is_int(queries(), n, "without a question");
  is_int(STAT(cache_negative), 2, "which is counted");
  lwt_test_advance(LWT_S(2));
  p = look("no.example.org");
  is_pending(LWT_UNTYPED(p), "not after 31 s");
  gives(p, lwt_strerror(LWT_ENOENT), "asked again");
  lab_finish();
}

static void coalesces(void)
{
  lwt_addrs_p *p[3];
  int i;

  lab_begin(NULL);
  one->answer = zone;
  for (i = 0; i < 3; i++)
    p[i] = look("four.example.org");
  is_int(STAT(coalesced), 4, "joined");
  lwt_drop(LWT_UNTYPED(p[1]));
  gives(p[0], "192.0.2.4:80", "one");
  gives(p[2], "192.0.2.4:80", "another");
  is_int(queries(), 2, "asked once");
  p[0] = look("www.example.org");
  p[1] = look("www.example.org");
  lwt_cancel(LWT_UNTYPED(p[0]));
  is_rejected(LWT_UNTYPED(p[0]), LWT_ECANCELED, "cancelled");
  is_pending(LWT_UNTYPED(p[1]), "the other is not");
  lwt_drop(LWT_UNTYPED(p[0]));
  lwt_drop(LWT_UNTYPED(p[1]));
  lwt_test_idle();
  p[0] = look("www.example.org");
  gives(p[0], "[2001:db8::1]:80 192.0.2.1:80 192.0.2.2:80", "asked anew after that");
  lab_finish();
}

/* ---- Servers that fail --------------------------------------------------------- */

static enum reply silent(struct server *s, const struct net_dns_question *q, int tcp,
                         struct net_dns_header *h, struct net_dns_writer *w)
{
  (void)s, (void)q, (void)tcp, (void)h, (void)w;
  return SILENCE;
}

static enum reply servfail(struct server *s, const struct net_dns_question *q, int tcp,
                           struct net_dns_header *h, struct net_dns_writer *w)
{
  (void)s, (void)q, (void)tcp, (void)w;
  h->rcode = NET_DNS_SERVFAIL;
  return REPLY;
}

static enum reply lame(struct server *s, const struct net_dns_question *q, int tcp,
                       struct net_dns_header *h, struct net_dns_writer *w)
{
  (void)s, (void)q, (void)tcp;
  h->ra = 0;
  put_name(w, ".", NET_DNS_NS, 300, "a.root-servers.net");
  return REPLY;
}

static enum reply malformed(struct server *s, const struct net_dns_question *q, int tcp,
                            struct net_dns_header *h, struct net_dns_writer *w)
{
  (void)s, (void)q, (void)tcp, (void)h;
  w->records[0] = 3; /* which are not there */
  return REPLY;
}

static enum reply no_edns(struct server *s, const struct net_dns_question *q, int tcp,
                          struct net_dns_header *h, struct net_dns_writer *w)
{
  if (!s->edns)
    return zone(s, q, tcp, h, w);
  h->rcode = NET_DNS_FORMERR;
  return NO_QUESTION;
}

static enum reply truncated(struct server *s, const struct net_dns_question *q, int tcp,
                            struct net_dns_header *h, struct net_dns_writer *w)
{
  int i;

  if (!tcp) {
    h->tc = 1;
    return REPLY;
  }
  for (i = 0; i < 1000; i++)
    put_addr(w, "four.example.org", 300, "192.0.2.4");
  (void)s, (void)q;
  return REPLY;
}

static void one_of_two(answer_fn *bad, const char *what)
{
  lab_begin(NULL);
  one->answer = bad;
  two->answer = zone;
  gives(look("four.example.org"), "192.0.2.4:80", what);
  ok(one->udp_queries == 2 && two->udp_queries == 2, "both were asked");
}

static void second_server(void)
{
  lwt_addrs_p *p;
  int n;

  one_of_two(servfail, "after SERVFAIL");
  is_int(STAT(server_failed), 2, "counted");
  lab_finish();
  one_of_two(lame, "after a referral");
  is_int(STAT(lame), 2, "counted");
  lab_finish();
  one_of_two(malformed, "after a malformed answer");
  is_int(STAT(malformed), 2, "counted");
  lab_finish();
  one_of_two(silent, "after silence");
  is_int(STAT(timeouts), 2, "counted");
  lwt_dns_flush(lab_dns);
  n = one->udp_queries;
  gives(look("www.example.org"), "[2001:db8::1]:80 192.0.2.1:80 192.0.2.2:80", "later");
  is_int(one->udp_queries, n + 2, "after half a minute it is asked first again");
  p = look("four.example.org");
  lwt_test_advance(LWT_MS(100));
  is_int(lwt_state(LWT_UNTYPED(p)), LWT_PENDING, "it has been a while again");
  gives(p, "192.0.2.4:80", "asked");
  lab_finish();
}

static void backs_off(void)
{
  struct lwt_dns_config c = { .without = LWT_DNS_IPV6, .rounds = 3 };
  lwt_addrs_p *p;
  uint64_t begun;

  lab_begin(&c);
  begun = lwt_now();
  p = look("four.example.org");
  lwt_test_advance(LWT_MS(1900));
  is_int(one->udp_queries, 1, "the first server at once");
  lwt_test_advance(LWT_MS(200));
  is_int(two->udp_queries, 1, "the second after 2 s");
  lwt_test_advance(LWT_S(2));
  is_int(one->udp_queries, 2, "the first after 4 s");
  lwt_test_advance(LWT_S(3));
  is_int(two->udp_queries, 1, "and then twice as long");
  lwt_test_advance(LWT_S(1));
  is_int(two->udp_queries, 2, "it doubles");
  gives(p, lwt_strerror(LWT_ETIMEDOUT), "in the end");
  ok(lwt_now() - begun >= LWT_S(20), "there is an end");
  is_int(STAT(failed), 1, "counted");
  p = look("four.example.org");
  lwt_test_advance(LWT_S(20) - LWT_MS(1));
  is_pending(LWT_UNTYPED(p), "a little before the deadline");
  lwt_test_advance(LWT_MS(1));
  is_rejected(LWT_UNTYPED(p), LWT_ETIMEDOUT, "the deadline");
  lwt_drop(LWT_UNTYPED(p));
  p = look("four.example.org");
  is_rejected(LWT_UNTYPED(p), LWT_ETIMEDOUT, "failure is remembered");
  lwt_drop(LWT_UNTYPED(p));
  lwt_test_advance(LWT_S(1));
  p = look("four.example.org");
  is_pending(LWT_UNTYPED(p), "for a second");
  lwt_drop(LWT_UNTYPED(p));
  lab_finish();
}

static void over_tcp(void)
{
  lwt_dns_answer_p *p;
  struct lwt_dns_answer *a;
  struct lwt_dns_config c = { .without = LWT_DNS_IPV6 };

  lab_begin(&c);
  one->answer = truncated;
  p = lwt_dns_query(lab_dns, "four.example.org", LWT_DNS_A);
  lwt_test_advance(LWT_S(5));
  a = lwt_value(LWT_UNTYPED(p));
  ok(a && a->n == 1000, "an answer that does not fit comes over TCP, whole");
  ok(a && !strcmp(a->records[999].name, "four.example.org") &&
     a->records[999].ttl >= 294, "to its last record");
  is_int(STAT(truncated), 1, "counted");
  is_int(one->tcp_queries, 1, "one question over TCP");
  lwt_drop(LWT_UNTYPED(p));
  one->answer = no_edns;
  gives(look("www.example.org"), "192.0.2.1:80 192.0.2.2:80", "without EDNS");
  is_int(STAT(no_edns), 1, "found out once");
  gives(look("alias.example.org"), "192.0.2.4:80", "and kept in mind");
  is_int(STAT(no_edns), 1, "not again");
  lab_finish();
}

/* ---- Strangers --------------------------------------------------------------------- */

static enum reply guess_kind;
static int guesses;

static enum reply guessed(struct server *s, const struct net_dns_question *q, int tcp,
                          struct net_dns_header *h, struct net_dns_writer *w)
{
  if (tcp)
    return zone(s, q, tcp, h, w);
  put_addr(w, "four.example.org", 300, "192.0.2.66");
  return guess_kind;
}

static void strangers(void)
{
  static const enum reply kinds[] = { WRONG_ID, WRONG_NAME, WRONG_PORT, GARBAGE };
  struct lwt_dns_config c = { .without = LWT_DNS_IPV6 };
  unsigned i;

  for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    lab_begin(&c);
    guess_kind = kinds[i];
    one->answer = guessed;
    two->answer = zone;
    gives(look("four.example.org"), "192.0.2.4:80",
          "what is not the answer is not believed");
    is_int(STAT(unwanted) + STAT(malformed), 1, "kind %u is counted", i);
    lab_finish();
  }
}

/* As many wrong answers as the test wants, from the address and port of the server. */
static void flooded(void)
{
  struct lwt_dns_config c = { .without = LWT_DNS_IPV6 };
  struct lwt_addr to = lab_addr("10.0.0.2", 0);
  uint8_t bytes[40] = { 0 };
  lwt_addrs_p *p;

  lab_begin(&c);
  one->answer = guessed;
  guess_kind = SILENCE;
  p = look("four.example.org");
  lwt_test_advance(LWT_MS(100));
  to.port = one->port;
  for (guesses = 0; guesses < 15; guesses++)
    lwt_drop(lwt_udp_send(one->udp, &to, bytes, sizeof bytes));
  lwt_test_advance(LWT_MS(100));
  is_int(one->tcp_queries, 0, "15 guesses");
  lwt_drop(lwt_udp_send(one->udp, &to, bytes, sizeof bytes));
  lwt_test_advance(LWT_MS(100));
  is_int(one->tcp_queries, 1, "and with the 16th it goes over TCP");
  is_int(STAT(suspicious), 1, "which is counted");
  gives(p, "192.0.2.4:80", "the answer");
  lab_finish();
}

/* Port and number of 200 questions. */
static void unpredictable(void)
{
  struct lwt_dns_config c = { .without = LWT_DNS_IPV6 | LWT_DNS_CACHE };
  static uint8_t ids[8192], ports[8192];
  int i, repeated = 0, in_order = 0;
  uint16_t before = 0;

  lab_begin(&c);
  one->answer = zone;
  memset(ids, 0, sizeof ids);
  memset(ports, 0, sizeof ports);
  for (i = 0; i < 200; i++) {
    lwt_addrs_p *p = look("four.example.org");

    lwt_test_advance(LWT_MS(10));
    lwt_drop(LWT_UNTYPED(p));
    repeated += ids[one->id / 8] >> one->id % 8 & 1;
    repeated += ports[one->port / 8] >> one->port % 8 & 1;
    ids[one->id / 8] |= (uint8_t)(1 << one->id % 8);
    ports[one->port / 8] |= (uint8_t)(1 << one->port % 8);
    in_order += one->port == (uint16_t)(before + 1);
    before = one->port;
  }
  ok(repeated < 12 && in_order < 5, "numbers and ports are random");
  is_int(one->mixed, 200, "and so are capitals");
  lab_finish();
}

/* ---- The rest --------------------------------------------------------------------- */

static void searches(void)
{
  static const char *const search[] = { "b.example.org", "example.org" };
  struct lwt_dns_config c = {
    .search = search, .n_search = 2, .without = LWT_DNS_IPV6
  };

  lab_begin(&c);
  one->answer = zone;
  gives(look("four"), "192.0.2.4:80", "a name without dots, in the search list");
  is_int(one->udp_queries, 2, "the first in the list first");
  gives(look("four.example.org"), "192.0.2.4:80", "one with dots is tried as it is");
  is_int(one->udp_queries, 2, "first (and known)");
  gives(look("four."), lwt_strerror(LWT_ENOENT), "with a dot at the end only as it is");
  is_str(name_of(&one->q), "four", "asked for");
  gives(look("x.no.y"), lwt_strerror(LWT_ENOENT), "nowhere");
  is_str(name_of(&one->q), "x.no.y.example.org", "the last one asked for");
  lab_finish();
}

static enum reply only_four(struct server *s, const struct net_dns_question *q, int tcp,
                            struct net_dns_header *h, struct net_dns_writer *w)
{
  if (q->type == NET_DNS_AAAA)
    return SILENCE;
  return zone(s, q, tcp, h, w);
}

static void impatient(void)
{
  lwt_addrs_p *p;

  lab_begin(NULL);
  one->answer = two->answer = only_four;
  p = look("www.example.org");
  lwt_test_advance(LWT_MS(45));
  is_pending(LWT_UNTYPED(p), "addresses of one family wait for the other");
  lwt_test_advance(LWT_MS(20));
  gives(p, "192.0.2.1:80 192.0.2.2:80", "but not for long");
  lab_finish();
}

static enum reply records(struct server *s, const struct net_dns_question *q, int tcp,
                          struct net_dns_header *h, struct net_dns_writer *w)
{
  const char *name = name_of(q);
  struct net_dns_rr rr;

  (void)s, (void)tcp, (void)h;
  lab_record(&rr, name, q->type, 60);
  switch (q->type) {
  case NET_DNS_MX:
    rr.u.mx.preference = 10;
    net_dns_name_from(&rr.u.mx.exchange, "mail.example.org");
    break;
  case NET_DNS_SRV:
    rr.u.srv.priority = 1;
    rr.u.srv.weight = 2;
    rr.u.srv.port = 443;
    net_dns_name_from(&rr.u.srv.target, "www.example.org");
    break;
  case NET_DNS_PTR:
    net_dns_name_from(&rr.u.target, "Host.example.org");
    break;
  case NET_DNS_SOA:
    net_dns_name_from(&rr.u.soa.mname, "ns.example.org");
    net_dns_name_from(&rr.u.soa.rname, "root.example.org");
    rr.u.soa.serial = 0x01020304;
    break;
  default:
    rr.u.raw = (struct net_dns_bytes){ (const uint8_t *)"\2hi", 3 };
  }
  net_dns_put(w, NET_DNS_ANSWER, &rr);
  return REPLY;
}

static const struct lwt_dns_record *ask(lwt_dns_answer_p **p, uint16_t type)
{
  const struct lwt_dns_answer *a;

  *p = lwt_dns_query(lab_dns, "Some.example.org.", type);
  lwt_test_advance(LWT_S(5));
  a = lwt_value(LWT_UNTYPED(*p));
  return a && a->n == 1 ? &a->records[0] : NULL;
}

static void types(void)
{
  struct lwt_addr addr = lab_addr("192.0.2.7", 0), six = lab_addr("2001:db8::7", 0);
  const struct lwt_dns_record *r;
  lwt_dns_answer_p *p;

  lab_begin(NULL);
  one->answer = records;
  r = ask(&p, LWT_DNS_MX);
  ok(r && r->preference == 10 && !strcmp(r->target, "mail.example.org") &&
     !strcmp(r->name, "some.example.org") && r->ttl == 60, "MX");
  lwt_drop(LWT_UNTYPED(p));
  r = ask(&p, LWT_DNS_MX);
  ok(r && r->ttl == 56, "the same after 4.998 s");
  lwt_drop(LWT_UNTYPED(p));
  r = ask(&p, LWT_DNS_SRV);
  ok(r && r->preference == 1 && r->weight == 2 && r->port == 443 &&
     !strcmp(r->target, "www.example.org"), "SRV");
  lwt_drop(LWT_UNTYPED(p));
  r = ask(&p, LWT_DNS_TXT);
  ok(r && r->len == 3 && !memcmp(r->bytes, "\2hi", 3), "TXT");
  lwt_drop(LWT_UNTYPED(p));
  r = ask(&p, LWT_DNS_SOA);
  ok(r && r->len == 20 && !memcmp(r->bytes, "\1\2\3\4", 4) &&
     !strcmp(r->target, "ns.example.org"), "SOA");
  lwt_drop(LWT_UNTYPED(p));
  r = ask(&p, LWT_DNS_HTTPS);
  ok(r && r->len == 3, "types that it does not know are bytes");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_dns_reverse(lab_dns, &addr);
  lwt_test_advance(LWT_S(5));
  is_str(name_of(&one->q), "7.2.0.192.in-addr.arpa", "the name of an IPv4 address");
  ok(lwt_value(LWT_UNTYPED(p)) && !strcmp(((struct lwt_dns_answer *)lwt_value(
       LWT_UNTYPED(p)))->records[0].target, "Host.example.org"), "with its capitals");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_dns_reverse(lab_dns, &six);
  lwt_test_advance(LWT_S(5));
  is_str(name_of(&one->q), "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
         "1.0.0.2.ip6.arpa", "and of an IPv6 address");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_dns_query(lab_dns, "a", 252);
  is_rejected(LWT_UNTYPED(p), LWT_EINVAL, "no transfers");
  lwt_drop(LWT_UNTYPED(p));
  lab_finish();
}

static void limits(void)
{
  struct lwt_dns_config c = {
    .without = LWT_DNS_IPV6, .max_questions = 2, .max_waiters = 3
  };
  lwt_addrs_p *p[5];
  int i;

  lab_begin(&c);
  p[0] = look("a.example.org");
  p[1] = look("b.example.org");
  p[2] = look("c.example.org");
  is_rejected(LWT_UNTYPED(p[2]), LWT_ENOBUFS, "max_questions");
  p[3] = look("a.example.org");
  p[4] = look("a.example.org");
  is_rejected(LWT_UNTYPED(p[4]), LWT_ENOBUFS, "max_waiters");
  is_int(STAT(full), 2, "counted");
  lwt_dns_close(lab_dns);
  lab_dns = NULL;
  lwt_test_idle();
  is_rejected(LWT_UNTYPED(p[0]), LWT_ECONNABORTED, "closing ends questions");
  is_rejected(LWT_UNTYPED(p[3]), LWT_ECONNABORTED, "all of them");
  for (i = 0; i < 5; i++) {
    lwt_error(LWT_UNTYPED(p[i]));
    lwt_drop(LWT_UNTYPED(p[i]));
  }
  lab_finish();
}

/* Whatever fails, nothing is left, and the rest goes on. */
static void memory(void)
{
  lwt_addrs_p *p;

  if (!lab_begin(NULL)) {
    one->answer = truncated;
    two->answer = zone;
    p = look("www.example.org");
    lwt_test_advance(LWT_S(30));
    lwt_error(LWT_UNTYPED(p));
    lwt_drop(LWT_UNTYPED(p));
  }
  lab_finish();
}

static const struct lwt_test tests[] = {
  LWT_TEST(answers), LWT_TEST(caches), LWT_TEST(negative), LWT_TEST(coalesces),
  LWT_TEST(second_server), LWT_TEST(backs_off), LWT_TEST(over_tcp), LWT_TEST(strangers),
  LWT_TEST(flooded), LWT_TEST(unpredictable), LWT_TEST(searches), LWT_TEST(impatient),
  LWT_TEST(types), LWT_TEST(limits), LWT_TEST_MEMORY(memory)
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
