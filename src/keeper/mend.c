/* Redis was restored from a backup, or failed over to a replica that lagged. After all lists were read again
 * and compared (keeper/learn.h), each that does not contain what this process remembers is joined with it: a
 * publisher thread unpacks the statuses of its token, and Redis puts the two histories together, or makes the
 * list again. A long list goes to Redis in pieces, so that no call there lasts, and takes its place with the
 * last one. Until then nothing of the pool is loaded, and no worker writes (history.h). Other pools are not
 * held up by any of this.
 *
 * The log names every list that was mended, however many there are: lines with some lists each, written past
 * the limit on lines of one kind. */
#include "keeper/mend.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "keeper/keeper_int.h"

#define AT_ONCE 16 /* lists of a pool that are restored at once */
#define AT_ONCE_BYTES (16u * 1024 * 1024)
#define NAMES 20 /* lists in one line of the log */
/* Bytes of a list that is joined in one call, and of a piece of a longer one. Where all statuses differ and
 * some are final, a piece takes Redis some ten milliseconds. */
#define PIECE 65536
/* At how many places a status may be set while pieces are joined, and how many joins are given up for it:
 * each place costs the last call some microseconds. */
#define PLACES 2000
#define CROWDED 3
#define AGAIN 5 /* joins of a list in one lineage */

struct mend_job {
    struct sl_job job;
    struct sl_klist *list;
    struct sl_token *token; /* a share; NULL: no reader has seen the list */
    struct sl_kept_marks *marks;
    bool ok;
    unsigned round, again;
    /* In pieces: how many bytes are there; what the list was at the first one. */
    size_t from;
    uint64_t random, said_ns;
    size_t seen_len;
    char seen[SL_SEEN_MAX];
    size_t len;
    uint8_t bytes[];
};

/* ---- the log */

struct sl_mended_names {
    unsigned count;
    char text[NAMES * (SL_UUID_TEXT + 1)];
};

static const struct {
    enum sl_log_level level;
    const char *text;
} reports[] = {
    [SL_MENDED_NOT] = {SL_WARN, "lists have been mended by another instance"},
    [SL_MENDED_NEW] = {SL_WARN, "lists that redis had lost were made again from their last tokens"},
    [SL_MENDED_RAISED] = {SL_WARN, "lists that redis had lost changes of were raised to their last tokens"},
    [SL_MENDED_JOINED] = {SL_WARN, "lists that had two histories were joined"},
    [SL_MENDED_LATE] = {SL_ERROR, "lists were mended too late: of what redis had lost only final statuses "
                                  "were kept"},
    [SL_MENDED_RETIRED] = {SL_WARN, "lists that redis has lost are retired: they were not restored"},
};
#define KINDS (sizeof reports / sizeof reports[0])

static void log_names(struct sl_kpool *p, enum sl_mended what)
{
    struct sl_mended_names *names = &p->mending.names[what];
    struct sl_log_site site = {0};
    if (names->count == 0)
        return;
    const struct sl_log_field fields[] = {SL_KS("pool", p->shared->name),
                                          SL_KU("count", names->count),
                                          SL_KN("lists", names->text, names->count * (SL_UUID_TEXT + 1) - 1),
                                          {.key = NULL}};
    sl_log_write(&site, reports[what].level, "pool", reports[what].text, fields);
    names->count = 0;
}

static void log_mended(struct sl_klist *t, enum sl_mended what)
{
    struct sl_mending *mending = &t->pool->mending;
    if (mending->names == NULL)
        mending->names = sl_xcalloc(KINDS, sizeof *mending->names);
    struct sl_mended_names *names = &mending->names[what];
    char *at = names->text + names->count++ * (SL_UUID_TEXT + 1);
    sl_uuid_text(&t->list.id, at);
    at[SL_UUID_TEXT] = ' ';
    if (names->count == NAMES)
        log_names(t->pool, what);
}

static void log_rest(struct sl_kpool *p)
{
    for (unsigned what = 0; p->mending.names != NULL && what < KINDS; what++)
        log_names(p, (enum sl_mended)what);
    free(p->mending.names);
    p->mending.names = NULL;
}

