#pragma once

/* What a visitor sees: the jail's "/" with two places more, /proc and ENTER_HOST, which the jail has not. They are the
 * upper layer of a read-only overlay, in a mount namespace that is the visitor's alone, so that the tree and what runs in
 * it are not touched. All mounts of the room are there again, as they are now. */

#include "base.h"

typedef struct EnterView {
        /* Detached mounts: the host's "/"; its "/usr" where that is another one, or negative; its loader's file, or
         * negative. */
        int host_fd;
        int host_usr_fd;
        int loader_fd;
        /* Where the program looks for its loader; NULL without one. */
        const char *loader;
        /* An O_PATH descriptor of the host's /proc. */
        int proc_fd;
        /* The writable places of the jail stay so. */
        bool writable;
} EnterView;

/* In the host: the descriptors. host_loader: the host's path of the loader, or NULL. Returns 0 or an errno with one line in
 * *reterr. */
int enter_view_prepare(EnterView *v, char **reterr);
void enter_view_done(EnterView *v);

/* In the room, as root, in a mount namespace of one's own: make it, and be in its "/". Returns 0, or an errno with what it
 * was about. */
int enter_view_make(const EnterView *v, const char **reterr_what);
