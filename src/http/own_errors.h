/* libh2o answers some requests by itself, before a handler sees them: a body that is too large (413), one
 * whose length or chunks are broken (400), an Expect that it does not know (417). Here these answers get the
 * form that all other errors have, and are counted. A head that is not HTTP at all stays with libh2o: a 400
 * in plain text, after which it closes the connection. */
#pragma once
#include <h2o.h>
#include "http/options.h"

/* Once for each host, before the threads' contexts are made. */
void sl_own_errors_init(h2o_hostconf_t *host, enum sl_listener_kind kind);
