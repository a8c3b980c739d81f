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
     .type = SL_OPT_TEXT,
     .offset = AT(listen_public),
     .max = 300,
     .fallback = "0.0.0.0:8080",
     .help = "Where tokens are fetched: host:port, [v6]:port or unix:/path."},
    {.name = "listen.issuer",
     .type = SL_OPT_TEXT,
     .offset = AT(listen_issuer),
     .max = 300,
     .fallback = "same",
     .help = "Where issuers reserve and update: an address of its own, or `same` as public."},
    {.name = "listen.ops",
     .type = SL_OPT_TEXT,
     .offset = AT(listen_ops),
     .max = 300,
     .fallback = "127.0.0.1:9090",
     .help = "Where /livez, /readyz, /metrics and /version are: an address of its own that the public does "
             "not reach."},
    {.name = "limits.body",
     .type = SL_OPT_SIZE,
     .offset = AT(limits.body),
     .min = 1024,
     .max = 64 << 20,
     .fallback = "1MiB",
     .help = "Bytes of a request's body. An entry of a batch takes some 40 bytes and its URI."},
    {.name = "limits.batch-entries",
     .type = SL_OPT_UINT,
     .offset = AT(limits.batch_entries),
     .min = 1,
     .max = 100000,
     .fallback = "10000",
     .help = "Entries of one batch-update."},
    {.name = "limits.connections",
     .type = SL_OPT_UINT,
     .offset = AT(limits.connections),
     .min = 1,
     .max = 1000000,
     .fallback = "10000",
     .help = "Client connections, shared out among the workers. For more, those without a request for "
             "longest are closed; where all have just come or are at one, more wait to be accepted."},
    {.name = "limits.request-timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(limits.request_ms),
     .min = 1000,
     .max = 600000,
     .fallback = "10s",
     .help = "How long a request may take to arrive as a whole, and a connection may stay without one."},
    {.name = "limits.send-timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(limits.send_ms),
     .min = 1000,
     .max = 3600000,
     .fallback = "1m",
     .help = "How long a client may take to read an answer; an eighth of it while fewer than an eighth of "
             "limits.connections is free."},
    {.name = "limits.request-memory",
     .type = SL_OPT_SIZE,
     .offset = AT(limits.request_memory),
     .min = 1 << 20,
     .max = INT64_C(2) << 30,
     .fallback = "256MiB",
     .help = "Memory for requests that are still coming in, shared out among the workers, at least 2MiB and "
             "eight times limits.body for each. Where they hold more, those with the most are ended; it is "
             "looked at several times a second."},
    {.name = "limits.wait",
     .type = SL_OPT_DURATION,
     .offset = AT(limits.wait_ms),
     .min = 1000,
     .max = 3600000,
     .flags = SL_OPT_SECONDS,
     .fallback = "30s",
     .help = "How long an update may ask to be held until it is published (`Prefer: wait=N`)."},
    {.name = "shared-cache",
     .type = SL_OPT_BOOL,
     .offset = AT(shared_cache),
     .fallback = "false",
     .help =
         "A CDN or another shared cache stands between this service and verifiers: a change may be seen one "
         "ttl later, and `Status-Visible-By` says so."},
    {.name = "audit.file",
     .type = SL_OPT_TEXT,
     .offset = AT(audit_file),
     .max = 4096,
     .help =
         "The audit record: a line of JSON for what each reservation and update did, appended here. Absent: "
         "none is kept."},
    {.name = "audit.max-size",
     .type = SL_OPT_SIZE,
     .offset = AT(audit_max_size),
     .min = 4096,
     .max = 1 << 30,
     .fallback = "64MiB",
     .help = "Bytes of one file of it; then it becomes `<file>.1`, that `<file>.2`, and so on."},
    {.name = "audit.keep",
     .type = SL_OPT_UINT,
     .offset = AT(audit_keep),
     .min = 0,
     .max = 1000,
     .fallback = "10",
     .help = "How many full files are kept."},
    {.name = "audit.flush-interval",
     .type = SL_OPT_DURATION,
     .offset = AT(audit_flush_ms),
     .min = 0,
     .max = 60000,
     .fallback = "1s",
     .help = "It is written at once and synced to the disk so often: what a crash of the machine may take."},
    {.name = "audit.on-failure",
     .type = SL_OPT_WORD,
     .offset = AT(audit_on_failure),
     .words = audit_failures,
     .fallback = "refuse",
     .help =
         "While it cannot be written: `refuse` reservations and updates with 503, or `continue` without a "
         "record of those that find no room to wait."},
    {.name = "idempotency.retention",
     .type = SL_OPT_DURATION,
     .offset = AT(idempotency_ms),
     .min = 1000,
     .max = INT64_C(30) * 24 * 3600 * 1000,
     .fallback = "24h",
     .help = "How long the answer to a request with an Idempotency-Key is remembered, in Redis."},
    {.name = NULL},
};

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
     .help = "The key with which issuers call (`X-Api-Key`); kept as its SHA-256 only."},
    {.name = "api-keys",
     .type = SL_OPT_SECRETS,
     .offset = KEY_AT(api_keys),
     .flags = SL_OPT_RELOAD,
     .max = KEY_MAX,
     .help = "Several keys that are valid at once, for changing them."},
    {.name = "api-key-file",
     .type = SL_OPT_TEXTS,
     .offset = KEY_AT(api_key_files),
     .flags = SL_OPT_RELOAD,
     .help = "File with one key, or a list of such files; one line break at the end is ignored."},
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
     .help = "PEM files with the public keys of those who sign bearer tokens (`Authorization: Bearer`): RSA "
             "of 2048 "
             "bits or more, EC on P-256, P-384 or P-521. For HS256, HS384 and HS512 files with a secret."},
    {.name = "jwt-auth.issuer",
     .type = SL_OPT_TEXT,
     .offset = KEY_AT(jwt_issuer),
     .max = 2048,
     .flags = SL_OPT_RELOAD,
     .help = "What `iss` of a token has to be; without it, it may be anything."},
    {.name = "jwt-auth.audience",
     .type = SL_OPT_TEXT,
     .offset = KEY_AT(jwt_audience),
     .max = 2048,
     .flags = SL_OPT_RELOAD,
     .help = "What `aud` of a token has to be or contain; without it, a token with `aud` is refused."},
    {.name = "jwt-auth.algorithm",
     .type = SL_OPT_WORD,
     .offset = KEY_AT(jwt_algorithm),
     .words = algorithms,
     .fallback = "by-key",
     .flags = SL_OPT_RELOAD,
     .help = "What `alg` of a token has to be. `by-key`: RS256, or what belongs to the curve (ES256, ES384, "
             "ES512)."},
    {.name = NULL},
};

/* ---- TLS */

#define TLS_AT(listener, field)                                                                              \
    ((listener) * sizeof(struct sl_tls_options) + offsetof(struct sl_tls_options, field))

const char *const sl_tls_listener_names[] = {"public", "issuer", "ops", NULL};

static const char *const client_words[] = {"off", "optional", "required", NULL};

#define CERTIFICATE                                                                                          \
    "PEM file with the certificate of this listener, followed by its chain. With it the listener speaks "    \
    "TLS "                                                                                                   \
    "1.2 and 1.3, and nothing else."
#define KEY                                                                                                  \
    "PEM file with the private key of that certificate (EC, Ed25519 or RSA), readable by its owner only."
#define PASSWORD "File with the password of that key, where it is encrypted."
#define CA "PEM file with the certificates to one of which a client's certificate must lead."
#define CLIENTS                                                                                              \
    "`required`: who shows no certificate is refused in the handshake. `optional`: one that is shown must "  \
    "be "                                                                                                    \
    "good. It opens the listener and nothing else: requests need their credential all the same."

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
             CERTIFICATE " It has an address of its own: where listen.issuer is `same`, tls.public holds."),
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
