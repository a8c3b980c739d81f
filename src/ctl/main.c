#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/web.h"

const struct sl_command sl_commands[] = {
    {"reserve", "POOL [AMOUNT]", "reserve references (list URI and index)", 1, 2, sl_run_reserve},
    {"set", "URI INDEX VALUE", "set a status: valid, invalid, suspended, or a number", 3, 3, sl_run_set},
    {"get", "URI INDEX", "read a status from the store of the server", 2, 2, sl_run_get},
    {"verify", "URI INDEX", "fetch the list's token, check it, read the status", 2, 2, sl_run_verify},
    {"inspect", "TOKEN|FILE|URL", "what a token says: claims, sizes, how many of each status", 1, 1,
     sl_run_inspect},
    {"lint", "URL", "hold a server to the specification, from outside", 1, 1, sl_run_lint},
    {"export", "POOL FILE", "back up a pool: its lists out of Redis into a file", 2, 2, sl_run_export},
    {"import", "FILE", "put the lists of a backup into Redis, sealed", 1, 1, sl_run_import},
    {NULL, NULL, NULL, 0, 0, NULL},
};

void sl_usage(FILE *to)
{
    fputs("usage: statuslistctl COMMAND [OPTIONS]\n\n", to);
    for (const struct sl_command *c = sl_commands; c->name != NULL; c++)
        fprintf(to, "  %-8s %-16s %s\n", c->name, c->words, c->help);
    fputs(
        "\n"
        "  --server URL           of the issuer interface (STATUSLIST_SERVER; http://127.0.0.1:8080)\n"
        "  --api-key-file FILE    (STATUSLIST_API_KEY_FILE, or the key itself in STATUSLIST_API_KEY)\n"
        "  --bearer-file FILE     a JWT instead of an API key (STATUSLIST_BEARER)\n"
        "  --cert FILE            the signer's certificate or public key (PEM, DER)\n"
        "  --jwk FILE             the signer's JWK or JWK set\n"
        "  --anchors FILE         certificates at which the token's own chain may end\n"
        "  --format jwt|cwt       ask for this one only\n"
        "  --inflate-limit BYTES  most bytes of a list (16 MiB)\n"
        "  --skew SECONDS         by which clocks may differ (0)\n"
        "  --cacert FILE          trust anchors of TLS\n"
        "  --client-cert FILE     the certificate, with its chain, that we show in TLS, and\n"
        "  --client-key FILE      its key\n"
        "  --redis ADDRESS        [tls:]HOST:PORT or unix:PATH, for export and import (STATUSLIST_REDIS; "
        "localhost:6379)\n"
        "  --redis-database N, --redis-username NAME\n"
        "  --redis-password-file FILE  (or the password itself in STATUSLIST_REDIS_PASSWORD)\n"
        "  --merge                import into a pool that has lists of the backup: add and raise, never "
        "lower\n"
        "  --check                import: only read the file and its checksums\n"
        "  --timeout SECONDS      of a request, or of a reply of Redis (30)\n"
        "  --json                 for programs\n"
        "  --help, --version\n"
        "\n"
        "Exit status of verify: 0 valid, 1 invalid, 2 suspended, 3 another status, 4 the token was refused.\n"
        "Of lint: 0, or 1 when something that must be is not. Of all: 5 no answer, 6 the server refused, 64 "
        "usage.\n",
        to);
}

static const struct sl_command *find(const struct sl_ctl *c)
{
    if (c->word_count == 0) {
        sl_usage(stderr);
        return NULL;
    }
    const struct sl_command *k = sl_commands;
    while (k->name != NULL && strcmp(k->name, c->words[0]) != 0)
        k++;
    if (k->name == NULL) {
        sl_complain("\"%s\" is no command; reserve, set, get, verify, inspect, lint, export and import are",
                    c->words[0]);
        return NULL;
    }
    if (c->word_count - 1 < k->least || c->word_count - 1 > k->most) {
        sl_complain("usage: statuslistctl %s %s", k->name, k->words);
        return NULL;
    }
    return k;
}

static int run(struct sl_ctl *c)
{
    const struct sl_command *command = find(c);
    if (command == NULL)
        return SL_EXIT_USAGE;
    c->words++;
    c->word_count--;
    struct sl_web *web = sl_web_new(c);
    int code = web != NULL ? command->run(c, web) : SL_EXIT_NO_ANSWER;
    sl_web_free(web);
    return code;
}

int main(int argc, char **argv)
{
    struct sl_ctl c = {.server = NULL};
    bool help = false, version = false;
    int code = SL_EXIT_USAGE;
    signal(SIGPIPE, SIG_IGN); /* a server that goes away is told by what fails then */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bool ok = sl_args_read(argc, argv, &c, &help, &version);
    if (ok && (help || version)) {
        if (help)
            sl_usage(stdout);
        printf("statuslistctl %s\n", SL_VERSION);
        code = SL_EXIT_OK;
    } else if (ok) {
        code = run(&c);
    }
    sl_args_free(&c);
    curl_global_cleanup();
    return code;
}
