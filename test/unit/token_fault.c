/* Memory that runs out at one allocation after the other, ours, OpenSSL's and libdeflate's: the caller gets
 * an error and keeps what it had, nothing leaks (the leak checker watches), and the next try with memory
 * succeeds. */
#include "token_help.h"

#include <libdeflate.h>
#include <malloc.h>

#include "base/buf.h"
#include "token/build.h"
#include "token/digest.h"

/* Allocations until one fails, once; negative: none fails. The test has one thread. */
static long countdown = -1;
static bool failed_one;
static bool spare_openssl; /* count and fail our own allocations only */

static bool fails_now(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    failed_one = true;
    return true;
}

static void *fault_malloc(size_t n)
{
    return fails_now() ? NULL : malloc(n);
}

static void *fault_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : calloc(n, size);
}

static void *fault_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : realloc(p, n);
}

/* Memory freed just before can be allocated again: the one allocation of a digest relies on it. */
static size_t just_freed;

static void *openssl_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    bool there = spare_openssl || (n > 0 && n == just_freed);
    just_freed = 0;
    return n == 0 ? NULL : there ? malloc(n) : fault_malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return spare_openssl ? realloc(p, n) : fault_realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    just_freed = p != NULL ? malloc_usable_size(p) : 0;
    free(p);
}

#define malloc fault_malloc
#define calloc fault_calloc
#define realloc fault_realloc
#include "../../src/base/buf.c"
#include "../../src/token/build.c"
#include "../../src/token/cbor.c"
#include "../../src/token/cwt.c"
#include "../../src/token/key.c"
#include "../../src/token/key_header.c"
#undef malloc
#undef calloc
#undef realloc

static bool armed_load(const struct sl_signer_options *o, const char *dir, long n, struct sl_key **ret)
{
    char text[1000];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text);
    struct sl_clock clock = clock_at_now();
    failed_one = false;
    countdown = n;
    bool ok = sl_key_load(o, dir, "pool", &clock, &why, ret);
    countdown = -1;
    assert_true(ok || why.len > 0 || why.failed);
    return ok;
}

static void every_allocation_of_loading(void **state)
{
    struct sl_signer_options o = {.key_file = path_of(*state, "k.pem"),
                                  .certificate_file = path_of(*state, "c.pem"),
                                  .x5c = true,
                                  .kid = true,
                                  .jwk = true};
    EVP_PKEY *leaf = new_key("P-256"), *mid = new_key("P-256");
    write_key(o.key_file, leaf);
    write_chain(o.certificate_file, new_certificate("leaf", leaf, "mid", mid, -10, 1000),
                new_certificate("mid", mid, "mid", mid, -10, 500), NULL);
    struct sl_key *good = must_load(&o, *state, "pool");
    struct sl_span want = sl_key_jose_header(good), want_cose = sl_key_cose_header(good);
    for (int pass = 0; pass < 2; pass++) {
        spare_openssl = pass == 0;
        long n = 0, refusals = 0, tries = 0;
        do {
            struct sl_key *k = NULL;
            bool ok = armed_load(&o, *state, n, &k);
            assert_int_equal(ok, k != NULL);
            if (ok) /* OpenSSL can do without some of them; then the key is whole */
                assert_true(sl_span_eq(sl_key_jose_header(k), want) &&
                            sl_span_eq(sl_key_cose_header(k), want_cose));
            refusals += !ok;
            tries++;
            sl_key_free(k);
            n += pass == 0 ? 1 : 1 + n / 16; /* OpenSSL makes thousands */
        } while (failed_one);
        assert_true(tries > 6 && refusals > 5);
        assert_true(pass == 1 || refusals == tries - 1); /* we can do without none */
    }
    spare_openssl = false;
    sl_key_free(good);
    EVP_PKEY_free(leaf);
    EVP_PKEY_free(mid);
    free(o.key_file);
    free(o.certificate_file);
}

static void every_allocation_of_building(void **state)
{
    struct sl_signer_options o = {.generate = true, .x5c = true, .kid = true};
    struct sl_key *key = must_load(&o, *state, "pool");
    uint8_t list[100] = {1, 2, 3};
    struct sl_token_spec spec = {.key = key,
                                 .sub = SL_SPAN("https://e.example/1"),
                                 .size = 8000,
                                 .bits = 1,
                                 .list = list,
                                 .list_len = 100,
                                 .level = 9};
    long n = 0, errors = 0;
    do {
        struct sl_token_builder *b = sl_token_builder_new(&sl_clock_system);
        struct sl_token *const mark = (struct sl_token *)&spec;
        struct sl_token *t = mark;
        struct sl_token_cost cost = {11, 22};
        failed_one = false;
        countdown = n++;
        enum sl_err err = sl_token_build(b, &spec, &t, &cost);
        countdown = -1;
        bool failed = failed_one;
        assert_int_equal(ERR_peek_error(), 0);
        if (err != SL_OK) {
            errors++;
            assert_int_equal(err, SL_ERR_INTERNAL);
            assert_ptr_equal(t, mark);
            assert_true(cost.compress_ns == 11 && cost.sign_ns == 22);
            assert_int_equal(sl_token_build(b, &spec, &t, &cost),
                             SL_OK); /* the builder is as good as before */
        }
        sl_token_unref(t);
        sl_token_builder_free(b);
        failed_one = failed;
    } while (failed_one);
    assert_true(n > 20 && errors > 15);
    sl_key_free(key);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        return 1;
    libdeflate_set_memory_allocator(fault_malloc, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_allocation_of_loading, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(every_allocation_of_building, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
