/* The connection on a real Redis: which predecessors it kills, what it verifies, and what it reports when
 * Redis goes away. */
#include "store_fixture.h"

static struct fixture f;

static int begin(void **state)
{
    (void)state;
    fixture_begin(&f, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

static void connects_over_tcp_by_name_and_by_address(void **state)
{
    (void)state;
    /* A port of its own: the unix socket's server has none. */
    struct server tcp = {.pid = 0};
    char port[8];
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage any = {.ss_family = AF_INET};
    socklen_t len = sizeof any;
    assert_int_equal(bind(s, (struct sockaddr *)&any, 16), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&any, &len), 0);
    const uint8_t *raw = (const uint8_t *)&any + 2;
    uint16_t number = (uint16_t)(raw[0] << 8 | raw[1]);
    close(s);
    snprintf(port, sizeof port, "%u", number);
    strcpy(tcp.dir, f.server.dir);
    snprintf(tcp.socket, sizeof tcp.socket, "%s/redis.sock", tcp.dir);
    sl_store_free(f.store);
    server_stop(&f.server, SIGTERM);
    server_start(&tcp, (const char *const[]){"--port", port, NULL});
    f.options.socket = NULL;
    f.options.port = number;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "::1"};
    for (int i = 0; i < 3; i++) {
        f.options.host = (char *)hosts[i];
        f.store = fixture_store(&f, "keeper", true);
        fixture_up(&f);
        sl_store_free(f.store);
    }
    f.options.host = "no-such-host.invalid";
    f.store = fixture_store(&f, "keeper", true);
    TURN_UNTIL(&f, strstr(sl_store_reason(f.store), "cannot resolve") != NULL);
    assert_int_equal(sl_store_state(f.store), SL_STORE_DOWN);
    sl_store_free(f.store);
    f.options.host = "localhost"; /* freed while the name is being resolved */
    f.store = fixture_store(&f, "keeper", true);
    sl_loop_turn(f.loop, 0);
    server_stop(&tcp, SIGKILL);
}

static void operations_are_refused_until_up(void **state)
{
    (void)state;
    assert_int_equal(sl_store_pool_names(f.store, NULL, NULL), SL_ERR_UNAVAILABLE);
    assert_string_not_equal(sl_store_reason(f.store), "");
    fixture_up(&f);
    assert_string_equal(sl_store_reason(f.store), "");
}

static void a_former_connection_is_killed(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    assert_string_equal(cli(&f.server, "client list | grep -c 'name=statuslistd:%s:%s:keeper '",
                            f.identity.instance, f.identity.run),
                        "1");
    /* Of another instance, or of the same run with another role: left alone. */
    struct sl_store_identity other, later = f.identity;
    new_identity(&other);
    struct sl_store *first = f.store, *worker = fixture_store(&f, "worker-0", false);
    struct sl_store *stranger = fixture_store_as(&f, "keeper", &other);
    TURN_UNTIL(&f, sl_store_state(worker) == SL_STORE_UP && sl_store_state(stranger) == SL_STORE_UP);
    assert_int_equal(sl_store_state(first), SL_STORE_UP);
    /* The same role in the same run. */
    f.store = fixture_store(&f, "keeper", true);
    TURN_UNTIL(&f, sl_store_state(first) == SL_STORE_DOWN);
    sl_store_free(first);
    fixture_up(&f);
    assert_int_equal(sl_store_state(worker), SL_STORE_UP);
    /* The same instance in another run: everything of the former one. */
    strcpy(later.run, "feedfeedfeedfeed");
    struct sl_store *loader = fixture_store_as(&f, "loader", &later);
    TURN_UNTIL(&f, sl_store_state(worker) == SL_STORE_DOWN && sl_store_state(f.store) == SL_STORE_DOWN);
    sl_store_free(worker);
    sl_store_free(f.store);
    f.store = loader;
    fixture_up(&f);
    assert_int_equal(sl_store_state(stranger), SL_STORE_UP);
    sl_store_free(stranger);
    AWAIT(&f, sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 0, on_status, NULL));
    assert_int_equal(got.err, SL_OK);
}

static void it_comes_back_after_a_kill(void **state)
{
    (void)state;
    fixture_up(&f);
    for (int i = 0; i < 3; i++) {
        cli(&f.server, "client kill type normal");
        TURN_UNTIL(&f, sl_store_state(f.store) != SL_STORE_UP);
        fixture_up(&f);
    }
}

