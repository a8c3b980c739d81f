/* The runtime directory: in memory, gone with the boot, and held by one process at a time. Without a usable
 * one the service works as well, and each start begins new lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "core/siphash.h"
#include "daemon/daemon_int.h"
#include "store/handover.h"

#define USUAL "/run/statuslistd"

/* systemd names one directory, or several with colons between them. False: there is none. */
static bool find_directory(const struct sl_config *config, char *out, size_t room)
{
    struct stat st;
    const char *given = config->runtime;
    if (given == NULL)
        given = getenv("RUNTIME_DIRECTORY");
    if (given == NULL && stat(USUAL, &st) == 0 && st.st_uid == geteuid())
        given = USUAL;
    if (given == NULL || given[0] == '\0')
        return false;
    size_t n = config->runtime != NULL ? strlen(given) : strcspn(given, ":");
    return (size_t)snprintf(out, room, "%.*s", (int)n, given) < room;
}

/* Which lists a process may inherit depends on the database that it uses. */
static uint64_t database_of(const struct sl_config *config)
{
    static const uint64_t key[2] = {0};
    const struct sl_redis_options *redis = &config->redis;
    struct sl_buf text;
    sl_buf_init(&text, 8192);
    if (redis->mode == SL_REDIS_EMBEDDED)
        sl_buf_printf(&text, "embedded %s", config->storage);
    else if (redis->socket != NULL)
        sl_buf_printf(&text, "socket %s %u", redis->socket, redis->database);
    else
        sl_buf_printf(&text, "host %s %u %u", redis->host, redis->port, redis->database);
    uint64_t fingerprint = sl_siphash(key, text.data, text.len);
    sl_buf_free(&text);
    return fingerprint;
}

void sl_runtime_open(struct sl_daemon *d)
{
    char directory[4096], text[4300];
    struct sl_buf why;
    struct sl_handover_scope scope;
    if (!find_directory(d->config, directory, sizeof directory)) {
        sl_log(SL_INFO, "runtime-directory", "there is none: each start begins new lists");
        return;
    }
    sl_buf_over(&why, text, sizeof text);
    if (d->config->runtime != NULL)
        (void)mkdir(directory,
                    0700); /* in a directory that others may write too, like /dev/shm, it has to be ours */
    if (sl_handover_scope_of(database_of(d->config), &scope))
        d->handover = sl_handover_open(directory, &scope, &why);
    else
        sl_buf_puts(&why, "the system has no boot id");
    if (d->handover == NULL)
        sl_log(SL_WARN, "runtime-directory", "it cannot be used: this start and the next begin new lists",
               SL_KS("reason", sl_buf_cstr(&why)));
    else if (why.len > 0)
        sl_log(SL_WARN, "runtime-directory", "what is in it cannot be used: this start begins new lists",
               SL_KS("reason", sl_buf_cstr(&why)));
}
