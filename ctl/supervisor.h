#pragma once

/* Bring a supervisor up, and with it its jail, where none lives: as a unit of systemd, or as a process of its own. */

#include "base.h"

/* Whether systemd is PID 1 and knows jaild@.service. Returns a boolean, or an errno with the reason. */
int supervisor_unit_exists(char **reterr);

/* Start jaild@NAME.service and wait until its job is done. Returns 0, or an errno with the reason in *reterr, NULL
 * where the unit failed: then the supervisor has left the reason. */
int supervisor_start_unit(const char *name, const char *label, char **reterr);

/* Where no supervisor lives, but systemd has not noticed yet or is about to start the next one: there will be none. Returns 1;
 * 0 where there is nothing to stop; or an errno with the reason. */
int supervisor_stop_unit(const char *name, const char *label, char **reterr);

/* A jail on demand: jaild-http@NAME.socket, by which systemd holds its ports (../units/generator.c). The first two wait until
 * the job is done; where there is no such unit they do nothing. Return 0, or an errno with the reason. */
int supervisor_start_ports(const char *name, const char *label, char **reterr);
int supervisor_stop_ports(const char *name, const char *label, char **reterr);
/* Whether systemd holds the ports of the jail now. Where it cannot be found out, it does not. */
bool supervisor_ports_are_held(const char *name);

/* Run jaild detached and wait until it says that the jail serves, or ends. Its standard output and error go to
 * /var/log/jaild/NAME/jaild.log. The program is JAILD_BINARY of the environment, for a build tree that is not
 * installed, else the installed one. Returns and *reterr as above. */
int supervisor_spawn(const char *name, const char *label, char **reterr);
