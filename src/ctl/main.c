/* statuslistctl: the table of commands, the usage text, and the call of the one command. */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/web.h"

const struct sl_command sl_commands[] = {
    {"reserve", "POOL [AMOUNT]", "reserve references (list URI and index)", 1, 2, sl_run_reserve},
    {"set", "URI INDEX VALUE", "set a status: valid, invalid, suspended, or a number", 3, 3, sl_run_set},
    {"get", "URI INDEX", "read a status as the server has it stored", 2, 2, sl_run_get},
    {"verify", "URI INDEX", "fetch the token of the list, check it, read the status", 2, 2, sl_run_verify},
    {"inspect", "TOKEN|FILE|URL", "show a token: its claims, its size, how often each status occurs", 1, 1,
     sl_run_inspect},
    {"lint", "URL", "test a server against the specification, from outside", 1, 1, sl_run_lint},
    {"export", "POOL FILE", "back up a pool: copy its lists from Redis into a file", 2, 2, sl_run_export},
    {"import", "FILE", "restore the lists of a backup into Redis, sealed", 1, 1, sl_run_import},
    {NULL, NULL, NULL, 0, 0, NULL},
};

void sl_usage(FILE *to)
{
    fputs("usage: statuslistctl COMMAND [OPTIONS]\n\n", to);
    for (const struct sl_command *command = sl_commands; command->name != NULL; command++)
        fprintf(to, "  %-8s %-16s %s\n", command->name, command->words, command->help);
    fputs(
        "\n"
        "  --server URL           base URL of the issuer interface (STATUSLIST_SERVER; "
        "http://127.0.0.1:8080)\n"
        "  --api-key-file FILE    the API key (STATUSLIST_API_KEY_FILE, or the key itself in "
        "STATUSLIST_API_KEY)\n"
        "  --bearer-file FILE     a JWT instead of an API key (STATUSLIST_BEARER)\n"
        "  --cert FILE            the signer's certificate or public key (PEM, DER)\n"
        "  --jwk FILE             the signer's JWK or JWK set\n"
        "  --anchors FILE         trust anchors for the certificate chain inside the token\n"
        "  --format jwt|cwt       ask only for this format\n"
        "  --inflate-limit BYTES  largest list to accept, uncompressed (16 MiB)\n"
        "  --skew SECONDS         how far the clock of the issuer may be off (0)\n"
        "  --cacert FILE          trust anchors for TLS, instead of the system's\n"
        "  --client-cert FILE     client certificate for TLS, followed by its chain, and\n"
        "  --client-key FILE      its key\n"
        "  --redis ADDRESS        of export and import: [tls:]HOST:PORT or unix:PATH (STATUSLIST_REDIS; "
        "localhost:6379)\n"
        "  --redis-database N, --redis-username NAME\n"
        "  --redis-password-file FILE  (or the password itself in STATUSLIST_REDIS_PASSWORD)\n"
        "  --merge                import even if Redis has lists of the backup: add the missing ones, raise "
        "older\n"
        "                         versions, lower none\n"
        "  --check                import: only read the file and verify its checksums\n"
        "  --timeout SECONDS      how long to wait for a response, or for a reply of Redis (30)\n"
        "  --json                 print one JSON value\n"
        "  --help, --version\n"
        "\n"
        "Exit status of verify: 0 valid, 1 invalid, 2 suspended, 3 another status, 4 token refused; of lint: "
        "0, or "
        "1\n"
        "if the server breaks a MUST; of all commands: 5 no usable response, 6 request refused, 64 wrong "
        "command "
        "line.\n",
        to);
}

static const struct sl_command *find_command(const struct sl_ctl *c)
{
    if (c->word_count == 0) {
        sl_usage(stderr);
        return NULL;
    }
    const struct sl_command *command = sl_commands;
    while (command->name != NULL && strcmp(command->name, c->words[0]) != 0)
        command++;
    if (command->name == NULL) {
        sl_complain(
            "\"%s\" is not a command; expected reserve, set, get, verify, inspect, lint, export or import",
            c->words[0]);
        return NULL;
    }
    if (c->word_count - 1 < command->least || c->word_count - 1 > command->most) {
        sl_complain("%s: too %s arguments; expected: statuslistctl %s %s", command->name,
                    c->word_count - 1 < command->least ? "few" : "many", command->name, command->words);
        return NULL;
    }
    return command;
}

static int run_subcommand(struct sl_ctl *c)
{
    const struct sl_command *command = find_command(c);
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
    signal(SIGPIPE, SIG_IGN); /* a write to a server that has gone away fails instead */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bool ok = sl_args_read(argc, argv, &c, &help, &version);
    if (ok && (help || version)) {
        if (help)
            sl_usage(stdout);
        printf("statuslistctl %s\n", SL_VERSION);
        code = SL_EXIT_OK;
    } else if (ok) {
        code = run_subcommand(&c);
    }
    sl_args_free(&c);
    curl_global_cleanup();
    return code;
}
