/* Mailboxes: nothing is lost, each sender's order is kept, one wake-up serves a burst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container_of.h"
#include "loop/crew.h"
#include "loop/mailbox.h"

#define SENDERS 4
#define EACH 20000

struct letter {
    struct sl_mail mail; /* kind: the sender */
    unsigned number;
};

struct receiver {
    struct sl_mailbox box;
    struct sl_loop *loop;
    unsigned next[SENDERS], total, want;
};

static void on_letter(void *arg, struct sl_mail *m)
{
    struct receiver *r = arg;
    struct letter *l = sl_container_of(m, struct letter, mail);
    assert_int_equal(l->number, r->next[m->kind]);
    r->next[m->kind]++;
    if (++r->total == r->want && r->loop != NULL)
        sl_loop_stop(r->loop);
    free(l);
}

static void post(struct receiver *r, int sender, unsigned number)
{
    struct letter *l = calloc(1, sizeof *l);
    l->mail.kind = sender;
    l->number = number;
    sl_mailbox_send(&r->box, &l->mail);
}

struct sender {
    struct receiver *to;
    int number;
};

static void send_all(void *arg)
{
    struct sender *s = arg;
    for (unsigned i = 0; i < EACH; i++)
        post(s->to, s->number, i);
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    struct receiver r = {.loop = sl_loop_new(&sl_clock_system), .want = SENDERS * EACH};
    struct sender senders[SENDERS];
    struct sl_thread *threads[SENDERS];
    sl_mailbox_init(&r.box, on_letter, &r);
    sl_mailbox_attach(&r.box, r.loop);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&r, i};
        threads[i] = sl_thread_start("sender", send_all, &senders[i]);
    }
    sl_loop_run(r.loop);
    for (int i = 0; i < SENDERS; i++)
        sl_thread_join(threads[i]);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(r.next[i], EACH);
    assert_null(sl_mailbox_take(&r.box));
    sl_mailbox_detach(&r.box);
    sl_mailbox_close(&r.box);
    sl_loop_free(r.loop);
}

static uint64_t wakeups(const struct sl_mailbox *b)
{
    uint64_t count = 0;
    return read(b->event_fd, &count, sizeof count) == (ssize_t)sizeof count ? count : 0;
}

static void burst_writes_to_the_eventfd_once(void **state)
{
    (void)state;
    struct receiver r = {.total = 0};
    sl_mailbox_init(&r.box, on_letter, &r);
    for (unsigned burst = 0; burst < 3; burst++) {
        for (unsigned i = 0; i < 100; i++)
            post(&r, 0, burst * 100 + i);
        assert_int_equal(wakeups(&r.box), 1);
        sl_mailbox_drain(&r.box);
        assert_int_equal(r.total, (burst + 1) * 100);
        assert_int_equal(wakeups(&r.box), 0);
    }
    sl_mailbox_close(&r.box);
}

static void mail_waits_for_its_loop(void **state)
{
    (void)state;
    struct receiver r = {.want = 3};
    sl_mailbox_init(&r.box, on_letter, &r);
    for (unsigned i = 0; i < 3; i++)
        post(&r, 1, i);
    r.loop = sl_loop_new(&sl_clock_system);
    sl_mailbox_attach(&r.box, r.loop);
    sl_loop_run(r.loop);
    assert_int_equal(r.total, 3);
    sl_mailbox_detach(&r.box);
    sl_mailbox_close(&r.box);
    sl_loop_free(r.loop);
}

static void late_senders_are_harmless(void **state)
{
    (void)state;
    struct receiver r = {.loop = sl_loop_new(&sl_clock_system), .want = UINT32_MAX};
    sl_mailbox_init(&r.box, on_letter, &r);
    sl_mailbox_attach(&r.box, r.loop);
    post(&r, 0, 0);
    sl_loop_turn(r.loop, 1000);
    assert_int_equal(r.total, 1);
    sl_mailbox_detach(&r.box);
    struct sender late = {&r, 2};
    struct sl_thread *thread = sl_thread_start("late", send_all, &late);
    sl_loop_turn(r.loop, 1);
    sl_thread_join(thread);
    assert_int_equal(r.total, 1); /* not delivered any more */
    unsigned n = 0;
    for (struct sl_mail *m = sl_mailbox_take(&r.box), *next; m != NULL; m = next) {
        next = m->next;
        assert_int_equal((sl_container_of(m, struct letter, mail))->number,
                         n++); /* but not lost, and in order */
        free(m);
    }
    assert_int_equal(n, EACH);
    sl_mailbox_close(&r.box);
    sl_loop_free(r.loop);
}

struct chain {
    struct sl_mailbox box;
    struct sl_mail mail;
    unsigned left;
};

static void send_on(void *arg, struct sl_mail *m)
{
    struct chain *c = arg;
    if (--c->left > 0)
        sl_mailbox_send(&c->box, m);
}

static void handler_may_send_its_message_on(void **state)
{
    (void)state;
    struct chain c = {.left = 50};
    struct sl_loop *l = sl_loop_new(&sl_clock_system);
    sl_mailbox_init(&c.box, send_on, &c);
    sl_mailbox_attach(&c.box, l);
    sl_mailbox_send(&c.box, &c.mail);
    for (unsigned i = 0; i < 200 && c.left > 0; i++)
        sl_loop_turn(l, 100);
    assert_int_equal(c.left, 0);
    sl_mailbox_detach(&c.box);
    sl_mailbox_close(&c.box);
    sl_loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_senders_lose_nothing_and_keep_their_order),
        cmocka_unit_test(burst_writes_to_the_eventfd_once),
        cmocka_unit_test(mail_waits_for_its_loop),
        cmocka_unit_test(late_senders_are_harmless),
        cmocka_unit_test(handler_may_send_its_message_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
