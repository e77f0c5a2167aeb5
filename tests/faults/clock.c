/* A wall clock that a test can set back: preloaded into a process, it adds to CLOCK_REALTIME the seconds that stand, as
   an int64, in the file KGEN_CLOCK_FILE. The monotonic clock is left alone, as when somebody sets the machine's clock.
   The kernel is not told, so the times that it is asked to wait until are put right on the way. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

static volatile int64_t none = 0;
static volatile int64_t *shift = &none;

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("KGEN_CLOCK_FILE");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) shift = page;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (!result && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *shift;
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

#define YEAR_2001 1000000000 /* a time after this is one of the wall clock, not one since the machine's start */

static struct timespec true_time(const struct timespec *time) {
    struct timespec result = *time;
    if (time->tv_sec > YEAR_2001) result.tv_sec -= *shift;
    return result;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec then = true_time(until);
    if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    return real(cond, mutex, &then);
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec then = true_time(until);
    if (!real) real = dlsym(RTLD_NEXT, "cnd_timedwait");
    return real(cond, mutex, &then);
}
