#pragma once

/* Connections out of the jail, made by the supervisor: a connect() to an address of Connect= is answered with a
 * socket of the host's network in place of the caller's. A caller that would not block does not: it gets a socket
 * that is connecting, EINPROGRESS, and polls as it would have; one that blocks waits for its answer without
 * holding up the loop. */

#include <systemd/sd-event.h>

#include "address.h"

typedef struct Connector Connector;

/* Callers that wait for a connection at once; a server has fewer threads that do. */
#define CONNECTOR_PENDING_MAX 256

/* One of them, as the next supervisor must know it. */
typedef struct ConnectorCall {
        /* The notification; 0: nobody. */
        uint64_t id;
        int32_t remote_fd;
        Address address;
} ConnectorCall;

/* notify_fd and the kept calls, CONNECTOR_PENDING_MAX of them, stay the broker's. */
int connector_new(sd_event *event, int notify_fd, ConnectorCall *kept, Connector **ret);
/* Connect anew whoever the last supervisor left waiting in one of them. */
void connector_resume(Connector *c);
Connector *connector_free(Connector *c);
DEFINE_CLEANUP(Connector *, connector_free)

/* Answer notification id: connect to a, in place of descriptor remote_fd of the caller. */
void connector_answer(Connector *c, uint64_t id, int remote_fd, bool blocks, const Address *a);
