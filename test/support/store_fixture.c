#include "store_fixture.h"

#include <sys/prctl.h>
#include <sys/un.h>

struct got got;
struct remembered remembered;

void server_start(struct server *s, const char *const *extra)
{
    char *argv[64] = {
        "redis-server", "--port",     "0",       "--unixsocket", "redis.sock", "--dir",
        "./",           "--save",     "",        "--appendonly", "yes",        "--appendfsync",
        "always",       "--loglevel", "warning", "--logfile",    "log",        "--maxmemory-policy",
        "noeviction",   NULL};
    int argc = 19, parent = getpid();
    for (; extra != NULL && *extra != NULL; extra++)
        argv[argc++] = (char *)*extra;
    argv[argc] = NULL;
    unlink(s->socket);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || chdir(s->dir) != 0)
            _exit(1);
        execvp("redis-server", argv);
        _exit(127);
    }
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", s->socket);
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        int rc = connect(fd, (struct sockaddr *)&un, sizeof un);
        close(fd);
        if (rc == 0)
            return;
        usleep(10000);
    }
    fail_msg("redis-server does not listen");
}

void server_stop(struct server *s, int sig)
{
    if (s->pid > 0) {
        kill(s->pid, SIGCONT);
        kill(s->pid, sig);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

const char *cli(const struct server *s, const char *fmt, ...)
{
    static char out[65536];
    char command[4096];
    int n = snprintf(command, sizeof command, "redis-cli -s %s ", s->socket);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
    va_end(ap);
    FILE *p = popen(command, "r");
    size_t len = fread(out, 1, sizeof out - 1, p);
    pclose(p);
    while (len > 0 && out[len - 1] == '\n')
        len--;
    out[len] = '\0';
    return out;
}

static void fixture_mail(void *arg, struct sl_mail *m)
{
    (void)arg;
    assert_int_equal(m->kind, SL_STORE_MAIL);
    sl_store_mail(m);
}

void new_identity(struct sl_store_identity *id)
{
    struct sl_uuid u = sl_uuid_v4(&sl_clock_system);
    sl_uuid_text(&u, id->instance);
    id->instance[SL_UUID_TEXT] = '\0';
    snprintf(id->run, sizeof id->run, "%016llx",
             (unsigned long long)sl_random_below(&sl_clock_system, UINT64_MAX));
}

struct sl_store *fixture_store_as(struct fixture *f, const char *role,
                                  const struct sl_store_identity *identity)
{
    struct sl_store_setup setup = {.loop = f->loop,
                                   .options = &f->options,
                                   .identity = identity,
                                   .role = role,
                                   .clerk = f->clerk,
                                   .mail = &f->mail};
    return sl_store_new(&setup);
}

struct sl_store *fixture_store(struct fixture *f, const char *role, bool verifies)
{
    struct sl_store_setup setup = {.loop = f->loop,
                                   .options = &f->options,
                                   .identity = &f->identity,
                                   .fitness = &f->fitness,
                                   .role = role,
                                   .clerk = f->clerk,
                                   .mail = &f->mail,
                                   .verifies = verifies};
    return sl_store_new(&setup);
}

void fixture_up(struct fixture *f)
{
    TURN_UNTIL(f, sl_store_state(f->store) == SL_STORE_UP);
}

void fixture_begin(struct fixture *f, const char *const *extra)
{
    memset(f, 0, sizeof *f);
    signal(SIGPIPE, SIG_IGN);
    sl_log_set_level(getenv("SL_TEST_LOG") != NULL ? SL_DEBUG : SL_ERROR + 1);
    strcpy(f->server.dir, "/tmp/sl-store-XXXXXX");
    assert_non_null(mkdtemp(f->server.dir));
    snprintf(f->server.socket, sizeof f->server.socket, "%s/redis.sock", f->server.dir);
    server_start(&f->server, extra);
    f->loop = sl_loop_new(&sl_clock_system);
    f->clerk = sl_crew_new("clerk", 1, NULL, NULL, NULL);
    sl_mailbox_init(&f->mail, fixture_mail, f);
    sl_mailbox_attach(&f->mail, f->loop);
    f->options = (struct sl_redis_options){
        .host = "localhost", .port = 6379, .socket = f->server.socket, .command_timeout_ms = 10000};
    new_identity(&f->identity);
    sl_fitness_init(&f->fitness, NULL);
    f->store = fixture_store(f, "keeper", true);
}

void remove_directory(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

void fixture_end(struct fixture *f)
{
    sl_store_free(f->store);
    sl_loop_turn(f->loop, 0);
    sl_crew_free(f->clerk);
    for (struct sl_mail *m = sl_mailbox_take(&f->mail), *next; m != NULL; m = next) {
        next = m->next;
        sl_store_mail(m);
    }
    sl_mailbox_detach(&f->mail);
    sl_mailbox_close(&f->mail);
    sl_loop_free(f->loop);
    sl_fitness_free(&f->fitness);
    server_stop(&f->server, SIGKILL);
    remove_directory(f->server.dir);
}

int fixture_setup(void **state)
{
    fixture_begin(*state, NULL);
    fixture_up(*state);
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_end(*state);
    return 0;
}

void mark_done(enum sl_err err)
{
    assert_false(got.done);
    got.done = true;
    got.err = err;
}

void on_pool(void *arg, enum sl_err err, const struct sl_pool_opened *r)
{
    (void)arg;
    mark_done(err);
    if (err == SL_OK) {
        got.pool = *r;
        memcpy(got.replid, r->replid.at, r->replid.len);
    }
}

void on_number(void *arg, enum sl_err err, int64_t n)
{
    (void)arg;
    mark_done(err);
    got.number = n;
}

void on_accepted(void *arg, enum sl_err err, uint32_t n)
{
    on_number(arg, err, n);
}

static void keep_blocks(const struct sl_block *blocks, uint32_t n)
{
    uint32_t used = 0;
    assert_true(n <= 16);
    for (uint32_t i = 0; i < n; i++) {
        got.blocks[i] = blocks[i];
        memcpy(got.returned + used, blocks[i].returned, blocks[i].returned_count * sizeof(uint32_t));
        got.blocks[i].returned = got.returned + used;
        used += blocks[i].returned_count;
    }
    got.count = n;
}

void on_taken(void *arg, enum sl_err err, const struct sl_taken *r)
{
    (void)arg;
    mark_done(err);
    if (err != SL_OK)
        return;
    got.taken = *r;
    keep_blocks(r->blocks, r->block_count);
    assert_true(r->over_count <= sizeof got.over / sizeof got.over[0]);
    memcpy(got.over, r->over, r->over_count * sizeof *r->over);
}

void on_inherited(void *arg, enum sl_err err, const struct sl_inherited *r)
{
    (void)arg;
    mark_done(err);
    if (err == SL_OK)
        keep_blocks(r->blocks, r->block_count);
}

void on_records(void *arg, enum sl_err err, const struct sl_list_record *made, size_t n)
{
    (void)arg;
    mark_done(err);
    got.count = n;
    for (size_t i = 0; i < n && err == SL_OK; i++)
        got.records[i] = made[i];
}

static void note_damaged(const struct sl_damaged_list *damaged, size_t n)
{
    got.damaged_count = n;
    for (size_t i = 0; i < n; i++) {
        snprintf(got.damaged[i].id, sizeof got.damaged[i].id, "%.*s", (int)damaged[i].id.len,
                 damaged[i].id.at);
        snprintf(got.damaged[i].field, sizeof got.damaged[i].field, "%s", damaged[i].field);
    }
}

void on_changes(void *arg, enum sl_err err, const struct sl_changes *r)
{
    if (err == SL_OK) {
        on_records(arg, err, r->lists, r->count);
        got.newest = r->newest;
        got.looked = r->looked;
        got.last = r->last;
        got.time_ms = r->time_ms;
        note_damaged(r->damaged, r->damaged_count);
        got.lineage = r->lineage;
    } else {
        mark_done(err);
    }
}

void on_record(void *arg, enum sl_err err, const struct sl_described *r)
{
    (void)arg;
    mark_done(err);
    got.none = r == NULL || r->list == NULL;
    if (r != NULL && r->damaged != NULL)
        note_damaged(r->damaged, 1);
    if (!got.none) {
        got.records[0] = *r->list;
        memcpy(got.uri, r->list->uri.at, r->list->uri.len);
    }
}

void on_load(void *arg, enum sl_err err, const struct sl_loaded *r)
{
    (void)arg;
    mark_done(err);
    if (err != SL_OK)
        return;
    got.loaded = *r;
    got.version = r->head.version;
    got.len = r->bytes.len;
    assert_true(r->bytes.len <= sizeof got.bytes && r->marks_count <= 4);
    if (r->bytes.len > 0)
        memcpy(got.bytes, r->bytes.at, r->bytes.len);
    for (size_t i = 0; i < r->marks_count; i++) {
        assert_true(r->marks[i].bits.len <= sizeof got.marks[i].bits);
        got.marks[i].lineage = r->marks[i].lineage;
        got.marks[i].len = r->marks[i].bits.len;
        memcpy(got.marks[i].bits, r->marks[i].bits.at, r->marks[i].bits.len);
    }
}

void on_updated(void *arg, enum sl_err err, const struct sl_updated *r)
{
    (void)arg;
    mark_done(err);
    if (err == SL_OK) {
        got.version = r->version;
        got.changed = r->changed;
        got.lineage = r->at;
        got.change = r->change;
        static const char letters[] = {[SL_RESULT_SAME] = '0',
                                       [SL_RESULT_CHANGED] = '1',
                                       [SL_RESULT_FINAL] = 'F',
                                       [SL_RESULT_OUTSIDE] = 'I',
                                       [SL_RESULT_RETIRED] = 'T'};
        assert_true(r->count < sizeof got.results);
        for (uint32_t i = 0; i < r->count; i++)
            got.results[i] = letters[r->results[i]];
    }
}

void on_batched(void *arg, enum sl_err err, const struct sl_batched *r)
{
    mark_done(err);
    if (err != SL_OK)
        return;
    got.batched = *r;
    got.change = r->change;
    uint32_t groups = *(const uint32_t *)arg;
    for (uint32_t i = 0; i < groups && r->refused == SL_OK; i++) {
        got.versions[i] = r->versions[i];
        got.ats[i] = r->at[i];
        got.flags[i] = r->changed[i];
    }
}

void on_status(void *arg, enum sl_err err, uint8_t value, struct sl_head head)
{
    (void)arg;
    mark_done(err);
    got.value = value;
    got.version = head.version;
    got.lineage = head.at;
}

void on_remembered(void *arg, enum sl_err err, const struct sl_remembered *r)
{
    (void)arg;
    mark_done(err);
    memset(&remembered, 0, sizeof remembered);
    if (err != SL_OK)
        return;
    remembered.other = r->other;
    remembered.bound = r->bound;
    assert_true(r->answer.len < sizeof remembered.answer);
    if (r->answer.len > 0)
        memcpy(remembered.answer, r->answer.at, r->answer.len);
}

struct sl_list_draft draft(void)
{
    static char uris[64][64];
    static unsigned next;
    struct sl_list_draft d;
    d.id = sl_uuid_v4(&sl_clock_system);
    char *uri = uris[next++ % 64], text[SL_UUID_TEXT];
    sl_uuid_text(&d.id, text);
    snprintf(uri, 64, "http://l/%.36s", text);
    d.uri = sl_span(uri, strlen(uri));
    sl_random(&sl_clock_system, d.seed, sizeof d.seed);
    return d;
}

const struct sl_fence *fixture_fence(struct fixture *f, const char *pool)
{
    char lineage[64] = "";
    unsigned long long change = 0;
    for (unsigned i = 0; i < f->fence_count; i++)
        if (strcmp(f->fences[i].pool, pool) == 0)
            return &f->fences[i].fence;
    if (f->fence_count == sizeof f->fences / sizeof f->fences[0])
        fixture_forget_fences(f);
    struct sl_fence *fence = &f->fences[f->fence_count].fence;
    snprintf(f->fences[f->fence_count++].pool, sizeof f->fences[0].pool, "%s", pool);
    unsigned database = f->options.database;
    cli(&f->server, "-n %u hsetnx 'statuslist:{%s}:config' lineage 0193a2b4c5d6-00000000000000a1", database,
        pool);
    const char *text = cli(&f->server, "-n %u hmget 'statuslist:{%s}:config' lineage change", database, pool);
    assert_true(sscanf(text, "%63s %llu", lineage, &change) >= 1);
    assert_true(sl_lineage_parse(sl_span(lineage, strlen(lineage)), &fence->lineage));
    fence->least = change;
    return fence;
}

void fixture_forget_fences(struct fixture *f)
{
    f->fence_count = 0;
}

struct sl_uuid fixture_list(struct fixture *f, const char *pool, uint32_t size, unsigned bits)
{
    struct sl_list_draft d = draft();
    AWAIT(f, sl_store_open_pool(f->store, pool, size, bits, NULL, on_pool, NULL));
    assert_int_equal(got.err, SL_OK);
    AWAIT(f, sl_store_precreate(f->store, pool, fixture_fence(f, pool), &d, 1, on_records, NULL));
    assert_int_equal(got.err, SL_OK);
    assert_int_equal(got.count, 1);
    return d.id;
}

struct sl_position at(const struct sl_uuid *list, uint32_t position)
{
    return (struct sl_position){*list, position};
}

void fixture_take(struct fixture *f, const char *pool, const struct sl_uuid *list, uint32_t position,
                  uint32_t want)
{
    struct sl_position named = at(list, position);
    AWAIT(f, sl_store_take(f->store, pool, want, &named, 1, on_taken, NULL));
    assert_int_equal(got.err, SL_OK);
}

uint32_t fixture_give_back(struct fixture *f, const char *pool, const struct sl_uuid *list, uint32_t position,
                           const uint32_t *indices, uint32_t n)
{
    struct sl_position named = at(list, position);
    AWAIT(f, sl_store_give_back(f->store, pool, &named, indices, n, on_accepted, NULL));
    return (uint32_t)got.number;
}

void fixture_inherit(struct fixture *f, const char *pool, const char *run, const struct sl_uuid *list,
                     uint32_t position)
{
    struct sl_position named = at(list, position);
    AWAIT(f, sl_store_inherit(f->store, pool, run, &named, 1, on_inherited, NULL));
    assert_int_equal(got.err, SL_OK);
}

void on_mended(void *arg, enum sl_err err, const struct sl_mended_list *mended)
{
    (void)arg;
    mark_done(err);
    if (err != SL_OK)
        return;
    got.version = mended->head.version;
    got.lineage = mended->head.at;
    got.change = mended->change;
    got.number = mended->what;
    got.len = mended->seen.len;
    if (got.len > 0)
        memcpy(got.bytes, mended->seen.at, got.len);
}

void on_piece(void *arg, enum sl_err err, bool fits)
{
    (void)arg;
    got.changed = fits;
    mark_done(err);
}
