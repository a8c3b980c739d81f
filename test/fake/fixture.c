#include "base/container_of.h"
#include "fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

#define CALL SL_MAIL_RANGE_TESTS

struct call {
    struct sl_mail mail;
    void (*fn)(void *arg);
    void *arg;
};

static uint64_t mono(void *arg)
{
    return sl_mono_ns(&sl_clock_system) + atomic_load(&((struct fixture *)arg)->passed_ms) * SL_NS_PER_MS;
}

static int64_t wall(void *arg)
{
    struct fixture *f = arg;
    int64_t passed = (int64_t)atomic_load(&f->passed_ms);
    return sl_wall_ms(&sl_clock_system) + passed + atomic_load(&f->wall_step_ms);
}

/* The same seed repeats a run, except for threads and time. */
static void chance(void *arg, void *out, size_t n)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < n; i++) {
        f->random = f->random * 6364136223846793005ull + 1442695040888963407ull;
        ((uint8_t *)out)[i] = (uint8_t)(f->random >> 40);
    }
}

static const struct sl_clock *loop_clock(struct fixture *f)
{
    return f->s.steady ? &f->steady.clock : &f->clock;
}

void fixture_call(struct sl_mailbox *to, void (*fn)(void *arg), void *arg)
{
    struct call *c = sl_xcalloc(1, sizeof *c);
    *c = (struct call){.mail.kind = CALL, .fn = fn, .arg = arg};
    sl_mailbox_send(to, &c->mail);
}

static bool was_call(struct sl_mail *m)
{
    if (m->kind != CALL)
        return false;
    struct call *c = sl_container_of(m, struct call, mail);
    c->fn(c->arg);
    free(c);
    return true;
}

/* ---- workers ---- */

static void on_worker_mail(void *arg, struct sl_mail *m)
{
    struct fixture_worker *w = arg;
    if (was_call(m))
        return;
    if (m->kind == SL_MAIL_TURN && w->hold_turns) {
        m->next = w->turns;
        w->turns = m;
        return;
    }
    sl_pool_worker_mail(&w->pool, m);
}

void fixture_release_turns(struct fixture_worker *w)
{
    w->hold_turns = false;
    for (struct sl_mail *m = w->turns, *next; m != NULL; m = next) {
        next = m->next;
        sl_pool_worker_mail(&w->pool, m);
    }
    w->turns = NULL;
}

static void on_worker_store(void *arg, enum sl_store_state state)
{
    struct fixture_worker *w = arg;
    if (w->store != NULL)
        sl_pool_worker_connection(&w->pool, state == SL_STORE_UP);
}

static void worker_start(struct fixture_worker *w)
{
    struct fixture *f = w->fixture;
    sl_mailbox_attach(&w->mail, w->loop);
    sl_pool_worker_init(&w->pool, w->loop, &w->mail, &f->shared);
    struct sl_store_setup setup = {.loop = w->loop,
                                   .options = &f->redis->options,
                                   .identity = &f->identity,
                                   .role = "worker",
                                   .on_state = on_worker_store,
                                   .arg = w};
    w->store = w->pool.store = sl_store_new(&setup);
}

static void worker_stop(struct fixture_worker *w)
{
    sl_store_free(w->store);
    sl_pool_worker_stop(&w->pool);
    sl_mailbox_detach(&w->mail);
}

static void worker_run(void *arg)
{
    struct fixture_worker *w = arg;
    w->loop = sl_loop_new(loop_clock(w->fixture));
    worker_start(w);
    sl_loop_run(w->loop);
    worker_stop(w);
    sl_loop_free(w->loop);
    atomic_fetch_add(&w->fixture->workers_ended, 1);
}

/* ---- the keeper ---- */

static void on_keeper_mail(void *arg, struct sl_mail *m)
{
    struct fixture *f = arg;
    if (was_call(m))
        return;
    if (f->s.no_keeper)
        f->s.on_keeper_mail(f->s.arg, m);
    else
        sl_keeper_mail(f->keeper, m);
}

