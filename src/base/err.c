#include "base/err.h"

#include "base/assert.h"

static const struct row {
    int status;
    const char *code, *title;
} rows[] = {
#define X(name, status, code, title) [SL_ERR_##name] = {status, code, title},
    SL_ERR_TABLE(X)
#undef X
};

static const struct row *row(enum sl_err err)
{
    sl_assert((unsigned)err < SL_ERR_COUNT);
    return &rows[err];
}

int sl_err_status(enum sl_err err)
{
    return row(err)->status;
}

const char *sl_err_code(enum sl_err err)
{
    return row(err)->code;
}

const char *sl_err_title(enum sl_err err)
{
    return row(err)->title;
}
