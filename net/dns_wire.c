/* net/dns_wire.c - DNS messages: read record by record, written with compression.
 * SPDX-License-Identifier: ISC
 */
#include "dns_wire.h"

#include "net.h"

#include <string.h>

/* ---- Reading ------------------------------------------------------------- */

int net_dns_read(struct net_dns_reader *r, const uint8_t *bytes, size_t len,
                 struct net_dns_header *h)
{
  unsigned i, flags;

  if (len < NET_DNS_HEADER_LEN)
    return LWT_EBADMSG;
  flags = net_get16(bytes + 2);
  *h = (struct net_dns_header){
    .id = net_get16(bytes), .qr = flags >> 15, .opcode = flags >> 11 & 15,
    .aa = flags >> 10 & 1, .tc = flags >> 9 & 1, .rd = flags >> 8 & 1,
    .ra = flags >> 7 & 1, .ad = flags >> 5 & 1, .cd = flags >> 4 & 1,
    .rcode = flags & 15, .questions = net_get16(bytes + 4)
  };
  *r = (struct net_dns_reader){
    .msg = bytes, .len = len, .at = NET_DNS_HEADER_LEN, .questions = h->questions
  };
  for (i = 0; i < 3; i++)
    r->records[i] = h->records[i] = net_get16(bytes + 6 + 2 * i);
  return 0;
}

/* What follows is not read. */
static int bad(struct net_dns_reader *r)
{
  r->at = r->len + 1;
  return LWT_EBADMSG;
}

static int name_at(struct net_dns_reader *r, struct net_dns_name *name)
{
  int n = r->at > r->len ? LWT_EBADMSG
                         : net_dns_name_parse(name, r->msg, r->len, r->at);

  if (n > 0)
    r->at += (size_t)n;
  return n;
}

int net_dns_next_question(struct net_dns_reader *r, struct net_dns_question *q)
{
  if (r->at > r->len)
    return LWT_EBADMSG;
  if (!r->questions)
    return 0;
  if (name_at(r, &q->name) < 0 || r->len - r->at < 4)
    return bad(r);
  r->questions--;
  q->type = net_get16(r->msg + r->at);
  q->class = net_get16(r->msg + r->at + 2);
  r->at += 4;
  return 1;
}

/* A name within the data, which ends at `end`. */
static int name_in(const struct net_dns_reader *r, size_t *at, size_t end,
                   struct net_dns_name *name)
{
  int n = net_dns_name_parse(name, r->msg, end, *at);

  if (n < 0)
    return 0;
  *at += (size_t)n;
  return 1;
}

/* Character strings up to the end (RFC 1035, 3.3.14).  No string at all is what some
 * send for one that is empty (RFC 6763, 6.1). */
static int strings(const uint8_t *p, size_t len)
{
  size_t at = 0;

  while (at < len)
    at += p[at] + 1u;
  return at == len;
}

static int soa(const struct net_dns_reader *r, size_t at, size_t end,
               struct net_dns_rr *rr)
{
  if (!name_in(r, &at, end, &rr->u.soa.mname) ||
      !name_in(r, &at, end, &rr->u.soa.rname) || end - at != 20)
    return 0;
  rr->u.soa.serial = net_get32(r->msg + at);
  rr->u.soa.refresh = net_get32(r->msg + at + 4);
  rr->u.soa.retry = net_get32(r->msg + at + 8);
  rr->u.soa.expire = net_get32(r->msg + at + 12);
  rr->u.soa.minimum = net_get32(r->msg + at + 16);
  return 1;
}

/* Whether a class has the data of IN; RFC 2136 leaves it out, and has it in others. */
static int typed(uint16_t class, size_t len)
{
  return (class & 0x7fff) == NET_DNS_IN ||
         (len && (class == NET_DNS_CLASS_NONE || class == NET_DNS_CLASS_ANY));
}

/* Whether the data of rr, [at, end) of the message, is well-formed. */
static int data(const struct net_dns_reader *r, size_t at, size_t end,
                struct net_dns_rr *rr)
{
  const uint8_t *p = r->msg + at;
  size_t len = end - at;