static void on_started(void *arg)
{
    struct fixture *f = arg;
    sl_assert(!atomic_load(&f->started)); /* once */
    atomic_store(&f->started, true);
}

static void on_fatal(void *arg, const char *why)
{
    struct fixture *f = arg;
    sl_assert(!atomic_load(&f->started));
    snprintf(f->fatal, sizeof f->fatal, "%s", why);
}

static void keeper_start(struct fixture *f)
{
    struct sl_keeper_setup s = {.loop = f->loop,
                                .mail = &f->keeper_mail,
                                .shared = &f->shared,
                                .redis = &f->redis->options,
                                .identity = &f->identity,
                                .clerk = f->clerk,
                                .publishers = f->publishers,
                                .publisher_count = 1,
                                .handover = f->handover,
                                .public_url = "https://lists.example/s",
                                .workers = f->worker_mail,
                                .worker_count = f->s.workers,
                                .pool_metrics = f->metrics,
                                .clock_metrics = f->clock_metrics,
                                .steady = f->s.steady ? &f->steady : NULL,
                                .on_started = on_started,
                                .on_fatal = on_fatal,
                                .arg = f};
    f->keeper = sl_keeper_new(&s);
}

/* The workers have ended; the last turn messages are in their mailboxes. */
static void keeper_stop(struct fixture *f)
{
    do {
        while (sl_crew_pending(f->publishers) + sl_crew_pending(f->clerk) > 0)
            sl_loop_turn(f->loop, 1);
        for (unsigned i = 0; i < f->s.workers; i++)
            sl_mailbox_drain(&f->workers[i].mail);
        sl_mailbox_drain(&f->keeper_mail);
    } while (sl_keeper_turning(f->keeper));
    sl_keeper_free(f->keeper);
}

static void keeper_run(void *arg)
{
    struct fixture *f = arg;
    f->loop = sl_loop_new(loop_clock(f));
    keeper_start(f);
    sl_mailbox_attach(&f->keeper_mail, f->loop);
    sl_loop_run(f->loop);
    keeper_stop(f);
    sl_mailbox_detach(&f->keeper_mail);
    sl_loop_free(f->loop);
    atomic_store(&f->keeper_ended, true);
}

/* ---- birth ---- */

static void *builder_new(void *arg)
{
    (void)arg;
    return sl_token_builder_new(&sl_clock_system);
}

static void builder_free(void *state)
{
    sl_token_builder_free(state);
}

static void make_pools(struct fixture *f)
{
    f->shared.pool_count = f->s.pools;
    f->shared.pools = sl_must(aligned_alloc(64, f->s.pools * sizeof *f->shared.pools));
    memset(f->shared.pools, 0, f->s.pools * sizeof *f->shared.pools);
    f->shared.table = sl_table_new();
    f->shared.keeper = &f->keeper_mail;
    for (unsigned i = 0; i < f->s.pools; i++) {
        char text[512] = "", labels[64];
        struct sl_buf why;
        struct sl_pool_options *o = &f->options[i];
        struct sl_pool *p = &f->shared.pools[i];
        snprintf(f->names[i], sizeof f->names[i], "pool%u", i);
        *o = (struct sl_pool_options){.name = f->names[i],
                                      .size = 512,
                                      .bits = 1,
                                      .final_status = -1,
                                      .precreation_lists = 1,
                                      .check_delay_ms = 1000,
                                      .threshold = 8,
                                      .capacity = 32,
                                      .underflow_timeout_ms = 5000,
                                      .list_lifetime_ms = 3600000,
                                      .ttl_ms = 60000,
                                      .signer = {.generate = true, .kid = true}};
        if (f->s.configure != NULL)
            f->s.configure(o, &f->redis->options);
        p->name = o->name;
        atomic_init(&p->options, o);
        p->number = i;
        p->ring = sl_must(sl_ring_new(o->capacity));
        sl_buf_over(&why, text, sizeof text - 1);
        if (!sl_key_load(&o->signer, f->storage, o->name, &sl_clock_system, &why, &p->key)) {
            fprintf(stderr, "%s\n", text);
            abort();
        }
        snprintf(labels, sizeof labels, "pool=\"%s\"", o->name);
        f->metrics[i] = sl_metric_slab_new(&sl_keeper_metric_table, labels);
    }
}

