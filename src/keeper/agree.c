#include "keeper/agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "core/siphash.h"
#include "keeper/keeper_int.h"

/* Before the first agreement a pool is not opened; each sweep asks again, until the other instance is gone or
 * has other options. Later a difference is only logged and shown: both instances serve the same lists
 * already.
 */

static const char url_key[] = "public-url";

/* Not with sl_buf_printf, which allocates. */
static void put_line(struct sl_buf *out, const char *key, const char *value)
{
    sl_buf_puts(out, key);
    sl_buf_putc(out, ' ');
    if (value == NULL)
        return;
    sl_buf_puts(out, value);
    sl_buf_putc(out, '\n');
}

/* A line per option that differs from its default, so that an option which only a later version knows makes
 * no difference to an earlier one. */
static void put_text(const struct sl_keeper *k, const struct sl_pool_options *options, struct sl_buf *out)
{
    struct sl_pool_options *plain = sl_xcalloc(1, sizeof *plain);
    sl_option_defaults(sl_pool_option_rows, plain);
    out->len = 0;
    put_line(out, url_key, k->setup.public_url);
    for (const struct sl_option *row = sl_pool_option_rows; row->name != NULL; row++) {
        if (!(row->flags & SL_OPT_SHARED) || sl_option_same(row, plain, options))
            continue;
        put_line(out, row->name, NULL);
        sl_option_show(row, options, out);
        sl_buf_putc(out, '\n');
    }
    sl_option_release(sl_pool_option_rows, plain);
    free(plain);
    sl_assert(!out->failed); /* the configuration bounds each */
}

static void text_init(struct sl_buf *text)
{
    sl_buf_over(text, sl_xcalloc(1, SL_SHARED_MAX), SL_SHARED_MAX);
}

static uint64_t fingerprint_of(const struct sl_buf *text)
{
    static const uint64_t key[2] = {0}; /* the same in every process; the fingerprint is no secret */
    return sl_siphash(key, (const uint8_t *)text->data, text->len);
}

/* The option's value in an instance's text; its default if the text does not have it. */
static struct sl_span value_of(struct sl_span text, const char *name, const char *fallback)
{
    size_t n = strlen(name);
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.at) : text.len;
        if (len > n && memcmp(text.at, name, n) == 0 && text.at[n] == ' ')
            return sl_span(text.at + n + 1, len - n - 1);
        text = end != NULL ? sl_span(end + 1, text.len - len - 1) : sl_span(text.at + len, 0);
    }
    return fallback != NULL ? sl_span(fallback, strlen(fallback)) : SL_SPAN("absent");
}

static void compare_option(struct sl_buf *why, struct sl_span other, struct sl_span mine, const char *name,
                           const char *fallback, unsigned *differences)
{
    struct sl_span theirs = value_of(other, name, fallback), ours = value_of(mine, name, fallback);
    if (sl_span_eq(theirs, ours))
        return;
    sl_buf_printf(why, "%s %s %.*s, this file says %.*s", (*differences)++ > 0 ? ";" : " with", name,
                  (int)(theirs.len < 100 ? theirs.len : 100), theirs.at,
                  (int)(ours.len < 100 ? ours.len : 100), ours.at);
}

/* The sentence that names what differs; false: nothing does. */
static bool find_difference(const struct sl_kpool *p, const struct sl_agreed *agreed,
                            const struct sl_buf *mine, const struct sl_pool_options *options,
                            char out[static SL_KEEPER_WHY])
{
    struct sl_buf why;
    unsigned n = 0;
    bool fixed = agreed->size != 0 && (agreed->size != options->size || agreed->bits != options->bits);
    if (!fixed && agreed->other.len == 0)
        return false;
    sl_buf_over(&why, out, SL_KEEPER_WHY);
    sl_buf_printf(&why, "redis has pool %s", p->shared->name);
    struct sl_span theirs = agreed->text, text = sl_span(mine->data, mine->len);
    if (agreed->size != 0 && agreed->size != options->size)
        sl_buf_printf(&why, "%s size %u, this file says %u", n++ > 0 ? ";" : " with", agreed->size,
                      options->size);
    if (agreed->size != 0 && agreed->bits != options->bits)
        sl_buf_printf(&why, "%s bits %u, this file says %u", n++ > 0 ? ";" : " with", agreed->bits,
                      options->bits);
    if (agreed->other.len > 0 && theirs.len > 0) {
        compare_option(&why, theirs, text, url_key, NULL, &n);
        for (const struct sl_option *row = sl_pool_option_rows; row->name != NULL; row++)
            if (row->flags & SL_OPT_SHARED && strcmp(row->name, "size") != 0 &&
                strcmp(row->name, "bits") != 0)
                compare_option(&why, theirs, text, row->name, row->fallback, &n);
    }
    if (fixed)
        sl_buf_puts(&why, ". A live pool cannot change size and bits: use a new pool name");
    if (agreed->other.len > 0)
        sl_buf_printf(&why,
                      ". Instance %.*s runs with different values: give all instances the same, or stop the "
                      "others first",
                      (int)agreed->other.len, agreed->other.at);
    (void)sl_buf_cstr(&why);
    return true;
}

