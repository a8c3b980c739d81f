/* The COSE_Sign1 (RFC 9052 section 4.2) of a Status List Token. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cbor_in.h"
#include "lib/parts.h"

enum { TAG_SIGN1 = 18, TAG_CWT = 61 };
/* RFC 9052 section 3.1, RFC 9596, RFC 9360. */
enum { HEADER_ALG = 1, HEADER_CRIT = 2, HEADER_KID = 4, HEADER_TYP = 16, HEADER_X5CHAIN = 33 };
/* application/statuslist+cwt as a CoAP Content-Format, which header 16 may be instead (RFC 9596). */
enum { CONTENT_FORMAT = 279 };
/* RFC 8392 section 4 and the draft's own two. */
enum { ISS = 1, SUB = 2, EXP = 4, NBF = 5, IAT = 6, STATUS_LIST = 65533, TTL = 65534 };

static struct sl_string read_cbor_text(struct statuslist_report *r, struct sl_cbor_in *in)
{
    struct sl_cbor_item v;
    struct sl_string s = {.kind = SL_STRING_WRONG};
    if (!sl_cbor_next(in, &v))
        return s;
    sl_cbor_skip(in, &v);
    if (v.type == SL_IN_TEXT) {
        s.kind = SL_STRING;
        s.at = sl_verify_report_keep(r, v.text);
    }
    return s;
}

static struct sl_number read_cbor_number(struct sl_cbor_in *in)
{
    struct sl_cbor_item v;
    struct sl_number n = {.kind = SL_NUMBER_WRONG};
    if (!sl_cbor_next(in, &v))
        return n;
    sl_cbor_skip(in, &v);
    if (sl_cbor_number(&v, &n.value))
        n.kind = SL_WHOLE;
    else if (v.real)
        n = sl_number_of_real(v.value);
    return n;
}

/* The bytes of a kid as they are when printable, otherwise in hex. */
static void read_cwt_kid(struct statuslist_report *r, struct sl_cbor_in *in)
{
    struct sl_cbor_item v;
    if (!sl_cbor_next(in, &v))
        return;
    sl_cbor_skip(in, &v);
    if (v.type != SL_IN_BYTES || v.text.len > 256)
        return;
    bool printable = v.text.len > 0;
    for (size_t i = 0; i < v.text.len; i++)
        printable = printable && v.text.at[i] > ' ' && v.text.at[i] <= '~';
    char hex[2 + 2 * 256 + 1] = "0x";
    for (size_t i = 0; i < v.text.len; i++)
        snprintf(hex + 2 + 2 * i, 3, "%02x", (unsigned char)v.text.at[i]);
    r->claims.kid =
        printable ? sl_verify_report_keep(r, v.text) : sl_verify_report_keep(r, sl_span(hex, strlen(hex)));
}

/* True: a single certificate in an array, where RFC 9360 section 2 has a byte string. */
static bool read_cwt_chain(struct sl_cbor_in *in, struct sl_parts *p)
{
    struct sl_cbor_item v, c;
    p->chain_wrong = true;
    p->chain_len = 0;
    if (!sl_cbor_next(in, &v))
        return false;
    if (v.type == SL_IN_BYTES) {
        p->chain[p->chain_len++] = v.text;
        p->chain_wrong = false;
        return false;
    }
    if (v.type != SL_IN_ARRAY) {
        sl_cbor_skip(in, &v);
        return false;
    }
    struct sl_cbor_count count = sl_cbor_count(&v);
    bool ok = true;
    while (sl_cbor_each(in, &count, &c)) {
        ok = ok && c.type == SL_IN_BYTES && !c.indefinite && p->chain_len < SL_CHAIN_MAX;
        if (ok)
            p->chain[p->chain_len++] = c.text;
        sl_cbor_skip(in, &c);
    }
    p->chain_wrong = !ok || p->chain_len == 0;
    return p->chain_len == 1;
}

struct header {
    bool has_alg, has_crit, has_chain;
    bool lone; /* see read_cwt_chain() */
    int64_t alg;
    bool alg_wrong;
    struct sl_string typ;
    bool typ_is_number; /* then it is not a string */
    int64_t typ_number;
    struct sl_cbor_keys keys;
};

