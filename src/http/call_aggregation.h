/* What a thread keeps for aggregations: one text for each pool that was asked for. */
#pragma once

struct sl_catalogs;
struct sl_shared;

struct sl_catalogs *sl_catalogs_new(const struct sl_shared *shared);
void sl_catalogs_free(struct sl_catalogs *all); /* NULL ok */
