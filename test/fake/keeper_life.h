/* A fixture whose lists retire, and what its tests do with it. fixture_pass passes time, sweep by sweep. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper_int.h"
#include "fixture.h"

#define SIZE 16
#define SWEEP_MS 2000
#define AFTER_MS 40000
#define LEASE_MS (AFTER_MS / 2) /* of references in a ring */
#define AHEAD_MS 32000          /* the lease, and references on their way to a client */
#define SOON 5000               /* ms */

void short_lived(struct sl_pool_options *o, struct sl_redis_options *redis);
void endless(struct sl_pool_options *o, struct sl_redis_options *redis);
void many_lists(struct sl_pool_options *o, struct sl_redis_options *redis);
struct sl_kpool *pool(struct fixture *f);
struct sl_list *list_at(struct fixture *f, uint32_t number);
const struct sl_token *token_of(struct fixture *f, uint32_t number);
int64_t wall_s(struct fixture *f);
uint64_t looks(struct fixture *f);

/* The fake's record of a list, for the test to read and to change; locked until unlock(). */
struct fake_list *lock_list(struct fixture *f, uint32_t number);
void unlock(struct fixture *f);
struct fake_fields fields_of(struct fixture *f, uint32_t number);

/* Another instance has retired it; `quietly`: without a message on the change channel. */
void end_elsewhere(struct fixture *f, uint32_t number, bool quietly);
void sweep(struct fixture *f);
void settle(struct fixture *f);
void live(struct fixture *f, int ms);
struct fixture *started(void (*configure)(struct sl_pool_options *o, struct sl_redis_options *redis));
bool has_ready(struct fixture *f, void *arg);
void hand_out(struct fixture *f, unsigned n);

/* Gives out all references of the first list: the ring holds those of another one then. */
void use_up_first(struct fixture *f);
bool is_retired(struct fixture *f, void *arg);
void live_until_retired(struct fixture *f, uint32_t number, unsigned sweeps);
void count_answer(void *arg, enum sl_err err);
bool answered(struct fixture *f, void *arg);
enum sl_err ask(struct fixture *f, uint32_t number);
bool lists_known(struct fixture *f, void *arg);
