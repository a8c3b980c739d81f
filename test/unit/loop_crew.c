/* Crews: every job comes back, each thread has its state, and freeing finishes what was submitted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container_of.h"
#include "loop/crew.h"

#define JOBS 2000
#define THREADS 3

struct sum_job {
    struct sl_job job;
    unsigned value, result;
    void *state; /* of the thread that did it */
    bool back;
};

struct owner {
    struct sl_mailbox box;
    unsigned back;
};

static _Atomic unsigned states_made, states_freed;
static _Atomic bool gate_open, gate_reached;

static void *state_new(void *arg)
{
    atomic_fetch_add(&states_made, 1);
    unsigned *factor = malloc(sizeof *factor);
    *factor = *(unsigned *)arg;
    return factor;
}

static void state_free(void *state)
{
    atomic_fetch_add(&states_freed, 1);
    free(state);
}

static void multiply(struct sl_job *job, void *state)
{
    struct sum_job *j = sl_container_of(job, struct sum_job, job);
    j->result = j->value * *(unsigned *)state;
    j->state = state;
}

static void slow(struct sl_job *job, void *state)
{
    (void)state;
    usleep(500);
    (sl_container_of(job, struct sum_job, job))->result = 1;
}

static void on_back(void *arg, struct sl_mail *m)
{
    struct owner *o = arg;
    struct sum_job *j = sl_container_of(m, struct sum_job, job.mail);
    assert_int_equal(m->kind, 77); /* the sender's, kept */
    assert_false(j->back);
    j->back = true;
    o->back++;
}

static void submit(struct sl_crew *c, struct owner *o, struct sum_job *j,
                   void (*work)(struct sl_job *job, void *state))
{
    j->job = (struct sl_job){.mail.kind = 77, .work = work, .reply_to = &o->box};
    sl_crew_submit(c, &j->job);
}

static void every_job_comes_back(void **state)
{
    (void)state;
    unsigned factor = 3;
    struct owner o = {.back = 0};
    struct sl_loop *l = sl_loop_new(&sl_clock_system);
    struct sum_job *jobs = calloc(JOBS, sizeof *jobs);
    sl_mailbox_init(&o.box, on_back, &o);
    sl_mailbox_attach(&o.box, l);
    struct sl_crew *c = sl_crew_new("test", THREADS, state_new, state_free, &factor);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].value = i;
        submit(c, &o, &jobs[i], multiply);
    }
    while (o.back < JOBS)
        sl_loop_turn(l, 1000);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].result, 3 * i);
    sl_crew_free(c);
    assert_int_equal(atomic_load(&states_made), THREADS);
    assert_int_equal(atomic_load(&states_freed), THREADS);
    sl_mailbox_detach(&o.box);
    sl_mailbox_close(&o.box);
    sl_loop_free(l);
    free(jobs);
}

static void none_pending_means_all_are_in_the_mailbox(void **state)
{
    (void)state;
    struct owner o = {.back = 0};
    struct sum_job jobs[40] = {0};
    sl_mailbox_init(&o.box, on_back, &o);
    struct sl_crew *c = sl_crew_new("test", 2, NULL, NULL, NULL);
    for (unsigned i = 0; i < 40; i++)
        submit(c, &o, &jobs[i], slow);
    while (sl_crew_pending(c) > 0)
        usleep(100);
    sl_mailbox_drain(&o.box);
    assert_int_equal(o.back, 40);
    sl_crew_free(c);
    sl_mailbox_close(&o.box);
}

static void free_finishes_what_was_submitted(void **state)
{
    (void)state;
    struct owner o = {.back = 0};
    struct sum_job jobs[60] = {0};
    sl_mailbox_init(&o.box, on_back, &o);
    struct sl_crew *c = sl_crew_new("test", 2, NULL, NULL, NULL);
    for (unsigned i = 0; i < 60; i++)
        submit(c, &o, &jobs[i], slow);
    sl_crew_free(c);
    sl_mailbox_drain(&o.box);
    assert_int_equal(o.back, 60);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(jobs[i].result, 1);
    sl_mailbox_close(&o.box);
    sl_crew_free(NULL);
}

static void gate(struct sl_job *job, void *state)
{
    struct sum_job *j = sl_container_of(job, struct sum_job, job);
    j->state = state;
    atomic_store(&gate_reached, true);
    while (!atomic_load(&gate_open))
        usleep(100);
}

static void work_goes_to_the_thread_with_the_fewest_jobs(void **state)
{
    (void)state;
    unsigned factor = 1;
    struct owner o = {.back = 0};
    struct sum_job blocker = {0}, jobs[20] = {0};
    sl_mailbox_init(&o.box, on_back, &o);
    struct sl_crew *c = sl_crew_new("test", 2, state_new, state_free, &factor);
    submit(c, &o, &blocker, gate);
    while (!atomic_load(
        &gate_reached)) /* until then that thread has no state, and may get the memory of the other's */
        usleep(50);
    for (unsigned i = 0; i < 20; i++) {
        submit(c, &o, &jobs[i], multiply);
        while (sl_crew_pending(c) > 1)
            usleep(50); /* would never end behind the one that waits */
    }
    atomic_store(&gate_open, true);
    sl_crew_free(c);
    for (unsigned i = 0; i < 20; i++)
        assert_ptr_not_equal(jobs[i].state, blocker.state);
    sl_mailbox_drain(&o.box);
    assert_int_equal(o.back, 21);
    sl_mailbox_close(&o.box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_comes_back),
        cmocka_unit_test(none_pending_means_all_are_in_the_mailbox),
        cmocka_unit_test(free_finishes_what_was_submitted),
        cmocka_unit_test(work_goes_to_the_thread_with_the_fewest_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
