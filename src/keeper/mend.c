/* Redis was restored from a backup, or failed over to a replica that lagged. After all lists were read again
 * and compared (keeper/learn.h), each that is missing or behind is written back from its last published
 * token: a publisher thread unpacks the statuses, and Redis creates the list again, or raises it, and seals
 * it. Until then nothing of the pool is loaded, and no worker with a new connection writes (sync.h). */
#include "keeper/mend.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define AT_ONCE 16 /* lists of a pool that are restored at once */
#define AT_ONCE_BYTES (16u * 1024 * 1024)

struct unpack_job {
    struct sl_job job;
    struct sl_klist *list;
    struct sl_token *token; /* a share */
    bool ok;
    size_t len;
    uint8_t bytes[];
};

static void mend_failed(struct sl_klist *t, const char *why)
{
    sl_log(SL_ERROR, "pool", why, SL_KS("pool", t->pool->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len));
    t->pool->mending.failed = true;
}

static void mend_ended(struct sl_klist *t)
{
    sl_flight_end(&t->pool->mending.flight, t);
    sl_keeper_mend(t->pool);
}

static void on_mended(void *arg, enum sl_err err, uint64_t version, enum sl_mended what)
{
    static const char *const results[] = {
        [SL_MENDED_NOT] = "another instance has restored a list",
        [SL_MENDED_NEW] = "a list that redis lost was created again from its last token",
        [SL_MENDED_RAISED] = "a list that redis lost changes of was raised to its last token",
        [SL_MENDED_MORE] = "a list that another instance had restored was raised further",
        [SL_MENDED_RETIRED] = "a list that redis lost is retired: it was not restored"};
    struct sl_klist *t = arg;
    if (err != SL_OK) {
        mend_failed(t, "cannot restore a list");
    } else {
        sl_keeper_note_restored(t);
        sl_metric_add_label(t->pool->metrics, SL_KM_MENDED, what, 1);
        sl_log(SL_WARN, "pool", results[what], SL_KS("pool", t->pool->shared->name),
               SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KU("version", version));
        if (what == SL_MENDED_RETIRED)
            sl_keeper_note_retired(t);
        else
            sl_keeper_committed(t, version, sl_mono_ns(t->pool->keeper->clock));
    }
    mend_ended(t);
}

static bool send_list(struct sl_klist *t, uint64_t source, struct sl_span bytes)
{
    struct sl_mend mend = {.list = t->list.id,
                           .uri = t->list.uri,
                           .least = sl_keeper_committed_version(t),
                           .source = source,
                           .bytes = bytes};
    return sl_store_mend(t->pool->keeper->store, t->pool->shared->name, &mend, on_mended, t) == SL_OK;
}

static void unpack_token(struct sl_job *job, void *builder)
{
    struct unpack_job *unpack = sl_container_of(job, struct unpack_job, job);
    (void)builder;
    unpack->ok = sl_token_unpack(unpack->token, unpack->bytes, unpack->len);
}

void sl_keeper_unpack_done(struct sl_mail *mail)
{
    struct unpack_job *unpack = sl_container_of(mail, struct unpack_job, job.mail);
    struct sl_klist *t = unpack->list;
    if (!unpack->ok ||
        !send_list(t, unpack->token->version, sl_span((const char *)unpack->bytes, unpack->len))) {
        mend_failed(t, unpack->ok ? "cannot restore a list" : "cannot unpack the last token of a list");
        mend_ended(t);
    }
    sl_token_unref(unpack->token);
    free(unpack);
}

static void mend_list(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    struct sl_token *token = sl_list_token(&t->list);
    t->mending.asked = true;
    sl_flight_begin(&p->mending.flight, t);
    /* Without a token no reader has seen the list: as far as this process knows it is as empty as new. */
    if (token == NULL) {
        if (!send_list(t, 0, sl_span("", 0))) {
            mend_failed(t, "cannot restore a list");
            sl_flight_end(&p->mending.flight, t);
        }
        return;
    }
    size_t raw = sl_keeper_raw_bytes(t);
    struct unpack_job *unpack = sl_xcalloc(1, sizeof *unpack + raw);
    unpack->job = (struct sl_job){
        .mail.kind = SL_KEEPER_MAIL_UNPACKED, .work = unpack_token, .reply_to = p->keeper->setup.mail};
    unpack->list = t;
    unpack->token = sl_token_ref(token);
    unpack->len = raw;
    sl_crew_submit(p->keeper->setup.publishers, &unpack->job);
}

void sl_keeper_start_mending(struct sl_kpool *p)
{
    sl_keeper_change_state(p, SL_POOL_MENDING);
    p->mending.next_number = 0;
    p->mending.failed = false;
    SL_EACH_KLIST (t, p->keeper)
        if (t->pool == p)
            t->mending.asked = false;
    sl_keeper_mend(p);
}

/* False: it has to wait, and all lists after it. */
static bool mend_if_behind(struct sl_kpool *p, struct sl_klist *t)
{
    struct sl_flight *flight = &p->mending.flight;
    if (t->pool != p || !sl_keeper_is_behind(t) || t->mending.asked)
        return true;
    /* A version that is being loaded or signed is from before the loss: it may still be shown, and then it is
     * the one to restore from. */
    if (sl_keeper_is_under_way(t) || !sl_flight_has_room(flight, t, AT_ONCE_BYTES))
        return false;
    mend_list(t);
    return true;
}

void sl_keeper_mend(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    struct sl_mending *mending = &p->mending;
    if (sl_keeper_pool_state(p) != SL_POOL_MENDING)
        return;
    uint32_t count = sl_table_count(k->shared->table);
    for (;
         mending->next_number < count && mending->flight.lists < AT_ONCE && !mending->failed && !k->draining;
         mending->next_number++)
        if (!mend_if_behind(p, sl_keeper_list(k, mending->next_number)))
            return;
    if (mending->flight.lists > 0 || k->draining)
        return;
    if (mending->failed) {
        sl_keeper_change_state(p, SL_POOL_CLOSED); /* the next sweep opens the pool again */
        return;
    }
    sl_keeper_end_check(p);
    k->hooks.mended(p);
}
