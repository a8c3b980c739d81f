#include "http/audit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include "base/hex.h"
#include "loop/journal.h"
#include "worker/keyed.h"

#define INDICES 1000     /* of one line */
#define PREFIX_ROOM 1400 /* time, request, credential, client, pool, action, outcome */

bool sl_audit_stops(const struct sl_http *h)
{
    return h->journal != NULL && h->options->audit_on_failure == SL_AUDIT_REFUSE &&
           sl_journal_full(h->journal);
}

/* ---- what was done */

struct lines {
    struct sl_buf text; /* grows */
    struct sl_span list;
    int64_t value; /* -1: none */
    uint32_t run_from, run_to, in_line;
    bool running;
};

static void end_run(struct lines *w)
{
    struct sl_buf *b = &w->text;
    if (!w->running)
        return;
    w->running = false;
    if (w->in_line++ > 0)
        sl_buf_putc(b, ',');
    if (w->run_from == w->run_to) {
        sl_buf_u64(b, w->run_from);
        return;
    }
    sl_buf_putc(b, '[');
    sl_buf_u64(b, w->run_from);
    sl_buf_putc(b, ',');
    sl_buf_u64(b, w->run_to);
    sl_buf_putc(b, ']');
}

static void end_line(struct lines *w)
{
    end_run(w);
    if (w->in_line == 0)
        return;
    sl_buf_putc(&w->text, ']');
    if (w->value >= 0) {
        sl_buf_puts(&w->text, ",\"value\":");
        sl_buf_u64(&w->text, (uint64_t)w->value);
    }
    sl_buf_puts(&w->text, "}\n");
    w->in_line = 0;
}

/* Consecutive indices become a pair of the first and the last. */
static void add_index(struct lines *w, struct sl_span list, uint32_t index, int64_t value)
{
    bool same = (w->running || w->in_line > 0) && sl_span_eq(list, w->list) && value == w->value &&
                w->in_line < INDICES;
    if (same && w->running && index == w->run_to + 1) {
        w->run_to = index;
        return;
    }
    if (same) {
        end_run(w);
    } else {
        end_line(w);
        sl_buf_puts(&w->text, "\"list\":\"");
        sl_buf_put(&w->text, list.at, list.len);
        sl_buf_puts(&w->text, "\",\"indices\":[");
    }
    w->list = list;
    w->value = value;
    w->run_from = w->run_to = index;
    w->running = true;
}

/* The id at the end of a URI. */
static struct sl_span id_of(struct sl_span uri)
{
    size_t n = uri.len < SL_UUID_TEXT ? uri.len : SL_UUID_TEXT;
    return sl_span(uri.at + uri.len - n, n);
}

static void begin_lines(struct lines *w)
{
    *w = (struct lines){.value = -1};
    sl_buf_init(&w->text, SIZE_MAX);
}

static struct sl_span finish_lines(const struct sl_call *c, struct lines *w)
{
    /* Without memory the line says at least that something was done. */
    static const char lacking[] = "\"list\":null,\"indices\":null}\n";
    struct sl_span what = sl_span(lacking, sizeof lacking - 1);
    end_line(w);
    if (!w->text.failed) {
        char *copy = sl_call_alloc(c, w->text.len + 1);
        if (w->text.len > 0)
            memcpy(copy, w->text.data, w->text.len);
        what = sl_span(copy, w->text.len);
    }
    sl_buf_free(&w->text);
    return what;
}

static struct sl_audit audit_of(const struct sl_identity *who, const struct sl_pool *p, const char *action)
{
    struct sl_audit a = {.pool = p, .action = action};
    memcpy(a.credential, who->hash, sizeof a.credential);
    return a;
}

struct sl_audit sl_audit_update(const struct sl_call *c, const struct sl_identity *who,
                                const struct sl_list *l, uint32_t index, uint32_t value)
{
    struct sl_audit a = {0};
    struct lines w;
    if (!sl_audits(c))
        return a;
    a = audit_of(who, l->pool, "update");
    begin_lines(&w);
    add_index(&w, id_of(l->uri), index, value);
    a.what = finish_lines(c, &w);
    return a;
}

struct sl_audit sl_audit_batch(const struct sl_call *c, const struct sl_identity *who,
                               const struct sl_pool *p, const struct sl_batch_entry *entries, size_t n)
{
    struct sl_audit a = {0};
    struct lines w;
    if (!sl_audits(c))
        return a;
    a = audit_of(who, p, "batch-update");
    begin_lines(&w);
    for (size_t i = 0; i < n; i++)
        add_index(&w, id_of(entries[i].list->uri), entries[i].index, entries[i].value);
    a.what = finish_lines(c, &w);
    return a;
}

