/* Each decoder checks the whole reply before it fills its result in, so that a caller sees all of a reply
 * or nothing. Texts stay where they lie in the reply; only arrays get memory, one block for the items and
 * one for what these point to, both freed with the call. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/number.h"
#include "core/status_list.h"
#include "store/decode_part_int.h"

bool sl_decode_integer(const struct redisReply *reply, int64_t min, int64_t max, int64_t *ret)
{
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < min || reply->integer > max)
        return false;
    *ret = reply->integer;
    return true;
}

static bool state_of(struct sl_span text, enum sl_list_state *ret)
{
    static const struct {
        struct sl_span name;
        enum sl_list_state state;
    } states[] = {{SL_SPAN("open"), SL_LIST_OPEN},
                  {SL_SPAN("full"), SL_LIST_FULL},
                  {SL_SPAN("sealed"), SL_LIST_SEALED},
                  {SL_SPAN("retired"), SL_LIST_RETIRED}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (sl_span_eq(text, states[i].name)) {
            *ret = states[i].state;
            return true;
        }
    }
    return false;
}

/* The fields in the order in which the scripts give them. A reply of Lua ends at the first that is not there.
 */
static const char *const record_fields[] = {"id",     "uri",     "seed",   "size", "bits", "state",
                                            "cursor", "version", "change", "at",   "line", "cut"};
#define RECORD_FIELDS (sizeof record_fields / sizeof record_fields[0])

static bool decode_field(const struct redisReply *reply, size_t field, struct sl_list_record *record)
{
    struct sl_span text;
    uint64_t bits;
    switch (field) {
    case 0:
        return decode_text(reply, SL_UUID_TEXT, SL_UUID_TEXT, &text) && sl_uuid_parse(text, &record->id);
    case 1:
        return decode_text(reply, 1, 8192, &record->uri);
    case 2:
        if (!decode_text(reply, SL_ORDER_SEED, SL_ORDER_SEED, &text))
            return false;
        memcpy(record->seed, text.at, SL_ORDER_SEED);
        return true;
    case 3:
        return decode_count32(reply, &record->size) && record->size > 0;
    case 4:
        if (!decode_count(reply, 8, &bits) || !sl_status_bits_valid((unsigned)bits))
            return false;
        record->bits = (uint8_t)bits;
        return true;
    case 5:
        return decode_text(reply, 1, 16, &text) && state_of(text, &record->state);
    case 6:
        return decode_count32(reply, &record->cursor) && record->cursor <= record->size;
    case 7:
        return decode_count(reply, LARGEST, &record->version);
    case 8:
        return decode_count(reply, LARGEST, &record->change);
    case 9:
        return decode_lineage(reply, &record->at);
    case 10:
        return decode_text(reply, 0, SL_LINE_TEXT, &text) && sl_line_parse(text, &record->line);
    default:
        return decode_text(reply, 0, SL_CUT_TEXT, &text) && sl_cut_parse(text, &record->line);
    }
}

/* NULL: the record is whole. Otherwise the first field that is not. */
static const char *fault_of(const struct redisReply *reply, struct sl_list_record *record)
{
    if (reply->elements == 1)
        return "record"; /* there is none, or the key holds something else */
    for (size_t i = 0; i < RECORD_FIELDS; i++)
        if (i >= reply->elements || !decode_field(reply->element[i], i, record))
            return record_fields[i];
    sl_line_add(&record->line, (struct sl_head){record->at, record->version});
    return reply->elements == RECORD_FIELDS ? NULL : "record";
}

bool sl_decode_record(const struct redisReply *reply, struct sl_list_record *ret)
{
    struct sl_list_record record = {0};
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || fault_of(reply, &record) != NULL)
        return false;
    *ret = record;
    return true;
}

bool sl_decode_damage(const struct redisReply *reply, struct sl_damaged_list *ret)
{
    struct sl_list_record record = {0};
    struct sl_damaged_list damaged;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        !decode_text(reply->element[0], 0, 8192, &damaged.id))
        return false;
    damaged.field = fault_of(reply, &record);
    if (damaged.field == NULL)
        return false;
    *ret = damaged;
    return true;
}

