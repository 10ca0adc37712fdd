/*
 * Makes a database of every kind in an environment without a log, each with random contents and deletions. The same seed
 * and options always give the same records.
 *
 * databases --home DIR --seed N [--records N] [--page-size N] [--checksum] [--big-endian]
 */
#include "common.h"

static DB_ENV *environment;
static int page_size, records, checksum, big_endian;

/* What is particular about a database, done before it is opened. */
typedef void (*setup)(DB *);

static DB *create(const char *file, const char *name, DBTYPE type, u_int32_t flags, setup prepare)
{
    DB *db;
    must("db_create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, page_size));
    if (big_endian) must("order", db->set_lorder(db, 4321));
    if (checksum) flags |= DB_CHKSUM;
    if (flags) must("flags", db->set_flags(db, flags));
    if (prepare) prepare(db);
    must(file, db->open(db, NULL, file, name, type, DB_CREATE, 0640));
    return db;
}

static char buffer[1 << 17];

static DBT random_bytes(size_t size)
{
    for (size_t i = 0; i < size; i++) buffer[i] = (char)next_random();
    return bytes(buffer, size);
}

/* Mostly short; sometimes too long for a page. */
static size_t random_size(void)
{
    size_t size = chance(5) ? below(5 * (unsigned)page_size) : chance(10) ? 0 : below(60);
    return size < sizeof buffer ? size : sizeof buffer;
}

static void random_key(char *key, size_t size, int long_ones)
{
    int length = snprintf(key, size, "key %08u", below(records * 4));
    if (long_ones && chance(3)) {
        memset(key + length, 'x', size - length - 1);
        key[size - 1 - below(100)] = 0;
    } else if (chance(3)) {
        key[length - 1] = (char)0xff;
    }
}

static void silent(const DB_ENV *env, const char *prefix, const char *message)
{
    (void)env, (void)prefix, (void)message;
}

/* Records under random keys, duplicates where allowed, and deletions. */
static void fill_keyed(DB *db, int duplicates)
{
    DBTYPE type;
    must("type", db->get_type(db, &type));
    static char key[2000];
    size_t size = (size_t)page_size < sizeof key ? (size_t)page_size : sizeof key;
    for (int i = 0; i < records; i++) {
        /* The library itself breaks hashes that hold long keys with duplicates. */
        random_key(key, size, !(duplicates && type == DB_HASH));
        DBT k = bytes(key, strlen(key));
        int copies = !duplicates ? 1 : chance(5) ? 150 : 1 + (int)below(5);
        for (int j = 0; j < copies; j++) {
            DBT data = random_bytes(duplicates ? below(60) : random_size());
            int ret = db->put(db, NULL, &k, &data, 0);
            if (ret != DB_KEYEXIST) must("put", ret);
        }
        if (chance(20)) must("del", db->del(db, NULL, &k, 0));
    }
    must("close", db->close(db, 0));
}

static void fill_numbered(DB *db, size_t length, db_recno_t start)
{
    db_recno_t recno = start;
    DBT key = bytes(&recno, sizeof recno);
    key.ulen = sizeof recno;
    key.flags = DB_DBT_USERMEM;
    for (int i = 0; i < records; i++) {
        DBT data = random_bytes(length ? 1 + below((unsigned)length) : random_size());
        if (i == 0) must("put", db->put(db, NULL, &key, &data, 0));
        else must("append", db->put(db, NULL, &key, &data, DB_APPEND));
        if (chance(25)) must("del", db->del(db, NULL, &key, 0));
    }
    /* The queue loses its head. */
    for (int i = 0; length && i < records / 3; i++) {
        recno = start + (db_recno_t)i;
        if (recno < start) recno++;
        int ret = db->del(db, NULL, &key, 0);
        if (ret != DB_NOTFOUND && ret != DB_KEYEMPTY) must("del", ret);
    }
    must("close", db->close(db, 0));
}

static void fill_heap(DB *db)
{
    static DB_HEAP_RID rids[100000];
    for (int i = 0; i < records && i < 100000; i++) {
        DBT key = bytes(&rids[i], sizeof rids[i]);
        key.ulen = sizeof rids[i];
        key.flags = DB_DBT_USERMEM;
        DBT data = random_bytes(1 + random_size());
        must("append", db->put(db, NULL, &key, &data, DB_APPEND));
        if (i > 0 && chance(30)) {
            DBT other = bytes(&rids[below((unsigned)i)], sizeof rids[0]);
            if (chance(50)) {
                int ret = db->del(db, NULL, &other, 0);
                if (ret != DB_NOTFOUND) must("del", ret);
            } else {
                data = random_bytes(1 + random_size());
                int ret = db->exists(db, NULL, &other, 0);
                if (ret == 0) must("put", db->put(db, NULL, &other, &data, 0));
            }
        }
    }
    must("close", db->close(db, 0));
}

static void min_keys(DB *db) { must("minkey", db->set_bt_minkey(db, 5)); }
static void fixed(DB *db) { must("re_len", db->set_re_len(db, 23)); }
static void padded(DB *db)
{
    must("re_len", db->set_re_len(db, 30));
    must("re_pad", db->set_re_pad(db, 'p'));
}
static void extents(DB *db)
{
    padded(db);
    must("extents", db->set_q_extentsize(db, 3));
}
static void fill_factor(DB *db)
{
    must("ffactor", db->set_h_ffactor(db, 7));
    must("nelem", db->set_h_nelem(db, 500));
}
static void heap_limit(DB *db) { must("heap size", db->set_heapsize(db, 1, 4096 * 64, 0)); }
static void heap_region(DB *db) { must("region", db->set_heap_regionsize(db, 9)); }
static void compressed(DB *db) { must("compress", db->set_bt_compress(db, NULL, NULL)); }
static void partitions(DB *db)
{
    static DBT bounds[2];
    bounds[0] = bytes("key 00000300", 12);
    bounds[1] = bytes("key 00000700", 12);
    must("partition", db->set_partition(db, 3, bounds, NULL));
}

static void empty(DB *db) { must("close", db->close(db, 0)); }

int main(int argc, char **argv)
{
    const char *home = option(argc, argv, "--home", ".");
    random_state = (uint64_t)number(argc, argv, "--seed", 1);
    page_size = (int)number(argc, argv, "--page-size", 1024);
    records = (int)number(argc, argv, "--records", 300);
    checksum = flag(argc, argv, "--checksum");
    big_endian = flag(argc, argv, "--big-endian");
    must("env", db_env_create(&environment, 0));
    environment->set_errcall(environment, silent);
    must("cache", environment->set_cachesize(environment, 0, 64 << 20, 1));
    must("open env", environment->open(environment, home, DB_CREATE | DB_INIT_MPOOL | DB_PRIVATE, 0));

    fill_keyed(create("btree.db", NULL, DB_BTREE, 0, NULL), 0);
    fill_keyed(create("minkey.db", NULL, DB_BTREE, 0, min_keys), 0);
    fill_keyed(create("dup.db", NULL, DB_BTREE, DB_DUP, NULL), 1);
    fill_keyed(create("dupsort.db", NULL, DB_BTREE, DB_DUP | DB_DUPSORT, NULL), 1);
    fill_keyed(create("recnum.db", NULL, DB_BTREE, DB_RECNUM, NULL), 0);
    fill_keyed(create("partitioned.db", NULL, DB_BTREE, 0, partitions), 0);
    fill_keyed(create("compressed.btree", NULL, DB_BTREE, 0, compressed), 0);
    fill_keyed(create("hash.db", NULL, DB_HASH, 0, NULL), 0);
    fill_keyed(create("hash-factor.db", NULL, DB_HASH, 0, fill_factor), 0);
    fill_keyed(create("hash-dup.db", NULL, DB_HASH, DB_DUP, NULL), 1);
    fill_keyed(create("hash-dupsort.db", NULL, DB_HASH, DB_DUP | DB_DUPSORT, NULL), 1);
    fill_numbered(create("recno.db", NULL, DB_RECNO, 0, NULL), 0, 1);
    fill_numbered(create("renumber.db", NULL, DB_RECNO, DB_RENUMBER, NULL), 0, 1);
    fill_numbered(create("fixed.db", NULL, DB_RECNO, 0, fixed), 23, 1);
    fill_numbered(create("padded.db", NULL, DB_RECNO, DB_RENUMBER, padded), 30, 1);
    fill_numbered(create("queue.db", NULL, DB_QUEUE, 0, fixed), 23, 1);
    fill_numbered(create("queue-extents.db", NULL, DB_QUEUE, 0, extents), 30, 1);
    fill_numbered(create("queue-wrapped.db", NULL, DB_QUEUE, 0, extents), 30, 4294967295u - (db_recno_t)records / 2);
    fill_heap(create("heap.db", NULL, DB_HEAP, 0, NULL));
    fill_heap(create("heap-limit.db", NULL, DB_HEAP, 0, heap_limit));
    fill_heap(create("heap-region.db", NULL, DB_HEAP, 0, heap_region));

    fill_keyed(create("shared.db", "a btree", DB_BTREE, 0, NULL), 0);
    fill_keyed(create("shared.db", "duplicates", DB_BTREE, DB_DUP, NULL), 1);
    fill_keyed(create("shared.db", "hash", DB_HASH, 0, fill_factor), 0);
    fill_numbered(create("shared.db", "recno", DB_RECNO, 0, NULL), 0, 1);
    empty(create("shared.db", "empty", DB_BTREE, 0, NULL));
    empty(create("names.db", "\xc3\xa9\xe6\xb5\xb7", DB_BTREE, 0, NULL));
    empty(create("names.db", "back\\slash", DB_BTREE, 0, NULL));
    empty(create("names.db", "latin \xe9", DB_BTREE, 0, NULL));
    empty(create("names.db", "tab\tand\nline", DB_BTREE, 0, NULL));

    empty(create("empty-btree.db", NULL, DB_BTREE, 0, NULL));
    empty(create("empty-hash.db", NULL, DB_HASH, 0, NULL));
    empty(create("empty-recno.db", NULL, DB_RECNO, 0, NULL));
    empty(create("empty-queue.db", NULL, DB_QUEUE, 0, extents));
    empty(create("empty-heap.db", NULL, DB_HEAP, 0, NULL));
    must("close env", environment->close(environment, 0));
    return 0;
}
