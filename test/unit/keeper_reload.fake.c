/* A reload as the keeper sees it: keys and claims change, in-flight signings included; and certificates that
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64url.h"
#include "keeper/keeper_int.h"
#include "fixture.h"

#define ELEVEN_YEARS_MS (11ll * 366 * 86400 * 1000) /* beyond the end of what is generated */

static struct sl_list *first_list(struct fixture *f)
{
    return sl_table_at(f->shared.table, 0);
}

static void many_lists(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->precreation_lists = 40;
    o->issuer = (char *)"https://before.example";
}

static void at_once(struct sl_pool_options *o, struct sl_redis_options *redis)
{
    (void)redis;
    o->issuer = (char *)"https://before.example";
}

/* Another key than the pool's: one generated for a pool that does not exist. */
static struct sl_key *other_key(struct fixture *f)
{
    char text[512];
    struct sl_buf why;
    struct sl_key *k = NULL;
    sl_buf_over(&why, text, sizeof text);
    assert_true(sl_key_load(&f->options[0].signer, f->storage, "another", &sl_clock_system, &why, &k));
    return k;
}

static struct sl_span jwt_of(struct fixture *f, uint32_t number)
{
    return sl_list_token(sl_table_at(f->shared.table, number))->body[SL_VARIANT_JWT].bytes;
}

/* The JWT's header is the base64url of the key's. */
static bool signed_by(struct fixture *f, uint32_t number, const struct sl_key *k)
{
    char text[4096];
    if (sl_list_token(sl_table_at(f->shared.table, number)) == NULL)
        return false;
    struct sl_span header = sl_key_jose_header(k), jwt = jwt_of(f, number);
    size_t n = sl_base64url_encode(text, header.at, header.len);
    return jwt.len > n && memcmp(jwt.at, text, n) == 0 && jwt.at[n] == '.';
}

static bool all_signed_by(struct fixture *f, void *key)
{
    for (uint32_t i = 0; i < sl_table_count(f->shared.table); i++)
        if (!signed_by(f, i, key))
            return false;
    return true;
}

static bool claims_contain(struct fixture *f, uint32_t number, const char *text)
{
    struct sl_span jwt = jwt_of(f, number);
    const char *from = memchr(jwt.at, '.', jwt.len);
    assert_non_null(from);
    from++;
    const char *to = memchr(from, '.', jwt.len - (size_t)(from - jwt.at));
    char *claims = malloc(jwt.len);
    size_t n;
    assert_true(sl_base64url_decode((unsigned char *)claims, from, (size_t)(to - from), &n));
    bool found = memmem(claims, n, text, strlen(text)) != NULL;
    free(claims);
    return found;
}

static bool settled(struct fixture *f, void *arg)
{
    (void)arg;
    uint32_t n = sl_table_count(f->shared.table);
    for (uint32_t i = 0; i < n; i++)
        if (sl_list_token(sl_table_at(f->shared.table, i)) == NULL)
            return false;
    return n >= 1 + f->options[0].precreation_lists;
}

/* Started, with every list signed. */
static struct fixture *new_house(void (*configure)(struct sl_pool_options *o, struct sl_redis_options *redis))
{
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = configure});
    fixture_start(f);
    assert_true(fixture_until(f, settled, NULL, 5000));
    fixture_for(f, 20);
    return f;
}

static void update_first(struct fixture *f)
{
    uint8_t value = fake_status(f->redis, &first_list(f)->id, 5);
    fake_change(f->redis, &first_list(f)->id, 5, !value);
}

static void a_new_key_signs_every_list(void **state)
{
    (void)state;
    struct fixture *f = new_house(many_lists);
    uint32_t lists = sl_table_count(f->shared.table);
    assert_true(lists > 40);
    assert_true(all_signed_by(f, f->shared.pools[0].key));
    uint64_t before = fixture_metric(f, 0, SL_KM_SIGNINGS);
    struct sl_key *k = other_key(f), *old = sl_key_ref(f->shared.pools[0].key);
    assert_false(sl_key_same(k, old));
    sl_keeper_reload(f->keeper, &k);
    assert_true(signed_by(f, 0, old)); /* until its turn comes */
    assert_true(fixture_until(f, all_signed_by, k, 10000));
    fixture_for(f, 50);
    assert_int_equal(fixture_metric(f, 0, SL_KM_SIGNINGS), before + lists); /* each once */
    sl_key_free(old);
    sl_key_free(k);
    fixture_end(f);
}

