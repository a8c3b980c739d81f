/* SHA-256 and comparison in constant time. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_SHA256 32

/* One thread each: the state of a digest, so that hashing takes no memory and cannot fail. */
struct sl_hasher;
struct sl_hasher *sl_hasher_new(void); /* never NULL */
void sl_hasher_free(struct sl_hasher *h);
void sl_sha256(struct sl_hasher *h, const void *data, size_t n, uint8_t out[static SL_SHA256]);

/* Time depends on n only. */
bool sl_equal_constant_time(const void *a, const void *b, size_t n);
/* Overwrites secrets before their memory is given back. */
void sl_wipe(void *p, size_t n);
