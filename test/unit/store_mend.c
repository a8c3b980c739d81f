/* Lists that Redis lost, or lost changes of, on a real Redis: made again, and joined with what an instance
 * remembers. Histories are made at random, and each join is compared with one that looks at index by index.
 */
#include "store_fixture.h"

#include "core/status_list.h"

#define SIZE 40
#define STATES 8
#define PIECE 8 /* bytes */

static struct fixture f;
static struct sl_uuid list;
static struct sl_fence fence;
static char pool[8], id[SL_UUID_TEXT + 1];
static unsigned bits;
static int final;
static size_t longest = 100; /* bytes that are joined in one call */

/* ---- states, index by index ---- */

struct state {
    struct sl_line line;
    struct sl_head head;
    uint8_t value[SIZE];
    bool mark[SL_LINE_MAX][SIZE]; /* of the lineages of the line, in their order */
};

static bool *marks_in(struct state *s, struct sl_lineage l)
{
    for (unsigned i = 0; i < s->line.count; i++)
        if (sl_lineage_equal(s->line.part[i].at, l))
            return s->mark[i];
    fail_msg("not in the line");
    return NULL;
}

/* In a later lineage than all of the line. */
static void write_index(struct state *s, struct sl_lineage l, uint32_t index, uint8_t value)
{
    if (final >= 0 && s->value[index] == final && value != final)
        return;
    s->head = (struct sl_head){l, s->head.version + 1};
    sl_line_add(&s->line, s->head);
    marks_in(s, l)[index] = true;
    s->value[index] = value;
}

static struct sl_line all_of(const struct state *one, const struct state *other)
{
    struct sl_line all = {0};
    for (unsigned i = 0; i < one->line.count; i++)
        sl_line_add(&all, one->line.part[i]);
    for (unsigned i = 0; i < other->line.count; i++)
        sl_line_add(&all, other->line.part[i]);
    return all;
}

/* What the script has to make of `mine` and `theirs`, but for the new head. */
static struct state join_states(struct state *mine, struct state *theirs)
{
    struct state out = *mine;
    bool begun = false;
    out.line = all_of(mine, theirs);
    for (unsigned x = 0; x < out.line.count; x++) {
        struct sl_lineage l = out.line.part[x].at;
        uint64_t m = sl_line_version(&mine->line, l), t = sl_line_version(&theirs->line, l);
        struct state *side = t > m ? theirs : mine;
        for (uint32_t i = 0; i < SIZE; i++) {
            out.mark[x][i] = (m > 0 && marks_in(mine, l)[i]) || (t >= m && marks_in(theirs, l)[i]);
            if (m != t && (!begun || marks_in(side, l)[i]))
                out.value[i] = side->value[i];
        }
        begun = begun || m != t;
    }
    for (uint32_t i = 0; i < SIZE; i++)
        if (final >= 0 && (mine->value[i] == final || theirs->value[i] == final))
            out.value[i] = (uint8_t) final;
    return out;
}

/* A tree of histories: each state continues one of the former in a lineage of its own, or is a former moment
 * of it. */
static void grow_states(struct state *all)
{
    uint64_t ms = sl_wall_ms(&sl_clock_system) - 1000000;
    memset(all, 0, STATES * sizeof *all);
    for (unsigned n = 1; n < STATES; n++) {
        struct state *s = &all[n];
        *s = all[sl_random_below(&sl_clock_system, n)];
        struct sl_lineage l = {ms + n * 1000, sl_random_below(&sl_clock_system, 1000) << 4 | 1};
        for (uint64_t writes = 1 + sl_random_below(&sl_clock_system, 6); writes > 0; writes--) {
            write_index(s, l, (uint32_t)sl_random_below(&sl_clock_system, SIZE),
                        (uint8_t)sl_random_below(&sl_clock_system, 1u << bits));
            if (n + 1 < STATES && sl_random_below(&sl_clock_system, 4) == 0)
                all[n + 1] = *s, s++, n++; /* the former moment stays as a state */
        }
    }
}

/* ---- on Redis ---- */

static void begin_pool(const char *name, unsigned width)
{
    snprintf(pool, sizeof pool, "%s", name);
    bits = width;
    AWAIT(&f, sl_store_open_pool(f.store, pool, SIZE, bits, NULL, on_pool, NULL));
    list = fixture_list(&f, pool, SIZE, bits);
    sl_uuid_text(&list, id);
    struct sl_pool_known known = {.first = true, .random = 0x10 + width};
    AWAIT(&f, sl_store_open_pool(f.store, pool, SIZE, bits, &known, on_pool, NULL));
    fence = (struct sl_fence){got.pool.lineage, got.pool.change, true};
}