static void read_cwt_typ(struct statuslist_report *r, struct sl_cbor_in *in, struct header *h)
{
    struct sl_cbor_item v;
    h->typ.kind = SL_STRING_WRONG;
    if (!sl_cbor_next(in, &v))
        return;
    sl_cbor_skip(in, &v);
    h->typ_is_number = sl_cbor_number(&v, &h->typ_number);
    if (v.type == SL_IN_TEXT) {
        h->typ.kind = SL_STRING;
        h->typ.at = sl_verify_report_keep(r, v.text);
    }
}

/* Reads one of the two maps of a header. */
static void header_map(struct statuslist_report *r, struct sl_cbor_in *in, const struct sl_cbor_item *map,
                       struct sl_parts *p, struct header *h)
{
    struct sl_cbor_count count = sl_cbor_count(map);
    struct sl_cbor_item key, v;
    int64_t k;
    while (sl_cbor_key(in, &count, &h->keys, &key)) {
        if (!sl_cbor_number(&key, &k))
            k = 0;
        if (k == HEADER_ALG) {
            struct sl_number alg = read_cbor_number(in);
            h->has_alg = true;
            h->alg_wrong = alg.kind != SL_WHOLE;
            h->alg = alg.value;
        } else if (k == HEADER_TYP) {
            read_cwt_typ(r, in, h);
        } else if (k == HEADER_KID) {
            read_cwt_kid(r, in);
        } else if (k == HEADER_X5CHAIN) {
            h->has_chain = true;
            h->lone = read_cwt_chain(in, p);
        } else if (sl_cbor_value(in, &v)) {
            h->has_crit = h->has_crit || k == HEADER_CRIT;
            sl_cbor_skip(in, &v);
        }
    }
}

static void check_alg(struct statuslist_report *r, const struct header *h, const struct header *open,
                      struct sl_parts *p)
{
    char name[24];
    if (h->has_alg && !h->alg_wrong) {
        p->alg = sl_alg_of_cose(h->alg);
        snprintf(name, sizeof name, "%lld", (long long)h->alg);
        r->claims.alg = p->alg != NULL ? p->alg->name : sl_verify_report_keep(r, sl_span(name, strlen(name)));
        if (p->alg != NULL)
            sl_verify_report_add(r, "alg", STATUSLIST_PASS, SL_SECTION_CWT, "%s", p->alg->name);
        else if (h->alg >= 4 && h->alg <= 7)
            sl_verify_report_add(r, "alg", STATUSLIST_FAIL, SL_SECTION_CWT,
                                 "%s is a MAC: everyone who can verify it can also make it", name);
        else
            sl_alg_refuse(r, SL_SECTION_CWT, name);
    } else {
        sl_verify_report_add(r, "alg", STATUSLIST_FAIL, SL_SECTION_CWT,
                             h->alg_wrong    ? "header 1 is not a number"
                             : open->has_alg ? "header 1 is not in the protected header: anyone can change it"
                                             : "header 1 is missing");
    }
}

static void check_cwt_typ(struct statuslist_report *r, const struct header *h, const struct header *open)
{
    char number[24];
    r->claims.typ = h->typ.at;
    if (h->typ_is_number) {
        snprintf(number, sizeof number, "%lld", (long long)h->typ_number);
        r->claims.typ = sl_verify_report_keep(r, sl_span(number, strlen(number)));
    }
    if (h->typ_is_number && h->typ_number == CONTENT_FORMAT)
        sl_verify_report_add(r, "typ", STATUSLIST_PASS, SL_SECTION_CWT,
                             "%d, the registered number of application/statuslist+cwt", CONTENT_FORMAT);
    else if (h->typ.at != NULL && strcmp(h->typ.at, "application/statuslist+cwt") == 0)
        sl_verify_report_add(r, "typ", STATUSLIST_PASS, SL_SECTION_CWT, "\"%s\"", h->typ.at);
    else if (open->typ.kind != SL_NO_STRING && h->typ.kind == SL_NO_STRING)
        sl_verify_report_add(r, "typ", STATUSLIST_FAIL, SL_SECTION_CWT,
                             "header 16 is not in the protected header");
    else if (h->typ_is_number)
        sl_verify_report_add(r, "typ", STATUSLIST_FAIL, SL_SECTION_CWT,
                             "%s is not %d, the number of application/statuslist+cwt", number,
                             CONTENT_FORMAT);
    else if (h->typ.kind == SL_NO_STRING)
        sl_verify_report_add(r, "typ", STATUSLIST_FAIL, SL_SECTION_CWT, "header 16 is missing");
    else if (h->typ.at == NULL)
        sl_verify_report_add(r, "typ", STATUSLIST_FAIL, SL_SECTION_CWT,
                             "header 16 is neither a text nor a number");
    else
        sl_verify_report_add(r, "typ", STATUSLIST_FAIL, SL_SECTION_CWT,
                             "\"%s\" is not \"application/statuslist+cwt\"", h->typ.at);
}

