/* Loop thread. The state changes only by change_state(), along the table of what may follow what. The retry
 * timer starts the dialler; the owner's hooks greet and prepare a connected socket. Calls stand in one
 * queue, oldest first: on_writable() sends them, one sendmsg() at a time, and notes how much of each was
 * sent, deliver_reply() gives each reply to the oldest. Whatever breaks the connection ends in
 * sl_conn_drop(): it closes the socket, starts the backoff, and only then calls back the lost calls, which
 * may send, drain or free. `busy` therefore counts our frames on the stack, and the connection is freed
 * when the last of them returns. */
#include "store/conn_int.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "base/log.h"
#include "store/metrics.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000
#define READ_BYTES 65536
#define READS_PER_EVENT 4 /* so that one connection does not hold the loop */
#define IOV_PER_WRITE 64

static void hold_conn(struct sl_conn *c)
{
    c->busy++;
}

static void release_conn(struct sl_conn *c)
{
    sl_assert(c->busy > 0);
    if (--c->busy == 0 && c->doomed)
        c->hooks->destroy(c);
}

/* ---- state */

#define TO(s) (1u << SL_STORE_##s)
/* From each state: those that may follow. */
static const unsigned allowed[] = {
    [SL_STORE_DOWN] = TO(RESOLVING) | TO(CONNECTING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_RESOLVING] = TO(CONNECTING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_CONNECTING] = TO(GREETING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_GREETING] = TO(VERIFYING) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_VERIFYING] = TO(UP) | TO(DOWN) | TO(DRAINING),
    [SL_STORE_UP] = TO(DOWN) | TO(DRAINING),
    [SL_STORE_DRAINING] = TO(CLOSED),
    [SL_STORE_CLOSED] = 0,
};

static void change_state(struct sl_conn *c, enum sl_store_state to)
{
    sl_assert(allowed[c->state] & (1u << to));
    if (c->setup.metrics != NULL) {
        sl_metric_set_label(c->setup.metrics, SL_STORE_M_STATE, c->state, 0);
        sl_metric_set_label(c->setup.metrics, SL_STORE_M_STATE, to, 1);
    }
    c->state = to;
    if (to == SL_STORE_UP) {
        c->reason[0] = '\0';
        c->hopeless = false;
        c->failures = 0;
    }
    if (c->setup.on_state != NULL)
        c->setup.on_state(c->setup.arg, to);
}

static uint64_t backoff_ns(struct sl_conn *c)
{
    uint64_t ms = BACKOFF_FIRST_MS << (c->failures < 6 ? c->failures : 6);
    if (ms > BACKOFF_LAST_MS)
        ms = BACKOFF_LAST_MS;
    c->failures++;
    return (ms / 2 + sl_random_below(sl_loop_clock(c->setup.loop), ms / 2 + 1)) * SL_NS_PER_MS;
}

static void close_socket(struct sl_conn *c)
{
    sl_timer_stop(c->setup.loop, &c->deadline);
    sl_timer_stop(c->setup.loop, &c->beat);
    sl_dial_stop(&c->dial);
    sl_link_free(c->link);
    c->link = NULL;
    sl_watch_free(c->watch);
    c->watch = NULL;
    if (c->reader != NULL)
        redisReaderFree(c->reader);
    c->reader = NULL;
    struct sl_call **end = &c->lost;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c->head;
    c->head = c->tail = c->unsent = NULL;
}

static void fail_lost_calls(struct sl_conn *c)
{
    for (struct sl_call *call; (call = c->lost) != NULL;) {
        c->lost = call->next;
        if (call->first != NULL)
            freeReplyObject(call->first);
        call->first = NULL;
        call->on_reply(c, call, NULL, NULL);
    }
}

void sl_conn_drop(struct sl_conn *c, bool hopeless, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->reason, sizeof c->reason, fmt, ap);
    va_end(ap);
    c->hopeless = hopeless;
    hold_conn(c);
    sl_log(SL_WARN, "redis", c->reason, SL_KS("role", c->setup.role),
           SL_KS("state", sl_store_state_name(c->state)), SL_KU("attempt", c->failures + 1));
    if (c->setup.metrics != NULL)
        sl_metric_add(c->setup.metrics, SL_STORE_M_RECONNECTS, 1);
    close_socket(c);
    if (c->state == SL_STORE_DRAINING) {
        sl_timer_stop(c->setup.loop, &c->retry);
        change_state(c, SL_STORE_CLOSED);
    } else if (c->state != SL_STORE_CLOSED) {
        sl_timer_start(c->setup.loop, &c->retry, backoff_ns(c));
        change_state(c, SL_STORE_DOWN);
    }
    fail_lost_calls(c);
    release_conn(c);
}

