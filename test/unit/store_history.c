/* Histories of a pool: when opening it begins a new lineage, and what is kept of the former ones. */
#include "store_fixture.h"

static struct sl_lineage drawn;

static void opened(struct fixture *f, const struct sl_pool_known *known)
{
    AWAIT(f, sl_store_open_pool(f->store, "h", 64, 1, known, on_pool, NULL));
    assert_int_equal(got.err, SL_OK);
    drawn = got.pool.lineage;
}

static const char *pool_field(struct fixture *f, const char *field)
{
    return cli(&f->server, "hget statuslist:{h}:config %s", field);
}

/* As a process does from one opening to the next. */
static struct sl_pool_known known_from(const struct sl_pool_opened *o, uint64_t least)
{
    return (struct sl_pool_known){.lineage = o->lineage,
                                  .least = least,
                                  .begun = o->begun,
                                  .parent = o->parent,
                                  .parent_end = o->parent_end,
                                  .highest = o->lineage,
                                  .random = 0x1122334455667788};
}

static const struct sl_pool_known new_process = {.first = true, .random = 0xfedcba9876543210};

static void write_something(struct fixture *f)
{
    cli(&f->server, "hincrby statuslist:{h}:config change 1");
}

static void a_first_opening_begins_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, NULL);
    assert_true(sl_lineage_none(got.pool.lineage));
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_int_equal(got.pool.marks_ms, 0);
    assert_string_equal(pool_field(&f, "lineage"), "");

    opened(&f, &new_process);
    assert_int_equal(got.pool.drawn, SL_DRAWN_FIRST);
    assert_false(got.pool.fork);
    assert_true(sl_lineage_none(got.pool.parent));
    assert_true(drawn.ms > 1600000000000 && (drawn.random & 15) == 0);
    assert_true(got.pool.begun >= 1u << 22 && got.pool.begun < (1u << 22) + (1u << 24));
    assert_int_equal(got.pool.change, got.pool.begun);
    assert_in_range(got.pool.marks_ms, 1190000, 1200000);
    struct sl_pool_opened first = got.pool;

    struct sl_pool_known known = known_from(&first, first.change);
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(sl_lineage_equal(drawn, first.lineage));
    assert_int_equal(got.pool.begun, first.begun);
    opened(&f, NULL); /* as a tool does */
    assert_true(sl_lineage_equal(drawn, first.lineage));
    fixture_end(&f);
}

static void another_server_begins_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_known known = known_from(&got.pool, got.pool.change + 1);
    write_something(&f);
    cli(&f.server, "hset statuslist:{h}:config replid 0123456789012345678901234567890123456789");
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_REPLID);
    assert_true(got.pool.fork);
    assert_int_equal(drawn.random & 15, 1);
    assert_in_range(got.pool.marks_ms, 4190000, 4200000);
    assert_true(sl_lineage_equal(got.pool.parent, known.lineage));
    assert_int_equal(got.pool.parent_end, known.least);
    assert_true(got.pool.begun > known.least + (1u << 22));

    /* A process that starts right then has no list to compare; one that was there has. */
    write_something(&f);
    opened(&f, &new_process);
    assert_int_equal(got.pool.drawn, SL_DRAWN_FIRST);
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(got.pool.fork);
    known = known_from(&got.pool, got.pool.change);
    write_something(&f);
    opened(&f, &new_process);
    opened(&f, &known);
    assert_false(got.pool.fork);
    fixture_end(&f);
}

static void data_that_went_back_begin_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_opened at = got.pool;
    struct sl_pool_known known = known_from(&at, at.change + 2);
    write_something(&f);
    opened(&f, &known); /* has seen one more */
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    assert_true(sl_lineage_compare(drawn, known.lineage) > 0);

    known.least--; /* that is where its lineage ended */
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(got.pool.fork);

    known = known_from(&got.pool, got.pool.change);
    known.lineage.random += 16; /* is in no history of these data */
    known.highest = known.lineage;
    known.highest.ms += 100000000;
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    assert_int_equal(drawn.ms, known.highest.ms + 1);

    cli(&f.server, "hdel statuslist:{h}:config lineage lineages folded begun replid");
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    known = known_from(&got.pool, got.pool.change);
    opened(&f, &new_process); /* the first one is folded as any other, and its parent is 0 */
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    fixture_end(&f);
}