static bool decode_drawn(const struct redisReply *reply, enum sl_drawn *ret)
{
    static const struct sl_span names[] = {[SL_DRAWN_NOT] = SL_SPAN(""),
                                           [SL_DRAWN_REPLID] = SL_SPAN("replid"),
                                           [SL_DRAWN_FIRST] = SL_SPAN("first"),
                                           [SL_DRAWN_BACK] = SL_SPAN("back"),
                                           [SL_DRAWN_LIST] = SL_SPAN("list")};
    struct sl_span text;
    if (!decode_text(reply, 0, 6, &text))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sl_span_eq(text, names[i])) {
            *ret = (enum sl_drawn)i;
            return true;
        }
    }
    return false;
}

/* The second half of what open_pool answers. */
static bool decode_history(struct redisReply *const *part, struct sl_pool_opened *ret)
{
    uint64_t fork;
    if (!decode_lineage(part[0], &ret->lineage) || !decode_drawn(part[1], &ret->drawn) ||
        !decode_count(part[2], 1, &fork) || !decode_count(part[3], LARGEST, &ret->begun) ||
        !decode_lineage(part[4], &ret->parent) || !decode_count(part[5], LARGEST, &ret->parent_end) ||
        !decode_count(part[6], LARGEST, &ret->marks_ms))
        return false;
    ret->fork = fork != 0;
    return true;
}

bool sl_decode_pool(const struct redisReply *reply, struct sl_pool_opened *ret)
{
    struct sl_pool_opened opened = {0};
    uint64_t bits;
    if (!is_array(reply, 13) || !decode_count32(reply->element[0], &opened.size) ||
        !decode_count(reply->element[1], UINT8_MAX, &bits) ||
        !decode_count(reply->element[2], LARGEST, &opened.lists) ||
        !decode_count(reply->element[3], LARGEST, &opened.change) ||
        !decode_text(reply->element[4], 1, SL_REPLID_MAX, &opened.replid) ||
        !decode_text(reply->element[5], 1, SL_REPLID_MAX, &opened.run_id) ||
        !decode_history(reply->element + 6, &opened))
        return false;
    opened.bits = (uint8_t)bits;
    *ret = opened;
    return true;
}

bool sl_decode_agreed(const struct redisReply *reply, struct sl_agreed *ret)
{
    struct sl_agreed agreed = {0};
    uint64_t bits;
    if (!is_array(reply, 6) || !decode_count32(reply->element[0], &agreed.size) ||
        !decode_count(reply->element[1], UINT8_MAX, &bits) ||
        !decode_text(reply->element[2], 0, SL_SHARED_MAX, &agreed.text) ||
        !decode_text(reply->element[3], 0, 64, &agreed.other) ||
        !decode_count(reply->element[4], LARGEST, &agreed.kept_ms) ||
        !decode_count(reply->element[5], LARGEST, &agreed.cached_ms))
        return false;
    agreed.bits = (uint8_t)bits;
    *ret = agreed;
    return true;
}

void sl_decoded_free(struct sl_decoded *d)
{
    free(d->items);
    free(d->numbers);
    free(d->damaged);
    free(d->ids);
}

static bool decode_returned(const struct redisReply *reply, uint32_t size, uint32_t *out)
{
    for (size_t i = 0; i < reply->elements; i++) {
        struct sl_span text;
        uint64_t index;
        if (!decode_text(reply->element[i], 1, 10, &text) || !sl_number_parse(text, size - 1, &index))
            return false;
        out[i] = (uint32_t)index;
    }
    return true;
}

