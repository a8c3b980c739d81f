/* The names of keys and channels in Redis (docs/redis.md). Internal to the store layer. Each function writes
 * a NUL-terminated name and answers its length. */
#pragma once
#include "base/uuid.h"

#define SL_NAME_MAX 512 /* bytes with the NUL: a pool's name has at most 64 characters */
#define SL_NAME_POOLS "statuslist:pools"

/* statuslist:{<pool>}:<what> */
size_t sl_name_pool(const char *pool, const char *what, char out[static SL_NAME_MAX]);
/* statuslist:{<pool>}:list:<id>:<what> */
size_t sl_name_list(const char *pool, const struct sl_uuid *id, const char *what,
                    char out[static SL_NAME_MAX]);
/* The channel of the pool's changes: statuslist:<database>:{<pool>} */
size_t sl_name_channel(unsigned database, const char *pool, char out[static SL_NAME_MAX]);
/* The channel by which a living instance shows that it takes from lists of its own only:
 * <channel>/2:<instance>. Versions that know no owners do not look for it. */
size_t sl_name_knows_owners(unsigned database, const char *pool, const char *instance,
                            char out[static SL_NAME_MAX]);
/* The channel by which a living instance shows the options that it has: <channel>:<fingerprint>:<instance> */
size_t sl_name_shown(unsigned database, const char *pool, uint64_t fingerprint, const char *instance,
                     char out[static SL_NAME_MAX]);
/* The channel by which a living instance shows how late verifiers may see a change because of it:
 * <channel>/3:<update-interval>:<ttl>:<instance>, in ms. */
size_t sl_name_tempo(unsigned database, const char *pool, uint32_t update_ms, uint32_t ttl_ms,
                     const char *instance, char out[static SL_NAME_MAX]);
/* The pattern of all those channels of the database. */
size_t sl_name_tempos(unsigned database, char out[static SL_NAME_MAX]);