static void the_same_key_signs_nothing(void **state)
{
    (void)state;
    struct fixture *f = new_house(at_once);
    uint64_t before = fixture_metric(f, 0, SL_KM_SIGNINGS);
    struct sl_key *had = f->shared.pools[0].key, *again = NULL;
    char text[512];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    assert_true(sl_key_load(&f->options[0].signer, f->storage, "pool0", &sl_clock_system, &why, &again));
    sl_keeper_reload(f->keeper, &again);
    sl_key_free(again);
    assert_ptr_equal(f->shared.pools[0].key, had);
    fixture_for(f, 1500);
    assert_int_equal(fixture_metric(f, 0, SL_KM_SIGNINGS), before);
    fixture_end(f);
}

static bool says_after(struct fixture *f, void *arg)
{
    (void)arg;
    return claims_contain(f, 0, "https://after.example") && claims_contain(f, 0, "\"ttl\":90") &&
           claims_contain(f, 0, "/aggregation/pool0");
}

/* The options before are freed as soon as the keeper has answered: nothing may still point into them. */
static void other_claims_are_signed(void **state)
{
    (void)state;
    struct fixture *f = new_house(at_once);
    assert_true(claims_contain(f, 0, "https://before.example"));
    struct sl_pool_options *now = malloc(sizeof *now), *last = malloc(sizeof *last);
    *now = f->options[0];
    now->issuer = strdup("https://between.example");
    atomic_store(&f->shared.pools[0].options, now);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    update_first(f); /* perhaps signed under these */
    fixture_turn(f);
    *last = f->options[0];
    last->issuer = strdup("https://after.example");
    last->ttl_ms = 90000;
    last->aggregation_uri = true;
    atomic_store(&f->shared.pools[0].options, last);
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    memset(now->issuer, 'X', strlen(now->issuer));
    free(now->issuer);
    free(now);
    assert_true(fixture_until(f, says_after, NULL, 5000));
    fixture_end(f);
    free(last->issuer);
    free(last);
}

/* Keys that are gone before the signings that use them have come back. */
static void keys_change_while_lists_are_signed(void **state)
{
    (void)state;
    struct fixture *f = new_house(at_once);
    struct sl_key *keys[2] = {sl_key_ref(f->shared.pools[0].key), other_key(f)};
    for (unsigned i = 0; i < 300; i++) {
        update_first(f);
        fixture_turn(f);
        if (i % 3 == 0)
            sl_keeper_reload(f->keeper, &keys[i / 3 % 2]);
    }
    assert_true(fixture_until(f, all_signed_by, f->shared.pools[0].key, 5000));
    sl_key_free(keys[0]);
    sl_key_free(keys[1]);
    fixture_end(f);
}

static void count_answer(void *arg, enum sl_err err)
{
    unsigned *answers = arg;
    answers[err == SL_OK ? 0 : 1]++;
}

static bool refused_once(struct fixture *f, void *arg)
{
    (void)f;
    return ((unsigned *)arg)[1] == 1;
}

static bool not_ready(struct fixture *f, const char *wanted, bool issuer)
{
    char text[1024];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text - 1);
    bool ready = issuer
                     ? sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = true}, &why, NULL)
                     : sl_keeper_ready(f->keeper, &(struct sl_ready_question){.issuer = false}, &why, NULL);
    text[why.len] = '\0';
    if (!ready && strstr(text, wanted) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, wanted);
    return !ready;
}

static bool shows_update(struct fixture *f, void *arg)
{
    return sl_list_token(first_list(f))->version > *(uint64_t *)arg;
}

