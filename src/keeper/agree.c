/* What all instances of a pool must have in common: shown to the others, compared before the pool is opened,
 * and again with every new subscription and every change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "core/siphash.h"
#include "keeper/keeper_int.h"

static const char url_key[] = "public-url";

/* Not sl_buf_printf, which may lack memory for a moment. */
static void put_line(struct sl_buf *out, const char *key, const char *value)
{
    sl_buf_puts(out, key);
    sl_buf_putc(out, ' ');
    if (value == NULL)
        return;
    sl_buf_puts(out, value);
    sl_buf_putc(out, '\n');
}

/* A line per option that has not its default: one that a later version knows is not missed by an earlier one.
 */
static void put_text(const struct sl_keeper *k, const struct sl_pool_options *o, struct sl_buf *out)
{
    struct sl_pool_options *plain = sl_xcalloc(1, sizeof *plain);
    sl_option_defaults(sl_pool_option_rows, plain);
    out->len = 0;
    put_line(out, url_key, k->setup.public_url);
    for (const struct sl_option *row = sl_pool_option_rows; row->name != NULL; row++) {
        if (!(row->flags & SL_OPT_SHARED) || sl_option_same(row, plain, o))
            continue;
        put_line(out, row->name, NULL);
        sl_option_show(row, o, out);
        sl_buf_putc(out, '\n');
    }
    sl_option_release(sl_pool_option_rows, plain);
    free(plain);
    sl_assert(!out->failed); /* the configuration bounds each */
}

/* What is of one size is there or the process ends. */
static void text_init(struct sl_buf *text)
{
    sl_buf_over(text, sl_xcalloc(1, SL_SHARED_MAX), SL_SHARED_MAX);
}

static uint64_t fingerprint_of(const struct sl_buf *text)
{
    static const uint64_t key[2] = {0}; /* the same everywhere: nobody is kept out by it */
    return sl_siphash(key, (const uint8_t *)text->data, text->len);
}

/* The value in the text of an instance; without one the option's default. */
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

static void compare(struct sl_buf *why, struct sl_span his, struct sl_span mine, const char *name,
                    const char *fallback, unsigned *differences)
{
    struct sl_span a = value_of(his, name, fallback), b = value_of(mine, name, fallback);
    if (sl_span_eq(a, b))
        return;
    sl_buf_printf(why, "%s %s %.*s, this file says %.*s", (*differences)++ > 0 ? ";" : " with", name,
                  (int)(a.len < 100 ? a.len : 100), a.at, (int)(b.len < 100 ? b.len : 100), b.at);
}

/* Into p->differs; false: nothing speaks against `mine`. */
static bool differs(const struct sl_kpool *p, const struct sl_agreed *r, const struct sl_buf *mine,
                    const struct sl_pool_options *o, char out[static SL_KEEPER_WHY])
{
    struct sl_buf why;
    unsigned n = 0;
    bool fixed = r->size != 0 && (r->size != o->size || r->bits != o->bits);
    if (!fixed && r->other.len == 0)
        return false;
    sl_buf_over(&why, out, SL_KEEPER_WHY - 1);
    sl_buf_printf(&why, "redis has pool %s", p->shared->name);
    struct sl_span his = r->text, text = sl_span(mine->data, mine->len);
    if (r->size != 0 && r->size != o->size)
        sl_buf_printf(&why, "%s size %u, this file says %u", n++ > 0 ? ";" : " with", r->size, o->size);
    if (r->size != 0 && r->bits != o->bits)
        sl_buf_printf(&why, "%s bits %u, this file says %u", n++ > 0 ? ";" : " with", r->bits, o->bits);
    if (r->other.len > 0 && his.len > 0) {
        compare(&why, his, text, url_key, NULL, &n);
        for (const struct sl_option *row = sl_pool_option_rows; row->name != NULL; row++)
            if (row->flags & SL_OPT_SHARED && strcmp(row->name, "size") != 0 &&
                strcmp(row->name, "bits") != 0)
                compare(&why, his, text, row->name, row->fallback, &n);
    }
    if (fixed)
        sl_buf_puts(&why, ". A live pool cannot change size and bits: use a new pool name");
    if (r->other.len > 0)
        sl_buf_printf(
            &why,
            ". Instance %.*s runs with other values than these: give all the same, or end the others first",
            (int)r->other.len, r->other.at);
    out[why.len] = '\0';
    return true;
}

