/* statuslistctl: the call of the one command, and what it leaves behind. */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

#include "ctl/args.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/web.h"

/* In the order of sl_commands. */
static sl_run_command *const runs[] = {sl_run_reserve, sl_run_set,  sl_run_get,    sl_run_verify,
                                       sl_run_inspect, sl_run_lint, sl_run_export, sl_run_import};

static int run_command(struct sl_ctl *c, const struct sl_command *command)
{
    c->words++;
    c->word_count--;
    if ((sl_command_bit(command) & SL_FOR_ISSUERS) != 0 && !sl_args_credential(c))
        return SL_EXIT_USAGE;
    struct sl_web *web = sl_web_new(c);
    int code = web != NULL ? runs[command - sl_commands](c, web) : SL_EXIT_NO_ANSWER;
    sl_web_free(web);
    return code;
}

int main(int argc, char **argv)
{
    struct sl_ctl c = {.server = NULL};
    const struct sl_command *command = NULL;
    int code = SL_EXIT_USAGE;
    sl_output_begin();
    signal(SIGPIPE, SIG_IGN); /* a write to a server or a pipe that has gone away fails instead */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bool ok = sl_args_read(argc, argv, &c, &command);
    if (ok && (c.help || c.version)) {
        if (c.help)
            sl_usage(stdout, command);
        else
            printf("statuslistctl %s\n", SL_VERSION);
        code = SL_EXIT_OK;
    } else if (ok) {
        code = run_command(&c, command);
    }
    sl_args_free(&c);
    curl_global_cleanup();
    return sl_output_end(c.json, code);
}
