/* statuslistd: arguments, then the configuration, then one of print, check and run. Core dumps are forbidden
 * before the first secret is read. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "daemon/config_load.h"
#include "daemon/config_print.h"
#include "daemon/daemon.h"
#include "daemon/docs.h"
#include "daemon/dumps.h"
#include "daemon/keys.h"
#include "daemon/tls.h"

static const char usage[] =
    "usage: statuslistd --config FILE [--check | --print-config]\n"
    "       statuslistd --print-docs configuration|metrics\n"
    "       statuslistd --version | --help\n"
    "\n"
    "  --config FILE        run with this configuration (docs/configuration.md)\n"
    "  --check              only check it: print every mistake with its line; exit status 1 if there is one\n"
    "  --print-config       print the values in effect and where each comes from; secrets are not shown\n"
    "  --print-docs PAGE    print the reference page of all options or all metrics\n";

struct arguments {
    const char *config, *docs;
    bool check, print, version, help;
};

static bool parse_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 't'},
                                            {"print-config", no_argument, NULL, 'p'},
                                            {"print-docs", required_argument, NULL, 'd'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            a->config = optarg;
            break;
        case 't':
            a->check = true;
            break;
        case 'p':
            a->print = true;
            break;
        case 'd':
            a->docs = optarg;
            break;
        case 'v':
            a->version = true;
            break;
        case 'h':
            a->help = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc && (a->config != NULL || a->docs != NULL || a->version || a->help);
}

static void print_text(const struct sl_buf *b, FILE *to)
{
    if (b->len > 0)
        fwrite(b->data, 1, b->len, to);
}

/* The last of what prints: `code`, or 1 if not all of it was written. */
static int written(int code)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    fprintf(stderr, "statuslistd: the output could not be written%s%s\n", errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    return 1;
}

static int print_docs(const char *page)
{
    struct sl_buf out;
    sl_buf_init(&out, 4u << 20);
    bool known = sl_docs_print(page, &out);
    if (known)
        print_text(&out, stdout);
    else
        fprintf(stderr,
                "statuslistd: --print-docs: \"%s\" is not a page; expected configuration or metrics\n", page);
    sl_buf_free(&out);
    return written(known ? 0 : 2);
}

static struct sl_config *load_config(const char *path)
{
    struct sl_buf errors, warnings;
    struct sl_config *c = NULL;
    sl_buf_init(&errors, 4u << 20);
    sl_buf_init(&warnings, 4u << 20);
    bool ok = sl_config_load(path, &errors, &warnings, &c);
    print_text(&warnings, stderr);
    print_text(&errors, stderr);
    if (ok && c->faults != NULL)
        fputs(c->faults, stderr);
    sl_buf_free(&errors);
    sl_buf_free(&warnings);
    return ok ? c : NULL;
}

static int print_config(const struct sl_config *c)
{
    struct sl_buf out;
    sl_buf_init(&out, 16u << 20);
    sl_config_print(c, &out);
    print_text(&out, stdout);
    sl_buf_free(&out);
    return written(0);
}

/* What goes beyond the file itself: the files that it names. */
static bool check_config(const struct sl_config *c)
{
    bool keys = sl_keys_check(c), tls = sl_tls_check(c);
    return c->faults == NULL && keys && tls;
}

int main(int argc, char **argv)
{
    struct arguments a = {0};
    if (!parse_arguments(argc, argv, &a)) {
        fputs(usage, stderr);
        return 2;
    }
    if (a.help || a.version) {
        fputs(a.help ? usage : "", stdout);
        printf("statuslistd %s\n", sl_version());
        return written(0);
    }
    if (a.docs != NULL)
        return print_docs(a.docs);
    struct sl_dumps dumps = sl_dumps_forbid(); /* before the first secret is read */
    struct sl_config *c = load_config(a.config);
    if (c == NULL)
        return 1;
    if (c->core_dumps)
        sl_dumps_allow(&dumps);
    int code = a.print ? print_config(c) : a.check ? !check_config(c) : sl_daemon_run(c);
    sl_config_free(c);
    return code;
}
