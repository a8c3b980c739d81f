/* Retirement of lists, on a real Redis: which are retired, what they refuse, and that none comes back. */
#include "store_fixture.h"

static struct fixture f;
static struct sl_uuid list;

struct looked {
    struct sl_uuid retired[8], gone[8];
    size_t retired_count, gone_count;
    uint32_t abandoned, corrected;
};
static struct looked looked;

static void on_retired(void *arg, enum sl_err err, const struct sl_retired *r)
{
    (void)arg;
    mark_done(err);
    memset(&looked, 0, sizeof looked);
    if (err != SL_OK)
        return;
    assert_true(r->retired_count <= 8 && r->gone_count <= 8);
    looked.retired_count = r->retired_count;
    looked.gone_count = r->gone_count;
    looked.abandoned = r->abandoned;
    looked.corrected = r->corrected;
    memcpy(looked.retired, r->retired, r->retired_count * sizeof *r->retired);
    memcpy(looked.gone, r->gone, r->gone_count * sizeof *r->gone);
}

/* A list of 64 entries, all of them taken. */
static int begin(void **state)
{
    fixture_setup(state);
    list = fixture_list(&f, "me", 64, 4);
    fixture_take(&f, "me", &list, 0, 64);
    assert_int_equal(got.taken.block_count, 1);
    return 0;
}

enum what { NOTHING, RETIRED, GONE };

#define LEASE 1000000 /* ms */
#define AFTER (10 * LEASE)
#define STEP (LEASE / 10 * 9) /* no instance is late */
#define KEEP AFTER

static const struct sl_fence *fenced; /* NULL: the present one */

static enum sl_err try_look(uint64_t after_ms, bool held)
{
    struct sl_uuid ids[2] = {list, list};
    struct sl_retire r = {
        .after_ms = after_ms, .lease_ms = LEASE, .keep_ms = KEEP, .ids = ids, .held = held, .asked = 1};
    const struct sl_fence *fence = fenced != NULL ? fenced : fixture_fence(&f, "me");
    AWAIT(&f, sl_store_retire(f.store, "me", fence, &r, on_retired, NULL));
    return got.err;
}

static enum what look(uint64_t after_ms, bool held)
{
    assert_int_equal(try_look(after_ms, held), SL_OK);
    assert_true(looked.retired_count + looked.gone_count <= 1);
    if (looked.retired_count == 1)
        assert_memory_equal(&looked.retired[0], &list, sizeof list);
    if (looked.gone_count == 1)
        assert_memory_equal(&looked.gone[0], &list, sizeof list);
    return looked.retired_count ? RETIRED : looked.gone_count ? GONE : NOTHING;
}

static const char *field_of(const char *name)
{
    char text[SL_UUID_TEXT], command[128];
    sl_uuid_text(&list, text);
    snprintf(command, sizeof command, "hget statuslist:{me}:list:%.36s:config %s", text, name);
    return cli(&f.server, "%s", command);
}

static const char *pool_field(const char *name)
{
    return cli(&f.server, "hget statuslist:{me}:config %s", name);
}

/* Time passes: all that Redis has written down lies further back. */
static void pass(long ms)
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(&list, text);
    cli(&f.server,
        "eval \"for _, k in ipairs(KEYS) do for _, f in ipairs({'reserved', 'retired', 'watched', 'looked', "
        "'owned'}) "
        "do if tonumber(redis.call('HGET', k, f) or '') then redis.call('HINCRBY', k, f, ARGV[1]) end end "
        "end\" "
        "2 statuslist:{me}:config statuslist:{me}:list:%.36s:config %ld",
        text, -ms);
}

/* A list whose last reservation was at most a lease after the present look: ends 11 leases from now. */
static void ends_on_time(void)
{
    assert_int_equal(look(AFTER, false), NOTHING);
    for (long ms = STEP; ms < LEASE + AFTER; ms += STEP) {
        pass(STEP);
        assert_int_equal(look(AFTER, false), NOTHING);
    }
    pass(STEP);
    assert_int_equal(look(AFTER, false), RETIRED);
}

static const char *state_of(void)
{
    return field_of("state");
}

