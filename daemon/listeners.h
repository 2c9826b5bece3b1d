#pragma once

/* The listening sockets that the supervisor holds: opened before the first instance, kept over every crash,
 * restart and replacement, so that the kernel queues clients while nobody accepts. */

#include "address.h"
#include "store.h"

typedef struct Listeners Listeners;

/* One listening socket for each pair: the one in held (may be NULL) that listens on the same address outside,
 * else a new one. Sockets are shared, and closed with the last that has them. All or none: returns 0, or an errno with one line in *reterr that names the
 * address (caller frees). The pairs are copied. */
int listeners_open(const ListenPair *pairs, size_t n, const Listeners *held, Listeners **ret, char **reterr);
/* The sockets that the last supervisor left, and those of the socket unit; inside and outside are the same. Returns 0 or
 * -ENOMEM; what is no socket is said and left where it is. */
int listeners_adopt(Inherited *in, Listeners **ret);
/* As listeners_open(), with those sockets that another process listens on, which goes on to have them: who connects
 * is served by one or the other, and refused by none. */
int listeners_take_over(pid_t pid, const ListenPair *pairs, size_t n, Listeners **ret, char **reterr);
/* Let other sockets of our user that have SO_REUSEPORT listen beside these, or no more. The kernel shares the clients out. Returns
 * 0 or an errno. */
int listeners_share(const Listeners *l, bool share);
Listeners *listeners_free(Listeners *l);
DEFINE_CLEANUP(Listeners *, listeners_free)

const ListenPair *listeners_pairs(const Listeners *l, size_t *ret_n);

/* The socket that answers a bind() to asked, listening; it stays ours. Returns -ENOENT where the configuration
 * names no such address, or an errno. */
int listeners_grant(const Listeners *l, const Address *asked);

/* What the sockets' buffers are to be from the next listeners_grant() or listeners_restore() on, and so those of the connections
 * that they accept; 0: the kernel's, which grow as they are needed. */
void listeners_set_buffers(Listeners *l, unsigned receive_bytes, unsigned send_bytes);

/* Make each what it was, whatever those who had it did to it. Returns 0, or the first errno. */
int listeners_restore(const Listeners *l);

size_t listeners_count(const Listeners *l);
/* The descriptor of the i-th; it stays ours. */
int listeners_fd(const Listeners *l, size_t i);

/* Whether systemd's socket unit holds each of them (jaild-http@NAME.socket), so that they need not us. */
bool listeners_are_passed(const Listeners *l);

/* Close whoever waits, as the end of the sockets would if they were ours alone. */
void listeners_turn_away(const Listeners *l);

/* Whether one of them is for that port inside. */
bool listeners_name(const Listeners *l, uint16_t port);