void sl_conn_refused(struct sl_conn *c, const char *what, const struct redisReply *reply)
{
    const char *said = reply->type == REDIS_REPLY_ERROR ? reply->str : "a reply of the wrong type";
    static const char *const passing[] = {
        "LOADING",
        "BUSY ",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "MISCONF",
        "OOM ",
        "ERR max number of clients", /* said before it reads a command, so it answers the first one */
    };
    bool hopeless = true;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        hopeless &= strncmp(said, passing[i], strlen(passing[i])) != 0;
    sl_conn_drop(c, hopeless, "Redis refuses %s: %.150s", what, said);
}

void sl_conn_verifying(struct sl_conn *c)
{
    change_state(c, SL_STORE_VERIFYING);
}

void sl_conn_up(struct sl_conn *c)
{
    sl_log(SL_INFO, "redis", "connected", SL_KS("role", c->setup.role), SL_KI("client", c->client_id));
    sl_timer_start(c->setup.loop, &c->beat, SL_NS_PER_S);
    change_state(c, SL_STORE_UP);
}

static void on_beat(void *arg)
{
    struct sl_conn *c = arg;
    hold_conn(c);
    sl_timer_start(c->setup.loop, &c->beat, SL_NS_PER_S);
    c->hooks->beat(c);
    release_conn(c);
}

/* A drained connection that awaits no reply any more is closed. */
static void finish_drain(struct sl_conn *c)
{
    if (c->state == SL_STORE_DRAINING && c->head == NULL) {
        sl_timer_stop(c->setup.loop, &c->retry);
        close_socket(c);
        change_state(c, SL_STORE_CLOSED);
    }
}

/* ---- reading */

static void deliver_reply(struct sl_conn *c, struct redisReply *reply)
{
    struct sl_call *call = c->head;
    if (c->hooks->news != NULL && c->hooks->news(c, reply)) {
        freeReplyObject(reply);
        return;
    }
    if (call == NULL || call->sent == 0) { /* e.g. -ERR max number of clients reached */
        sl_conn_drop(c, false, "Redis sent a reply to no command: %.100s",
                     reply->str != NULL ? reply->str : "");
        freeReplyObject(reply);
        return;
    }
    if (call->first == NULL)
        call->first = reply;
    if (--call->awaits > 0) {
        if (call->first != reply)
            freeReplyObject(reply);
        return;
    }
    c->head = call->next;
    if (c->head == NULL)
        c->tail = NULL;
    if (c->unsent == call)
        c->unsent = c->head;
    struct redisReply *first = call->first;
    call->first = NULL;
    call->next = NULL;
    call->on_reply(c, call, first, reply);
    if (first != reply)
        freeReplyObject(first);
    freeReplyObject(reply);
}

static void parse_replies(struct sl_conn *c)
{
    void *reply;
    while (c->reader != NULL) {
        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
            sl_conn_drop(c, false, "invalid reply from Redis: %s", c->reader->errstr);
            return;
        }
        if (reply == NULL)
            return;
        deliver_reply(c, reply);
    }
}

static void on_writable(void *arg);

/* `n` is the result of recv or send: 0, or -1 with errno. */
static void drop_lost(struct sl_conn *c, ssize_t n)
{
    const char *why = c->link != NULL ? sl_link_why(c->link) : n == 0 ? "closed by Redis" : strerror(errno);
    bool by_tls = n < 0 && c->link != NULL && sl_link_hopeless(c->link);
    /* A TLS port closes a connection that does not speak TLS. */
    bool hint = c->link == NULL && c->state == SL_STORE_GREETING && c->setup.options->socket == NULL;
    sl_conn_drop(c, by_tls, "connection lost: %s%s", why,
                 hint ? "; does Redis speak TLS there (redis.tls.enabled)?" : "");
}

/* TLS may have to write before it can read on (RFC 8446 section 4.6.3): reading stops until there is room to
 * write. */
static void wait_for_room(struct sl_conn *c)
{
    sl_watch_read(c->watch, NULL);
    sl_watch_write(c->watch, on_writable);
}

static ssize_t receive_bytes(struct sl_conn *c, char *bytes, size_t cap)
{
    return c->link == NULL ? recv(c->fd, bytes, cap, 0) : sl_link_recv(c->link, bytes, cap);
}

