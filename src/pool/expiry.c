/* What the wall clock brings about. The ends of the certificates are told ahead, and again each day; what is
 * signed never outlives them (pool/schedule.h). */
#include <time.h>

#include "base/log.h"
#include "pool/keeper_int.h"

#define DAY_S 86400
#define AGAIN_NS (86400 * SL_NS_PER_S)

static const int64_t stages[] = {30 * DAY_S, 7 * DAY_S, 1 * DAY_S, 0}; /* seconds before the end */

static unsigned stage_of(int64_t left)
{
    unsigned n = 0;
    while (n < sizeof stages / sizeof *stages && left <= stages[n])
        n++;
    return n;
}

static int64_t seconds_left(const struct kpool *p)
{
    int64_t end = sl_key_not_after(p->pool->key);
    return end == INT64_MAX ? INT64_MAX : end - sl_wall_ms(p->k->clock) / 1000;
}

bool sl_keeper_expired(const struct kpool *p)
{
    return seconds_left(p) <= 0;
}

void sl_keeper_put_end(const struct kpool *p, struct sl_buf *out)
{
    time_t t = (time_t)sl_key_not_after(p->pool->key);
    struct tm tm;
    if (gmtime_r(&t, &tm) != NULL)
        sl_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void tell(const struct kpool *p, int64_t left)
{
    char mem[64];
    struct sl_buf end;
    sl_buf_over(&end, mem, sizeof mem);
    sl_keeper_put_end(p, &end);
    if (left <= 0)
        sl_log(SL_ERROR, "signer",
               "the certificate has expired: nothing is signed until another is loaded (SIGHUP)",
               SL_KS("pool", p->pool->name), SL_KN("not-after", end.data, end.len));
    else
        sl_log(SL_WARN, "signer", "the certificate ends soon: renew it and reload (SIGHUP)",
               SL_KS("pool", p->pool->name), SL_KN("not-after", end.data, end.len),
               SL_KI("days", left / DAY_S));
}

void sl_keeper_watch_certificates(struct sl_keeper *k)
{
    uint64_t now = sl_mono_ns(k->clock);
    for (unsigned i = 0; i < k->s.shared->pool_count; i++) {
        struct kpool *p = &k->pools[i];
        int64_t left = seconds_left(p);
        unsigned stage = stage_of(left);
        if (stage > p->told_stage || (stage > 0 && now - p->told_ns >= AGAIN_NS)) {
            tell(p, left);
            p->told_ns = now;
        }
        p->told_stage = stage;
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
    for (uint32_t i = 0; i < sl_table_count(k->s.shared->table); i++) {
        struct tracked *t = sl_keeper_tracked(k, i);
        const struct sl_token *token = sl_list_token(&t->list);
        if (token != NULL && t->committed <= token->version)
            sl_keeper_schedule(t);
    }
}
