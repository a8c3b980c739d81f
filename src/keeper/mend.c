/* Redis went back behind what readers have seen: after the lists were read again, each that is absent or
 * older than was heard of is made again, or raised, from its last published bytes, sealed. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "core/status_list.h"
#include "keeper/keeper_int.h"

#define AT_ONCE 16 /* lists of a pool that are mended together */
#define AT_ONCE_BYTES (16u * 1024 * 1024)

struct unpack_job {
    struct sl_job job;
    struct sl_klist *list;
    struct sl_token *token; /* a share */
    bool ok;
    size_t len;
    uint8_t bytes[];
};

static size_t raw_bytes(const struct sl_klist *t)
{
    return sl_status_bytes(t->list.size, t->list.bits);
}

/* This time it has failed: read and mend again with the next sweep. */
static void failed(struct sl_klist *t, const char *why)
{
    sl_log(SL_ERROR, "pool", why, SL_KS("pool", t->pool->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len));
    t->pool->mend_failed = true;
}

static void ended(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    sl_assert(p->mending > 0);
    p->mending--;
    p->mending_bytes -= raw_bytes(t);
    sl_keeper_mend(p);
}

static void on_mended(void *arg, enum sl_err err, uint64_t version, enum sl_mended what)
{
    static const char *const told[] = {
        "a list was mended by another instance", "a list that redis lost was made again from its last token",
        "a list that redis lost changes of was raised to its last token",
        "a list that another instance has mended was raised further", "a list was retired meanwhile"};
    struct sl_klist *t = arg;
    if (err != SL_OK) {
        failed(t, "a list was not mended");
    } else {
        t->behind = t->rolled_back = false;
        sl_metric_add_label(t->pool->metrics, SL_KM_MENDED, what, 1);
        sl_log(SL_WARN, "pool", told[what], SL_KS("pool", t->pool->shared->name),
               SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KU("version", version));
        if (what == SL_MENDED_RETIRED)
            sl_keeper_ended(t);
        else
            sl_keeper_committed(t, version, sl_mono_ns(t->pool->keeper->clock));
    }
    ended(t);
}

static bool send(struct sl_klist *t, uint64_t source, struct sl_span bytes)
{
    struct sl_mend m = {
        .list = t->list.id, .uri = t->list.uri, .least = t->committed, .source = source, .bytes = bytes};
    return sl_store_mend(t->pool->keeper->store, t->pool->shared->name, &m, on_mended, t) == SL_OK;
}

static void unpack(struct sl_job *job, void *builder)
{
    struct unpack_job *j = (struct unpack_job *)job;
    (void)builder;
    j->ok = sl_token_unpack(j->token, j->bytes, j->len);
}

void sl_keeper_unpacked(struct sl_keeper *k, struct sl_mail *m)
{
    struct unpack_job *j = (struct unpack_job *)m;
    struct sl_klist *t = j->list;
    (void)k;
    if (!j->ok || !send(t, j->token->version, sl_span((const char *)j->bytes, j->len))) {
        failed(t, j->ok ? "a list was not mended" : "a list could not be read from its last token");
        ended(t);
    }
    sl_token_unref(j->token);
    free(j);
}

static void mend(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    struct sl_token *token = sl_list_token(&t->list);
    t->mend_asked = true;
    p->mending++;
    p->mending_bytes += raw_bytes(t);
    if (token == NULL) { /* never shown to anybody: as empty as it was created, for all that is known here */
        if (!send(t, 0, sl_span("", 0))) {
            failed(t, "a list was not mended");
            p->mending--;
            p->mending_bytes -= raw_bytes(t);
        }
        return;
    }
    struct unpack_job *j = sl_xcalloc(1, sizeof *j + raw_bytes(t));
    j->job = (struct sl_job){.mail.kind = MAIL_UNPACKED, .work = unpack, .reply_to = p->keeper->setup.mail};
    j->list = t;
    j->token = sl_token_ref(token);
    j->len = raw_bytes(t);
    sl_crew_submit(p->keeper->setup.publishers, &j->job);
}

/* Lists that the reading has not shown are gone from Redis. */
static void find_lost(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++) {
        struct sl_klist *t = sl_keeper_list(k, i);
        if (t->pool != p)
            continue;
        t->mend_asked = false;
        if (t->reading == p->reading || t->retired)
            continue;
        t->behind = true;
        sl_keeper_rolled_back(t, 0, t->committed);
    }
}

bool sl_keeper_in_doubt(const struct sl_kpool *p)
{
    return p->checking || (p->started && p->state < POOL_LISTING);
}

void sl_keeper_mend_start(struct sl_kpool *p)
{
    p->state = POOL_MENDING;
    p->mend_at = 0;
    p->mend_failed = false;
    find_lost(p);
    sl_keeper_mend(p);
}

void sl_keeper_mend(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    if (p->state != POOL_MENDING)
        return;
    uint32_t count = sl_table_count(k->shared->table);
    for (; p->mend_at < count && p->mending < AT_ONCE && !p->mend_failed && !k->draining; p->mend_at++) {
        struct sl_klist *t = sl_keeper_list(k, p->mend_at);
        if (t->pool != p || !t->behind || t->mend_asked)
            continue;
        /* What is being loaded or signed is from before: it may be shown yet, and then is what to mend with.
         */
        if (t->state == PUBLISH_LOADING || t->state == PUBLISH_SIGNING ||
            (p->mending > 0 && p->mending_bytes + raw_bytes(t) > AT_ONCE_BYTES))
            return;
        mend(t);
    }
    if (p->mending > 0 || k->draining)
        return;
    if (p->mend_failed) {
        p->state = POOL_CLOSED; /* the next sweep opens the pool again */
        return;
    }
    p->checking = false;
    sl_keeper_synced(p);
}