static void make_storage(struct fixture *f)
{
    const struct fixture_estate *before = f->s.estate;
    if (before != NULL) {
        memcpy(f->storage, before->storage, sizeof f->storage);
        memcpy(f->runtime, before->runtime, sizeof f->runtime);
        f->redis = before->redis;
        return;
    }
    const char *folder = getenv("SL_TEST_FOLDER");
    snprintf(f->storage, sizeof f->storage, "%s/sl-pool-XXXXXX", folder != NULL ? folder : "/tmp");
    sl_assert(mkdtemp(f->storage) != NULL);
    snprintf(f->runtime, sizeof f->runtime, "%s/sl-run-XXXXXX", folder != NULL ? folder : "/dev/shm");
    sl_assert(mkdtemp(f->runtime) != NULL);
    f->redis = fake_redis_new(&f->clock, f->s.seed);
}

/* As the daemon does, before the keeper starts. */
static void open_handover(struct fixture *f)
{
    char text[256] = "";
    struct sl_buf why;
    struct sl_handover_scope scope;
    sl_buf_over(&why, text, sizeof text - 1);
    sl_assert(sl_handover_scope_of(1, &scope));
    if (!f->s.no_runtime)
        f->handover = sl_handover_open(f->runtime, &scope, &why);
    sl_assert(f->s.no_runtime || f->handover != NULL);
}

struct fixture *fixture_new(const struct fixture_setup *setup)
{
    struct fixture *f = sl_xcalloc(1, sizeof *f);
    f->s = *setup;
    f->s.workers = setup->workers > 0 ? setup->workers : 1;
    f->s.pools = setup->pools > 0 ? setup->pools : 1;
    f->random = setup->seed + 1;
    f->clock = (struct sl_clock){mono, wall, chance, f};
    sl_steady_init(&f->steady, &f->clock);
    f->clock_metrics = sl_metric_slab_new(&sl_clock_metric_table, "");
    sl_log_set_level(SL_ERROR + 1);
    make_storage(f);
    snprintf(f->identity.run, sizeof f->identity.run, "%016" PRIx64, sl_mono_ns(&sl_clock_system));
    open_handover(f);
    f->redis->clock = &f->clock;
    make_pools(f);
    sl_mailbox_init(&f->keeper_mail, on_keeper_mail, f);
    f->clerk = sl_crew_new("clerk", 1, NULL, NULL, NULL);
    f->publishers = sl_crew_new("publisher", 1, builder_new, builder_free, NULL);
    f->loop = f->s.threads ? NULL : sl_loop_new(loop_clock(f));
    for (unsigned i = 0; i < f->s.workers; i++) {
        struct fixture_worker *w = &f->workers[i];
        *w = (struct fixture_worker){.fixture = f, .id = i, .loop = f->loop};
        sl_mailbox_init(&w->mail, on_worker_mail, w);
        sl_pool_worker_metrics(&w->pool, &f->shared);
        f->worker_mail[i] = &w->mail;
    }
    if (f->s.threads)
        f->keeper_thread = sl_thread_start("keeper", keeper_run, f);
    else if (!f->s.no_keeper)
        keeper_start(f);
    for (unsigned i = 0; f->s.no_keeper && i < f->s.pools; i++)
        fixture_show_history(f, i);
    if (!f->s.threads)
        sl_mailbox_attach(&f->keeper_mail, f->loop);
    for (unsigned i = 0; i < f->s.workers; i++) {
        if (f->s.threads)
            f->workers[i].thread = sl_thread_start("worker", worker_run, &f->workers[i]);
        else
            worker_start(&f->workers[i]);
    }
    return f;
}

