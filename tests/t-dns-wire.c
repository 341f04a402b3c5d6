/* t-dns-wire.c - DNS messages: read, written, compressed, cut short, spoilt.
 * SPDX-License-Identifier: ISC
 */
#include "../net/dns_wire.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

/* An answer as it went over a wire: www.example.org A, through a CNAME. */
static const uint8_t answer[] = {
  0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1,
  3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'o', 'r', 'g', 0,
  0, 1, 0, 1,
  0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, 'w', 'e', 'b', 0xc0, 16,
  0xc0, 45, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 7,
  0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0
};

static char text[NET_DNS_TEXT];

static const char *text_of(const struct net_dns_name *name)
{
  return net_dns_name_text(name, text, sizeof text);
}

static struct net_dns_name name_of(const char *from)
{
  struct net_dns_name name;

  memset(&name, 0, sizeof name);
  if (net_dns_name_from(&name, from))
    ok(0, "%s is a name", from);
  return name;
}

static void reads(void)
{
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_question q;
  struct net_dns_rr rr;
  struct net_dns_opt opt;

  is_int(net_dns_read(&r, answer, sizeof answer, &h), 0, "a header");
  ok(h.id == 0x1234 && h.qr && h.rd && h.ra && !h.aa && !h.tc && !h.rcode, "its flags");
  ok(h.questions == 1 && h.records[0] == 2 && !h.records[1] && h.records[2] == 1,
     "its counts");
  is_int(net_dns_next_question(&r, &q), 1, "a question");
  is_str(text_of(&q.name), "www.example.org", "its name");
  ok(q.type == NET_DNS_A && q.class == NET_DNS_IN, "type and class");
  is_int(net_dns_next_question(&r, &q), 0, "one only");
  is_int(net_dns_next(&r, &rr), 1, "an answer");
  ok(rr.type == NET_DNS_CNAME && rr.ttl == 60 && rr.section == NET_DNS_ANSWER, "a CNAME");
  is_str(text_of(&rr.u.target), "web.example.org", "to a compressed name");
  is_int(net_dns_next(&r, &rr), 1, "another");
  is_str(text_of(&rr.name), "web.example.org", "of that name");
  ok(rr.type == NET_DNS_A && rr.ttl == 300 && !memcmp(rr.u.ip, "\300\0\2\7", 4), "an A");
  is_int(net_dns_next(&r, &rr), 1, "an OPT");
  net_dns_opt_of(&rr, &opt);
  ok(rr.section == NET_DNS_ADDITIONAL && opt.udp_size == 1232 && opt.dnssec &&
     !opt.version && !opt.rcode, "what it says");
  is_int(net_dns_next(&r, &rr), 0, "and no more");
  net_dns_read(&r, answer, sizeof answer, &h);
  is_int(net_dns_next(&r, &rr), 1, "the questions may be left out");
  is_int(rr.type, NET_DNS_CNAME, "what comes first then");
}

/* Every message that is cut short, each with a block of its own for the sanitizers. */
static void cut_short(void)
{
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr rr;
  unsigned len, wrong = 0;
  uint8_t *copy;

  for (len = 0; len < sizeof answer; len++) {
    copy = malloc(len ? len : 1);
    memcpy(copy, answer, len);
    if (!net_dns_read(&r, copy, len, &h)) {
      while (net_dns_next(&r, &rr) > 0)
        ;
      wrong += net_dns_next(&r, &rr) != LWT_EBADMSG;
    } else {
      wrong += len >= NET_DNS_HEADER_LEN;
    }
    free(copy);
  }
  is_int(wrong, 0, "a message cut short anywhere is malformed, and stays so");
}

/* A question's name and nothing else: what the name parser says. */
static int parse(const char *bytes, size_t len, size_t at)
{
  struct net_dns_name name;
  uint8_t msg[600] = { 0 };

  memcpy(msg + NET_DNS_HEADER_LEN, bytes, len);
  return net_dns_name_parse(&name, msg, NET_DNS_HEADER_LEN + len,
                            NET_DNS_HEADER_LEN + at);
}

