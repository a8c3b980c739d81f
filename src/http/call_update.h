/* What the calls that set statuses have in common. */
#pragma once
#include "http/auth.h"
#include "http/call.h"
#include "http/edge_body.h"

/* Who calls, and the body of an update or a batch, which the caller frees. False: refused and answered. */
bool sl_read_update(const struct sl_call *c, bool batch, struct sl_identity *ret_who, struct sl_body **ret);
/* Whether the caller may know the list. Another pool's, and another spelling of its URI, are like no list at
 * all. */
bool sl_is_theirs(const struct sl_identity *who, const struct sl_list *list, struct sl_span uri);
/* Whether the list has an entry with this index, and room for this value in it. */
enum sl_err sl_check_entry(const struct sl_list *list, uint32_t index, uint32_t value,
                           char why[static SL_WHY]);
/* NULL: the title of the error says it. */
const char *sl_explain_update(const struct sl_call *c, enum sl_err err);