/* What stands in both maps has two values, and readers choose differently (RFC 9052 section 3). */
static bool header_shared(const struct header *h, const struct header *open, char ret[static 80])
{
    for (unsigned i = 0; i < h->keys.count; i++) {
        for (unsigned j = 0; j < open->keys.count; j++) {
            const struct sl_cbor_item *key = &open->keys.seen[j];
            int64_t number;
            if (!sl_cbor_same_key(&h->keys.seen[i], key))
                continue;
            if (sl_cbor_number(key, &number))
                snprintf(ret, 80, "header %lld", (long long)number);
            else
                snprintf(ret, 80, "header \"%.*s\"", (int)(key->text.len < 60 ? key->text.len : 60),
                         key->text.at);
            return true;
        }
    }
    return false;
}

static void check_header(struct statuslist_report *r, const struct header *h, const struct header *open,
                         struct sl_parts *p)
{
    char label[80];
    p->header_read = true;
    if (h->has_crit || open->has_crit)
        sl_verify_report_add(
            r, "header", STATUSLIST_FAIL, SL_SECTION_CWT,
            "header 2 (crit) names extensions that a reader must understand; this reader knows none");
    else if (header_shared(h, open, label))
        sl_verify_report_add(r, "header", STATUSLIST_FAIL, "RFC 9052 section 3",
                             "%s stands in the protected map and in the unprotected one", label);
    else
        sl_verify_report_add(r, "header", STATUSLIST_PASS, SL_SECTION_CWT,
                             "a protected map and an unprotected one");
    check_cwt_typ(r, h, open);
    check_alg(r, h, open, p);
    if (p->chain_wrong) {
        p->chain_len = 0;
        sl_verify_report_add(r, "x5chain", STATUSLIST_FAIL, SL_SECTION_CWT,
                             "header 33 is not 1 to %d certificates (RFC 9360 section 2)", SL_CHAIN_MAX);
    } else if (h->has_chain && h->lone) {
        sl_verify_report_add(
            r, "x5chain", STATUSLIST_WARN, SL_SECTION_CWT,
            "a single certificate in an array: it is a byte string by itself (RFC 9360 section 2)");
    } else if (h->has_chain) {
        sl_verify_report_add(r, "x5chain", STATUSLIST_PASS, SL_SECTION_CWT, "certificates: %u, protected",
                             p->chain_len);
    } else if (open->has_chain) {
        sl_verify_report_add(
            r, "x5chain", STATUSLIST_WARN, SL_SECTION_CWT,
            "header 33 is unprotected: some verifiers look for it in the protected header only");
    }
}

/* The byte string of `lst`, in one piece or in chunks, which are joined: they cannot be more than the token.
 */
static void read_cwt_lst(struct statuslist_report *r, struct sl_cbor_in *in, struct sl_parts *p)
{
    struct sl_cbor_item v;
    struct sl_span chunk;
    size_t n = 0;
    p->lst_kind = SL_LST_WRONG;
    if (!sl_cbor_value(in, &v))
        return;
    if (v.type != SL_IN_BYTES || !v.indefinite) {
        sl_cbor_skip(in, &v);
        p->lst_kind = v.type == SL_IN_BYTES ? SL_LST : SL_LST_WRONG;
        p->lst = v.type == SL_IN_BYTES ? v.text : p->lst;
        return;
    }
    char *joined = sl_verify_report_alloc(r, (size_t)(in->end - in->at));
    while (joined != NULL && sl_cbor_chunk(in, &v, &chunk)) {
        if (chunk.len > 0)
            memcpy(joined + n, chunk.at, chunk.len);
        n += chunk.len;
    }
    p->lst_kind = SL_LST;
    p->lst = sl_span(joined, joined != NULL ? n : 0);
}

