/* A signing key with its certificate chain: loaded or generated at start and at a reload, immutable, read by
 * every publisher thread. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "token/options.h"

struct sl_key;

/* The JWS algorithm follows from the key type (RFC 7518 section 3.1, RFC 8037): P-256 ES256, P-384 ES384,
 * P-521 ES512, Ed25519 EdDSA, or Ed25519 (RFC 9864) if the options say so; other keys are refused. */
const char *sl_key_alg(const struct sl_key *k);
/* The earliest end of validity in the chain, seconds since 1970; INT64_MAX without a certificate. */
int64_t sl_key_not_after(const struct sl_key *k);

/* Whether the key's own certificate is self-signed: the draft allows it, certification profiles do not. */
bool sl_key_self_signed(const struct sl_key *k);
/* Where the CA certificate above a generated one is; the caller frees it; NULL: no memory. There is no such
 * file beside a certificate that an older version generated, which is self-signed. */
char *sl_key_anchor_path(const char *storage, const char *pool);

/* Loads the keystore or the pair of PEM files, or with `generate` makes `<storage>/keys/<pool>.key.pem` and
 * `.crt.pem`, with the CA certificate above it in `.ca.pem`, once (P-256, mode 0600, directory 0700, written
 * to a temporary name, synced and renamed) and loads them at every later start. Refuses (false, and one
 * sentence into `why`: what is wrong and what would be right): unreadable file, not PEM or not PKCS#12,
 * encrypted without the right password in a password file (never prompts), unknown key type, certificate that
 * does not match the key, expired or not yet valid, a file with a key or a password that others may use (mode
 * & 077), halves of the key that do not belong together, certificates of a PEM file that are not each signed
 * by the next (RFC 7515 section 4.1.6), a generated certificate whose key is gone. Self-signed leaf: kept in
 * x5c; a trust anchor behind a leaf is left out. A keystore goes before a key file and that before
 * `generate`; without a certificate there is no x5c. The caller owns a share. */
SL_CHECKED bool sl_key_load(const struct sl_signer_options *o, const char *storage, const char *pool,
                            const struct sl_clock *clock, struct sl_buf *why, struct sl_key **ret);
/* Stands in for a key that there is not: it has ended since 1970, so nothing is signed with it. `why` is the
 * sentence that says what is wrong. */
struct sl_key *sl_key_absent(const char *why);
const char *sl_key_why_absent(const struct sl_key *k); /* NULL: it is a key */
struct sl_key *sl_key_ref(struct sl_key *k);           /* any thread: takes another share */
void sl_key_free(struct sl_key *k); /* any thread: releases a share, frees with the last; NULL ok */
/* Whether tokens signed with either look alike: the same key, certificates and header parameters. Absent
 * ones: for the same reason. */
bool sl_key_same(const struct sl_key *one, const struct sl_key *other);

/* The JOSE header of a Status List Token as JSON: alg, typ "statuslist+jwt", then kid (RFC 7638 thumbprint),
 * x5c, jwk as configured. Constant for the key's life. */
struct sl_span sl_key_jose_header(const struct sl_key *k);
/* The protected header of a Status List Token in CWT format, a CBOR map: 1 alg, 16 typ
 * "application/statuslist+cwt", 4 kid as configured (the bytes of the JOSE header's kid, so that both name
 * the key alike), 33 x5chain whenever there is a certificate, whatever header.x5c says: several verifiers
 * find the key only there. Constant for the key's life. */
struct sl_span sl_key_cose_header(const struct sl_key *k);

/* JWS and COSE signature (ECDSA as r||s: RFC 7518 section 3.4, RFC 9053 section 2.1) over `input`. Any
 * thread; `signer` is per thread. At most SL_SIGNATURE_MAX bytes. */
#define SL_SIGNATURE_MAX 132
struct sl_signer;                      /* scratch of one thread: EVP contexts */
struct sl_signer *sl_signer_new(void); /* never NULL */
void sl_signer_free(struct sl_signer *s);
SL_CHECKED enum sl_err sl_key_sign(const struct sl_key *k, struct sl_signer *s, struct sl_span input,
                                   unsigned char out[static SL_SIGNATURE_MAX], unsigned *ret_len);