/* ---- one list */

static const char cannot[] = "cannot restore a list";

static void mend_failed(struct sl_klist *t, const char *why)
{
    sl_log(SL_ERROR, "pool", why, SL_KS("pool", t->pool->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len));
    t->pool->mending.failed = true;
}

static void end_job(struct mend_job *m)
{
    sl_flight_end(&m->list->pool->mending.flight, m->list);
    sl_token_unref(m->token);
    free(m->marks);
    free(m);
}

static void note_mended(struct sl_klist *t, const struct sl_mended_list *mended)
{
    struct sl_kpool *p = t->pool;
    t->mending.crowded = 0;
    sl_keeper_note_restored(t);
    sl_keeper_saw_change(p, mended->change);
    sl_metric_add_label(p->metrics, SL_KM_MENDED, mended->what, 1);
    log_mended(t, mended->what);
    switch (mended->what) {
    case SL_MENDED_RETIRED:
        sl_keeper_note_retired(t);
        return;
    case SL_MENDED_LATE:
        sl_metric_add(p->metrics, SL_KM_MENDED_LATE, 1);
        sl_keeper_give_up_shown(t, mended->head);
        break;
    case SL_MENDED_NOT:
    case SL_MENDED_NEW:
    case SL_MENDED_RAISED:
    case SL_MENDED_JOINED:
        sl_keeper_shown_is_contained(t);
        break;
    case SL_MENDED_IN_PIECES:
    case SL_MENDED_AGAIN:
    case SL_MENDED_CROWDED:
        sl_assert(false); /* on_mended has gone on */
        break;
    }
    sl_keeper_committed(t, mended->head.version, sl_mono_ns(p->keeper->clock));
}

static struct sl_mend mend_of(const struct mend_job *m)
{
    const struct sl_klist *t = m->list;
    struct sl_mend mend = {.list = t->list.id,
                           .uri = t->list.uri,
                           .bytes = sl_span((const char *)m->bytes, m->len),
                           .final = t->pool->options->final_status,
                           .width = t->pool->options->bits,
                           .longest = PIECE};
    if (m->token != NULL) {
        mend.head = sl_token_head(m->token);
        mend.line = m->token->line;
    }
    sl_keeper_name_marks(m->marks, &mend);
    return mend;
}

/* The round that the job belongs to has ended. */
static bool is_over(const struct mend_job *m)
{
    struct sl_kpool *p = m->list->pool;
    return m->round != p->mending.round || sl_keeper_pool_state(p) != SL_POOL_MENDING || p->keeper->draining;
}

static void end_list(struct mend_job *m, const char *why)
{
    struct sl_kpool *p = m->list->pool;
    if (why != NULL)
        mend_failed(m->list, why);
    end_job(m);
    sl_keeper_mend(p);
}

/* Redis has the join that it could have, or another history. */
static void end_list_with(struct mend_job *m, enum sl_err err, const struct sl_mended_list *mended)
{
    if (err == SL_OK)
        note_mended(m->list, mended);
    else if (err == SL_ERR_HISTORY)
        m->list->pool->mending.other = true;
    end_list(m, err == SL_OK || err == SL_ERR_HISTORY ? NULL : cannot);
}

static void on_mended(void *arg, enum sl_err err, const struct sl_mended_list *mended);

static bool send_list(struct mend_job *m)
{
    struct sl_kpool *p = m->list->pool;
    struct sl_fence fence = sl_keeper_fence(p);
    struct sl_mend mend = mend_of(m);
    return sl_store_mend(p->keeper->store, p->shared->name, &fence, &mend, on_mended, m) == SL_OK;
}

/* ---- a long list, in pieces */

