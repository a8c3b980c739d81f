/* The limit of the library that the service is measured beside: libh2o sends the same bytes and header fields
 * from memory, and the handler makes no decision that it can avoid.
 *
 * GET answers the file --token with the header fields of the file --fields (lines `name: value`).
 * GET with the If-None-Match of the field etag answers 304 with the same fields, without content-type.
 * POST answers the file --json as application/json. PATCH answers 204. */
#include "serve.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 16

struct field {
    /* NULL: h2o has no token for this name. */
    const h2o_token_t *token;
    h2o_iovec_t name, value;
};

/* Written before the threads start. */
static struct answers {
    h2o_iovec_t token, json, etag;
    struct field fields[MAX_FIELDS];
    size_t count;
} answers;

static h2o_generator_t nothing_more = {NULL, NULL};

static void finish(h2o_req_t *req, int status, const char *reason, h2o_iovec_t *body)
{
    req->res.status = status;
    req->res.reason = reason;
    req->res.content_length = body != NULL ? body->len : SIZE_MAX;
    h2o_start_response(req, &nothing_more);
    h2o_send(req, body, body != NULL ? 1 : 0, H2O_SEND_STATE_FINAL);
}

static void get(h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_IF_NONE_MATCH, -1);
    bool same = at != -1 && h2o_memis(req->headers.entries[at].value.base, req->headers.entries[at].value.len,
                                      answers.etag.base, answers.etag.len);
    for (size_t i = 0; i < answers.count; i++) {
        const struct field *f = &answers.fields[i];
        if (f->token == H2O_TOKEN_CONTENT_TYPE && same)
            continue;
        if (f->token != NULL)
            h2o_add_header(&req->pool, &req->res.headers, f->token, NULL, f->value.base, f->value.len);
        else
            h2o_add_header_by_str(&req->pool, &req->res.headers, f->name.base, f->name.len, 0, NULL,
                                  f->value.base, f->value.len);
    }
    if (same)
        finish(req, 304, "Not Modified", NULL);
    else
        finish(req, 200, "OK", &answers.token);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    if (h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET"))) {
        get(req);
    } else if (h2o_memis(req->method.base, req->method.len, H2O_STRLIT("POST"))) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       H2O_STRLIT("application/json"));
        finish(req, 200, "OK", &answers.json);
    } else {
        finish(req, 204, "No Content", NULL);
    }
    return 0;
}

static void read_fields(char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL && answers.count < MAX_FIELDS;
         line = strtok_r(NULL, "\r\n", &rest)) {
        char *colon = strstr(line, ": ");
        if (colon == NULL)
            continue;
        struct field *f = &answers.fields[answers.count++];
        f->name = h2o_iovec_init(line, (size_t)(colon - line));
        f->value = h2o_iovec_init(colon + 2, strlen(colon + 2));
        f->token = h2o_lookup_token(f->name.base, f->name.len);
        if (f->token == H2O_TOKEN_ETAG)
            answers.etag = f->value;
    }
}

int main(int argc, char **argv)
{
    struct serve_options o;
    serve_parse(&o, argc, argv);
    answers.token = serve_read_file(serve_argument(argc, argv, "--token", NULL));
    answers.json = serve_read_file(serve_argument(argc, argv, "--json", NULL));
    read_fields(serve_read_file(serve_argument(argc, argv, "--fields", NULL)).base);
    serve_run(&o, on_req, NULL, NULL);
    return 0;
}
