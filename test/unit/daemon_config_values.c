/* A configuration file that loads: to which values, where secrets go, and what is printed about it. */
#include "config_file.h"

#include "daemon/config_print.h"
#include "daemon/docs.h"

#define POOL "  status-list-pools: {p: {api-key: " KEY ", signer: {generate: true}}}\n"

/* Formats into a file and loads it; it has to be right. */
static struct loaded load_good(const char *text)
{
    struct loaded l = load(text);
    assert_string_equal(l.errors.data, "");
    return l;
}

static void test_defaults(void **state)
{
    (void)state;
    struct loaded l = load_good("app:\n" POOL);
    assert_string_equal(l.warnings.data, FILE_NAME ":1" NEAR_URL);
    const struct sl_config *c = l.config;
    assert_string_equal(c->http.public_url, "http://localhost:8080");
    assert_string_equal(c->http.listen[SL_TLS_PUBLIC].at[0], "0.0.0.0:8080");
    assert_string_equal(c->http.listen[SL_TLS_ISSUER].at[0], "same");
    assert_string_equal(c->http.listen[SL_TLS_OPS].at[0], "127.0.0.1:9090");
    assert_int_equal(c->http.limits.body, 1 << 20);
    assert_int_equal(c->http.limits.batch_entries, 10000);
    assert_int_equal(c->http.limits.connections, 10000);
    assert_in_range(c->workers, 1, 256);
    assert_string_equal(c->storage, "/var/lib/statuslistd");
    assert_int_equal(c->shutdown_delay_ms, 0);
    assert_int_equal(c->shutdown_deadline_ms, 10000);
    assert_int_equal(c->redis.mode, SL_REDIS_EXTERNAL);
    assert_string_equal(c->redis.host, "localhost");
    assert_int_equal(c->redis.port, 6379);
    assert_null(c->redis.socket);
    assert_null(c->redis.password);
    assert_int_equal(c->redis.database, 0);
    assert_int_equal(c->redis.persistence, SL_PERSIST_ALWAYS);
    assert_false(c->redis.assume_persistence);
    assert_int_equal(c->redis.wait_replicas, 0);
    const struct sl_pool_options *p = &c->pools[0];
    assert_null(p->issuer);
    assert_false(p->aggregation_uri);
    assert_int_equal(p->size, 100000);
    assert_int_equal(p->bits, 1);
    assert_int_equal(p->final_status, -1);
    assert_int_equal(p->precreation_lists, 1);
    assert_int_equal(p->check_delay_ms, 10000);
    assert_int_equal(p->threshold, 200);
    assert_int_equal(p->capacity, 400);
    assert_int_equal(p->on_underflow, SL_UNDERFLOW_DELAY);
    assert_int_equal(p->underflow_timeout_ms, 5000);
    assert_int_equal(p->update_interval_ms, 1000);
    assert_int_equal(p->list_lifetime_ms, 3600000);
    assert_int_equal(p->ttl_ms, 60000);
    assert_false(p->retired);
    assert_true(p->signer.x5c && p->signer.kid && !p->signer.jwk);
    unload(&l);
}

