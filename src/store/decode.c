/* Each decoder checks the whole reply before it fills its result in, so that a caller sees all of a reply
 * or nothing. Texts stay where they lie in the reply; only arrays get memory, one block for the items and
 * one for what these point to, both freed with the call. Results of single changes are even decoded in
 * place: a letter becomes an enum sl_result in the same byte, and a batch needs no memory for them. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/number.h"
#include "core/status_list.h"
#include "store/decode_int.h"

#define LARGEST 9007199254740992 /* 2^53: what a number of a script holds exactly */

static bool is_array(const struct redisReply *r, size_t n)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == n;
}

static bool decode_text(const struct redisReply *r, size_t min, size_t max, struct sl_span *ret)
{
    if (r == NULL || r->type != REDIS_REPLY_STRING || r->len < min || r->len > max)
        return false;
    *ret = sl_span(r->str, r->len);
    return true;
}

static bool decode_count(const struct redisReply *r, uint64_t max, uint64_t *ret)
{
    if (r == NULL || r->type != REDIS_REPLY_INTEGER || r->integer < 0 || (uint64_t)r->integer > max)
        return false;
    *ret = (uint64_t)r->integer;
    return true;
}

static bool decode_count32(const struct redisReply *r, uint32_t *ret)
{
    uint64_t v;
    if (!decode_count(r, UINT32_MAX, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

bool sl_decode_integer(const struct redisReply *r, int64_t min, int64_t max, int64_t *ret)
{
    if (r->type != REDIS_REPLY_INTEGER || r->integer < min || r->integer > max)
        return false;
    *ret = r->integer;
    return true;
}

static bool state_of(struct sl_span t, enum sl_list_state *ret)
{
    static const struct {
        struct sl_span name;
        enum sl_list_state state;
    } states[] = {{SL_SPAN("open"), SL_LIST_OPEN},
                  {SL_SPAN("full"), SL_LIST_FULL},
                  {SL_SPAN("sealed"), SL_LIST_SEALED},
                  {SL_SPAN("retired"), SL_LIST_RETIRED}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (sl_span_eq(t, states[i].name)) {
            *ret = states[i].state;
            return true;
        }
    }
    return false;
}

bool sl_decode_record(const struct redisReply *r, struct sl_list_record *ret)
{
    struct sl_span id, uri, seed, state;
    struct sl_list_record l = {0};
    uint64_t bits;
    if (!is_array(r, 9) || !decode_text(r->element[0], SL_UUID_TEXT, SL_UUID_TEXT, &id) ||
        !sl_uuid_parse(id, &l.id) || !decode_text(r->element[1], 1, 8192, &uri) ||
        !decode_text(r->element[2], SL_ORDER_SEED, SL_ORDER_SEED, &seed) ||
        !decode_count32(r->element[3], &l.size) || l.size == 0 || !decode_count(r->element[4], 8, &bits) ||
        !sl_status_bits_valid((unsigned)bits) || !decode_text(r->element[5], 1, 16, &state) ||
        !state_of(state, &l.state) || !decode_count32(r->element[6], &l.cursor) || l.cursor > l.size ||
        !decode_count(r->element[7], LARGEST, &l.version) || !decode_count(r->element[8], LARGEST, &l.change))
        return false;
    l.uri = uri;
    l.bits = (uint8_t)bits;
    memcpy(l.seed, seed.at, SL_ORDER_SEED);
    *ret = l;
    return true;
}

bool sl_decode_pool(const struct redisReply *r, struct sl_pool_opened *ret)
{
    struct sl_pool_opened p = {0};
    uint64_t bits;
    if (!is_array(r, 7) || !decode_count32(r->element[0], &p.size) ||
        !decode_count(r->element[1], UINT8_MAX, &bits) || !decode_count(r->element[2], LARGEST, &p.lists) ||
        !decode_count(r->element[3], LARGEST, &p.taken) || !decode_count(r->element[4], LARGEST, &p.change) ||
        !decode_text(r->element[5], 1, SL_REPLID_MAX, &p.replid) ||
        !decode_count32(r->element[6], &p.foreign))
        return false;
    p.bits = (uint8_t)bits;
    *ret = p;
    return true;
}

bool sl_decode_agreed(const struct redisReply *r, struct sl_agreed *ret)
{
    struct sl_agreed a = {0};
    uint64_t bits;
    if (!is_array(r, 4) || !decode_count32(r->element[0], &a.size) ||
        !decode_count(r->element[1], UINT8_MAX, &bits) ||
        !decode_text(r->element[2], 0, SL_SHARED_MAX, &a.text) ||
        !decode_text(r->element[3], 0, 64, &a.other))
        return false;
    a.bits = (uint8_t)bits;
    *ret = a;
    return true;
}

void sl_decoded_free(struct sl_decoded *d)
{
    free(d->items);
    free(d->numbers);
}

/* n + 1, so that an empty array has memory too. */
static void *make_items(struct sl_decoded *d, size_t n, size_t size)
{
    return d->items = sl_xcalloc(n + 1, size);
}

static bool decode_block(const struct redisReply *r, uint64_t want, uint32_t *numbers, struct sl_block *ret)
{
    struct sl_block b = {0};
    if (!is_array(r, 4) || !sl_decode_record(r->element[0], &b.list) ||
        !decode_count32(r->element[1], &b.from) || !decode_count32(r->element[2], &b.count) ||
        r->element[3]->type != REDIS_REPLY_ARRAY)
        return false;
    if (b.count > want || b.from > b.list.size || b.count > b.list.size - b.from ||
        r->element[3]->elements > want - b.count)
        return false;
    for (size_t i = 0; i < r->element[3]->elements; i++) {
        struct sl_span t;
        uint64_t index;
        if (!decode_text(r->element[3]->element[i], 1, 10, &t) ||
            !sl_number_parse(t, b.list.size - 1, &index))
            return false;
        numbers[b.returned_count++] = (uint32_t)index;
    }
    b.returned = numbers;
    *ret = b;
    return true;
}

bool sl_decode_taken(const struct redisReply *r, uint32_t want, struct sl_taken *ret, struct sl_decoded *d)
{
    struct sl_taken t = {0};
    if (!is_array(r, 5) || !decode_count(r->element[0], LARGEST, &t.taken) ||
        !decode_count32(r->element[1], &t.sealed) || !decode_count32(r->element[2], &t.spares) ||
        !decode_count32(r->element[3], &t.too_young) || r->element[4]->type != REDIS_REPLY_ARRAY ||
        r->element[4]->elements > want)
        return false;
    const struct redisReply *list = r->element[4];
    struct sl_block *blocks = make_items(d, list->elements, sizeof *blocks);
    d->numbers = sl_xcalloc((size_t)want + 1, sizeof *d->numbers);
    uint32_t left = want, used = 0;
    for (size_t i = 0; i < list->elements; i++) {
        if (!decode_block(list->element[i], left, d->numbers + used, &blocks[i]))
            return false;
        left -= blocks[i].count + blocks[i].returned_count;
        used += blocks[i].returned_count;
    }
    t.blocks = blocks;
    t.block_count = (uint32_t)list->elements;
    *ret = t;
    return true;
}

bool sl_decode_records(const struct redisReply *r, const struct sl_list_record **ret, size_t *ret_n,
                       struct sl_decoded *d)
{
    if (r->type != REDIS_REPLY_ARRAY)
        return false;
    struct sl_list_record *all = make_items(d, r->elements, sizeof *all);
    for (size_t i = 0; i < r->elements; i++)
        if (!sl_decode_record(r->element[i], &all[i]))
            return false;
    *ret = all;
    *ret_n = r->elements;
    return true;
}

bool sl_decode_changes(const struct redisReply *r, struct sl_changes *ret, struct sl_decoded *d)
{
    struct sl_changes c = {0};
    if (!is_array(r, 3) || !decode_count(r->element[0], LARGEST, &c.newest) ||
        !decode_text(r->element[1], 1, SL_REPLID_MAX, &c.replid) ||
        !sl_decode_records(r->element[2], &c.lists, &c.count, d))
        return false;
    *ret = c;
    return true;
}

/* The letters of all scripts: one for each result, whichever script says it. */
static bool result_of(char letter, enum sl_result *ret)
{
    static const char letters[] = {
        [SL_RESULT_SAME] = '0',     [SL_RESULT_CHANGED] = '1',       [SL_RESULT_FINAL] = 'F',
        [SL_RESULT_OUTSIDE] = 'I',  [SL_RESULT_NO_LIST] = 'L',       [SL_RESULT_RETIRED] = 'T',
        [SL_RESULT_VALUE] = 'V',    [SL_RESULT_OTHER_REQUEST] = 'K', [SL_RESULT_WRITTEN] = 'W',
        [SL_RESULT_REPEATED] = 'A', [SL_RESULT_REFUSED] = 'R',       [SL_RESULT_NOTHING] = 'N',
        [SL_RESULT_CURRENT] = 'C',  [SL_RESULT_RAISED] = 'U',        [SL_RESULT_FURTHER] = 'M',
        [SL_RESULT_PRESENT] = 'P',  [SL_RESULT_OTHER_SHAPE] = 'S'};
    const char *at = memchr(letters, letter, sizeof letters);
    if (at == NULL)
        return false;
    *ret = (enum sl_result)(at - letters);
    return true;
}

static bool decode_letter(const struct redisReply *r, enum sl_result *ret)
{
    struct sl_span t;
    return decode_text(r, 1, 1, &t) && result_of(t.at[0], ret);
}

bool sl_decode_result(const struct redisReply *r, const enum sl_result *results, size_t n, unsigned *ret)
{
    enum sl_result found;
    if (!decode_letter(r, &found))
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (results[i] == found) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool sl_decode_mended(const struct redisReply *r, uint64_t *ret_version, enum sl_mended *ret_what)
{
    static const enum sl_result results[] = {[SL_MENDED_NOT] = SL_RESULT_CURRENT,
                                             [SL_MENDED_NEW] = SL_RESULT_WRITTEN,
                                             [SL_MENDED_RAISED] = SL_RESULT_RAISED,
                                             [SL_MENDED_MORE] = SL_RESULT_FURTHER,
                                             [SL_MENDED_RETIRED] = SL_RESULT_RETIRED};
    uint64_t version;
    unsigned what;
    if (!is_array(r, 2) || !decode_count(r->element[0], LARGEST, &version) ||
        !sl_decode_result(r->element[1], results, sizeof results / sizeof results[0], &what))
        return false;
    *ret_version = version;
    *ret_what = (enum sl_mended)what;
    return true;
}

/* Ids into `out`, at most `max` in all. */
static bool decode_ids(const struct redisReply *r, size_t max, struct sl_uuid *out)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements > max)
        return false;
    for (size_t i = 0; i < r->elements; i++) {
        struct sl_span id;
        if (!decode_text(r->element[i], SL_UUID_TEXT, SL_UUID_TEXT, &id) || !sl_uuid_parse(id, &out[i]))
            return false;
    }
    return true;
}

bool sl_decode_retired(const struct redisReply *r, uint32_t asked, struct sl_retired *ret,
                       struct sl_decoded *d)
{
    struct sl_uuid *all = sl_xcalloc((size_t)asked + 1, sizeof *all);
    if (!is_array(r, 2) || !decode_ids(r->element[0], asked, all) ||
        !decode_ids(r->element[1], asked - r->element[0]->elements, all + r->element[0]->elements)) {
        free(all);
        return false;
    }
    d->items = all;
    *ret = (struct sl_retired){.retired = all,
                               .gone = all + r->element[0]->elements,
                               .retired_count = r->element[0]->elements,
                               .gone_count = r->element[1]->elements};
    return true;
}

bool sl_decode_names(const struct redisReply *r, const struct sl_span **ret, size_t *ret_n,
                     struct sl_decoded *d)
{
    if (r->type != REDIS_REPLY_ARRAY)
        return false;
    struct sl_span *all = make_items(d, r->elements, sizeof *all);
    for (size_t i = 0; i < r->elements; i++)
        if (!decode_text(r->element[i], 0, 8192, &all[i]))
            return false;
    *ret = all;
    *ret_n = r->elements;
    return true;
}

bool sl_decode_updated(const struct redisReply *r, uint32_t n, struct sl_updated *ret)
{
    uint64_t version, changed;
    struct sl_span letters;
    enum sl_result one;
    if (!is_array(r, 3) || !decode_count(r->element[0], LARGEST, &version) ||
        !decode_count(r->element[1], 1, &changed) || !decode_text(r->element[2], n, n, &letters))
        return false;
    uint8_t *results = (uint8_t *)r->element[2]->str;
    for (size_t i = 0; i < n; i++) {
        if (!result_of(letters.at[i], &one) || one > SL_RESULT_RETIRED || one == SL_RESULT_NO_LIST)
            return false;
        results[i] = (uint8_t)one;
    }
    *ret = (struct sl_updated){.version = version, .changed = changed != 0, .count = n, .results = results};
    return true;
}

static bool decode_refusal(const struct redisReply *r, uint32_t groups, struct sl_batched *ret,
                           uint32_t *ret_group, uint32_t *ret_at)
{
    enum sl_result why;
    if (!is_array(r, 4) || !decode_letter(r->element[1], &why) || sl_result_err(why) == SL_OK ||
        !decode_count32(r->element[2], ret_group) || *ret_group >= groups ||
        !decode_count32(r->element[3], ret_at))
        return false;
    *ret = (struct sl_batched){.refused = sl_result_err(why)};
    return true;
}

bool sl_decode_batched(const struct redisReply *r, uint32_t groups, struct sl_batched *ret,
                       uint32_t *ret_group, uint32_t *ret_at, struct sl_decoded *d)
{
    enum sl_result what;
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 1 || !decode_letter(r->element[0], &what))
        return false;
    if (what == SL_RESULT_REFUSED)
        return decode_refusal(r, groups, ret, ret_group, ret_at);
    if ((what != SL_RESULT_WRITTEN && what != SL_RESULT_REPEATED) || !is_array(r, 3) ||
        !is_array(r->element[1], groups) || !is_array(r->element[2], groups))
        return false;
    uint64_t *versions = make_items(d, groups, sizeof *versions);
    bool *changed = sl_xcalloc((size_t)groups + 1, sizeof *changed);
    d->numbers = (uint32_t *)(void *)changed;
    for (uint32_t i = 0; i < groups; i++) {
        uint64_t flag;
        if (!decode_count(r->element[1]->element[i], LARGEST, &versions[i]) ||
            !decode_count(r->element[2]->element[i], 1, &flag))
            return false;
        changed[i] = flag != 0;
    }
    *ret = (struct sl_batched){
        .refused = SL_OK, .versions = versions, .changed = changed, .repeated = what == SL_RESULT_REPEATED};
    return true;
}

bool sl_decode_remembered(const struct redisReply *r, struct sl_remembered *ret)
{
    enum sl_result what;
    struct sl_span answer = {0};
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 1 || !decode_letter(r->element[0], &what))
        return false;
    bool repeated = what == SL_RESULT_REPEATED;
    if ((!repeated && what != SL_RESULT_OTHER_REQUEST && what != SL_RESULT_WRITTEN &&
         what != SL_RESULT_NOTHING) ||
        r->elements != (repeated ? 2 : 1) || (repeated && !decode_text(r->element[1], 1, SIZE_MAX, &answer)))
        return false;
    *ret = (struct sl_remembered){
        .other = what == SL_RESULT_OTHER_REQUEST, .bound = what == SL_RESULT_WRITTEN, .answer = answer};
    return true;
}

