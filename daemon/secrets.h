#pragma once

/* TLS keys and the like: read from the host for each instance, so at each start and reload, and shown to one instance through a memory
 * file system of its own, root's, readable by the jail's group, read-only inside. They never touch the tree. */

#include "launch.h"

/* Make the file system and read the secrets of a launch, which has some, into it. Returns the descriptor of a detached,
 * read-only mount for LAUNCH_SECRETS_DIR, or an errno; *reterr, where it is set, is one line that names the file (caller
 * frees). */
int secrets_mount(const Launch *launch, char **reterr);
