/*
 * Makes a container as Berkeley DB XML has them, of whole documents, and changes it, for benchmarks: what the library of DB XML 2.5
 * would write into the databases that documents are read from, and an index beside them, of their names and of what is in them.
 *
 * documents --home DIR --megabytes N [--change]
 *
 *   --megabytes     of the container that is made; with --change, of the log that changes make
 *   --change        of ten documents, five are put anew, four are new, one is deleted; one transaction in twenty is taken back
 *
 * The container is docs.dbxml, its documents document-0000000002 and so on, by their ids; the first one is the last that is
 * changed. In the end there is a checkpoint, and the environment is closed.
 */
#include "common.h"

enum { page_size = 8192, least = 500, most = 7000, indexed = 10, per_transaction = 10, checkpoint_megabytes = 32 };
enum { name_id = 1, value_id = 51, string_type = 29, first_id = 2 };

static DB_ENV *environment;
static DB *configuration, *dictionary, *metadata, *contents, *indexes;

static DB *open_database(const char *file, const char *name, DBTYPE type, u_int32_t flags)
{
    DB *db;
    must("create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, page_size));
    if (flags) must("flags", db->set_flags(db, flags));
    must("open", db->open(db, NULL, file, name, type, DB_CREATE | DB_AUTO_COMMIT, 0640));
    return db;
}

static void configure(const char *name, const char *value)
{
    DBT key = bytes(name, strlen(name) + 1), data = bytes(value, strlen(value) + 1);
    must("configure", configuration->put(configuration, NULL, &key, &data, DB_AUTO_COMMIT));
}

static void preload(void)
{
    static const char own_name[] = "name\0http://www.sleepycat.com/2002/dbxml";
    db_recno_t recno = name_id;
    DBT key = bytes(&recno, sizeof recno), data = bytes(own_name, sizeof own_name);
    must("dictionary", dictionary->put(dictionary, NULL, &key, &data, DB_AUTO_COMMIT));
    configure("version", "6");
    configure("ctype", "doc");
    configure("compression_name", "NONE");
}

/* An integer as keys hold it: its first byte tells how long it is. */
static size_t marshal(unsigned long id, unsigned char *to)
{
    static const unsigned char marks[] = { 0x00, 0x80, 0xc0, 0xe0 };
    size_t length = id < 1UL << 7 ? 1 : id < 1UL << 14 ? 2 : id < 1UL << 21 ? 3 : 4;
    for (size_t i = 0; i < length; i++) to[i] = (unsigned char)(id >> (8 * (length - 1 - i)));
    to[0] |= marks[length - 1];
    return length;
}

struct document { unsigned long number; char name[40]; unsigned char id[8], item[16], listed[16]; size_t id_size, item_size, listed_size; };

static struct document document(unsigned long id)
{
    struct document one = { .number = id };
    snprintf(one.name, sizeof one.name, "document-%010lu", id);
    one.id_size = marshal(id, one.id);
    memcpy(one.item, one.id, one.id_size);
    one.item_size = one.id_size;
    one.item[one.item_size++] = name_id;
    one.item[one.item_size++] = string_type;
    one.listed[0] = 0;
    memcpy(one.listed + 1, one.id, one.id_size);
    one.listed_size = 1 + one.id_size;
    return one;
}

/* What a document is found by in the index: its name, and values, which are spread over the index. */
static size_t index_key(const struct document *one, int which, unsigned char *to, size_t room)
{
    to[0] = 0x5a, to[1] = which == 0 ? name_id : value_id;
    if (which == 0) return 2 + (size_t)snprintf((char *)to + 2, room - 2, "%s", one->name);
    unsigned hash = (unsigned)((one->number * indexed + (unsigned)which) * 2654435761UL);
    return 2 + (size_t)snprintf((char *)to + 2, room - 2, "%08x value %d", hash, which);
}

static void put_content(DB_TXN *txn, const struct document *one)
{
    static char text[most + 100];
    size_t size = least + below(most - least), at = (size_t)sprintf(text, "<document name='%s'>", one->name);
    while (at < size) at += (size_t)sprintf(text + at, "<item>%llx</item>", (unsigned long long)next_random());
    at += (size_t)sprintf(text + at, "</document>");
    DBT key = bytes(one->id, one->id_size), data = bytes(text, at);
    must("put", contents->put(contents, txn, &key, &data, 0));
}

static void put_new(DB_TXN *txn, unsigned long id)
{
    struct document one = document(id);
    DBT item = bytes(one.item, one.item_size), name = bytes(one.name, strlen(one.name) + 1);
    must("put", metadata->put(metadata, txn, &item, &name, 0));
    for (int i = 0; i <= indexed; i++) {
        unsigned char room[40];
        DBT entry = bytes(room, index_key(&one, i, room, sizeof room)), listed = bytes(one.listed, one.listed_size);
        must("put", indexes->put(indexes, txn, &entry, &listed, 0));
    }
    put_content(txn, &one);
}

static int is_there(DB_TXN *txn, const struct document *one)
{
    DBT key = bytes(one->id, one->id_size);
    return contents->exists(contents, txn, &key, 0) == 0;
}

static void put_again(DB_TXN *txn, unsigned long id)
{
    struct document one = document(id);
    if (is_there(txn, &one)) put_content(txn, &one);
}

static void delete(DB_TXN *txn, unsigned long id)
{
    struct document one = document(id);
    if (!is_there(txn, &one)) return;
    DBT key = bytes(one.id, one.id_size), item = bytes(one.item, one.item_size);
    must("delete", contents->del(contents, txn, &key, 0));
    must("delete", metadata->del(metadata, txn, &item, 0));
    for (int i = 0; i <= indexed; i++) {
        unsigned char room[40];
        DBT entry = bytes(room, index_key(&one, i, room, sizeof room));
        must("delete", indexes->del(indexes, txn, &entry, 0));
    }
}

static DB_TXN *begin(void)
{
    DB_TXN *txn;
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    return txn;
}

/* Bytes of log that were written since the environment was opened. */
static long written(void)
{
    DB_LOG_STAT *stat;
    must("stat", environment->log_stat(environment, &stat, 0));
    long megabytes = (long)stat->st_w_mbytes, rest = (long)stat->st_w_bytes;
    free(stat);
    return (megabytes << 20) + rest;
}

static unsigned long last_id(void)
{
    DBC *cursor;
    unsigned char id[8];
    DBT key = bytes(NULL, 0), data = bytes(NULL, 0);
    must("cursor", contents->cursor(contents, NULL, &cursor, 0));
    if (cursor->get(cursor, &key, &data, DB_LAST) != 0) return first_id - 1;
    memcpy(id, key.data, key.size);
    must("close", cursor->close(cursor));
    unsigned long value = id[0] & (0xffU >> (key.size > 3 ? 5 : key.size == 1 ? 1 : key.size == 2 ? 2 : 3));
    for (size_t i = 1; i < key.size; i++) value = value << 8 | id[i];
    return value;
}

static long pages(void)
{
    db_pgno_t last;
    DB_MPOOLFILE *file = contents->get_mpf(contents);
    must("pages", file->get_last_pgno(file, &last));
    return (long)last + 1;
}

static void fill(long megabytes)
{
    for (unsigned long id = first_id; pages() < megabytes * (1 << 20) / page_size;) {
        DB_TXN *txn = begin();
        for (int i = 0; i < 100; i++) put_new(txn, id++);
        must("commit", txn->commit(txn, 0));
        if (id % 10000 < 100) must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
}

static void change(long megabytes)
{
    unsigned long last = last_id();
    long checkpoint = 0;
    for (long i = 0; written() < megabytes << 20; i++) {
        DB_TXN *txn = begin();
        for (int j = 0; j < per_transaction; j++) {
            if (j < 5) put_again(txn, first_id + below((unsigned)(last - first_id + 1)));
            else if (j < 9) put_new(txn, ++last);
            else delete(txn, first_id + 1 + below((unsigned)(last - first_id)));
        }
        if (i % 20 == 19) must("abort", txn->abort(txn)), last -= 4;
        else must("commit", txn->commit(txn, 0));
        if (written() >> 20 < checkpoint + checkpoint_megabytes) continue;
        checkpoint = written() >> 20;
        must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
    DB_TXN *txn = begin();
    put_again(txn, first_id);
    must("commit", txn->commit(txn, 0));
}

int main(int argc, char **argv)
{
    static const char file[] = "docs.dbxml";
    long megabytes = number(argc, argv, "--megabytes", 100);
    int changing = flag(argc, argv, "--change");
    random_state = (uint64_t)megabytes;
    must("env_create", db_env_create(&environment, 0));
    must("cache", environment->set_cachesize(environment, 0, 512 << 20, 1));
    must("log", environment->set_lg_max(environment, 10 << 20));
    must("log buffer", environment->set_lg_bsize(environment, 8 << 20));
    must("locks", environment->set_lk_max_locks(environment, 100000));
    must("objects", environment->set_lk_max_objects(environment, 100000));
    must("open", environment->open(environment, option(argc, argv, "--home", "."),
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK | DB_PRIVATE, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_NOSYNC, 1));
    if (!changing) must("remove", environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1));
    configuration = open_database(file, "secondary_configuration", DB_BTREE, 0);
    dictionary = open_database(file, "primary_dictionary", DB_RECNO, 0);
    metadata = open_database(file, "secondary_document", DB_BTREE, 0);
    contents = open_database(file, "content_document", DB_BTREE, 0);
    indexes = open_database(file, "secondary_document_index_string", DB_BTREE, DB_DUPSORT);
    if (changing) {
        change(megabytes);
    } else {
        preload();
        fill(megabytes);
        must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
    must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
    DB *all[] = { configuration, dictionary, metadata, contents, indexes };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) must("close", all[i]->close(all[i], 0));
    must("close", environment->close(environment, 0));
    return 0;
}
