/*
 * Several writers at full speed on one environment, in processes or threads: btrees, hashes, a queue and a heap, in files
 * of their own and together in one, items of up to several pages, aborts, deadlocks, checkpoints, log removal.
 *
 * What transaction T of writer W does follows from the seed alone, and only it touches the records of W. So what an
 * environment must hold can be told from one number for each writer, the count of its transactions.
 *
 * storm write OPTIONS --marks FILE [--seconds N] [--shared] [--checksum] [--cache-kb N] [--log-max N] [--log-buffer N]
 *                     [--keep-logs] [--extents] [--no-sync] [--no-checkpoints] [--pause-us N]
 * storm check OPTIONS        recovers, and looks at every record: prints the counts, exit 0 if all is of one moment
 * OPTIONS: --home DIR --seed N --writers N --page-size N
 *
 * The file of marks holds two numbers of 32 bits for each writer: transactions that are surely in the log file, and
 * transactions begun.
 */
#include "common.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#define MAX_WRITERS 8
#define SLOTS 250
#define QUEUE_LENGTH 60
#define HEAP_LENGTH 100
#define LARGEST 60000

enum kind { TREE, HASH, SUB_TREE, SUB_HASH, QUEUE, HEAP, KINDS };

struct head { uint32_t writer, number, slot; };
struct step { int kind, gone; uint32_t slot, size; };
struct counter { uint32_t number, seen[MAX_WRITERS]; };
struct handles { DB *of[KINDS], *places, *counters[MAX_WRITERS]; };

static const struct { const char *file, *name; DBTYPE type; } containers[KINDS] = {
    { "tree.db", NULL, DB_BTREE },         { "hash.db", NULL, DB_HASH },
    { "shared.dbxml", "tree", DB_BTREE },  { "shared.dbxml", "hash", DB_HASH },
    { "queue.db", NULL, DB_QUEUE },        { "heap.db", NULL, DB_HEAP },
};

static DB_ENV *environment;
static struct handles handles;
static int writers, page_size, checksum, extents, no_sync, no_checkpoints, marks, shared;
static unsigned pause_us;
static uint64_t seed;
static double end;

