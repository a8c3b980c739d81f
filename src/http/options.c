#include "http/options.h"

#include "http/bearer.h"

#define AT(field) offsetof(struct sl_http_options, field)
#define KEY_AT(field) offsetof(struct sl_key_options, field)
#define KEY_MAX 1024 /* the edge refuses longer header values than a few KiB */

static const char *const audit_failures[] = {"refuse", "continue", NULL};

const struct sl_option sl_http_option_rows[] = {
    {.name = "public-url",
     .type = SL_OPT_TEXT,
     .offset = AT(public_url),
     .max = 1024,
     .fallback = "http://localhost:8080",
     .flags = SL_OPT_SHARED,
     .help = "Base of the URIs of new lists, as wallets and verifiers reach them: "
             "http(s)://host[:port][/path]. A list "
             "keeps the URI it was created with."},
    {.name = "listen.public",
     .type = SL_OPT_TEXTS,
     .offset = AT(listen[SL_TLS_PUBLIC]),
     .max = 300,
     .fallback = "0.0.0.0:8080",
     .help = "Address where verifiers fetch tokens, or a list of addresses: host:port, [v6]:port, `*:port` "
             "for all "
             "addresses of both families, or unix:/path. A name stands for all its addresses, `[::]` for "
             "IPv6 only."},
    {.name = "listen.issuer",
     .type = SL_OPT_TEXTS,
     .offset = AT(listen[SL_TLS_ISSUER]),
     .max = 300,
     .fallback = "same",
     .help = "Address, or list of addresses, where issuers reserve and update: of its own, or `same` for "
             "listen.public."},
    {.name = "listen.ops",
     .type = SL_OPT_TEXTS,
     .offset = AT(listen[SL_TLS_OPS]),
     .max = 300,
     .fallback = "127.0.0.1:9090",
     .help = "Address, or list of addresses, of /livez, /readyz, /metrics, /version and /openapi.yaml. Do "
             "not let "
             "the public reach it."},
    {.name = "limits.body",
     .type = SL_OPT_SIZE,
     .offset = AT(limits.body),
     .min = 1024,
     .max = 64 << 20,
     .fallback = "1MiB",
     .help = "Largest body of a request. An entry of a batch takes about 40 bytes and its URI."},
    {.name = "limits.batch-entries",
     .type = SL_OPT_UINT,
     .offset = AT(limits.batch_entries),
     .min = 1,
     .max = 100000,
     .fallback = "10000",
     .help = "Largest number of entries in one batch-update."},
    {.name = "limits.connections",
     .type = SL_OPT_UINT,
     .offset = AT(limits.connections),
     .min = 1,
     .max = 1000000,
     .fallback = "10000",
     .help = "Client connections, divided among the workers. Beyond this the longest-idle connections are "
             "closed; if none is idle, new ones wait in the accept queue."},
    {.name = "limits.request-timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(limits.request_ms),
     .min = 1000,
     .max = 600000,
     .fallback = "10s",
     .help = "How long a request may take to arrive completely, and how long a connection may stay idle."},
    {.name = "limits.send-timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(limits.send_ms),
     .min = 1000,
     .max = 3600000,
     .fallback = "1m",
     .help = "How long a client may take to read an answer; one eighth of it while less than one eighth of "
             "limits.connections is free."},
    {.name = "limits.request-memory",
     .type = SL_OPT_SIZE,
     .offset = AT(limits.request_memory),
     .min = 1 << 20,
     .max = INT64_C(2) << 30,
     .fallback = "256MiB",
     .help = "Memory for requests that have not arrived completely, divided among the workers; each has at "
             "least 2MiB and eight times limits.body. A worker that holds more closes the connections with "
             "the most. It checks several times a second."},
    {.name = "limits.wait",
     .type = SL_OPT_DURATION,
     .offset = AT(limits.wait_ms),
     .min = 1000,
     .max = 3600000,
     .flags = SL_OPT_SECONDS,
     .fallback = "30s",
     .help = "Longest time for which an update can ask the service to hold its answer until the change is "
             "published (`Prefer: wait=N`)."},
    {.name = "shared-cache",
     .type = SL_OPT_BOOL,
     .offset = AT(shared_cache),
     .fallback = "false",
     .help = "Whether a CDN or another shared cache stands between this service and verifiers. Verifiers may "
             "then see a change one ttl later: `Status-Visible-By` allows for it, and tokens have "
             "`stale-while-revalidate=0`."},
    {.name = "audit.file",
     .type = SL_OPT_TEXT,
     .offset = AT(audit_file),
     .max = 4096,
     .help = "File to which the audit record is appended: lines of JSON that say what each reservation and "
             "update did. Without it no record is kept."},
    {.name = "audit.max-size",
     .type = SL_OPT_SIZE,
     .offset = AT(audit_max_size),
     .min = 4096,
     .max = 1 << 30,
     .fallback = "64MiB",
     .help = "Size at which the audit file is renamed to `<file>.1`, an older `<file>.1` to `<file>.2`, and "
             "so on."},
    {.name = "audit.keep",
     .type = SL_OPT_UINT,
     .offset = AT(audit_keep),
     .min = 0,
     .max = 1000,
     .fallback = "10",
     .help = "How many renamed audit files are kept."},
    {.name = "audit.flush-interval",
     .type = SL_OPT_DURATION,
     .offset = AT(audit_flush_ms),
     .min = 0,
     .max = 60000,
     .fallback = "1s",
     .help = "How often the audit file is synced to disk. Lines are written at once, so a crash of the "
             "machine loses at most this much."},
    {.name = "audit.on-failure",
     .type = SL_OPT_WORD,
     .offset = AT(audit_on_failure),
     .words = audit_failures,
     .fallback = "refuse",
     .help = "What happens while the audit file cannot be written: `refuse` answers reservations and updates "
             "with 503, `continue` serves them and loses the lines for which memory has no room."},
    {.name = "idempotency.retention",
     .type = SL_OPT_DURATION,
     .offset = AT(idempotency_ms),
     .min = 1000,
     .max = INT64_C(30) * 24 * 3600 * 1000,
     .fallback = "24h",
     .help = "How long Redis keeps the answer to a request with an Idempotency-Key."},
    {.name = NULL},
};

