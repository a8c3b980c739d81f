#include "keeper/certificates.h"

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

void sl_keeper_new_certificate(struct sl_kpool *p)
{
    p->certificate = (struct sl_certificate){0};
}

static void announce_end(const struct sl_kpool *p, int64_t left)
{
    const char *absent = sl_key_why_absent(p->shared->key);
    if (absent != NULL) {
        sl_log(SL_ERROR, "signer", "there is no key: nothing is signed until one is loaded (SIGHUP)",
               SL_KS("pool", p->shared->name), SL_KS("reason", absent));
        return;
    }
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
    SL_EACH_KPOOL (p, k) {
        int64_t not_after = sl_key_not_after(p->shared->key);
        if (sl_ending_due(&p->certificate.ending, k->clock, INT64_MIN, not_after))
            announce_end(p, seconds_left(p));
    }
}
