/*
 * Writes a page to a container whose last changes are in no record on disk: a transaction changes it and is aborted, and
 * the page is pushed out of the cache, with the LSN it had before. The records are still in the log buffer.
 *
 * gap --home DIR
 * Goes a step further with each line of its input, and says so with a line of output: "ready" after a checkpoint,
 * "written" when the page is on disk; then it commits something every 200 ms until the end of the input, after "commits".
 */
#include "common.h"
#include <poll.h>

#define RECORDS 8000
#define SIZE 101

static void say(const char *what)
{
    printf("%s\n", what);
    fflush(stdout);
}

static int next_line(void)
{
    char line[16];
    return fgets(line, sizeof line, stdin) != NULL;
}

static void put(DB *db, DB_TXN *txn, uint32_t n, int fill)
{
    char data[SIZE];
    unsigned char key[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };
    memset(data, fill, sizeof data);
    memcpy(data, key, sizeof key);
    DBT k = bytes(key, sizeof key), d = bytes(data, sizeof data);
    must("put", db->put(db, txn, &k, &d, 0));
}

int main(int argc, char **argv)
{
    DB_ENV *environment;
    DB *db, *other;
    DB_TXN *txn;
    must("db_env_create", db_env_create(&environment, 0));
    must("cache", environment->set_cachesize(environment, 0, 128 * 1024, 1));
    must("lg_bsize", environment->set_lg_bsize(environment, 512 << 10));
    must("lg_max", environment->set_lg_max(environment, 1 << 20));
    must("env open", environment->open(environment, option(argc, argv, "--home", "."),
        DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_CREATE | DB_PRIVATE, 0640));
    must("db_create", db_create(&db, environment, 0));
    must("page size", db->set_pagesize(db, 4096));
    must("open", db->open(db, NULL, "data.db", NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0640));
    must("db_create", db_create(&other, environment, 0));
    must("open", other->open(other, NULL, "other.db", NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0640));
    for (uint32_t n = 0; n < RECORDS;) {
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        for (int i = 0; i < 200; i++) put(db, txn, n++, 'a');
        must("commit", txn->commit(txn, 0));
    }
    must("checkpoint", environment->txn_checkpoint(environment, 0, 0, DB_FORCE));
    say("ready");
    if (!next_line()) _exit(0);

    /* Records of one page are taken off and put back: the abort does not put them where they were. */
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    for (uint32_t n = 4000; n < 4010; n++) {
        unsigned char key[4] = { 0, 0, (unsigned char)(n >> 8), (unsigned char)n };
        DBT k = bytes(key, sizeof key);
        must("del", db->del(db, txn, &k, 0));
    }
    must("abort", txn->abort(txn));
    DBC *cursor;
    DBT k = bytes(NULL, 0), d = bytes(NULL, 0);
    must("cursor", db->cursor(db, NULL, &cursor, 0));
    while (cursor->get(cursor, &k, &d, DB_NEXT) == 0) continue;
    must("close", cursor->close(cursor));
    say("written");
    if (!next_line()) _exit(0);

    say("commits");
    struct pollfd input = { 0, POLLIN | POLLHUP, 0 };
    for (uint32_t n = 0; poll(&input, 1, 200) == 0; n++) {
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        put(other, txn, n, 'b');
        must("commit", txn->commit(txn, 0));
    }
    _exit(0);
}
