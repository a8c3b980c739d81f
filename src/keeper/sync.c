/* A pool is opened after each connect, and whenever a reply shows that Redis has another history of its data
 * than the one that was opened, or lacks something: its size and bits are compared with the configured ones,
 * and Redis says in which lineage the pool is, and whether data may have gone back since ours
 * (keeper/history.h). If so, all lists are read and compared, and those that lack something are restored
 * (keeper/mend.h). Otherwise only the lists are read that have changed since the last reading.
 *
 * Lists that lack something without such a reason are a surprise: then the pool is opened once more, and
 * Redis begins a new lineage first. References that are ready stay: what is taken of a list is remembered
 * here (keeper/own.h), and a list that Redis has lost is made again. keeper/state.h has the states. */
#include "keeper/sync.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "keeper/keeper_int.h"

#define PAGE 1000 /* lists per reading of changes */
#define LOOK_NS (500 * SL_NS_PER_MS)

/* ---- workers whose changes were refused */

static void answer_reopen(struct sl_kpool *p, struct sl_reopen_mail *mail)
{
    mail->opened = sl_pool_history(p->shared) != NULL;
    sl_mailbox_send(mail->reply_to, &mail->mail);
}

static void answer_reopens(struct sl_kpool *p, struct sl_reopen_mail **chain)
{
    while (*chain != NULL) {
        struct sl_reopen_mail *mail = *chain;
        *chain = mail->next;
        answer_reopen(p, mail);
    }
}

static void on_give_up(void *arg)
{
    struct sl_kpool *p = arg;
    answer_reopens(p, &p->sync.reopen_opening);
    answer_reopens(p, &p->sync.reopen_next);
}

void sl_keeper_answer_reopens(struct sl_kpool *p)
{
    on_give_up(p);
    sl_timer_stop(p->keeper->loop, &p->sync.give_up);
}

/* The answer to the opening that begins now is from after their refusals. */
static void reopen_with_opening(struct sl_kpool *p)
{
    while (p->sync.reopen_next != NULL) {
        struct sl_reopen_mail *mail = p->sync.reopen_next;
        p->sync.reopen_next = mail->next;
        mail->next = p->sync.reopen_opening;
        p->sync.reopen_opening = mail;
    }
}

static void answer_synced(struct sl_kpool *p)
{
    answer_reopens(p, &p->sync.reopen_opening);
    if (p->sync.reopen_next != NULL)
        sl_keeper_open(p); /* they were refused while it was being opened */
    else
        sl_timer_stop(p->keeper->loop, &p->sync.give_up);
}

/* False: it has been done a moment ago. */
static bool may_look(struct sl_kpool *p)
{
    uint64_t now = sl_mono_ns(p->keeper->clock);
    if (!sl_keeper_is_synced(p) || (p->sync.looked_ns != 0 && now - p->sync.looked_ns < LOOK_NS))
        return false;
    p->sync.looked_ns = now;
    return true;
}

void sl_keeper_ask_reopen(struct sl_keeper *k, struct sl_reopen_mail *mail)
{
    struct sl_kpool *p = &k->pools[mail->pool];
    const struct sl_history *h = sl_pool_history(p->shared);
    bool known =
        h != NULL && !sl_lineage_equal(h->lineage, mail->refused); /* the worker has not seen it yet */
    bool looks = h != NULL && mail->elsewhere && sl_keeper_is_synced(p);
    if (k->draining || known || (looks && !may_look(p))) {
        answer_reopen(p, mail);
        return;
    }
    mail->next = p->sync.reopen_next;
    p->sync.reopen_next = mail;
    if (!sl_timer_running(&p->sync.give_up))
        sl_timer_start(k->loop, &p->sync.give_up, k->setup.redis->command_timeout_ms * SL_NS_PER_MS);
    if (looks)
        sl_keeper_open(p); /* others go on writing, unless it turns out that the server is another */
    else if (sl_keeper_is_synced(p))
        sl_keeper_reopen(p);
}

/* ---- the start */

void sl_keeper_judge_start(struct sl_keeper *k)
{
    const char *why = "no pool has a key to sign with";
    bool usable = false;
    SL_EACH_KPOOL (p, k) {
        const char *refusal = sl_keeper_refusal(p);
        if (k->started || (!sl_keeper_was_synced(p) && refusal[0] == '\0'))
            return; /* it is over, or this one is still to be read */
        usable = usable || (sl_keeper_was_synced(p) && sl_key_why_absent(p->shared->key) == NULL);
        why = refusal[0] != '\0' ? refusal : why;
    }
    if (!usable) {
        k->setup.on_fatal(k->setup.arg, why);
        return;
    }
    k->started = true;
    sl_keeper_answer_early(k, SL_OK);
    k->setup.on_started(k->setup.arg);
}

/* ---- synced */

void sl_keeper_reopen(struct sl_kpool *p)
{
    sl_keeper_hide_history(p);
    if (sl_keeper_is_readable(p))
        sl_keeper_open(p); /* otherwise it is closed, or being opened */
}

