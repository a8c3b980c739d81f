#include "ctl/web.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/url.h"

#define BODY_MAX (256u << 20)
enum { HOPS_MAX = 5 };

struct sl_web {
    CURL *curl;
};

struct sl_web *sl_web_new(const struct sl_ctl *c)
{
    struct sl_web *web = calloc(1, sizeof *web);
    if (web == NULL || (web->curl = curl_easy_init()) == NULL) {
        sl_complain("cannot initialize libcurl");
        free(web);
        return NULL;
    }
    curl_easy_setopt(web->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(web->curl, CURLOPT_TIMEOUT, (long)c->timeout);
    curl_easy_setopt(web->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(web->curl, CURLOPT_USERAGENT, "statuslistctl/" SL_VERSION);
    if (c->cacert != NULL)
        curl_easy_setopt(web->curl, CURLOPT_CAINFO, c->cacert);
    if (c->client_cert != NULL)
        curl_easy_setopt(web->curl, CURLOPT_SSLCERT, c->client_cert);
    if (c->client_key != NULL)
        curl_easy_setopt(web->curl, CURLOPT_SSLKEY, c->client_key);
    return web;
}

void sl_web_free(struct sl_web *web)
{
    if (web != NULL)
        curl_easy_cleanup(web->curl);
    free(web);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct sl_answer *a = arg;
    sl_buf_put(&a->body, bytes, size * n);
    return a->body.failed ? 0 : size * n;
}

static struct sl_field *find_field(struct sl_answer *a, const char *name)
{
    for (size_t i = 0; i < a->field_count; i++)
        if (strcasecmp(a->fields[i].name, name) == 0)
            return &a->fields[i];
    return NULL;
}

/* Fields of one name are one list (RFC 9110 section 5.3). */
static void keep_field(struct sl_answer *a, const struct curl_header *h)
{
    struct sl_field *f = find_field(a, h->name);
    char *joined = NULL;
    if (f == NULL && a->field_count < SL_FIELDS_MAX) {
        f = &a->fields[a->field_count++];
        *f = (struct sl_field){.name = strdup(h->name), .value = strdup(h->value), .count = h->amount};
        if (f->name == NULL || f->value == NULL)
            abort();
    } else if (f != NULL) {
        if (asprintf(&joined, "%s, %s", f->value, h->value) < 0)
            abort();
        free(f->value);
        f->value = joined;
    }
}

static void set_method(CURL *curl, const struct sl_ask *ask)
{
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(ask->method, "HEAD") == 0 ? 1L : 0L);
    if (ask->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(ask->body));
    }
    bool own = strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0;
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, own ? NULL : ask->method);
}

bool sl_web_ask(struct sl_web *web, const struct sl_ask *ask, struct sl_answer *ret, char why[static 256])
{
    CURL *curl = web->curl;
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *fields = NULL;
    *ret = (struct sl_answer){.url = strdup(ask->url)};
    sl_buf_init(&ret->body, BODY_MAX);
    for (size_t i = 0; i < sizeof ask->fields / sizeof *ask->fields && ask->fields[i] != NULL; i++)
        fields = curl_slist_append(fields, ask->fields[i]);
    set_method(curl, ask);
    curl_easy_setopt(curl, CURLOPT_URL, ask->url);
    /* NULL: what the environment says. A proxy could not reach this machine's own services, but would see
     * what they are sent. */
    curl_easy_setopt(curl, CURLOPT_NOPROXY, sl_url_is_loopback(ask->url) ? "*" : NULL);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ask->gzip ? "gzip" : NULL);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    CURLcode code = curl_easy_perform(curl);
    char *redirect = NULL;
    struct curl_header *h = NULL;
    while ((h = curl_easy_nextheader(curl, CURLH_HEADER, -1, h)) != NULL)
        keep_field(ret, h); /* libcurl has them until the next request only */
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
    if (redirect != NULL)
        ret->redirect = strdup(redirect);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);
    if (code == CURLE_OK)
        return true;
    snprintf(why, 256, "%s",
             ret->body.failed ? "the response is too long"
             : *error         ? error
                              : curl_easy_strerror(code));
    return false;
}

void sl_answer_free(struct sl_answer *a)
{
    for (size_t i = 0; i < a->field_count; i++) {
        free(a->fields[i].name);
        free(a->fields[i].value);
    }
    free(a->url);
    free(a->redirect);
    sl_buf_free(&a->body);
    *a = (struct sl_answer){.status = 0};
}

size_t sl_answer_count(struct sl_answer *a, const char *name)
{
    const struct sl_field *f = find_field(a, name);
    return f != NULL ? f->count : 0;
}

const char *sl_answer_field(struct sl_answer *a, const char *name)
{
    const struct sl_field *f = find_field(a, name);
    return f != NULL ? f->value : "";
}

void sl_answer_type(struct sl_answer *a, char out[static 64])
{
    const char *type = sl_answer_field(a, "content-type");
    size_t n = 0;
    while (n < 63 && type[n] != '\0' && type[n] != ';' && type[n] != ' ') {
        out[n] = (char)tolower((unsigned char)type[n]);
        n++;
    }
    out[n] = '\0';
}

bool sl_web_get(struct sl_web *web, const struct sl_ask *ask, struct sl_answer *ret, char why[static 256],
                void (*hop)(void *arg, const struct sl_answer *from), void *arg)
{
    struct sl_ask next = *ask;
    char *url = NULL;
    bool ok = false;
    for (int hops = 0;; hops++) {
        ok = sl_web_ask(web, &next, ret, why);
        if (!ok || ret->status < 300 || ret->status > 399 || ret->redirect == NULL)
            break;
        if (hop != NULL)
            hop(arg, ret);
        bool downgrade =
            strncasecmp(ret->url, "https:", 6) == 0 && strncasecmp(ret->redirect, "https:", 6) != 0;
        if (hops == HOPS_MAX || downgrade) {
            snprintf(why, 256,
                     downgrade ? "redirected from https to another scheme" : "more than %d redirects",
                     HOPS_MAX);
            ok = false;
            break;
        }
        free(url);
        url = strdup(ret->redirect);
        sl_answer_free(ret);
        next.url = url;
    }
    free(url);
    return ok;
}
