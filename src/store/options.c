#include "store/options.h"

#define AT(field) offsetof(struct sl_redis_options, field)

/* A unix socket's path has 107 bytes and a NUL (unix(7)). */
#define SOCKET_PATH_MAX 107

static const char *const modes[] = {"external", "embedded", NULL};
static const char *const strategies[] = {"append-fsync-always", "append-fsync-everysec", "disabled", NULL};

static const char *const all[] = {"all", NULL};
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
     .help =
         "`external`: a Redis server that you run. `embedded`: statuslistd runs a private redis-server on a "
         "unix socket below storage-directory, with an append-only file that is synced at every write."},
    {.name = "host",
     .type = SL_OPT_TEXT,
     .offset = AT(host),
     .max = 253,
     .fallback = "localhost",
     .help = "Host name or address of the Redis primary."},
    {.name = "port",
     .type = SL_OPT_PORT,
     .offset = AT(port),
     .min = 1,
     .max = 65535,
     .fallback = "6379",
     .help = "TCP port of the Redis primary."},
    {.name = "socket",
     .type = SL_OPT_TEXT,
     .offset = AT(socket),
     .max = SOCKET_PATH_MAX,
     .help = "Unix socket of the Redis primary, instead of host and port."},
    {.name = "username",
     .type = SL_OPT_TEXT,
     .offset = AT(username),
     .help = "ACL user of Redis; needs a password."},
    {.name = "password", .type = SL_OPT_SECRET, .offset = AT(password), .help = "Password for Redis (AUTH)."},
    {.name = "password-file",
     .type = SL_OPT_TEXT,
     .offset = AT(password_file),
     .help = "File that contains the password; one line break at its end is ignored."},
    {.name = "database",
     .type = SL_OPT_UNSIGNED,
     .offset = AT(database),
     .min = 0,
     .max = 1000000,
     .fallback = "0",
     .help = "Number of the Redis database."},
    {.name = "tls.enabled",
     .type = SL_OPT_BOOL,
     .offset = AT(tls.enabled),
     .fallback = "false",
     .help = "Connect to Redis with TLS 1.2 or 1.3 only; `redis.port` is then the `tls-port` of Redis."},
    {.name = "tls.ca",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.ca),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the certificates to trust: the chain of Redis' certificate must end at one of "
             "them. Without it, the system's certificate authorities are trusted."},
    {.name = "tls.certificate",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.certificate),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the client certificate for Redis, followed by its chain (`tls-auth-clients`)."},
    {.name = "tls.key",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.key),
     .flags = SL_OPT_RELOAD,
     .help = "PEM file with the private key of the client certificate; only its owner may have access."},
    {.name = "tls.password-file",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.password_file),
     .flags = SL_OPT_RELOAD,
     .help = "File with the password of the private key, if the key is encrypted."},
    {.name = "tls.server-name",
     .type = SL_OPT_TEXT,
     .offset = AT(tls.server_name),
     .max = 253,
     .help = "Name or address that Redis' certificate must be for, also sent as SNI, if it differs from "
             "`redis.host`."},
    {.name = "tls.verify",
     .type = SL_OPT_WORD,
     .offset = AT(tls.verify),
     .words = verifications,
     .fallback = "full",
     .help = "`full`: the certificate of Redis must be trusted and be for the expected name or address. "
             "`chain`: it must be trusted, its name does not matter. `none`: no check, so an attacker "
             "between statuslistd and Redis can pose as Redis and read the password."},
    {.name = "persistence-strategy",
     .type = SL_OPT_WORD,
     .offset = AT(persistence),
     .words = strategies,
     .fallback = "append-fsync-always",
     .flags = SL_OPT_WORD_AS_MAP,
     .help = "How Redis must be configured to persist; checked at start and every 10 seconds. "
             "`append-fsync-always`: an acknowledged update survives a crash. `append-fsync-everysec`: a "
             "crash of Redis may lose the updates of the last 2 seconds. `disabled`: a crash may lose every "
             "update since the last snapshot. With all three, no reference is handed out twice."},
    {.name = "wait-replicas",
     .type = SL_OPT_UINT,
     .offset = AT(wait_replicas),
     .min = 0,
     .max = 100,
     .words = all,
     .flags = SL_OPT_WORD_IS_MOST,
     .fallback = "0",
     .help = "Acknowledge an update only when at least this many replicas have it. `all`: as many as are "
             "connected, at least one; with fewer than all, a failover may choose a replica that lacks an "
             "acknowledged update. While fewer are connected, updates are refused."},
    {.name = "assume-persistence",
     .type = SL_OPT_BOOL,
     .offset = AT(assume_persistence),
     .fallback = "false",
     .help = "If Redis forbids CONFIG, or does not show there how it persists: trust that it persists as "
             "persistence-strategy says."},
    {.name = "command-timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(command_timeout_ms),
     .min = 10,
     .max = 600000,
     .fallback = "2s",
     .help = "If Redis does not reply within this time, close the connection and reconnect."},
    {.name = NULL},
};