void sl_keeper_refused_here(struct sl_kpool *p)
{
    if (may_look(p))
        sl_keeper_reopen(p);
}

void sl_keeper_list_behind(struct sl_kpool *p)
{
    p->sync.distrust = true;
    sl_keeper_reopen(p);
}

static void finish_sync(struct sl_kpool *p)
{
    struct sl_keeper *k = p->keeper;
    bool first = !sl_keeper_was_synced(p);
    sl_keeper_change_state(p, SL_POOL_SYNCED);
    sl_keeper_show_history(p);
    if (first)
        sl_log(SL_INFO, "pool", "pool is open", SL_KS("pool", p->shared->name),
               SL_KU("lists", sl_keeper_list_count(p)));
    sl_keeper_update_authority(k);
    sl_keeper_precreate(p);
    sl_keeper_refill(p);
    answer_synced(p);
    sl_keeper_judge_start(k);
}

void sl_keeper_mending_ended(struct sl_kpool *p, bool other)
{
    if (!other) {
        finish_sync(p);
        return;
    }
    p->sync.back = true;
    sl_keeper_reopen(p);
}

void sl_keeper_update_authority(struct sl_keeper *k)
{
    bool fed = sl_feed_state(k->feed) == SL_STORE_UP, all = fed;
    SL_EACH_KPOOL (p, k) {
        p->sync.caught_up = p->sync.caught_up && fed;
        bool known = p->sync.caught_up && sl_keeper_was_synced(p);
        atomic_store_explicit(&p->shared->enumerated, known, memory_order_release);
        all = all && known;
    }
    atomic_store_explicit(&k->shared->authoritative, all, memory_order_release);
}

/* ---- reading changes */

/* Redis may have lost something: all lists are read again and compared. */
static void check_all(struct sl_kpool *p)
{
    p->sync.read_change = 0;
    sl_keeper_begin_check(p);
}

static void all_read(struct sl_kpool *p)
{
    if (sl_keeper_pool_state(p) != SL_POOL_LISTING)
        return;
    if (!sl_keeper_is_checking(p)) {
        finish_sync(p);
    } else if (sl_keeper_count_behind(p) > 0 && sl_keeper_is_suspect(p)) {
        p->sync.back = true;
        sl_keeper_reopen(p);
    } else {
        sl_keeper_start_mending(p);
    }
}

/* The pool's data are of another history than the one that was opened, or less of it. */
static bool is_other_history(struct sl_kpool *p, const struct sl_changes *changes)
{
    if (!sl_keeper_is_history(p, changes->replid, changes->lineage))
        return true; /* perhaps a failover, and back, that no connection has noticed */
    if (changes->newest >= p->sync.asked_seen)
        return false;
    sl_log(SL_ERROR, "pool", "redis has lost changes of a pool", SL_KS("pool", p->shared->name),
           SL_KU("newest", changes->newest), SL_KU("seen", p->sync.asked_seen));
    return true;
}

static void note_caught_up(struct sl_kpool *p)
{
    if (p->sync.caught_up || !p->sync.asked_fed)
        return;
    p->sync.caught_up = true;
    sl_keeper_update_authority(p->keeper);
}

static void on_changes(void *arg, enum sl_err err, const struct sl_changes *changes)
{
    struct sl_kpool *p = arg;
    p->sync.reading = false;
    if (err != SL_OK || !sl_keeper_is_readable(p))
        return; /* the next sweep, or the next opening, reads again */
    if (is_other_history(p, changes)) {
        sl_keeper_reopen(p);
        return;
    }
    sl_keeper_saw_change(p, changes->newest);
    sl_keeper_note_redis_time(p->keeper, changes->time_ms, p->sync.asked_ns);
    for (size_t i = 0; i < changes->count; i++)
        sl_keeper_learn(p, &changes->lists[i]);
    for (size_t i = 0; i < changes->damaged_count; i++)
        sl_keeper_note_damaged(p, &changes->damaged[i]);
    if (changes->looked > 0)
        p->sync.read_change = changes->last;
    if (changes->looked == PAGE || p->sync.read_again) {
        sl_keeper_read_changes(p);
    } else {
        p->sync.read_change = changes->newest;
        note_caught_up(p);
        all_read(p);
    }
    sl_keeper_pump(p->keeper);
}

void sl_keeper_read_changes(struct sl_kpool *p)
{
    struct sl_sync *sync = &p->sync;
    if (!sl_keeper_is_readable(p))
        return;
    if (sync->reading) {
        sync->read_again = true;
        return;
    }
    sync->read_again = false;
    sync->asked_seen = sl_keeper_seen_change(p);
    sync->asked_ns = sl_mono_ns(p->keeper->clock);
    sync->asked_fed = sl_feed_state(p->keeper->feed) == SL_STORE_UP;
    sync->reading =
        sl_store_changes(p->keeper->store, p->shared->name, sync->read_change, PAGE, on_changes, p) == SL_OK;
}

