/* What a command leaves behind: a word that could not be written is a failure like any other, and with --json
 * a failed command prints a JSON value too. One thread. */
#pragma once
#include <stdbool.h>

/* First of all: a standard stream that the caller has closed must not become the number of a socket or a file
 * that is opened later. */
void sl_output_begin(void);
/* A sentence of the failure, without the program's name. Warnings are none. */
void sl_output_note(const char *sentence);
/* A JSON value has been printed: none of a failure follows it. */
void sl_output_has_value(void);
/* Whether all that was printed so far has been written. */
bool sl_output_written(void);
/* Last of all: what a failed command says as JSON if `json`, and the exit status: `code`, or
 * SL_EXIT_OUTPUT. */
int sl_output_end(bool json, int code);