bool sl_decode_status(const struct redisReply *r, bool *ret_outside, uint8_t *ret_value,
                      uint64_t *ret_version)
{
    uint64_t value, version;
    if (is_array(r, 0)) {
        *ret_outside = true;
        return true;
    }
    if (!is_array(r, 2) || !decode_count(r->element[0], UINT8_MAX, &value) ||
        !decode_count(r->element[1], LARGEST, &version))
        return false;
    *ret_outside = false;
    *ret_value = (uint8_t)value;
    *ret_version = version;
    return true;
}

bool sl_decode_loaded(const struct redisReply *r, bool *ret_gone, uint64_t *ret_version,
                      struct sl_span *ret_bytes)
{
    struct sl_span version, bytes = {0};
    uint64_t v = 0;
    if (!is_array(r, 2))
        return false;
    if (r->element[0]->type == REDIS_REPLY_NIL) {
        *ret_gone = true;
        return true;
    }
    if (!decode_text(r->element[0], 1, 16, &version) || !sl_number_parse(version, LARGEST, &v))
        return false;
    if (r->element[1]->type != REDIS_REPLY_NIL && !decode_text(r->element[1], 0, SIZE_MAX, &bytes))
        return false;
    *ret_gone = false;
    *ret_version = v;
    *ret_bytes = bytes;
    return true;
}