void sl_keeper_sweep(struct sl_kpool *p)
{
    if (sl_keeper_is_synced(p) || sl_keeper_pool_state(p) == SL_POOL_LISTING)
        sl_keeper_read_changes(p);
    else if (sl_keeper_pool_state(p) == SL_POOL_CLOSED && sl_store_state(p->keeper->store) == SL_STORE_UP)
        sl_keeper_open(p);
}

/* ---- opening */

static void list_pool(struct sl_kpool *p)
{
    sl_keeper_change_state(p, SL_POOL_LISTING);
    if (sl_keeper_is_checking(p))
        check_all(p); /* anew, if it was cut short */
    sl_keeper_read_changes(p);
}

/* Each sweep tries again. */
static void refuse_pool(struct sl_kpool *p, const struct sl_pool_opened *opened)
{
    struct sl_keeper *k = p->keeper;
    char why[SL_KEEPER_WHY];
    snprintf(why, sizeof why,
             "pool %s has %llu lists of size %u and bits %u in Redis; the configuration says size %u and "
             "bits %u. "
             "A live pool cannot change them: use a new pool name",
             p->shared->name, (unsigned long long)opened->lists, opened->size, opened->bits, p->options->size,
             p->options->bits);
    sl_keeper_change_state(p, SL_POOL_CLOSED);
    sl_keeper_note_misfit(p, why);
    sl_keeper_judge_start(k);
}

/* Once, until it is opened. */
static void note_not_opened(struct sl_kpool *p, enum sl_err err)
{
    const char *unfit = sl_store_unfit(p->keeper->store);
    if (p->sync.not_opened || sl_store_state(p->keeper->store) != SL_STORE_UP)
        return;
    p->sync.not_opened = true;
    sl_log(SL_ERROR, "pool", "cannot open a pool: its tokens are served as they are, and nothing is renewed",
           SL_KS("pool", p->shared->name), SL_KS("code", sl_err_code(err)),
           SL_KS("redis", unfit != NULL ? unfit : "refuses it"));
}

static void on_opened(void *arg, enum sl_err err, const struct sl_pool_opened *opened)
{
    struct sl_kpool *p = arg;
    if (err != SL_OK) {
        sl_keeper_change_state(p, SL_POOL_CLOSED); /* while the connection lasts the next sweep tries again */
        note_not_opened(p, err);
        return;
    }
    p->sync.not_opened = false;
    if (opened->size != p->options->size || opened->bits != p->options->bits) {
        refuse_pool(p, opened);
        return;
    }
    sl_keeper_note_misfit(p, "");
    if (sl_keeper_note_history(p, &p->sync.known, opened) || p->sync.distrust || p->sync.back)
        check_all(p);
    p->sync.distrust = p->sync.back = false;
    list_pool(p);
}

static void on_pool_names(void *arg, enum sl_err err, const struct sl_span *names, size_t n)
{
    struct sl_keeper *k = arg;
    if (err != SL_OK)
        return;
    k->syncs.names_checked = true;
    for (size_t i = 0; i < n; i++) {
        if (sl_pool_named(k->shared, names[i]) == NULL)
            sl_log(SL_WARN, "pool", "a pool in Redis is not in the configuration: its lists are not served",
                   SL_KN("pool", names[i].at, names[i].len));
    }
}

void sl_keeper_open(struct sl_kpool *p)
{
    if (!sl_keeper_has_agreed(p)) {
        sl_keeper_check_agreement(p);
        return;
    }
    sl_keeper_change_state(p, SL_POOL_OPENING);
    reopen_with_opening(p);
    p->sync.known = sl_keeper_known_history(p, p->sync.back, sl_keeper_highest_lineage(p));
    if (sl_store_open_pool(p->keeper->store, p->shared->name, p->options->size, p->options->bits,
                           &p->sync.known, on_opened, p) != SL_OK)
        sl_keeper_change_state(p, SL_POOL_CLOSED);
}

void sl_keeper_store_up(struct sl_keeper *k)
{
    SL_EACH_KPOOL (p, k) {
        sl_keeper_leave_server(p);
        sl_keeper_open(p);
    }
    if (!k->syncs.names_checked && sl_store_pool_names(k->store, on_pool_names, k) != SL_OK)
        sl_log(SL_WARN, "pool", "cannot read the names of pools from redis");
    sl_keeper_pump(k);
}

void sl_keeper_store_down(struct sl_keeper *k)
{
    SL_EACH_KPOOL (p, k)
        sl_keeper_change_state(p, SL_POOL_CLOSED);
    sl_keeper_refuse_tokens(k);
}

void sl_keeper_sync_init(struct sl_kpool *p)
{
    sl_timer_init(&p->sync.give_up, on_give_up, p);
}

void sl_keeper_sync_free(struct sl_kpool *p)
{
    sl_timer_stop(p->keeper->loop, &p->sync.give_up);
}
