#include "keeper/state.h"

#include "base/assert.h"
#include "keeper/keeper_int.h"

#define TO(s) (1u << SL_POOL_##s)
static const unsigned allowed[] = {
    [SL_POOL_CLOSED] = TO(CLOSED) | TO(OPENING),
    [SL_POOL_OPENING] = TO(CLOSED) | TO(LISTING),
    /* Back to OPENING: the history is another one again, or lists have gone back without a reason. */
    [SL_POOL_LISTING] = TO(CLOSED) | TO(OPENING) | TO(MENDING) | TO(SYNCED),
    /* To CLOSED also when a list was not restored: the next sweep begins anew. */
    [SL_POOL_MENDING] = TO(CLOSED) | TO(OPENING) | TO(SYNCED),
    /* To OPENING also for workers whose changes Redis has refused. */
    [SL_POOL_SYNCED] = TO(CLOSED) | TO(OPENING),
};

void sl_keeper_change_state(struct sl_kpool *p, enum sl_pool_state to)
{
    struct sl_kpool_state *s = &p->state;
    sl_assert(allowed[s->now] & (1u << to));
    s->now = to;
    if (to == SL_POOL_SYNCED)
        s->was_synced = true;
}

bool sl_keeper_is_synced(const struct sl_kpool *p)
{
    return p->state.now == SL_POOL_SYNCED;
}

bool sl_keeper_was_synced(const struct sl_kpool *p)
{
    return p->state.was_synced;
}

void sl_keeper_note_shown(struct sl_kpool *p, uint32_t lacking)
{
    p->state.was_shown = p->state.was_shown || lacking == 0;
}

bool sl_keeper_was_shown(const struct sl_kpool *p)
{
    return p->state.was_shown;
}

bool sl_keeper_is_readable(const struct sl_kpool *p)
{
    return p->state.now >= SL_POOL_LISTING;
}

bool sl_keeper_in_doubt(const struct sl_kpool *p)
{
    return p->state.checking || (p->state.was_synced && !sl_keeper_is_readable(p));
}

enum sl_pool_state sl_keeper_pool_state(const struct sl_kpool *p)
{
    return p->state.now;
}

bool sl_keeper_is_checking(const struct sl_kpool *p)
{
    return p->state.checking;
}

uint32_t sl_keeper_reading(const struct sl_kpool *p)
{
    return p->state.reading;
}

void sl_keeper_begin_check(struct sl_kpool *p)
{
    p->state.checking = true;
    p->state.reading++;
}

void sl_keeper_end_check(struct sl_kpool *p)
{
    p->state.checking = false;
}