static struct sl_feed_shown *shown_of(const struct sl_kpool *p)
{
    return &p->keeper->agreements.shown[p->shared->number];
}

static bool same_shared(const struct sl_feed_shown *one, const struct sl_feed_shown *other)
{
    return one->fingerprint == other->fingerprint && one->ttl_ms == other->ttl_ms;
}

/* Another process, or this one before a reload, has given out tokens with a longer ttl. */
static void note_replaced(struct sl_kpool *p, const struct sl_agreed *agreed)
{
    int64_t now_ms = sl_wall_ms(p->keeper->clock);
    if (agreed->kept_ms > 0)
        sl_slot_raise(&p->shared->kept_until_ms, now_ms + (int64_t)agreed->kept_ms);
    if (agreed->cached_ms > 0)
        sl_slot_raise(&p->shared->cached_until_ms, now_ms + (int64_t)agreed->cached_ms);
}

static void on_agreed(void *arg, enum sl_err err, const struct sl_agreed *agreed)
{
    struct sl_kpool *p = arg;
    struct sl_agreement *agreement = &p->agreement;
    struct sl_keeper *k = p->keeper;
    char why[SL_KEEPER_WHY];
    agreement->asking = false;
    if (err == SL_OK)
        note_replaced(p, agreed);
    if (err != SL_OK || !same_shared(shown_of(p), &agreement->asked))
        return; /* the next sweep asks again */
    agreement->due = false;
    if (!find_difference(p, agreed, &agreement->text, p->options, why)) {
        bool first = !agreement->agreed;
        agreement->difference[0] = '\0';
        agreement->agreed = true;
        if (first && sl_keeper_pool_state(p) == SL_POOL_CLOSED)
            k->hooks.agreed(p);
        return;
    }
    agreement->due = true; /* each sweep asks again */
    if (strcmp(why, agreement->difference) != 0)
        sl_log(SL_ERROR, "pool",
               agreement->agreed ? "instances of a pool differ"
                                 : "a pool is not opened: instances of it differ",
               SL_KS("pool", p->shared->name), SL_KS("difference", why));
    memcpy(agreement->difference, why, sizeof why);
    if (!agreement->agreed)
        k->hooks.refused(p);
}

static uint32_t default_ttl_ms(void)
{
    struct sl_pool_options plain = {0};
    sl_option_defaults(sl_pool_option_rows, &plain);
    uint32_t ttl_ms = plain.ttl_ms;
    sl_option_release(sl_pool_option_rows, &plain);
    return ttl_ms;
}

static struct sl_shared_options options_of(const struct sl_buf *text, const struct sl_pool_options *options,
                                           uint32_t ttl_ms)
{
    return (struct sl_shared_options){.text = sl_span(text->data, text->len),
                                      .fingerprint = fingerprint_of(text),
                                      .size = options->size,
                                      .bits = options->bits,
                                      .ttl_ms = ttl_ms,
                                      .default_ttl_ms = default_ttl_ms()};
}

void sl_keeper_check_agreement(struct sl_kpool *p)
{
    struct sl_agreement *agreement = &p->agreement;
    struct sl_keeper *k = p->keeper;
    agreement->due = true;
    if (agreement->asking || k->feed == NULL || sl_feed_state(k->feed) != SL_STORE_UP)
        return; /* the others must see our fingerprint before we look for theirs */
    agreement->asked = *shown_of(p);
    struct sl_shared_options mine = options_of(&agreement->text, p->options, agreement->asked.ttl_ms);
    agreement->asking = sl_store_agree(k->store, p->shared->name, &mine, true, on_agreed, p) == SL_OK;
}

/* `before` was shown. */
static void show_again(struct sl_kpool *p, const struct sl_feed_shown *before)
{
    struct sl_keeper *k = p->keeper;
    if (k->feed == NULL)
        return;
    sl_feed_show(k->feed, p->shared->number, before);
    if (!same_shared(shown_of(p), before))
        sl_keeper_check_agreement(p);
}