static void it_says_which_server_it_speaks_to(void **state)
{
    (void)state;
    assert_string_equal(sl_store_server(f.store)->run_id, "");
    fixture_up(&f);
    struct sl_store_server first = *sl_store_server(f.store);
    assert_string_equal(first.run_id, cli(&f.server, "info server | tr -d '\\r' | sed -n s/^run_id://p"));
    assert_string_equal(first.replid,
                        cli(&f.server, "info replication | tr -d '\\r' | sed -n s/^master_replid://p"));
    cli(&f.server, "client kill type normal");
    TURN_UNTIL(&f, sl_store_state(f.store) != SL_STORE_UP);
    fixture_up(&f);
    assert_memory_equal(sl_store_server(f.store), &first, sizeof first);
}

static void scripts_are_loaded_again(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    cli(&f.server, "script flush");
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){1, 1}, 1,
                              on_updated, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_string_equal(got.results, "1");
    assert_int_equal(got.version, 1);
}

struct tally {
    unsigned calls;
    unsigned count[SL_ERR_COUNT];
};

static void tally_update(void *arg, enum sl_err err, const struct sl_updated *r)
{
    struct tally *t = arg;
    assert_int_equal(err == SL_OK, r != NULL);
    t->calls++;
    t->count[err]++;
}

static void tally_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    struct tally *t = arg;
    (void)value;
    (void)head;
    t->calls++;
    t->count[err]++;
}

static void a_crash_leaves_the_outcome_unknown(void **state)
{
    (void)state;
    f.options.command_timeout_ms = 10000;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 80, 1);
    struct tally sent = {0}, unsent = {0}, reads = {0};
    kill(f.server.pid, SIGSTOP);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1,
                                         &(struct sl_change){i, 1}, 1, tally_update, &sent),
                         SL_OK);
    assert_int_equal(sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 0, tally_status, &reads),
                     SL_OK);
    for (unsigned n = 0; n < 20; n++) /* leaves, on a busy machine too */
        sl_loop_turn(f.loop, 20);
    assert_int_equal(sl_store_inflight(f.store), 11);
    server_stop(&f.server, SIGKILL);
    assert_int_equal(sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1,
                                     &(struct sl_change){70, 1}, 1, tally_update, &unsent),
                     SL_OK);
    TURN_UNTIL(&f, sent.calls == 10 && unsent.calls == 1 && reads.calls == 1);
    assert_int_equal(sent.count[SL_ERR_OUTCOME_UNKNOWN], 10);
    assert_int_equal(unsent.count[SL_ERR_UNAVAILABLE] + unsent.count[SL_ERR_OUTCOME_UNKNOWN], 1);
    assert_int_equal(reads.count[SL_ERR_UNAVAILABLE], 1);
    assert_int_equal(sl_store_inflight(f.store), 0);
    assert_int_equal(sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){1, 1},
                                     1, tally_update, &sent),
                     SL_ERR_UNAVAILABLE);
    server_start(&f.server, NULL);
    fixture_up(&f);
}

static void a_server_that_stands_still_is_noticed(void **state)
{
    (void)state;
    f.options.command_timeout_ms = 300;
    fixture_up(&f);
    kill(f.server.pid, SIGSTOP); /* while nothing is awaited */
    TURN_UNTIL(&f, sl_store_state(f.store) != SL_STORE_UP);
    assert_string_equal(sl_store_reason(f.store), "no reply from Redis for 300 ms");
    TURN_UNTIL(&f, sl_store_state(f.store) == SL_STORE_GREETING); /* connects, but is not UP */
    TURN_UNTIL(&f, sl_store_state(f.store) == SL_STORE_DOWN);
    kill(f.server.pid, SIGCONT);
    fixture_up(&f);
}

static void what_is_in_flight_is_bounded(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    struct tally t = {0};
    for (int i = 0; i < SL_STORE_INFLIGHT; i++)
        assert_int_equal(sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 0, tally_status, &t),
                         SL_OK);
    assert_int_equal(sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 0, tally_status, &t),
                     SL_ERR_UNAVAILABLE);
    TURN_UNTIL(&f, t.calls == SL_STORE_INFLIGHT);
    assert_int_equal(t.count[SL_OK], SL_STORE_INFLIGHT);
}

