#include "loop/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/container_of.h"

struct sl_thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct sl_thread *t = arg;
    t->run(t->arg);
    return NULL;
}

struct sl_thread *sl_thread_start(const char *name, void (*run)(void *arg), void *arg)
{
    struct sl_thread *t = sl_xcalloc(1, sizeof *t);
    *t = (struct sl_thread){.run = run, .arg = arg};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&t->id, NULL, thread_main, t);
    sl_assert(!failed);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    char shown[16];
    snprintf(shown, sizeof shown, "%s", name);
    pthread_setname_np(t->id, shown);
    return t;
}

void sl_thread_join(struct sl_thread *t)
{
    pthread_join(t->id, NULL);
    free(t);
}

struct member {
    struct sl_crew *crew;
    struct sl_mailbox mail;
    struct sl_thread *thread;
    _Atomic unsigned pending;
    struct sl_mail end;
    bool ended;
    void *state;
};

struct sl_crew {
    unsigned count;
    void *(*state_new)(void *arg);
    void (*state_free)(void *state);
    void *arg;
    struct member members[];
};

static void on_mail(void *arg, struct sl_mail *mail)
{
    struct member *me = arg;
    if (mail == &me->end) {
        me->ended = true;
        return;
    }
    struct sl_job *job = sl_container_of(mail, struct sl_job, mail);
    job->work(job, me->state);
    sl_mailbox_send(job->reply_to, &job->mail);
    /* Afterwards, so that none pending means that all are in their mailboxes. */
    atomic_fetch_sub_explicit(&me->pending, 1, memory_order_release);
}

static void member_run(void *arg)
{
    struct member *me = arg;
    me->state = me->crew->state_new != NULL ? me->crew->state_new(me->crew->arg) : NULL;
    while (!me->ended) {
        sl_mailbox_wait(&me->mail);
        sl_mailbox_drain(&me->mail);
    }
    if (me->crew->state_free != NULL)
        me->crew->state_free(me->state);
}

struct sl_crew *sl_crew_new(const char *name, unsigned threads, void *(*thread_state_new)(void *arg),
                            void (*thread_state_free)(void *state), void *arg)
{
    struct sl_crew *c = sl_xcalloc(1, sizeof *c + threads * sizeof c->members[0]);
    c->count = threads;
    c->state_new = thread_state_new;
    c->state_free = thread_state_free;
    c->arg = arg;
    for (unsigned i = 0; i < threads; i++) {
        struct member *member = &c->members[i];
        char full[32];
        snprintf(full, sizeof full, "%s-%u", name, i);
        member->crew = c;
        sl_mailbox_init(&member->mail, on_mail, member);
        member->thread = sl_thread_start(full, member_run, member);
    }
    return c;
}

void sl_crew_submit(struct sl_crew *c, struct sl_job *job)
{
    struct member *best = &c->members[0];
    for (unsigned i = 1; i < c->count; i++)
        if (atomic_load_explicit(&c->members[i].pending, memory_order_relaxed) <
            atomic_load_explicit(&best->pending, memory_order_relaxed))
            best = &c->members[i];
    atomic_fetch_add_explicit(&best->pending, 1, memory_order_relaxed);
    sl_mailbox_send(&best->mail, &job->mail);
}

unsigned sl_crew_pending(const struct sl_crew *c)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < c->count; i++)
        sum += atomic_load_explicit(&c->members[i].pending, memory_order_acquire);
    return sum;
}

void sl_crew_free(struct sl_crew *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->count; i++)
        sl_mailbox_send(&c->members[i].mail, &c->members[i].end);
    for (unsigned i = 0; i < c->count; i++) {
        sl_thread_join(c->members[i].thread);
        sl_mailbox_close(&c->members[i].mail);
    }
    free(c);
}