/* A list that went back needs a lineage above all that its own line names. */
static void a_list_that_went_back_begins_a_lineage(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_known known = known_from(&got.pool, got.pool.change);
    known.back = true;
    write_something(&f);
    opened(&f, &known);
    assert_int_equal(got.pool.drawn, SL_DRAWN_LIST);
    struct sl_lineage second = drawn;
    opened(&f, &known); /* somebody has done it already */
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    assert_true(sl_lineage_equal(drawn, second));
    known.highest = second;
    known.highest.ms++;
    opened(&f, &known); /* but the list that this one remembers is of a later one */
    assert_int_equal(got.pool.drawn, SL_DRAWN_LIST);
    assert_true(sl_lineage_compare(drawn, known.highest) > 0);
    fixture_end(&f);
}

/* Starts of processes that write nothing leave only ids behind, and nobody takes that for going back. */
static void lineages_without_a_write_are_folded(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_opened root = got.pool;
    write_something(&f);
    opened(&f, &new_process);
    struct sl_pool_known idle = known_from(&got.pool, got.pool.change);
    for (int i = 0; i < 63; i++)
        opened(&f, &new_process);
    assert_true(sl_lineage_equal(got.pool.parent, root.lineage));
    assert_int_equal(got.pool.parent_end, root.change + 1);
    assert_int_equal(strlen(pool_field(&f, "folded")), 63 * 30 - 1);

    opened(&f, &idle); /* its lineage is folded, so it stands where the parent ended */
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    struct sl_pool_known wrote = idle;
    wrote.least++; /* has seen a write in it, which these data do not have */
    opened(&f, &wrote);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    opened(&f, &idle);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    opened(&f, &new_process);
    opened(&f, &idle); /* the sixty-fifth drove it out */
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    assert_int_equal(strlen(pool_field(&f, "folded")), 64 * 30 - 1);
    fixture_end(&f);
}

static void fifteen_ancestors_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f, NULL);
    fixture_up(&f);
    opened(&f, &new_process);
    struct sl_pool_known old = known_from(&got.pool, got.pool.change);
    for (int i = 0; i < 15; i++) {
        write_something(&f);
        opened(&f, &new_process);
    }
    opened(&f, &old);
    assert_int_equal(got.pool.drawn, SL_DRAWN_NOT);
    write_something(&f);
    opened(&f, &new_process);
    opened(&f, &old);
    assert_int_equal(got.pool.drawn, SL_DRAWN_BACK);
    AWAIT(&f, sl_store_changes(f.store, "h", 0, 10, on_changes, NULL));
    assert_true(sl_lineage_equal(got.lineage, drawn));
    fixture_end(&f);
}

/* ---- lists */

static struct sl_uuid list;
static struct sl_fence fence;

static const char *list_call(struct fixture *f, const char *command, const char *words)
{
    char id[SL_UUID_TEXT + 1] = "";
    sl_uuid_text(&list, id);
    return cli(&f->server, "%s statuslist:{h}:list:%s:config %s", command, id, words);
}
#define list_field(f, field) list_call(f, "hget", field)

static const char *text_of(struct sl_lineage l)
{
    static char text[SL_LINEAGE_TEXT + 1];
    text[sl_lineage_print(l, text)] = '\0';
    return text;
}

static const char *marks_of(struct fixture *f, const char *command)
{
    char id[SL_UUID_TEXT + 1] = "";
    sl_uuid_text(&list, id);
    return cli(&f->server, "%s statuslist:{h}:list:%s:marks:%s", command, id, text_of(fence.lineage));
}

/* The pool is opened by a process that starts, which writes from now on. */
static void begin_writing(struct fixture *f, bool marks)
{
    opened(f, &new_process);
    fence = (struct sl_fence){got.pool.lineage, got.pool.change, marks};
}

