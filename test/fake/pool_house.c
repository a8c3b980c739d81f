#include "pool_house.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

#define CALL 2000

struct call {
    struct sl_mail mail;
    void (*fn)(void *arg);
    void *arg;
};

static uint64_t mono(void *arg)
{
    return sl_mono_ns(&sl_clock_system) + atomic_load(&((struct house *)arg)->passed_ms) * SL_NS_PER_MS;
}

static int64_t wall(void *arg)
{
    struct house *h = arg;
    int64_t passed = (int64_t)atomic_load(&h->passed_ms);
    return sl_wall_ms(&sl_clock_system) + passed + atomic_load(&h->wall_step_ms);
}

/* A seed repeats a run, as far as threads and time do. */
static void chance(void *arg, void *out, size_t n)
{
    struct house *h = arg;
    for (size_t i = 0; i < n; i++) {
        h->random = h->random * 6364136223846793005ull + 1442695040888963407ull;
        ((uint8_t *)out)[i] = (uint8_t)(h->random >> 40);
    }
}

void house_call(struct sl_mailbox *to, void (*fn)(void *arg), void *arg)
{
    struct call *c = sl_xcalloc(1, sizeof *c);
    *c = (struct call){.mail.kind = CALL, .fn = fn, .arg = arg};
    sl_mailbox_send(to, &c->mail);
}

static bool was_call(struct sl_mail *m)
{
    if (m->kind != CALL)
        return false;
    struct call *c = (struct call *)m;
    c->fn(c->arg);
    free(c);
    return true;
}

/* ---- workers ---------------------------------------------------------------------------------------------
 */

static void on_worker_mail(void *arg, struct sl_mail *m)
{
    struct house_worker *w = arg;
    if (was_call(m))
        return;
    if (m->kind == SL_MAIL_TURN && w->hold_turns) {
        m->next = w->turns;
        w->turns = m;
        return;
    }
    sl_pool_worker_mail(&w->pool, m);
}

void house_release_turns(struct house_worker *w)
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
    (void)arg;
    (void)state;
}

static void worker_start(struct house_worker *w)
{
    struct house *h = w->house;
    sl_mailbox_attach(&w->mail, w->loop);
    sl_pool_worker_init(&w->pool, w->loop, &w->mail, &h->shared);
    struct sl_store_setup setup = {.loop = w->loop,
                                   .options = &h->redis->options,
                                   .identity = &h->identity,
                                   .role = "worker",
                                   .on_state = on_worker_store,
                                   .arg = w};
    w->store = w->pool.store = sl_store_new(&setup);
}

static void worker_stop(struct house_worker *w)
{
    sl_store_free(w->store);
    sl_pool_worker_stop(&w->pool);
    sl_mailbox_detach(&w->mail);
}

static void worker_run(void *arg)
{
    struct house_worker *w = arg;
    w->loop = sl_loop_new(&w->house->clock);
    worker_start(w);
    sl_loop_run(w->loop);
    worker_stop(w);
    sl_loop_free(w->loop);
    atomic_fetch_add(&w->house->workers_ended, 1);
}

/* ---- the keeper ------------------------------------------------------------------------------------------
 */

static void on_keeper_mail(void *arg, struct sl_mail *m)
{
    struct house *h = arg;
    if (was_call(m))
        return;
    if (h->s.no_keeper)
        h->s.on_keeper_mail(h->s.arg, m);
    else
        sl_keeper_mail(h->keeper, m);
}

static void on_started(void *arg)
{
    struct house *h = arg;
    sl_assert(!atomic_load(&h->started)); /* once */
    atomic_store(&h->started, true);
}

static void on_fatal(void *arg, const char *why)
{
    struct house *h = arg;
    sl_assert(!atomic_load(&h->started));
    snprintf(h->fatal, sizeof h->fatal, "%s", why);
}

