/* The audit record's file and thread. */
#include <stdio.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "loop/journal.h"

bool sl_audit_start(struct sl_daemon *d)
{
    const struct sl_http_options *o = &d->config->http;
    if (o->audit_file == NULL)
        return true;
    char text[4400];
    struct sl_buf why;
    sl_buf_over(&why, text, sizeof text - 1);
    struct sl_journal_setup setup = {.path = o->audit_file,
                                     .max_size = o->audit_max_size,
                                     .keep = o->audit_keep,
                                     .flush_ms = o->audit_flush_ms,
                                     .drops = o->audit_on_failure == SL_AUDIT_CONTINUE,
                                     .metrics = sl_metric_slab_new(&sl_journal_metric_table, "")};
    if (!sl_journal_new(&setup, &why, &d->journal)) {
        text[why.len] = '\0';
        sl_log(SL_ERROR, "audit", text);
        return false;
    }
    sl_http_audit(d->http, d->journal);
    return true;
}
