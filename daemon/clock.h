#pragma once

/* The wall clock of the machine is set now and then, at boot by years. What waits and what backs off goes by the monotonic
 * clock and does not notice; what was noted with its time would be wrong from then on. */

#include <systemd/sd-event.h>

#include "base.h"

typedef struct Clock Clock;

/* Called after each step of a second or more; step_usec is negative where the clock was set back. */
typedef void (*ClockStepped)(int64_t step_usec, void *userdata);

int clock_new(sd_event *event, ClockStepped stepped, void *userdata, Clock **ret);
Clock *clock_free(Clock *c);
DEFINE_CLEANUP(Clock *, clock_free)
