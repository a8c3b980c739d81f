/* The connection that store and feed share: its state, its socket, the calls that await replies. Internal to
 * the store layer. hiredis parses the replies; sockets, queue and deadlines are ours, so that what was sent
 * is known to the byte.
 *
 * Owner: one loop thread. Calls are answered in the order in which they were sent (the protocol has no
 * other). */
#pragma once
#include <sys/socket.h>
#include "store/store.h"
#include "store/tls_int.h"
#include "store/wire_int.h"

struct redisReply;
struct redisReader;
struct sl_conn;
struct sl_resolve;

/* One or more commands in one piece. `first` and `last` are the first and the last reply (the same when one
 * is awaited); both NULL: the connection was lost, and `sent` says whether a byte had left. on_reply owns the
 * call from then on. */
struct sl_call {
    struct sl_call *next;
    char *bytes; /* owned; kept until on_reply has the call */
    size_t len, sent;
    unsigned awaits; /* replies that have not come */
    uint64_t started_ns;
    struct redisReply *first;
    void (*on_reply)(struct sl_conn *c, struct sl_call *call, const struct redisReply *first,
                     const struct redisReply *last);
};

struct sl_conn_hooks {
    /* Greeted, state VERIFYING: the owner prepares and ends with sl_conn_up or sl_conn_drop. */
    void (*prepare)(struct sl_conn *c);
    /* True when the reply is nobody's answer but news (Pub/Sub). May be NULL. */
    bool (*news)(struct sl_conn *c, const struct redisReply *r);
    /* Once a second while UP. May be NULL. */
    void (*beat)(struct sl_conn *c);
    void (*destroy)(struct sl_conn *c); /* frees what the connection is embedded in */
};

struct sl_address {
    struct sockaddr_storage at;
    socklen_t len;
};
#define SL_ADDRESS_MAX 8

struct sl_conn {
    struct sl_store_setup setup;
    const struct sl_conn_hooks *hooks;
    enum sl_store_state state;
    char reason[256];
    bool hopeless;

    struct sl_watch *watch; /* NULL: no socket */
    int fd;                 /* the watch's */
    struct sl_link *link;   /* TLS over the socket; NULL: plain */
    struct redisReader *reader;
    struct sl_call *head, *tail; /* sent or to be sent, oldest first */
    struct sl_call *unsent;      /* the first that is not wholly written */
    struct sl_call *lost;        /* of a closed connection: to be told */
    uint64_t progress_ns;        /* when bytes last came, or connecting began */

    struct sl_resolve *resolve; /* under way, or NULL */
    struct sl_address addresses[SL_ADDRESS_MAX];
    unsigned address_count, address_next;

    struct sl_timer deadline; /* of the oldest call, or of connecting */
    struct sl_timer retry;    /* backoff while DOWN; the end of DRAINING */
    struct sl_timer beat;
    unsigned failures; /* since UP, for the backoff */
    uint64_t drain_until_ns;
    int64_t client_id;
    unsigned kills; /* replies to CLIENT KILL that are awaited */
    unsigned busy;  /* an event of ours is on the stack */
    bool doomed;    /* freed while busy: destroyed when the stack has unwound */
};

void sl_conn_init(struct sl_conn *c, const struct sl_store_setup *setup, const struct sl_conn_hooks *hooks);
void sl_conn_free(
    struct sl_conn *c); /* fails the calls, then hooks->destroy, at the latest when the stack unwinds */
void sl_conn_drain(struct sl_conn *c, uint64_t deadline_ns);

/* Any state with a socket. The call belongs to the connection until its on_reply. */
void sl_conn_send(struct sl_conn *c, struct sl_call *call);
/* One command of plain texts (argv ends with NULL); the handler is not called when the connection is lost. */
void sl_conn_ask(struct sl_conn *c, void (*on_reply)(struct sl_conn *c, const struct redisReply *r),
                 const char *const *argv);
void sl_conn_up(struct sl_conn *c);
/* Closes the socket, tells the calls, tries again later. Only from the loop's callbacks. */
void sl_conn_drop(struct sl_conn *c, bool hopeless, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an error reply: names the command and what Redis said. */
void sl_conn_refused(struct sl_conn *c, const char *what, const struct redisReply *r);

/* Internal to the connection's own files. */
void sl_conn_change(struct sl_conn *c, enum sl_store_state to); /* the one function that changes the state */
void sl_conn_hold(struct sl_conn *c);
void sl_conn_release(struct sl_conn *c);
void sl_conn_dial(struct sl_conn *c);           /* resolve, connect: dial.c */
void sl_conn_next_address(struct sl_conn *c);   /* connects to the next one; drops when there is none */
void sl_conn_forget(struct sl_conn *c);         /* a resolver job under way, if any */
void sl_conn_attach(struct sl_conn *c, int fd); /* connected: greets */
void sl_conn_greet(struct sl_conn *c);          /* greet.c; ends in VERIFYING */
void sl_conn_watch_deadline(struct sl_conn *c);
void sl_conn_unplug(struct sl_conn *c); /* closes the socket, if there is one */
void sl_conn_listen(struct sl_conn *c); /* conn_io.c: reads from now on */
void sl_conn_read(struct sl_conn *c);   /* what has come; may drop the connection */
void sl_conn_finish_drain(struct sl_conn *c);
static inline uint64_t sl_conn_now(const struct sl_conn *c)
{
    return sl_mono_ns(sl_loop_clock(c->setup.loop));
}