static size_t pack_values(const uint8_t *values, unsigned width, uint8_t *out)
{
    size_t n = sl_status_bytes(SIZE, width);
    memset(out, 0, n);
    for (uint32_t i = 0; i < SIZE; i++)
        sl_status_set(out, width, i, values[i]);
    return n;
}

static void put_hex(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
}

/* Puts a state into Redis as scripts would have left it. */
static void put_state(struct state *s)
{
    static const char script[] =
        "local k = 'statuslist:{' .. ARGV[1] .. '}:list:' .. ARGV[2] .. ':' "
        "local function raw(h) return (h:gsub('..', function(x) return string.char(tonumber(x, 16)) end)) "
        "end "
        "for _, m in ipairs(redis.call('KEYS', k .. 'marks:*')) do redis.call('DEL', m) end "
        "redis.call('HDEL', k .. 'config', 'at', 'line', 'cut') "
        "redis.call('HSET', k .. 'config', 'version', ARGV[3]) "
        "if ARGV[4] ~= '-' then redis.call('HSET', k .. 'config', 'at', ARGV[4], 'line', ARGV[5]) end "
        "redis.call('SET', k .. 'data', raw(ARGV[6])) "
        "for a = 7, #ARGV, 2 do redis.call('SET', k .. 'marks:' .. ARGV[a], raw(ARGV[a + 1])) end";
    char command[4096], at[SL_LINEAGE_TEXT + 1] = "-", line[SL_LINE_TEXT + 1] = "", hex[512] = "";
    uint8_t bytes[256];
    struct sl_line before = s->line;
    if (s->head.version > 0) {
        at[sl_lineage_print(s->head.at, at)] = '\0';
        before.count--;
        line[sl_line_print(&before, line)] = '\0';
    }
    put_hex(hex, bytes, pack_values(s->value, bits, bytes));
    int n = snprintf(command, sizeof command, "eval \"%s\" 0 %s %s %llu %s '%s' %s", script, pool, id,
                     (unsigned long long)s->head.version, at, line, hex);
    for (unsigned x = 0; x < s->line.count; x++) {
        at[sl_lineage_print(s->line.part[x].at, at)] = '\0';
        memset(hex, 0, sizeof hex);
        put_hex(hex, bytes, pack_values((const uint8_t *)s->mark[x], 1, bytes));
        n += snprintf(command + n, sizeof command - (size_t)n, " %s %s", at, hex);
    }
    assert_true((size_t)n < sizeof command);
    assert_string_equal(cli(&f.server, "%s", command), "");
}

/* The rest of a join that the answer before this has begun. */
static void join_pieces(const struct sl_mend *m)
{
    static char seen[SL_SEEN_MAX];
    struct sl_pieces pieces = {sl_span(seen, got.len), sl_random_below(&sl_clock_system, UINT32_MAX)};
    memcpy(seen, got.bytes, got.len);
    for (size_t from = 0; from < m->bytes.len; from += PIECE) {
        size_t len = m->bytes.len - from < PIECE ? m->bytes.len - from : PIECE;
        AWAIT(&f, sl_store_join_piece(f.store, pool, &fence, m, &pieces, from, len, on_piece, NULL));
        assert_true(got.err == SL_OK && got.changed);
    }
    AWAIT(&f, sl_store_join_end(f.store, pool, &fence, m, &pieces, -1, on_mended, NULL));
}

static enum sl_mended mend_with(struct state *s)
{
    static uint8_t bytes[256], marked[SL_LINE_MAX][16];
    struct sl_marks marks[SL_LINE_MAX];
    struct sl_mend m = {.list = list,
                        .uri = SL_SPAN("http://x/y"),
                        .head = s->head,
                        .line = s->line,
                        .marks = marks,
                        .marks_count = s->line.count,
                        .final = final,
                        .width = bits,
                        .longest = longest};
    m.bytes = sl_span((const char *)bytes, pack_values(s->value, bits, bytes));
    for (unsigned x = 0; x < s->line.count; x++)
        marks[x] = (struct sl_marks){
            s->line.part[x].at,
            sl_span((const char *)marked[x], pack_values((const uint8_t *)s->mark[x], 1, marked[x]))};
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &m, on_mended, NULL));
    assert_int_equal(got.err, SL_OK);
    if (got.number == SL_MENDED_IN_PIECES)
        join_pieces(&m);
    assert_int_equal(got.err, SL_OK);
    if (got.change > fence.least)
        fence.least = got.change;
    return (enum sl_mended)got.number;
}

