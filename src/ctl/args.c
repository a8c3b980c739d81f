/* The command line of statuslistctl and the environment that stands in for its options. Secrets come from
 * files or the environment, never from the command line, where other users could read them. */
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "ctl/args.h"
#include "ctl/options.h"
#include "ctl/output.h"

void sl_complain(const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    fprintf(stderr, "statuslistctl: %s\n", text);
    sl_output_note(text);
    free(text);
}

bool sl_read_number(const char *text, uint64_t most, uint64_t *ret)
{
    return sl_number_parse(sl_span(text, strlen(text)), most, ret);
}

static bool option_number(const struct sl_option_row *o, const char *text, unsigned *ret)
{
    uint64_t n = 0;
    if (!sl_read_number(text, o->most, &n) || n < o->least) {
        sl_complain("--%s: \"%s\" is not valid; expected a whole number from %llu to %llu", o->name, text,
                    (unsigned long long)o->least, (unsigned long long)o->most);
        return false;
    }
    *ret = (unsigned)n;
    return true;
}

static bool option_format(const char *text, enum sl_format_choice *ret)
{
    if (strcmp(text, "jwt") == 0)
        *ret = SL_FORMAT_JWT;
    else if (strcmp(text, "cwt") == 0)
        *ret = SL_FORMAT_CWT;
    else
        sl_complain("--format: \"%s\" is not valid; expected jwt or cwt", text);
    return *ret != SL_FORMAT_ANY;
}

static bool take_option(struct sl_ctl *c, const struct sl_option_row *o, const char *text)
{
    void *at = (char *)c + o->at;
    switch (o->kind) {
    case SL_OPTION_TEXT:
    case SL_OPTION_FILE:
        *(const char **)at = text;
        return true;
    case SL_OPTION_NUMBER:
        return option_number(o, text, at);
    case SL_OPTION_FLAG:
        *(bool *)at = true;
        return true;
    case SL_OPTION_FORMAT:
        return option_format(text, at);
    }
    return false;
}

/* "Name: value" from a file or else the environment; no secret stands on the command line, where others could
 * read it. */
static bool credential(struct sl_ctl *c, const char *file, const char *variable, const char *field)
{
    size_t len, n = 0;
    char *text = file != NULL ? sl_read_file(file, &len) : NULL;
    if (file != NULL && text == NULL)
        return false;
    const char *value = text != NULL ? text : getenv(variable);
    for (n = value != NULL ? strcspn(value, "\r\n") : 0; n > 0 && strchr(" \t", value[n - 1]) != NULL; n--)
        ; /* white space at its end is no part of a field (RFC 9110 section 5.5) */
    if (n > 0 && asprintf(&c->credential, "%s%.*s", field, (int)n, value) < 0)
        abort();
    if (file != NULL && n == 0)
        sl_complain("%s: the first line is empty; expected a credential", file);
    if (text != NULL)
        explicit_bzero(text, len);
    free(text);
    return file == NULL || n > 0;
}

bool sl_args_credential(struct sl_ctl *c)
{
    const char *key_file = c->api_key_file;
    if (key_file != NULL && c->bearer_file != NULL) {
        sl_complain("--api-key-file and --bearer-file exclude each other; expected one of them");
        return false;
    }
    if (c->bearer_file != NULL)
        return credential(c, c->bearer_file, NULL, "Authorization: Bearer ");
    if (key_file == NULL)
        key_file = getenv("STATUSLIST_API_KEY_FILE");
    return credential(c, key_file, "STATUSLIST_API_KEY", "X-Api-Key: ") &&
           (c->credential != NULL || credential(c, NULL, "STATUSLIST_BEARER", "Authorization: Bearer "));
}

/* What libcurl or OpenSSL cannot read would be found in the middle of the work, and named in their words. Not
 * by opening it: a pipe can be read once. */
static bool can_be_read(const struct sl_option_row *o, const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return true;
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        sl_complain("--%s: %s: %m", o->name, path);
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        sl_complain("--%s: %s: is a directory; expected a file", o->name, path);
    else
        return true;
    return false;
}