static void hostile_names(void)
{
  char longest[600];
  int i;

  is_int(parse("\1a\0", 3, 0), 3, "a name");
  is_int(parse("\1a\0\1b\300\14", 7, 3), 4, "a pointer ends it");
  is_int(parse("\300\14", 2, 0), LWT_EBADMSG, "a pointer to itself");
  is_int(parse("\1a\300\14", 4, 0), LWT_EBADMSG, "a pointer to its name");
  is_int(parse("\300\16\300\14", 4, 2), LWT_EBADMSG, "two that meet");
  is_int(parse("\300\20\1a\0", 5, 0), LWT_EBADMSG, "a pointer forwards");
  is_int(parse("\300\0\1a\0", 5, 0), LWT_EBADMSG, "a pointer into the header");
  is_int(parse("\300\377", 2, 0), LWT_EBADMSG, "a pointer beyond the end");
  is_int(parse("\300", 1, 0), LWT_EBADMSG, "half a pointer");
  is_int(parse("\101a\0", 3, 0), LWT_EBADMSG, "label type 01");
  is_int(parse("\201a\0", 3, 0), LWT_EBADMSG, "label type 10");
  is_int(parse("\5abc\0", 5, 0), LWT_EBADMSG, "a label beyond the end");
  for (i = 0; i < 300; i += 2)
    memcpy(longest + i, "\1a", 2);
  longest[254] = 0;
  is_int(parse(longest, 255, 0), 255, "255 bytes");
  longest[254] = 1;
  longest[256] = 0;
  is_int(parse(longest, 257, 0), LWT_EBADMSG, "257 bytes");
}

static void texts(void)
{
  struct net_dns_name a = name_of("WWW.Example.org."), b = name_of("www.eXample.ORG");
  struct net_dns_name c = name_of("example.org"), dot = name_of("a\\.b\\\\c\\000.x");
  struct net_dns_name root = name_of("."), tmp;
  char label[70], name[300];
  int i;

  is_str(text_of(&a), "WWW.Example.org", "a name keeps its case");
  ok(net_dns_name_equal(&a, &b) && !net_dns_name_same(&a, &b), "equal, not the same");
  is_int(net_dns_name_hash(&a), net_dns_name_hash(&b), "and of the same hash");
  ok(net_dns_name_below(&a, &c) && net_dns_name_below(&c, &c) &&
     !net_dns_name_below(&c, &a) && net_dns_name_below(&a, &root), "below");
  b = name_of("wwwexample.org");
  ok(!net_dns_name_below(&b, &c), "not by half a label");
  is_str(text_of(&dot), "a\\.b\\\\c\\000.x", "escapes");
  is_int(dot.bytes[0], 6, "which are one byte each");
  is_str(text_of(&root), ".", "the root");
  is_int(net_dns_name_labels(&a), 3, "labels");
  net_dns_name_fold(&a);
  is_str(text_of(&a), "www.example.org", "in small letters");
  is_int(net_dns_name_from(&tmp, ""), LWT_EINVAL, "no name");
  is_int(net_dns_name_from(&tmp, ".."), LWT_EINVAL, "empty labels");
  is_int(net_dns_name_from(&tmp, "a..b"), LWT_EINVAL, "an empty label inside");
  is_int(net_dns_name_from(&tmp, ".a"), LWT_EINVAL, "an empty label in front");
  is_int(net_dns_name_from(&tmp, "a\\"), LWT_EINVAL, "a backslash alone");
  is_int(net_dns_name_from(&tmp, "a\\25"), LWT_EINVAL, "two digits");
  is_int(net_dns_name_from(&tmp, "a\\256"), LWT_EINVAL, "a byte too large");
  memset(label, 'a', sizeof label);
  label[63] = '\0';
  is_int(net_dns_name_from(&tmp, label), 0, "63 bytes");
  label[63] = 'a';
  label[64] = '\0';
  is_int(net_dns_name_from(&tmp, label), LWT_EINVAL, "64 bytes");
  for (i = 0; i < 127; i++)
    memcpy(name + 2 * i, "a.", 3);
  is_int(net_dns_name_from(&tmp, name), 0, "127 labels");
  is_int(tmp.len, 255, "are 255 bytes");
  is_int(net_dns_name_append(&tmp, &c), LWT_EINVAL, "and no more can follow");
  name[253] = '\0';
  is_int(net_dns_name_from(&tmp, name), 0, "the same without the last dot");
  is_int(tmp.len, 255, "255 bytes");
  is_int(net_dns_name_from(&tmp, strcpy(name + 253, ".bb") - 253), LWT_EINVAL, "more");
  tmp = name_of("www");
  is_int(net_dns_name_append(&tmp, &c), 0, "one after the other");
  is_str(text_of(&tmp), "www.example.org", "what it becomes");
  is_str(net_dns_name_text(&tmp, name, 6), "www.e", "cut off for want of room");
}