static void open_lists_are_not_retired(void **state)
{
    (void)state;
    uint32_t back = 3;
    assert_int_equal(fixture_give_back(&f, "me", &list, 64, &back, 1), 1);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(look(AFTER, false), NOTHING);
        pass(STEP);
    }
    assert_string_equal(state_of(), "open");
}

#define DAY 86400000L

static void set_ahead(const char *key_end, const char *field, long ms)
{
    char text[SL_UUID_TEXT];
    sl_uuid_text(&list, text);
    if (key_end == NULL)
        cli(&f.server, "hincrby statuslist:{me}:config %s %ld", field, ms);
    else
        cli(&f.server, "hincrby statuslist:{me}:list:%.36s:%s %s %ld", text, key_end, field, ms);
}

static uint32_t look_once(void)
{
    struct sl_retire r = {
        .after_ms = AFTER, .lease_ms = LEASE, .keep_ms = KEEP, .ids = &list, .held = 0, .asked = 1};
    AWAIT(&f, sl_store_retire(f.store, "me", fixture_fence(&f, "me"), &r, on_retired, NULL));
    assert_int_equal(got.err, SL_OK);
    return looked.corrected;
}

/* Redis' clock was weeks ahead for a while: what was written then would hold every retirement up for weeks.
 * The times count as written now, so nothing is retired early either. */
static void times_of_a_clock_that_was_wrong_are_put_right(void **state)
{
    (void)state;
    assert_int_equal(look(AFTER, false), NOTHING);
    set_ahead("config", "reserved", 30 * DAY);
    assert_int_equal(look_once(), 1);
    assert_int_equal(look_once(), 0);
    set_ahead(NULL, "watched", 30 * DAY);
    set_ahead(NULL, "looked", 30 * DAY);
    assert_int_equal(look_once(), 2);
    ends_on_time();
    set_ahead("config", "retired", 30 * DAY);
    assert_int_equal(look_once(), 1);
    pass(KEEP + LEASE); /* its keys are dropped on time, too */
    assert_int_equal(look(AFTER, false), RETIRED);
    assert_int_equal(look(AFTER, false), GONE);
}

/* A step of Redis' clock ahead, and back, within one look: nothing is retired by it. */
static void a_step_ahead_retires_nothing(void **state)
{
    (void)state;
    assert_int_equal(look(AFTER, false), NOTHING);
    pass(30 * DAY);
    assert_int_equal(look_once(), 0);
    assert_int_equal(looked.retired_count, 0);
    set_ahead("config", "reserved", 30 * DAY); /* the clock is right again */
    set_ahead(NULL, "watched", 30 * DAY);
    set_ahead(NULL, "looked", 30 * DAY);
    ends_on_time();
}

/* Its owner has ended, and has no heir. */
static void what_nobody_owns_is_sealed_after_a_day(void **state)
{
    (void)state;
    uint32_t back = 3;
    assert_int_equal(fixture_give_back(&f, "me", &list, 64, &back, 1), 1);
    assert_int_equal(look(AFTER, false), NOTHING);
    pass(DAY / 2 + STEP);
    assert_int_equal(look(AFTER, false), NOTHING); /* the owner has shown itself again */
    strcpy(f.identity.run, "another");
    for (long ms = 0; ms < DAY; ms += STEP) {
        assert_int_equal(look(AFTER, false), NOTHING);
        assert_int_equal(looked.abandoned, 0);
        pass(STEP);
    }
    assert_int_equal(look(0, false), NOTHING); /* nothing is retired here: it may stay open */
    assert_int_equal(looked.abandoned, 0);
    assert_string_equal(state_of(), "open");
    assert_int_equal(look(AFTER, false), NOTHING);
    assert_int_equal(looked.abandoned, 1);
    assert_string_equal(state_of(), "sealed");
    assert_string_equal(cli(&f.server, "keys '*:returned'"), "");
    ends_on_time();
}

static void what_somebody_holds_is_not_retired(void **state)
{
    (void)state;
    for (int i = 0; i < 15; i++) {
        assert_int_equal(look(AFTER, true), NOTHING);
        pass(STEP);
    }
    assert_string_equal(state_of(), "full");
    assert_int_equal(look(AFTER, true), NOTHING); /* the lease of another instance */
    ends_on_time();                               /* no instance holds references any more */
}

