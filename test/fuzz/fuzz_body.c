/* Bodies of both kinds. Whatever comes: refused with a sentence, or understood within all limits. */
#include "fuzz_help.h"
#include "http/edge.h"

#define ENTRIES 4

static void check(enum sl_err err, const char why[static SL_WHY], struct sl_body *body, size_t least,
                  size_t most)
{
    if (err != SL_OK) {
        size_t n = strnlen(why, SL_WHY);
        sl_assert(body == NULL && n > 0 && n < SL_WHY - 1);
        for (size_t i = 0; i < n; i++)
            sl_assert(why[i] >= ' ' && why[i] <= '~');
        return;
    }
    size_t n;
    const struct sl_update_entry *e = sl_body_entries(body, &n);
    sl_assert(n >= least && n <= most);
    for (size_t i = 0; i < n; i++) {
        char id[SL_UUID_TEXT];
        sl_uuid_text(&e[i].list, id);
        sl_assert(e[i].value <= 255 && e[i].uri.len > SL_UUID_TEXT);
        sl_assert(memcmp(e[i].uri.at + e[i].uri.len - SL_UUID_TEXT, id, SL_UUID_TEXT) == 0);
        sl_assert(memchr(e[i].uri.at, '\0', e[i].uri.len) == NULL);
    }
    sl_body_free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_span text = {(const char *)data, size};
    char why[SL_WHY];
    struct sl_body *body = NULL;
    enum sl_err err = sl_body_update(text, why, &body);
    check(err, why, body, 1, 1);
    body = NULL;
    err = sl_body_batch(text, ENTRIES, why, &body);
    check(err, why, body, 0, ENTRIES);
    return 0;
}
