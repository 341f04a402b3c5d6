/* lwt-tls.h - TLS 1.2 over any flow, client and server, with BearSSL.
 * SPDX-License-Identifier: ISC
 *
 *   lwt_await(f, &f->flow, lwt_stack_connect(stack, &addr));
 *   lwt_await(f, &f->flow, lwt_tls_connect(f->flow, "example.org", &tls));
 *
 * What comes out is a flow like any other (lwt/flow.h).  It differs in two
 * things.  The end is one for both directions (close_notify, RFC 5246 7.2.1): what
 * the peer sends after our shutdown() is thrown away, reads then wait for its end
 * only, and its end ends our writing.  And an end that the peer did not announce so
 * is an error, LWT_ENODATA, as somebody may have cut off what followed.
 *
 * Versions before 1.2 are refused.  Suites: ECDHE with AES-GCM, ChaCha20 or
 * AES-CCM, RSA or ECDSA; no static RSA, no CBC, no renegotiation by the peer.
 * A connection takes about 40 KiB.
 *
 * Handshakes fail with LWT_EPROTO (the peer is no TLS or breaks it),
 * LWT_EACCES (its certificate is not accepted, or it does not accept ours),
 * LWT_ETIMEDOUT, LWT_ENODATA, or what the flow below says; the error's `what`
 * names the reason ("tls: certificate expired").
 */
#ifndef LWT_TLS_H
#define LWT_TLS_H

#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Keys and certificates ------------------------------------------------- */

/* A certificate chain and its private key. */
struct lwt_tls_identity;

/* From PEM texts of the given lengths, which are copied: the chain, the server's
 * own certificate first; and its key (RSA; EC on P-256, P-384 or P-521; PKCS #1,
 * SEC 1 or unencrypted PKCS #8).  Both may be the same text; other objects in it
 * are skipped.  Errors: LWT_EBADMSG (not PEM, or not of this kind), LWT_EINVAL
 * (the key is not that of the first certificate, as far as its type goes),
 * LWT_EFBIG (over 16 certificates, or 64 KiB). */
LWT_API int lwt_tls_identity_new(const char *chain, size_t chain_len, const char *key,
                                 size_t key_len, struct lwt_tls_identity **identity);
/* Takes a struct lwt_tls_identity *, which no connection may use any more; its key
 * is overwritten.  NULL is allowed. */
LWT_API void lwt_tls_identity_free(void *identity);

/* Authorities whose word a client takes. */
struct lwt_tls_anchors;

/* From a PEM text of certificates, such as /etc/ssl/certs/ca-certificates.crt;
 * one that is no authority's is itself what the peer must show.  Errors:
 * LWT_EBADMSG (none in it, or one that cannot be decoded), LWT_EFBIG (over 1024
 * of them). */
LWT_API int lwt_tls_anchors_new(const char *pem, size_t len,
                                struct lwt_tls_anchors **anchors);
/* Takes a struct lwt_tls_anchors *, as above. */
LWT_API void lwt_tls_anchors_free(void *anchors);
LWT_API size_t lwt_tls_anchors_count(const struct lwt_tls_anchors *anchors);

/* ---- Connections ----------------------------------------------------------- */

/* Sessions of a server that clients may go on with (RFC 5246 7.3), the oldest is
 * forgotten first; one takes about 100 bytes. */
struct lwt_tls_sessions;
LWT_API int lwt_tls_sessions_new(size_t bytes, struct lwt_tls_sessions **sessions);
LWT_API void lwt_tls_sessions_free(void *sessions);

/* The last session of a client with one server, for the next connection there;
 * all zero: none. */
struct lwt_tls_session {
  uint8_t lwt_private[96];
};

/* What is pointed to stays valid while connections use it.  Zero is the default
 * where none is named. */
struct lwt_tls_config {
  /* Must be given: lwt_platform_random, lwt_platform_wallclock. */
  int (*random)(void *bytes, size_t len);
  int64_t (*wallclock)(void); /* of clients: are certificates valid now? */
  const struct lwt_tls_anchors *anchors;   /* of clients: must be given */
  const struct lwt_tls_identity *identity; /* of servers: must be given */
  const char *const *protocols;            /* ALPN (RFC 7301), best first; NULL ends */
  struct lwt_tls_sessions *sessions;       /* of servers */
  struct lwt_tls_session *session;         /* of clients */
  uint64_t handshake_timeout;              /* ns, default 30 s */
};

/* The handshake over a flow, as the client of the server called name, which is
 * sent (SNI) and must be in its certificate.  NULL: whoever has a certificate from
 * one of the anchors, which then should be no public authorities.  Takes flow: when
 * the promise is rejected or cancelled, it is closed.  Errors besides those above:
 * LWT_EINVAL (config; an address as name, or one of more than 255 bytes). */
LWT_API lwt_flow_p *lwt_tls_connect(struct lwt_flow *flow, const char *name,
                                    const struct lwt_tls_config *config) LWT_MUST_USE;

/* The same as the server. */
LWT_API lwt_flow_p *lwt_tls_accept(struct lwt_flow *flow,
                                   const struct lwt_tls_config *config) LWT_MUST_USE;

struct lwt_tls_info {
  const char *version;  /* "TLSv1.2" */
  uint16_t suite;       /* as registered with IANA */
  const char *protocol; /* by ALPN; NULL: none */
  const char *name;     /* the server's, as the client sent it; "" if it did not */
};
/* Of a flow that one of these has made (else LWT_ENOTSUP); what is pointed to is
 * valid while the flow is. */
LWT_API int lwt_tls_info(struct lwt_flow *flow, struct lwt_tls_info *info);

/* ---- Listeners ------------------------------------------------------------- */

struct lwt_tls_listen_stats {
  uint64_t accepted;   /* connections of the listener below */
  uint64_t handshakes; /* that succeeded */
  uint64_t failed;     /* and that did not */
  uint64_t under_way;  /* now */
};

/* A listener whose connections have done their handshake, over another one, which
 * it takes and closes.  At most `max` handshakes (0: 64) are under way, and as many
 * connections wait to be accepted; others wait in the listener below, which stays
 * the caller's if this fails (LWT_EINVAL, LWT_ENOMEM).  close() ends handshakes.
 * stats may be NULL, and is borrowed. */
LWT_API int lwt_tls_listen(struct lwt_listener *below,
                           const struct lwt_tls_config *config, size_t max,
                           struct lwt_tls_listen_stats *stats,
                           struct lwt_listener **listener);

#ifdef __cplusplus
}
#endif

#endif