static void status_list(struct statuslist_report *r, struct sl_cbor_in *in, struct sl_parts *p)
{
    struct sl_cbor_keys keys = {.count = 0};
    struct sl_cbor_item map, key, v;
    if (!sl_cbor_next(in, &map))
        return;
    if (map.type != SL_IN_MAP) {
        sl_cbor_skip(in, &map);
        return;
    }
    p->has_status_list = true;
    struct sl_cbor_count count = sl_cbor_count(&map);
    while (sl_cbor_key(in, &count, &keys, &key)) {
        bool named = key.type == SL_IN_TEXT;
        if (named && sl_span_eq(key.text, SL_SPAN("bits"))) {
            p->bits = read_cbor_number(in);
        } else if (named && sl_span_eq(key.text, SL_SPAN("aggregation_uri"))) {
            p->aggregation_uri = read_cbor_text(r, in);
        } else if (named && sl_span_eq(key.text, SL_SPAN("lst"))) {
            read_cwt_lst(r, in, p);
        } else if (sl_cbor_value(in, &v)) {
            sl_cbor_skip(in, &v);
        }
    }
}

static void read_cwt_claim(struct statuslist_report *r, struct sl_cbor_in *in, int64_t key,
                           struct sl_parts *p)
{
    struct sl_cbor_item v;
    switch (key) {
    case ISS:
        p->iss = read_cbor_text(r, in);
        break;
    case SUB:
        p->sub = read_cbor_text(r, in);
        break;
    case EXP:
        p->exp = read_cbor_number(in);
        break;
    case NBF:
        p->nbf = read_cbor_number(in);
        break;
    case IAT:
        p->iat = read_cbor_number(in);
        break;
    case TTL:
        p->ttl = read_cbor_number(in);
        break;
    case STATUS_LIST:
        status_list(r, in, p);
        break;
    default:
        if (sl_cbor_value(in, &v))
            sl_cbor_skip(in, &v);
    }
}

/* Sets *ret_loose when the claims are not in the shortest form. */
static void read_cwt_claims(struct statuslist_report *r, struct sl_span payload, struct sl_parts *p,
                            bool *ret_loose)
{
    struct sl_cbor_in in = sl_cbor_over(payload);
    struct sl_cbor_keys keys = {.count = 0};
    struct sl_cbor_item map, key;
    if (!sl_cbor_next(&in, &map) || map.type != SL_IN_MAP) {
        sl_verify_report_add(r, "claims", STATUSLIST_FAIL, SL_SECTION_CWT, "the payload is not a CBOR map");
        return;
    }
    struct sl_cbor_count count = sl_cbor_count(&map);
    while (sl_cbor_key(&in, &count, &keys, &key)) {
        int64_t k;
        read_cwt_claim(r, &in, sl_cbor_number(&key, &k) ? k : 0, p);
    }
    *ret_loose = *ret_loose || in.loose;
    if (in.why == NULL && in.at != in.end)
        in.why = "bytes follow the map";
    p->claims_read = in.why == NULL;
    sl_verify_report_add(r, "claims", in.why != NULL ? STATUSLIST_FAIL : STATUSLIST_PASS, SL_SECTION_CWT,
                         "%s", in.why != NULL ? in.why : "a CBOR map");
}

/* What was signed: ["Signature1", protected, external_aad, payload] (RFC 9052 section 4.4). */
static void sig_structure(struct statuslist_report *r, struct sl_span head, struct sl_span payload,
                          struct sl_parts *p)
{
    static const char prefix[] = "\x84\x6aSignature1";
    size_t n = sizeof prefix - 1;
    uint8_t *at = sl_verify_report_alloc(r, n + head.len + payload.len + 19);
    if (at == NULL)
        return;
    memcpy(at, prefix, n);
    struct sl_span strings[] = {head, {NULL, 0}, payload};
    for (int i = 0; i < 3; i++) {
        uint64_t len = strings[i].len;
        unsigned more = len < 24 ? 0 : len < 256 ? 1 : len < 65536 ? 2 : len <= UINT32_MAX ? 4 : 8;
        static const uint8_t code[] = {0, 24, 25, 0, 26, 0, 0, 0, 27};
        at[n++] = (uint8_t)(SL_IN_BYTES << 5 | (more == 0 ? len : code[more]));
        while (more-- > 0)
            at[n++] = (uint8_t)(len >> (8 * more));
        if (len > 0)
            memcpy(at + n, strings[i].at, (size_t)len);
        n += (size_t)len;
    }
    p->signed_bytes = sl_span((const char *)at, n);
}

