/* tls_keys.c - certificates, keys and authorities, from PEM (RFC 7468).
 * SPDX-License-Identifier: ISC
 */
#include "tls.h"

#include <string.h>

enum { MAX_CHAIN = 16, MAX_IDENTITY = 64 << 10, MAX_ANCHORS = 1024, MAX_DER = 64 << 10 };

/* ---- PEM ------------------------------------------------------------------- */

/* One object's bytes, as they come; NULL when memory was out or it is too long. */
struct der {
  uint8_t *bytes;
  size_t len;
};

static void der_add(void *der, const void *bytes, size_t len)
{
  struct der *d = der;

  if (!d->bytes)
    return;
  if (d->len + len > MAX_DER) {
    lwt__free(d->bytes);
    d->bytes = NULL;
    return;
  }
  memcpy(d->bytes + d->len, bytes, len);
  d->len += len;
}

/* Call each(env, name, der) for the objects of a PEM text until it says other
 * than 0, which is returned. */
static int each_object(const char *pem, size_t len,
                       int (*each)(void *env, const char *name, const struct der *der),
                       void *env)
{
  br_pem_decoder_context decoder;
  struct der der = { NULL, 0 };
  int inside = 0, result = 0, newline = 0;
  size_t n;

  br_pem_decoder_init(&decoder);
  der.bytes = lwt__alloc(MAX_DER);
  if (!der.bytes)
    return LWT_ENOMEM;
  while (!result && (len || !newline)) {
    if (len) {
      n = br_pem_decoder_push(&decoder, pem, len);
    } else { /* the last line may have no end */
      newline = 1;
      br_pem_decoder_push(&decoder, "\n", 1);
      n = 0;
    }
    pem += n;
    len -= n;
    switch (br_pem_decoder_event(&decoder)) {
    case BR_PEM_BEGIN_OBJ:
      inside = 1;
      der.len = 0;
      br_pem_decoder_setdest(&decoder, der_add, &der);
      break;
    case BR_PEM_END_OBJ:
      inside = 0;
      result = der.bytes ? each(env, br_pem_decoder_name(&decoder), &der) : LWT_EFBIG;
      break;
    case BR_PEM_ERROR:
      result = LWT_EBADMSG;
      break;
    default:
      break;
    }
  }
  if (!result && inside)
    result = LWT_EBADMSG;
  if (der.bytes)
    memset(der.bytes, 0, MAX_DER); /* keys were in it */
  __asm__ volatile("" : : "r"(der.bytes) : "memory");
  lwt__free(der.bytes);
  return result;
}

static int is_certificate(const char *name)
{
  return !strcmp(name, "CERTIFICATE") || !strcmp(name, "X509 CERTIFICATE") ||
         !strcmp(name, "TRUSTED CERTIFICATE");
}

static uint8_t *copy(const void *bytes, size_t len)
{
  uint8_t *p = lwt__alloc(len ? len : 1);

  if (p)
    memcpy(p, bytes, len);
  return p;
}

/* ---- An identity ----------------------------------------------------------- */

struct identity_parts {
  struct lwt_tls_identity *id;
  size_t bytes;
  int has_key;
};

static int add_certificate(void *env, const char *name, const struct der *der)
{
  struct identity_parts *parts = env;
  struct lwt_tls_identity *id = parts->id;
  br_x509_certificate *c = &id->chain[id->chain_len];

  if (!is_certificate(name))
    return 0;
  parts->bytes += der->len;
  if (id->chain_len == MAX_CHAIN || parts->bytes > MAX_IDENTITY)
    return LWT_EFBIG;
  c->data = copy(der->bytes, der->len);
  if (!c->data)
    return LWT_ENOMEM;
  c->data_len = der->len;
  id->chain_len++;
  return 0;
}