static void test_everything_given(void **state)
{
    (void)state;
    struct loaded l = load_good(
        "app:\n  public-url: https://status.example/lists/\n"
        "  listen: {public: '[::]:80', issuer: 127.0.0.1:81, ops: 'unix:/run/ops'}\n  workers: 7\n"
        "  storage-directory: a b\n  limits: {body: 2MiB, batch-entries: 5, connections: 6}\n"
        "  shutdown: {delay: 5s, deadline: 500ms}\n"
        "  redis: {socket: /run/redis, username: u, password: secret1, database: 3, wait-replicas: all, "
        "assume-persistence: true, persistence-strategy: append-fsync-everysec, command-timeout: 700ms}\n"
        "  status-list-pools:\n    _-9:\n      api-key: " KEY
        "\n      issuer: https://i\n      aggregation-uri: true\n      size: 1048576\n"
        "      bits: 8\n      final-status: 255\n      precreation: {lists: 0, check-delay: 1m}\n"
        "      prefetch: {threshold: 1, capacity: 2, on-underflow: fail, underflow-timeout: 1s}\n"
        "      update-interval: 0\n      list-lifetime: 1000h\n      ttl: 250h\n      retired: false\n"
        "      signer: {pem: {key: k, certificate: c}, header: {x5c: false, kid: false, jwk: true, "
        "eddsa: Ed25519}}\n");
    const struct sl_config *c = l.config;
    assert_string_equal(l.warnings.data, "");
    assert_string_equal(c->http.public_url, "https://status.example/lists");
    assert_string_equal(c->http.listen[SL_TLS_PUBLIC].at[0], "[::]:80");
    assert_string_equal(c->http.listen[SL_TLS_ISSUER].at[0], "127.0.0.1:81");
    assert_string_equal(c->http.listen[SL_TLS_OPS].at[0], "unix:/run/ops");
    assert_int_equal(c->workers, 7);
    assert_string_equal(c->storage, "a b");
    assert_int_equal(c->http.limits.body, 2 << 20);
    assert_int_equal(c->shutdown_delay_ms, 5000);
    assert_int_equal(c->shutdown_deadline_ms, 500);
    assert_string_equal(c->redis.socket, "/run/redis");
    assert_string_equal(c->redis.username, "u");
    assert_string_equal(c->redis.password, "secret1");
    assert_int_equal(c->redis.database, 3);
    assert_int_equal(c->redis.wait_replicas, SL_WAIT_ALL);
    assert_true(c->redis.assume_persistence);
    assert_int_equal(c->redis.persistence, SL_PERSIST_EVERYSEC);
    assert_int_equal(c->redis.command_timeout_ms, 700);
    const struct sl_pool_options *p = &c->pools[0];
    assert_string_equal(p->name, "_-9");
    assert_true(p->aggregation_uri);
    assert_int_equal(p->size, 1048576);
    assert_int_equal(p->bits, 8);
    assert_int_equal(p->final_status, 255);
    assert_int_equal(p->precreation_lists, 0);
    assert_int_equal(p->on_underflow, SL_UNDERFLOW_FAIL);
    assert_int_equal(p->update_interval_ms, 0);
    assert_true(p->list_lifetime_ms == 3600000000u);
    assert_int_equal(p->ttl_ms, 900000000);
    assert_string_equal(p->signer.key_file, "k");
    assert_string_equal(p->signer.certificate_file, "c");
    assert_true(!p->signer.generate && !p->signer.x5c && !p->signer.kid && p->signer.jwk);
    assert_int_equal(p->signer.eddsa, 1);
    unload(&l);
}

static void test_durations_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ms;
    } durations[] = {{"0", 0},       {"0s", 0},     {"1ms", 1},       {"500ms", 500},
                     {"40s", 40000}, {"1m", 60000}, {"24h", 86400000}};
    static const struct {
        const char *text;
        uint32_t bytes;
    } sizes[] = {{"1024", 1024}, {"64KiB", 65536}, {"1MiB", 1 << 20}, {"64MiB", 64 << 20}};
    char text[512];
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        snprintf(text, sizeof text,
                 "app: {status-list-pools: {p: {api-key: " KEY ", update-interval: %s}}}\n",
                 durations[i].text);
        struct loaded l = load_good(text);
        assert_int_equal(l.config->pools[0].update_interval_ms, durations[i].ms);
        unload(&l);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(text, sizeof text, "app:\n  limits: {body: %s}\n" POOL, sizes[i].text);
        struct loaded l = load_good(text);
        assert_int_equal(l.config->http.limits.body, sizes[i].bytes);
        unload(&l);
    }
}

static void test_public_urls(void **state)
{
    (void)state;
    static const char *const urls[][2] = {{"http://a", "http://a"},
                                          {"https://a.example:8443/", "https://a.example:8443"},
                                          {"http://[::1]:1/x/y///", "http://[::1]:1/x/y"},
                                          {"http://127.0.0.1/%20", "http://127.0.0.1/%20"}};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char text[512];
        snprintf(text, sizeof text, "app:\n  public-url: '%s'\n" POOL, urls[i][0]);
        struct loaded l = load_good(text);
        assert_string_equal(l.config->http.public_url, urls[i][1]);
        unload(&l);
    }
}

static void test_strategy_as_a_map(void **state)
{
    (void)state;
    static const char *const words[] = {"append-fsync-always", "append-fsync-everysec", "disabled"};
    for (unsigned i = 0; i < 3; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "app:\n  redis:\n    persistence-strategy:\n      %s: true\n      %s: false\n" POOL,
                 words[i], words[(i + 1) % 3]);
        struct loaded l = load_good(text);
        assert_int_equal(l.config->redis.persistence, i);
        unload(&l);
    }
}

