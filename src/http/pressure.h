/* What clients may hold of a thread that serves them: places for connections, memory for requests that are
 * still coming in, and time for taking an answer. Nothing here is on a request's own path: connections are
 * looked at when a place is short, and by a timer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sl_http_thread;

/* Why a connection was ended; the values of http_connections_shed_total. */
enum sl_shed { SL_SHED_IDLE, SL_SHED_HANDSHAKE, SL_SHED_MEMORY, SL_SHED_SLOW };

/* In the thread, once its context is there; stopped before the context goes. */
void sl_pressure_start(struct sl_http_thread *t);
void sl_pressure_stop(struct sl_http_thread *t);
/* Ends the connection that has been without a complete request, or without one at all, for longest; one that
 * is new is left alone. False: there is none. Its place is free now, with TLS perhaps a little later. */
bool sl_pressure_shed(struct sl_http_thread *t);