static int add_key(void *env, const char *name, const struct der *der)
{
  struct identity_parts *parts = env;
  struct lwt_tls_identity *id = parts->id;

  if (parts->has_key ||
      (strcmp(name, "RSA PRIVATE KEY") != 0 && strcmp(name, "EC PRIVATE KEY") != 0 &&
       strcmp(name, "PRIVATE KEY") != 0))
    return 0;
  br_skey_decoder_init(&id->key);
  br_skey_decoder_push(&id->key, der->bytes, der->len);
  if (br_skey_decoder_last_error(&id->key))
    return LWT_EBADMSG;
  id->type = br_skey_decoder_key_type(&id->key);
  parts->has_key = 1;
  return 0;
}

/* The public key's type must be that of the private one; who signed it is sent
 * with static suites only, but the engine asks. */
static int match(struct lwt_tls_identity *id)
{
  br_x509_decoder_context *x = lwt__alloc(sizeof *x);
  br_x509_pkey *pk;
  int error = 0;

  if (!x)
    return LWT_ENOMEM;
  br_x509_decoder_init(x, NULL, NULL);
  br_x509_decoder_push(x, id->chain[0].data, id->chain[0].data_len);
  pk = br_x509_decoder_get_pkey(x);
  if (!pk)
    error = LWT_EBADMSG;
  else if (pk->key_type != id->type)
    error = LWT_EINVAL;
  else
    id->issuer = (unsigned)br_x509_decoder_get_signer_key_type(x);
  lwt__free(x);
  return error;
}

int lwt_tls_identity_new(const char *chain, size_t chain_len, const char *key,
                         size_t key_len, struct lwt_tls_identity **identity)
{
  struct identity_parts parts = { NULL, 0, 0 };
  struct lwt_tls_identity *id = lwt__alloc(sizeof *id);
  int error;

  *identity = NULL;
  if (!id)
    return LWT_ENOMEM;
  memset(id, 0, sizeof *id);
  parts.id = id;
  id->chain = lwt__alloc(MAX_CHAIN * sizeof *id->chain);
  error = id->chain ? 0 : LWT_ENOMEM;
  if (!error)
    error = each_object(chain, chain_len, add_certificate, &parts);
  if (!error && !id->chain_len)
    error = LWT_EBADMSG;
  if (!error)
    error = each_object(key, key_len, add_key, &parts);
  if (!error && !parts.has_key)
    error = LWT_EBADMSG;
  if (!error)
    error = match(id);
  if (error)
    lwt_tls_identity_free(id);
  else
    *identity = id;
  return error;
}

void lwt_tls_identity_free(void *identity)
{
  struct lwt_tls_identity *id = identity;
  size_t i;

  if (!id)
    return;
  for (i = 0; i < id->chain_len; i++)
    lwt__free(id->chain[i].data);
  lwt__free(id->chain);
  memset(id, 0, sizeof *id);
  __asm__ volatile("" : : "r"(id) : "memory");
  lwt__free(id);
}

/* ---- Anchors --------------------------------------------------------------- */

/* The subject's name, as the decoder comes upon it. */
struct subject {
  uint8_t bytes[4096];
  size_t len;
  int too_long;
};

static void subject_add(void *subject, const void *bytes, size_t len)
{
  struct subject *s = subject;

  if (s->len + len > sizeof s->bytes) {
    s->too_long = 1;
    return;
  }
  memcpy(s->bytes + s->len, bytes, len);
  s->len += len;
}

static void free_anchor(br_x509_trust_anchor *a)
{
  lwt__free(a->dn.data);
  if (a->pkey.key_type == BR_KEYTYPE_RSA) {
    lwt__free(a->pkey.key.rsa.n);
    lwt__free(a->pkey.key.rsa.e);
  } else {
    lwt__free(a->pkey.key.ec.q);
  }
}