static void begin_list(struct fixture *f)
{
    fixture_begin(f, NULL);
    fixture_up(f);
    struct sl_list_draft d = draft();
    AWAIT(f, sl_store_open_pool(f->store, "h", 64, 1, NULL, on_pool, NULL));
    AWAIT(f, sl_store_precreate(f->store, "h", fixture_fence(f, "h"), &d, 1, on_records, NULL));
    assert_int_equal(got.count, 1);
    list = d.id;
    cli(&f->server, "hdel 'statuslist:{h}:config' lineage"); /* the pool has no history yet */
    fixture_forget_fences(f);
}

static void set_index(struct fixture *f, uint32_t index, uint8_t value)
{
    struct sl_change c = {index, value};
    AWAIT(f, sl_store_update(f->store, "h", &fence, &list, -1, &c, 1, on_updated, NULL));
}

static void set_batch(struct fixture *f, uint32_t index, uint8_t value, const struct sl_record_key *key)
{
    struct sl_change c = {index, value};
    uint32_t position = 0, n = 1;
    struct sl_batch_group g = {list, &c, &position, 1};
    AWAIT(f, sl_store_batch(f->store, "h", &fence, -1, &g, 1, key, on_batched, &n));
}

static void the_first_change_in_a_lineage_extends_the_line(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    fence = *fixture_fence(&f, "h");
    set_index(&f, 1, 1);
    assert_int_equal(got.err, SL_OK);
    list_call(&f, "hdel", "at line"); /* as by a version without histories */
    cli(&f.server, "hdel 'statuslist:{h}:config' lineage");
    fixture_forget_fences(&f);
    begin_writing(&f, false);
    set_index(&f, 2, 1);
    assert_true(got.changed && sl_lineage_equal(got.lineage, fence.lineage));
    assert_int_equal(got.change, fence.least + 1);
    assert_string_equal(list_field(&f, "at"), text_of(fence.lineage));
    assert_string_equal(list_field(&f, "line"), "0:1");
    set_index(&f, 3, 1);
    assert_int_equal(got.version, 3);
    assert_string_equal(list_field(&f, "line"), "0:1");

    struct sl_lineage first = fence.lineage;
    begin_writing(&f, false);
    set_index(&f, 3, 1); /* is so already: nothing to note */
    assert_true(!got.changed && sl_lineage_equal(got.lineage, first));
    set_batch(&f, 4, 1, NULL);
    assert_true(got.flags[0] && sl_lineage_equal(got.ats[0], fence.lineage));
    AWAIT(&f, sl_store_describe(f.store, "h", &list, on_record, NULL));
    const struct sl_list_record *r = &got.records[0];
    assert_true(sl_lineage_equal(r->at, fence.lineage) && r->version == 4 && r->line.count == 3);
    assert_int_equal(sl_line_version(&r->line, first), 3);
    assert_int_equal(sl_line_version(&r->line, (struct sl_lineage){0}), 1);
    assert_int_equal(sl_line_version(&r->line, fence.lineage), 4);

    for (int i = 0; i < 14; i++) {
        begin_writing(&f, false);
        set_index(&f, 5, i % 2 == 0);
    }
    AWAIT(&f, sl_store_describe(f.store, "h", &list, on_record, NULL));
    assert_int_equal(r->line.count, SL_LINE_MAX);
    assert_true(sl_lineage_equal(r->line.cut, (struct sl_lineage){0, 1})); /* {0, 0} fell out */
    struct sl_line low = {.part = {{.version = 1}}, .count = 1};
    sl_line_cut(&low, r->line.cut);
    assert_true(r->line.below == low.below && low.below > 0);
    assert_true(sl_lineage_equal(r->line.part[0].at, first));
    begin_writing(&f, false);
    set_index(&f, 5, 1);
    AWAIT(&f, sl_store_describe(f.store, "h", &list, on_record, NULL));
    assert_true(sl_lineage_equal(r->line.cut, first));
    low.part[low.count++] = (struct sl_head){first, 3};
    sl_line_cut(&low, first);
    assert_int_equal(r->line.below, low.below);
    fixture_end(&f);
}