static struct net_dns_rr record(const char *name, uint16_t type)
{
  struct net_dns_rr rr;

  memset(&rr, 0, sizeof rr);
  rr.name = name_of(name);
  rr.type = type;
  rr.class = NET_DNS_IN;
  rr.ttl = 3600;
  return rr;
}

static uint8_t out[1000];
static struct net_dns_writer w;

/* What was written is read back, and gives the same bytes when it is written. */
static void again(size_t len, const char *what)
{
  uint8_t copy[sizeof out];
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_question q;
  struct net_dns_rr rr;
  int bad = net_dns_read(&r, out, len, &h);

  net_dns_write(&w, copy, sizeof copy, &h);
  while (!bad && net_dns_next_question(&r, &q) > 0)
    bad = net_dns_put_question(&w, &q);
  while (!bad && net_dns_next(&r, &rr) > 0) {
    rr.squeeze = rr.type == NET_DNS_SRV && rr.ttl == 1;
    bad = net_dns_put(&w, rr.section, &rr);
  }
  is_int(bad ? bad : net_dns_next(&r, &rr), 0, "%s is read", what);
  is_int(net_dns_written(&w), len, "%s is as long again", what);
  is_mem(copy, out, len, "%s is the same again", what);
}

static void writes(void)
{
  const struct net_dns_header h = { .id = 7, .qr = 1, .aa = 1, .rcode = 3, .opcode = 5 };
  const struct net_dns_question q = { name_of("example.org"), NET_DNS_ANY, NET_DNS_IN };
  struct net_dns_rr rr;
  size_t len;

  net_dns_write(&w, out, sizeof out, &h);
  is_int(net_dns_put_question(&w, &q), 0, "a question");
  rr = record("mail.example.org", NET_DNS_MX);
  rr.u.mx.preference = 10;
  rr.u.mx.exchange = name_of("a.mail.example.org");
  len = w.len;
  is_int(net_dns_put(&w, NET_DNS_ANSWER, &rr), 0, "MX");
  is_int(w.len - len, 7 + 10 + 2 + 4, "compressed, its data too");
  rr = record("example.org", NET_DNS_SOA);
  rr.u.soa.mname = name_of("ns.Example.org");
  rr.u.soa.rname = name_of("root.example.org");
  rr.u.soa.serial = 4000000000u;
  rr.u.soa.minimum = 300;
  is_int(net_dns_put(&w, NET_DNS_ANSWER, &rr), 0, "SOA");
  rr = record("_http._tcp.example.org", NET_DNS_SRV);
  rr.u.srv.port = 80;
  rr.u.srv.target = name_of("www.example.org");
  len = w.len;
  is_int(net_dns_put(&w, NET_DNS_ANSWER, &rr), 0, "SRV");
  is_int(w.len - len, 11 + 2 + 10 + 6 + 17, "its target is not compressed");
  rr.squeeze = 1;
  rr.ttl = 1;
  len = w.len;
  is_int(net_dns_put(&w, NET_DNS_AUTHORITY, &rr), 0, "SRV of multicast DNS");
  is_int(w.len - len, 2 + 10 + 6 + 6, "its target is");
  is_int(net_dns_put(&w, NET_DNS_ANSWER, &rr), LWT_EINVAL, "sections have an order");
  is_int(net_dns_put_question(&w, &q), LWT_EINVAL, "questions come first");
  rr = record("host.example.org", NET_DNS_AAAA);
  rr.class |= 0x8000;
  memcpy(rr.u.ip, "\x20\1\r\270abcdefghijkl", 16);
  is_int(net_dns_put(&w, NET_DNS_ADDITIONAL, &rr), 0, "AAAA");
  rr = record("host.example.org", NET_DNS_TXT);
  rr.u.raw = (struct net_dns_bytes){ (const uint8_t *)"\3a=b\0", 5 };
  is_int(net_dns_put(&w, NET_DNS_ADDITIONAL, &rr), 0, "TXT");
  rr = record("host.example.org", NET_DNS_A);
  rr.class = NET_DNS_CLASS_ANY;
  rr.opaque = 1;
  is_int(net_dns_put(&w, NET_DNS_ADDITIONAL, &rr), 0, "no data");
  again(net_dns_written(&w), "all of it");
  is_int(w.questions, 1, "questions");
  is_int(w.records[0] + 10 * w.records[1] + 100 * w.records[2], 313, "records");
}