static double now(void)
{
    struct timeval t;
    gettimeofday(&t, NULL);
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static DB *open_database(DB_TXN *txn, const char *file, const char *name, DBTYPE type, int create, int size)
{
    DB *db;
    must("db_create", db_create(&db, environment, 0));
    if (create && checksum) must("checksum", db->set_flags(db, DB_CHKSUM));
    if (create) must("page size", db->set_pagesize(db, (u_int32_t)size));
    if (create && type == DB_QUEUE) {
        must("re_len", db->set_re_len(db, QUEUE_LENGTH));
        if (extents) must("extents", db->set_q_extentsize(db, 4));
    }
    must(file, db->open(db, txn, file, name, type, (create ? DB_CREATE : 0) | DB_THREAD, 0640));
    return db;
}

static void open_all(int create)
{
    DB_TXN *txn;
    char name[32];
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    for (int k = 0; k < KINDS; k++)
        handles.of[k] = open_database(txn, containers[k].file, containers[k].name, containers[k].type, create, page_size);
    handles.places = open_database(txn, "places.db", NULL, DB_BTREE, create, page_size);
    for (int w = 0; w < writers; w++) {
        snprintf(name, sizeof name, "counter%d.db", w);
        handles.counters[w] = open_database(txn, name, NULL, DB_BTREE, create, 512);
    }
    must("commit", txn->commit(txn, 0));
}

static void close_all(void)
{
    for (int k = 0; k < KINDS; k++) must("close", handles.of[k]->close(handles.of[k], 0));
    must("close", handles.places->close(handles.places, 0));
    for (int w = 0; w < writers; w++) must("close", handles.counters[w]->close(handles.counters[w], 0));
    must("close", environment->close(environment, 0));
}

/* The steps of a transaction; the same each time. */
static int plan(int writer, uint32_t n, struct step *steps)
{
    uint64_t kept = random_state;
    random_state = seed * 1000003 + (uint64_t)writer * 7919 + (uint64_t)n * 104729;
    int count = 1 + (int)below(4);
    for (int i = 0; i < count; i++) {
        struct step *s = &steps[i];
        s->kind = (int)below(KINDS);
        s->slot = below(SLOTS);
        s->gone = chance(25);
        s->size = chance(5) ? below(3 * (unsigned)page_size) : chance(20) ? below(1000) : below(120);
        if (s->size > LARGEST) s->size = LARGEST;
        s->size += sizeof(struct head);
        if (s->kind == QUEUE) s->size = QUEUE_LENGTH;
        /* The library itself breaks heaps whose records grow or are in pieces. */
        if (s->kind == HEAP) s->size = HEAP_LENGTH;
    }
    random_state = kept;
    return count;
}

static void fill(unsigned char *data, int writer, uint32_t n, const struct step *s)
{
    struct head head = { (uint32_t)writer, n, s->slot };
    memcpy(data, &head, sizeof head);
    for (uint32_t i = sizeof head; i < s->size; i++) data[i] = (unsigned char)(n * 31 + s->slot * 7 + i * (unsigned)(writer + 1));
}

/* Neighbours in a tree are of different writers. */
static void make_key(unsigned char *key, uint32_t slot, int writer)
{
    key[0] = (unsigned char)(slot >> 8);
    key[1] = (unsigned char)slot;
    key[2] = (unsigned char)writer;
}

static DBT user(void *data, size_t size)
{
    DBT dbt = bytes(data, size);
    dbt.ulen = (u_int32_t)size;
    dbt.flags = DB_DBT_USERMEM;
    return dbt;
}

static int may_be_missing(int ret) { return ret == DB_NOTFOUND || ret == DB_KEYEMPTY ? 0 : ret; }

static int change_heap(DB_TXN *txn, DBT *key, DBT *data, int gone)
{
    DB *heap = handles.of[HEAP], *places = handles.places;
    DB_HEAP_RID rid;
    DBT place = user(&rid, sizeof rid);
    int ret = places->get(places, txn, key, &place, DB_RMW);
    if (ret == DB_NOTFOUND) {
        if (gone) return 0;
        ret = heap->put(heap, txn, &place, data, DB_APPEND);
        return ret ? ret : places->put(places, txn, key, &place, 0);
    }
    if (ret != 0) return ret;
    if (!gone) return heap->put(heap, txn, &place, data, 0);
    ret = heap->del(heap, txn, &place, 0);
    return ret ? ret : places->del(places, txn, key, 0);
}

static int apply(DB_TXN *txn, int writer, uint32_t n, const struct step *s)
{
    static __thread unsigned char buffer[LARGEST + 100];
    unsigned char raw[3];
    db_recno_t recno = s->slot * (unsigned)writers + (unsigned)writer + 1;
    make_key(raw, s->slot, writer);
    fill(buffer, writer, n, s);
    DB *db = handles.of[s->kind];
    DBT key = s->kind == QUEUE ? user(&recno, sizeof recno) : user(raw, sizeof raw), data = user(buffer, s->size);
    if (s->kind == HEAP) return change_heap(txn, &key, &data, s->gone);
    return s->gone ? may_be_missing(db->del(db, txn, &key, 0)) : db->put(db, txn, &key, &data, 0);
}

/* Notes how far this writer is, and how far it has seen another to be. */
static int count(DB_TXN *txn, int writer, uint32_t n)
{
    static __thread struct counter counter;
    int other = (int)below((unsigned)writers), zero = 0, ret;
    DBT key = user(&zero, sizeof zero);
    if (other != writer && chance(10)) {
        struct counter theirs;
        DBT data = user(&theirs, sizeof theirs);
        ret = handles.counters[other]->get(handles.counters[other], txn, &key, &data, 0);
        if (ret == 0) counter.seen[other] = theirs.number;
        else if (ret != DB_NOTFOUND) return ret;
    }
    counter.number = n;
    DBT data = user(&counter, sizeof counter);
    return handles.counters[writer]->put(handles.counters[writer], txn, &key, &data, 0);
}

static void mark(int writer, int which, uint32_t n)
{
    if (pwrite(marks, &n, sizeof n, (writer * 2 + which) * (off_t)sizeof n) != sizeof n) fail("marks", errno);
}

static void *work(void *argument)
{
    int writer = (int)(intptr_t)argument;
    uint32_t n = 0, attempt = 0;
    double last = now();
    random_state = seed * 31 + (uint64_t)writer;
    while (now() < end) {
        struct step steps[4];
        DB_TXN *txn;
        int aborting = chance(20), ret = 0;
        /* What is aborted never happens in a later attempt. */
        uint32_t planned = aborting ? 0x80000000u + ++attempt : n + 1;
        int steps_count = plan(writer, planned, steps);
        if (!aborting) mark(writer, 1, planned);
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        for (int i = 0; ret == 0 && i < steps_count; i++) ret = apply(txn, writer, planned, &steps[i]);
        if (ret == 0) ret = count(txn, writer, planned);
        if (aborting || ret == DB_LOCK_DEADLOCK) {
            must("abort", txn->abort(txn));
        } else {
            must("change", ret);
            int is_written = !no_sync || chance(5);
            must("commit", txn->commit(txn, is_written ? DB_TXN_WRITE_NOSYNC : DB_TXN_NOSYNC));
            n++;
            if (is_written) mark(writer, 0, n);
        }
        if (writer == 0 && !no_checkpoints && now() > last + 0.3) {
            must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
            last = now();
        }
        if (pause_us) usleep(below(pause_us));
    }
    return NULL;
}

static void open_environment(const char *home, u_int32_t flags)
{
    must("db_env_create", db_env_create(&environment, 0));
    environment->set_errfile(environment, stderr);
    must("detect", environment->set_lk_detect(environment, DB_LOCK_RANDOM));
    must("locks", environment->set_lk_max_locks(environment, 20000));
    must("objects", environment->set_lk_max_objects(environment, 20000));
    must("env open", environment->open(environment, home, flags | DB_THREAD, 0640));
}

static void create_environment(const char *home, int argc, char **argv)
{
    u_int32_t flags = DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_CREATE;
    long cache = number(argc, argv, "--cache-kb", 64) * 1024;
    /* With less, the pages of a few operations at once do not fit. */
    if (cache < 40L * page_size) cache = 40L * page_size;
    must("db_env_create", db_env_create(&environment, 0));
    environment->set_errfile(environment, stderr);
    must("cache", environment->set_cachesize(environment, 0, (u_int32_t)cache, 1));
    must("lg_max", environment->set_lg_max(environment, (u_int32_t)number(argc, argv, "--log-max", 1 << 20)));
    must("lg_bsize", environment->set_lg_bsize(environment, (u_int32_t)number(argc, argv, "--log-buffer", 65536)));
    must("detect", environment->set_lk_detect(environment, DB_LOCK_RANDOM));
    must("locks", environment->set_lk_max_locks(environment, 20000));
    must("objects", environment->set_lk_max_objects(environment, 20000));
    if (!flag(argc, argv, "--keep-logs")) must("remove", environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1));
    must("env open", environment->open(environment, home, flags | DB_THREAD | (shared ? 0 : DB_PRIVATE), 0640));
    open_all(1);
}

