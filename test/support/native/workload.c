/*
 * A seeded random workload on a transactional environment, which kills itself after a number of operations: what is left
 * is what a crash leaves. The same seed and options always give the same operations.
 *
 * workload --home DIR --seed N --ops N [--kill-after N] [--page-size N] [--checksum] [--big-endian]
 *          [--cache-kb N] [--log-max N] [--no-rename] [--no-remove] [--no-compact] [--hash] [--clean]
 *          [--auto-remove] [--pause-every N] [--pause-us N]
 *
 * It pauses with a line of its own, when all of the log is on disk, and goes on with a line that it is given.
 * Of no operations it does as many as it can until it is killed.
 */
#include "common.h"

#define MAX_DATABASES 24
#define MAX_OPEN 3

enum kind { PLAIN, DUPLICATES, SORTED, COUNTED, RECNO, RENUMBER, FIXED, HASH, KINDS };

struct database {
    DB *handle;
    enum kind kind;
    char file[64];
    char name[32]; /* of the sub-database, or empty */
};

struct transaction {
    DB_TXN *levels[3];
    int depth;
    int uses[MAX_DATABASES];
};

static DB_ENV *environment;
static struct database databases[MAX_DATABASES];
static int count;
static struct transaction transactions[MAX_OPEN];
static long done, kill_after, pause_every;
static int page_size, checksum, encrypted, big_endian, no_rename, no_remove, no_compact, with_hash;
static int serial;

static void open_database(struct database *d, DB_TXN *txn, int create)
{
    static const DBTYPE types[KINDS] = { DB_BTREE, DB_BTREE, DB_BTREE, DB_BTREE, DB_RECNO, DB_RECNO, DB_RECNO, DB_HASH };
    must("db_create", db_create(&d->handle, environment, 0));
    DB *db = d->handle;
    if (create) {
        static const int sizes[] = { 512, 1024, 2048, 4096 };
        if (!d->name[0]) must("page size", db->set_pagesize(db, page_size ? page_size : sizes[below(4)]));
        u_int32_t flags = checksum ? DB_CHKSUM : 0;
        if (encrypted) flags |= DB_ENCRYPT;
        if (d->kind == DUPLICATES) flags |= DB_DUP;
        if (d->kind == SORTED) flags |= DB_DUP | DB_DUPSORT;
        if (d->kind == COUNTED) flags |= DB_RECNUM;
        if (d->kind == RENUMBER) flags |= DB_RENUMBER;
        if (d->kind == HASH && chance(50)) flags |= DB_DUP;
        if (d->kind == FIXED) must("re_len", db->set_re_len(db, 40));
        if (d->kind == PLAIN && chance(30)) must("minkey", db->set_bt_minkey(db, 4));
        must("flags", db->set_flags(db, flags));
        if (big_endian) must("order", db->set_lorder(db, 4321));
    } else if (encrypted) {
        must("flags", db->set_flags(db, DB_ENCRYPT));
    }
    int ret = db->open(db, txn, d->file, d->name[0] ? d->name : NULL, types[d->kind], create ? DB_CREATE : 0, 0640);
    if (ret == DB_LOCK_NOTGRANTED || ret == DB_LOCK_DEADLOCK || ret == EEXIST || ret == ENOENT) {
        db->close(db, 0);
        d->handle = NULL;
        return;
    }
    must("open", ret);
}

/* Creates a database in a transaction of its own; one in four creations is taken back. */
static void create_database(void)
{
    if (count == MAX_DATABASES) return;
    struct database *d = &databases[count];
    memset(d, 0, sizeof *d);
    d->kind = below(with_hash ? KINDS : HASH);
    int shared = chance(40);
    if (shared) {
        snprintf(d->file, sizeof d->file, "shared%d.dbxml", below(2));
        snprintf(d->name, sizeof d->name, "sub%d", serial++);
    } else {
        snprintf(d->file, sizeof d->file, "file%d.db", serial++);
    }
    DB_TXN *txn;
    must("begin", environment->txn_begin(environment, NULL, &txn, DB_TXN_NOWAIT));
    /* Sub-databases share the page size and the checksums of their file. */
    uint64_t saved = random_state;
    if (shared) random_state = 1;
    open_database(d, txn, 1);
    random_state = saved;
    next_random();
    if (d->handle == NULL || chance(25)) {
        if (d->handle) must("close", d->handle->close(d->handle, 0));
        must("abort", txn->abort(txn));
        return;
    }
    must("commit", txn->commit(txn, 0));
    count++;
}

