/*
 * Keeps an environment open until it is killed, or leaves it without closing. Says `open` when it has it.
 *
 * hold --home DIR [--private] [--register] [--read-only] [--leave]
 */
#include "common.h"

int main(int argc, char **argv)
{
    DB_ENV *environment;
    DB *db;
    uint32_t flags = DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK;
    int read_only = flag(argc, argv, "--read-only");
    if (flag(argc, argv, "--private")) flags |= DB_PRIVATE;
    if (flag(argc, argv, "--register")) flags |= DB_REGISTER | DB_RECOVER;
    must("env_create", db_env_create(&environment, 0));
    must("env open", environment->open(environment, option(argc, argv, "--home", "."), flags, 0640));
    must("create", db_create(&db, environment, 0));
    must("open", db->open(db, NULL, "held.db", NULL, DB_BTREE, read_only ? DB_RDONLY : DB_CREATE | DB_AUTO_COMMIT, 0640));
    printf("open\n");
    fflush(stdout);
    if (flag(argc, argv, "--leave")) _exit(0);
    for (;;) pause();
}
