#pragma once

/* The handful of habits that every file shares: scope-bound ownership and its transfer. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

#define USEC_PER_MSEC ((uint64_t) 1000)
#define USEC_PER_SEC  ((uint64_t) 1000000)

/* CLOCK_MONOTONIC as it is now; sd_event_now(3) has it as of the event loop's turn. */
static inline uint64_t monotonic_usec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

/* To be released is a use: gcc thinks so by itself, clang does not. */
#define _cleanup_(f)     __attribute__((cleanup(f), unused))
#define _cleanup_free_   _cleanup_(base_freep)
#define _cleanup_close_  _cleanup_(base_closep)
#define _cleanup_fclose_ _cleanup_(base_fclosep)

/* Define xp() for _cleanup_(): calls free_func on what the variable holds when it goes out of scope. */
#define DEFINE_CLEANUP(type, free_func)                                                                     \
        static inline void free_func##p(type *p) {                                                          \
                if (*p)                                                                                     \
                        free_func(*p);                                                                      \
        }

#define TAKE_PTR(p)                                                                                         \
        __extension__({                                                                                     \
                __auto_type _pp = &(p);                                                                     \
                __auto_type _v = *_pp;                                                                      \
                *_pp = NULL;                                                                                \
                _v;                                                                                         \
        })

#define TAKE_FD(fd)                                                                                         \
        __extension__({                                                                                     \
                int *_pfd = &(fd);                                                                          \
                int _v = *_pfd;                                                                             \
                *_pfd = -EBADF;                                                                             \
                _v;                                                                                         \
        })

static inline void base_freep(void *p) {
        free(*(void **) p);
}

/* Closes fd if it is one, keeping errno. Returns -EBADF, to be assigned to the variable that owned it. */
static inline int close_fd(int fd) {
        if (fd >= 0) {
                int saved = errno;
                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void base_closep(int *fd) {
        *fd = close_fd(*fd);
}

static inline void base_fclosep(FILE **f) {
        if (*f)
                fclose(*f);
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}