static int in_use(int i)
{
    for (int t = 0; t < MAX_OPEN; t++)
        if (transactions[t].depth > 0 && transactions[t].uses[i]) return 1;
    return 0;
}

/* Removes or renames a database in a transaction of its own, which may be taken back. */
static void remove_or_rename(void)
{
    if (count < 4) return;
    int i = below(count);
    struct database *d = &databases[i];
    int renaming = chance(50);
    if (renaming ? no_rename : no_remove) return;
    if (in_use(i)) return;
    /* A file with sub-databases stays open by the others. */
    must("close", d->handle->close(d->handle, 0));
    d->handle = NULL;
    DB_TXN *txn;
    char fresh[64];
    snprintf(fresh, sizeof fresh, d->name[0] ? "renamed%d" : "renamed%d.db", serial++);
    must("begin", environment->txn_begin(environment, NULL, &txn, DB_TXN_NOWAIT));
    const char *name = d->name[0] ? d->name : NULL;
    int ret = renaming ? environment->dbrename(environment, txn, d->file, name, fresh, 0)
                       : environment->dbremove(environment, txn, d->file, name, 0);
    if (ret != 0 || chance(35)) {
        must("abort", txn->abort(txn));
    } else {
        must("commit", txn->commit(txn, 0));
        if (renaming) {
            strcpy(name ? d->name : d->file, fresh);
        } else {
            databases[i] = databases[--count];
            for (int t = 0; t < MAX_OPEN; t++) transactions[t].uses[i] = transactions[t].uses[count];
            return;
        }
    }
    must("begin", environment->txn_begin(environment, NULL, &txn, DB_TXN_NOWAIT));
    open_database(d, txn, 0);
    if (d->handle == NULL) {
        must("abort", txn->abort(txn));
        databases[i] = databases[--count];
        return;
    }
    must("commit", txn->commit(txn, 0));
}

static char buffer[200000];

static DBT random_data(void)
{
    size_t size = chance(3) ? 2000 + below(60000) : chance(15) ? below(2500) : below(120);
    char c = (char)('a' + below(26));
    for (size_t i = 0; i < size; i++) buffer[i] = (char)(c + i % 7);
    return bytes(buffer, size);
}

/* One change; the result of the library. */
static int change(struct database *d, DB_TXN *txn)
{
    DB *db = d->handle;
    char text[2048];
    db_recno_t recno = 1 + below(400);
    int numbered = d->kind == RECNO || d->kind == RENUMBER || d->kind == FIXED;
    DBT key, data = random_data();
    if (numbered) {
        key = bytes(&recno, sizeof recno);
        if (d->kind == FIXED && data.size > 40) data.size = below(41);
    } else {
        int length = chance(3) ? 300 + (int)below(900) : 0;
        int n = snprintf(text, sizeof text, "key%06u", below(300));
        memset(text + n, 'k', (size_t)length);
        key = bytes(text, (size_t)(n + length));
    }
    /* A set of duplicates takes no large items: a page must hold several. */
    if ((d->kind == DUPLICATES || d->kind == SORTED) && data.size > 200) data.size = 1 + below(200);
    unsigned what = below(100);
    if (what < 55) {
        int ret = db->put(db, txn, &key, &data, 0);
        return ret == DB_KEYEXIST ? 0 : ret;
    }
    if (what < 85) {
        int ret = db->del(db, txn, &key, 0);
        return ret == DB_NOTFOUND || ret == DB_KEYEMPTY ? 0 : ret;
    }
    if (what < 92 && !numbered) {
        /* A run of deletions, so that pages empty. */
        DBC *cursor;
        DBT none = bytes(NULL, 0);
        none.flags = DB_DBT_PARTIAL;
        none.dlen = 0;
        int ret = db->cursor(db, txn, &cursor, 0);
        if (ret != 0) return ret;
        ret = cursor->get(cursor, &key, &none, DB_SET_RANGE | DB_RMW);
        for (int i = 0; ret == 0 && i < 40; i++) {
            ret = cursor->del(cursor, 0);
            if (ret == 0) ret = cursor->get(cursor, &key, &none, DB_NEXT | DB_RMW);
        }
        int closed = cursor->close(cursor);
        return ret == 0 || ret == DB_NOTFOUND ? closed : ret;
    }
    if (what < 96 && d->kind != DUPLICATES && d->kind != SORTED && d->kind != FIXED && d->kind != HASH) {
        data.flags = DB_DBT_PARTIAL;
        data.doff = below(50);
        data.dlen = below(60);
        if (data.size > 300) data.size = below(300);
        return db->put(db, txn, &key, &data, 0);
    }
    if (what < 97 && d->kind != HASH && !no_compact) {
        DB_COMPACT c;
        memset(&c, 0, sizeof c);
        return db->compact(db, txn, NULL, NULL, &c, DB_FREE_SPACE, NULL);
    }
    if (what < 98 && chance(15)) {
        u_int32_t n;
        return db->truncate(db, txn, &n, 0);
    }
    return 0;
}