static void handing_out_again_makes_the_time_unknown(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(look(AFTER, false), NOTHING);
        pass(STEP);
    }
    uint32_t back = 3;
    assert_int_equal(fixture_give_back(&f, "me", &list, 64, &back, 1), 1);
    fixture_inherit(&f, "me", f.identity.run, &list, 64);
    assert_int_equal(got.blocks[0].returned_count, 1);
    assert_string_equal(state_of(), "full");
    ends_on_time(); /* the time before that does not count */
}

/* Lists were not to end for some time, in which references of them may have been handed out. */
static void after_a_gap_lists_count_anew(void **state)
{
    char watched[32], last[32];
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(look(AFTER, i == 0), NOTHING);
        pass(STEP);
    }
    snprintf(watched, sizeof watched, "%s", pool_field("watched"));
    snprintf(last, sizeof last, "%s", pool_field("looked"));
    assert_int_equal(look(0, true), NOTHING); /* switched off */
    assert_int_equal(look(0, false), NOTHING);
    assert_string_equal(pool_field("watched"), watched);
    assert_string_equal(pool_field("looked"), last);
    pass(LEASE);
    ends_on_time(); /* switched on again */
}

static void nobody_looked_for_less_than_a_lease(void **state)
{
    (void)state;
    assert_int_equal(look(AFTER, true), NOTHING);
    for (long ms = STEP; ms < LEASE + AFTER; ms += STEP) {
        pass(STEP / 2);
        assert_int_equal(look(0, false), NOTHING); /* off, and on again before anything is missed */
        pass(STEP / 2);
        assert_int_equal(look(AFTER, false), NOTHING);
    }
    pass(STEP);
    assert_int_equal(look(AFTER, false), RETIRED);
}

/* The step that retires the list changes it, and is fenced as every change. */
static void who_has_another_history_retires_nothing(void **state)
{
    (void)state;
    struct sl_pool_known known = {.first = true, .random = 7};
    AWAIT(&f, sl_store_open_pool(f.store, "me", 64, 4, &known, on_pool, NULL));
    struct sl_fence fence = {got.pool.lineage, got.pool.change + 1, false};
    fixture_forget_fences(&f);
    assert_int_equal(look(AFTER, false), NOTHING);
    for (long ms = STEP; ms < LEASE + AFTER; ms += STEP) {
        pass(STEP);
        assert_int_equal(look(AFTER, false), NOTHING);
    }
    pass(STEP);
    fenced = &fence; /* has seen more than there is */
    assert_int_equal(try_look(AFTER, false), SL_ERR_HISTORY);
    fence.least--;
    fence.lineage.random += 16;
    assert_int_equal(try_look(AFTER, false), SL_ERR_HISTORY);
    assert_string_equal(state_of(), "full");
    assert_int_equal(strtoull(pool_field("change"), NULL, 10), fence.least);
    fence.lineage.random -= 16;
    assert_int_equal(look(AFTER, false), RETIRED);
    assert_int_equal(strtoull(pool_field("change"), NULL, 10), fence.least + 1);
    fenced = NULL;
}

/* By an instance that knows of more changes than Redis has. */
static void mend_with_more(void)
{
    struct sl_pool_known known = {.first = true, .random = 7};
    struct sl_mend m = {.list = list,
                        .uri = SL_SPAN("http://x/y"),
                        .head = {.version = 9},
                        .bytes = SL_SPAN("\x21"),
                        .final = -1};
    sl_line_add(&m.line, m.head);
    AWAIT(&f, sl_store_open_pool(f.store, "me", 64, 4, &known, on_pool, NULL));
    struct sl_fence fence = {got.pool.lineage, got.pool.change, true};
    AWAIT(&f, sl_store_mend(f.store, "me", &fence, &m, on_mended, NULL));
    fixture_forget_fences(&f);
    assert_int_equal(got.err, SL_OK);
}

