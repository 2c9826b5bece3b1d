#pragma once

/* Run a program of the host to its end and keep what it said. What it says, and each file it writes, may have 256 MiB: one that
 * does not stop is ended by SIGXFSZ. */

#include "base.h"

typedef struct Capture {
        /* As waitpid(2) gives it. */
        int status;
        /* Always terminated by a zero byte, which length does not count. */
        char *out;
        size_t out_length;
        char *err;
        size_t err_length;
} Capture;

void capture_done(Capture *c);

typedef struct CaptureOptions {
        /* Not NULL: the program gets private namespaces, no network, and a /run of its own that has the host's folders, empty,
         * and those named here, so that it finds the run-time folders it insists on and the host is left alone. */
        char *const *run_folders;
        /* Not NULL and not "/": a tree of files to run it in, which is not trusted as the host is: it sees no other process,
         * has no capability, and no device but /dev/null, zero and urandom. Needs root. */
        const char *root;
        /* Standard input; 0: empty. */
        int in_fd;
        /* It reads what is not trusted: a process of nobody without a network, which can write in an empty /tmp of its own
         * and nowhere else. Needs root. */
        bool is_confined;
} CaptureOptions;

/* A program that runs while its caller does something else. All zero is none. */
typedef struct CaptureChild {
        /* For messages; owned. */
        char *program;
        pid_t pid;
        int out_fd;
        int err_fd;
} CaptureChild;

/* Start argv[0] with exactly argv and environment. Returns 0 and a child for capture_end() or
 * capture_abandon(), or an errno with *reterr set. */
int capture_begin(char *const argv[], char *const environment[], const CaptureOptions *options,
                  CaptureChild *ret, char **reterr);

/* Wait for its end; more than half a minute from here is too long: it is killed. The child is gone in any case. Returns 0,
 * whatever its exit status; -ETIMEDOUT; or an errno with *reterr set. */
int capture_end(CaptureChild *child, Capture *ret, char **reterr);

/* Kill what nobody waits for any more. */
void capture_abandon(CaptureChild *child);

/* From beginning to end. */
int capture_run(char *const argv[], char *const environment[], const CaptureOptions *options, Capture *ret,
                char **reterr);

/* It exited, and with 0. */
bool capture_succeeded(const Capture *c);