/* ---- texts of the server */

/* Cuts the next line (without its end) off `rest`. */
static bool next_line(struct sl_span *rest, struct sl_span *line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->at, '\n', rest->len);
    size_t n = end != NULL ? (size_t)(end - rest->at) : rest->len;
    *line = sl_span(rest->at, n > 0 && rest->at[n - 1] == '\r' ? n - 1 : n);
    n += end != NULL;
    *rest = sl_span(rest->at + n, rest->len - n);
    return true;
}

static bool strip_prefix(struct sl_span t, const char *prefix, struct sl_span *ret)
{
    size_t n = strlen(prefix);
    if (t.len < n || memcmp(t.at, prefix, n) != 0)
        return false;
    *ret = sl_span(t.at + n, t.len - n);
    return true;
}

bool sl_decode_info(struct sl_span info, const char *name, struct sl_span *ret)
{
    struct sl_span line, value;
    while (next_line(&info, &line)) {
        if (strip_prefix(line, name, &value) && value.len > 0 && value.at[0] == ':') {
            *ret = sl_span(value.at + 1, value.len - 1);
            return true;
        }
    }
    return false;
}

/* The value of `key` ("name=") among the space-separated words of a line. */
static bool word_after(struct sl_span line, const char *key, struct sl_span *ret)
{
    while (line.len > 0) {
        const char *space = memchr(line.at, ' ', line.len);
        size_t n = space != NULL ? (size_t)(space - line.at) : line.len;
        if (strip_prefix(sl_span(line.at, n), key, ret))
            return true;
        n += space != NULL;
        line = sl_span(line.at + n, line.len - n);
    }
    return false;
}

