#pragma once

/* What the supervisor itself may do. */

#include "base.h"

/* Give up every capability but those that have a use here, for good (bounding set too), and every way to gain
 * one by exec. Returns 0 or an errno. */
int privileges_drop(void);
