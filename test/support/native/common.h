/* What the native test programs share: options, random numbers, errors. */
#ifndef COMMON_H
#define COMMON_H

#include <db.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A generator of its own (splitmix64), so that a seed gives the same numbers everywhere; one for each thread. */
static __thread uint64_t random_state;

static uint64_t next_random(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static unsigned below(unsigned n) { return n == 0 ? 0 : (unsigned)(next_random() % n); }
static int chance(unsigned percent) { return below(100) < percent; }

static void fail(const char *what, int ret)
{
    fprintf(stderr, "%s: %s\n", what, ret ? db_strerror(ret) : "failed");
    _exit(3);
}

static void must(const char *what, int ret)
{
    if (ret != 0) fail(what, ret);
}

/* The value of `--name VALUE`, or `otherwise`. */
static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return otherwise;
}

static long number(int argc, char **argv, const char *name, long otherwise)
{
    const char *text = option(argc, argv, name, NULL);
    return text ? atol(text) : otherwise;
}

static int flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return 1;
    return 0;
}

/* Encrypts what the environment writes when there is `--password WORD`. */
static void set_password(DB_ENV *environment, int argc, char **argv)
{
    const char *password = option(argc, argv, "--password", NULL);
    if (password) must("password", environment->set_encrypt(environment, password, DB_ENCRYPT_AES));
}

static DBT bytes(const void *data, size_t size)
{
    DBT dbt;
    memset(&dbt, 0, sizeof dbt);
    dbt.data = (void *)data;
    dbt.size = (u_int32_t)size;
    return dbt;
}

#endif
