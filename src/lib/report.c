#include "lib/report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { DETAIL_MAX = 400 };

struct sl_memory {
    struct sl_memory *next;
    void *foreign; /* freed too */
    _Alignas(max_align_t) char bytes[];
};

static struct sl_memory *chunk(struct statuslist_report *r, size_t n)
{
    struct sl_memory *m = n < SIZE_MAX - sizeof *m ? malloc(sizeof *m + n) : NULL;
    if (m == NULL) {
        r->no_memory = true;
        return NULL;
    }
    m->foreign = NULL;
    m->next = r->memory;
    r->memory = m;
    return m;
}

void *sl_verify_report_alloc(struct statuslist_report *r, size_t n)
{
    struct sl_memory *m = chunk(r, n);
    return m != NULL ? m->bytes : NULL;
}

char *sl_verify_report_keep(struct statuslist_report *r, struct sl_span text)
{
    char *copy = sl_verify_report_alloc(r, text.len + 1);
    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

void sl_verify_report_own(struct statuslist_report *r, void *p)
{
    struct sl_memory *m = chunk(r, 0);
    if (m != NULL)
        m->foreign = p;
    else
        free(p);
}

static bool grow_checks(struct statuslist_report *r)
{
    if (r->count < r->room)
        return true;
    size_t room = r->room > 0 ? 2 * r->room : 32;
    struct statuslist_check *checks = realloc(r->checks, room * sizeof *checks);
    if (checks == NULL)
        return false;
    r->checks = checks;
    r->room = room;
    return true;
}

void sl_verify_report_add(struct statuslist_report *r, const char *name, enum statuslist_outcome outcome,
                          const char *section, const char *fmt, ...)
{
    char text[DETAIL_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    char *detail = sl_verify_report_keep(r, sl_span(text, len));
    if (detail == NULL || !grow_checks(r)) {
        r->no_memory = true;
        return;
    }
    r->checks[r->count++] = (struct statuslist_check){name, outcome, section, detail};
}

void statuslist_report_free(struct statuslist_report *r)
{
    if (r == NULL)
        return;
    while (r->memory != NULL) {
        struct sl_memory *m = r->memory;
        r->memory = m->next;
        free(m->foreign);
        free(m);
    }
    free(r->checks);
    free(r);
}

bool statuslist_report_accepted(const struct statuslist_report *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->checks[i].outcome == STATUSLIST_FAIL)
            return false;
    return r->trusted && r->claims.list != NULL && !r->index_missing;
}

int statuslist_report_status(const struct statuslist_report *r)
{
    return statuslist_report_accepted(r) ? r->status : -1;
}

size_t statuslist_report_count(const struct statuslist_report *r)
{
    return r->count;
}

const struct statuslist_check *statuslist_report_check(const struct statuslist_report *r, size_t i)
{
    return i < r->count ? &r->checks[i] : NULL;
}

const struct statuslist_check *statuslist_report_find(const struct statuslist_report *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->checks[i].name, name) == 0)
            return &r->checks[i];
    return NULL;
}

const struct statuslist_claims *statuslist_report_claims(const struct statuslist_report *r)
{
    return &r->claims;
}
