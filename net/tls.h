/* tls.h - what the files of TLS share; not installed.
 * SPDX-License-Identifier: ISC
 *
 * tls_keys.c: certificates and keys; tls_engine.c: one end of a connection as
 * BearSSL is set up for it; tls_flow.c: that end as a flow; tls_listen.c.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "../lwt/memory.h"

#include <bearssl.h>

#include "lwt-tls.h"

struct lwt_tls_identity {
  br_x509_certificate *chain;
  size_t chain_len;
  int type;        /* BR_KEYTYPE_RSA or _EC */
  unsigned issuer; /* of whose keys signed the first certificate: its type */
  br_skey_decoder_context key;
};

struct lwt_tls_anchors {
  br_x509_trust_anchor *anchor;
  size_t n, room;
};

struct lwt_tls_sessions {
  br_ssl_session_cache_lru lru;
};

/* The contexts of one end; its address does not change. */
struct tls_engine {
  br_ssl_engine_context *ssl; /* of the one that is used */
  union {
    br_ssl_client_context client;
    br_ssl_server_context server;
  } context;
  br_x509_minimal_context x509;
  const char *names[8];
  struct lwt_tls_session *session;
  uint8_t in[BR_SSL_BUFSIZE_INPUT], out[BR_SSL_BUFSIZE_OUTPUT];
};

/* Ready for the handshake.  Returns 0, LWT_EINVAL or LWT_EIO. */
int net_tls_engine_client(struct tls_engine *e, const char *name,
                          const struct lwt_tls_config *config);
int net_tls_engine_server(struct tls_engine *e, const struct lwt_tls_config *config);

/* The handshake is through: keep what a later one can go on with. */
void net_tls_engine_done(struct tls_engine *e);

/* Why the engine has ended: 0 if the peer said so. */
struct lwt_error net_tls_engine_error(const struct tls_engine *e);

#endif
