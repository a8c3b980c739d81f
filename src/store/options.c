#include "store/options.h"

#define AT(field) offsetof(struct sl_redis_options, field)

/* A unix socket's path has 107 bytes and a NUL (unix(7)). */
#define SOCKET_PATH_MAX 107

static const char *const modes[] = {"external", "embedded", NULL};
static const char *const strategies[] = {"append-fsync-always", "append-fsync-everysec", "disabled", NULL};

const struct sl_option sl_redis_option_rows[] = {
    {.name = "mode",
     .type = SL_OPT_WORD,
     .offset = AT(mode),
     .words = modes,
     .fallback = "external",
     .help = "`external`: a Redis that somebody else runs. `embedded`: a private redis-server child on a "
             "unix socket below "
             "storage-directory, with an append-only file synced at every write."},
    {.name = "host",
     .type = SL_OPT_TEXT,
     .offset = AT(host),
     .max = 253,
     .fallback = "localhost",
     .help = "Name or address of the Redis primary."},
    {.name = "port",
     .type = SL_OPT_PORT,
     .offset = AT(port),
     .min = 1,
     .max = 65535,
     .fallback = "6379",
     .help = "Its TCP port."},
    {.name = "socket",
     .type = SL_OPT_TEXT,
     .offset = AT(socket),
     .max = SOCKET_PATH_MAX,
     .help = "Unix socket of the Redis, instead of host and port."},
    {.name = "username", .type = SL_OPT_TEXT, .offset = AT(username), .help = "ACL user; needs a password."},
    {.name = "password", .type = SL_OPT_SECRET, .offset = AT(password), .help = "Password for AUTH."},
    {.name = "password-file",
     .type = SL_OPT_TEXT,
     .offset = AT(password_file),
     .help = "File with the password; one line break at its end is ignored."},
    {.name = "database",
     .type = SL_OPT_UNSIGNED,
     .offset = AT(database),
     .min = 0,
     .max = 1000000,
     .fallback = "0",
     .help = "Number of the database."},
    {.name = "tls",
     .type = SL_OPT_LATER,
     .help = "put a TLS tunnel (stunnel, for instance) in front of the Redis and name the tunnel's socket or "
             "port "
             "here, or reach the Redis by its unix socket or a loopback address"},
    {.name = "persistence-strategy",
     .type = SL_OPT_WORD,
     .offset = AT(persistence),
     .words = strategies,
     .fallback = "append-fsync-always",
     .flags = SL_OPT_WORD_AS_MAP,
     .help =
         "What Redis has to be configured for, checked at start and while running. `append-fsync-always`: an "
         "acknowledged update survives a crash. `append-fsync-everysec`: a crash of Redis may lose 2 seconds "
         "of "
         "updates. `disabled`: it may lose all since the last snapshot. In none is a reference given out "
         "twice."},
    {.name = "wait-replicas",
     .type = SL_OPT_UNSIGNED,
     .offset = AT(wait_replicas),
     .min = 0,
     .max = 100,
     .fallback = "0",
     .help = "An update is acknowledged once so many replicas have it."},
    {.name = "assume-persistence",
     .type = SL_OPT_BOOL,
     .offset = AT(assume_persistence),
     .fallback = "false",
     .help = "Where Redis forbids CONFIG: take the operator's word that it persists as persistence-strategy "
             "says."},
    {.name = "command-timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(command_timeout_ms),
     .min = 10,
     .max = 600000,
     .fallback = "2s",
     .help = "The connection is given up, and made anew, when a reply is awaited for so long."},
    {.name = NULL},
};
