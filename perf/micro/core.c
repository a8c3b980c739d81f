/* Index order, base64url, Accept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "core/order.h"
#include "http/accept.h"
#include "micro.h"

static void compute_indices(void *arg, uint64_t n)
{
    const struct sl_order *o = arg;
    uint32_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += sl_order_at(o, (uint32_t)(i % o->size));
    micro_keep(&sum);
}

struct text {
    uint8_t *bytes;
    char *out;
    size_t n;
};

static void encode_text(void *arg, uint64_t n)
{
    struct text *t = arg;
    for (uint64_t i = 0; i < n; i++) {
        sl_base64url_encode(t->out, t->bytes, t->n);
        micro_keep(t->out);
    }
}

static void decode_text(void *arg, uint64_t n)
{
    struct text *t = arg;
    size_t len = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!sl_base64url_decode(t->bytes, t->out, sl_base64url_len(t->n), &len))
            abort();
        micro_keep(t->bytes);
    }
}

static void negotiate_media(void *arg, uint64_t n)
{
    static const struct sl_span offers[] = {SL_SPAN("application/statuslist+jwt")};
    const struct sl_span *field = arg;
    int found = 0;
    for (uint64_t i = 0; i < n; i++)
        found += sl_accept_media(field, 1, offers, 1);
    micro_keep(&found);
}

static void negotiate_gzip(void *arg, uint64_t n)
{
    const struct sl_span *field = arg;
    bool identity = true;
    unsigned found = 0;
    for (uint64_t i = 0; i < n; i++)
        found += sl_accept_gzip(field, 1, &identity);
    micro_keep(&found);
}

void micro_core(void)
{
    static const uint32_t sizes[] = {1000, 100000, 1000000, 100000000};
    static const size_t lengths[] = {1500, 20000, 200000};
    uint8_t seed[SL_ORDER_SEED] = "a seed that is always the same.";
    char name[64];
    for (unsigned i = 0; i < 4; i++) {
        struct sl_order o;
        sl_order_init(&o, seed, sizes[i]);
        snprintf(name, sizeof name, "index order, list of %u", sizes[i]);
        micro_rate(name, compute_indices, &o, "indices/s");
    }
    for (unsigned i = 0; i < 3; i++) {
        struct text t = {malloc(lengths[i] + 3), malloc(lengths[i] * 2), lengths[i]};
        memset(t.bytes, 0xa5, lengths[i]);
        snprintf(name, sizeof name, "base64url, %zu bytes: encode", lengths[i]);
        micro_rate(name, encode_text, &t, "calls/s");
        snprintf(name, sizeof name, "base64url, %zu bytes: decode", lengths[i]);
        micro_rate(name, decode_text, &t, "calls/s");
        free(t.bytes);
        free(t.out);
    }
    struct sl_span plain = SL_SPAN("application/statuslist+jwt"), any = SL_SPAN("*/*");
    struct sl_span browser =
        SL_SPAN("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8");
    struct sl_span coding = SL_SPAN("gzip, deflate, br;q=0.8");
    micro_rate("Accept: application/statuslist+jwt", negotiate_media, &plain, "calls/s");
    micro_rate("Accept: */*", negotiate_media, &any, "calls/s");
    micro_rate("Accept: a browser's", negotiate_media, &browser, "calls/s");
    micro_rate("Accept-Encoding: gzip, deflate, br;q=0.8", negotiate_gzip, &coding, "calls/s");
}
