/* Addresses to listen at: host:port, [v6]:port, *:port or unix:/path. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define SL_UNIX_PATH_MAX 107 /* and a NUL: unix(7) */

struct sl_address {
    char host[254]; /* "" for a unix socket; without brackets */
    uint16_t port;  /* 0 for a unix socket */
    bool v6;
    bool all;                        /* of both families; then there is no host */
    char path[SL_UNIX_PATH_MAX + 1]; /* unix socket, or "" */
};

/* Syntax only; a host is an IPv4 or IPv6 address or a name of letters, digits, '-' and '.'. The port
 * is 1..65535. */
bool sl_address_parse(const char *text, struct sl_address *ret);
/* Whether both cannot be bound at once: the same path, or the same port where the hosts are equal or one is
 * the wildcard of a family that the other may have. [::] is IPv6 only. Names are not resolved: they may have
 * addresses of both families. */
bool sl_address_conflict(const struct sl_address *a, const struct sl_address *b);
/* Only this machine reaches it: a unix socket, 127.0.0.0/8, [::1] or the name localhost. */
bool sl_address_is_near(const struct sl_address *a);