/* Before the first agreement the pool is not opened, and a difference ends the process. Afterwards it only is
 * told: whoever came meanwhile serves the same lists. */
static void on_agreed(void *arg, enum sl_err err, const struct sl_agreed *r)
{
    struct sl_kpool *p = arg;
    struct sl_keeper *k = p->keeper;
    char why[SL_KEEPER_WHY];
    p->agreeing = false;
    if (err != SL_OK || k->fingerprints[p->shared->number] != p->asked_fingerprint)
        return; /* the next sweep asks again */
    p->due_agree = false;
    if (!differs(p, r, &p->agreed_text, p->options, why)) {
        p->differs[0] = '\0';
        if (!p->agreed && p->state == POOL_CLOSED) {
            p->agreed = true;
            sl_keeper_open(p);
        }
        p->agreed = true;
        return;
    }
    p->due_agree = p->agreed;
    if (k->started && strcmp(why, p->differs) != 0)
        sl_log(SL_ERROR, "pool", "instances of a pool differ", SL_KS("difference", why));
    memcpy(p->differs, why, sizeof why);
    if (!k->started)
        k->setup.on_fatal(k->setup.arg, why);
}

static struct sl_shared_options options_of(const struct sl_buf *text, const struct sl_pool_options *o)
{
    return (struct sl_shared_options){.text = sl_span(text->data, text->len),
                                      .fingerprint = fingerprint_of(text),
                                      .size = o->size,
                                      .bits = o->bits};
}

void sl_keeper_agree(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    p->due_agree = true;
    if (p->agreeing || k->feed == NULL || sl_feed_state(k->feed) != SL_STORE_UP)
        return; /* others must see us before we look at them */
    struct sl_shared_options mine = options_of(&p->agreed_text, p->options);
    p->asked_fingerprint = mine.fingerprint;
    p->agreeing = sl_store_agree(k->store, p->shared->name, &mine, true, on_agreed, p) == SL_OK;
}

void sl_keeper_show(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    unsigned i = p->shared->number;
    uint64_t before = k->fingerprints[i];
    if (p->agreed_text.data == NULL)
        text_init(&p->agreed_text);
    put_text(k, p->options, &p->agreed_text);
    k->fingerprints[i] = fingerprint_of(&p->agreed_text);
    if (k->feed == NULL || before == k->fingerprints[i])
        return;
    sl_feed_show(k->feed, i, before);
    sl_keeper_agree(p);
}

/* ---- asking beforehand */

struct question {
    struct sl_kpool *p;
    struct sl_buf text;
    const struct sl_pool_options *o;
};

static void answered(struct sl_keeper *k)
{
    if (--k->may.out == 0)
        k->may.done(k->may.arg, k->may.why);
}

static void on_may(void *arg, enum sl_err err, const struct sl_agreed *r)
{
    struct question *q = arg;
    struct sl_keeper *k = q->p->keeper;
    char why[SL_KEEPER_WHY];
    if (err == SL_OK && differs(q->p, r, &q->text, q->o, why))
        memcpy(k->may.why, why, sizeof why);
    free(q->text.data);
    free(q);
    answered(k);
}

void sl_keeper_may(struct sl_keeper *k, const struct sl_pool_options *options,
                   void (*done)(void *arg, const char *why), void *arg)
{
    sl_assert(k->may.out == 0);
    k->may.done = done;
    k->may.arg = arg;
    k->may.why[0] = '\0';
    k->may.out = 1; /* ours */
    for (unsigned i = 0; i < k->shared->pool_count; i++) {
        struct question *q = sl_xcalloc(1, sizeof *q);
        *q = (struct question){.p = &k->pools[i], .o = &options[i]};
        text_init(&q->text);
        put_text(k, q->o, &q->text);
        struct sl_shared_options next = options_of(&q->text, q->o);
        if (next.fingerprint != k->fingerprints[i] &&
            sl_store_agree(k->store, q->p->shared->name, &next, false, on_may, q) == SL_OK) {
            k->may.out++;
        } else {
            free(q->text.data);
            free(q);
        }
    }
    answered(k);
}
