/*
 * What an application does after a recovery: opens the environment, adds to the databases it finds and to a new one,
 * commits, and dies in the middle of a transaction.
 *
 * write-on --home DIR [--recover] [--files a.db,b.db] [--transactions N]
 */
#include <signal.h>
#include "common.h"

static DB_ENV *environment;

static void add(DB *db, DB_TXN *txn, long i)
{
    DBTYPE type;
    char key[40], value[200];
    must("type", db->get_type(db, &type));
    memset(value, 'v', sizeof value);
    DBT k = bytes(key, (size_t)snprintf(key, sizeof key, "written on %ld", i));
    DBT data = bytes(value, 20 + (size_t)below(180));
    db_recno_t number = 0;
    if (type == DB_RECNO) {
        k = bytes(&number, sizeof number);
        k.flags = DB_DBT_USERMEM;
        k.ulen = sizeof number;
        must("append", db->put(db, txn, &k, &data, DB_APPEND));
    } else if (type == DB_BTREE || type == DB_HASH) {
        int ret = db->put(db, txn, &k, &data, 0);
        if (ret != DB_KEYEXIST) must("put", ret);
    }
}

int main(int argc, char **argv)
{
    static DB *databases[64];
    int count = 0;
    static char files[4096];
    long transactions = number(argc, argv, "--transactions", 50);
    u_int32_t recover = flag(argc, argv, "--recover") ? DB_RECOVER : 0;
    random_state = 7;
    must("env_create", db_env_create(&environment, 0));
    environment->set_errfile(environment, stderr);
    must("open", environment->open(environment, option(argc, argv, "--home", "."),
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_INIT_MPOOL | DB_PRIVATE | recover,
                                   0640));
    must("new", db_create(&databases[count], environment, 0));
    must("open new", databases[count]->open(databases[count], NULL, "written-on.db", NULL, DB_BTREE,
                                            DB_CREATE | DB_AUTO_COMMIT, 0640));
    count++;
    snprintf(files, sizeof files, "%s", option(argc, argv, "--files", ""));
    for (char *file = strtok(files, ","); file != NULL && count < 64; file = strtok(NULL, ",")) {
        must("create", db_create(&databases[count], environment, 0));
        must(file, databases[count]->open(databases[count], NULL, file, NULL, DB_UNKNOWN, DB_AUTO_COMMIT, 0));
        count++;
    }
    for (long i = 0; i <= transactions; i++) {
        DB_TXN *txn;
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        for (int j = 0; j < count; j++) add(databases[j], txn, i);
        if (i == transactions) break;
        must("commit", txn->commit(txn, 0));
        if (i == transactions / 2) must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    }
    must("flush", environment->log_flush(environment, NULL));
    raise(SIGKILL);
    return 0;
}
