#pragma once

/* What the tests of the control interface share. The socket, the bus and the credentials are real, the jail is not: it takes root
 * to have one. Both ends live in one event loop. */

#include <systemd/sd-bus.h>

#include "bus.h"
#include "control.h"

#define STRANGER_UID 65534
#define GROUP_GID    4242

/* The double: it notes what is asked of it, and the test settles it. */
struct Jail {
        JailStatus status;
        unsigned n_requests;
        JailRequest request;
        JailRequestDone done;
        void *done_userdata;
        void *forgotten;

        unsigned generation;
        bool is_shared;

        /* What jail_request() says. */
        int refusal;
        const char *refusal_reason;
};

extern Jail jail;
extern Control *control;

/* Whoever runs the tests may change things: root anyway, others as they are in the group. */
void controltest_setup(void);
/* Only root, and the members of a group that is GROUP_GID. */
void controltest_setup_with_group(void);
/* Only root. */
void controltest_setup_without_group(void);
void controltest_teardown(void);

/* Connect, and say nothing. */
int connect_raw(void);
sd_bus *connect_bus(void);
/* As that user, for which it takes root. */
sd_bus *connect_bus_as(uid_t uid, gid_t gid, gid_t supplementary);

/* Once round the event loop, or some milliseconds. */
void turn(void);
/* Call a method; *reply, which is NULL before, is set when the answer is there. */
void send_method(sd_bus *bus, const char *member, sd_bus_message **reply);
/* Of any call: takes the answer to *userdata. */
int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
/* Turn until the answer is there. */
sd_bus_message *await(sd_bus_message **reply);
/* All properties. */
sd_bus_message *get_all(sd_bus *bus);
/* Turn until the server has closed its end of fd. */
void assert_closed(int fd);