static bool send_end(struct mend_job *m)
{
    struct sl_kpool *p = m->list->pool;
    struct sl_fence fence = sl_keeper_fence(p);
    struct sl_mend mend = mend_of(m);
    struct sl_pieces pieces = {sl_span(m->seen, m->seen_len), m->random};
    bool any = m->list->mending.crowded >= CROWDED;
    if (any)
        sl_log(SL_WARN, "pool", "a long list is joined at once with all that was set meanwhile",
               SL_KS("pool", p->shared->name), SL_KN("list", m->list->list.uri.at, m->list->list.uri.len));
    return sl_store_join_end(p->keeper->store, p->shared->name, &fence, &mend, &pieces, any ? -1 : PLACES,
                             on_mended, m) == SL_OK;
}

static void say_progress(struct mend_job *m)
{
    const struct sl_klist *t = m->list;
    uint64_t now = sl_mono_ns(t->pool->keeper->clock);
    if (now - m->said_ns < SL_NS_PER_S)
        return;
    m->said_ns = now;
    sl_log(SL_INFO, "pool", "a long list is being joined", SL_KS("pool", t->pool->shared->name),
           SL_KN("list", t->list.uri.at, t->list.uri.len), SL_KU("bytes", m->from), SL_KU("of", m->len));
}

static size_t piece_len(const struct mend_job *m)
{
    return m->len - m->from < PIECE ? m->len - m->from : PIECE;
}

static void on_piece(void *arg, enum sl_err err, bool fits);

static bool send_next(struct mend_job *m)
{
    struct sl_kpool *p = m->list->pool;
    if (m->from == m->len)
        return send_end(m);
    struct sl_fence fence = sl_keeper_fence(p);
    struct sl_mend mend = mend_of(m);
    struct sl_pieces pieces = {sl_span(m->seen, m->seen_len), m->random};
    return sl_store_join_piece(p->keeper->store, p->shared->name, &fence, &mend, &pieces, m->from,
                               piece_len(m), on_piece, m) == SL_OK;
}

static void on_piece(void *arg, enum sl_err err, bool fits)
{
    struct mend_job *m = arg;
    if (is_over(m)) {
        end_list(m, NULL);
        return;
    }
    if (err != SL_OK) {
        end_list_with(m, err, NULL);
        return;
    }
    if (fits)
        m->from += piece_len(m);
    say_progress(m);
    if (!(fits ? send_next(m) : send_list(m)))
        end_list(m, cannot);
}

static void begin_pieces(struct mend_job *m, struct sl_span seen)
{
    m->from = 0;
    m->seen_len = seen.len;
    memcpy(m->seen, seen.at, seen.len);
    sl_random(m->list->pool->keeper->clock, &m->random, sizeof m->random);
    if (!send_next(m))
        end_list(m, cannot);
}

static void on_mended(void *arg, enum sl_err err, const struct sl_mended_list *mended)
{
    struct mend_job *m = arg;
    enum sl_mended what = err == SL_OK ? mended->what : SL_MENDED_NOT;
    bool goes_on = what == SL_MENDED_IN_PIECES || what == SL_MENDED_AGAIN;
    if (goes_on && is_over(m)) {
        end_list(m, NULL);
    } else if (what == SL_MENDED_IN_PIECES) {
        begin_pieces(m, mended->seen);
    } else if (what == SL_MENDED_AGAIN && ++m->again == AGAIN) {
        /* Perhaps the lineage's marks have ended while others go on setting: another one has an hour of them.
         */
        end_list_with(m, SL_ERR_HISTORY, NULL);
    } else if (what == SL_MENDED_AGAIN) {
        if (!send_list(m))
            end_list(m, cannot);
    } else if (what == SL_MENDED_CROWDED) {
        /* A new lineage begins without marks. */
        m->list->mending.crowded++;
        end_list_with(m, SL_ERR_HISTORY, NULL);
    } else {
        end_list_with(m, err, mended);
    }
}

static void send_or_fail(struct mend_job *m, const char *why)
{
    if (why == NULL && !send_list(m))
        why = cannot;
    if (why == NULL)
        return;
    mend_failed(m->list, why);
    end_job(m);
}

