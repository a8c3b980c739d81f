/* Replies of the operations on statuses, and what a load answers. Results of single changes are decoded in
 * place: a letter becomes an enum sl_result in the same byte, and a batch needs no memory for them. */
#include "base/number.h"
#include "store/decode_part_int.h"

bool sl_decode_updated(const struct redisReply *reply, uint32_t n, struct sl_lineage own,
                       struct sl_updated *ret)
{
    uint64_t version, changed, change;
    struct sl_lineage at;
    struct sl_span letters;
    enum sl_result one;
    if (!is_array(reply, 5) || !decode_count(reply->element[0], LARGEST, &version) ||
        !decode_count(reply->element[1], 1, &changed) || !decode_text(reply->element[2], n, n, &letters) ||
        !decode_count(reply->element[3], LARGEST, &change) || !decode_at(reply->element[4], own, &at))
        return false;
    uint8_t *results = (uint8_t *)reply->element[2]->str;
    for (size_t i = 0; i < n; i++) {
        if (!sl_decode_letter_of(letters.at[i], &one) || one > SL_RESULT_RETIRED || one == SL_RESULT_NO_LIST)
            return false;
        results[i] = (uint8_t)one;
    }
    *ret = (struct sl_updated){.version = version,
                               .changed = changed != 0,
                               .count = n,
                               .results = results,
                               .at = at,
                               .change = change};
    return true;
}

static bool decode_refusal(const struct redisReply *reply, uint32_t groups, struct sl_batched *ret,
                           uint32_t *ret_group, uint32_t *ret_at)
{
    enum sl_result why;
    if (!is_array(reply, 4) || !sl_decode_letter(reply->element[1], &why) || sl_result_err(why) == SL_OK ||
        !decode_count32(reply->element[2], ret_group) || *ret_group >= groups ||
        !decode_count32(reply->element[3], ret_at))
        return false;
    *ret = (struct sl_batched){.refused = sl_result_err(why)};
    return true;
}

bool sl_decode_batched(const struct redisReply *reply, uint32_t groups, struct sl_lineage own,
                       struct sl_batched *ret, uint32_t *ret_group, uint32_t *ret_at, struct sl_decoded *d)
{
    enum sl_result what;
    uint64_t change;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 ||
        !sl_decode_letter(reply->element[0], &what))
        return false;
    if (what == SL_RESULT_REFUSED)
        return decode_refusal(reply, groups, ret, ret_group, ret_at);
    if ((what != SL_RESULT_WRITTEN && what != SL_RESULT_REPEATED) || !is_array(reply, 5) ||
        !is_array(reply->element[1], groups) || !is_array(reply->element[2], groups) ||
        !is_array(reply->element[3], groups) || !decode_count(reply->element[4], LARGEST, &change))
        return false;
    struct sl_lineage *at = make_items(d, groups, sizeof *at + sizeof(uint64_t));
    uint64_t *versions = (uint64_t *)(void *)(at + groups);
    bool *changed = sl_xcalloc((size_t)groups + 1, sizeof *changed);
    d->numbers = (uint32_t *)(void *)changed;
    for (uint32_t i = 0; i < groups; i++) {
        uint64_t flag;
        if (!decode_count(reply->element[1]->element[i], LARGEST, &versions[i]) ||
            !decode_count(reply->element[2]->element[i], 1, &flag) ||
            !decode_at(reply->element[3]->element[i], own, &at[i]))
            return false;
        changed[i] = flag != 0;
    }
    *ret = (struct sl_batched){.refused = SL_OK,
                               .versions = versions,
                               .changed = changed,
                               .repeated = what == SL_RESULT_REPEATED,
                               .at = at,
                               .change = change};
    return true;
}

bool sl_decode_remembered(const struct redisReply *reply, struct sl_remembered *ret)
{
    enum sl_result what;
    struct sl_span answer = {0};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 ||
        !sl_decode_letter(reply->element[0], &what))
        return false;
    bool repeated = what == SL_RESULT_REPEATED;
    if ((!repeated && what != SL_RESULT_OTHER_REQUEST && what != SL_RESULT_WRITTEN &&
         what != SL_RESULT_NOTHING) ||
        reply->elements != (repeated ? 2 : 1) ||
        (repeated && !decode_text(reply->element[1], 1, SIZE_MAX, &answer)))
        return false;
    *ret = (struct sl_remembered){
        .other = what == SL_RESULT_OTHER_REQUEST, .bound = what == SL_RESULT_WRITTEN, .answer = answer};
    return true;
}