  rr->opaque = rr->type != NET_DNS_OPT && !typed(rr->class, len);
  switch (rr->opaque ? 0 : rr->type) {
  case NET_DNS_A:
    memcpy(rr->u.ip, p, len == 4 ? 4 : 0);
    return len == 4;
  case NET_DNS_AAAA:
    memcpy(rr->u.ip, p, len == 16 ? 16 : 0);
    return len == 16;
  case NET_DNS_NS:
  case NET_DNS_CNAME:
  case NET_DNS_PTR:
  case NET_DNS_DNAME:
    return name_in(r, &at, end, &rr->u.target) && at == end;
  case NET_DNS_MX:
    if (len < 3)
      return 0;
    rr->u.mx.preference = net_get16(p);
    at += 2;
    return name_in(r, &at, end, &rr->u.mx.exchange) && at == end;
  case NET_DNS_SRV:
    if (len < 7)
      return 0;
    rr->u.srv.priority = net_get16(p);
    rr->u.srv.weight = net_get16(p + 2);
    rr->u.srv.port = net_get16(p + 4);
    at += 6;
    return name_in(r, &at, end, &rr->u.srv.target) && at == end;
  case NET_DNS_SOA:
    return soa(r, at, end, rr);
  case NET_DNS_OPT:
    if (rr->name.len != 1)
      return 0;
    break;
  case NET_DNS_TXT:
    if (!strings(p, len))
      return 0;
    break;
  }
  rr->u.raw = (struct net_dns_bytes){ p, (uint16_t)len };
  return 1;
}

int net_dns_next(struct net_dns_reader *r, struct net_dns_rr *rr)
{
  struct net_dns_question skipped;
  const uint8_t *p;
  size_t len;

  while (r->questions)
    if (net_dns_next_question(r, &skipped) < 0)
      return LWT_EBADMSG;
  if (r->at > r->len)
    return LWT_EBADMSG;
  for (rr->section = 0; rr->section < 3 && !r->records[rr->section]; rr->section++)
    ;
  if (rr->section == 3)
    return 0;
  if (name_at(r, &rr->name) < 0 || r->len - r->at < 10)
    return bad(r);
  p = r->msg + r->at;
  rr->type = net_get16(p);
  rr->class = net_get16(p + 2);
  rr->ttl = net_get32(p + 4);
  if (rr->ttl >> 31 && rr->type != NET_DNS_OPT)
    rr->ttl = 0;
  rr->squeeze = 0;
  len = net_get16(p + 8);
  r->at += 10;
  if (r->len - r->at < len || !data(r, r->at, r->at + len, rr))
    return bad(r);
  r->at += len;
  r->records[rr->section]--;
  return 1;
}

void net_dns_opt_of(const struct net_dns_rr *rr, struct net_dns_opt *opt)
{
  opt->udp_size = rr->class;
  opt->rcode = (uint8_t)(rr->ttl >> 24);
  opt->version = (uint8_t)(rr->ttl >> 16);
  opt->dnssec = rr->ttl >> 15 & 1;
}

void net_dns_opt_make(struct net_dns_rr *rr, const struct net_dns_opt *opt)
{
  rr->name.len = 1;
  rr->name.bytes[0] = 0;
  rr->type = NET_DNS_OPT;
  rr->opaque = 0;
  rr->class = opt->udp_size;
  rr->ttl = (uint32_t)opt->rcode << 24 | (uint32_t)opt->version << 16 |
            (opt->dnssec ? 0x8000u : 0);
  rr->u.raw = (struct net_dns_bytes){ NULL, 0 };
}

/* ---- Writing ------------------------------------------------------------- */

void net_dns_set_header(struct net_dns_writer *w, const struct net_dns_header *h)
{
  net_put16(w->out, h->id);
  net_put16(w->out + 2, (uint32_t)(h->qr << 15 | (h->opcode & 15) << 11 | h->aa << 10 |
                                   h->tc << 9 | h->rd << 8 | h->ra << 7 | h->ad << 5 |
                                   h->cd << 4 | (h->rcode & 15)));
}

void net_dns_write(struct net_dns_writer *w, uint8_t *out, size_t room,
                   const struct net_dns_header *h)
{
  memset(w, 0, sizeof *w);
  w->out = out;
  w->room = room < 65535 ? room : 65535;
  w->len = NET_DNS_HEADER_LEN;
  net_dns_set_header(w, h);
}

size_t net_dns_written(struct net_dns_writer *w)
{
  int i;

  net_put16(w->out + 4, w->questions);
  for (i = 0; i < 3; i++)
    net_put16(w->out + 6 + 2 * i, w->records[i]);
  return w->len;
}

static int room_for(const struct net_dns_writer *w, size_t n)
{
  return w->room - w->len >= n;
}

/* Whether the bytes of a name stand at `at`, pointers followed.  What a name that did
 * not fit has left in the table may lead anywhere; what it leads to is looked at, and
 * then it does not matter how it came about. */
static int stands_at(const struct net_dns_writer *w, size_t at, const uint8_t *name)
{
  size_t segment = at, n;

  for (;;) {
    if (at >= w->len)
      return 0;
    n = w->out[at];
    if (n >= 0xc0) {
      if (at + 2 > w->len)
        return 0;
      at = (n & 0x3f) << 8 | w->out[at + 1];
      if (at >= segment || at < NET_DNS_HEADER_LEN)
        return 0;
      segment = at;
      continue;
    }
    if (n != *name || at + n + 1 > w->len || memcmp(w->out + at, name, n + 1))
      return 0;
    if (!n)
      return 1;
    at += n + 1;
    name += n + 1;
  }
}