/* Whatever the room, what is in the message is whole. */
static void no_room(void)
{
  const struct net_dns_header h = { .qr = 1 };
  struct net_dns_rr rr = record("www.example.org", NET_DNS_NS);
  struct net_dns_reader r;
  struct net_dns_rr seen;
  struct net_dns_header hr;
  size_t room;
  unsigned n, wrong = 0;

  rr.u.target = name_of("ns.example.org");
  for (room = NET_DNS_HEADER_LEN; room < 150; room++) {
    net_dns_write(&w, out, room, &h);
    for (n = 0; net_dns_put(&w, NET_DNS_ANSWER, &rr) == 0; n++)
      rr.name.bytes[1]++;
    rr.name.bytes[1] = 'x';
    rr.name.bytes[2] = 'y';
    n += net_dns_put(&w, NET_DNS_ANSWER, &rr) == 0;
    rr.name = name_of("www.example.org");
    net_dns_read(&r, out, net_dns_written(&w), &hr);
    while (net_dns_next(&r, &seen) > 0) {
      wrong += !net_dns_name_equal(&seen.u.target, &rr.u.target);
      n--;
    }
    wrong += n || w.len > room;
  }
  is_int(wrong, 0, "what fits is whole, what does not leaves nothing");
}

static void bad_data(void)
{
  static const struct { uint16_t type, len; const char *data; } rows[] = {
    { NET_DNS_A, 3, "abc" }, { NET_DNS_A, 5, "abcde" }, { NET_DNS_A, 0, "" },
    { NET_DNS_AAAA, 4, "abcd" }, { NET_DNS_CNAME, 4, "\1a\0x" },
    { NET_DNS_CNAME, 2, "\1a" }, { NET_DNS_NS, 0, "" }, { NET_DNS_MX, 2, "\0\0" },
    { NET_DNS_MX, 6, "\0\0\1a\0x" }, { NET_DNS_SRV, 6, "\0\0\0\0\0\0" },
    { NET_DNS_SRV, 8, "\0\0\0\0\0\0\0x" }, { NET_DNS_TXT, 2, "\2a" },
    { NET_DNS_SOA, 21, "\0\0abcdefghijklmnopqrs" }, { NET_DNS_SOA, 1, "\0" },
  };
  struct net_dns_reader r;
  struct net_dns_header h = { 0 };
  struct net_dns_rr rr = record("a", 999);
  unsigned i, wrong = 0;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    net_dns_write(&w, out, sizeof out, &h);
    rr.type = rows[i].type;
    rr.opaque = 1;
    rr.u.raw = (struct net_dns_bytes){ (const uint8_t *)rows[i].data, rows[i].len };
    net_dns_put(&w, NET_DNS_ANSWER, &rr);
    net_dns_read(&r, out, net_dns_written(&w), &h);
    if (net_dns_next(&r, &rr) != LWT_EBADMSG) {
      wrong++;
      ok(0, "row %u", i);
    }
    rr = record("a", 999);
  }
  is_int(wrong, 0, "data that is not of its type");
  rr.ttl = 0x80000001u;
  rr.u.raw = (struct net_dns_bytes){ NULL, 0 };
  net_dns_write(&w, out, sizeof out, &h);
  net_dns_put(&w, NET_DNS_ANSWER, &rr);
  net_dns_read(&r, out, net_dns_written(&w), &h);
  is_int(net_dns_next(&r, &rr), 1, "an unknown type");
  is_int(rr.ttl, 0, "a TTL of more than 31 bits is 0");
}

static const struct lwt_test tests[] = {
  LWT_TEST(reads), LWT_TEST(cut_short), LWT_TEST(hostile_names), LWT_TEST(texts),
  LWT_TEST(writes), LWT_TEST(no_room), LWT_TEST(bad_data)
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
