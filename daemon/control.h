#pragma once

/* The control interface: lib/bus.h served to whoever connects to the control socket, D-Bus without a bus. */

#include "jail.h"

/* The members of this group may do what root may. It need not exist. */
#define CONTROL_GROUP "jaild"

typedef struct Control Control;

/* Serve on listen_fd, a listening AF_UNIX stream socket, as long as the event loop runs. Anyone may read
 * properties; to change something takes root or group jaild, which is looked up once, for the first who
 * connects. Consumes listen_fd, also on failure. The jail must outlive the result. */
int control_new(sd_event *event, Jail *jail, int listen_fd, Control **ret);

/* Tell every connection, where the jail's state is not the one last told. To be called on jail_on_changed(). Takes
 * NULL. */
void control_state_changed(Control *control);

/* Closes every connection; requests go on, with nobody to answer. Returns NULL. */
Control *control_free(Control *control);
DEFINE_CLEANUP(Control *, control_free)
