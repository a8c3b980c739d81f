/* Replies into values: functions that check every type, count and range before use. False: the reply has
 * another shape. Spans and pointers point into the reply. Internal to the store layer. */
#pragma once
#include "store/store.h"

struct redisReply;

bool sl_decode_record(const struct redisReply *reply, struct sl_list_record *ret);
/* A record that is not whole, with its id and the field that is at fault. */
bool sl_decode_damage(const struct redisReply *reply, struct sl_damaged_list *ret);
bool sl_decode_pool(const struct redisReply *reply, struct sl_pool_opened *ret);
bool sl_decode_agreed(const struct redisReply *reply, struct sl_agreed *ret);
/* A letter of a script, as its place among the n results that the script may give. */
bool sl_decode_result(const struct redisReply *reply, const enum sl_result *results, size_t n, unsigned *ret);
bool sl_decode_integer(const struct redisReply *reply, int64_t min, int64_t max, int64_t *ret);

/* The memory of arrays that a decoder makes. */
struct sl_decoded {
    void *items;
    uint32_t *numbers; /* where items point to */
    void *damaged;     /* what stands beside the items */
    struct sl_uuid *ids;
};
void sl_decoded_free(struct sl_decoded *d);

/* d owns the arrays, filled in on success only. */
bool sl_decode_taken(const struct redisReply *reply, uint32_t want, uint32_t named, struct sl_taken *ret,
                     struct sl_decoded *d);
bool sl_decode_inherited(const struct redisReply *reply, uint32_t named, struct sl_inherited *ret,
                         struct sl_decoded *d);
bool sl_decode_records(const struct redisReply *reply, const struct sl_list_record **ret, size_t *ret_n,
                       struct sl_decoded *d);
bool sl_decode_changes(const struct redisReply *reply, struct sl_changes *ret, struct sl_decoded *d);
bool sl_decode_mended(const struct redisReply *reply, struct sl_lineage own, struct sl_mended_list *ret);
bool sl_decode_retired(const struct redisReply *reply, uint32_t asked, struct sl_retired *ret,
                       struct sl_decoded *d);
bool sl_decode_names(const struct redisReply *reply, const struct sl_span **ret, size_t *ret_n,
                     struct sl_decoded *d);
/* Names of channels as sl_name_tempo makes them; those of `me`, and others, are left out. */
bool sl_decode_tempos(const struct redisReply *reply, const char *me, const struct sl_tempo **ret,
                      size_t *ret_n, struct sl_decoded *d);
/* Turns letters into enum sl_result where they lie in the reply. `own`: the caller's lineage, which an empty
 * text stands for; here and below. */
bool sl_decode_updated(const struct redisReply *reply, uint32_t n, struct sl_lineage own,
                       struct sl_updated *ret);
/* `ret_group` and `ret_at`: the refused entry, when ret->refused is not SL_OK. */
bool sl_decode_batched(const struct redisReply *reply, uint32_t groups, struct sl_lineage own,
                       struct sl_batched *ret, uint32_t *ret_group, uint32_t *ret_at, struct sl_decoded *d);
/* The answer points into the reply. */
bool sl_decode_remembered(const struct redisReply *reply, struct sl_remembered *ret);
/* {} means an index outside: ret_outside. */
bool sl_decode_status(const struct redisReply *reply, struct sl_lineage own, bool *ret_outside,
                      uint8_t *ret_value, struct sl_head *ret_head);
/* The reply of EXEC to TIME, HMGET version at line cut, GET data, and GET of the marks of each lineage named.
 * nil version: no such list, ret_gone. */
bool sl_decode_loaded(const struct redisReply *reply, const struct sl_lineage *named, size_t n,
                      bool *ret_gone, struct sl_loaded *ret, struct sl_decoded *d);

typedef void(sl_predecessor_cb)(void *arg, int64_t client);
/* CLIENT LIST: clients of instance `me` that belong to another run, or to this run and role; not `self`. */
void sl_decode_predecessors(struct sl_span client_list, const struct sl_store_identity *me, const char *role,
                            int64_t self, sl_predecessor_cb *found, void *arg);
/* CLIENT LIST: whether a sentinel is among the clients. */
bool sl_decode_watched(struct sl_span client_list);
/* The payload of a Pub/Sub message: "<id> <version>". */
bool sl_decode_news(struct sl_span payload, struct sl_uuid *ret_list, uint64_t *ret_version);
/* The value of a line "name:value" of INFO. */
bool sl_decode_info(struct sl_span info, const char *name, struct sl_span *ret);
/* INFO: how many replicas are online and have acknowledged something within the last ten seconds. */
uint32_t sl_decode_replicas(struct sl_span info);
