/*
 * Makes an environment of many files, for benchmarks: containers of two pages each, and small log files, all of which
 * recovery needs, since there is no checkpoint behind them. Ends without closing the environment.
 *
 * many --home DIR --containers N --logs N
 */
#include "common.h"

enum { log_bytes = 64 << 10, page_size = 4096, value_size = 1000, keys = 1000 };

static DB *open_container(DB_ENV *environment, const char *name)
{
    DB *db;
    must("create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, page_size));
    must("open", db->open(db, NULL, name, NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0640));
    return db;
}

static void put(DB *db, long number)
{
    char text[32], value[value_size];
    int n = snprintf(text, sizeof text, "key%012ld", number);
    memset(value, 'a' + (int)below(26), sizeof value);
    DBT key = bytes(text, (size_t)n), data = bytes(value, sizeof value);
    must("put", db->put(db, NULL, &key, &data, DB_AUTO_COMMIT));
}

static u_int32_t newest_log(DB_ENV *environment)
{
    DB_LOG_STAT *stat;
    must("log_stat", environment->log_stat(environment, &stat, 0));
    u_int32_t file = stat->st_cur_file;
    free(stat);
    return file;
}

int main(int argc, char **argv)
{
    DB_ENV *environment;
    long containers = number(argc, argv, "--containers", 1000), logs = number(argc, argv, "--logs", 1);
    random_state = 1;
    must("env_create", db_env_create(&environment, 0));
    must("cache", environment->set_cachesize(environment, 0, 64 << 20, 1));
    must("log buffer", environment->set_lg_bsize(environment, log_bytes / 4));
    must("log", environment->set_lg_max(environment, logs > 1 ? log_bytes : 10 << 20));
    must("open", environment->open(environment, option(argc, argv, "--home", "."),
                                   DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK | DB_PRIVATE, 0640));
    must("flags", environment->set_flags(environment, DB_TXN_NOSYNC, 1));
    for (long i = 0; i < containers; i++) {
        char name[32];
        snprintf(name, sizeof name, "container%05ld.db", i);
        DB *db = open_container(environment, name);
        put(db, i);
        must("close", db->close(db, 0));
    }
    must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
    must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
    u_int32_t until = newest_log(environment) + (u_int32_t)logs - 1;
    DB *db = open_container(environment, "busy.db");
    do put(db, below(keys));
    while (newest_log(environment) < until);
    must("flush", environment->log_flush(environment, NULL));
    return 0;
}
