#include <stdlib.h>

#include "base/assert.h"
#include "worker/update.h"

struct sl_status {
    struct sl_pool_worker *worker;
    void (*done)(void *arg, enum sl_err err, uint8_t value, uint64_t version); /* NULL: cancelled */
    void *arg;
};

static void on_status(void *arg, enum sl_err err, uint8_t value, uint64_t version)
{
    struct sl_status *s = arg;
    s->worker->awaited--;
    if (s->done != NULL)
        s->done(s->arg, err, value, version);
    free(s);
}

struct sl_status *sl_status_start(struct sl_pool_worker *w, struct sl_list *l, uint32_t index,
                                  void (*done)(void *arg, enum sl_err err, uint8_t value, uint64_t version),
                                  void *arg)
{
    if (w->store == NULL || sl_store_state(w->store) != SL_STORE_UP)
        return NULL;
    struct sl_status *s = sl_xcalloc(1, sizeof *s);
    *s = (struct sl_status){w, done, arg};
    if (sl_store_status(w->store, l->pool->name, &l->id, index, on_status, s) != SL_OK) {
        free(s);
        return NULL;
    }
    w->awaited++;
    return s;
}

void sl_status_cancel(struct sl_status *s)
{
    s->done = NULL;
}