bool sl_decode_status(const struct redisReply *reply, struct sl_lineage own, bool *ret_outside,
                      uint8_t *ret_value, struct sl_head *ret_head)
{
    uint64_t value;
    struct sl_head head;
    if (is_array(reply, 0)) {
        *ret_outside = true;
        return true;
    }
    if (!is_array(reply, 3) || !decode_count(reply->element[0], UINT8_MAX, &value) ||
        !decode_count(reply->element[1], LARGEST, &head.version) ||
        !decode_at(reply->element[2], own, &head.at))
        return false;
    *ret_outside = false;
    *ret_value = (uint8_t)value;
    *ret_head = head;
    return true;
}

/* A field of a hash that may be absent. */
static struct sl_span optional_text(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? sl_span(reply->str, reply->len) : sl_span("", 0);
}

/* version, at, line, cut. */
static bool decode_state(const struct redisReply *fields, struct sl_loaded *ret)
{
    struct sl_span version = optional_text(fields->element[0]), at = optional_text(fields->element[1]),
                   line = optional_text(fields->element[2]), cut = optional_text(fields->element[3]);
    struct sl_loaded loaded = *ret;
    if (!sl_number_parse(version, LARGEST, &loaded.head.version) ||
        (at.len > 0 && !sl_lineage_parse(at, &loaded.head.at)) || !sl_line_parse(line, &loaded.line) ||
        !sl_cut_parse(cut, &loaded.line))
        return false;
    sl_line_add(&loaded.line, loaded.head);
    *ret = loaded;
    return true;
}

static bool decode_time(const struct redisReply *reply, uint64_t *ret_ms)
{
    struct sl_span seconds, micros;
    uint64_t s, us;
    if (!is_array(reply, 2) || !decode_text(reply->element[0], 1, 16, &seconds) ||
        !decode_text(reply->element[1], 1, 6, &micros) || !sl_number_parse(seconds, LARGEST / 1000, &s) ||
        !sl_number_parse(micros, 999999, &us))
        return false;
    *ret_ms = s * 1000 + us / 1000;
    return true;
}

/* How many lineages of the line may have marks that were not asked for. */
static unsigned others_marked(const struct sl_loaded *loaded, const struct sl_lineage *named, size_t n)
{
    unsigned more = 0;
    for (unsigned i = 0; i < loaded->line.count; i++) {
        struct sl_lineage l = loaded->line.part[i].at;
        size_t at = 0;
        while (at < n && !sl_lineage_equal(named[at], l))
            at++;
        more += at == n && loaded->now_ms < sl_lineage_kept_until_ms(l);
    }
    return more;
}

bool sl_decode_loaded(const struct redisReply *reply, const struct sl_lineage *named, size_t n,
                      bool *ret_gone, struct sl_loaded *ret, struct sl_decoded *d)
{
    struct sl_loaded loaded = {0};
    if (!is_array(reply, 3 + n) || !decode_time(reply->element[0], &loaded.now_ms) ||
        !is_array(reply->element[1], 4))
        return false;
    if (reply->element[1]->element[0]->type == REDIS_REPLY_NIL) {
        *ret_gone = true;
        return true;
    }
    if (!decode_state(reply->element[1], &loaded))
        return false;
    struct sl_marks *marks = make_items(d, n, sizeof *marks);
    for (size_t i = 0; i <= n; i++) {
        const struct redisReply *text = reply->element[2 + i];
        if (text->type != REDIS_REPLY_NIL && text->type != REDIS_REPLY_STRING)
            return false;
        if (i == 0)
            loaded.bytes = optional_text(text);
        else if (text->len > 0)
            marks[loaded.marks_count++] = (struct sl_marks){named[i - 1], optional_text(text)};
    }
    loaded.marks = marks;
    loaded.more = others_marked(&loaded, named, n);
    *ret_gone = false;
    *ret = loaded;
    return true;
}
