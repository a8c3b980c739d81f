/* Instances of one pool agree on the options that they must share, or refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

static struct sl_kpool *pool0(struct fixture *f)
{
    return &f->keeper->pools[0];
}

static void somebody(struct fixture *f, const char *instance)
{
    snprintf(fake_pool(f->redis, "pool0")->other, 64, "%s", instance);
}

static bool told(struct fixture *f, void *arg)
{
    return strstr(f->fatal, arg) != NULL;
}

static bool agreed(struct fixture *f, void *arg)
{
    (void)arg;
    return pool0(f)->agreement.agreed && pool0(f)->agreement.difference[0] == '\0' &&
           !pool0(f)->agreement.due;
}

static bool differs(struct fixture *f, void *arg)
{
    return strstr(pool0(f)->agreement.difference, arg) != NULL;
}

static void what_is_no_default_is_written_down(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fixture_start(f);
    const char *text = fake_pool(f->redis, "pool0")->shared;
    assert_non_null(strstr(text, "public-url https://lists.example/s\n"));
    assert_non_null(strstr(text, "size 512\n"));
    assert_null(strstr(text, "prefetch"));
    fixture_end(f);
}

static void every_difference_is_named_at_start(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    snprintf(fake_pool(f->redis, "pool0")->shared, 1024,
             "public-url https://other.example\nissuer https://x.example\nfinal-status 1\nlater-option 7\n");
    somebody(f, "another-instance");
    assert_true(fixture_until(f, told, "another-instance", 5000));
    assert_non_null(strstr(f->fatal, "pool0"));
    assert_non_null(
        strstr(f->fatal, "public-url https://other.example, this file says https://lists.example/s"));
    assert_non_null(strstr(f->fatal, "issuer https://x.example, this file says "));
    assert_non_null(strstr(f->fatal, "final-status 1, this file says absent"));
    assert_false(atomic_load(&f->started));
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), 0); /* nothing was taken or made */
    fixture_end(f);
}

static void nobody_lives_so_the_record_is_replaced(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    snprintf(fake_pool(f->redis, "pool0")->shared, 1024, "public-url https://other.example\n");
    fixture_start(f);
    assert_non_null(strstr(fake_pool(f->redis, "pool0")->shared, "https://lists.example/s"));
    fixture_end(f);
}

/* Later instances must see the first one, so it begins nothing before its subscription. */
static void without_a_subscription_nothing_begins(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 50);
    assert_int_equal(fake_count(f->redis, SL_OP_AGREE), 0);
    assert_int_equal(fake_count(f->redis, SL_OP_OPEN_POOL), 0);
    fake_set_feed_up(f->redis, true);
    fixture_start(f);
    fixture_end(f);
}

static void an_answer_that_fails_is_asked_for_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    fake_fail(f->redis, SL_OP_AGREE, 1, SL_ERR_UNAVAILABLE);
    fixture_start(f);
    assert_true(fake_count(f->redis, SL_OP_AGREE) >= 2);
    fixture_end(f);
}

/* An instance with other options came while we were away: we go on, and say so until it is gone. */
static void a_difference_while_running_is_told(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    char text[SL_KEEPER_WHY];
    struct sl_buf why;
    fixture_start(f);
    assert_true(fixture_until(f, agreed, NULL, 5000));
    snprintf(fake_pool(f->redis, "pool0")->shared, 1024, "public-url https://other.example\n");
    somebody(f, "intruder");
    fake_set_feed_up(f->redis, false);
    fixture_for(f, 20);
    fake_set_feed_up(f->redis, true);
    assert_true(fixture_until(f, differs, "intruder", 5000));
    sl_buf_over(&why, text, sizeof text);
    assert_true(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = false}, &why, NULL));
    assert_false(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL));
    assert_non_null(memmem(why.data, why.len, "https://other.example", 21));
    assert_string_equal(f->fatal, "");
    somebody(f, "");
    assert_true(fixture_until(f, agreed, NULL, 10000)); /* a sweep asks again */
    why.len = 0;
    assert_true(sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL));
    fixture_end(f);
}

