#pragma once

/* Stream addresses as Listen lines name them, and which held socket answers which bind(). */

#include <netinet/in.h>
#include <sys/socket.h>

#include "base.h"

typedef struct Address {
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        };
} Address;

/* One listening address: where the supervisor listens, and what Apache asks for inside. */
typedef struct ListenPair {
        Address outside;
        Address inside;
} ListenPair;

/* "ADDR:PORT", "[V6]:PORT", "*:PORT" or "PORT" (the last two: [::]:PORT, dual-stack). Numeric only: no name
 * is looked up. Returns 0 and *ret, or -EINVAL. */
int address_parse(const char *s, Address *ret);

/* "OUTSIDE" or "OUTSIDE INSIDE", as Listen= in jaild.conf(5) has it. Returns 0 and *ret, -EINVAL, or -ENOMEM. */
int listen_pair_parse(const char *s, ListenPair *ret);

/* Takes a sockaddr of len bytes that may lie. Returns 0, -EAFNOSUPPORT or -EINVAL (too short). */
int address_from_sockaddr(const void *sa, size_t len, Address *ret);

socklen_t address_length(const Address *a);
uint16_t address_port(const Address *a);
void address_set_port(Address *a, uint16_t port);
bool address_is_wildcard(const Address *a);
bool address_equal(const Address *a, const Address *b);

#define ADDRESS_STRING_MAX sizeof("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")

/* Writes "ADDR:PORT" to buf and returns buf. */
const char *address_to_string(const Address *a, char buf[static ADDRESS_STRING_MAX]);

/* The pair whose inside address Apache means when it binds asked: the same address, else the wildcard of the
 * other family with the same port (Apache says [::] where IPv6 works and 0.0.0.0 where it does not).
 * Returns the index, or -ENOENT. */
int listen_pairs_find(const ListenPair *pairs, size_t n, const Address *asked);

/* Where this machine reaches what listens on port: as Apache names it, else as clients do. Loopback for a wildcard.
 * Returns 0 and *ret, or -ENOENT. */
int listen_pairs_reach(const ListenPair *pairs, size_t n, uint16_t port, Address *ret);