static void end_level(struct transaction *t, int commit)
{
    DB_TXN *txn = t->levels[--t->depth];
    must(commit ? "commit" : "abort", commit ? txn->commit(txn, 0) : txn->abort(txn));
    if (t->depth == 0) memset(t->uses, 0, sizeof t->uses);
}

static void work(void)
{
    struct transaction *t = &transactions[below(MAX_OPEN)];
    unsigned what = below(1000);
    if (what < 6) {
        environment->txn_checkpoint(environment, 0, 0, 0);
    } else if (what < 20) {
        create_database();
    } else if (what < 34) {
        remove_or_rename();
    } else if (t->depth == 0 || (what < 60 && t->depth < 3)) {
        DB_TXN *parent = t->depth ? t->levels[t->depth - 1] : NULL;
        must("begin", environment->txn_begin(environment, parent, &t->levels[t->depth], DB_TXN_NOWAIT));
        t->depth++;
    } else if (what < 150) {
        end_level(t, chance(67));
    } else if (count > 0) {
        int i = below(count);
        t->uses[i] = 1;
        int ret = change(&databases[i], t->levels[t->depth - 1]);
        if (ret == DB_LOCK_NOTGRANTED || ret == DB_LOCK_DEADLOCK) {
            while (t->depth > 0) end_level(t, 0);
        } else if (ret != 0) {
            fail("change", ret);
        }
    }
    done++;
    if (pause_every > 0 && done % pause_every == 0) {
        char line[16];
        must("flush", environment->log_flush(environment, NULL));
        puts("paused");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) _exit(0);
    }
    if (kill_after > 0 && done >= kill_after) kill(getpid(), SIGKILL);
}

int main(int argc, char **argv)
{
    const char *home = option(argc, argv, "--home", ".");
    random_state = (uint64_t)number(argc, argv, "--seed", 1);
    long ops = number(argc, argv, "--ops", 1000);
    kill_after = number(argc, argv, "--kill-after", 0);
    pause_every = number(argc, argv, "--pause-every", 0);
    useconds_t pause_us = (useconds_t)number(argc, argv, "--pause-us", 0);
    page_size = (int)number(argc, argv, "--page-size", 0);
    checksum = flag(argc, argv, "--checksum");
    encrypted = option(argc, argv, "--password", NULL) != NULL;
    big_endian = flag(argc, argv, "--big-endian");
    no_rename = flag(argc, argv, "--no-rename");
    no_remove = flag(argc, argv, "--no-remove");
    no_compact = flag(argc, argv, "--no-compact");
    with_hash = flag(argc, argv, "--hash");
    must("env_create", db_env_create(&environment, 0));
    environment->set_errfile(environment, NULL);
    set_password(environment, argc, argv);
    must("cache", environment->set_cachesize(environment, 0, (u_int32_t)number(argc, argv, "--cache-kb", 128) * 1024, 1));
    must("log", environment->set_lg_max(environment, (u_int32_t)number(argc, argv, "--log-max", 200000)));
    must("log buffer", environment->set_lg_bsize(environment, 32768));
    must("locks", environment->set_lk_max_locks(environment, 50000));
    must("objects", environment->set_lk_max_objects(environment, 50000));
    if (flag(argc, argv, "--auto-remove")) must("remove", environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1));
    must("open", environment->open(environment, home,
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_INIT_MPOOL | DB_PRIVATE, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_WRITE_NOSYNC, 1));
    for (int i = 0; i < 6; i++) create_database();
    for (long i = 0; ops == 0 || i < ops; i++) {
        work();
        if (pause_us) usleep(pause_us);
    }
    for (int t = 0; t < MAX_OPEN; t++)
        while (transactions[t].depth > 0) end_level(&transactions[t], 1);
    if (flag(argc, argv, "--clean")) {
        must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
        for (int i = 0; i < count; i++) must("close", databases[i].handle->close(databases[i].handle, 0));
        must("close", environment->close(environment, 0));
    }
    return 0;
}