/* What was given is for this command, and its files are there. */
static bool check_options(const struct sl_ctl *c, const struct sl_command *command)
{
    char names[128];
    bool ok = true;
    for (const struct sl_option_row *o = sl_options; o->name != NULL; o++) {
        if (!(c->given >> (o - sl_options) & 1))
            continue;
        sl_command_names(o->commands, "and", names);
        if ((o->commands & sl_command_bit(command)) == 0) {
            sl_complain("--%s is an option of %s, not of %s", o->name, names, command->name);
            ok = false;
        } else if (o->kind == SL_OPTION_FILE) {
            ok = can_be_read(o, *(const char *const *)((const char *)c + o->at)) && ok;
        }
    }
    if ((c->client_cert == NULL) != (c->client_key == NULL)) {
        sl_complain("%s is missing; expected --client-cert and --client-key together",
                    c->client_cert == NULL ? "--client-cert" : "--client-key");
        ok = false;
    }
    return ok;
}

static bool find_command(const struct sl_ctl *c, const struct sl_command **ret)
{
    char names[128];
    if (c->word_count == 0) {
        if (!c->help && !c->version)
            sl_usage(stderr, NULL);
        return c->help || c->version;
    }
    const struct sl_command *command = sl_command_find(c->words[0]);
    int n = c->word_count - 1;
    if (command == NULL) {
        sl_command_names(SL_FOR_ALL, "or", names);
        sl_complain("\"%s\" is not a command; expected %s", c->words[0], names);
        return false;
    }
    *ret = command;
    if (c->help || c->version)
        return true;
    if (n < command->least || n > command->most) {
        sl_complain("%s: too %s arguments; expected: statuslistctl %s %s", command->name,
                    n < command->least ? "few" : "many", command->name, command->words);
        return false;
    }
    return check_options(c, command);
}

/* In our words and not in those of getopt, which --json would not have. `word`: the last that was looked at.
 */
static void refuse_option(const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'};
    sl_complain(
        "%s: unknown option, or one that needs another number of arguments; expected one of those that "
        "statuslistctl --help lists",
        optopt > 0 && optopt < 256 ? letter : word);
}

bool sl_args_read(int argc, char **argv, struct sl_ctl *ret, const struct sl_command **ret_command)
{
    enum { FIRST = 256 }; /* beyond the letters */
    struct option options[sizeof ret->given * 8 + 1] = {{0}};
    const char *server = getenv("STATUSLIST_SERVER"), *redis = getenv("STATUSLIST_REDIS");
    *ret = (struct sl_ctl){.server = server != NULL ? server : "http://127.0.0.1:8080",
                           .redis = redis != NULL ? redis : "localhost:6379",
                           .timeout = 30,
                           .skew = 5,
                           .inflate_limit = 16u << 20};
    for (int i = 0; sl_options[i].name != NULL; i++)
        options[i] = (struct option){sl_options[i].name, sl_options[i].argument != NULL, NULL, FIRST + i};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) /* what is wrong is said so from the start */
        ret->json = ret->json || strcmp(argv[i], "--json") == 0;
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (found == '?')
            refuse_option(argv[optind - 1]);
        if (found == 'h')
            ret->help = true;
        else if (found == '?' || !take_option(ret, &sl_options[found - FIRST], optarg))
            return false;
        else
            ret->given |= UINT64_C(1) << (found - FIRST);
    }
    ret->words = argv + optind;
    ret->word_count = argc - optind;
    return find_command(ret, ret_command);
}

void sl_args_free(struct sl_ctl *c)
{
    if (c->credential != NULL)
        explicit_bzero(c->credential, strlen(c->credential));
    free(c->credential);
}

char *sl_read_file(const char *path, size_t *ret_len)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t room = 65536, len = 0;
    char *bytes = f != NULL ? malloc(room) : NULL;
    while (bytes != NULL) {
        len += fread(bytes + len, 1, room - 1 - len, f);
        if (len < room - 1)
            break;
        char *more = room < (256u << 20) ? realloc(bytes, room *= 2) : NULL;
        if (more == NULL)
            free(bytes);
        bytes = more;
    }
    bool failed = f == NULL || ferror(f) || bytes == NULL;
    if (failed) {
        sl_complain("%s: %m", path);
        free(bytes);
        bytes = NULL;
    } else {
        bytes[len] = '\0';
        *ret_len = len;
    }
    if (f != NULL && f != stdin)
        fclose(f);
    return bytes;
}
