#include "ctl/options.h"

#include <string.h>

#define AT(member) offsetof(struct sl_ctl, member)

const struct sl_command sl_commands[] = {
    {"reserve", "POOL [AMOUNT]", "reserve references (list URI and index)", 1, 2},
    {"set", "URI INDEX VALUE", "set a status: valid, invalid, suspended, or a number", 3, 3},
    {"get", "URI INDEX", "read a status as the server has it stored", 2, 2},
    {"verify", "URI INDEX", "fetch the token of the list, check it, read the status", 2, 2},
    {"inspect", "TOKEN|FILE|URL", "show a token, or a bare list: claims, size, how often each status occurs",
     1, 1},
    {"lint", "URL", "test a server against the specification, from outside", 1, 1},
    {"export", "POOL FILE", "back up a pool: copy its lists from Redis into a file", 2, 2},
    {"import", "FILE", "restore the lists of a backup into Redis, sealed", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

const struct sl_option_row sl_options[] = {
    {"server", "URL", SL_OPTION_TEXT, AT(server), SL_FOR_ISSUERS, 0, 0,
     "base URL of the issuer interface (STATUSLIST_SERVER; http://127.0.0.1:8080)"},
    {"api-key-file", "FILE", SL_OPTION_FILE, AT(api_key_file), SL_FOR_ISSUERS, 0, 0,
     "the API key (STATUSLIST_API_KEY_FILE, or the key itself in STATUSLIST_API_KEY)"},
    {"bearer-file", "FILE", SL_OPTION_FILE, AT(bearer_file), SL_FOR_ISSUERS, 0, 0,
     "a JWT instead of an API key (STATUSLIST_BEARER)"},
    {"insecure-http", NULL, SL_OPTION_FLAG, AT(insecure_http), SL_FOR_ISSUERS, 0, 0,
     "send the credential without TLS, to a server that is not this machine"},
    {"cert", "FILE", SL_OPTION_FILE, AT(cert), SL_FOR_READERS, 0, 0,
     "the signer's certificate or public key (PEM, DER)"},
    {"jwk", "FILE", SL_OPTION_FILE, AT(jwk), SL_FOR_READERS, 0, 0, "the signer's JWK or JWK set"},
    {"anchors", "FILE", SL_OPTION_FILE, AT(anchors), SL_FOR_READERS, 0, 0,
     "trust anchors for the certificate chain inside the token"},
    {"signer", "NAME", SL_OPTION_TEXT, AT(signer), SL_FOR_READERS, 0, 0,
     "with --anchors: whose certificate it must be: dns:NAME, uri:URI or subject:NAME"},
    {"profile", "haip|iso-mdoc", SL_OPTION_TEXT, AT(profile), SL_FOR_READERS, 0, 0,
     "also check what this profile of certification asks of the token"},
    {"inflate-limit", "BYTES", SL_OPTION_NUMBER, AT(inflate_limit), SL_FOR_READERS, 0, 1u << 30,
     "largest list to accept, uncompressed (16 MiB)"},
    {"skew", "SECONDS", SL_OPTION_NUMBER, AT(skew), SL_FOR_READERS, 0, 86400,
     "how far the clock of the issuer may be off (5)"},
    {"format", "jwt|cwt", SL_OPTION_FORMAT, AT(format), SL_FOR_VERIFY | SL_FOR_INSPECT, 0, 0,
     "ask only for this format"},
    {"redis", "ADDRESS", SL_OPTION_TEXT, AT(redis), SL_FOR_REDIS, 0, 0,
     "[tls:]HOST:PORT or unix:PATH (STATUSLIST_REDIS; localhost:6379)"},
    {"redis-database", "N", SL_OPTION_NUMBER, AT(redis_database), SL_FOR_REDIS, 0, 1000000, "its number (0)"},
    {"redis-username", "NAME", SL_OPTION_TEXT, AT(redis_username), SL_FOR_REDIS, 0, 0, "who logs in"},
    {"redis-password-file", "FILE", SL_OPTION_FILE, AT(redis_password_file), SL_FOR_REDIS, 0, 0,
     "the password (or the password itself in STATUSLIST_REDIS_PASSWORD)"},
    {"merge", NULL, SL_OPTION_FLAG, AT(merge), SL_FOR_IMPORT, 0, 0,
     "even if Redis has lists of the backup: add the missing ones, raise older versions, lower none"},
    {"check", NULL, SL_OPTION_FLAG, AT(check), SL_FOR_IMPORT, 0, 0,
     "only read the file and verify its checksums"},
    {"cacert", "FILE", SL_OPTION_FILE, AT(cacert), SL_FOR_ALL, 0, 0,
     "trust anchors for TLS, instead of the system's"},
    {"client-cert", "FILE", SL_OPTION_FILE, AT(client_cert), SL_FOR_ALL, 0, 0,
     "client certificate for TLS, followed by its chain"},
    {"client-key", "FILE", SL_OPTION_FILE, AT(client_key), SL_FOR_ALL, 0, 0, "its key"},
    {"timeout", "SECONDS", SL_OPTION_NUMBER, AT(timeout), SL_FOR_ALL, 1, 3600,
     "how long to wait for a response, or for a reply of Redis (30)"},
    {"json", NULL, SL_OPTION_FLAG, AT(json), SL_FOR_ALL, 0, 0, "print one JSON value"},
    {"help", NULL, SL_OPTION_FLAG, AT(help), SL_FOR_ALL, 0, 0, "of a command: only what belongs to it"},
    {"version", NULL, SL_OPTION_FLAG, AT(version), SL_FOR_ALL, 0, 0, NULL},
    {NULL, NULL, SL_OPTION_FLAG, 0, 0, 0, 0, NULL},
};

static const struct {
    int status;
    unsigned commands;
    const char *text;
} exits[] = {
    {SL_EXIT_OK, SL_FOR_ALL & ~SL_FOR_VERIFY, "done; lint: the server breaks no MUST"},
    {SL_EXIT_OK, SL_FOR_VERIFY, "the status is VALID"},
    {SL_EXIT_INVALID, SL_FOR_VERIFY, "INVALID"},
    {SL_EXIT_SUSPENDED, SL_FOR_VERIFY, "SUSPENDED"},
    {SL_EXIT_OTHER_STATUS, SL_FOR_VERIFY, "another status"},
    {SL_EXIT_LINT_FAILED, SL_FOR_LINT, "the server breaks a MUST"},
    {SL_EXIT_REFUSED_TOKEN, SL_FOR_VERIFY | SL_FOR_INSPECT, "a check of the token failed: do not use it"},
    {SL_EXIT_NO_ANSWER, SL_FOR_ALL, "no response, or none that answers the question"},
    {SL_EXIT_REFUSED, SL_FOR_ISSUERS, "the server refused the request"},
    {SL_EXIT_REFUSED, SL_FOR_REDIS, "Redis refused, or its data or the backup do not allow it"},
    {SL_EXIT_USAGE, SL_FOR_ALL, "the command line, or a file that it names, is wrong"},
    {SL_EXIT_OUTPUT, SL_FOR_ALL, "the output, or the file of export, could not be written"},
};

const struct sl_command *sl_command_find(const char *name)
{
    const struct sl_command *command = sl_commands;
    while (command->name != NULL && strcmp(command->name, name) != 0)
        command++;
    return command->name != NULL ? command : NULL;
}

unsigned sl_command_bit(const struct sl_command *command)
{
    return 1u << (command - sl_commands);
}

void sl_command_names(unsigned commands, const char *last, char out[static 128])
{
    size_t n = 0;
    *out = '\0';
    for (unsigned left = commands; left != 0; left &= left - 1) {
        const char *between = left == commands ? "" : (left & (left - 1)) == 0 ? " " : ", ";
        n += (size_t)snprintf(out + n, 128 - n, "%s%s%s%s", between, *between == ' ' ? last : "",
                              *between == ' ' ? " " : "", sl_commands[__builtin_ctz(left)].name);
    }
}

static void print_option(FILE *to, const struct sl_option_row *o)
{
    char name[40];
    snprintf(name, sizeof name, "--%s%s%s", o->name, o->argument != NULL ? " " : "",
             o->argument != NULL ? o->argument : "");
    fprintf(to, o->help != NULL ? "  %-26s %s\n" : "  %s\n", name, o->help);
}

void sl_usage(FILE *to, const struct sl_command *command)
{
    unsigned of = command != NULL ? sl_command_bit(command) : SL_FOR_ALL, group = 0;
    char names[128];
    if (command != NULL)
        fprintf(to, "usage: statuslistctl %s [OPTIONS] %s\n\n%s\n", command->name, command->words,
                command->help);
    else
        fputs("usage: statuslistctl COMMAND [OPTIONS] ARGUMENTS\n\n", to);
    for (const struct sl_command *each = sl_commands; command == NULL && each->name != NULL; each++)
        fprintf(to, "  %-8s %-16s %s\n", each->name, each->words, each->help);
    for (const struct sl_option_row *o = sl_options; o->name != NULL; o++) {
        if ((o->commands & of) == 0)
            continue;
        sl_command_names(o->commands, "and", names);
        if (command == NULL && o->commands != group)
            fprintf(to, "\nOptions of %s:\n", o->commands == SL_FOR_ALL ? "all commands" : names);
        else if (command != NULL && group == 0)
            fputs("\nOptions:\n", to);
        group = o->commands;
        print_option(to, o);
    }
    fputs("\nExit status:\n", to);
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        if ((exits[i].commands & of) == 0)
            continue;
        sl_command_names(exits[i].commands, "and", names);
        bool some = command == NULL && exits[i].commands != SL_FOR_ALL;
        fprintf(to, "  %2d  %s%s%s\n", exits[i].status, some ? names : "", some ? ": " : "", exits[i].text);
    }
}