/* A reload has shortened the ttl: that of before is shown until no token has it any more. */
static void watch_ttl(struct sl_kpool *p)
{
    struct sl_feed_shown *shown = shown_of(p), before = *shown;
    uint32_t longest = p->options->ttl_ms;
    if (shown->ttl_ms <= longest)
        return;
    SL_EACH_KLIST (t, p->keeper) {
        const struct sl_token *token = sl_list_token(&t->list);
        if (t->pool == p && token != NULL && token->ttl * 1000 > longest)
            longest = (uint32_t)token->ttl * 1000;
    }
    shown->ttl_ms = longest;
    show_again(p, &before);
}

void sl_keeper_retry_agreement(struct sl_kpool *p)
{
    watch_ttl(p);
    if (p->agreement.due)
        sl_keeper_check_agreement(p);
}

void sl_keeper_advertise_options(struct sl_kpool *p)
{
    struct sl_feed_shown *shown = shown_of(p), before = *shown;
    if (p->agreement.text.data == NULL)
        text_init(&p->agreement.text);
    put_text(p->keeper, p->options, &p->agreement.text);
    shown->fingerprint = fingerprint_of(&p->agreement.text);
    shown->update_ms = p->options->update_interval_ms;
    if (p->options->ttl_ms > shown->ttl_ms)
        shown->ttl_ms = p->options->ttl_ms;
    show_again(p, &before);
}

const struct sl_feed_shown *sl_keeper_shown(const struct sl_keeper *k)
{
    return k->agreements.shown;
}

bool sl_keeper_has_agreed(const struct sl_kpool *p)
{
    return p->agreement.agreed;
}

const char *sl_keeper_difference(const struct sl_kpool *p)
{
    return p->agreement.difference[0] != '\0' ? p->agreement.difference : p->agreement.misfit;
}

void sl_keeper_note_misfit(struct sl_kpool *p, const char *why)
{
    char *misfit = p->agreement.misfit;
    if (why[0] != '\0' && strcmp(why, misfit) != 0)
        sl_log(SL_ERROR, "pool", why);
    snprintf(misfit, sizeof p->agreement.misfit, "%s", why);
}

const char *sl_keeper_refusal(const struct sl_kpool *p)
{
    return sl_keeper_was_synced(p) ? "" : sl_keeper_difference(p);
}

void sl_keeper_agreements_init(struct sl_keeper *k)
{
    k->agreements.shown = sl_xcalloc(k->shared->pool_count + 1, sizeof *k->agreements.shown);
}

void sl_keeper_agreements_free(struct sl_keeper *k)
{
    SL_EACH_KPOOL (p, k)
        free(p->agreement.text.data);
    free(k->agreements.shown);
}

/* ---- asking before a reload */

struct options_question {
    struct sl_kpool *pool;
    const struct sl_pool_options *options;
    struct sl_buf text;
};

static void free_question(struct options_question *question)
{
    free(question->text.data);
    free(question);
}

static void question_answered(struct sl_keeper *k)
{
    if (--k->agreements.question.awaited == 0)
        k->agreements.question.done(k->agreements.question.arg);
}

static void on_options_checked(void *arg, enum sl_err err, const struct sl_agreed *agreed)
{
    struct options_question *question = arg;
    struct sl_keeper *k = question->pool->keeper;
    char why[SL_KEEPER_WHY];
    if (err == SL_OK && find_difference(question->pool, agreed, &question->text, question->options, why))
        k->agreements.question.differs(k->agreements.question.arg, question->pool->shared->number, why);
    free_question(question);
    question_answered(k);
}

void sl_keeper_check_options(struct sl_keeper *k, const struct sl_pool_options *options,
                             sl_keeper_differs_cb *differs, sl_keeper_checked_cb *done, void *arg)
{
    sl_assert(k->agreements.question.awaited == 0);
    k->agreements.question.differs = differs;
    k->agreements.question.done = done;
    k->agreements.question.arg = arg;
    k->agreements.question.awaited = 1; /* held until every pool was asked */
    SL_EACH_KPOOL (p, k) {
        struct options_question *question = sl_xcalloc(1, sizeof *question);
        *question = (struct options_question){.pool = p, .options = &options[p->shared->number]};
        text_init(&question->text);
        put_text(k, question->options, &question->text);
        struct sl_shared_options next =
            options_of(&question->text, question->options, question->options->ttl_ms);
        if (next.fingerprint != shown_of(p)->fingerprint &&
            sl_store_agree(k->store, p->shared->name, &next, false, on_options_checked, question) == SL_OK)
            k->agreements.question.awaited++;
        else
            free_question(question);
    }
    question_answered(k);
}
