/* The list of checks while it is being made, and the memory that everything it shows lives in. One thread. */
#pragma once
#include "base/span.h"
#include "statuslist/verify.h"

/* Sections of the draft that checks name. */
#define SL_SECTION_BYTES "Compressed Byte Array"
#define SL_SECTION_JSON "Status List in JSON Format"
#define SL_SECTION_CBOR "Status List in CBOR Format"
#define SL_SECTION_JWT "Status List Token in JWT Format"
#define SL_SECTION_CWT "Status List Token in CWT Format"
#define SL_SECTION_RULES "Validation Rules"
#define SL_SECTION_TYPES "Status Types"
#define SL_SECTION_SIZE "Status List Size"

struct sl_memory; /* a chunk of the report's memory */

struct statuslist_report {
    struct statuslist_check *checks;
    size_t count, room;
    struct statuslist_claims claims;
    struct sl_memory *memory;
    bool trusted; /* the signature is that of a key which the caller trusts */
    int status;   /* at the index; -1: not read */
    bool index_missing;
    bool no_memory; /* sticky: the report is not complete and must not be given out */
};

/* Memory that ends with the report; NULL (and no_memory) when there is none. */
void *sl_verify_report_alloc(struct statuslist_report *r, size_t n);
/* A copy with a NUL; NULL likewise. */
char *sl_verify_report_keep(struct statuslist_report *r, struct sl_span text);
/* Frees `p` (of malloc) with the report. */
void sl_verify_report_own(struct statuslist_report *r, void *p);

/* Adds a check. What is not printable becomes '?', and long details are cut: they quote the token. */
void sl_verify_report_add(struct statuslist_report *r, const char *name, enum statuslist_outcome outcome,
                          const char *section, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
