#include "worker/connection.h"

static void ask_confirmation(struct sl_pool_worker *w)
{
    w->confirming = true;
    w->confirm = (struct sl_confirm_mail){
        .mail.kind = SL_MAIL_CONFIRM, .reply_to = w->mail, .connection = w->connection};
    sl_mailbox_send(w->shared->keeper, &w->confirm.mail);
}

void sl_pool_worker_connection(struct sl_pool_worker *w, bool up)
{
    w->connection++;
    if (!w->doubtful)
        atomic_fetch_add_explicit(&w->shared->workers_down, 1, memory_order_relaxed);
    w->doubtful = true;
    if (up && !w->confirming)
        ask_confirmation(w);
}

void sl_pool_worker_confirmed(struct sl_pool_worker *w)
{
    w->confirming = false;
    if (w->store == NULL || sl_store_state(w->store) != SL_STORE_UP)
        return; /* asked again when it is up */
    if (w->confirm.connection != w->connection) {
        ask_confirmation(w);
        return;
    }
    w->doubtful = false;
    atomic_fetch_sub_explicit(&w->shared->workers_down, 1, memory_order_relaxed);
}

bool sl_pool_worker_can_write(const struct sl_pool_worker *w)
{
    return w->store != NULL && !w->doubtful && sl_store_state(w->store) == SL_STORE_UP;
}
