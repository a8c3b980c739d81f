/* The handlers, one for each kind of call. Each answers the call, now or later. */
#pragma once

struct sl_call;

void sl_call_fetch(struct sl_call *c);       /* call_fetch.c */
void sl_call_preflight(struct sl_call *c);   /* call_fetch.c */
void sl_call_aggregation(struct sl_call *c); /* call_aggregation.c */
void sl_call_reserve(struct sl_call *c);     /* call_reserve.c */
void sl_call_update(struct sl_call *c);      /* call_update.c */
void sl_call_status(struct sl_call *c);      /* call_update.c */
void sl_call_batch(struct sl_call *c);       /* call_batch.c */
void sl_call_ops(struct sl_call *c);         /* call_ops.c */
