/* The signature of a bearer token that libjwt verifies: RS, ES and HS, of a plain JWT. Only this file knows
 * libjwt. */
#pragma once
#include "http/bearer.h"

/* Whether `key` signed the token, which sl_bearer_fault has accepted with exactly this `alg`. `key` is of the
 * kind that the algorithm wants: the PEM text of a public RSA or EC key, or the bytes of a secret for HS.
 * False for what is not libjwt's (http/jose.h). Costs a signature check and the parsing of the key, up to 2
 * ms. Any thread; leaves OpenSSL's error queue empty. */
bool sl_jwt_verify(struct sl_span token, enum sl_jwt_alg alg, struct sl_span key);
