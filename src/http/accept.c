#include "http/accept.h"
#include "http/field.h"

/* Weights are thousandths; -1 stands for "not mentioned". */
#define FULL 1000

/* qvalue of RFC 9110 section 12.4.2. */
static bool parse_weight(struct sl_span text, int *ret)
{
    int whole = 0, part = 0, scale = 100;
    if (text.len == 0 || text.len > 5)
        return false;
    size_t i = 0;
    if (text.at[0] == '0' || text.at[0] == '1')
        whole = text.at[i++] - '0';
    else if (text.at[0] != '.' || text.len == 1)
        return false;
    if (i < text.len && text.at[i++] != '.')
        return false;
    for (; i < text.len; i++, scale /= 10) {
        if (text.at[i] < '0' || text.at[i] > '9' || scale == 0)
            return false;
        part += (text.at[i] - '0') * scale;
    }
    if (whole * FULL + part > FULL)
        return false;
    *ret = whole * FULL + part;
    return true;
}

/* Reads the parameters of a member, to its end. *ret_others counts all but the weight and charset=utf-8. */
static bool parse_parameters(struct sl_span rest, int *ret_weight, unsigned *ret_others)
{
    struct sl_field_parameter p;
    int weight = -1;
    unsigned others = 0;
    enum sl_field_step step;
    while ((step = sl_field_next_parameter(&rest, &p)) == SL_FIELD_PARAMETER) {
        if (sl_field_is(p.name, SL_SPAN("q"))) {
            if (weight >= 0 || p.quoted || !parse_weight(p.value, &weight))
                return false;
        } else if (!sl_field_is(p.name, SL_SPAN("charset")) || !sl_field_value_is(&p, "utf-8")) {
            others++;
        }
    }
    if (step == SL_FIELD_BAD)
        return false;
    *ret_weight = weight < 0 ? FULL : weight;
    *ret_others = others;
    return true;
}

struct range {
    struct sl_span type, subtype;
    bool any_type, any_subtype;
    unsigned parameters;
    int weight;
};

static bool parse_range(struct sl_span member, struct range *ret)
{
    struct range r = {.weight = FULL};
    if (!sl_field_token(&member, &r.type))
        return false;
    r.any_type = sl_span_eq(r.type, SL_SPAN("*"));
    if (sl_field_char(&member, '/')) {
        if (!sl_field_token(&member, &r.subtype))
            return false;
        r.any_subtype = sl_span_eq(r.subtype, SL_SPAN("*"));
        if (r.any_type && !r.any_subtype)
            return false;
    } else if (r.any_type) {
        r.any_subtype = true;
    } else {
        return false;
    }
    if (!parse_parameters(member, &r.weight, &r.parameters))
        return false;
    *ret = r;
    return true;
}

/* How specifically the range names the offer: 3 exactly, 2 by its type, 1 as anything, 0 not at all. */
static int specificity(const struct range *r, struct sl_span offer)
{
    if (r->parameters > 0)
        return 0;
    if (r->any_type)
        return 1;
    const char *slash = memchr(offer.at, '/', offer.len);
    if (slash == NULL)
        return 0;
    size_t n = (size_t)(slash - offer.at);
    if (!sl_field_is(r->type, sl_span(offer.at, n)))
        return 0;
    if (r->any_subtype)
        return 2;
    return sl_field_is(r->subtype, sl_span(slash + 1, offer.len - n - 1)) ? 3 : 0;
}

/* The weight of one offer. *ret_any: whether the field has a well-formed member at all. */
static int weigh(const struct sl_span *fields, size_t n, struct sl_span offer, bool *ret_any)
{
    struct sl_field_list list = {.fields = fields, .count = n};
    struct sl_span member;
    int weight = 0, best = 0;
    bool any = false;
    while (sl_field_next(&list, &member)) {
        struct range r;
        if (!parse_range(member, &r))
            continue;
        any = true;
        int s = specificity(&r, offer);
        if (s > best || (s > 0 && s == best && r.weight > weight)) {
            best = s;
            weight = r.weight;
        }
    }
    *ret_any = any;
    return weight;
}

int sl_accept_media(const struct sl_span *fields, size_t n, const struct sl_span *offers, size_t offer_count)
{
    int chosen = -1, highest = 0;
    for (size_t i = 0; i < offer_count; i++) {
        bool any;
        int weight = weigh(fields, n, offers[i], &any);
        if (!any)
            return 0;
        if (weight > highest) {
            highest = weight;
            chosen = (int)i;
        }
    }
    return chosen;
}

bool sl_accept_gzip(const struct sl_span *fields, size_t n, bool *ret_identity)
{
    struct sl_field_list list = {.fields = fields, .count = n};
    struct sl_span member, coding;
    int gzip = -1, identity = -1, star = -1;
    while (sl_field_next(&list, &member)) {
        int weight;
        struct sl_field_parameter p;
        struct sl_span rest = member;
        if (!sl_field_token(&rest, &coding))
            continue;
        /* A coding has a weight and no parameters. */
        enum sl_field_step step = sl_field_next_parameter(&rest, &p);
        if (step == SL_FIELD_END)
            weight = FULL;
        else if (step == SL_FIELD_BAD || p.quoted || !sl_field_is(p.name, SL_SPAN("q")) ||
                 !parse_weight(p.value, &weight) || sl_field_next_parameter(&rest, &p) != SL_FIELD_END)
            continue;
        int *slot = NULL;
        if (sl_field_is(coding, SL_SPAN("gzip")) || sl_field_is(coding, SL_SPAN("x-gzip")))
            slot = &gzip;
        else if (sl_field_is(coding, SL_SPAN("identity")))
            slot = &identity;
        else if (sl_span_eq(coding, SL_SPAN("*")))
            slot = &star;
        if (slot != NULL && weight > *slot)
            *slot = weight;
    }
    if (gzip < 0)
        gzip = star;
    if (identity < 0)
        identity = star;
    *ret_identity = identity != 0;
    return gzip > 0 && gzip >= identity;
}