struct sl_audit sl_audit_reserve(const struct sl_call *c, const struct sl_identity *who,
                                 const struct sl_pool *p, uint32_t amount)
{
    struct sl_audit a = {0};
    if (!sl_audits(c))
        return a;
    a = audit_of(who, p, "reserve");
    char *text = sl_call_alloc(c, 32);
    a.what = sl_span(text, (size_t)snprintf(text, 32, "\"amount\":%u}\n", amount));
    return a;
}

void sl_audit_slots(const struct sl_call *c, struct sl_audit *a, const uint64_t *slots, uint32_t n)
{
    struct lines w;
    if (!sl_audits(c))
        return;
    begin_lines(&w);
    for (uint32_t i = 0; i < n; i++)
        add_index(&w, id_of(sl_table_at(c->t->http->shared->table, sl_ring_slot_list(slots[i]))->uri),
                  sl_ring_slot_index(slots[i]), -1);
    a->what = finish_lines(c, &w);
}

void sl_audit_answer(const struct sl_call *c, struct sl_audit *a, struct sl_span answer)
{
    struct lines w;
    struct sl_answer_run run;
    if (!sl_audits(c))
        return;
    begin_lines(&w);
    while (sl_answer_next(&answer, &run))
        for (uint32_t i = 0; i < run.count; i++)
            add_index(&w, id_of(run.uri), sl_answer_index(&run, i), -1);
    a->what = finish_lines(c, &w);
}

void sl_audit_gone(const struct sl_call *c, const struct sl_audit *a)
{
    struct sl_call gone = *c;
    gone.req = NULL; /* it is being taken apart: its address cannot be read any more, its memory still can */
    sl_audit_write(&gone, a, SL_ERR_OUTCOME_UNKNOWN);
}

/* ---- by whom, when, and with which outcome */

static void put_time(struct sl_buf *b)
{
    int64_t ms = sl_wall_ms(&sl_clock_system);
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    sl_buf_printf(b, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static void put_client(struct sl_buf *b, h2o_req_t *req)
{
    struct sockaddr_storage sa = {0};
    char text[INET6_ADDRSTRLEN] = "";
    if (req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&sa) == 0)
        return;
    if (sa.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr, text, sizeof text);
    else if (sa.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr, text, sizeof text);
    if (text[0] != '\0')
        sl_buf_printf(b, ",\"client\":\"%s\"", text);
}

static const char *outcome(enum sl_err err)
{
    return err == SL_OK ? "acknowledged" : err == SL_ERR_OUTCOME_UNKNOWN ? "unknown" : "refused";
}

void sl_audit_write(const struct sl_call *c, const struct sl_audit *a, enum sl_err err)
{
    if (!sl_audits(c) || a->what.len == 0)
        return;
    char mem[PREFIX_ROOM];
    struct sl_buf prefix, out;
    sl_buf_over(&prefix, mem, sizeof mem);
    put_time(&prefix);
    sl_buf_puts(&prefix, ",\"request\":\"");
    sl_buf_put(&prefix, c->id.at, c->id.len);
    sl_buf_puts(&prefix, "\",\"credential\":\"");
    char credential[2 * sizeof a->credential];
    sl_hex_encode(a->credential, sizeof a->credential, credential);
    sl_buf_put(&prefix, credential, sizeof credential);
    sl_buf_putc(&prefix, '"');
    if (c->req != NULL)
        put_client(&prefix, c->req);
    sl_buf_printf(&prefix, ",\"pool\":\"%s\",\"action\":\"%s\",\"outcome\":\"%s\"", a->pool->name, a->action,
                  outcome(err));
    if (err != SL_OK)
        sl_buf_printf(&prefix, ",\"code\":\"%s\"", sl_err_code(err));
    sl_buf_putc(&prefix, ',');
    sl_buf_init(&out, SIZE_MAX);
    unsigned lines = 0;
    for (struct sl_span left = a->what; left.len > 0; lines++) {
        const char *end = memchr(left.at, '\n', left.len);
        size_t n = (size_t)(end - left.at) + 1;
        sl_buf_put(&out, prefix.data, prefix.len);
        sl_buf_put(&out, left.at, n);
        left = sl_span(left.at + n, left.len - n);
    }
    if (prefix.failed || out.failed)
        sl_journal_lose(c->t->http->journal);
    else
        sl_journal_put(c->t->http->journal, out.data, out.len, lines);
    sl_buf_free(&out);
}
