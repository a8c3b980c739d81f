#include "keeper/sign.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "keeper/keeper_int.h"
#include "keeper/schedule.h"

#define HURRY_LEVEL 6

static int level_for(struct sl_kpool *p, bool hurry)
{
    uint64_t budget = p->options->update_interval_ms * SL_NS_PER_MS / 10;
    if (budget < 10 * SL_NS_PER_MS)
        budget = 10 * SL_NS_PER_MS;
    int level = sl_level_choose(&p->signing.levels, budget);
    return hurry && level > HURRY_LEVEL ? HURRY_LEVEL : level;
}

/* In the publisher thread. */
static void sign_list(struct sl_job *job, void *builder)
{
    struct sl_sign_job *j = sl_container_of(job, struct sl_sign_job, job);
    j->err = sl_token_build(builder, &j->spec, &j->token, &j->cost);
}

/* A copy in the job's memory: a reload may replace the text while the job runs. */
static struct sl_span keep_text(struct sl_span text, uint8_t **at)
{
    if (text.len == 0)
        return text;
    struct sl_span kept = sl_span(memcpy(*at, text.at, text.len), text.len);
    *at += text.len;
    return kept;
}

const char *sl_keeper_start_signing(struct sl_klist *t, struct sl_head head, const struct sl_line *line,
                                    struct sl_span bytes, int64_t last_iat, bool hurry)
{
    struct sl_kpool *p = t->pool;
    struct sl_keeper *k = p->keeper;
    const struct sl_pool_options *options = p->options;
    struct sl_key *key = p->shared->key;
    size_t raw = sl_keeper_raw_bytes(t), len = bytes.len < raw ? bytes.len : raw;
    struct sl_span iss =
        options->issuer != NULL ? sl_span(options->issuer, strlen(options->issuer)) : sl_span(NULL, 0);
    struct sl_span aggregation = sl_span(p->signing.aggregation_uri.data, p->signing.aggregation_uri.len);
    struct sl_validity validity = sl_schedule_validity(
        options, sl_wall_ms(k->clock) / 1000, sl_keeper_latest_iat(k), last_iat, sl_key_not_after(key));
    if (validity.exp <= validity.iat)
        return sl_key_why_absent(key) != NULL ? "there is no key to sign with"
                                              : "the signing certificate has expired";
    struct sl_sign_job *j = calloc(1, sizeof *j + len + iss.len + aggregation.len);
    if (j == NULL)
        return "no memory to sign a list";
    if (len > 0)
        memcpy(j->bytes, bytes.at, len);
    uint8_t *texts = j->bytes + len;
    j->job =
        (struct sl_job){.mail.kind = SL_KEEPER_MAIL_SIGNED, .work = sign_list, .reply_to = k->setup.mail};
    j->list = t;
    j->key = sl_key_ref(key);
    j->edition = p->signing.edition;
    j->spec = (struct sl_token_spec){.key = key,
                                     .sub = t->list.uri,
                                     .iss = keep_text(iss, &texts),
                                     .aggregation_uri = keep_text(aggregation, &texts),
                                     .size = t->list.size,
                                     .bits = t->list.bits,
                                     .list = j->bytes,
                                     .list_len = len,
                                     .version = head.version,
                                     .at = head.at,
                                     .line = *line,
                                     .iat = validity.iat,
                                     .exp = validity.exp,
                                     .ttl = options->ttl_ms / 1000,
                                     .iat_shared = validity.iat == last_iat,
                                     .level = level_for(p, hurry)};
    sl_crew_submit(k->setup.publishers, &j->job);
    return NULL;
}

void sl_keeper_count_signing(const struct sl_sign_job *job, uint64_t queued_ns, uint64_t loading_ns)
{
    const struct sl_klist *t = job->list;
    struct sl_lag_sample sample = {.bytes = sl_keeper_raw_bytes(t),
                                   .queued_ns = queued_ns,
                                   .loading_ns = loading_ns,
                                   .cost = &job->cost};
    struct sl_metric_slab *metrics = t->pool->metrics;
    const struct sl_token *old = sl_list_token(&t->list);
    struct sl_head head = sl_token_head(job->token);
    unsigned cause = old == NULL                                ? SL_PUBLISHED_FIRST
                     : !sl_head_equal(head, sl_token_head(old)) ? SL_PUBLISHED_CHANGE
                                                                : SL_PUBLISHED_RENEWAL;
    sl_metric_add(metrics, SL_KM_SIGNINGS, 1);
    sl_metric_add_label(metrics, SL_KM_PUBLICATIONS, cause, 1);
    sl_metric_observe(metrics, SL_KM_COMPRESS_SECONDS, job->cost.compress_ns);
    sl_metric_observe(metrics, SL_KM_SIGN_SECONDS, job->cost.sign_ns);
    sl_keeper_lag_published(t->pool->keeper, &sample);
}

void sl_keeper_end_sign_job(struct sl_sign_job *j)
{
    if (j->err == SL_OK)
        sl_level_measured(&j->list->pool->signing.levels, j->spec.level, j->cost.compress_ns);
    sl_key_free(j->key);
    free(j);
}

void sl_keeper_name_aggregation(struct sl_kpool *p)
{
    struct sl_buf *uri = &p->signing.aggregation_uri;
    uri->len = 0;
    if (p->options->aggregation_uri)
        sl_buf_printf(uri, "%s/aggregation/%s", p->keeper->setup.public_url, p->shared->name);
    sl_assert(!uri->failed); /* the configuration bounds both */
}

void sl_keeper_new_edition(struct sl_kpool *p)
{
    p->signing.edition++;
}

uint64_t sl_keeper_edition(const struct sl_kpool *p)
{
    return p->signing.edition;
}

void sl_keeper_signing_init(struct sl_kpool *p)
{
    sl_buf_init(&p->signing.aggregation_uri, SL_URI_ROOM);
    sl_keeper_name_aggregation(p);
}

void sl_keeper_signing_free(struct sl_kpool *p)
{
    sl_buf_free(&p->signing.aggregation_uri);
}
