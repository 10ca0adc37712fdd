/*
 * An application that goes on in an environment that was recovered: transactions on databases that are there, of which
 * some are aborted, and checkpoints. It dies in the middle of a transaction whose changes are on disk in part.
 *
 * go-on [--recover] --home DIR --seed N --transactions N -- FILE|NAME...
 *
 * Prints what it committed, a line for each change: + or -, the database as given, key and data in hex (of recno, the
 * number of the record).
 */
#include "common.h"

#define MAX_DATABASES 64

struct database {
    DB *handle;
    const char *label;
    DBTYPE type;
    u_int32_t flags, length;
};

static DB_ENV *environment;
static struct database databases[MAX_DATABASES];
static int count;
/* What the open transaction did; printed when it commits. */
static char *lines;
static size_t used, room;

static void open_database(const char *label)
{
    struct database *d = &databases[count++];
    char file[256];
    snprintf(file, sizeof file, "%s", label);
    char *name = strchr(file, '|');
    *name++ = 0;
    d->label = label;
    must("db_create", db_create(&d->handle, environment, 0));
    DB *db = d->handle;
    must(label, db->open(db, NULL, file, *name ? name : NULL, DB_UNKNOWN, DB_AUTO_COMMIT, 0));
    must("type", db->get_type(db, &d->type));
    must("flags", db->get_flags(db, &d->flags));
    /* Of databases without a fixed length, it is an error to ask for it. */
    if (d->type != DB_RECNO || db->get_re_len(db, &d->length) != 0) d->length = 0;
}

static void add(const char *text, size_t length)
{
    while (used + length + 1 > room) must("memory", (lines = realloc(lines, room = 2 * room + 4096)) ? 0 : ENOMEM);
    memcpy(lines + used, text, length);
    used += length;
}

static void add_hex(const DBT *dbt)
{
    for (u_int32_t i = 0; i < dbt->size; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", ((unsigned char *)dbt->data)[i]);
        add(digits, 2);
    }
}

static void note(char sign, const struct database *d, const DBT *key, const DBT *data)
{
    char text[300];
    add(text, (size_t)snprintf(text, sizeof text, "%c\t%s\t", sign, d->label));
    if (d->type == DB_RECNO) {
        db_recno_t recno;
        memcpy(&recno, key->data, sizeof recno);
        int length = snprintf(text, sizeof text, "%u", recno);
        DBT number = bytes(text, (size_t)length);
        add_hex(&number);
    } else {
        add_hex(key);
    }
    add("\t", 1);
    add_hex(data);
    add("\n", 1);
}

static void put(struct database *d, DB_TXN *txn)
{
    static unsigned serial;
    static char buffer[30000];
    char text[1200];
    int isDuplicates = (d->flags & DB_DUP) != 0;
    size_t size = d->length ? d->length : isDuplicates ? below(100) : chance(5) ? below(sizeof buffer) : below(200);
    for (size_t i = 0; i < size; i++) buffer[i] = (char)next_random();
    DBT data = bytes(buffer, size), key;
    db_recno_t recno = 0;
    if (d->type == DB_RECNO) {
        key = bytes(&recno, sizeof recno);
        key.ulen = sizeof recno;
        key.flags = DB_DBT_USERMEM;
        must("append", d->handle->put(d->handle, txn, &key, &data, DB_APPEND));
    } else {
        /* Between the keys that are there, and never one of them. */
        int length = snprintf(text, sizeof text, "key%06u later %u", below(300), serial++);
        if (!isDuplicates && chance(4)) {
            memset(text + length, 'l', 800);
            length += 800;
        }
        key = bytes(text, (size_t)length);
        must("put", d->handle->put(d->handle, txn, &key, &data, 0));
    }
    note('+', d, &key, &data);
}

/* Removes a record that is there. */
static void delete(struct database *d, DB_TXN *txn)
{
    DBC *cursor;
    DBT key = bytes(NULL, 0), data = bytes(NULL, 0);
    must("cursor", d->handle->cursor(d->handle, txn, &cursor, 0));
    int ret = 0;
    for (int steps = 1 + (int)below(60); ret == 0 && steps > 0; steps--) ret = cursor->get(cursor, &key, &data, DB_NEXT);
    if (ret == 0) {
        note('-', d, &key, &data);
        must("delete", cursor->del(cursor, 0));
    } else if (ret != DB_NOTFOUND) {
        fail("get", ret);
    }
    must("close", cursor->close(cursor));
}

static void change(DB_TXN *txn)
{
    struct database *d = &databases[below((unsigned)count)];
    /* Without the last record, DB_APPEND would give out its number again: its records are only added to. */
    if (d->type != DB_RECNO && chance(35)) delete(d, txn);
    else put(d, txn);
}

int main(int argc, char **argv)
{
    const char *home = option(argc, argv, "--home", ".");
    random_state = (uint64_t)number(argc, argv, "--seed", 1);
    long transactions = number(argc, argv, "--transactions", 100);
    u_int32_t recover = flag(argc, argv, "--recover") ? DB_RECOVER : 0;
    must("env_create", db_env_create(&environment, 0));
    environment->set_errfile(environment, stderr);
    must("cache", environment->set_cachesize(environment, 0, 200 * 1024, 1));
    must("locks", environment->set_lk_max_locks(environment, 50000));
    must("objects", environment->set_lk_max_objects(environment, 50000));
    must("open", environment->open(environment, home, recover | DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK |
                                   DB_INIT_MPOOL | DB_PRIVATE, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_WRITE_NOSYNC, 1));
    int i = 1;
    while (i < argc && strcmp(argv[i], "--") != 0) i++;
    for (i++; i < argc && count < MAX_DATABASES; i++) open_database(argv[i]);
    if (count == 0) fail("no databases", 0);
    DB_TXN *txn;
    for (long n = 0; n < transactions; n++) {
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        for (int steps = 1 + (int)below(8); steps > 0; steps--) change(txn);
        if (chance(25)) {
            must("abort", txn->abort(txn));
        } else {
            must("commit", txn->commit(txn, 0));
            fwrite(lines, 1, used, stdout);
        }
        used = 0;
        if (chance(3)) must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    for (int steps = 40; steps > 0; steps--) change(txn);
    must("flush", environment->log_flush(environment, NULL));
    must("sync", environment->memp_sync(environment, NULL));
    fflush(stdout);
    kill(getpid(), SIGKILL);
    return 0;
}
