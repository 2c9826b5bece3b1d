#pragma once

/* TLS keys and the like: read from the host for each instance, so at each start and reload, and shown to one instance through a memory
 * file system of its own, root's, readable by the jail's group, read-only inside. They never touch the tree. */

#include "launch.h"

typedef struct Secrets Secrets;

/* Make the file system and read the secrets of a launch into it. Returns 0 (also where there are none: *ret is
 * NULL then), or an errno with one line in *reterr that names the file (caller frees). */
int secrets_new(const Launch *launch, Secrets **ret, char **reterr);
Secrets *secrets_free(Secrets *s);
DEFINE_CLEANUP(Secrets *, secrets_free)

/* A detached, read-only mount for LAUNCH_SECRETS_DIR; the caller's. Returns the descriptor or an errno. */
int secrets_mount(const Secrets *s);
