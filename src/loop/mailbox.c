#include "loop/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

void sl_mailbox_init(struct sl_mailbox *b, void (*on_mail)(void *arg, struct sl_mail *m), void *arg)
{
    *b = (struct sl_mailbox){.on_mail = on_mail, .arg = arg};
    atomic_init(&b->head, NULL);
    b->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sl_assert(b->event_fd >= 0);
}

struct sl_mail *sl_mailbox_take(struct sl_mailbox *b)
{
    struct sl_mail *m = atomic_exchange_explicit(&b->head, NULL, memory_order_acquire);
    struct sl_mail *first = NULL;
    while (m != NULL) {
        struct sl_mail *next = m->next;
        m->next = first;
        first = m;
        m = next;
    }
    return first;
}

void sl_mailbox_drain(struct sl_mailbox *b)
{
    struct sl_mail *m = sl_mailbox_take(b);
    while (m != NULL) {
        struct sl_mail *next = m->next; /* the handler may free or send the message on */
        m->next = NULL;
        b->on_mail(b->arg, m);
        m = next;
    }
}

static void clear_event(struct sl_mailbox *b)
{
    uint64_t count;
    while (read(b->event_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

static void on_event(void *arg)
{
    struct sl_mailbox *b = arg;
    /* Before the exchange: mail that comes after it finds the stack empty and writes again. */
    clear_event(b);
    sl_mailbox_drain(b);
}

void sl_mailbox_attach(struct sl_mailbox *b, struct sl_loop *l)
{
    int fd = dup(b->event_fd); /* the watch closes its own; late senders still need ours */
    sl_assert(fd >= 0);
    b->watch = sl_watch_new(l, fd, b);
    sl_watch_read(b->watch, on_event);
}

void sl_mailbox_detach(struct sl_mailbox *b)
{
    sl_watch_free(b->watch);
    b->watch = NULL;
}

void sl_mailbox_close(struct sl_mailbox *b)
{
    close(b->event_fd);
    b->event_fd = -1;
}

void sl_mailbox_wait(struct sl_mailbox *b)
{
    struct pollfd p = {.fd = b->event_fd, .events = POLLIN};
    while (poll(&p, 1, -1) != 1)
        sl_assert(errno == EINTR);
    clear_event(b);
}

void sl_mailbox_send(struct sl_mailbox *b, struct sl_mail *m)
{
    struct sl_mail *head = atomic_load_explicit(&b->head, memory_order_relaxed);
    do {
        m->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&b->head, &head, m, memory_order_release,
                                                    memory_order_relaxed));
    uint64_t one = 1;
    while (head == NULL && write(b->event_fd, &one, sizeof one) < 0)
        sl_assert(errno == EINTR || errno == EAGAIN);
}
