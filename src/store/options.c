#include "store/options.h"

#define AT(field) offsetof(struct sl_redis_options, field)

/* A unix socket's path has 107 bytes and a NUL (unix(7)). */
#define SOCKET_PATH_MAX 107

static const char *const modes[] = {"external", "embedded", NULL};
static const char *const strategies[] = {"append-fsync-always", "append-fsync-everysec", "disabled", NULL};

static const char *const verifications[] = {"full", "chain", "none", NULL};

const struct sl_redis_names sl_redis_keys = {.ca = "redis.tls.ca",
                                             .certificate = "redis.tls.certificate",
                                             .server_name = "redis.tls.server-name",
                                             .port = "redis.port"};

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
    {.name = "tls.enabled",
     .type = SL_OPT_BOOL,
     .offset = AT(tls.enabled),
     .fallback = "false",
     .help = "Every connection to Redis speaks TLS 1.2 or 1.3; `redis.port` is then Redis' `tls-port`."},
    {.name = "tls.ca",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.ca),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the certificates to one of which Redis' certificate must lead; without it the "
             "authorities of the system."},
    {.name = "tls.certificate",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.certificate),
     .flags = SL_OPT_RELOAD,
     .help =
         "PEM file with the certificate that is shown to Redis, followed by its chain (`tls-auth-clients`)."},
    {.name = "tls.key",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.key),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the private key of that certificate, readable by its owner only."},
    {.name = "tls.password-file",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.password_file),
     .flags = SL_OPT_RELOAD,
     .help = "File with the password of that key, where it is encrypted."},
    {.name = "tls.server-name",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.server_name),
     .max = 253,
     .help =
         "The name or address that Redis' certificate has to be for, and the name that is asked for (SNI), "
         "where it is not `redis.host`."},
    {.name = "tls.verify",
     .type = SL_OPT_WORD,
     .offset = AT(tls.verify),
     .words = verifications,
     .fallback = "full",
     .help =
         "`full`: Redis' certificate leads to an authority and is for the name or address. `chain`: whoever "
         "it is for. `none`: nothing is checked, so anybody in between can be Redis and learns its "
         "password."},
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
