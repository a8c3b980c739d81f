/* The states of a connection to Redis; conn.c has the one function that changes them, and the table of what
 * may follow what:
 *
 * DOWN -> RESOLVING -> CONNECTING -> GREETING -> VERIFYING -> UP; any -> DOWN, where a timer with backoff and
 * jitter begins anew; any -> DRAINING -> CLOSED. */
#pragma once

#define SL_STORE_STATES(X)                                                                                   \
    X(DOWN, "down")             /* no socket; a timer runs */                                                \
    X(RESOLVING, "resolving")   /* the clerk's thread looks the host up */                                   \
    X(CONNECTING, "connecting") /* connect() or the TLS handshake is under way */                            \
    X(GREETING, "greeting")     /* AUTH, name, SELECT; predecessors are killed */                            \
    X(VERIFYING, "verifying")   /* the owner prepares: scripts and checks, or subscriptions */               \
    X(UP, "up")                 /* operations are accepted */                                                \
    X(DRAINING, "draining")     /* no new operation; replies are awaited */                                  \
    X(CLOSED, "closed")         /* for ever */

enum sl_store_state {
#define X(id, name) SL_STORE_##id,
    SL_STORE_STATES(X)
#undef X
        SL_STORE_STATE_COUNT
};

/* The value of the label `state`, and the word in logs. */
static inline const char *sl_store_state_name(enum sl_store_state s)
{
    static const char *const names[] = {
#define X(id, name) name,
        SL_STORE_STATES(X)
#undef X
    };
    return names[s];
}