static void nothing_changes_in_a_retired_list(void **state)
{
    (void)state;
    struct sl_change change = {5, 1};
    uint32_t position = 0, back = 3, n = 1;
    AWAIT(&f,
          sl_store_update(f.store, "me", fixture_fence(&f, "me"), &list, -1, &change, 1, on_updated, NULL));
    AWAIT(&f, sl_store_changes(f.store, "me", 0, 10, on_changes, NULL));
    uint64_t newest = got.newest;
    ends_on_time();
    AWAIT(&f,
          sl_store_changes(f.store, "me", newest, 10, on_changes, NULL)); /* so every instance learns it */
    assert_int_equal(got.count, 1);
    assert_int_equal(got.records[0].state, SL_LIST_RETIRED);
    change.value = 0;
    AWAIT(&f,
          sl_store_update(f.store, "me", fixture_fence(&f, "me"), &list, -1, &change, 1, on_updated, NULL));
    assert_string_equal(got.results, "T");
    assert_false(got.changed);
    struct sl_batch_group g = {.list = list, .changes = &change, .positions = &position, .count = 1};
    AWAIT(&f, sl_store_batch(f.store, "me", fixture_fence(&f, "me"), -1, &g, n, NULL, on_batched, &n));
    assert_int_equal(got.batched.refused, SL_ERR_LIST_RETIRED);
    assert_int_equal(fixture_give_back(&f, "me", &list, 64, &back, 1), 0);
    AWAIT(&f, sl_store_status(f.store, "me", fixture_fence(&f, "me"), &list, 5, on_status, NULL));
    assert_int_equal(got.value, 1);
    mend_with_more();
    assert_int_equal(got.number, SL_MENDED_RETIRED);
    AWAIT(&f, sl_store_load(f.store, "me", &list, NULL, 0, on_load, NULL));
    assert_int_equal(got.version, 1);
    assert_string_equal(state_of(), "retired");
}

static void what_is_gone_never_comes_again(void **state)
{
    (void)state;
    char text[SL_UUID_TEXT], command[64];
    ends_on_time();
    pass(KEEP / 2);
    assert_int_equal(look(0, false), RETIRED);
    assert_string_equal(state_of(), "retired");
    pass(KEEP);
    sl_uuid_text(&list, text);
    cli(&f.server,
        "hset statuslist:{me}:list:%.36s:config at 000000000002-0000000000000bb1 line "
        "000000000001-0000000000000aa1:1",
        text);
    cli(&f.server,
        "mset statuslist:{me}:list:%.36s:marks:000000000002-0000000000000bb1 x "
        "statuslist:{me}:list:%.36s:marks:000000000001-0000000000000aa1 x",
        text, text);
    assert_int_equal(look(0, false), RETIRED); /* and dropped, with its marks */
    assert_int_equal(look(0, false), GONE);
    sl_uuid_text(&list, text);
    snprintf(command, sizeof command, "keys *%.36s*", text);
    assert_string_equal(cli(&f.server, "%s", command), "");
    struct sl_change change = {5, 1};
    AWAIT(&f,
          sl_store_update(f.store, "me", fixture_fence(&f, "me"), &list, -1, &change, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_NO_SUCH_LIST);
    mend_with_more();
    assert_int_equal(got.number, SL_MENDED_RETIRED);
    struct sl_list_draft d = draft();
    d.id = list; /* an id is not drawn again; if it were, no list would be created */
    AWAIT(&f, sl_store_precreate(f.store, "me", fixture_fence(&f, "me"), &d, 1, on_records, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.count, 0);
    AWAIT(&f, sl_store_describe(f.store, "me", &list, on_record, NULL));
    assert_true(got.none);
    assert_string_equal(cli(&f.server, "%s", command), "");
}

#define T(name) FIXTURE_TEST(name, begin, &f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(times_of_a_clock_that_was_wrong_are_put_right),
        T(a_step_ahead_retires_nothing),
        T(open_lists_are_not_retired),
        T(what_nobody_owns_is_sealed_after_a_day),
        T(what_somebody_holds_is_not_retired),
        T(handing_out_again_makes_the_time_unknown),
        T(after_a_gap_lists_count_anew),
        T(nobody_looked_for_less_than_a_lease),
        T(who_has_another_history_retires_nothing),
        T(nothing_changes_in_a_retired_list),
        T(what_is_gone_never_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