/* With at most `max` indices; those that were given back go to `numbers`. */
static bool decode_block(const struct redisReply *reply, uint64_t max, uint32_t *numbers,
                         struct sl_block *ret)
{
    struct sl_block block = {0};
    if (!is_array(reply, 4) || !sl_decode_record(reply->element[0], &block.list) ||
        !decode_count32(reply->element[1], &block.from) || !decode_count32(reply->element[2], &block.count) ||
        reply->element[3]->type != REDIS_REPLY_ARRAY)
        return false;
    if (block.count > max || block.from > block.list.size || block.count > block.list.size - block.from ||
        reply->element[3]->elements > max - block.count ||
        !decode_returned(reply->element[3], block.list.size, numbers))
        return false;
    block.returned = numbers;
    block.returned_count = (uint32_t)reply->element[3]->elements;
    *ret = block;
    return true;
}

static bool decode_blocks(const struct redisReply *list, uint64_t max, struct sl_decoded *d,
                          const struct sl_block **ret)
{
    struct sl_block *blocks = make_items(d, list->elements, sizeof *blocks);
    d->numbers = sl_xcalloc(max + 1, sizeof *d->numbers);
    uint64_t used = 0, returned = 0;
    for (size_t i = 0; i < list->elements; i++) {
        if (!decode_block(list->element[i], max - used, d->numbers + returned, &blocks[i]))
            return false;
        used += blocks[i].count + blocks[i].returned_count;
        returned += blocks[i].returned_count;
    }
    *ret = blocks;
    return true;
}

/* Ids into `out`, at most `max` in all. */
static bool decode_ids(const struct redisReply *reply, size_t max, struct sl_uuid *out)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > max)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        struct sl_span id;
        if (!decode_text(reply->element[i], SL_UUID_TEXT, SL_UUID_TEXT, &id) || !sl_uuid_parse(id, &out[i]))
            return false;
    }
    return true;
}

bool sl_decode_taken(const struct redisReply *reply, uint32_t want, uint32_t named, struct sl_taken *ret,
                     struct sl_decoded *d)
{
    struct sl_taken taken = {0};
    d->ids = sl_xcalloc((size_t)named + 1, sizeof *d->ids);
    if (!is_array(reply, 3) || !decode_ids(reply->element[0], named, d->ids) ||
        !decode_count32(reply->element[1], &taken.sealed) || reply->element[2]->type != REDIS_REPLY_ARRAY ||
        reply->element[2]->elements > named || !decode_blocks(reply->element[2], want, d, &taken.blocks))
        return false;
    taken.over = d->ids;
    taken.over_count = (uint32_t)reply->element[0]->elements;
    taken.block_count = (uint32_t)reply->element[2]->elements;
    *ret = taken;
    return true;
}

bool sl_decode_inherited(const struct redisReply *reply, uint32_t named, struct sl_inherited *ret,
                         struct sl_decoded *d)
{
    const struct sl_block *blocks;
    uint64_t returned = 0;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > named)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (!is_array(reply->element[i], 4) || reply->element[i]->element[3]->type != REDIS_REPLY_ARRAY)
            return false;
        returned += reply->element[i]->element[3]->elements;
    }
    if (!decode_blocks(reply, returned, d, &blocks))
        return false;
    *ret = (struct sl_inherited){.blocks = blocks, .block_count = (uint32_t)reply->elements};
    return true;
}

bool sl_decode_records(const struct redisReply *reply, const struct sl_list_record **ret, size_t *ret_n,
                       struct sl_decoded *d)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    struct sl_list_record *all = make_items(d, reply->elements, sizeof *all);
    for (size_t i = 0; i < reply->elements; i++)
        if (!sl_decode_record(reply->element[i], &all[i]))
            return false;
    *ret = all;
    *ret_n = reply->elements;
    return true;
}

/* Whole records and damaged ones, each in their order. */
static bool sort_records(const struct redisReply *reply, struct sl_changes *changes, struct sl_decoded *d)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    struct sl_list_record *whole = make_items(d, reply->elements, sizeof *whole);
    struct sl_damaged_list *damaged = d->damaged = sl_xcalloc(reply->elements + 1, sizeof *damaged);
    for (size_t i = 0; i < reply->elements; i++) {
        if (sl_decode_record(reply->element[i], &whole[changes->count]))
            changes->count++;
        else if (sl_decode_damage(reply->element[i], &damaged[changes->damaged_count]))
            changes->damaged_count++;
        else
            return false;
    }
    changes->lists = whole;
    changes->damaged = damaged;
    return true;
}

