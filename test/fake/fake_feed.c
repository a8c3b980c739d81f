/* store/feed.h without Redis. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/container_of.h"
#include "fake_redis.h"
#include "store/feed.h"

struct sl_feed {
    struct fake_redis *f;
    struct sl_feed_setup setup;
    enum sl_store_state state;
    struct fake_end end;
    struct sl_mailbox box;
};

static void on_mail(void *arg, struct sl_mail *m)
{
    struct sl_feed *feed = arg;
    bool up = atomic_load(&feed->f->feed_up);
    if (m->kind == FAKE_VERSION && up) {
        const struct fake_version_mail *v = sl_container_of(m, struct fake_version_mail, mail);
        feed->setup.on_version(feed->setup.arg, v->pool, &v->list, v->version);
    }
    free(m);
    enum sl_store_state now = up ? SL_STORE_UP : SL_STORE_DOWN;
    if (now != feed->state) {
        feed->state = now;
        feed->setup.connection.on_state(feed->setup.connection.arg, now);
    }
}

struct sl_feed *sl_feed_new(const struct sl_feed_setup *setup)
{
    struct sl_feed *feed = sl_xcalloc(1, sizeof *feed);
    feed->f = (struct fake_redis *)setup->connection.options;
    feed->setup = *setup;
    sl_mailbox_init(&feed->box, on_mail, feed);
    sl_mailbox_attach(&feed->box, setup->connection.loop);
    struct sl_mail *m = sl_xcalloc(1, sizeof *m);
    m->kind = FAKE_POKE;
    sl_mailbox_send(&feed->box, m);
    feed->end.box = &feed->box;
    feed->end.is_feed = true;
    pthread_mutex_lock(&feed->f->lock);
    feed->end.next = feed->f->ends;
    feed->f->ends = &feed->end;
    pthread_mutex_unlock(&feed->f->lock);
    return feed;
}

enum sl_store_state sl_feed_state(const struct sl_feed *feed)
{
    return feed->state;
}

const char *sl_feed_reason(const struct sl_feed *feed)
{
    (void)feed;
    return "the subscription is refused";
}

bool sl_feed_hopeless(const struct sl_feed *feed)
{
    return atomic_load(&feed->f->feed_hopeless);
}

void sl_feed_show(struct sl_feed *feed, size_t pool, const struct sl_feed_shown *before)
{
    (void)before;
    sl_assert(feed->setup.shown[pool].fingerprint != 0);
}

void sl_feed_free(struct sl_feed *feed)
{
    if (feed == NULL)
        return;
    pthread_mutex_lock(&feed->f->lock);
    struct fake_end **link = &feed->f->ends;
    while (*link != &feed->end)
        link = &(*link)->next;
    *link = feed->end.next;
    pthread_mutex_unlock(&feed->f->lock);
    sl_mailbox_detach(&feed->box);
    for (struct sl_mail *m = sl_mailbox_take(&feed->box), *next; m != NULL; m = next) {
        next = m->next;
        free(m);
    }
    sl_mailbox_close(&feed->box);
    free(feed);
}