static const char *const token_types[] = {"JWT", "at+jwt", NULL};
static const char *const algorithms[] = {"by-key",
#define X(name) #name,
                                         SL_JWT_ALGS(X)
#undef X
                                             NULL};

const struct sl_option sl_http_pool_option_rows[] = {
    {.name = "api-key",
     .type = SL_OPT_SECRET,
     .offset = KEY_AT(api_key),
     .flags = SL_OPT_RELOAD,
     .max = KEY_MAX,
     .help = "The key that issuers send in `X-Api-Key`. The service keeps only its SHA-256."},
    {.name = "api-keys",
     .type = SL_OPT_SECRETS,
     .offset = KEY_AT(api_keys),
     .flags = SL_OPT_RELOAD,
     .max = KEY_MAX,
     .help = "Several keys that are valid at the same time, so that a key can be changed without a gap."},
    {.name = "api-key-file",
     .type = SL_OPT_TEXTS,
     .offset = KEY_AT(api_key_files),
     .flags = SL_OPT_RELOAD,
     .help = "File with one key, or a list of such files. One line break at the end is ignored."},
    {.name = "api-key-sha256",
     .type = SL_OPT_SECRETS,
     .offset = KEY_AT(hashes),
     .flags = SL_OPT_RELOAD,
     .max = KEY_MAX,
     .help = "SHA-256 of a key as 64 hex digits (`printf %s KEY | sha256sum`), or a list of them."},
    {.name = "jwt-auth.keys",
     .type = SL_OPT_TEXTS,
     .offset = KEY_AT(jwt_keys),
     .flags = SL_OPT_RELOAD,
     .help =
         "PEM files with the public keys that verify bearer tokens (`Authorization: Bearer`): "
         "RSA of at least 2048 bits, EC on P-256, P-384 or P-521, or Ed25519. For HS256, HS384 and HS512: "
         "files with a secret."},
    {.name = "jwt-auth.issuer",
     .type = SL_OPT_TEXT,
     .offset = KEY_AT(jwt_issuer),
     .max = 2048,
     .flags = SL_OPT_RELOAD,
     .help = "The `iss` that a token must have. Without this option it may be anything."},
    {.name = "jwt-auth.audience",
     .type = SL_OPT_TEXT,
     .offset = KEY_AT(jwt_audience),
     .max = 2048,
     .flags = SL_OPT_RELOAD,
     .help = "The audience that a token's `aud` must be or contain. Without this option a token with `aud` "
             "is refused."},
    {.name = "jwt-auth.algorithm",
     .type = SL_OPT_WORD,
     .offset = KEY_AT(jwt_algorithm),
     .words = algorithms,
     .fallback = "by-key",
     .flags = SL_OPT_RELOAD,
     .help = "The `alg` that a token must have. `by-key`: RS256 for RSA; ES256, ES384 or ES512 as the curve "
             "has it; EdDSA for Ed25519."},
    {.name = "jwt-auth.type",
     .type = SL_OPT_WORD,
     .offset = KEY_AT(jwt_type),
     .words = token_types,
     .fallback = "JWT",
     .flags = SL_OPT_RELOAD,
     .help = "The `typ` that a token must have. `JWT`: that, or none. `at+jwt`: an OAuth access token of RFC "
             "9068, "
             "so that ID tokens of the same provider open nothing."},
    {.name = NULL},
};

