/*
 * Writes a log of about the size asked for, for benchmarks: transactions of ten puts each into a btree, one in twenty
 * taken back, a checkpoint now and then. Dies without closing anything.
 *
 * generate --home DIR --transactions N
 */
#include "common.h"

int main(int argc, char **argv)
{
    DB_ENV *environment;
    DB *db;
    long transactions = number(argc, argv, "--transactions", 10000);
    random_state = 1;
    must("env_create", db_env_create(&environment, 0));
    must("cache", environment->set_cachesize(environment, 0, 64 << 20, 1));
    must("log", environment->set_lg_max(environment, 10 << 20));
    must("locks", environment->set_lk_max_locks(environment, 100000));
    must("objects", environment->set_lk_max_objects(environment, 100000));
    must("open", environment->open(environment, option(argc, argv, "--home", "."),
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK | DB_PRIVATE, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_NOSYNC, 1));
    must("create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, 4096));
    must("open", db->open(db, NULL, "bench.db", NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0640));
    for (long i = 0; i < transactions; i++) {
        DB_TXN *txn;
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        for (int j = 0; j < 10; j++) {
            char text[32], value[300];
            int n = snprintf(text, sizeof text, "key%010u", below(200000));
            memset(value, 'a' + (int)below(26), sizeof value);
            DBT key = bytes(text, (size_t)n), data = bytes(value, 50 + below(200));
            must("put", db->put(db, txn, &key, &data, 0));
        }
        must("end", below(20) == 0 ? txn->abort(txn) : txn->commit(txn, 0));
        if (i % 20000 == 19999) must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
    must("flush", environment->log_flush(environment, NULL));
    return 0;
}