/* Returns 0 or LWT_ENOMEM; a may be freed in any case. */
static int fill_anchor(br_x509_trust_anchor *a, const struct subject *s,
                       const br_x509_pkey *pk, int is_ca)
{
  memset(a, 0, sizeof *a);
  a->dn.data = copy(s->bytes, s->len);
  a->dn.len = s->len;
  a->flags = is_ca ? BR_X509_TA_CA : 0;
  a->pkey.key_type = pk->key_type;
  if (pk->key_type == BR_KEYTYPE_RSA) {
    a->pkey.key.rsa.n = copy(pk->key.rsa.n, pk->key.rsa.nlen);
    a->pkey.key.rsa.nlen = pk->key.rsa.nlen;
    a->pkey.key.rsa.e = copy(pk->key.rsa.e, pk->key.rsa.elen);
    a->pkey.key.rsa.elen = pk->key.rsa.elen;
    return a->dn.data && a->pkey.key.rsa.n && a->pkey.key.rsa.e ? 0 : LWT_ENOMEM;
  }
  a->pkey.key.ec.curve = pk->key.ec.curve;
  a->pkey.key.ec.q = copy(pk->key.ec.q, pk->key.ec.qlen);
  a->pkey.key.ec.qlen = pk->key.ec.qlen;
  return a->dn.data && a->pkey.key.ec.q ? 0 : LWT_ENOMEM;
}

static int room_for_anchor(struct lwt_tls_anchors *all)
{
  size_t room = all->room ? 2 * all->room : 16;
  br_x509_trust_anchor *anchor;

  if (all->n < all->room)
    return 0;
  if (all->n == MAX_ANCHORS)
    return LWT_EFBIG;
  anchor = lwt__alloc(room * sizeof *anchor);
  if (!anchor)
    return LWT_ENOMEM;
  if (all->n)
    memcpy(anchor, all->anchor, all->n * sizeof *anchor);
  lwt__free(all->anchor);
  all->anchor = anchor;
  all->room = room;
  return 0;
}

struct decoding {
  br_x509_decoder_context x;
  struct subject subject;
};

static int add_anchor(void *env, const char *name, const struct der *der)
{
  struct lwt_tls_anchors *all = env;
  struct decoding *d;
  br_x509_pkey *pk;
  int error;

  if (!is_certificate(name))
    return 0;
  error = room_for_anchor(all);
  if (error)
    return error;
  d = lwt__alloc(sizeof *d);
  if (!d)
    return LWT_ENOMEM;
  d->subject.len = 0;
  d->subject.too_long = 0;
  br_x509_decoder_init(&d->x, subject_add, &d->subject);
  br_x509_decoder_push(&d->x, der->bytes, der->len);
  pk = br_x509_decoder_get_pkey(&d->x);
  if (!pk || d->subject.too_long) {
    error = LWT_EBADMSG;
  } else {
    error = fill_anchor(&all->anchor[all->n], &d->subject, pk,
                        br_x509_decoder_isCA(&d->x));
    all->n++;
  }
  lwt__free(d);
  return error;
}

int lwt_tls_anchors_new(const char *pem, size_t len, struct lwt_tls_anchors **anchors)
{
  struct lwt_tls_anchors *all = lwt__alloc(sizeof *all);
  int error;

  *anchors = NULL;
  if (!all)
    return LWT_ENOMEM;
  memset(all, 0, sizeof *all);
  error = each_object(pem, len, add_anchor, all);
  if (!error && !all->n)
    error = LWT_EBADMSG;
  if (error)
    lwt_tls_anchors_free(all);
  else
    *anchors = all;
  return error;
}

void lwt_tls_anchors_free(void *anchors)
{
  struct lwt_tls_anchors *all = anchors;
  size_t i;

  if (!all)
    return;
  for (i = 0; i < all->n; i++)
    free_anchor(&all->anchor[i]);
  lwt__free(all->anchor);
  lwt__free(all);
}

size_t lwt_tls_anchors_count(const struct lwt_tls_anchors *anchors)
{
  return anchors->n;
}

/* ---- Sessions -------------------------------------------------------------- */

int lwt_tls_sessions_new(size_t bytes, struct lwt_tls_sessions **sessions)
{
  struct lwt_tls_sessions *s = NULL;

  if (bytes <= SIZE_MAX / 2)
    s = lwt__alloc(sizeof *s + bytes);
  *sessions = s;
  if (!s)
    return LWT_ENOMEM;
  br_ssl_session_cache_lru_init(&s->lru, (uint8_t *)(s + 1), bytes);
  return 0;
}

void lwt_tls_sessions_free(void *sessions)
{
  lwt__free(sessions);
}
