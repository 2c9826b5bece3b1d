#pragma once

/* Network namespaces with nothing in them but a loopback, which is up. */

/* Make one. Returns a descriptor of it or an errno. The process stays in the network it was in. */
int network_new(void);

/* Go into it. Returns a descriptor of the network that the process was in, for network_leave(), or an errno. */
int network_enter(int namespace_fd);
/* Go back. Consumes own_fd. */
void network_leave(int own_fd);

/* The jail's, which every instance of it joins: made for the first who asks. To make one takes the kernel longer than all
 * the other namespaces of a room together, and to take one apart competes with the start of the next server. Returns a
 * descriptor, which stays ours, or an errno. */
int network_of_jail(void);
/* It ends with the last process in it, and whoever asks next has a new one. */
void network_forget(void);