static void read_replies(struct sl_conn *c)
{
    char bytes[READ_BYTES];
    for (int i = 0; i < READS_PER_EVENT && c->watch != NULL; i++) {
        ssize_t n = receive_bytes(c, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (c->link != NULL && sl_link_wants_room(c->link))
                wait_for_room(c);
            return;
        }
        if (n <= 0) {
            drop_lost(c, n);
            return;
        }
        c->progress_ns = sl_conn_now(c);
        if (redisReaderFeed(c->reader, bytes, (size_t)n) != REDIS_OK) {
            sl_conn_drop(c, false, "cannot read from Redis: %s", c->reader->errstr);
            return;
        }
        parse_replies(c);
        if ((size_t)n < sizeof bytes)
            return;
    }
}

static void on_readable(void *arg)
{
    struct sl_conn *c = arg;
    hold_conn(c);
    read_replies(c);
    finish_drain(c);
    if (c->watch != NULL && c->unsent != NULL && !sl_watch_writing(c->watch)) /* TLS had to read first */
        sl_watch_write(c->watch, on_writable);
    release_conn(c);
}

static void start_reading(struct sl_conn *c)
{
    c->reader = redisReaderCreate();
    sl_assert(c->reader != NULL);
    sl_watch_read(c->watch, on_readable);
    if (sl_watch_writing(c->watch)) /* the handshake waited for room to write, and went on without it */
        sl_watch_write(c->watch, on_writable);
}

/* ---- writing */

static void read_on(struct sl_conn *c)
{
    hold_conn(c);
    sl_watch_read(c->watch, on_readable);
    on_readable(c);
    if (c->watch != NULL && c->unsent != NULL)
        sl_watch_write(c->watch, on_writable);
    release_conn(c);
}

static void on_writable(void *arg)
{
    struct sl_conn *c = arg;
    struct iovec iov[IOV_PER_WRITE];
    struct msghdr message = {.msg_iov = iov};
    if (!sl_watch_reading(c->watch)) {
        read_on(c);
        return;
    }
    for (struct sl_call *call = c->unsent; call != NULL && message.msg_iovlen < IOV_PER_WRITE;
         call = call->next)
        iov[message.msg_iovlen++] = (struct iovec){call->bytes + call->sent, call->len - call->sent};
    if (message.msg_iovlen == 0)
        return;
    ssize_t n = c->link == NULL ? sendmsg(c->fd, &message, MSG_NOSIGNAL)
                                : sl_link_send(c->link, iov, message.msg_iovlen);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        hold_conn(c);
        drop_lost(c, n);
        release_conn(c);
        return;
    }
    for (size_t left = n > 0 ? (size_t)n : 0; left > 0;) {
        struct sl_call *call = c->unsent;
        size_t part = call->len - call->sent < left ? call->len - call->sent : left;
        call->sent += part;
        left -= part;
        if (call->sent == call->len)
            c->unsent = call->next;
    }
    if (c->unsent != NULL && (n >= 0 || c->link == NULL || sl_link_wants_room(c->link)))
        sl_watch_write(c->watch, on_writable);
}

static void watch_deadline(struct sl_conn *c)
{
    if (!sl_timer_running(&c->deadline))
        sl_timer_start(c->setup.loop, &c->deadline, c->setup.options->command_timeout_ms * SL_NS_PER_MS);
}

void sl_conn_send(struct sl_conn *c, struct sl_call *call)
{
    sl_assert(c->watch != NULL && call->awaits > 0);
    call->next = NULL;
    call->sent = 0;
    call->started_ns = sl_conn_now(c);
    if (c->tail != NULL)
        c->tail->next = call;
    else
        c->head = call;
    c->tail = call;
    if (c->unsent == NULL)
        c->unsent = call;
    if (!sl_watch_writing(c->watch))
        sl_watch_write(c->watch, on_writable);
    watch_deadline(c);
}

struct conn_question {
    struct sl_call call;
    sl_answer_cb *on_answer;
};

static void on_question_reply(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                              const struct redisReply *last)
{
    struct conn_question *question = sl_container_of(call, struct conn_question, call);
    if (last != NULL)
        question->on_answer(c, first);
    free(call->bytes);
    free(question);
}

void sl_conn_ask(struct sl_conn *c, sl_answer_cb *on_answer, const char *const *argv)
{
    struct sl_wire w = {0};
    unsigned argc = 0;
    while (argv[argc] != NULL)
        argc++;
    sl_wire_command(&w, argc);
    for (unsigned i = 0; i < argc; i++)
        sl_wire_text(&w, argv[i]);
    struct conn_question *question = sl_xcalloc(1, sizeof *question);
    question->on_answer = on_answer;
    question->call =
        (struct sl_call){.bytes = w.data, .len = w.len, .awaits = 1, .on_reply = on_question_reply};
    sl_conn_send(c, &question->call);
}