static void expect_credential(const struct sl_config *c, size_t pool, size_t i, const char *key)
{
    uint8_t hash[SL_SHA256];
    struct sl_hasher *h = sl_hasher_new();
    sl_sha256(h, key, strlen(key), hash);
    sl_hasher_free(h);
    assert_true(i < c->credentials->pools[pool]->hash_count);
    assert_memory_equal(c->credentials->pools[pool]->hashes[i], hash, SL_SHA256);
}

static void test_api_keys_become_hashes(void **state)
{
    (void)state;
    write_file("secret", "key-in-file\r\n", 13, 0600);
    /* sha256("abc"), FIPS 180-2 appendix B.1 */
    struct loaded l = load_good(
        "app:\n  status-list-pools:\n    a: {api-key: " KEY ", api-keys: [second-key, third-key], "
        "api-key-file: secret}\n    b: {api-key: " KEY "}\n"
        "    c: {api-key-sha256: BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}\n"
        "    d: {api-key-sha256: [ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad]}\n");
    assert_int_equal(l.config->credentials->pool_count, 4);
    expect_credential(l.config, 0, 0, KEY);
    expect_credential(l.config, 0, 1, "second-key");
    expect_credential(l.config, 0, 2, "third-key");
    expect_credential(l.config, 0, 3, "key-in-file");
    expect_credential(l.config, 1, 0, KEY);
    expect_credential(l.config, 2, 0, "abc");
    expect_credential(l.config, 3, 0, "abc");
    const size_t counts[] = {4, 1, 1, 1};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(l.config->credentials->pools[i]->hash_count, counts[i]);
    assert_null(l.config->keys[0].api_key);
    assert_int_equal(l.config->keys[0].api_keys.count, 0);
    assert_int_equal(l.config->keys[0].api_key_files.count, 1);
    assert_string_equal(l.config->keys[0].api_key_files.at[0], "secret");
    unload(&l);
}

static void test_secret_files(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        mode_t mode;
        const char *password, *message;
    } files[] = {
        {"pass word\n", 10, 0600, "pass word", ""},
        {"pass\r\n", 6, 0640, "pass", ""},
        {"pass\n", 5, 0644, "pass",
         FILE_NAME ":2: app.redis.password-file: every user can read the file; expected mode 0600 or 0640\n"},
        {"", 0, 0600, NULL,
         FILE_NAME
         ":2: app.redis.password-file: 'secret' cannot be used (empty); expected a readable file with the "
         "secret in one line\n"},
        {"\n", 1, 0600, NULL,
         FILE_NAME
         ":2: app.redis.password-file: 'secret' cannot be used (empty); expected a readable file with the "
         "secret in one line\n"},
        {"pass\n\n", 6, 0600, NULL,
         FILE_NAME
         ":2: app.redis.password-file: the value (not shown) has a line break or another control character; "
         "expected a text of 1 to 4096 bytes\n"},
        {"pa\0ss", 5, 0600, NULL,
         FILE_NAME
         ":2: app.redis.password-file: the value (not shown) has a line break or another control character; "
         "expected a text of 1 to 4096 bytes\n"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_file("secret", files[i].bytes, files[i].n, files[i].mode);
        struct loaded l = load(
            "app:\n  redis: {username: u, password-file: secret}\n  public-url: https://a.example\n" POOL);
        assert_true(l.ok == (files[i].password != NULL));
        assert_string_equal(l.ok ? l.warnings.data : l.errors.data, files[i].message);
        if (l.ok)
            assert_string_equal(l.config->redis.password, files[i].password);
        unload(&l);
    }
    char large[5000];
    memset(large, 'a', sizeof large);
    write_file("secret", large, sizeof large, 0600);
    struct loaded l = load("app:\n  redis: {password-file: secret}\n" POOL);
    assert_string_equal(l.errors.data,
                        FILE_NAME ":2: app.redis.password-file: 'secret' cannot be used (too large); "
                                  "expected a readable file with the secret in one line\n");
    unload(&l);
}