static char answer[SL_KEEPER_WHY];

static unsigned differing;

static void on_differs(void *arg, unsigned pool, const char *why)
{
    assert_int_equal(*(unsigned *)arg, 0);
    differing |= 1u << pool;
    snprintf(answer, sizeof answer, "%s", why);
}

static void on_may(void *arg)
{
    ++*(unsigned *)arg;
}

static bool answered(struct fixture *f, void *arg)
{
    (void)f;
    return *(unsigned *)arg > 0;
}

static void may(struct fixture *f, const struct sl_pool_options *o)
{
    unsigned n = 0;
    answer[0] = '\0';
    differing = 0;
    sl_keeper_check_options(f->keeper, o, on_differs, on_may, &n);
    assert_true(fixture_until(f, answered, &n, 5000));
    fixture_for(f, 10);
    assert_int_equal(n, 1);
}

static void a_reload_is_asked_about_beforehand(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.pools = 2});
    fixture_start(f);
    struct sl_pool_options next[2] = {f->options[0], f->options[1]};
    may(f, next); /* nothing is new */
    assert_string_equal(answer, "");
    next[0].ttl_ms = 17000;
    may(f, next);
    assert_string_equal(answer, "");
    assert_null(strstr(fake_pool(f->redis, "pool0")->shared, "17s")); /* only asked */
    somebody(f, "another");
    may(f, next);
    assert_non_null(strstr(answer, "this file says 17s"));
    assert_int_equal(differing, 1); /* the other pool may */
    fake_set_up(f->redis, false);   /* unknown for now: the options are compared when Redis is back */
    fixture_for(f, 20);
    may(f, next);
    assert_string_equal(answer, "");
    somebody(f, "");
    fixture_end(f);
}

static bool shows_ttl(struct fixture *f, void *arg)
{
    return sl_keeper_shown(f->keeper)[0].ttl_ms == *(uint32_t *)arg;
}

/* The others, and the next process, count on the longest ttl of a token that is still given out. */
static void a_ttl_is_shown_until_no_token_has_it(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){0});
    struct sl_pool_options next = f->options[0];
    uint32_t before = f->options[0].ttl_ms;
    fixture_start(f);
    fixture_for(f, 10);
    struct sl_klist *t = sl_keeper_list(f->keeper, 0);
    next.ttl_ms = before / 2;
    fake_hold(f->redis, SL_OP_LOAD);
    atomic_store(&f->shared.pools[0].options, &next);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    for (unsigned i = 0; i < 5; i++) {
        fixture_pass(f, SL_SWEEP_NS / SL_NS_PER_MS);
        fixture_for(f, 10);
    }
    assert_int_equal(sl_list_token(&t->list)->ttl * 1000, before);
    assert_true(shows_ttl(f, &before));
    unsigned compared = fake_count(f->redis, SL_OP_AGREE);
    fake_release(f->redis);
    for (unsigned i = 0; i < 100 && !shows_ttl(f, &next.ttl_ms); i++) {
        fixture_pass(f, SL_SWEEP_NS / SL_NS_PER_MS);
        fixture_for(f, 10);
    }
    assert_true(shows_ttl(f, &next.ttl_ms));
    assert_true(fixture_until(f, agreed, NULL, 5000));
    assert_true(fake_count(f->redis, SL_OP_AGREE) > compared); /* Redis was told */
    atomic_store(&f->shared.pools[0].options, &f->options[0]); /* a longer one at once */
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    assert_true(shows_ttl(f, &before));
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_default_is_written_down),
        cmocka_unit_test(every_difference_is_named_at_start),
        cmocka_unit_test(nobody_lives_so_the_record_is_replaced),
        cmocka_unit_test(without_a_subscription_nothing_begins),
        cmocka_unit_test(an_answer_that_fails_is_asked_for_again),
        cmocka_unit_test(a_difference_while_running_is_told),
        cmocka_unit_test(a_reload_is_asked_about_beforehand),
        cmocka_unit_test(a_ttl_is_shown_until_no_token_has_it),
    };
    return cmocka_run_group_tests_name("pool agree", tests, NULL, NULL);
}
