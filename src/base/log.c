#include "base/log.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LINE_MAX_BYTES 4096 /* PIPE_BUF: a pipe that polls writable takes this much without blocking */
#define PATIENCE_NS (200 * SL_NS_PER_MS)
#define WINDOW_NS (10 * SL_NS_PER_S)

#define ENDING 64 /* bytes that are kept free for the end of a line of JSON */

static _Atomic int min_level = SL_INFO, line_format = SL_LOGFMT;
static bool to_journal;
static _Atomic uint64_t dropped;
static atomic_flag writing =
    ATOMIC_FLAG_INIT; /* between poll and write: two writers could fill what one was promised */

void sl_log_set_level(enum sl_log_level level)
{
    atomic_store_explicit(&min_level, (int)level, memory_order_relaxed);
}

void sl_log_set_format(enum sl_log_format format)
{
    atomic_store_explicit(&line_format, (int)format, memory_order_relaxed);
}

void sl_log_find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char ours[64];
    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return;
    snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    to_journal = strcmp(stream, ours) == 0;
}

uint64_t sl_log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

static bool site_allows(struct sl_log_site *site, uint32_t *ret_suppressed)
{
    uint64_t now = sl_mono_ns(&sl_clock_system) / WINDOW_NS + 1;
    if (atomic_exchange_explicit(&site->window, now, memory_order_relaxed) != now)
        atomic_store_explicit(&site->count, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed) >= SL_LOG_BURST) {
        atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
        return false;
    }
    *ret_suppressed = atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed);
    return true;
}

static void put_time(struct sl_buf *b)
{
    int64_t ms = sl_wall_ms(&sl_clock_system);
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    sl_buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                  tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static void put_field(struct sl_buf *b, const struct sl_log_field *f, bool json)
{
    sl_buf_printf(b, json ? ",\"%s\":" : " %s=", f->key);
    switch (f->kind) {
    case SL_LOG_TEXT:
        sl_buf_json(b, f->text);
        break;
    case SL_LOG_U64:
        sl_buf_u64(b, f->u);
        break;
    case SL_LOG_I64:
        sl_buf_i64(b, (int64_t)f->u);
        break;
    }
}

static void put_head(struct sl_buf *b, const char *level, const char *subject, const char *msg, bool json)
{
    sl_buf_puts(b, json ? "{\"ts\":\"" : "ts=");
    put_time(b);
    sl_buf_printf(b, json ? "\",\"level\":\"%s\",\"subject\":\"%s\",\"msg\":" : " level=%s subject=%s msg=",
                  level, subject);
    sl_buf_json(b, sl_span(msg, strlen(msg)));
}

/* Whole, or where there is no room for it shortened to what there is: a line of JSON stays one. */
static void put_json_field(struct sl_buf *b, const struct sl_log_field *f)
{
    struct sl_log_field rest = *f;
    size_t begin = b->len;
    put_field(b, &rest, true);
    while (b->failed && rest.kind == SL_LOG_TEXT && rest.text.len > 0) {
        b->failed = false;
        b->len = begin;
        rest.text.len /= 2;
        put_field(b, &rest, true);
    }
    if (b->failed)
        b->len = begin;
}

static bool write_line(const char *line, size_t n)
{
    uint64_t until = 0;
    while (atomic_flag_test_and_set_explicit(&writing, memory_order_acquire)) {
        uint64_t now = sl_mono_ns(&sl_clock_system);
        if (until == 0)
            until = now + PATIENCE_NS;
        if (now >= until)
            return false;
        sched_yield(); /* the thread that holds it does not block: it was only descheduled */
    }
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool ok = poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0 && write(STDERR_FILENO, line, n) >= 0;
    atomic_flag_clear_explicit(&writing, memory_order_release);
    return ok;
}

void sl_log_write(struct sl_log_site *site, enum sl_log_level level, const char *subject, const char *msg,
                  const struct sl_log_field *fields)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const int priorities[] = {7, 6, 4, 3};
    uint32_t suppressed = 0;
    if ((int)level < atomic_load_explicit(&min_level, memory_order_relaxed) ||
        !site_allows(site, &suppressed))
        return;
    char mem[LINE_MAX_BYTES];
    struct sl_buf b;
    bool json = atomic_load_explicit(&line_format, memory_order_relaxed) == SL_LOG_JSON;
    sl_buf_over(&b, mem, sizeof mem - (json ? ENDING : 1));
    if (to_journal)
        sl_buf_printf(&b, "<%d>", priorities[level]);
    put_head(&b, names[level], subject, msg, json);
    for (const struct sl_log_field *f = fields; f->key != NULL && !b.failed; f++) {
        if (json)
            put_json_field(&b, f);
        else
            put_field(&b, f, false);
    }
    if (json) {
        b.cap = b.max = sizeof mem - 1;
        b.failed = false;
    }
    if (suppressed > 0)
        sl_buf_printf(&b, json ? ",\"suppressed\":%u" : " suppressed=%u", suppressed);
    sl_buf_puts(&b, json ? "}" : "");
    mem[b.len++] = '\n';
    if (!write_line(mem, b.len))
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}