static void test_warnings(void **state)
{
    (void)state;
    struct loaded l = load_good("app:\n  redis: {persistence-strategy: disabled}\n"
                                "  listen: {public: '127.0.0.1:8080'}\n"
                                "  status-list-pools: {p: {api-key: short, retired: true}}\n");
    assert_string_equal(
        l.warnings.data, FILE_NAME
        ":2: app.redis.persistence-strategy: disabled: a crash of Redis loses all updates since its last "
        "snapshot\n" FILE_NAME
        ":4: app.status-list-pools.p.signer.generate: names no key: the service generates one in "
        "storage-directory, which verifiers must be told to trust\n" FILE_NAME
        ":4: app.status-list-pools: every pool is retired: the service gives out no references\n" FILE_NAME
        ":4: app.status-list-pools.p.api-key: an API key of fewer than 8 characters can be guessed\n");
    unload(&l);
    /* 1 MiB is accepted, one byte more is reported. */
    l = load_good("app:\n  public-url: https://a.example\n  status-list-pools:\n"
                  "    a: {api-key: long-enough, size: 8388608, signer: {generate: true}}\n"
                  "    b: {api-key: long-enough, size: 4194308, bits: 2, signer: {generate: true}}\n");
    assert_string_equal(l.warnings.data,
                        FILE_NAME ":5: app.status-list-pools.b.size: a list of 4194308 entries has 1048577 "
                                  "bytes uncompressed; some verifiers refuse more than 1048576\n");
    unload(&l);
}

/* Where lists would have a URI that leads nowhere, or to something else. */
static void urls_that_are_warned_of(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *url;
        bool near, reserved;
    } rows[] = {
        {"127.0.0.1:80", "http://localhost:8080", false, false},
        {"unix:/x", "http://localhost", false, false},
        {"localhost:80", "http://localhost", false, false},
        {"\"[::1]:80\"", "http://localhost", false, false},
        {"\"[::]:80\"", "http://localhost", true, false},
        {"\"*:80\"", "http://127.0.0.1:1/x", true, false},
        {"a.example:80", "http://[::1]", true, false},
        {"[127.0.0.1:80, a.example:81]", "http://localhost", true, false},
        {"0.0.0.0:80", "http://localhost.example", false, false},
        {"0.0.0.0:80", "https://a.example/pools", false, true},
        {"0.0.0.0:80", "https://a.example/aggregation/x", false, true},
        {"0.0.0.0:80", "https://a.example/s/pools", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, "app:\n  public-url: %s\n  listen: {public: %s}\n" POOL, rows[i].url,
                 rows[i].listen);
        struct loaded l = load_good(text);
        assert_int_equal(strstr(l.warnings.data, FILE_NAME ":2" NEAR_URL) != NULL, rows[i].near);
        assert_int_equal(strstr(l.warnings.data, "which go before lists; expected another first segment") !=
                             NULL,
                         rows[i].reserved);
        unload(&l);
    }
}

static struct sl_buf print(const struct sl_config *c)
{
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    sl_config_print(c, &out);
    sl_buf_putc(&out, '\0');
    assert_false(out.failed);
    return out;
}