/* After the certificate's end the keeper signs and loads nothing, until a reload brings the next key. */
static void an_expired_certificate_signs_nothing(void **state)
{
    (void)state;
    struct fixture *f = new_house(at_once);
    sl_keeper_gauges(f->keeper);
    assert_int_equal(fixture_metric(f, 0, SL_KM_SIGNER_EXPIRED), 0);
    uint64_t end = fixture_metric(f, 0, SL_KM_NOT_AFTER);
    assert_true(end > (uint64_t)sl_wall_ms(&sl_clock_system) / 1000);
    assert_false(not_ready(f, "", false));
    assert_false(not_ready(f, "", true));
    uint64_t version = sl_list_token(first_list(f))->version;
    uint64_t loads = fake_count(f->redis, SL_OP_LOAD);
    f->wall_step_ms = ELEVEN_YEARS_MS;
    update_first(f);
    fixture_for(f, 1200);
    assert_int_equal(sl_list_token(first_list(f))->version, version);
    assert_int_equal(fake_count(f->redis, SL_OP_LOAD), loads);
    sl_keeper_gauges(f->keeper);
    assert_int_equal(fixture_metric(f, 0, SL_KM_SIGNER_EXPIRED), 1);
    assert_true(not_ready(f, "the certificate of pool pool0 expired on 20", true));
    assert_true(not_ready(f, "the certificate of pool pool0 expired on 20", false)); /* the token, too */
    /* back in time, as if another certificate had come */
    f->wall_step_ms = 0;
    struct sl_key *k = other_key(f);
    sl_keeper_reload(f->keeper, &k);
    sl_key_free(k);
    assert_true(fixture_until(f, shows_update, &version, 5000));
    assert_false(not_ready(f, "", true));
    fixture_end(f);
}

static bool lists_known(struct fixture *f, void *arg)
{
    return sl_table_count(f->shared.table) >= *(uint32_t *)arg;
}

/* A request for a list without a token is answered at once. */
static void an_expired_certificate_answers_cold_requests(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(&(struct fixture_setup){.configure = at_once});
    unsigned answers[2] = {0};
    uint32_t one = 1;
    fake_hold(f->redis, SL_OP_LOAD);
    assert_true(fixture_until(f, lists_known, &one, 2000));
    f->wall_step_ms = ELEVEN_YEARS_MS;
    sl_wait_token(&f->workers[0].pool, first_list(f), count_answer, answers);
    assert_true(fixture_until(f, refused_once, answers, 2000));
    assert_int_equal(answers[0], 0);
    fake_release(f->redis);
    fixture_for(f, 50);
    assert_null(sl_list_token(first_list(f)));
    f->wall_step_ms = 0;
    sl_keeper_reload(f->keeper, &f->shared.pools[0].key);
    fixture_start(f);
    assert_non_null(sl_list_token(first_list(f)));
    fixture_end(f);
}

/* The stages of a certificate's last month, and none of them logged twice within a day. */
static void the_end_is_told_ahead(void **state)
{
    (void)state;
    struct fixture *f = new_house(at_once);
    struct sl_kpool *p = &f->keeper->pools[0];
    int64_t left_ms = sl_key_not_after(p->shared->key) * 1000 - sl_wall_ms(&f->clock);
    const struct {
        int64_t left_s;
        unsigned stage;
    } steps[] = {{31 * 86400, 0}, {29 * 86400, 1}, {8 * 86400, 1},  {6 * 86400, 2},
                 {40000, 3},      {-10, 4},        {60 * 86400, 0}, {3600, 3}};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        f->wall_step_ms = left_ms - steps[i].left_s * 1000;
        uint64_t told = p->certificate.ending.told_ns;
        unsigned before = p->certificate.ending.stage;
        sl_keeper_watch_certificates(f->keeper);
        assert_int_equal(p->certificate.ending.stage, steps[i].stage);
        assert_int_equal(p->certificate.ending.told_ns != told, steps[i].stage > before);
        told = p->certificate.ending.told_ns;
        sl_keeper_watch_certificates(f->keeper);
        assert_int_equal(p->certificate.ending.told_ns, told);
    }
    p->certificate.ending.told_ns -= 86401 * SL_NS_PER_S; /* a day later */
    uint64_t told = p->certificate.ending.told_ns;
    sl_keeper_watch_certificates(f->keeper);
    assert_int_not_equal(p->certificate.ending.told_ns, told);
    f->wall_step_ms = 0;
    fixture_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_signs_every_list),
        cmocka_unit_test(the_same_key_signs_nothing),
        cmocka_unit_test(other_claims_are_signed),
        cmocka_unit_test(keys_change_while_lists_are_signed),
        cmocka_unit_test(an_expired_certificate_signs_nothing),
        cmocka_unit_test(an_expired_certificate_answers_cold_requests),
        cmocka_unit_test(the_end_is_told_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
