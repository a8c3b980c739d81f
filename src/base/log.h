/* Structured log lines on stderr, one write(2) a line, as logfmt or JSON:
 *   ts=2026-01-02T03:04:05.678Z level=warn subject=redis msg="reconnecting" attempt=3
 *   {"ts":"2026-01-02T03:04:05.678Z","level":"warn","subject":"redis","msg":"reconnecting","attempt":3}
 * Where stderr is systemd's journal, a line begins with its priority, as sd-daemon(3) has it: <4>ts=...
 * Any thread may log. A line never blocks: where stderr cannot take it at once it is dropped and counted.
 * Each call site logs at most SL_LOG_BURST lines in 10 s; the next line that passes carries suppressed=N.
 * Never logged: secrets, client addresses of public fetches, bytes of a request that were not validated
 * (SL_KS escapes what it is given). */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "base/span.h"

enum sl_log_level { SL_DEBUG, SL_INFO, SL_WARN, SL_ERROR };
enum sl_log_format { SL_LOGFMT, SL_LOG_JSON };

struct sl_log_field {
    const char *key;
    enum { SL_LOG_TEXT, SL_LOG_U64, SL_LOG_I64 } kind;
    struct sl_span text;
    uint64_t u;
};

#define SL_KS(k, s)                                                                                          \
    {                                                                                                        \
        .key = (k), .kind = SL_LOG_TEXT, .text = {(s), strlen(s) }                                           \
    }
#define SL_KN(k, s, n)                                                                                       \
    {                                                                                                        \
        .key = (k), .kind = SL_LOG_TEXT, .text = {(s), (n) }                                                 \
    }
#define SL_KU(k, v)                                                                                          \
    {                                                                                                        \
        .key = (k), .kind = SL_LOG_U64, .u = (uint64_t)(v)                                                   \
    }
#define SL_KI(k, v)                                                                                          \
    {                                                                                                        \
        .key = (k), .kind = SL_LOG_I64, .u = (uint64_t)(int64_t)(v)                                          \
    }

#define SL_LOG_BURST 20

struct sl_log_site {
    _Atomic uint64_t window; /* index of the 10 s window that `count` counts */
    _Atomic uint32_t count, suppressed;
};

/* sl_log(SL_WARN, "redis", "reconnecting", SL_KU("attempt", n)): the fields may be absent. */
#define sl_log(level, subject, msg, ...)                                                                     \
    do {                                                                                                     \
        static struct sl_log_site sl_site_;                                                                  \
        const struct sl_log_field sl_fields_[] = {{.key = NULL}, ##__VA_ARGS__, {.key = NULL}};              \
        sl_log_write(&sl_site_, (level), (subject), (msg), sl_fields_ + 1);                                  \
    } while (0)

void sl_log_write(struct sl_log_site *site, enum sl_log_level level, const char *subject, const char *msg,
                  const struct sl_log_field *fields);
void sl_log_set_level(enum sl_log_level level);    /* lines below it are not written; INFO at start */
void sl_log_set_format(enum sl_log_format format); /* LOGFMT at start */
/* Whether stderr is the journal, by $JOURNAL_STREAM: looked at once, before the threads start. */
void sl_log_find_journal(void);
uint64_t sl_log_dropped(void); /* lines that stderr could not take */
