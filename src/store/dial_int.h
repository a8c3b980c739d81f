/* From an address in the options to a connected socket: name resolution on the clerk's thread, a non-blocking
 * connect() to each address in turn, the TLS handshake. Internal to the store layer.
 *
 * Owner: one loop thread. One dialling at a time; a report is the last thing that the dialler does in a
 * callback, so that its receiver may stop or free it. */
#pragma once
#include <sys/socket.h>
#include "store/store.h"
#include "store/tls_int.h"

struct sl_resolve;

enum sl_dial_step {
    SL_DIAL_RESOLVING,
    SL_DIAL_CONNECTING, /* once, to the first address */
    SL_DIAL_CONNECTED,  /* the receiver takes watch, fd and link over */
    SL_DIAL_FAILED      /* why and hopeless are set */
};
typedef void(sl_dial_cb)(void *arg, enum sl_dial_step step);

struct sl_address {
    struct sockaddr_storage at;
    socklen_t len;
};
#define SL_ADDRESS_MAX 8

struct sl_dial {
    const struct sl_store_setup *setup;
    sl_dial_cb *on_step;
    void *arg;
    struct sl_resolve *resolve; /* under way, or NULL */
    struct sl_address addresses[SL_ADDRESS_MAX];
    unsigned address_count, address_next;
    struct sl_timer deadline; /* of the address that is tried */
    struct sl_watch *watch;   /* NULL: no socket */
    int fd;                   /* the watch's */
    struct sl_link *link;     /* NULL: plain */
    char why[256];
    bool hopeless; /* it does not mend itself */
};

void sl_dial_init(struct sl_dial *d, const struct sl_store_setup *setup, sl_dial_cb *on_step, void *arg);
void sl_dial_start(struct sl_dial *d);
void sl_dial_stop(struct sl_dial *d); /* no report follows; idempotent */
/* Mail of kind SL_STORE_MAIL: a host name is resolved. */
void sl_dial_mail(struct sl_mail *mail);
