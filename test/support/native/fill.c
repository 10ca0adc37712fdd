/*
 * Fills an environment with containers, for benchmarks of copying: as many bytes of pages as asked for in four btrees, two
 * of them with checksums; then a checkpoint, a few transactions, and an end without closing anything.
 *
 * fill --home DIR --megabytes N
 */
#include "common.h"

enum { containers = 4, page_size = 8192, value_size = 1900, per_page = 4, per_transaction = 500 };

static DB *open_container(DB_ENV *environment, int which)
{
    char name[32];
    DB *db;
    snprintf(name, sizeof name, "container%d.db", which);
    must("create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, page_size));
    if (which % 2 == 1) must("checksums", db->set_flags(db, DB_CHKSUM));
    must("open", db->open(db, NULL, name, NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0640));
    return db;
}

static void put(DB *db, DB_TXN *txn, long number)
{
    char text[32], value[value_size];
    int n = snprintf(text, sizeof text, "key%012ld", number);
    for (size_t i = 0; i < sizeof value; i++) value[i] = (char)below(256);
    DBT key = bytes(text, (size_t)n), data = bytes(value, sizeof value);
    must("put", db->put(db, txn, &key, &data, 0));
}

int main(int argc, char **argv)
{
    DB_ENV *environment;
    long records = number(argc, argv, "--megabytes", 1024) * (1024L * 1024 / page_size) * per_page / containers;
    random_state = 1;
    must("env_create", db_env_create(&environment, 0));
    must("cache", environment->set_cachesize(environment, 0, 256 << 20, 1));
    must("log", environment->set_lg_max(environment, 64 << 20));
    must("locks", environment->set_lk_max_locks(environment, 100000));
    must("objects", environment->set_lk_max_objects(environment, 100000));
    must("remove", environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1));
    must("open", environment->open(environment, option(argc, argv, "--home", "."),
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_NOSYNC, 1));
    for (int which = 0; which < containers; which++) {
        DB *db = open_container(environment, which);
        for (long i = 0; i < records;) {
            DB_TXN *txn;
            must("begin", environment->txn_begin(environment, NULL, &txn, 0));
            for (int j = 0; j < per_transaction && i < records; j++) put(db, txn, i++);
            must("commit", txn->commit(txn, 0));
        }
        must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
        must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
    }
    must("flush", environment->log_flush(environment, NULL));
    return 0;
}
