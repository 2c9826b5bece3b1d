#pragma once

/* Start a server of the distribution's where a jail listens, so that it can take the jail's place and no client is refused.
 *
 * Apache opens its listening sockets itself, and the kernel refuses a second one for an address unless both have SO_REUSEPORT and
 * are the same user's. jaild sets it on those that it holds (JAIL_BUS_SHARE); Apache does on its own where
 * ListenCoresBucketsRatio says that it is to have one socket for so many cores, and with more cores for one than there are it
 * has one, as ever. Clients then come to either. When the jail's socket is closed, those who wait in its queue, and those who
 * are about to, move to the other's: tcp_migrate_req of ip-sysctl. */

#include "base.h"

/* Start a unit beside the running jail. Returns 0; -EOPNOTSUPP where there is no way to tell its server; -EIO where the unit failed,
 * and *reterr is NULL; or an errno with the reason. Unless it is 0 the jail is as it was. */
int beside_start(const char *name, const char *unit, char **reterr);

/* Have the kernel move those who wait to the server that is left, until this is called with what it returned. Where it cannot, it
 * is said: negative. */
int beside_migrate(const char *name);
void beside_migrate_restore(int before);
