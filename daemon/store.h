#pragma once

/* What outlives the supervisor: descriptors, and memory as descriptors, in systemd's file descriptor store
 * (sd_pid_notify_with_fds(3), FDSTORE=1). Each is put there the moment it exists and dropped the moment it is
 * no longer wanted, so that the store is at every instant what the next supervisor needs: being killed and
 * handing over are the same thing, and there is no code for the second.
 *
 * systemd says whether it keeps anything by $FDSTORE (version 254; before that the unit does). Where there is no store, we keep
 * what is put there ourselves: it is lost with us, but not with our program, which can be exchanged (store_execute()). */

#include "base.h"

/* Raised when a field of kept memory changes its place or meaning. Fields may be added at the end of a kept
 * structure without that: an older supervisor's memory reads as zero there. */
#define STORE_LAYOUT 2

#define STORE_NAME_MAX 128

/* Begins every kept structure. */
typedef struct StoreHeader {
        uint32_t layout;
        uint32_t reserved;
} StoreHeader;

/* Look whether there is a store. Before that, putting and dropping do nothing. */
void store_open(void);
/* Whether systemd's is there, which outlives us. */
bool store_is_there(void);

/* Keep fd, which stays ours, under a name that need not be unique; only what has the same name is dropped
 * together. A failure is logged: the jail goes on, but would not outlive us. */
void store_put(const char *name, int fd);
/* The same, but fd itself and until our end: what must not be closed, as a lock, which ends with the first that is. */
void store_lend(const char *name, int fd);
/* Become that program, which finds in inherited_collect() what we keep ourselves. Returns only where that cannot be, an errno,
 * and everything is as before. */
int store_execute(char *const *argv);
/* Close what the store has under that name. */
void store_drop(const char *name);
/* Wait until what was dropped is closed: an address that we gave up may still be systemd's. Returns 0, or an errno. */
int store_settle(void);

/* Zeroed memory of size bytes that begins with a StoreHeader, kept unless name is NULL. Returns it, or NULL with
 * errno. */
void *store_memory_new(const char *name, size_t size);
/* Consumes fd. The memory that an earlier supervisor left. Returns it, or NULL with errno (EPROTO: of another
 * layout). */
void *store_memory_adopt(int fd, size_t size);
void store_memory_free(void *memory, size_t size);

/* The descriptors that we were started with: the store's, and those of socket units. */
typedef struct Inherited {
        struct InheritedItem {
                char *name;
                /* Negative when taken. */
                int fd;
        } * item;
        size_t n;
} Inherited;

/* Take over what systemd passes (sd_listen_fds(3)). Returns 0 or an errno. */
int inherited_collect(Inherited *ret);
void inherited_done(Inherited *in);

/* The first of that name that is not taken yet: now the caller's. Returns -ENOENT if there is none. */
int inherited_take(Inherited *in, const char *name);
/* The same, and it stays where it is. */
int inherited_find(const Inherited *in, const char *name);
/* Close what was not taken, say so, and drop it from the store: it is of no use to anybody. */
void inherited_discard(Inherited *in);
