#pragma once

/* A second wall behind the mounts: the kernel's Landlock rules on the process itself, at the best version that
 * the kernel has (landlock(7)). */

#include "launch.h"

/* The ABI version, 0 where the kernel has no Landlock or it is off. */
int landlock_abi(void);

/* Restrict the calling process and its descendants to what the room holds: read everywhere, execute nothing but
 * the programs of the launch and what is at the paths of execs, write only in the writable mounts; no TCP connection, no signal and no abstract
 * socket out of the room, where the kernel knows how; with has_network, any TCP. The jail's root is "/". Needs
 * CAP_SYS_ADMIN or no_new_privs. Returns 0, also without Landlock, or an errno with *reterr_what (static or the launch's). */
int landlock_enter(const Launch *launch, char *const *execs, bool has_network, const char **reterr_what);