/* Redis has this, under a head of its own in the present lineage. */
static void expect_state(struct state *want)
{
    struct sl_lineage named[SL_LINE_MAX];
    uint8_t bytes[256];
    unsigned n = 0;
    for (unsigned x = 0; x < want->line.count && n < 4; x++)
        named[n++] = want->line.part[x].at;
    AWAIT(&f, sl_store_load(f.store, pool, &list, named, n, on_load, NULL));
    assert_int_equal(got.err, SL_OK);
    size_t len = pack_values(want->value, bits, bytes);
    if (got.len > len)
        fail_msg("%zu bytes, at most %zu, bits %u", got.len, len, bits);
    assert_memory_equal(got.bytes, bytes, len); /* what is behind the end is 0 */
    assert_true(sl_lineage_equal(got.loaded.head.at, fence.lineage));
    assert_int_equal(got.loaded.line.count, want->line.count + 1);
    for (unsigned x = 0; x < want->line.count; x++)
        assert_true(sl_head_equal(got.loaded.line.part[x], want->line.part[x]));
    for (unsigned x = 0, i = 0; x < n; x++) {
        len = pack_values((const uint8_t *)want->mark[x], 1, bytes);
        if (i < got.loaded.marks_count && sl_lineage_equal(got.marks[i].lineage, named[x]))
            assert_memory_equal(got.marks[i++].bits, bytes, len);
        else
            for (size_t b = 0; b < len; b++)
                assert_int_equal(bytes[b], 0);
    }
}

static bool contains(const struct state *one, const struct state *other)
{
    for (unsigned x = 0; x < other->line.count; x++)
        if (!sl_line_covers(&one->line, other->line.part[x]))
            return false;
    return true;
}

static void joins_are_the_same_index_by_index(void **state)
{
    (void)state;
    unsigned joins = 0, mixed = 0;
    for (unsigned round = 0; round < 48; round++) {
        static struct state all[STATES];
        char name[8];
        snprintf(name, sizeof name, "r%u", round);
        begin_pool(name, 1u << round % 4);
        longest = round % 8 < 4 ? 100 : 4;
        final = round / 4 % 3 == 0 ? -1 : (int)(1 + sl_random_below(&sl_clock_system, (1u << bits) - 1) % 3);
        grow_states(all);
        struct state *mine = &all[1 + sl_random_below(&sl_clock_system, STATES - 1)],
                     *theirs = &all[1 + sl_random_below(&sl_clock_system, STATES - 1)],
                     *others = &all[1 + sl_random_below(&sl_clock_system, STATES - 1)];
        if (sl_line_covers(&mine->line, theirs->head)) {
            put_state(mine);
            assert_int_equal(mend_with(theirs), SL_MENDED_NOT);
            continue;
        }
        joins++;
        mixed += !contains(theirs, mine);
        struct state want = join_states(mine, theirs);
        put_state(mine);
        assert_int_equal(mend_with(theirs), contains(theirs, mine) ? SL_MENDED_RAISED : SL_MENDED_JOINED);
        uint64_t most = mine->head.version > theirs->head.version ? mine->head.version : theirs->head.version;
        assert_int_equal(got.version, most + 1 + SL_MEND_JUMP);
        expect_state(&want);
        assert_int_equal(mend_with(theirs), SL_MENDED_NOT); /* once is enough */
        assert_int_equal(mend_with(mine), SL_MENDED_NOT);
        struct sl_lineage present = fence.lineage;
        mend_with(others);
        struct state both = join_states(&want, others);
        expect_state(&both);

        put_state(mine); /* in the other order */
        mend_with(others);
        mend_with(theirs);
        assert_true(sl_lineage_equal(fence.lineage, present));
        AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
        uint8_t bytes[256];
        size_t len = pack_values(both.value, bits, bytes);
        assert_memory_equal(got.bytes, bytes, len);
    }
    longest = 100;
    assert_true(joins > 10 && mixed > 3);
    assert_string_equal(cli(&f.server, "keys '*:join:*'"), "");
}

static struct state lost; /* what an instance remembers in the tests below */

static void remember(unsigned lineages, uint64_t age_ms)
{
    memset(&lost, 0, sizeof lost);
    for (unsigned i = 0; i < lineages; i++)
        write_index(&lost, (struct sl_lineage){fence.lineage.ms - age_ms + i, 0x11}, i, 1);
}

static const char *field(const char *name)
{
    return cli(&f.server, "hget statuslist:{%s}:list:%s:config %s", pool, id, name);
}

