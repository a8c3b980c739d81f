/* A file to which a thread of its own appends lines: the audit record.
 *
 * Any thread hands over lines (sl_journal_put): one allocation and the mailbox's one exchange, no lock, no
 * system call while the thread is busy. The thread writes what has come as it comes (O_APPEND), syncs at most
 * every `flush_ms`, and begins another file when one is full: <path> becomes <path>.1, that <path>.2, up to
 * `keep`. A line is never divided between files. A file that cannot be renamed goes on, to be tried again
 * when it has grown by as much once more.
 *
 * While the file cannot be written (a full disk), sl_journal_failing is true and the thread retries every
 * 200 ms; it continues a half-written line where it broke off. At most SL_JOURNAL_BACKLOG bytes wait: beyond
 * that, callers should begin nothing that must be recorded (sl_journal_full), or lines are dropped and
 * counted
 * (`drops`). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/metric.h"

#define SL_JOURNAL_BACKLOG (4u << 20) /* bytes */

#define SL_JOURNAL_METRICS(X)                                                                                \
    X(LINES, "audit_lines_total", SL_COUNTER, "Lines written to the audit record.", NULL, NULL, NULL, 0)     \
    X(LOST, "audit_lost_total", SL_COUNTER,                                                                  \
      "Calls missing in the audit record: it could not be written (`audit.on-failure: continue`), or "       \
      "memory ran out.",                                                                                     \
      NULL, NULL, NULL, 0)                                                                                   \
    X(FAILURES, "audit_failures_total", SL_COUNTER, "How often writing the audit record began to fail.",     \
      NULL, NULL, NULL, 0)                                                                                   \
    X(FAILING, "audit_failing", SL_GAUGE, "1 while the audit record cannot be written.", NULL, NULL, NULL,   \
      0)                                                                                                     \
    X(BACKLOG, "audit_backlog_bytes", SL_GAUGE, "Bytes of the audit record that are not written yet.", NULL, \
      NULL, NULL, 0)                                                                                         \
    X(ROTATIONS, "audit_rotations_total", SL_COUNTER,                                                        \
      "Files of the audit record that reached `audit.max-size`.", NULL, NULL, NULL, 0)

enum {
#define X(id, ...) SL_JM_##id,
    SL_JOURNAL_METRICS(X)
#undef X
};
extern const struct sl_metric_table sl_journal_metric_table;

struct sl_journal_setup {
    const char *path;  /* outlives the journal */
    uint64_t max_size; /* bytes of one file */
    unsigned keep;     /* full files that are kept */
    uint32_t flush_ms; /* 0: after each writing */
    bool drops;
    struct sl_metric_slab *metrics; /* of sl_journal_metric_table */
};

struct sl_journal;

/* Opens the file (mode 0640 if it is made) and starts the thread. False: `why`. */
bool sl_journal_new(const struct sl_journal_setup *setup, struct sl_buf *why, struct sl_journal **ret);
/* After all senders have ended: writes what waits, tries no more than once if that fails, syncs. NULL ok. */
void sl_journal_free(struct sl_journal *j);

/* ---- any thread */

/* Whole lines, each with its line feed; `lines` of them. The bytes are copied. */
void sl_journal_put(struct sl_journal *j, const char *bytes, size_t len, unsigned lines);
/* Something that should be in it is not, for want of memory. */
void sl_journal_lose(struct sl_journal *j);
bool sl_journal_failing(const struct sl_journal *j);
/* Failing, or so far behind that nothing more should be begun. */
bool sl_journal_full(const struct sl_journal *j);
/* Opens the path again, after an outside program (logrotate) has renamed the file. */
void sl_journal_reopen(struct sl_journal *j);
/* errno of the last failure. */
int sl_journal_error(const struct sl_journal *j);
