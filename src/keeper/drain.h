/* The keeper's part of shutdown: sl_keeper_leave, sl_keeper_begin_drain and sl_keeper_give_back of
 * keeper/keeper.h. */
#pragma once
#include "keeper/setup.h"

struct sl_keeper;

/* Of the keeper. */
struct sl_giving_back {
    unsigned out;         /* calls to Redis that were not answered yet */
    struct sl_timer poll; /* while takes are under way */
    struct sl_timer give_up;
    sl_keeper_gave_back_cb *done; /* NULL: was called */
    void *arg;
};

void sl_keeper_drain_free(struct sl_keeper *k);
