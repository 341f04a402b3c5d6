/* tls_engine.c - BearSSL's contexts as we use them, and what its errors mean.
 * SPDX-License-Identifier: ISC
 */
#include "tls.h"

#include <string.h>

/* Forward secret and authenticated ones; what is first is used if both can. */
static const uint16_t suites[] = {
  BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  BR_TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
  BR_TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
};

/* Days from 0000-01-01 to 1970-01-01. */
#define EPOCH_DAYS 719528
#define DAY_SECONDS 86400

static int set_names(struct tls_engine *e, const char *const *protocols)
{
  size_t n = 0;

  if (!protocols)
    return 0;
  for (; protocols[n]; n++) {
    size_t len = strlen(protocols[n]);

    if (n == sizeof e->names / sizeof *e->names || !len || len > 255)
      return LWT_EINVAL;
    e->names[n] = protocols[n];
  }
  if (n)
    br_ssl_engine_set_protocol_names(e->ssl, e->names, n);
  return 0;
}

static int common(struct tls_engine *e, const struct lwt_tls_config *config)
{
  uint8_t seed[48];
  int error;

  br_ssl_engine_set_versions(e->ssl, BR_TLS12, BR_TLS12);
  br_ssl_engine_set_suites(e->ssl, suites, sizeof suites / sizeof *suites);
  br_ssl_engine_set_buffers_bidi(e->ssl, e->in, sizeof e->in, e->out, sizeof e->out);
  br_ssl_engine_add_flags(e->ssl, BR_OPT_NO_RENEGOTIATION);
  error = set_names(e, config->protocols);
  if (error)
    return error;
  if (config->random(seed, sizeof seed))
    return LWT_EIO;
  br_ssl_engine_inject_entropy(e->ssl, seed, sizeof seed);
  memset(seed, 0, sizeof seed);
  __asm__ volatile("" : : "r"(seed) : "memory");
  return 0;
}

/* BearSSL knows names of hosts only, in certificates and in what is sent. */
static int is_address(const char *name)
{
  struct lwt_addr addr;

  return lwt_addr_parse(&addr, name) == 0;
}

int net_tls_engine_client(struct tls_engine *e, const char *name,
                          const struct lwt_tls_config *config)
{
  br_ssl_client_context *c = &e->context.client;
  br_ssl_session_parameters session;
  int64_t seconds;
  int error, resume = 0;

  if (!config->random || !config->wallclock || !config->anchors ||
      (name && (!*name || strlen(name) > 255 || is_address(name))))
    return LWT_EINVAL;
  e->ssl = &c->eng;
  e->session = config->session;
  br_ssl_client_init_full(c, &e->x509, config->anchors->anchor, config->anchors->n);
  seconds = config->wallclock() / (int64_t)1000000000;
  if (seconds < 0)
    seconds = 0;
  br_x509_minimal_set_time(&e->x509, (uint32_t)(seconds / DAY_SECONDS + EPOCH_DAYS),
                           (uint32_t)(seconds % DAY_SECONDS));
  error = common(e, config);
  if (error)
    return error;
  if (e->session) {
    memcpy(&session, e->session, sizeof session);
    resume = session.session_id_len > 0 && session.session_id_len <= 32;
    if (resume)
      br_ssl_engine_set_session_parameters(e->ssl, &session);
  }
  if (!br_ssl_client_reset(c, name, resume))
    return LWT_EIO;
  return 0;
}

int net_tls_engine_server(struct tls_engine *e, const struct lwt_tls_config *config)
{
  const struct lwt_tls_identity *id = config->identity;
  br_ssl_server_context *c = &e->context.server;
  int error;

  if (!config->random || !id)
    return LWT_EINVAL;
  e->ssl = &c->eng;
  e->session = NULL;
  if (id->type == BR_KEYTYPE_RSA)
    br_ssl_server_init_full_rsa(c, id->chain, id->chain_len,
                                br_skey_decoder_get_rsa(&id->key));
  else
    br_ssl_server_init_full_ec(c, id->chain, id->chain_len, id->issuer,
                               br_skey_decoder_get_ec(&id->key));
  error = common(e, config);
  if (error)
    return error;
  if (config->sessions)
    br_ssl_server_set_cache(c, &config->sessions->lru.vtable);
  br_ssl_engine_add_flags(e->ssl, BR_OPT_ENFORCE_SERVER_PREFERENCES);
  return br_ssl_server_reset(c) ? 0 : LWT_EIO;
}

void net_tls_engine_done(struct tls_engine *e)
{
  br_ssl_session_parameters session;

  _Static_assert(sizeof session <= sizeof *e->session, "a session has room");
  if (!e->session)
    return;
  br_ssl_engine_get_session_parameters(e->ssl, &session);
  memcpy(e->session, &session, sizeof session);
}

/* ---- Errors ---------------------------------------------------------------- */

static const struct {
  int from, code;
  const char *what;
} errors[] = {
  { BR_ERR_UNSUPPORTED_VERSION, LWT_EPROTO, "tls: version not supported" },
  { BR_ERR_BAD_VERSION, LWT_EPROTO, "tls: not TLS, or another version" },
  { BR_ERR_BAD_MAC, LWT_EPROTO, "tls: record was changed on its way" },
  { BR_ERR_TOO_LARGE, LWT_EPROTO, "tls: record too large" },
  { BR_ERR_BAD_CIPHER_SUITE, LWT_EPROTO, "tls: no common suite" },
  { BR_ERR_BAD_FINISHED, LWT_EPROTO, "tls: handshake was changed on its way" },
  { BR_ERR_BAD_SIGNATURE, LWT_EPROTO, "tls: wrong signature" },
  { BR_ERR_NO_RANDOM, LWT_EIO, "tls: no entropy" },
  { BR_ERR_X509_EXPIRED, LWT_EACCES, "tls: certificate expired or not yet valid" },
  { BR_ERR_X509_BAD_SERVER_NAME, LWT_EACCES, "tls: certificate of another name" },
  { BR_ERR_X509_NOT_TRUSTED, LWT_EACCES, "tls: certificate of an unknown authority" },
  { BR_ERR_X509_BAD_SIGNATURE, LWT_EACCES, "tls: certificate with a wrong signature" },
  { BR_ERR_X509_NOT_CA, LWT_EACCES, "tls: certificate signed by no authority" },
  { BR_ERR_X509_WEAK_PUBLIC_KEY, LWT_EACCES, "tls: certificate with a weak key" },
};

static struct lwt_error error_of(int code, const char *what)
{
  return (struct lwt_error){ .code = code, .what = what };
}

struct lwt_error net_tls_engine_error(const struct tls_engine *e)
{
  int err = br_ssl_engine_last_error(e->ssl);
  size_t i;

  if (err == BR_ERR_OK)
    return error_of(0, NULL);
  for (i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].from == err)
      return error_of(errors[i].code, errors[i].what);
  if (err > BR_ERR_X509_OK && err <= BR_ERR_X509_NOT_TRUSTED)
    return error_of(LWT_EACCES, "tls: certificate not accepted");
  if (err >= BR_ERR_RECV_FATAL_ALERT && err < BR_ERR_RECV_FATAL_ALERT + 256) {
    /* RFC 5246 7.2: 42 to 48 are about certificates. */
    int alert = err - BR_ERR_RECV_FATAL_ALERT;

    if ((alert >= 42 && alert <= 46) || alert == 48 || alert == 49)
      return error_of(LWT_EACCES, "tls: the peer does not accept our certificate");
    return error_of(LWT_EPROTO, "tls: the peer gave up");
  }
  return error_of(LWT_EPROTO, "tls: the peer breaks the protocol");
}
