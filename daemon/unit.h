#pragma once

/* jaild as a unit of systemd: why it is being ended, and what of it is left in its control group. */

#include <sys/types.h>

#include "base.h"

/* Whether the unit's job is a restart: then whoever comes next takes over, and nothing is ended. By systemd's own
 * socket, because a machine need not have a message bus. Where it cannot be found out, it is no restart: the answer
 * after which no process is left. */
bool unit_is_restarting(void);

/* In ExecStopPost=: end what the supervisor left behind, unless another one will take it over. Returns the exit
 * status. */
int unit_after_stop(void);

/* End the masters that the control group has and that are none of these: those of a supervisor whose store was lost.
 * Does nothing where jaild is no unit. */
void unit_end_strangers(const pid_t *known, size_t n);
