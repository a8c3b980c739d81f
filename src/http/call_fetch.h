/* What a thread keeps for fetches: one share of each list's token. */
#pragma once
#include <stdint.h>

struct sl_token_shares;

struct sl_token_shares *sl_token_shares_new(void);
/* Releases the share of a list whose token was replaced. `shares`: struct sl_token_shares. */
void sl_token_shares_drop(void *shares, uint32_t list);
void sl_token_shares_drop_all(struct sl_token_shares *s);
void sl_token_shares_free(struct sl_token_shares *s); /* NULL ok; all were dropped */
