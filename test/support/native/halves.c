/*
 * Writes pages of files in two halves, with a pause between them: what a reader sees of a page write that is not atomic.
 * Pages go back and forth between two whole versions, at random, until the program is told to end; then each is whole.
 *
 * halves --home DIR --a DIR --b DIR --page-size N --seed N --pause-us N --gap-us N FILE...
 * All of the options, in this order. All three directories have the files; --a and --b are the versions. Pages not in both of them are left
 * alone. In the end it prints how long, in microseconds, the longest write took.
 */
#include "common.h"
#include <fcntl.h>
#include <time.h>

#define MAX_PAGES 200000

static volatile sig_atomic_t ended;
static struct { int file; off_t position; } pages[MAX_PAGES];
static int count;

static long microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void end(int signal) { (void)signal; ended = 1; }

static int open_in(const char *directory, const char *name, int flags)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int descriptor = open(path, flags);
    if (descriptor < 0) fail(path, errno);
    return descriptor;
}

int main(int argc, char **argv)
{
    static unsigned char page[65536], other[65536];
    int files[64][3], file_count = 0;
    size_t size = (size_t)number(argc, argv, "--page-size", 4096);
    useconds_t pause = (useconds_t)number(argc, argv, "--pause-us", 1000), gap = (useconds_t)number(argc, argv, "--gap-us", 1000);
    random_state = (uint64_t)number(argc, argv, "--seed", 1);
    for (int i = 15; i < argc && file_count < 64; i++, file_count++) {
        files[file_count][0] = open_in(option(argc, argv, "--a", "."), argv[i], O_RDONLY);
        files[file_count][1] = open_in(option(argc, argv, "--b", "."), argv[i], O_RDONLY);
        files[file_count][2] = open_in(option(argc, argv, "--home", "."), argv[i], O_WRONLY);
        for (off_t at = 0; count < MAX_PAGES; at += (off_t)size) {
            if (pread(files[file_count][0], page, size, at) != (ssize_t)size) break;
            if (pread(files[file_count][1], other, size, at) != (ssize_t)size) break;
            if (memcmp(page, other, size) == 0) continue;
            pages[count].file = file_count;
            pages[count++].position = at;
        }
    }
    if (count == 0) fail("no page is different", 0);
    signal(SIGTERM, end);
    printf("ready\n");
    fflush(stdout);
    long longest = 0;
    while (!ended) {
        int i = (int)below((unsigned)count), *file = files[pages[i].file];
        size_t first = chance(50) ? size / 2 : size == 512 ? 256 : 512 * (1 + below((unsigned)(size / 512 - 1)));
        if (pread(file[below(2)], page, size, pages[i].position) != (ssize_t)size) fail("read", errno);
        long began = microseconds();
        if (pwrite(file[2], page, first, pages[i].position) != (ssize_t)first) fail("write", errno);
        usleep(pause);
        if (pwrite(file[2], page + first, size - first, pages[i].position + (off_t)first) != (ssize_t)(size - first)) fail("write", errno);
        long took = microseconds() - began;
        if (took > longest) longest = took;
        usleep(gap);
    }
    printf("%ld\n", longest);
    return 0;
}
