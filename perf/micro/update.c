/* The update script on a real Redis: calls a second by the number of changes in one; one call is in flight.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "base/log.h"
#include "store/store.h"

#define POOL "micro"
#define ENTRIES 1000000u
#define MOST 5000u

struct update_run {
    struct sl_loop *loop;
    struct sl_store *store;
    struct sl_uuid list;
    struct sl_fence fence;
    struct sl_change changes[MOST];
    uint32_t n;
    unsigned turn;
    bool done;
};

static void require_ok(enum sl_err err, const char *what)
{
    if (err == SL_OK)
        return;
    fprintf(stderr, "micro: %s: %s\n", what, sl_err_title(err));
    exit(1);
}

static void wait_reply(struct update_run *b)
{
    while (!b->done)
        sl_loop_turn(b->loop, 100);
    b->done = false;
}

static void on_opened(void *arg, enum sl_err err, const struct sl_pool_opened *r)
{
    struct update_run *b = arg;
    require_ok(err, "opening the pool");
    b->fence = (struct sl_fence){r->lineage, r->change, false};
    b->done = true;
}

static void on_made(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n)
{
    (void)made, (void)n;
    require_ok(err, "creating the list");
    ((struct update_run *)arg)->done = true;
}

static void on_updated(void *arg, enum sl_err err, const struct sl_updated *r)
{
    require_ok(err, "updating");
    if (!r->changed)
        abort();
    struct update_run *b = arg;
    b->fence.least = r->change;
    b->done = true;
}

static void update_statuses(void *arg, uint64_t calls)
{
    struct update_run *b = arg;
    for (uint64_t i = 0; i < calls; i++) {
        b->turn ^= 1;
        for (uint32_t k = 0; k < b->n; k++)
            b->changes[k] = (struct sl_change){k * (ENTRIES / MOST), (uint8_t)b->turn};
        require_ok(sl_store_update(b->store, POOL, &b->fence, &b->list, -1, b->changes, b->n, on_updated, b),
                   "updating");
        wait_reply(b);
    }
}

static void on_mail(void *arg, struct sl_mail *m)
{
    (void)arg;
    sl_store_mail(m);
}

static void create_list(struct update_run *b)
{
    struct sl_list_draft draft = {.id = sl_uuid_v4(&sl_clock_system),
                                  .uri = SL_SPAN("http://localhost/micro")};
    b->list = draft.id;
    while (sl_store_state(b->store) != SL_STORE_UP)
        sl_loop_turn(b->loop, 20);
    struct sl_pool_known known = {.first = true};
    sl_random(&sl_clock_system, &known.random, sizeof known.random);
    require_ok(sl_store_open_pool(b->store, POOL, ENTRIES, 1, &known, on_opened, b), "opening the pool");
    wait_reply(b);
    require_ok(sl_store_precreate(b->store, POOL, &b->fence, &draft, 1, on_made, b), "creating the list");
    wait_reply(b);
}

void micro_update(const char *socket)
{
    static const uint32_t counts[] = {1, 10, 100, 1000, MOST};
    char path[108], name[64];
    struct sl_mailbox mail;
    snprintf(path, sizeof path, "%s", socket);
    sl_log_set_level(SL_ERROR);
    struct update_run *b = calloc(1, sizeof *b);
    b->loop = sl_loop_new(&sl_clock_system);
    struct sl_redis_options options = {.socket = path, .command_timeout_ms = 10000};
    struct sl_store_identity identity = {.run = "0123456789abcdef"};
    struct sl_uuid id = sl_uuid_v4(&sl_clock_system);
    sl_uuid_text(&id, identity.instance);
    struct sl_crew *clerk = sl_crew_new("clerk", 1, NULL, NULL, NULL);
    sl_mailbox_init(&mail, on_mail, NULL);
    sl_mailbox_attach(&mail, b->loop);
    struct sl_store_setup setup = {.loop = b->loop,
                                   .options = &options,
                                   .identity = &identity,
                                   .role = "micro",
                                   .clerk = clerk,
                                   .mail = &mail};
    setup.metrics = sl_metric_slab_new(&sl_store_metric_table, "role=\"micro\"");
    b->store = sl_store_new(&setup);
    create_list(b);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        b->n = counts[i];
        snprintf(name, sizeof name, "update script, %u changes a call", b->n);
        micro_rate(name, update_statuses, b, "calls/s");
    }
    sl_store_free(b->store);
    sl_loop_turn(b->loop, 0);
    sl_crew_free(clerk);
    sl_mailbox_detach(&mail);
    sl_mailbox_close(&mail);
    sl_loop_free(b->loop);
    sl_metric_registry_free();
    free(b);
}