static void a_lost_list_is_made_again(void **state)
{
    (void)state;
    final = -1;
    begin_pool("new", 4);
    list = sl_uuid_v4(&sl_clock_system);
    sl_uuid_text(&list, id);
    remember(3, 100000000); /* however old */
    assert_int_equal(mend_with(&lost), SL_MENDED_NEW);
    AWAIT(&f, sl_store_describe(f.store, pool, &list, on_record, NULL));
    assert_string_equal(got.uri, "http://x/y");
    assert_true(got.records[0].size == SIZE && got.records[0].bits == 4);
    assert_int_equal(got.records[0].state, SL_LIST_SEALED); /* which indices were given is not known */
    assert_int_equal(got.records[0].line.count, 4);
    AWAIT(&f, sl_store_changes(f.store, pool, 0, 10, on_changes, NULL));
    assert_int_equal(got.count, 2);
    assert_memory_equal(&got.records[1].id, &list, sizeof list);
    assert_int_equal(mend_with(&lost), SL_MENDED_NOT); /* the answer was lost */
    AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
    assert_memory_equal(got.bytes, "\x11\x01", 2);

    list.bytes[3]++; /* never changed: it comes again as well */
    struct sl_mend m = {.list = list, .uri = SL_SPAN("http://x/z"), .final = -1};
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &m, on_mended, NULL));
    assert_true(got.err == SL_OK && got.number == SL_MENDED_NEW && got.version == 1 + SL_MEND_JUMP);
}

static void a_joined_list_stays_open_for_its_owner(void **state)
{
    (void)state;
    final = -1;
    begin_pool("open", 1);
    fixture_take(&f, pool, &list, 0, 5);
    cli(&f.server, "hset statuslist:{%s}:list:%s:config later 7", pool, id);
    remember(1, 1000);
    assert_int_equal(mend_with(&lost), SL_MENDED_RAISED);
    assert_string_equal(field("state"), "open");
    assert_string_equal(field("later"), "7"); /* what a later version may have added */
    fixture_take(&f, pool, &list, 5, 5);
    assert_int_equal(got.taken.block_count, 1);
    assert_int_equal(got.blocks[0].from, 5);
    assert_int_equal(strtoull(field("mended"), NULL, 10), 1); /* for instances without histories */
    assert_string_equal(cli(&f.server, "exists statuslist:{%s}:list:%s:base", pool, id), "1");
}

/* What is set meanwhile is of a later lineage, and stays. */
static void what_was_set_since_stays(void **state)
{
    (void)state;
    final = -1;
    begin_pool("since", 2);
    remember(3, 100000000);
    struct sl_change c[] = {{0, 0}, {7, 3}};
    AWAIT(&f, sl_store_update(f.store, pool, &fence, &list, -1, c, 2, on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(mend_with(&lost),
                     SL_MENDED_JOINED); /* what is lost is taken whole: none of its marks is needed */
    AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
    assert_memory_equal(got.bytes, "\x14\xc0", 2);
}

static void too_late_only_final_statuses_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int final;
        unsigned bits;
    } rows[] = {{"late1", -1, 2}, {"late2", 1, 1}, {"late3", 1, 4}, {"late4", 3, 2}, {"late5", 0xee, 8}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        final = rows[row].final;
        begin_pool(rows[row].name, rows[row].bits);
        remember(3, 100000000);
        struct state mine = lost, theirs = lost;
        write_index(&mine, (struct sl_lineage){fence.lineage.ms - 90000000, 0x21}, 9, 1);
        write_index(&theirs, (struct sl_lineage){fence.lineage.ms - 80000000, 0x31}, 8, 1);
        mine.value[4] = theirs.value[5] = final < 0 ? 1 : (uint8_t) final;
        put_state(&mine);
        assert_int_equal(mend_with(&theirs), SL_MENDED_LATE);
        struct state want = mine;
        want.line = all_of(&mine, &theirs);
        for (uint32_t i = 0; i < SIZE; i++)
            if (final >= 0 && theirs.value[i] == final)
                want.value[i] = (uint8_t) final;
        AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
        uint8_t bytes[256];
        size_t len = pack_values(want.value, bits, bytes);
        assert_memory_equal(got.bytes, bytes, len);
        assert_int_equal(got.loaded.line.count, want.line.count + 1);
        assert_int_equal(mend_with(&theirs), SL_MENDED_NOT); /* it never loops */
    }
}

