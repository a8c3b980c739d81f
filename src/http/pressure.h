/* Overload: how much of a thread's resources clients may hold. Bounds the connections, the memory of
 * requests that have not arrived completely, and the time that a client takes to read its answer. Nothing
 * of it is on the path of a request: a thread checks its connections when it has no place for a new one,
 * and by a timer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_http_thread;

/* Why a connection was ended; the values of http_connections_shed_total. */
enum sl_shed { SL_SHED_IDLE, SL_SHED_HANDSHAKE, SL_SHED_MEMORY, SL_SHED_SLOW };

/* In the thread, after its context was made; stop it before the context is disposed of. */
void sl_pressure_start(struct sl_http_thread *t);
void sl_pressure_stop(struct sl_http_thread *t);
/* Closes the connection that has waited longest for a request or for the rest of one, but no new connection.
 * False: there is none. Its place is free at once, or a little later with TLS. */
bool sl_pressure_shed(struct sl_http_thread *t);