static bool is_predecessor(struct sl_span name, const struct sl_store_identity *me, const char *role)
{
    struct sl_span rest, mine;
    if (!strip_prefix(name, "statuslistd:", &rest) || !strip_prefix(rest, me->instance, &rest) ||
        !strip_prefix(rest, ":", &rest))
        return false;
    if (!strip_prefix(rest, me->run, &mine) || !strip_prefix(mine, ":", &mine))
        return true; /* of another run */
    return sl_span_eq(mine, sl_span(role, strlen(role)));
}

void sl_decode_predecessors(struct sl_span client_list, const struct sl_store_identity *me, const char *role,
                            int64_t self, sl_predecessor_cb *found, void *arg)
{
    struct sl_span line, name, text;
    uint64_t id;
    while (next_line(&client_list, &line))
        if (word_after(line, "name=", &name) && is_predecessor(name, me, role) &&
            word_after(line, "id=", &text) && sl_number_parse(text, INT64_MAX, &id) && (int64_t)id != self)
            found(arg, (int64_t)id);
}

bool sl_decode_news(struct sl_span payload, struct sl_uuid *ret_list, uint64_t *ret_version)
{
    struct sl_uuid id;
    if (payload.len < SL_UUID_TEXT + 2 || payload.at[SL_UUID_TEXT] != ' ' ||
        !sl_uuid_parse(sl_span(payload.at, SL_UUID_TEXT), &id) ||
        !sl_number_parse(sl_span(payload.at + SL_UUID_TEXT + 1, payload.len - SL_UUID_TEXT - 1), INT64_MAX,
                         ret_version))
        return false;
    *ret_list = id;
    return true;
}