/* Where a suffix stands, or where it may be noted: its slot. */
static uint16_t *find(struct net_dns_writer *w, const uint8_t *suffix, uint32_t hash)
{
  uint16_t *slot;
  unsigned i;

  for (i = 0; i < 8; i++) {
    slot = &w->suffixes[(hash + i) % NET_DNS_SUFFIXES];
    if (!*slot || stands_at(w, *slot, suffix))
      return slot;
  }
  return NULL;
}

static uint32_t suffix_hash(const uint8_t *p)
{
  uint32_t h = 2166136261u;

  for (; *p; p += *p + 1u) {
    h = (h ^ *p ^ p[1]) * 16777619u;
    h = (h ^ p[*p]) * 16777619u;
  }
  return h ^ h >> 16;
}

/* Names are compressed as they are written, so that case survives. */
static int put_name(struct net_dns_writer *w, const struct net_dns_name *name, int plain)
{
  const uint8_t *p = name->bytes;
  uint16_t *slot;

  for (; *p; p += *p + 1u) {
    slot = plain ? NULL : find(w, p, suffix_hash(p));
    if (slot && *slot) {
      if (!room_for(w, 2))
        return 0;
      net_put16(w->out + w->len, 0xc000u | *slot);
      w->len += 2;
      return 1;
    }
    if (!room_for(w, *p + 1u))
      return 0;
    if (slot && w->len < 0x4000)
      *slot = (uint16_t)w->len;
    memcpy(w->out + w->len, p, *p + 1u);
    w->len += *p + 1u;
  }
  if (!room_for(w, 1))
    return 0;
  w->out[w->len++] = 0;
  return 1;
}

static int put16(struct net_dns_writer *w, uint16_t v)
{
  if (!room_for(w, 2))
    return 0;
  net_put16(w->out + w->len, v);
  w->len += 2;
  return 1;
}

static int put32(struct net_dns_writer *w, uint32_t v)
{
  return put16(w, (uint16_t)(v >> 16)) && put16(w, (uint16_t)v);
}

static int put_bytes(struct net_dns_writer *w, const uint8_t *bytes, size_t len)
{
  if (!room_for(w, len))
    return 0;
  if (len)
    memcpy(w->out + w->len, bytes, len);
  w->len += len;
  return 1;
}

int net_dns_put_question(struct net_dns_writer *w, const struct net_dns_question *q)
{
  size_t before = w->len;

  if (w->records[0] || w->records[1] || w->records[2])
    return LWT_EINVAL;
  if (!put_name(w, &q->name, 0) || !put16(w, q->type) || !put16(w, q->class)) {
    w->len = before;
    return LWT_EMSGSIZE;
  }
  w->questions++;
  return 0;
}

static int put_data(struct net_dns_writer *w, const struct net_dns_rr *rr)
{
  switch (rr->opaque ? 0 : rr->type) {
  case NET_DNS_A:
    return put_bytes(w, rr->u.ip, 4);
  case NET_DNS_AAAA:
    return put_bytes(w, rr->u.ip, 16);
  case NET_DNS_NS:
  case NET_DNS_CNAME:
  case NET_DNS_PTR:
    return put_name(w, &rr->u.target, 0);
  case NET_DNS_DNAME:
    return put_name(w, &rr->u.target, 1);
  case NET_DNS_MX:
    return put16(w, rr->u.mx.preference) && put_name(w, &rr->u.mx.exchange, 0);
  case NET_DNS_SRV:
    return put16(w, rr->u.srv.priority) && put16(w, rr->u.srv.weight) &&
           put16(w, rr->u.srv.port) && put_name(w, &rr->u.srv.target, !rr->squeeze);
  case NET_DNS_SOA:
    return put_name(w, &rr->u.soa.mname, 0) &&
           put_name(w, &rr->u.soa.rname, 0) && put32(w, rr->u.soa.serial) &&
           put32(w, rr->u.soa.refresh) && put32(w, rr->u.soa.retry) &&
           put32(w, rr->u.soa.expire) && put32(w, rr->u.soa.minimum);
  default:
    return put_bytes(w, rr->u.raw.bytes, rr->u.raw.len);
  }
}

int net_dns_put(struct net_dns_writer *w, enum net_dns_section section,
                const struct net_dns_rr *rr)
{
  size_t before = w->len, data;

  if (section < w->section)
    return LWT_EINVAL;
  if (!put_name(w, &rr->name, 0) || !put16(w, rr->type) || !put16(w, rr->class) ||
      !put32(w, rr->ttl) || !put16(w, 0))
    goto full;
  data = w->len;
  if (!put_data(w, rr))
    goto full;
  net_put16(w->out + data - 2, (uint32_t)(w->len - data));
  w->section = (uint8_t)section;
  w->records[section]++;
  return 0;
full:
  w->len = before;
  return LWT_EMSGSIZE;
}
