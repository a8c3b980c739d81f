/* Bodies of both kinds. Each input is refused with a sentence, or understood within all limits. */
#include <jansson.h>

#include "fuzz_help.h"
#include "http/edge_body.h"
#include "http/edge_scan.h"

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

static void same_entry(const json_t *o, const json_t *outer, const struct sl_update_entry *e)
{
    const json_t *uri = json_object_get(o, "uri"), *value = json_object_get(o, "value");
    sl_assert(json_is_string(uri) && json_is_integer(json_object_get(o, "index")));
    sl_assert(sl_span_eq(e->uri, sl_span(json_string_value(uri), json_string_length(uri))));
    sl_assert(json_integer_value(json_object_get(o, "index")) == e->index);
    sl_assert(json_object_size(o) == (value != NULL ? 3 : 2));
    value = value != NULL ? value : outer;
    sl_assert(json_is_integer(value) && json_integer_value(value) == e->value);
}

/* What the scanner recognises is what the library reads. */
static void compare(struct sl_span text)
{
    struct sl_update_entry e[ENTRIES];
    size_t n = 0;
    bool one = sl_scan_update(text, e), many = !one && sl_scan_batch(text, ENTRIES, e, &n);
    if (!one && !many)
        return;
    json_t *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, NULL);
    sl_assert(root != NULL);
    if (one) {
        same_entry(root, NULL, e);
    } else {
        const json_t *array = json_object_get(root, "statusListReferences"),
                     *outer = json_object_get(root, "value");
        sl_assert(json_array_size(array) == n && json_object_size(root) == (outer != NULL ? 2 : 1));
        for (size_t i = 0; i < n; i++)
            same_entry(json_array_get(array, i), outer, &e[i]);
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_span text = {(const char *)data, size};
    char why[SL_WHY];
    struct sl_body *body = NULL;
    enum sl_err err = sl_body_update(text, why, &body);
    check(err, why, body, 1, 1);
    compare(text);
    body = NULL;
    err = sl_body_batch(text, ENTRIES, why, &body);
    check(err, why, body, 0, ENTRIES);
    return 0;
}
