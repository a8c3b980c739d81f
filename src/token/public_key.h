/* The public key of another party, with which the service checks signatures. Any thread. */
#pragma once
#include <stdbool.h>
#include "base/buf.h"

enum sl_public_kind { SL_PUBLIC_RSA, SL_PUBLIC_P256, SL_PUBLIC_P384, SL_PUBLIC_P521, SL_PUBLIC_ED25519 };

/* Reads a file's text: one PEM block, PUBLIC KEY (RFC 7468 section 13) or RSA PUBLIC KEY, of an RSA key of
 * 2048 to 16384 bits, an EC key on P-256, P-384 or P-521, or an Ed25519 key. Writes the same key as PUBLIC
 * KEY without anything around it to `pem`, so that equal keys have equal texts. False, and `why` = "what is
 * wrong; expected what would be right". */
bool sl_public_key_read(struct sl_span text, struct sl_buf *pem, struct sl_buf *why,
                        enum sl_public_kind *ret_kind);
