/* Requests for lists that have no token yet: each worker asks once per list. */
#include "keeper/keeper_int.h"

void sl_keeper_answer_cold(struct sl_klist *t, enum sl_err err)
{
    while (t->cold != NULL) {
        struct sl_cold_mail *m = t->cold;
        t->cold = m->next;
        m->err = err;
        sl_mailbox_send(m->reply_to, &m->mail);
    }
}

void sl_keeper_cold(struct sl_keeper *k, struct sl_cold_mail *m)
{
    struct sl_klist *t = sl_keeper_list(k, m->list);
    m->next = t->cold;
    t->cold = m;
    if (sl_list_token(&t->list) != NULL) {
        sl_keeper_answer_cold(t, SL_OK);
    } else if (t->retired) {
        sl_keeper_answer_cold(t, SL_ERR_NO_SUCH_LIST);
    } else if (k->draining || sl_store_state(k->store) != SL_STORE_UP || sl_keeper_expired(t->pool)) {
        sl_keeper_answer_cold(t, SL_ERR_UNAVAILABLE);
    } else {
        sl_keeper_make_urgent(t);
        sl_keeper_want_token(t);
        sl_keeper_pump(k);
    }
}
