#include "daemon/reach.h"

#include <string.h>

#include "base/log.h"
#include "daemon/daemon_int.h"
#include "http/edge_route.h"

/* Its host cannot be judged: a proxy may stand in front. */
static bool is_found(const struct sl_list *list, struct sl_span base)
{
    struct sl_target target = sl_route_parse(sl_url_path(list->uri), base);
    return target.route == SL_ROUTE_LIST && memcmp(&target.list, &list->id, sizeof list->id) == 0;
}

static bool is_former(const struct sl_list *list, struct sl_span url)
{
    return list->uri.len <= url.len || memcmp(list->uri.at, url.at, url.len) != 0 ||
           memchr(list->uri.at + url.len + 1, '/', list->uri.len - url.len - 1) != NULL;
}

void sl_reach_check(const struct sl_daemon *d)
{
    const char *text = d->config->http.public_url;
    struct sl_span url = sl_span(text, strlen(text)), base = sl_url_path(url), example = SL_SPAN("");
    uint32_t former = 0, lost = 0;
    for (uint32_t i = 0; i < sl_table_count(d->shared.table); i++) {
        const struct sl_list *list = sl_table_at(d->shared.table, i);
        if (is_former(list, url)) {
            former++;
            example = list->uri;
        }
        if (is_found(list, base))
            continue;
        lost++;
        sl_log(SL_ERROR, "lists",
               "the path of a list's URI is another route of the service: nobody can fetch it",
               SL_KS("pool", list->pool->name), SL_KN("list", list->uri.at, list->uri.len));
    }
    if (lost > 0)
        sl_log(SL_ERROR, "lists", "lists cannot be fetched at their own URIs", SL_KU("lists", lost));
    if (former > 0)
        sl_log(SL_INFO, "lists",
               "lists keep the URIs of a former public-url: they are served at those paths, so their host "
               "must go on "
               "leading here",
               SL_KU("lists", former), SL_KN("one", example.at, example.len), SL_KS("public-url", text));
}
