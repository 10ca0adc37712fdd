/*
 * An application that does what it is told, one command a line, and answers each with a line: ok, or what went wrong.
 * So a test has the library do things at moments of its choice, and keeps transactions open in between.
 *
 * session --home DIR [--log-max N] [--cache-kb N] [--shared] [--recover] [--auto-remove]
 *         [--log-in-memory] [--log-buffer-kb N]
 *
 * begin TXN [bulk], nest TXN PARENT, prepare TXN, commit TXN, abort TXN
 * open DB TXN FILE NAME TYPE [PAGE-SIZE [EXTENT-PAGES]]     creates what is not there; NAME of a sub-database, or -
 *                                                          TYPE is a method; partitioned: a btree in two partitions; duplicates: one that has them, sorted
 * close DB
 * put DB TXN FIRST COUNT SIZE TEXT                          records FIRST to FIRST + COUNT - 1; heaps get so many more
 * put-bytes DB TXN KEY DATA, delete-bytes DB TXN KEY        in hex
 * delete DB TXN FIRST COUNT, consume DB TXN COUNT, truncate DB TXN, compact DB TXN
 * rename TXN FILE NAME NEW, remove TXN FILE NAME
 * hot-backup on|off                                        as the library's own protocol for hot backups asks
 * checkpoint, sync, flush, remove-logs, reset-lsn FILE
 * leave                                                     closes the environment and ends; at the end of input it dies
 *
 * TXN is a name given by begin; `auto` for one of its own, `none` for a change that is not logged.
 */
#include "common.h"

#define MAX 40

struct named { char name[32]; void *what; };

static DB_ENV *environment;
static struct named transactions[MAX], databases[MAX];
static char complaint[300];

static void complain(const DB_ENV *env, const char *prefix, const char *message)
{
    (void)env, (void)prefix;
    snprintf(complaint, sizeof complaint, "%s", message);
}

