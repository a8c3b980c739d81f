/* What the wall clock brings about. The ends of the certificates are told ahead, and again each day; what is
 * signed never outlives them (keeper/schedule.h). */
#include "base/log.h"
#include "keeper/keeper_int.h"

#define DAY_S 86400

static int64_t seconds_left(const struct sl_kpool *p)
{
    return sl_ending_left(p->keeper->clock, sl_key_not_after(p->shared->key));
}

bool sl_keeper_expired(const struct sl_kpool *p)
{
    return seconds_left(p) <= 0;
}

static void tell(const struct sl_kpool *p, int64_t left)
{
    char mem[64];
    struct sl_buf end;
    sl_buf_over(&end, mem, sizeof mem);
    sl_ending_put(sl_key_not_after(p->shared->key), &end);
    if (left <= 0)
        sl_log(SL_ERROR, "signer",
               "the certificate has expired: nothing is signed until another is loaded (SIGHUP)",
               SL_KS("pool", p->shared->name), SL_KN("not-after", end.data, end.len));
    else
        sl_log(SL_WARN, "signer", "the certificate expires soon: renew it and reload (SIGHUP)",
               SL_KS("pool", p->shared->name), SL_KN("not-after", end.data, end.len),
               SL_KI("days", left / DAY_S));
}

void sl_keeper_watch_certificates(struct sl_keeper *k)
{
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        struct sl_kpool *p = &k->pools[i];
        if (sl_ending_due(&p->ending, k->clock, INT64_MIN, sl_key_not_after(p->shared->key)))
            tell(p, seconds_left(p));
    }
}

/* Timers follow the monotonic clock, tokens the wall clock: after a step every renewal is drawn anew. */
void sl_keeper_watch_wall(struct sl_keeper *k)
{
    int64_t offset = sl_wall_ms(k->clock) - (int64_t)(sl_mono_ns(k->clock) / SL_NS_PER_MS);
    int64_t step = offset - k->wall_offset_ms;
    k->wall_offset_ms = offset;
    if (step > -1000 && step < 1000)
        return;
    sl_log(SL_WARN, "publish", "the wall clock was stepped", SL_KI("milliseconds", step));
    for (uint32_t i = 0; i < sl_table_count(k->shared->table); i++) {
        struct sl_klist *t = sl_keeper_list(k, i);
        const struct sl_token *token = sl_list_token(&t->list);
        if (token != NULL && t->committed <= token->version)
            sl_keeper_schedule(t);
    }
}