/* What must not have changed by an operation that is refused. */
static void refused(struct fixture *f, const char *change, const char *version)
{
    char before[32];
    assert_int_equal(got.err, SL_ERR_HISTORY);
    snprintf(before, sizeof before, "%s", change);
    assert_string_equal(pool_field(f, "change"), before);
    assert_string_equal(list_field(f, "version"), version);
}

static void refuse_all(struct fixture *f)
{
    char change[32];
    snprintf(change, sizeof change, "%s", pool_field(f, "change"));
    set_index(f, 9, 1);
    refused(f, change, "1");
    set_batch(f, 9, 1, NULL);
    refused(f, change, "1");
    struct sl_list_draft d = draft();
    AWAIT(f, sl_store_precreate(f->store, "h", &fence, &d, 1, on_records, NULL));
    refused(f, change, "1");
}

static void a_caller_with_another_history_writes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    begin_writing(&f, false);
    struct sl_fence before = fence;
    set_index(&f, 1, 1);
    assert_int_equal(got.err, SL_OK);
    fence.least = got.change + 1; /* has seen more than there is */
    refuse_all(&f);
    AWAIT(&f, sl_store_status(f.store, "h", &fence, &list, 1, on_status, NULL));
    assert_int_equal(got.err, SL_ERR_HISTORY);
    fence.least--;
    AWAIT(&f, sl_store_status(f.store, "h", &fence, &list, 1, on_status, NULL));
    assert_true(got.err == SL_OK && got.value == 1 && sl_lineage_equal(got.lineage, fence.lineage));

    begin_writing(&f, false); /* by another process */
    struct sl_fence later = fence;
    fence = before;
    refuse_all(&f);
    AWAIT(&f, sl_store_status(f.store, "h", &fence, &list, 1, on_status, NULL));
    assert_int_equal(got.err, SL_ERR_HISTORY);
    fence.lineage = later.lineage; /* the number alone tells, too */
    refuse_all(&f);
    fence = later;
    fence.lineage.random += 16; /* and the lineage alone, where the list does not have it */
    refuse_all(&f);

    static const struct sl_uuid nowhere = {{1}};
    struct sl_change c = {1, 1};
    AWAIT(&f, sl_store_update(f.store, "h", &fence, &nowhere, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_HISTORY); /* it may be there in the caller's history */
    AWAIT(&f, sl_store_update(f.store, "h", &later, &nowhere, -1, &c, 1, on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_NO_SUCH_LIST);

    fence = later;
    set_index(&f, 9, 1);
    assert_int_equal(got.err, SL_OK);
    fixture_end(&f);
}

static void what_is_acknowledged_is_marked(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    begin_writing(&f, false);
    set_index(&f, 7, 1);
    set_index(&f, 8, 1);
    assert_string_equal(marks_of(&f, "bitcount"), "0");
    begin_writing(&f, true);
    set_index(&f, 7, 1); /* is so already: promised from now on */
    assert_true(got.changed && got.version == 3 && got.results[0] == '0');
    set_index(&f, 7, 1); /* the second time nothing is new */
    assert_true(!got.changed && got.version == 3);
    assert_string_equal(marks_of(&f, "bitcount"), "1");
    set_batch(&f, 8, 1, NULL);
    assert_true(got.flags[0] && got.versions[0] == 4);
    set_batch(&f, 8, 1, NULL);
    assert_false(got.flags[0]);
    set_batch(&f, 8, 0, NULL);
    assert_true(got.flags[0] && got.versions[0] == 5);

    struct sl_change many[] = {{0, 1}, {63, 0}, {64, 1}, {9, 1}};
    AWAIT(&f, sl_store_update(f.store, "h", &fence, &list, -1, many, 4, on_updated, NULL));
    assert_string_equal(got.results, "10I1");
    assert_string_equal(marks_of(&f, "bitcount"), "5");
    assert_string_equal(marks_of(&f, "strlen"), "8");
    long ms = strtol(marks_of(&f, "pttl"), NULL, 10);
    assert_in_range(ms, 4190000, 4200000); /* ten minutes and an hour */

    many[0] = (struct sl_change){9, 0};
    AWAIT(&f, sl_store_update(f.store, "h", &fence, &list, 1, many, 1, on_updated, NULL));
    assert_string_equal(got.results, "F"); /* a refused one promises nothing */
    many[0].index = 10;
    many[1] = (struct sl_change){11, 1};
    AWAIT(&f, sl_store_update(f.store, "h", &fence, &list, 1, many, 2, on_updated, NULL));
    assert_string_equal(got.results, "01");
    assert_string_equal(marks_of(&f, "bitcount"), "7");
    fixture_end(&f);
}

static void a_batch_numbers_each_list(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    struct sl_list_draft d = draft();
    begin_writing(&f, false);
    AWAIT(&f, sl_store_precreate(f.store, "h", &fence, &d, 1, on_records, NULL));
    begin_writing(&f, false);
    struct sl_change c = {5, 1};
    uint32_t position = 0, n = 2;
    struct sl_batch_group g[] = {{list, &c, &position, 1}, {d.id, &c, &position, 1}};
    struct sl_record_key key = {.id = {1}, .fingerprint = {2}, .keep_ms = 100000};
    AWAIT(&f, sl_store_batch(f.store, "h", &fence, -1, g, 2, &key, on_batched, &n));
    assert_int_equal(got.change, fence.least + 2);
    AWAIT(&f, sl_store_changes(f.store, "h", fence.least, 9, on_changes, NULL));
    assert_int_equal(got.count, 2);
    assert_int_equal(got.records[1].change, fence.least + 2);

    /* The first answer comes again with its history, also when the pool has gone on to another. */
    struct sl_lineage first = fence.lineage;
    cli(&f.server, "pexpire statuslist:{h}:idempotency:01%062d 5000", 0);
    begin_writing(&f, false);
    AWAIT(&f, sl_store_batch(f.store, "h", &fence, -1, g, 2, &key, on_batched, &n));
    assert_true(got.batched.repeated && got.versions[0] == 1 && got.versions[1] == 1);
    assert_true(sl_lineage_equal(got.ats[0], first) && sl_lineage_equal(got.ats[1], first));
    /* It has written something, for the replicas to confirm. */
    assert_in_range(strtol(cli(&f.server, "pttl statuslist:{h}:idempotency:01%062d", 0), NULL, 10), 90000,
                    100000);

    set_index(&f, 6, 1);
    c.index = 5;
    key.id[0] = 3;
    AWAIT(&f, sl_store_batch(f.store, "h", &fence, -1, g, 2, &key, on_batched, &n));
    assert_true(sl_lineage_equal(got.ats[0], fence.lineage) && sl_lineage_equal(got.ats[1], first));
    AWAIT(&f, sl_store_batch(f.store, "h", &fence, -1, g, 2, &key, on_batched, &n));
    assert_true(got.batched.repeated && got.versions[0] == 2 && got.versions[1] == 1);
    assert_true(sl_lineage_equal(got.ats[0], fence.lineage) && sl_lineage_equal(got.ats[1], first));

    /* A record of a version without histories. */
    key.id[0] = 4;
    cli(&f.server,
        "eval \"redis.call('SET', KEYS[1], '\\\\2' .. string.rep('\\\\0', 31) .. '7,8')\" 1 "
        "statuslist:{h}:idempotency:04%062d",
        0);
    AWAIT(&f, sl_store_batch(f.store, "h", &fence, -1, g, 2, &key, on_batched, &n));
    assert_true(got.batched.repeated && got.versions[0] == 7 && got.versions[1] == 8);
    assert_true(sl_lineage_none(got.ats[0]) && sl_lineage_none(got.ats[1]));
    fixture_end(&f);
}

/* What can be joined later has to be of one moment. */
static void a_load_brings_state_and_marks(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    begin_writing(&f, true);
    struct sl_lineage named[2] = {fence.lineage};
    set_index(&f, 9, 1);
    set_index(&f, 1, 0);
    begin_writing(&f, true);
    named[1] = fence.lineage;
    set_index(&f, 20, 1);
    AWAIT(&f, sl_store_load(f.store, "h", &list, named, 2, on_load, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_true(sl_lineage_equal(got.loaded.head.at, named[1]) && got.loaded.head.version == 3);
    assert_int_equal(got.loaded.line.count, 2);
    assert_true(sl_line_covers(&got.loaded.line, (struct sl_head){named[0], 2}));
    assert_memory_equal(got.bytes, "\0\2\x10", 3);
    assert_true(got.loaded.marks_count == 2 && got.loaded.more == 0);
    assert_true(sl_lineage_equal(got.marks[0].lineage, named[0]) && got.marks[0].len == 2);
    assert_memory_equal(got.marks[0].bits, "\2\2", 2);
    assert_true(sl_lineage_equal(got.marks[1].lineage, named[1]) && got.marks[1].len == 3);
    assert_memory_equal(got.marks[1].bits, "\0\0\x10", 3);
    assert_true(got.loaded.now_ms >= named[1].ms);

    AWAIT(&f, sl_store_load(f.store, "h", &list, named + 1, 1, on_load, NULL));
    assert_true(got.loaded.marks_count == 1 && got.loaded.more == 1);
    AWAIT(&f, sl_store_load(f.store, "h", &list, NULL, 0, on_load, NULL));
    assert_true(got.loaded.marks_count == 0 && got.loaded.more == 2);
    named[0].random += 16; /* is not in the line */
    AWAIT(&f, sl_store_load(f.store, "h", &list, named, 1, on_load, NULL));
    assert_true(got.loaded.marks_count == 0 && got.loaded.more == 2);
    fixture_end(&f);
}

/* A reply was lost, and the drafts are sent again: nothing is new. */
static void lists_are_numbered_once(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    begin_writing(&f, false);
    struct sl_list_draft d[2] = {draft(), draft()};
    for (int i = 0; i < 2; i++) {
        AWAIT(&f, sl_store_precreate(f.store, "h", &fence, d, 2, on_records, NULL));
        assert_true(got.err == SL_OK && got.count == 2);
        assert_int_equal(got.records[0].change, fence.least + 1);
        assert_int_equal(got.records[1].change, fence.least + 2);
        assert_int_equal(strtoull(pool_field(&f, "change"), NULL, 10), fence.least + 2);
    }
    fixture_end(&f);
}

/* A setting that is so already, a refused one: each has written something to wait for. */
static void every_acknowledgement_writes(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    begin_writing(&f, false);
    set_index(&f, 1, 1);
    uint64_t change = got.change;
    set_index(&f, 1, 1);
    assert_true(!got.changed && got.change == change + 1);
    set_batch(&f, 1, 1, NULL);
    assert_true(!got.flags[0] && got.change == change + 2);
    fixture_end(&f);
}

/* Fields that a later version may have added stay. */
static void unknown_fields_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    begin_list(&f);
    list_call(&f, "hset", "later 7");
    cli(&f.server, "hset statuslist:{h}:config later 8");
    begin_writing(&f, true);
    set_index(&f, 1, 1);
    set_batch(&f, 1, 0, NULL);
    assert_string_equal(list_field(&f, "later"), "7");
    assert_string_equal(pool_field(&f, "later"), "8");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_opening_begins_a_lineage),
        cmocka_unit_test(another_server_begins_a_lineage),
        cmocka_unit_test(data_that_went_back_begin_a_lineage),
        cmocka_unit_test(a_list_that_went_back_begins_a_lineage),
        cmocka_unit_test(lineages_without_a_write_are_folded),
        cmocka_unit_test(fifteen_ancestors_are_kept),
        cmocka_unit_test(the_first_change_in_a_lineage_extends_the_line),
        cmocka_unit_test(a_caller_with_another_history_writes_nothing),
        cmocka_unit_test(what_is_acknowledged_is_marked),
        cmocka_unit_test(a_batch_numbers_each_list),
        cmocka_unit_test(lists_are_numbered_once),
        cmocka_unit_test(a_load_brings_state_and_marks),
        cmocka_unit_test(every_acknowledgement_writes),
        cmocka_unit_test(unknown_fields_are_kept),
    };
    return cmocka_run_group_tests_name("store history", tests, NULL, NULL);
}