static void test_print_names_sources(void **state)
{
    (void)state;
    struct loaded l = load_good("app:\n  workers: 3\n  redis:\n    port: 7\n    password: hidden\n" POOL);
    struct sl_buf out = print(l.config);
    static const char *const parts[] = {
        "app:\n  public-url: http://localhost:8080  # default\n  listen:\n    public: 0.0.0.0:8080  # "
        "default\n",
        "  workers: 3  # " FILE_NAME ":2\n",
        "  redis:\n    mode: external  # default\n",
        "    port: 7  # " FILE_NAME ":4\n    password: \"***\"  # " FILE_NAME ":5\n",
        "  status-list-pools:\n    p:\n      api-key: \"***\"  # " FILE_NAME
        ":6\n      aggregation-uri: false  # default\n      size: 100000  # default\n",
        "      signer:\n        generate: true  # " FILE_NAME
        ":6\n        header:\n          x5c: true  # default\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(out.data, parts[i]) == NULL)
            fail_msg("missing:\n%s\nin:\n%s", parts[i], out.data);
    unload(&l);
    sl_buf_free(&out);
}

/* What is printed is a configuration with the same values, but for the secrets. */
static void test_print_loads_again(void **state)
{
    (void)state;
    static const char *const files[] = {
        "app:\n  storage-directory: 'a: b'\n  shutdown: {delay: 90s}\n" POOL,
        "app:\n  redis: {mode: embedded}\n  limits: {body: 1536}\n" POOL,
        "app:\n  redis: {socket: '#x', command-timeout: 1001ms}\n" POOL,
        "app:\n  listen: {issuer: '[::1]:1'}\n  tls:\n    issuer: {certificate: a, key: b, client-ca: c, "
        "client-certificates: optional}\n    ops: {certificate: a, key: b}\n" POOL,
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct loaded first = load_good(files[i]);
        struct sl_buf out = print(first.config);
        char *key;
        while ((key = strstr(out.data, "***")) != NULL)
            memcpy(key, "abc", 3);
        struct loaded second = load_good(out.data);
        assert_string_equal(second.config->storage, first.config->storage);
        assert_int_equal(second.config->shutdown_delay_ms, first.config->shutdown_delay_ms);
        assert_int_equal(second.config->http.limits.body, first.config->http.limits.body);
        assert_int_equal(second.config->redis.mode, first.config->redis.mode);
        assert_int_equal(second.config->redis.command_timeout_ms, first.config->redis.command_timeout_ms);
        assert_true((second.config->redis.socket == NULL) == (first.config->redis.socket == NULL));
        for (unsigned t = 0; t < SL_TLS_LISTENERS; t++) {
            const struct sl_tls_options *a = &first.config->http.tls[t], *b = &second.config->http.tls[t];
            assert_true((a->key_file == NULL) == (b->key_file == NULL));
            assert_true((a->client_ca_file == NULL) == (b->client_ca_file == NULL));
            assert_int_equal(a->client_certificates, b->client_certificates);
        }
        unload(&first);
        unload(&second);
        sl_buf_free(&out);
    }
}

static void test_secrets_are_nowhere(void **state)
{
    (void)state;
    write_file("secret", "hidden-in-file", 14, 0600);
    static const char *const files[] = {
        "app:\n  redis: {password: hidden, username: u}\n  status-list-pools:\n    p: {api-key: hidden-1, "
        "api-keys: "
        "[hidden-2, hidden-3], api-key-file: secret}\n",
        "app:\n  redis: {password: [hidden]}\n" POOL,
        "app:\n  redis: {password: {hidden: hidden}}\n" POOL,
        "app:\n  redis: {password: \"hidden\\n\"}\n" POOL,
        "app:\n  public-url: https://me:hidden@host\n  redis: {host: 'u:hidden@host'}\n" POOL,
        "app:\n  listen: {public: 'u:hidden@host:80'}\n" POOL,
        "app:\n  status-list-pools: {p: {api-key: [hidden], api-keys: {hidden: 1}, api-key-sha256: "
        "hidden}}\n",
        "app:\n  status-list-pools: {p: {api-key: hidden key}}\n",
        "app:\n  status-list-pools: {p: {api-kez: hidden}}\n",
        "app:\n  password: hidden\n" POOL,
        "app:\n  redis:\n    password: &hidden hidden\n" POOL,
        "app:\n  redis:\n    password: 'hidden\n",
        "app:\n  redis:\n    password: hidden\n    password: hidden2\n" POOL,
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct loaded l = load(files[i]);
        assert_int_equal(l.ok, i == 0);
        assert_null(strstr(l.errors.data, "hidden"));
        assert_null(strstr(l.warnings.data, "hidden"));
        if (l.ok) {
            struct sl_buf out = print(l.config);
            assert_null(strstr(out.data, "hidden"));
            assert_non_null(strstr(out.data, "***"));
            sl_buf_free(&out);
        }
        unload(&l);
    }
}

static void test_documentation_names_every_key(void **state)
{
    (void)state;
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    assert_true(sl_docs_print("configuration", &out));
    sl_buf_putc(&out, '\0');
    const struct sl_option *const tables[] = {sl_http_option_rows, sl_http_pool_option_rows,
                                              sl_redis_option_rows, sl_pool_option_rows,
                                              sl_signer_option_rows};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct sl_option *row = tables[t]; row->name != NULL; row++) {
            char cell[300];
            snprintf(cell, sizeof cell, "%s` | ", row->name);
            assert_non_null(strstr(out.data, cell));
            assert_non_null(row->help);
        }
    }
    sl_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything_given),
        cmocka_unit_test(test_durations_and_sizes),
        cmocka_unit_test(test_public_urls),
        cmocka_unit_test(test_strategy_as_a_map),
        cmocka_unit_test(test_api_keys_become_hashes),
        cmocka_unit_test(test_secret_files),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(urls_that_are_warned_of),
        cmocka_unit_test(test_print_names_sources),
        cmocka_unit_test(test_print_loads_again),
        cmocka_unit_test(test_secrets_are_nowhere),
        cmocka_unit_test(test_documentation_names_every_key),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