static void keeper_start(struct house *h)
{
    struct sl_keeper_setup s = {.loop = h->loop,
                                .mail = &h->keeper_mail,
                                .shared = &h->shared,
                                .redis = &h->redis->options,
                                .identity = &h->identity,
                                .clerk = h->clerk,
                                .publishers = h->publishers,
                                .publisher_count = 1,
                                .storage = h->storage,
                                .public_url = "https://lists.example/s",
                                .workers = h->worker_mail,
                                .worker_count = h->s.workers,
                                .pool_metrics = h->metrics,
                                .on_started = on_started,
                                .on_fatal = on_fatal,
                                .arg = h};
    h->keeper = sl_keeper_new(&s);
}

/* The workers have ended; the last turn messages are in their mailboxes. */
static void keeper_stop(struct house *h)
{
    do {
        while (sl_crew_pending(h->publishers) + sl_crew_pending(h->clerk) > 0)
            sl_loop_turn(h->loop, 1);
        for (unsigned i = 0; i < h->s.workers; i++)
            sl_mailbox_drain(&h->workers[i].mail);
        sl_mailbox_drain(&h->keeper_mail);
    } while (sl_keeper_turning(h->keeper));
    sl_keeper_free(h->keeper);
}

static void keeper_run(void *arg)
{
    struct house *h = arg;
    h->loop = sl_loop_new(&h->clock);
    keeper_start(h);
    sl_mailbox_attach(&h->keeper_mail, h->loop);
    sl_loop_run(h->loop);
    keeper_stop(h);
    sl_mailbox_detach(&h->keeper_mail);
    sl_loop_free(h->loop);
    atomic_store(&h->keeper_ended, true);
}

/* ---- birth -----------------------------------------------------------------------------------------------
 */

static void *builder_new(void *arg)
{
    (void)arg;
    return sl_token_builder_new(&sl_clock_system);
}

static void builder_free(void *state)
{
    sl_token_builder_free(state);
}