static void unpack_token(struct sl_job *job, void *builder)
{
    struct mend_job *m = sl_container_of(job, struct mend_job, job);
    (void)builder;
    m->ok = sl_token_unpack(m->token, m->bytes, m->len);
}

void sl_keeper_unpack_done(struct sl_mail *mail)
{
    struct mend_job *m = sl_container_of(mail, struct mend_job, job.mail);
    struct sl_kpool *p = m->list->pool;
    send_or_fail(m, m->ok ? NULL : "cannot unpack the last token of a list");
    sl_keeper_mend(p);
}

/* NULL: no memory. */
static struct mend_job *new_job(struct sl_klist *t)
{
    struct sl_token *token = sl_list_token(&t->list);
    size_t len = token != NULL ? sl_keeper_raw_bytes(t) : 0;
    struct mend_job *m = malloc(sizeof *m + len);
    if (m == NULL)
        return NULL;
    m->job = (struct sl_job){0};
    m->list = t;
    m->token = token;
    m->ok = false;
    m->round = t->pool->mending.round;
    m->again = 0;
    m->said_ns = sl_mono_ns(t->pool->keeper->clock);
    m->len = len;
    if (!sl_keeper_copy_marks(t, &m->marks)) {
        free(m);
        return NULL;
    }
    if (token != NULL)
        sl_token_ref(token);
    return m;
}

static void mend_list(struct sl_klist *t)
{
    struct sl_kpool *p = t->pool;
    struct mend_job *m = new_job(t);
    t->mending.asked = true;
    if (m == NULL) {
        mend_failed(t, "no memory to restore a list");
        return;
    }
    sl_flight_begin(&p->mending.flight, t);
    /* Without a token no reader has seen the list: as far as this process knows it is as empty as new. */
    if (m->token == NULL) {
        send_or_fail(m, NULL);
        return;
    }
    m->job = (struct sl_job){
        .mail.kind = SL_KEEPER_MAIL_UNPACKED, .work = unpack_token, .reply_to = p->keeper->setup.mail};
    sl_crew_submit(p->keeper->setup.publishers, &m->job);
}

/* ---- a pool */

void sl_keeper_start_mending(struct sl_kpool *p)
{
    sl_keeper_change_state(p, SL_POOL_MENDING);
    p->mending.next_number = 0;
    p->mending.round++;
    p->mending.failed = p->mending.other = false;
    SL_EACH_KLIST (t, p->keeper)
        if (t->pool == p)
            t->mending.asked = false;
    sl_keeper_mend(p);
}

/* False: it has to wait, and all lists after it. */
static bool mend_if_behind(struct sl_kpool *p, struct sl_klist *t)
{
    struct sl_flight *flight = &p->mending.flight;
    if (t->pool != p || !sl_keeper_is_behind(t) || t->mending.asked)
        return true;
    /* A state that is being loaded or signed may still be shown: then it is the one to restore from. */
    if (sl_keeper_is_under_way(t) || !sl_flight_has_room(flight, t, AT_ONCE_BYTES))
        return false;
    mend_list(t);
    return true;
}

static void end_mending(struct sl_kpool *p)
{
    log_rest(p);
    if (p->mending.failed) {
        sl_keeper_change_state(p, SL_POOL_CLOSED); /* the next sweep opens the pool again */
        return;
    }
    if (!p->mending.other)
        sl_keeper_end_check(p);
    p->keeper->hooks.mended(p, p->mending.other);
}

void sl_keeper_mend(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    struct sl_mending *mending = &p->mending;
    if (sl_keeper_pool_state(p) != SL_POOL_MENDING)
        return;
    uint32_t count = sl_table_count(k->shared->table);
    for (; mending->next_number < count && mending->flight.lists < AT_ONCE && !mending->failed &&
           !mending->other && !k->draining;
         mending->next_number++)
        if (!mend_if_behind(p, sl_keeper_list(k, mending->next_number)))
            return;
    if (mending->flight.lists == 0 && !k->draining)
        end_mending(p);
}

void sl_keeper_mending_free(struct sl_kpool *p)
{
    free(p->mending.names);
}