/* ---- time */

static void on_deadline(void *arg)
{
    struct sl_conn *c = arg;
    uint64_t limit = c->setup.options->command_timeout_ms * SL_NS_PER_MS;
    hold_conn(c);
    /* If it was our own thread that stood still, the replies are in the socket by now. */
    if (c->reader != NULL)
        read_replies(c);
    finish_drain(c);
    if (c->head != NULL) {
        uint64_t since = c->head->started_ns > c->progress_ns ? c->head->started_ns : c->progress_ns;
        uint64_t waited = sl_conn_now(c) - since;
        if (waited >= limit)
            sl_conn_drop(c, false, "no reply from Redis for %u ms", c->setup.options->command_timeout_ms);
        else
            sl_timer_start(c->setup.loop, &c->deadline, limit - waited);
    }
    release_conn(c);
}

static void on_retry(void *arg)
{
    struct sl_conn *c = arg;
    hold_conn(c);
    if (c->state == SL_STORE_DRAINING) {
        close_socket(c);
        change_state(c, SL_STORE_CLOSED);
        fail_lost_calls(c);
    } else {
        sl_dial_start(&c->dial);
    }
    release_conn(c);
}

/* ---- life */

static void attach_socket(struct sl_conn *c)
{
    c->watch = c->dial.watch;
    c->fd = c->dial.fd;
    c->link = c->dial.link;
    c->dial.watch = NULL;
    c->dial.link = NULL;
    sl_watch_hand_over(c->watch, c);
    start_reading(c);
    change_state(c, SL_STORE_GREETING);
    if (c->state == SL_STORE_GREETING) /* on_state may have freed us */
        c->hooks->connected(c);
}

static void on_dial(void *arg, enum sl_dial_step step)
{
    struct sl_conn *c = arg;
    hold_conn(c);
    switch (step) {
    case SL_DIAL_RESOLVING:
        change_state(c, SL_STORE_RESOLVING);
        break;
    case SL_DIAL_CONNECTING:
        change_state(c, SL_STORE_CONNECTING);
        break;
    case SL_DIAL_CONNECTED:
        attach_socket(c);
        break;
    case SL_DIAL_FAILED:
        sl_conn_drop(c, c->dial.hopeless, "%s", c->dial.why);
        break;
    }
    release_conn(c);
}

void sl_conn_init(struct sl_conn *c, const struct sl_store_setup *setup, const struct sl_conn_hooks *hooks)
{
    c->setup = *setup;
    c->hooks = hooks;
    c->state = SL_STORE_DOWN;
    c->fd = -1;
    snprintf(c->reason, sizeof c->reason, "not connected yet");
    sl_dial_init(&c->dial, &c->setup, on_dial, c);
    sl_timer_init(&c->deadline, on_deadline, c);
    sl_timer_init(&c->retry, on_retry, c);
    sl_timer_init(&c->beat, on_beat, c);
    if (setup->metrics != NULL)
        sl_metric_set_label(setup->metrics, SL_STORE_M_STATE, SL_STORE_DOWN, 1);
    sl_timer_start(setup->loop, &c->retry, 0);
}

void sl_conn_drain(struct sl_conn *c, uint64_t deadline_ns)
{
    if (c->state == SL_STORE_DRAINING || c->state == SL_STORE_CLOSED)
        return;
    bool replies_due = c->state == SL_STORE_UP && c->head != NULL;
    if (!replies_due)
        close_socket(c);
    sl_timer_stop(c->setup.loop, &c->beat);
    sl_timer_start(c->setup.loop, &c->retry, replies_due ? deadline_ns : 0);
    change_state(c, SL_STORE_DRAINING);
}

void sl_conn_free(struct sl_conn *c)
{
    c->setup.on_state = NULL;
    hold_conn(c);
    sl_timer_stop(c->setup.loop, &c->retry);
    close_socket(c);
    if (c->state != SL_STORE_DRAINING && c->state != SL_STORE_CLOSED)
        change_state(c, SL_STORE_DRAINING);
    if (c->state == SL_STORE_DRAINING)
        change_state(c, SL_STORE_CLOSED);
    fail_lost_calls(c);
    c->doomed = true;
    release_conn(c);
}
