/*
 * Writes a log of small puts into a database, for benchmarks. Dies without closing anything: nothing is on disk but the log,
 * unless checkpoints are asked for.
 *
 * puts --home DIR --transactions N [--puts N] [--keys N] [--bytes N] [--unfinished N] [--checkpoint-every N] [--open] [--binary] [--close]
 *      [--method btree|hash|queue] [--sequential]
 *
 *   --puts             in each transaction (default 1)
 *   --keys             different keys (default 100000)
 *   --bytes            of each record (default 8)
 *   --unfinished       one in so many transactions is taken back
 *   --open             the last transaction does not end, and its pages are written
 *   --binary           random bytes instead of letters
 *   --close            the environment is closed in the end
 *   --method           btree by default; records are appended to a queue
 *   --sequential       keys in order, each once
 */
#include "common.h"

int main(int argc, char **argv)
{
    DB_ENV *environment;
    DB *db;
    long transactions = number(argc, argv, "--transactions", 10000);
    long puts = number(argc, argv, "--puts", 1);
    long keys = number(argc, argv, "--keys", 100000);
    long size = number(argc, argv, "--bytes", 8);
    long unfinished = number(argc, argv, "--unfinished", 0);
    long every = number(argc, argv, "--checkpoint-every", 0);
    int open = flag(argc, argv, "--open");
    int binary = flag(argc, argv, "--binary");
    int sequential = flag(argc, argv, "--sequential");
    const char *method = option(argc, argv, "--method", "btree");
    int queue = strcmp(method, "queue") == 0;
    DBTYPE type = queue ? DB_QUEUE : strcmp(method, "hash") == 0 ? DB_HASH : DB_BTREE;
    char value[1024];
    if (size > (long)sizeof value) fail("--bytes", 0);
    random_state = 1;
    must("env_create", db_env_create(&environment, 0));
    must("cache", environment->set_cachesize(environment, 1, 0, 1));
    must("log", environment->set_lg_max(environment, 100 << 20));
    must("log buffer", environment->set_lg_bsize(environment, 8 << 20));
    must("locks", environment->set_lk_max_locks(environment, 1000000));
    must("objects", environment->set_lk_max_objects(environment, 1000000));
    must("open", environment->open(environment, option(argc, argv, "--home", "."),
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK | DB_PRIVATE, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_NOSYNC, 1));
    must("create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, 4096));
    if (queue) must("length", db->set_re_len(db, (u_int32_t)size));
    must("open", db->open(db, NULL, "puts.db", NULL, type, DB_CREATE | DB_AUTO_COMMIT, 0640));
    for (long i = 0; i < transactions; i++) {
        DB_TXN *txn;
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        for (long j = 0; j < puts; j++) {
            char text[32];
            int n = snprintf(text, sizeof text, "%010u", sequential ? (unsigned)(i * puts + j) : below((unsigned)keys));
            memset(value, 'a' + (int)below(26), sizeof value);
            for (long k = 0; binary && k < size; k++) value[k] = (char)below(256);
            DBT key = bytes(text, (size_t)n), data = bytes(value, (size_t)size);
            db_recno_t recno = 0;
            if (queue) key = bytes(&recno, sizeof recno);
            key.ulen = key.size, key.flags = DB_DBT_USERMEM;
            must("put", db->put(db, txn, &key, &data, queue ? DB_APPEND : 0));
        }
        if (open && i == transactions - 1) {
            must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
            break;
        }
        must("end", unfinished > 0 && i % unfinished == unfinished - 1 ? txn->abort(txn) : txn->commit(txn, 0));
        if (every > 0 && i % every == every - 1) must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
    must("flush", environment->log_flush(environment, NULL));
    if (flag(argc, argv, "--close")) {
        must("close", db->close(db, 0));
        must("close", environment->close(environment, 0));
    }
    return 0;
}
