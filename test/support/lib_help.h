/* What the tests of the public library share: tokens put together by hand, and what a verification must
 * report. */
#pragma once
#include "token_help.h"

#include "statuslist/verify.h"
#include "token/build.h"
#include "token/cbor.h"

#define URI "https://example.com/statuslists/1"

/* r||s of the half size of the key's curve; Ed25519 and RSA as they are. */
struct sl_span sign_with(EVP_PKEY *key, const char *digest, size_t half, struct sl_span input);

/* A compact serialization signed with ES256; NUL-terminated, the caller frees. */
char *make_jwt(EVP_PKEY *key, const char *header, const char *payload);

/* A verifier with one bare key. */
struct statuslist_verifier *verifier_of(EVP_PKEY *key);

/* Asserts that exactly this check failed; NULL: none. */
void only_failure(const struct statuslist_report *r, const char *name, const char *label);
enum statuslist_outcome outcome_of(const struct statuslist_report *r, const char *name);
