/* Messages to the service manager, as sd_notify(3) describes: datagrams to the socket that NOTIFY_SOCKET in
 * the environment names. Only the main thread calls this. Without that socket each call does nothing; a
 * datagram that cannot be sent is lost. */
#pragma once
#include <stdint.h>

void sl_notify_ready(void);
/* A reload has ended; `status` is shown to the operator. */
void sl_notify_ready_again(const char *status);
void sl_notify_reloading(void);
/* The end may take as long as `within_ms` and some. */
void sl_notify_stopping(uint64_t within_ms);
