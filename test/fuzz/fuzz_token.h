/* Verifies any bytes, with a given key and with the token's own: every check has its three texts, nothing
 * is accepted that is not signed by the key, and what is said about the list is true of its bytes. The
 * seeds are signed by this key. */
#pragma once
#include <stdlib.h>
#include "fuzz_help.h"
#include "statuslist/verify.h"

#define FUZZ_KEY                                                                                             \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"PteijsZI7c5dW34lL2sqr7tEg1EUoks8qo9xD2SZO8I\""                \
    ",\"y\":\"VxGjTNySKQgLY58Jl3_rfKkezOFkm_6orYXHKyBq3n4\"}"
#define FUZZ_NOW 1700000000
#define FUZZ_LIMIT 65536

static inline void fuzz_report(const struct statuslist_report *r, bool trusted)
{
    bool failed = false;
    const struct statuslist_check *c;
    for (size_t i = 0; (c = statuslist_report_check(r, i)) != NULL; i++) {
        sl_assert(c->name != NULL && c->section != NULL && c->detail != NULL);
        for (const char *p = c->detail; *p != '\0'; p++)
            sl_assert(*p >= ' ' && *p <= '~');
        failed = failed || c->outcome == STATUSLIST_FAIL;
    }
    bool accepted = statuslist_report_accepted(r);
    sl_assert(statuslist_report_count(r) > 0 && (!accepted || (!failed && trusted)));
    sl_assert((statuslist_report_status(r) >= 0) == accepted);
    const struct statuslist_claims *s = statuslist_report_claims(r);
    if (s->list == NULL)
        return;
    sl_assert(s->list_len <= FUZZ_LIMIT);
    sl_assert(s->bits == 0 || s->size == 0 ||
              statuslist_get(s->list, s->list_len, s->bits, s->size - 1) >= 0);
    sl_assert(s->bits == 0 || statuslist_get(s->list, s->list_len, s->bits, s->size) == -1);
}

static inline void fuzz_token(enum statuslist_format format, const uint8_t *data, size_t size)
{
    static const char key[] = FUZZ_KEY;
    char why[STATUSLIST_WHY];
    uint64_t index = size;
    for (int carried = 0; carried < 2; carried++) {
        struct statuslist_verifier *v = statuslist_verifier_new();
        sl_assert(v != NULL);
        statuslist_verifier_set_format(v, format);
        statuslist_verifier_set_inflate_limit(v, FUZZ_LIMIT);
        statuslist_verifier_trust_carried_key(v, carried != 0);
        sl_assert(carried || statuslist_verifier_add_key(v, key, sizeof key - 1, why));
        struct statuslist_report *r =
            statuslist_verify(v, data, size, "https://example.com/statuslists/1", &index, FUZZ_NOW);
        if (r != NULL)
            fuzz_report(r, !carried);
        statuslist_report_free(r);
        statuslist_verifier_free(v);
    }
}
