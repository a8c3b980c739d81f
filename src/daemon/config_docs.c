#include <string.h>
#include "daemon/config_parts.h"

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Generated: `statuslistd --print-docs configuration`. Change the option tables, not this page. -->\n"
    "\n"
    "One YAML file. Its only root key is `app`. A dot below leads into a map: `redis.port` is the key `port` "
    "in the map\n"
    "`redis`. `statuslistd --check` reads the file and reports all that is wrong with it, one line each:\n"
    "\n"
    "    statuslistd.yaml:12: app.redis.prot: unknown key; did you mean port?\n"
    "\n"
    "The service does not start with an unknown key, one that is given twice, a value of another type or out "
    "of range.\n"
    "At SIGHUP it is read again with all files that it names. What is wrong is logged, and then everything "
    "stays as it\n"
    "was; otherwise the keys with \"yes\" under reload take effect at once, new and removed pools and all "
    "other keys at the\n"
    "next start (a warning names each). Keys with \"yes\" under shared have one value in all instances of a "
    "pool\n"
    "([redis.md](redis.md#running-several-instances)).\n"
    "\n"
    "`--print-config` prints all values in effect and where each comes from; secrets are `***` there and "
    "nowhere else.\n"
    "\n"
    "- Durations are a number and a unit: `500ms`, `40s`, `1m`, `24h`. Sizes: `512` (bytes), `64KiB`, "
    "`1MiB`.\n"
    "- A relative path is relative to the directory in which the service is started.\n"
    "- Files with secrets must not be readable by everybody (there is a warning); a secret is one line, and "
    "the line\n"
    "  break at its end is not part of it.\n"
    "- Anchors, aliases, tags and a second document are refused, and so is a line `...`, YAML's document "
    "end, with\n"
    "  which a printed excerpt shows that something is left out.\n"
    "- The file has at most 1MiB, and 16 levels.\n";

static const char app_text[] = "\n## The service: `app`\n\n";

static const char pool_text[] =
    "\n## A pool: `app.status-list-pools.<pool>`\n"
    "\n"
    "A pool is a set of lists with the same size, bits, issuer and key. It needs at least one of `api-key`, "
    "`api-keys`,\n"
    "`api-key-file`, `api-key-sha256` and `jwt-auth.keys`; all that are given are valid. A key may stand in "
    "several "
    "pools:\n"
    "it opens them all. Further rules:\n"
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
    "`persistence-strategy` may also be written as a map with one word that is true:\n"
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

static void put_row(struct sl_row row, struct sl_buf *out)
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
        put_row(sl_scope_row(scope, i), out);
}

void sl_config_docs(struct sl_buf *out)
{
    sl_buf_puts(out, intro);
    sl_buf_puts(out, app_text);
    put_scope(&sl_app_scope, out);
    sl_buf_puts(out, pool_text);
    put_scope(&sl_pool_scope, out);
    sl_buf_puts(out, example_text);
}