static void run_processes(const char *home)
{
    for (int w = 0; w < writers; w++) {
        pid_t child = fork();
        if (child < 0) fail("fork", errno);
        if (child > 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        open_environment(home, DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK);
        open_all(0);
        work((void *)(intptr_t)w);
        _exit(0);
    }
    for (int status, w = 0; w < writers; w++)
        if (wait(&status) < 0 || status != 0) _exit(3);
}

static void run_threads(void)
{
    pthread_t threads[MAX_WRITERS];
    for (int w = 0; w < writers; w++)
        if (pthread_create(&threads[w], NULL, work, (void *)(intptr_t)w) != 0) fail("thread", 0);
    for (int w = 0; w < writers; w++) pthread_join(threads[w], NULL);
}

/* The last step that touched each record, and by which transaction. */
static struct { uint32_t number; struct step step; } expected[MAX_WRITERS][KINDS][SLOTS];
static int wrong;

static void complain(const char *what, int kind, int writer, uint32_t slot)
{
    if (wrong++ < 5) printf("%s: record %u of writer %d %s\n", containers[kind].file, slot, writer, what);
}

static void compare(int kind, int writer, uint32_t slot, const DBT *data, int *found)
{
    static unsigned char wanted[LARGEST + 100];
    if (writer >= writers || slot >= SLOTS) { complain("should not exist", kind, writer, slot); return; }
    uint32_t n = expected[writer][kind][slot].number;
    const struct step *s = &expected[writer][kind][slot].step;
    (*found)++;
    if (n == 0 || s->gone) { complain("was removed", kind, writer, slot); return; }
    fill(wanted, writer, n, s);
    if (data->size != s->size || memcmp(data->data, wanted, s->size) != 0) complain("has other contents", kind, writer, slot);
}

static int count_records(DB *db)
{
    DBC *cursor;
    DBT k = bytes(NULL, 0), d = bytes(NULL, 0);
    int count = 0, ret;
    k.flags = d.flags = DB_DBT_REALLOC;
    must("cursor", db->cursor(db, NULL, &cursor, 0));
    while ((ret = cursor->get(cursor, &k, &d, DB_NEXT)) == 0) count++;
    if (ret != DB_NOTFOUND) must("read", ret);
    must("close", cursor->close(cursor));
    return count;
}

static void check_kind(int kind)
{
    DB *db = kind == HEAP ? handles.places : handles.of[kind];
    DBC *cursor;
    DBT k = bytes(NULL, 0), d = bytes(NULL, 0), item = bytes(NULL, 0);
    int found = 0, there = 0, ret;
    k.flags = d.flags = item.flags = DB_DBT_REALLOC;
    must("cursor", db->cursor(db, NULL, &cursor, 0));
    while ((ret = cursor->get(cursor, &k, &d, DB_NEXT)) == 0) {
        const unsigned char *raw = k.data;
        db_recno_t recno;
        memcpy(&recno, raw, kind == QUEUE ? sizeof recno : 0);
        int writer = kind == QUEUE ? (int)((recno - 1) % (unsigned)writers) : raw[2];
        uint32_t slot = kind == QUEUE ? (recno - 1) / (unsigned)writers : (uint32_t)raw[0] << 8 | raw[1];
        if (kind == HEAP) must("heap", handles.of[HEAP]->get(handles.of[HEAP], NULL, &d, &item, 0));
        compare(kind, writer, slot, kind == HEAP ? &item : &d, &found);
    }
    if (ret != DB_NOTFOUND) must(containers[kind].file, ret);
    must("close", cursor->close(cursor));
    for (int w = 0; w < writers; w++)
        for (int s = 0; s < SLOTS; s++) there += expected[w][kind][s].number && !expected[w][kind][s].step.gone;
    if (kind == HEAP && count_records(handles.of[HEAP]) != there) { printf("heap.db has other records than places.db\n"); wrong++; }
    if (found != there) { printf("%s: %d records, not %d\n", containers[kind].file, found, there); wrong++; }
}

static int check(const char *home)
{
    struct counter counters[MAX_WRITERS];
    open_environment(home, DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_CREATE | DB_PRIVATE | DB_RECOVER);
    open_all(0);
    memset(counters, 0, sizeof counters);
    for (int w = 0; w < writers; w++) {
        int zero = 0;
        DBT key = user(&zero, sizeof zero), data = user(&counters[w], sizeof counters[w]);
        must("counter", may_be_missing(handles.counters[w]->get(handles.counters[w], NULL, &key, &data, 0)));
        for (uint32_t n = 1; n <= counters[w].number; n++) {
            struct step steps[4];
            int steps_count = plan(w, n, steps);
            for (int i = 0; i < steps_count; i++) {
                expected[w][steps[i].kind][steps[i].slot].number = n;
                expected[w][steps[i].kind][steps[i].slot].step = steps[i];
            }
        }
    }
    for (int w = 0; w < writers; w++)
        for (int o = 0; o < writers; o++)
            if (counters[w].seen[o] > counters[o].number) {
                printf("writer %d saw transaction %u of writer %d, which is not here\n", w, counters[w].seen[o], o);
                wrong++;
            }
    for (int kind = 0; kind < KINDS; kind++) check_kind(kind);
    for (int w = 0; w < writers; w++) printf(w ? " %u" : "%u", counters[w].number);
    printf("\n");
    close_all();
    return wrong > 0;
}

int main(int argc, char **argv)
{
    const char *home = option(argc, argv, "--home", ".");
    seed = (uint64_t)number(argc, argv, "--seed", 1);
    writers = (int)number(argc, argv, "--writers", 3);
    page_size = (int)number(argc, argv, "--page-size", 4096);
    if (writers < 1 || writers > MAX_WRITERS) fail("writers", 0);
    if (argc > 1 && strcmp(argv[1], "check") == 0) return check(home);
    checksum = flag(argc, argv, "--checksum");
    extents = flag(argc, argv, "--extents");
    no_sync = flag(argc, argv, "--no-sync");
    no_checkpoints = flag(argc, argv, "--no-checkpoints");
    shared = flag(argc, argv, "--shared");
    pause_us = (unsigned)number(argc, argv, "--pause-us", 0);
    marks = open(option(argc, argv, "--marks", "marks"), O_RDWR | O_CREAT, 0640);
    if (marks < 0) fail("marks", errno);
    end = now() + (double)number(argc, argv, "--seconds", 10);
    create_environment(home, argc, argv);
    must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
    if (shared) run_processes(home);
    else run_threads();
    /* As in a crash: nothing is closed. */
    _exit(0);
}
