/* Addresses to listen at: host:port, [v6]:port or unix:/path. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define SL_UNIX_PATH_MAX 107 /* and a NUL: unix(7) */

struct sl_address {
    char host[254]; /* "" for a unix socket; without brackets */
    uint16_t port;  /* 0 for a unix socket */
    bool v6;
    char path[SL_UNIX_PATH_MAX + 1]; /* unix socket, or "" */
};

/* Syntax only; a host is an IPv4 or IPv6 address or a name of letters, digits, '-' and '.'. The port
 * is 1..65535. */
bool sl_address_parse(const char *text, struct sl_address *ret);
/* Whether both cannot be bound at once: the same path, or the same port where the hosts are equal or one of
 * them is a wildcard (0.0.0.0, [::]). Names are not resolved. */
bool sl_address_conflict(const struct sl_address *a, const struct sl_address *b);