bool sl_decode_changes(const struct redisReply *reply, struct sl_changes *ret, struct sl_decoded *d)
{
    struct sl_changes changes = {0};
    uint64_t time_ms;
    if (!is_array(reply, 7) || !decode_count(reply->element[0], LARGEST, &changes.newest) ||
        !decode_text(reply->element[1], 1, SL_REPLID_MAX, &changes.replid) ||
        !sort_records(reply->element[2], &changes, d) ||
        !decode_count32(reply->element[3], &changes.looked) ||
        !decode_count(reply->element[4], LARGEST, &changes.last) ||
        !decode_count(reply->element[5], LARGEST, &time_ms) ||
        !decode_lineage(reply->element[6], &changes.lineage))
        return false;
    changes.time_ms = (int64_t)time_ms;
    *ret = changes;
    return true;
}

/* The letters of all scripts: one for each result, whichever script says it. */
bool sl_decode_letter_of(char letter, enum sl_result *ret)
{
    static const char letters[] = {
        [SL_RESULT_SAME] = '0',      [SL_RESULT_CHANGED] = '1',       [SL_RESULT_FINAL] = 'F',
        [SL_RESULT_OUTSIDE] = 'I',   [SL_RESULT_NO_LIST] = 'L',       [SL_RESULT_RETIRED] = 'T',
        [SL_RESULT_VALUE] = 'V',     [SL_RESULT_OTHER_REQUEST] = 'K', [SL_RESULT_WRITTEN] = 'W',
        [SL_RESULT_REPEATED] = 'A',  [SL_RESULT_REFUSED] = 'R',       [SL_RESULT_NOTHING] = 'N',
        [SL_RESULT_CURRENT] = 'C',   [SL_RESULT_RAISED] = 'U',        [SL_RESULT_JOINED] = 'M',
        [SL_RESULT_LATE] = 'E',      [SL_RESULT_PRESENT] = 'P',       [SL_RESULT_OTHER_SHAPE] = 'S',
        [SL_RESULT_IN_PIECES] = 'Q', [SL_RESULT_AGAIN] = 'G',         [SL_RESULT_CROWDED] = 'X'};
    const char *at = memchr(letters, letter, sizeof letters);
    if (at == NULL)
        return false;
    *ret = (enum sl_result)(at - letters);
    return true;
}

bool sl_decode_letter(const struct redisReply *reply, enum sl_result *ret)
{
    struct sl_span text;
    return decode_text(reply, 1, 1, &text) && sl_decode_letter_of(text.at[0], ret);
}

