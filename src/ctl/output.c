#include "ctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

static json_t *notes; /* strings */
static bool has_value;

/* The other way round than the stream is used: who reads or writes it then is told so. */
void sl_output_begin(void)
{
    static const int opposite[] = {O_WRONLY, O_RDONLY, O_WRONLY}; /* a complaint has nowhere else to go */
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", opposite[fd]) != fd)
            _exit(SL_EXIT_OUTPUT);
}

void sl_output_note(const char *sentence)
{
    if (strncmp(sentence, "warning: ", 9) == 0)
        return;
    if (notes == NULL)
        notes = json_array();
    json_t *text = json_string(sentence);
    json_array_append_new(notes, text != NULL ? text : json_string("(a text that is not UTF-8)"));
}

void sl_output_has_value(void)
{
    has_value = true;
}

bool sl_output_written(void)
{
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int sl_output_end(bool json, int code)
{
    if (json && !has_value && code != SL_EXIT_OK) {
        json_t *j = json_pack("{s:i, s:o}", "exit", code, "errors",
                              notes != NULL ? json_incref(notes) : json_array());
        json_dumpf(j, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(j);
    }
    json_decref(notes);
    notes = NULL;
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    fprintf(stderr, "statuslistctl: the output could not be written%s%s\n", errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    return SL_EXIT_OUTPUT;
}