static struct named *find(struct named *table, const char *name)
{
    for (int i = 0; i < MAX; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    fprintf(stderr, "there is no %s\n", name);
    _exit(3);
}

static void add(struct named *table, const char *name, void *what)
{
    struct named *free = find(table, "");
    snprintf(free->name, sizeof free->name, "%s", name);
    free->what = what;
}

static void *take(struct named *table, const char *name)
{
    struct named *found = find(table, name);
    found->name[0] = 0;
    return found->what;
}

static DB_TXN *transaction(const char *name)
{
    if (strcmp(name, "auto") == 0 || strcmp(name, "none") == 0) return NULL;
    return find(transactions, name)->what;
}

static u_int32_t flags_of(const char *txn) { return strcmp(txn, "auto") == 0 ? DB_AUTO_COMMIT : 0; }

static DB *database(const char *name) { return find(databases, name)->what; }

static const char *name_of(const char *word) { return strcmp(word, "-") == 0 ? NULL : word; }

static int open_database(int count, char **words)
{
    DB *db;
    const char *type = words[5];
    must("db_create", db_create(&db, environment, 0));
    DBTYPE method = strcmp(type, "queue") == 0 ? DB_QUEUE : strcmp(type, "hash") == 0 ? DB_HASH
        : strcmp(type, "recno") == 0 ? DB_RECNO : strcmp(type, "heap") == 0 ? DB_HEAP : DB_BTREE;
    if (strcmp(type, "duplicates") == 0) must("duplicates", db->set_flags(db, DB_DUPSORT));
    if (strcmp(type, "partitioned") == 0) {
        static DBT bounds[1];
        bounds[0] = bytes("key0000100", 10);
        must("partitions", db->set_partition(db, 2, bounds, NULL));
    }
    if (count > 6) must("page size", db->set_pagesize(db, (u_int32_t)atol(words[6])));
    if (count > 7) must("extents", db->set_q_extentsize(db, (u_int32_t)atol(words[7])));
    if (method == DB_QUEUE) must("length", db->set_re_len(db, 100));
    int ret = db->open(db, transaction(words[2]), words[3], name_of(words[4]), method, DB_CREATE | flags_of(words[2]), 0640);
    if (ret == 0) add(databases, words[1], db);
    else db->close(db, 0);
    return ret;
}

/* Keys are texts, or record numbers from 1 on; heaps choose their own. */
static DBT key_of(DB *db, long n)
{
    static char text[20];
    static db_recno_t recno;
    DBTYPE type;
    must("type", db->get_type(db, &type));
    recno = (db_recno_t)n + 1;
    if (type == DB_HEAP) return bytes(NULL, 0);
    if (type == DB_QUEUE || type == DB_RECNO) return bytes(&recno, sizeof recno);
    return bytes(text, (size_t)snprintf(text, sizeof text, "key%07ld", n));
}

static int put(DB *db, DB_TXN *txn, long first, long n, long size, const char *word)
{
    static char data[100000];
    DBTYPE type;
    must("type", db->get_type(db, &type));
    int ret = 0;
    for (long i = first; ret == 0 && i < first + n; i++) {
        DBT key = key_of(db, i);
        int length = snprintf(data, sizeof data, "%s %ld ", word, i);
        if (size > length) memset(data + length, 'a' + (int)(i % 26), (size_t)(size - length));
        DBT value = bytes(data, (size_t)(size > 0 ? size : length));
        ret = db->put(db, txn, &key, &value, type == DB_HEAP ? DB_APPEND : 0);
    }
    return ret;
}

static int delete(DB *db, DB_TXN *txn, long first, long n)
{
    int ret = 0;
    for (long i = first; ret == 0 && i < first + n; i++) {
        DBT key = key_of(db, i);
        ret = db->del(db, txn, &key, 0);
        if (ret == DB_NOTFOUND || ret == DB_KEYEMPTY) ret = 0;
    }
    return ret;
}

static DBT bytes_of(char *hex, unsigned char *room)
{
    u_int32_t length = 0;
    unsigned value;
    for (; sscanf(hex + 2 * length, "%2x", &value) == 1; length++) room[length] = (unsigned char)value;
    return bytes(room, length);
}

static int put_bytes(DB *db, DB_TXN *txn, char **words)
{
    unsigned char key[500], data[500];
    DBT key_dbt = bytes_of(words[0], key), data_dbt = bytes_of(words[1], data);
    return db->put(db, txn, &key_dbt, &data_dbt, 0);
}

static int delete_bytes(DB *db, DB_TXN *txn, char *word)
{
    unsigned char key[500];
    DBT key_dbt = bytes_of(word, key);
    return db->del(db, txn, &key_dbt, 0);
}

static int consume(DB *db, DB_TXN *txn, long n)
{
    int ret = 0;
    for (long i = 0; ret == 0 && i < n; i++) {
        DBT key = bytes(NULL, 0), data = bytes(NULL, 0);
        ret = db->get(db, txn, &key, &data, DB_CONSUME);
    }
    return ret;
}

static int reset_lsn(const char *file) { return environment->lsn_reset(environment, file, 0); }

static int execute(int count, char **words)
{
    const char *verb = words[0];
    DB_TXN *txn;
    char **list = NULL;
    u_int32_t removed;
    DB_COMPACT compact;
    memset(&compact, 0, sizeof compact);
#define IS(name, wanted) (strcmp(verb, name) == 0 && count >= (wanted))
    if (IS("begin", 2)) {
        int bulk = count > 2 && strcmp(words[2], "bulk") == 0;
        int ret = environment->txn_begin(environment, NULL, &txn, bulk ? DB_TXN_BULK : 0);
        add(transactions, words[1], txn);
        return ret;
    }
    if (IS("nest", 3)) {
        int ret = environment->txn_begin(environment, find(transactions, words[2])->what, &txn, 0);
        add(transactions, words[1], txn);
        return ret;
    }
    if (IS("prepare", 2)) {
        u_int8_t gid[DB_GID_SIZE] = "prepared by a session";
        txn = find(transactions, words[1])->what;
        return txn->prepare(txn, gid);
    }
    if (IS("commit", 2)) return txn = take(transactions, words[1]), txn->commit(txn, 0);
    if (IS("abort", 2)) return txn = take(transactions, words[1]), txn->abort(txn);
    if (IS("open", 6)) return open_database(count, words);
    if (IS("close", 2)) { DB *db = take(databases, words[1]); return db->close(db, 0); }
    if (IS("put", 7)) return put(database(words[1]), transaction(words[2]), atol(words[3]), atol(words[4]), atol(words[5]), words[6]);
    if (IS("delete", 5)) return delete(database(words[1]), transaction(words[2]), atol(words[3]), atol(words[4]));
    if (IS("put-bytes", 5)) return put_bytes(database(words[1]), transaction(words[2]), words + 3);
    if (IS("delete-bytes", 4)) return delete_bytes(database(words[1]), transaction(words[2]), words[3]);
    if (IS("consume", 4)) return consume(database(words[1]), transaction(words[2]), atol(words[3]));
    if (IS("truncate", 3)) return database(words[1])->truncate(database(words[1]), transaction(words[2]), &removed, 0);
    if (IS("compact", 3))
        return database(words[1])->compact(database(words[1]), transaction(words[2]), NULL, NULL, &compact, DB_FREE_SPACE, NULL);
    if (IS("rename", 5))
        return environment->dbrename(environment, transaction(words[1]), words[2], name_of(words[3]), words[4], flags_of(words[1]));
    if (IS("remove", 4))
        return environment->dbremove(environment, transaction(words[1]), words[2], name_of(words[3]), flags_of(words[1]));
    if (IS("hot-backup", 2))
        return environment->set_flags(environment, DB_HOTBACKUP_IN_PROGRESS, strcmp(words[1], "on") == 0);
    if (IS("checkpoint", 1)) return environment->txn_checkpoint(environment, 0, 0, DB_FORCE);
    if (IS("sync", 1)) return environment->memp_sync(environment, NULL);
    if (IS("flush", 1)) return environment->log_flush(environment, NULL);
    if (IS("remove-logs", 1)) return environment->log_archive(environment, &list, DB_ARCH_REMOVE);
    if (IS("reset-lsn", 2)) return reset_lsn(words[1]);
    fprintf(stderr, "what is %s with %d words?\n", verb, count);
    _exit(3);
}

int main(int argc, char **argv)
{
    const char *home = option(argc, argv, "--home", ".");
    must("env_create", db_env_create(&environment, 0));
    environment->set_errcall(environment, complain);
    must("cache", environment->set_cachesize(environment, 0, (u_int32_t)number(argc, argv, "--cache-kb", 2000) * 1024, 1));
    must("log", environment->set_lg_max(environment, (u_int32_t)number(argc, argv, "--log-max", 1 << 20)));
    must("buffer", environment->set_lg_bsize(environment, (u_int32_t)number(argc, argv, "--log-buffer-kb", 32) * 1024));
    must("locks", environment->set_lk_max_locks(environment, 50000));
    must("objects", environment->set_lk_max_objects(environment, 50000));
    if (flag(argc, argv, "--log-in-memory")) must("memory", environment->log_set_config(environment, DB_LOG_IN_MEMORY, 1));
    if (flag(argc, argv, "--auto-remove")) must("remove", environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1));
    u_int32_t flags = DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_INIT_MPOOL;
    if (!flag(argc, argv, "--shared")) flags |= DB_PRIVATE;
    if (flag(argc, argv, "--recover")) flags |= DB_RECOVER;
    int ret = environment->open(environment, home, flags, 0640);
    if (ret != 0) fail(complaint[0] ? complaint : "open", ret);
    char line[1000];
    while (fgets(line, sizeof line, stdin)) {
        char *words[10];
        int count = 0;
        for (char *word = strtok(line, " \n"); word && count < 10; word = strtok(NULL, " \n")) words[count++] = word;
        if (count == 0) continue;
        if (strcmp(words[0], "leave") == 0) {
            for (int i = 0; i < MAX; i++)
                if (databases[i].name[0]) must("close", ((DB *)databases[i].what)->close(databases[i].what, 0));
            must("close", environment->close(environment, 0));
            puts("ok");
            return 0;
        }
        complaint[0] = 0;
        ret = execute(count, words);
        if (ret == 0) puts("ok");
        else printf("%s: %s\n", db_strerror(ret), complaint);
        fflush(stdout);
    }
    _exit(0);
}
