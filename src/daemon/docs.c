#include "daemon/docs.h"

#include <string.h>

#include "daemon/metrics.h"
#include "daemon/schema.h"
#include "http/metrics.h"
#include "loop/journal.h"
#include "pool/metrics.h"
#include "store/store.h"

/* ---- the configuration */

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Generated: `statuslistd --print-docs configuration`. Change the option tables, not this page. -->\n"
    "\n"
    "The configuration is one YAML file, whose only root key is `app`. A dot in a name below leads into a "
    "map: `redis.port` is the\n"
    "key `port` in the map `redis`. `statuslistd --config FILE --check` reads the file and reports every "
    "mistake in it, one line each:\n"
    "\n"
    "    statuslistd.yaml:12: app.redis.prot: unknown key; did you mean port?\n"
    "\n"
    "The service does not start if a key is unknown or given twice, or a value has the wrong type or is out "
    "of range. At SIGHUP it\n"
    "reads the configuration again ([operations.md](operations.md#reloading)): keys with \"yes\" under "
    "*reload* take effect at once,\n"
    "new and removed pools and all other keys at the next start. Keys with \"yes\" under *shared* must have "
    "the same value in all\n"
    "instances of a pool ([redis.md](redis.md#running-several-instances)).\n"
    "\n"
    "`--print-config` prints all values in effect and where each comes from, with `***` for secrets.\n"
    "\n"
    "- A duration is a number and a unit: `500ms`, `40s`, `1m`, `24h`. A size is `512` (bytes), `64KiB` or "
    "`1MiB`.\n"
    "- A relative path is relative to the directory in which the service is started.\n"
    "- A file with secrets must not be readable by every user; the service warns if it is. A secret is one "
    "line, without the line\n"
    "  break at its end.\n"
    "- Anchors, aliases, tags and a second document are refused, and so is the line `...` (YAML's end of a "
    "document), because people\n"
    "  write it where they have left something out.\n"
    "- The file has at most 1 MiB and 16 levels.\n";

static const char app_text[] = "\n## The service: `app`\n\n";

static const char pool_text[] = "\n## A pool: `app.status-list-pools.<pool>`\n"
                                "\n"
                                "A pool is a set of lists with the same size, bits, issuer and key. It needs "
                                "at least one of `api-key`, `api-keys`,\n"
                                "`api-key-file`, `api-key-sha256` and `jwt-auth.keys`; every credential that "
                                "these give opens the pool. Several pools may name\n"
                                "the same credential, which then opens all of them. Further rules:\n"
                                "\n"
                                "- `size` times `bits` is a multiple of 8;\n"
                                "- 1 <= `prefetch.threshold` < `prefetch.capacity` <= `size`;\n"
                                "- `ttl` is at most a quarter of `list-lifetime`;\n"
                                "- `final-status` fits `bits`.\n"
                                "\n";

static const char example_text[] =
    "\n## The smallest file\n"
    "\n"
    "```yaml\n"
    "app:\n"
    "  status-list-pools:\n"
    "    employees:\n"
    "      api-key-file: /etc/statuslistd/employees.key\n"
    "      issuer: https://issuer.example\n"
    "      signer: { pem: { key: signer.key.pem, certificate: signer.crt.pem } }\n"
    "```\n"
    "\n"
    "`persistence-strategy` may also be a map in which one word is `true`:\n"
    "\n"
    "```yaml\n"
    "  redis:\n"
    "    persistence-strategy:\n"
    "      append-fsync-always: true\n"
    "```\n";

/* Inside a table a '|' ends the cell. */
static void put_help(const char *help, struct sl_buf *out)
{
    for (; *help != '\0'; help++) {
        if (*help == '|')
            sl_buf_putc(out, '\\');
        sl_buf_putc(out, *help);
    }
}

static void put_option(struct sl_row row, struct sl_buf *out)
{
    const struct sl_option *o = row.option;
    char mem[256];
    struct sl_buf path;
    sl_buf_over(&path, mem, sizeof mem);
    sl_row_path(row, &path);
    sl_buf_printf(out, "| `%s` | ", path.data);
    sl_option_expected(o, out);
    if (o->fallback != NULL)
        sl_buf_printf(out, " | `%s` | ", o->fallback);
    else
        sl_buf_puts(out, o->flags & SL_OPT_REQUIRED ? " | required | " : " | | ");
    sl_buf_puts(out, o->flags & SL_OPT_RELOAD ? "yes | " : "| ");
    sl_buf_puts(out, o->flags & SL_OPT_SHARED ? "yes | " : "| ");
    put_help(o->help, out);
    sl_buf_puts(out, " |\n");
}

static void put_scope(const struct sl_scope *scope, struct sl_buf *out)
{
    sl_buf_puts(out, "| key | value | default | reload | shared | meaning |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sl_scope_size(scope); i++)
        put_option(sl_scope_row(scope, i), out);
}

static void configuration_page(struct sl_buf *out)
{
    sl_buf_puts(out, intro);
    sl_buf_puts(out, app_text);
    put_scope(&sl_app_scope, out);
    sl_buf_puts(out, pool_text);
    put_scope(&sl_pool_scope, out);
    sl_buf_puts(out, example_text);
}

/* ---- metrics */

static void put_metric_row(struct sl_buf *out, const struct sl_metric_def *d, const char *labels)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    sl_buf_printf(out, "| `statuslist_%s` | %s | %s", d->name, types[d->type], labels);
    if (d->label != NULL) {
        sl_buf_printf(out, "%s`%s`:", labels[0] != '\0' ? ", " : "", d->label);
        for (const char *const *v = d->label_values; *v != NULL; v++)
            sl_buf_printf(out, " %s", *v);
    }
    sl_buf_printf(out, " | %s |\n", d->help);
}

static void put_table(struct sl_buf *out, const char *title, const struct sl_metric_table *t,
                      const char *labels)
{
    sl_buf_printf(out, "\n## %s\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n", title);
    for (unsigned i = 0; i < t->count; i++)
        put_metric_row(out, &t->defs[i], labels);
}

static void metrics_page(struct sl_buf *out)
{
    sl_buf_puts(
        out, "# Metrics\n\n"
             "Generated by `statuslistd --print-docs metrics`; do not edit. The ops listener serves them at "
             "`/metrics` as Prometheus\ntext. Histograms have `_bucket`, `_sum` and `_count`; times are in "
             "seconds. Each value is the sum over all threads.\n");
    put_table(out, "HTTP, by route", &sl_http_metric_table, "`route`");
    put_table(out, "HTTP", &sl_http_thread_metric_table, "");
    put_table(out, "Issuer calls, by pool", &sl_pool_worker_metric_table, "`pool`");
    put_table(out, "Lists and tokens, by pool", &sl_keeper_metric_table, "`pool`");
    put_table(out, "Clocks", &sl_clock_metric_table, "");
    put_table(out, "Redis", &sl_fitness_metric_table, "");
    put_table(out, "Redis, by connection", &sl_store_metric_table, "`connection`");
    put_table(out, "The audit record", &sl_journal_metric_table, "");
    put_table(out, "The process", &sl_daemon_metric_table, "");
}

bool sl_docs_print(const char *page, struct sl_buf *out)
{
    if (strcmp(page, "configuration") == 0)
        configuration_page(out);
    else if (strcmp(page, "metrics") == 0)
        metrics_page(out);
    else
        return false;
    return true;
}