static void read_cwt_tags(struct statuslist_report *r, struct sl_cbor_in *in, struct sl_cbor_item *item)
{
    bool cwt = false, sign1 = false, other = false;
    for (int depth = 0; in->why == NULL && item->type == SL_IN_TAG && depth < 4; depth++) {
        cwt = cwt || item->n == TAG_CWT;
        sign1 = item->n == TAG_SIGN1;
        other = other || (item->n != TAG_CWT && item->n != TAG_SIGN1);
        if (!sl_cbor_next(in, item))
            return;
    }
    if (item->type != SL_IN_ARRAY)
        return;
    bool right = sign1 && !cwt && !other;
    sl_verify_report_add(r, "tag", right ? STATUSLIST_PASS : STATUSLIST_FAIL, SL_SECTION_CWT,
                         right   ? "18 (COSE_Sign1), and no other"
                         : cwt   ? "61 (CWT) around it: a Status List Token has tag 18 only"
                         : other ? "another tag than 18 (COSE_Sign1)"
                                 : "not tagged: 18 (COSE_Sign1) is missing");
}

/* Reads the four parts of the array; the unprotected map is read on the way. */
static bool sign1(struct statuslist_report *r, struct sl_cbor_in *in, struct sl_parts *p,
                  struct sl_span *ret_head, struct header *open, struct sl_span *ret_payload)
{
    struct sl_cbor_item array, head, map, payload, signature;
    if (!sl_cbor_next(in, &array))
        return false;
    read_cwt_tags(r, in, &array);
    if (in->why != NULL || array.type != SL_IN_ARRAY || (!array.indefinite && array.n != 4))
        return false;
    if (!sl_cbor_next(in, &head) || head.type != SL_IN_BYTES || !sl_cbor_next(in, &map) ||
        map.type != SL_IN_MAP)
        return false;
    header_map(r, in, &map, p, open);
    if (!sl_cbor_next(in, &payload) || payload.type != SL_IN_BYTES || !sl_cbor_next(in, &signature) ||
        signature.type != SL_IN_BYTES)
        return false;
    struct sl_cbor_item end;
    if (array.indefinite && (!sl_cbor_next(in, &end) || !end.end))
        return false;
    *ret_head = head.text;
    *ret_payload = payload.text;
    p->signature = signature.text;
    return in->at == in->end;
}

void sl_cwt_parse(struct statuslist_report *r, struct sl_span token, struct sl_parts *p)
{
    struct sl_cbor_in in = sl_cbor_over(token);
    struct sl_span head, payload;
    struct header open = {.has_alg = false}, h = {.has_alg = false};
    if (!sign1(r, &in, p, &head, &open, &payload)) {
        sl_verify_report_add(r, "encoding", STATUSLIST_FAIL, SL_SECTION_CWT, "not a COSE_Sign1: %s",
                             in.why != NULL ? in.why : "not an array of exactly four parts");
        return;
    }
    sl_verify_report_add(r, "encoding", STATUSLIST_PASS, SL_SECTION_CWT, "a COSE_Sign1 of %zu bytes",
                         token.len);
    sig_structure(r, head, payload, p);
    struct sl_cbor_in inner = sl_cbor_over(head);
    struct sl_cbor_item map = {.type = SL_IN_MAP};
    if (head.len == 0 || (sl_cbor_next(&inner, &map) && map.type == SL_IN_MAP)) {
        if (head.len > 0)
            header_map(r, &inner, &map, p, &h);
        if (inner.why == NULL && inner.at != inner.end)
            inner.why = "bytes follow the map";
    } else if (inner.why == NULL) {
        inner.why = "not a map";
    }
    if (inner.why == NULL)
        check_header(r, &h, &open, p);
    else
        sl_verify_report_add(r, "header", STATUSLIST_FAIL, SL_SECTION_CWT, "the protected header: %s",
                             inner.why);
    bool loose = in.loose || inner.loose;
    read_cwt_claims(r, payload, p, &loose);
    sl_verify_report_add(
        r, "integers", loose ? STATUSLIST_WARN : STATUSLIST_PASS, SL_SECTION_CWT,
        loose ? "a number is longer than needed, or a length indefinite: some readers refuse that"
              : "shortest form, definite lengths");
}