static void make_pools(struct house *h)
{
    h->shared.pool_count = h->s.pools;
    h->shared.pools = sl_must(aligned_alloc(64, h->s.pools * sizeof *h->shared.pools));
    memset(h->shared.pools, 0, h->s.pools * sizeof *h->shared.pools);
    h->shared.table = sl_table_new();
    h->shared.keeper = &h->keeper_mail;
    for (unsigned i = 0; i < h->s.pools; i++) {
        char text[512] = "", labels[64];
        struct sl_buf why;
        struct sl_pool_options *o = &h->options[i];
        struct sl_pool *p = &h->shared.pools[i];
        snprintf(h->names[i], sizeof h->names[i], "pool%u", i);
        *o = (struct sl_pool_options){.name = h->names[i],
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
        if (h->s.configure != NULL)
            h->s.configure(o, &h->redis->options);
        p->name = o->name;
        atomic_init(&p->options, o);
        p->number = i;
        p->ring = sl_must(sl_ring_new(o->capacity));
        sl_buf_over(&why, text, sizeof text - 1);
        if (!sl_key_load(&o->signer, h->storage, o->name, &sl_clock_system, &why, &p->key)) {
            fprintf(stderr, "%s\n", text);
            abort();
        }
        snprintf(labels, sizeof labels, "pool=\"%s\"", o->name);
        h->metrics[i] = sl_metric_slab_new(&sl_keeper_metric_table, labels);
    }
}

static void make_storage(struct house *h)
{
    const struct house_estate *before = h->s.estate;
    if (before != NULL) {
        memcpy(h->storage, before->storage, sizeof h->storage);
        h->redis = before->redis;
        return;
    }
    const char *folder = getenv("SL_TEST_FOLDER");
    snprintf(h->storage, sizeof h->storage, "%s/sl-pool-XXXXXX", folder != NULL ? folder : "/tmp");
    sl_assert(mkdtemp(h->storage) != NULL);
    h->redis = fake_redis_new(&h->clock, h->s.seed);
}

struct house *house_new(const struct house_setup *setup)
{
    struct house *h = sl_xcalloc(1, sizeof *h);
    h->s = *setup;
    h->s.workers = setup->workers > 0 ? setup->workers : 1;
    h->s.pools = setup->pools > 0 ? setup->pools : 1;
    h->random = setup->seed + 1;
    h->clock = (struct sl_clock){mono, wall, chance, h};
    sl_log_set_level(SL_ERROR + 1);
    make_storage(h);
    h->redis->clock = &h->clock;
    make_pools(h);
    sl_mailbox_init(&h->keeper_mail, on_keeper_mail, h);
    h->clerk = sl_crew_new("clerk", 1, NULL, NULL, NULL);
    h->publishers = sl_crew_new("publisher", 1, builder_new, builder_free, NULL);
    h->loop = h->s.threads ? NULL : sl_loop_new(&h->clock);
    for (unsigned i = 0; i < h->s.workers; i++) {
        struct house_worker *w = &h->workers[i];
        *w = (struct house_worker){.house = h, .id = i, .loop = h->loop};
        sl_mailbox_init(&w->mail, on_worker_mail, w);
        sl_pool_worker_metrics(&w->pool, &h->shared);
        h->worker_mail[i] = &w->mail;
    }
    if (h->s.threads)
        h->keeper_thread = sl_thread_start("keeper", keeper_run, h);
    else if (!h->s.no_keeper)
        keeper_start(h);
    if (!h->s.threads)
        sl_mailbox_attach(&h->keeper_mail, h->loop);
    for (unsigned i = 0; i < h->s.workers; i++) {
        if (h->s.threads)
            h->workers[i].thread = sl_thread_start("worker", worker_run, &h->workers[i]);
        else
            worker_start(&h->workers[i]);
    }
    return h;
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static void on_nudge(void *arg)
{
    (void)arg;
}

/* The kernel wakes the loop by its own clock, which is behind ours: what is due is found after a wake-up. */
static void nudge(struct house *h)
{
    uint64_t passed = atomic_exchange(&h->passed_ms, 0);
    h->nudge.on_due = on_nudge;
    sl_timer_start(h->loop, &h->nudge, SL_NS_PER_MS / 5);
    atomic_store(&h->passed_ms, passed);
}

void house_turn(struct house *h)
{
    if (h->s.threads) {
        usleep(500);
        return;
    }
    if (atomic_load(&h->passed_ms) > 0)
        nudge(h);
    sl_loop_turn(h->loop, 1);
}

void house_for(struct house *h, unsigned ms)
{
    uint64_t end = sl_mono_ns(&sl_clock_system) + ms * SL_NS_PER_MS;
    /* On a busy machine the time may be over before anything has moved. */
    for (unsigned turns = 0; turns < ms || sl_mono_ns(&sl_clock_system) < end; turns++)
        house_turn(h);
}

void house_pass(struct house *h, unsigned ms)
{
    sl_assert(!h->s.threads);
    atomic_fetch_add(&h->passed_ms, ms);
}

#define PATIENCE 10 /* a busy machine is slow, not wrong */

bool house_until(struct house *h, bool (*holds)(struct house *h, void *arg), void *arg, unsigned ms)
{
    for (uint64_t end = sl_mono_ns(&sl_clock_system) + PATIENCE * ms * SL_NS_PER_MS; !holds(h, arg);) {
        if (sl_mono_ns(&sl_clock_system) > end)
            return false;
        house_turn(h);
    }
    return true;
}

static bool is_ready(struct house *h, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < h->s.pools; i++)
        if (!h->options[i].retired && sl_ring_fill(h->shared.pools[i].ring) < h->options[i].capacity)
            return false;
    return atomic_load(&h->started);
}

void house_start(struct house *h)
{
    sl_assert(house_until(h, is_ready, NULL, 10000));
}

uint64_t house_metric_label(const struct house *h, unsigned pool, unsigned id, unsigned value)
{
    const struct sl_metric_slab *m = h->metrics[pool];
    return atomic_load(&m->cells[m->first[id] + value]);
}

uint64_t house_metric(const struct house *h, unsigned pool, unsigned id)
{
    return house_metric_label(h, pool, id, 0);
}

/* ---- the end ---------------------------------------------------------------------------------------------
 */

static void begin_drain(void *arg)
{
    sl_keeper_begin_drain(((struct house *)arg)->keeper);
}

static void on_end(void *arg)
{
    struct house_worker *w = arg;
    if (!sl_pool_worker_idle(&w->pool)) {
        sl_timer_start(w->loop, &w->end, SL_NS_PER_MS);
        return;
    }
    if (w->house->s.threads)
        sl_loop_stop(w->loop);
    else
        atomic_fetch_add(&w->house->workers_ended, 1);
}

static void drain_worker(void *arg)
{
    struct house_worker *w = arg;
    sl_pool_worker_drain(&w->pool);
    sl_timer_init(&w->end, on_end, w);
    sl_timer_start(w->loop, &w->end, 0);
}

static void on_gave_back(void *arg)
{
    struct house *h = arg;
    sl_assert(!h->gave_back); /* once */
    h->gave_back = true;
    if (h->s.threads)
        sl_loop_stop(h->loop);
}

static void give_back(void *arg)
{
    struct house *h = arg;
    sl_keeper_give_back(h->keeper, 5 * SL_NS_PER_S, on_gave_back, h);
}

static bool workers_have_ended(struct house *h, void *arg)
{
    (void)arg;
    return atomic_load(&h->workers_ended) == h->s.workers;
}

static bool keeper_has_ended(struct house *h, void *arg)
{
    (void)arg;
    return h->s.threads ? atomic_load(&h->keeper_ended) : h->gave_back;
}

static void stop_all(struct house *h)
{
    fake_release(h->redis);
    if (!h->s.no_keeper)
        house_call(&h->keeper_mail, begin_drain, h);
    for (unsigned i = 0; i < h->s.workers; i++) {
        house_release_turns(&h->workers[i]);
        house_call(&h->workers[i].mail, drain_worker, &h->workers[i]);
    }
    sl_assert(house_until(h, workers_have_ended, NULL, 20000));
    for (unsigned i = 0; i < h->s.workers; i++) {
        if (h->s.threads)
            sl_thread_join(h->workers[i].thread);
        else
            worker_stop(&h->workers[i]);
    }
    if (h->s.no_keeper)
        return;
    house_call(&h->keeper_mail, give_back, h);
    sl_assert(house_until(h, keeper_has_ended, NULL, 20000));
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

void house_end(struct house *h)
{
    stop_all(h);
    if (h->s.threads) {
        sl_thread_join(h->keeper_thread);
    } else {
        if (!h->s.no_keeper)
            keeper_stop(h);
        sl_mailbox_detach(&h->keeper_mail);
    }
    sl_crew_free(h->publishers);
    sl_crew_free(h->clerk);
    for (unsigned i = 0; i < h->s.workers; i++) {
        sl_mailbox_drain(&h->workers[i].mail);
        sl_pool_worker_free(&h->workers[i].pool);
        sl_mailbox_close(&h->workers[i].mail);
    }
    if (!h->s.threads) {
        sl_timer_stop(h->loop, &h->nudge);
        sl_loop_free(h->loop);
    }
    sl_mailbox_close(&h->keeper_mail);
    for (unsigned i = 0; i < h->s.pools; i++) {
        sl_key_free(h->shared.pools[i].key);
        sl_ring_free(h->shared.pools[i].ring);
    }
    sl_table_free(h->shared.table);
    free(h->shared.pools);
    sl_metric_registry_free();
    if (!h->keeps) {
        fake_redis_free(h->redis);
        remove_tree(h->storage);
    }
    free(h);
}

struct house_estate house_die(struct house *h)
{
    struct house_estate estate = {.redis = h->redis};
    memcpy(estate.storage, h->storage, sizeof estate.storage);
    h->keeps = true;
    house_end(h);
    return estate;
}