void fixture_show_history(struct fixture *f, unsigned pool)
{
    struct sl_history *h = sl_xcalloc(1, sizeof *h);
    struct fake_pool *p = fake_pool(f->redis, f->shared.pools[pool].name);
    struct sl_store_server server;
    fake_server(f->redis, &server);
    memcpy(h->run_id, server.run_id, sizeof h->run_id);
    memcpy(h->replid, server.replid, sizeof h->replid);
    h->lineage = p->now.lineage;
    atomic_init(&h->least, p->now.change);
    fixture_hide_history(f, pool);
    atomic_store(&f->shared.pools[pool].history, h);
}

/* No thread uses it: the caller is the only one. */
void fixture_hide_history(struct fixture *f, unsigned pool)
{
    free(atomic_exchange(&f->shared.pools[pool].history, NULL));
}

/* ---- life ---- */

static void on_nudge(void *arg)
{
    (void)arg;
}

/* The kernel wakes the loop by its own clock, which is behind ours: timers that are due are found after a
 * wake-up. */
static void nudge(struct fixture *f)
{
    uint64_t passed = atomic_exchange(&f->passed_ms, 0);
    f->nudge.on_due = on_nudge;
    sl_timer_start(f->loop, &f->nudge, SL_NS_PER_MS / 5);
    atomic_store(&f->passed_ms, passed);
}

void fixture_turn(struct fixture *f)
{
    if (f->s.threads) {
        usleep(500);
        return;
    }
    if (atomic_load(&f->passed_ms) > 0)
        nudge(f);
    sl_loop_turn(f->loop, 1);
}

void fixture_for(struct fixture *f, unsigned ms)
{
    uint64_t end = sl_mono_ns(&sl_clock_system) + ms * SL_NS_PER_MS;
    /* On a busy machine the time may be over before any thread has run. */
    for (unsigned turns = 0; turns < ms || sl_mono_ns(&sl_clock_system) < end; turns++)
        fixture_turn(f);
}

void fixture_pass(struct fixture *f, unsigned ms)
{
    sl_assert(!f->s.threads);
    atomic_fetch_add(&f->passed_ms, ms);
}

#define PATIENCE 10 /* a busy machine is slow, not wrong */

bool fixture_until(struct fixture *f, bool (*holds)(struct fixture *f, void *arg), void *arg, unsigned ms)
{
    for (uint64_t end = sl_mono_ns(&sl_clock_system) + PATIENCE * ms * SL_NS_PER_MS; !holds(f, arg);) {
        if (sl_mono_ns(&sl_clock_system) > end)
            return false;
        fixture_turn(f);
    }
    return true;
}

static bool is_ready(struct fixture *f, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < f->s.pools; i++)
        if (!f->options[i].retired && sl_ring_fill(f->shared.pools[i].ring) < f->options[i].capacity)
            return false;
    return atomic_load(&f->started);
}

void fixture_start(struct fixture *f)
{
    sl_assert(fixture_until(f, is_ready, NULL, 10000));
}

uint64_t fixture_metric_label(const struct fixture *f, unsigned pool, unsigned id, unsigned value)
{
    const struct sl_metric_slab *m = f->metrics[pool];
    return atomic_load(&m->cells[m->first[id] + value]);
}

uint64_t fixture_metric(const struct fixture *f, unsigned pool, unsigned id)
{
    return fixture_metric_label(f, pool, id, 0);
}

/* ---- the end ---- */

static void begin_drain(void *arg)
{
    sl_keeper_begin_drain(((struct fixture *)arg)->keeper);
}

static void on_end(void *arg)
{
    struct fixture_worker *w = arg;
    if (!sl_pool_worker_idle(&w->pool)) {
        sl_timer_start(w->loop, &w->end, SL_NS_PER_MS);
        return;
    }
    if (w->fixture->s.threads)
        sl_loop_stop(w->loop);
    else
        atomic_fetch_add(&w->fixture->workers_ended, 1);
}