static void a_replica_refuses_writes_that_have_not_happened(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    cli(&f.server, "replicaof 127.0.0.1 1");
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){1, 1}, 1,
                              on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_UNAVAILABLE);
    TURN_UNTIL(&f, sl_store_state(f.store) == SL_STORE_DOWN);
    cli(&f.server, "replicaof no one");
    fixture_up(&f);
    cli(&f.server, "config set maxmemory 1");
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){1, 1}, 1,
                              on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_UNAVAILABLE); /* OOM */
    cli(&f.server, "config set maxmemory 0");
    AWAIT(&f, sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 1, on_status, NULL));
    assert_int_equal(got.value, 0);
}

static void an_update_waits_for_replicas(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    f.options.command_timeout_ms = 600;
    f.options.wait_replicas = 1; /* there is none */
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){1, 1}, 1,
                              on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_OUTCOME_UNKNOWN);
    AWAIT(&f, sl_store_status(f.store, "p", fixture_fence(&f, "p"), &id, 1, on_status, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.value, 1);
    cli(&f.server, "script flush");
    AWAIT(&f, sl_store_update(f.store, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){2, 1}, 1,
                              on_updated, NULL));
    assert_int_equal(got.err, SL_ERR_OUTCOME_UNKNOWN);
}

static unsigned closed;

static void count_closed(void *arg, enum sl_store_state state)
{
    (void)arg;
    closed += state == SL_STORE_CLOSED;
}

static void draining_waits_for_replies(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    struct sl_store_setup setup = {.loop = f.loop,
                                   .options = &f.options,
                                   .identity = &f.identity,
                                   .role = "w",
                                   .clerk = f.clerk,
                                   .mail = &f.mail,
                                   .on_state = count_closed};
    struct tally t = {0};
    for (int round = 0; round < 3; round++) {
        struct sl_store *s = sl_store_new(&setup);
        closed = 0;
        if (round < 2)
            TURN_UNTIL(&f, sl_store_state(s) == SL_STORE_UP);
        for (uint32_t i = 0; round == 0 && i < 50; i++)
            assert_int_equal(sl_store_update(s, "p", fixture_fence(&f, "p"), &id, -1,
                                             &(struct sl_change){i % 8, i & 1}, 1, tally_update, &t),
                             SL_OK);
        sl_store_drain(s, SL_NS_PER_S);
        assert_int_equal(closed, 0); /* never inside the call */
        assert_int_equal(sl_store_status(s, "p", fixture_fence(&f, "p"), &id, 0, tally_status, &t),
                         SL_ERR_UNAVAILABLE);
        TURN_UNTIL(&f, closed == 1);
        sl_store_free(s);
    }
    assert_int_equal(t.count[SL_OK], 50);
}

static struct sl_store *victim;

static void free_victim(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    tally_status(arg, err, value, head);
    sl_store_free(victim);
    victim = NULL;
}

static void it_may_be_freed_in_its_own_callback(void **state)
{
    (void)state;
    fixture_up(&f);
    struct sl_uuid id = fixture_list(&f, "p", 8, 1);
    struct tally t = {0};
    victim = f.store;
    f.store = NULL;
    assert_int_equal(sl_store_status(victim, "p", fixture_fence(&f, "p"), &id, 0, free_victim, &t), SL_OK);
    assert_int_equal(sl_store_status(victim, "p", fixture_fence(&f, "p"), &id, 0, tally_status, &t), SL_OK);
    assert_int_equal(sl_store_update(victim, "p", fixture_fence(&f, "p"), &id, -1, &(struct sl_change){1, 1},
                                     1, tally_update, &t),
                     SL_OK);
    TURN_UNTIL(&f, victim == NULL);
    assert_int_equal(t.calls, 3);
    assert_int_equal(t.count[SL_ERR_OUTCOME_UNKNOWN], 1);
    assert_int_equal(t.count[SL_ERR_UNAVAILABLE], 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(connects_over_tcp_by_name_and_by_address),
        T(operations_are_refused_until_up),
        T(a_former_connection_is_killed),
        T(it_comes_back_after_a_kill),
        T(it_says_which_server_it_speaks_to),
        T(scripts_are_loaded_again),
        T(a_crash_leaves_the_outcome_unknown),
        T(a_server_that_stands_still_is_noticed),
        T(what_is_in_flight_is_bounded),
        T(a_replica_refuses_writes_that_have_not_happened),
        T(an_update_waits_for_replicas),
        T(draining_waits_for_replies),
        T(it_may_be_freed_in_its_own_callback),
    };
    return cmocka_run_group_tests_name("store connection", tests, NULL, NULL);
}
