/* Fetching a Status List Token as a verifier does. */
#pragma once
#include "ctl/ctl.h"
#include "ctl/web.h"

/* The Accept field of a choice. */
const char *sl_accept_of(enum sl_format_choice format);
/* Follows redirects. False after a complaint; *ret is to be freed in either case. */
bool sl_fetch_token(const struct sl_ctl *c, struct sl_web *web, const char *url, struct sl_answer *ret,
                    enum statuslist_format *ret_format);