bool sl_decode_result(const struct redisReply *reply, const enum sl_result *results, size_t n, unsigned *ret)
{
    enum sl_result found;
    if (!sl_decode_letter(reply, &found))
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (results[i] == found) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool sl_decode_mended(const struct redisReply *reply, struct sl_lineage own, struct sl_mended_list *ret)
{
    static const enum sl_result results[] = {
        [SL_MENDED_NOT] = SL_RESULT_CURRENT,         [SL_MENDED_NEW] = SL_RESULT_WRITTEN,
        [SL_MENDED_RAISED] = SL_RESULT_RAISED,       [SL_MENDED_JOINED] = SL_RESULT_JOINED,
        [SL_MENDED_LATE] = SL_RESULT_LATE,           [SL_MENDED_RETIRED] = SL_RESULT_RETIRED,
        [SL_MENDED_IN_PIECES] = SL_RESULT_IN_PIECES, [SL_MENDED_AGAIN] = SL_RESULT_AGAIN,
        [SL_MENDED_CROWDED] = SL_RESULT_CROWDED};
    struct sl_mended_list mended = {0};
    unsigned what;
    if ((!is_array(reply, 4) && !is_array(reply, 5)) ||
        !sl_decode_result(reply->element[0], results, sizeof results / sizeof results[0], &what) ||
        !decode_count(reply->element[1], LARGEST, &mended.head.version) ||
        !decode_at(reply->element[2], own, &mended.head.at) ||
        !decode_count(reply->element[3], LARGEST, &mended.change))
        return false;
    mended.what = (enum sl_mended)what;
    if ((mended.what == SL_MENDED_IN_PIECES) != (reply->elements == 5) ||
        (reply->elements == 5 && !decode_text(reply->element[4], 1, SL_SEEN_MAX, &mended.seen)))
        return false;
    *ret = mended;
    return true;
}

bool sl_decode_retired(const struct redisReply *reply, uint32_t asked, struct sl_retired *ret,
                       struct sl_decoded *d)
{
    struct sl_uuid *all = d->ids = sl_xcalloc((size_t)asked + 1, sizeof *all);
    uint32_t abandoned, corrected;
    if (!is_array(reply, 4) || !decode_ids(reply->element[0], asked, all) ||
        !decode_ids(reply->element[1], asked - reply->element[0]->elements,
                    all + reply->element[0]->elements) ||
        !decode_count32(reply->element[2], &abandoned) || !decode_count32(reply->element[3], &corrected))
        return false;
    *ret = (struct sl_retired){.retired = all,
                               .gone = all + reply->element[0]->elements,
                               .retired_count = reply->element[0]->elements,
                               .gone_count = reply->element[1]->elements,
                               .abandoned = abandoned,
                               .corrected = corrected};
    return true;
}

bool sl_decode_names(const struct redisReply *reply, const struct sl_span **ret, size_t *ret_n,
                     struct sl_decoded *d)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    struct sl_span *all = make_items(d, reply->elements, sizeof *all);
    for (size_t i = 0; i < reply->elements; i++)
        if (!decode_text(reply->element[i], 0, 8192, &all[i]))
            return false;
    *ret = all;
    *ret_n = reply->elements;
    return true;
}

/* Takes the text up to `end` off the front of `rest`. */
static bool cut_part(struct sl_span *rest, const char *end, struct sl_span *ret)
{
    size_t n = strlen(end);
    const char *at = rest->len > 0 ? memmem(rest->at, rest->len, end, n) : NULL;
    if (at == NULL)
        return false;
    *ret = sl_span(rest->at, (size_t)(at - rest->at));
    *rest = sl_span(at + n, rest->len - ret->len - n);
    return true;
}

static bool parse_tempo(struct sl_span name, struct sl_tempo *ret)
{
    struct sl_span before, update, ttl;
    uint64_t update_ms, ttl_ms;
    if (!cut_part(&name, ":{", &before) || !cut_part(&name, "}/3:", &ret->pool) ||
        !cut_part(&name, ":", &update) || !cut_part(&name, ":", &ttl) ||
        !sl_number_parse(update, UINT32_MAX, &update_ms) || !sl_number_parse(ttl, UINT32_MAX, &ttl_ms))
        return false;
    ret->instance = name;
    ret->update_ms = (uint32_t)update_ms;
    ret->ttl_ms = (uint32_t)ttl_ms;
    return true;
}

bool sl_decode_tempos(const struct redisReply *reply, const char *me, const struct sl_tempo **ret,
                      size_t *ret_n, struct sl_decoded *d)
{
    struct sl_span name, mine = sl_span(me, strlen(me));
    size_t n = 0;
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    struct sl_tempo *all = make_items(d, reply->elements, sizeof *all);
    for (size_t i = 0; i < reply->elements; i++) {
        if (!decode_text(reply->element[i], 0, 8192, &name))
            return false;
        n += parse_tempo(name, &all[n]) && !sl_span_eq(all[n].instance, mine);
    }
    *ret = all;
    *ret_n = n;
    return true;
}