static void drain_worker(void *arg)
{
    struct fixture_worker *w = arg;
    sl_pool_worker_drain(&w->pool);
    sl_timer_init(&w->end, on_end, w);
    sl_timer_start(w->loop, &w->end, 0);
}

static void on_gave_back(void *arg)
{
    struct fixture *f = arg;
    sl_assert(!f->gave_back); /* once */
    f->gave_back = true;
    if (f->s.threads)
        sl_loop_stop(f->loop);
}

static void give_back(void *arg)
{
    struct fixture *f = arg;
    sl_keeper_give_back(f->keeper, 5 * SL_NS_PER_S, on_gave_back, f);
}

static bool workers_have_ended(struct fixture *f, void *arg)
{
    (void)arg;
    return atomic_load(&f->workers_ended) == f->s.workers;
}

static bool keeper_has_ended(struct fixture *f, void *arg)
{
    (void)arg;
    return f->s.threads ? atomic_load(&f->keeper_ended) : f->gave_back;
}

static void stop_all(struct fixture *f)
{
    fake_release(f->redis);
    if (!f->s.no_keeper)
        fixture_call(&f->keeper_mail, begin_drain, f);
    for (unsigned i = 0; i < f->s.workers; i++) {
        fixture_release_turns(&f->workers[i]);
        fixture_call(&f->workers[i].mail, drain_worker, &f->workers[i]);
    }
    sl_assert(fixture_until(f, workers_have_ended, NULL, 20000));
    for (unsigned i = 0; i < f->s.workers; i++) {
        if (f->s.threads)
            sl_thread_join(f->workers[i].thread);
        else
            worker_stop(&f->workers[i]);
    }
    if (f->s.no_keeper)
        return;
    fixture_call(&f->keeper_mail, give_back, f);
    sl_assert(fixture_until(f, keeper_has_ended, NULL, 20000));
}

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char child[512];
        if (e->d_name[0] == '.')
            continue;
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (e->d_type == DT_DIR)
            remove_tree(child);
        else
            unlink(child);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

int fixture_teardown(void **state)
{
    fixture_end(*state);
    return 0;
}

void fixture_end(struct fixture *f)
{
    stop_all(f);
    if (f->s.threads) {
        sl_thread_join(f->keeper_thread);
    } else {
        if (!f->s.no_keeper)
            keeper_stop(f);
        sl_mailbox_detach(&f->keeper_mail);
    }
    sl_crew_free(f->publishers);
    sl_crew_free(f->clerk);
    for (unsigned i = 0; i < f->s.workers; i++) {
        sl_mailbox_drain(&f->workers[i].mail);
        sl_pool_worker_free(&f->workers[i].pool);
        sl_mailbox_close(&f->workers[i].mail);
    }
    if (!f->s.threads) {
        sl_timer_stop(f->loop, &f->nudge);
        sl_loop_free(f->loop);
    }
    sl_mailbox_close(&f->keeper_mail);
    for (unsigned i = 0; i < f->s.pools; i++) {
        if (f->s.no_keeper)
            fixture_hide_history(f, i);
        sl_key_free(f->shared.pools[i].key);
        sl_ring_free(f->shared.pools[i].ring);
    }
    sl_table_free(f->shared.table);
    free(f->shared.pools);
    sl_metric_registry_free();
    sl_handover_close(f->handover);
    if (!f->keeps) {
        fake_redis_free(f->redis);
        remove_tree(f->storage);
        remove_tree(f->runtime);
    }
    free(f);
}

struct fixture_estate fixture_die(struct fixture *f)
{
    struct fixture_estate estate = {.redis = f->redis};
    memcpy(estate.storage, f->storage, sizeof estate.storage);
    memcpy(estate.runtime, f->runtime, sizeof estate.runtime);
    f->keeps = true;
    fixture_end(f);
    return estate;
}