/* ---- TLS */

#define TLS_AT(listener, field)                                                                              \
    ((listener) * sizeof(struct sl_tls_options) + offsetof(struct sl_tls_options, field))

const char *const sl_tls_listener_names[] = {"public", "issuer", "ops", NULL};

static const char *const client_words[] = {"off", "optional", "required", NULL};

#define CERTIFICATE                                                                                          \
    "PEM file with this listener's certificate, followed by its chain. With it the listener speaks "         \
    "TLS 1.2 and 1.3 only."
#define KEY                                                                                                  \
    "PEM file with the private key of that certificate (EC, Ed25519 or RSA), readable by its owner "         \
    "only."
#define PASSWORD "File with the password of that key, if the key is encrypted."
#define CA                                                                                                   \
    "PEM file with CA certificates. One of them must have issued the client's certificate, directly or "     \
    "through a chain."
#define CLIENTS                                                                                              \
    "`required`: the handshake refuses a client without a certificate. `optional`: a client may come "       \
    "without one, but a certificate that it shows must be valid. A certificate opens only the "              \
    "listener: requests still need their credential."
#define FILE_ROW(name_, listener, field, text)                                                               \
    {                                                                                                        \
        .name = (name_), .type = SL_OPT_TEXT, .offset = TLS_AT(listener, field), .flags = SL_OPT_RELOAD,     \
        .help = (text)                                                                                       \
    }
#define CLIENTS_ROW(name_, listener)                                                                         \
    {                                                                                                        \
        .name = (name_), .type = SL_OPT_WORD, .offset = TLS_AT(listener, client_certificates),               \
        .words = client_words, .fallback = "off", .flags = SL_OPT_RELOAD, .help = CLIENTS                    \
    }

const struct sl_option sl_tls_option_rows[] = {
    FILE_ROW("public.certificate", SL_TLS_PUBLIC, certificate_file, CERTIFICATE),
    FILE_ROW("public.key", SL_TLS_PUBLIC, key_file, KEY),
    FILE_ROW("public.password-file", SL_TLS_PUBLIC, password_file, PASSWORD),
    FILE_ROW("issuer.certificate", SL_TLS_ISSUER, certificate_file,
             CERTIFICATE " Only if listen.issuer is an address of its own; for `same` use tls.public."),
    FILE_ROW("issuer.key", SL_TLS_ISSUER, key_file, KEY),
    FILE_ROW("issuer.password-file", SL_TLS_ISSUER, password_file, PASSWORD),
    FILE_ROW("issuer.client-ca", SL_TLS_ISSUER, client_ca_file, CA),
    CLIENTS_ROW("issuer.client-certificates", SL_TLS_ISSUER),
    FILE_ROW("ops.certificate", SL_TLS_OPS, certificate_file, CERTIFICATE),
    FILE_ROW("ops.key", SL_TLS_OPS, key_file, KEY),
    FILE_ROW("ops.password-file", SL_TLS_OPS, password_file, PASSWORD),
    FILE_ROW("ops.client-ca", SL_TLS_OPS, client_ca_file, CA),
    CLIENTS_ROW("ops.client-certificates", SL_TLS_OPS),
    {.name = NULL},
};
