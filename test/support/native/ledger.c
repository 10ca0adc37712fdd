/*
 * An application in use: accounts in two containers and a journal, each transaction moving money and writing journal
 * entries with consecutive numbers, a quarter of them aborted; containers created, renamed and removed on the side;
 * checkpoints, log removal, and a cache far smaller than the data.
 *
 * ledger write --home DIR --seconds N [--seed N] [--page-size N] [--log-max N] [--keep-logs] [--pause-us N]
 * ledger check --home DIR       recovers, and holds every account against the journal: exit 0 if all is of one moment
 */
#include "common.h"
#include <sys/stat.h>
#include <time.h>

#define ACCOUNTS 10000

struct account { int64_t balance; uint32_t last; char pad[180]; };
struct entry { uint32_t from, to, number; int64_t amount; char pad[100]; };

static DB_ENV *environment;
static int encrypted;
static DB *accounts[2], *journal;

static void big_endian_key(uint32_t n, unsigned char *key)
{
    for (int i = 0; i < 4; i++) key[i] = (unsigned char)(n >> (24 - 8 * i));
}

static uint32_t number_of(const unsigned char *key)
{
    return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

static DB *open_database(const char *name, DB_TXN *txn, int page_size)
{
    DB *db;
    must("db_create", db_create(&db, environment, 0));
    if (encrypted) must("encrypt", db->set_flags(db, DB_ENCRYPT));
    if (page_size) must("page size", db->set_pagesize(db, page_size));
    must(name, db->open(db, txn, name, NULL, DB_BTREE, txn ? DB_CREATE : 0, 0640));
    return db;
}

static void open_all(int create, int page_size)
{
    DB_TXN *txn = NULL;
    if (create) must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    accounts[0] = open_database("accounts.db", txn, page_size);
    accounts[1] = open_database("sub/accounts.db", txn, page_size);
    journal = open_database("journal.db", txn, create ? 512 : 0);
    if (txn) must("commit", txn->commit(txn, 0));
}

static int check(const char *home)
{
    static struct account expected[2 * ACCOUNTS], found[2 * ACCOUNTS];
    uint32_t flags = DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_CREATE | DB_PRIVATE | DB_RECOVER;
    must("env open", environment->open(environment, home, flags, 0));
    open_all(0, 0);
    for (uint32_t i = 0; i < 2 * ACCOUNTS; i++) {
        unsigned char key[4];
        big_endian_key(i % ACCOUNTS, key);
        DBT k = bytes(key, 4), d = bytes(NULL, 0);
        int ret = accounts[i / ACCOUNTS]->get(accounts[i / ACCOUNTS], NULL, &k, &d, 0);
        if (ret == 0) memcpy(&found[i], d.data, sizeof found[i]);
        else if (ret != DB_NOTFOUND) must("get", ret);
    }
    DBC *cursor;
    must("cursor", journal->cursor(journal, NULL, &cursor, 0));
    DBT k = bytes(NULL, 0), d = bytes(NULL, 0);
    uint32_t count = 0;
    int wrong = 0;
    while (cursor->get(cursor, &k, &d, DB_NEXT) == 0) {
        struct entry e;
        memcpy(&e, d.data, sizeof e);
        count++;
        if (number_of(k.data) != count || e.number != count) { printf("the journal has a gap at %u\n", count); return 1; }
        expected[e.from].balance -= e.amount;
        expected[e.to].balance += e.amount;
        expected[e.from].last = expected[e.to].last = count;
    }
    cursor->close(cursor);
    for (int i = 0; i < 2 * ACCOUNTS; i++) {
        if (expected[i].balance == found[i].balance && expected[i].last == found[i].last) continue;
        if (wrong++ < 5) printf("account %d was last changed by %u, not %u\n", i, found[i].last, expected[i].last);
    }
    journal->close(journal, 0);
    accounts[0]->close(accounts[0], 0);
    accounts[1]->close(accounts[1], 0);
    environment->close(environment, 0);
    printf("%u\n", count);
    return wrong > 0;
}

static void transfer(DB_TXN *txn, uint32_t number)
{
    struct entry e;
    memset(&e, 0, sizeof e);
    e.number = number;
    e.amount = below(1000);
    e.from = below(2 * ACCOUNTS);
    do e.to = below(2 * ACCOUNTS); while (e.to == e.from);
    for (int side = 0; side < 2; side++) {
        uint32_t id = side ? e.to : e.from;
        DB *db = accounts[id / ACCOUNTS];
        struct account a;
        unsigned char key[4];
        memset(&a, 0, sizeof a);
        big_endian_key(id % ACCOUNTS, key);
        DBT k = bytes(key, 4), d = bytes(&a, 0);
        d.ulen = sizeof a;
        d.flags = DB_DBT_USERMEM;
        int ret = db->get(db, txn, &k, &d, DB_RMW);
        if (ret != 0 && ret != DB_NOTFOUND) must("get", ret);
        if (ret == 0 && chance(2)) must("del", db->del(db, txn, &k, 0));
        a.balance += side ? e.amount : -e.amount;
        a.last = number;
        d.size = sizeof a;
        must("put", db->put(db, txn, &k, &d, 0));
    }
    unsigned char key[4];
    big_endian_key(number, key);
    DBT k = bytes(key, 4), d = bytes(&e, sizeof e);
    must("journal", journal->put(journal, txn, &k, &d, 0));
}

/* A container is created, perhaps renamed, perhaps removed. */
static void side_container(int serial)
{
    char name[32], other[32];
    DB_TXN *txn;
    snprintf(name, sizeof name, "extra%d.db", serial);
    snprintf(other, sizeof other, "renamed%d.db", serial);
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    DB *db = open_database(name, txn, 0);
    for (int i = 0; i < 200; i++) {
        DBT k = bytes(&i, sizeof i), d = bytes("something to keep", 17);
        must("put", db->put(db, txn, &k, &d, 0));
    }
    int stays = chance(70);
    if (stays) must("commit", txn->commit(txn, 0));
    else must("abort", txn->abort(txn));
    db->close(db, 0);
    if (!stays || chance(50)) return;
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    must("rename", environment->dbrename(environment, txn, name, NULL, other, 0));
    must("commit", txn->commit(txn, 0));
    if (chance(40)) return;
    must("begin", environment->txn_begin(environment, NULL, &txn, 0));
    must("remove", environment->dbremove(environment, txn, other, NULL, 0));
    must("commit", txn->commit(txn, 0));
}

int main(int argc, char **argv)
{
    const char *home = option(argc, argv, "--home", ".");
    must("db_env_create", db_env_create(&environment, 0));
    set_password(environment, argc, argv);
    encrypted = option(argc, argv, "--password", NULL) != NULL;
    environment->set_errfile(environment, stderr);
    if (argc > 1 && strcmp(argv[1], "check") == 0) return check(home);
    char sub[512];
    mkdir(home, 0755);
    snprintf(sub, sizeof sub, "%s/sub", home);
    mkdir(sub, 0755);
    random_state = (uint64_t)number(argc, argv, "--seed", 1);
    must("cache", environment->set_cachesize(environment, 0, 400 * 1024, 1));
    must("lg_max", environment->set_lg_max(environment, (u_int32_t)number(argc, argv, "--log-max", 1 << 20)));
    must("lg_bsize", environment->set_lg_bsize(environment, 64 * 1024));
    must("flags", environment->set_flags(environment, DB_TXN_WRITE_NOSYNC, 1));
    if (!flag(argc, argv, "--keep-logs")) must("remove", environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1));
    must("env open", environment->open(environment, home,
        DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_CREATE | DB_PRIVATE, 0));
    open_all(1, (int)number(argc, argv, "--page-size", 4096));
    time_t end = time(NULL) + number(argc, argv, "--seconds", 10), last = time(NULL);
    unsigned pause_us = (unsigned)number(argc, argv, "--pause-us", 0);
    uint32_t count = 0;
    for (int serial = 0; time(NULL) < end;) {
        DB_TXN *txn;
        must("begin", environment->txn_begin(environment, NULL, &txn, 0));
        uint32_t next = count;
        for (int steps = 1 + (int)below(4); steps > 0; steps--) transfer(txn, ++next);
        if (chance(25)) {
            must("abort", txn->abort(txn));
        } else {
            must("commit", txn->commit(txn, 0));
            count = next;
        }
        if (below(300) == 0) side_container(serial++);
        if (time(NULL) > last) {
            must("checkpoint", environment->txn_checkpoint(environment, 0, 0, 0));
            last = time(NULL);
        }
        if (pause_us) usleep(below(pause_us));
    }
    /* As in a crash: nothing is closed. */
    printf("%u\n", count);
    fflush(stdout);
    _exit(0);
}