static void what_fell_out_of_a_line_is_too_late(void **state)
{
    (void)state;
    final = -1;
    begin_pool("cut", 1);
    remember(3, 1000);
    struct state mine = lost;
    char cut[SL_LINEAGE_TEXT + 1] = "";
    sl_lineage_print(lost.line.part[2].at, cut);
    mine.line.count = 1;
    mine.head = mine.line.part[0];
    put_state(&mine);
    cli(&f.server, "hset statuslist:{%s}:list:%s:config cut %s:0123456789", pool, id, cut);
    assert_int_equal(mend_with(&lost), SL_MENDED_LATE);
    AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
    assert_true(sl_lineage_equal(got.loaded.line.cut, lost.line.part[2].at));
    assert_int_equal(got.loaded.line.count, 1);
}

/* A list of age, whose line is full: Redis' side has gone on, so that its lowest lineages fell out; the other
 * side still has them. What fell out is the same on both, so it says nothing. */
static void what_fell_out_alike_is_no_difference(void **state)
{
    (void)state;
    final = -1;
    begin_pool("alike", 2);
    memset(&lost, 0, sizeof lost);
    for (uint64_t i = 0; i < 12; i++)
        write_index(&lost, (struct sl_lineage){fence.lineage.ms - 20000 + i, 0x11}, (uint32_t)i, 1);
    struct state mine = lost;
    write_index(&lost, lost.head.at, 20, 1);
    for (uint64_t i = 0; i < 3; i++)
        write_index(&mine, (struct sl_lineage){fence.lineage.ms - 10000 + i, 0x21}, 30 + (uint32_t)i, 1);
    sl_line_cut(&mine.line, mine.line.part[2].at);
    for (unsigned i = 0; i < mine.line.count; i++)
        memcpy(mine.mark[i], mine.mark[i + 3], sizeof mine.mark[i]);
    put_state(&mine);
    char cut[SL_CUT_TEXT + 1] = "";
    sl_cut_print(&mine.line, cut);
    struct sl_line low = lost.line;
    char *end = strchr(cut, ':');
    *end = '\0'; /* of a version before digests: it is not known */
    cli(&f.server, "hset statuslist:{%s}:list:%s:config cut %s", pool, id, cut);
    assert_int_equal(mend_with(&lost), SL_MENDED_LATE);
    put_state(&mine);
    *end = ':';
    cli(&f.server, "hset statuslist:{%s}:list:%s:config cut %s", pool, id, cut);
    assert_int_equal(mend_with(&lost), SL_MENDED_JOINED);
    sl_line_cut(&low, mine.line.cut);
    AWAIT(&f, sl_store_load(f.store, pool, &list, NULL, 0, on_load, NULL));
    assert_true(sl_lineage_equal(got.loaded.line.cut, low.cut) && got.loaded.line.below == low.below);
    struct state want = mine;
    want.value[20] = 1;
    uint8_t bytes[256];
    size_t len = pack_values(want.value, 2, bytes);
    assert_memory_equal(got.bytes, bytes, len);
}

static void a_state_of_a_later_lineage_asks_for_a_new_one(void **state)
{
    (void)state;
    final = -1;
    begin_pool("later", 1);
    memset(&lost, 0, sizeof lost);
    write_index(&lost, (struct sl_lineage){fence.lineage.ms + 1, 0x11}, 3, 1);
    struct sl_mend m = {.list = list,
                        .uri = SL_SPAN("http://x/y"),
                        .head = lost.head,
                        .line = lost.line,
                        .final = -1,
                        .longest = 100};
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &m, on_mended, NULL));
    assert_int_equal(got.err, SL_ERR_HISTORY);
    assert_string_equal(field("version"), "0");
    m.head.at = m.line.part[0].at = (struct sl_lineage){1, 1};
    struct sl_fence other = fence;
    other.lineage.random += 16;
    AWAIT(&f, sl_store_mend(f.store, pool, &other, &m, on_mended, NULL));
    assert_int_equal(got.err, SL_ERR_HISTORY);
    AWAIT(&f, sl_store_mend(f.store, pool, &fence, &m, on_mended, NULL));
    assert_true(got.err == SL_OK && got.number == SL_MENDED_RAISED && got.change == fence.least + 1);
}

static int begin(void **state)
{
    *state = &f;
    return fixture_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_are_the_same_index_by_index),
        cmocka_unit_test(a_lost_list_is_made_again),
        cmocka_unit_test(a_joined_list_stays_open_for_its_owner),
        cmocka_unit_test(what_was_set_since_stays),
        cmocka_unit_test(too_late_only_final_statuses_are_taken),
        cmocka_unit_test(what_fell_out_of_a_line_is_too_late),
        cmocka_unit_test(what_fell_out_alike_is_no_difference),
        cmocka_unit_test(a_state_of_a_later_lineage_asks_for_a_new_one),
    };
    return cmocka_run_group_tests(tests, begin, fixture_teardown);
}
