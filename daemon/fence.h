#pragma once

/* A socket that goes into the jail, or to the health probe, is of the host's network, and a socket can be made to do
 * something else: shutdown(2) or connect(2) to nobody takes it back to where it began, and from there it may connect, or
 * listen on another port, where the jail cannot. The broker refuses that; but what it reads may be something else by the
 * time the kernel reads it (a UNIX address that it lets pass), Landlock knows TCP only since Linux 6.7, and never knew all
 * ways to connect.
 *
 * So the socket itself has a filter (socket(7), SO_ATTACH_FILTER): what does not belong to what it is for never arrives,
 * be it the answer to a connection that was begun in the jail or a client of a port that is nobody's. Accepted connections
 * inherit it, and no jail can take it away. */

#include "address.h"

/* A listening socket: nothing for other ports than this, and no answer to a connection that begins here. Returns 0, or
 * an errno. */
int fence_listening(int fd, uint16_t port);

/* A socket that is to be connected to that address: nothing from anybody else, and nobody can change that.
 * Returns 0, or an errno. */
int fence_connection(int fd, const Address *peer);
