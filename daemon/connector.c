#include "connector.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "fence.h"

typedef struct Pending Pending;
struct Pending {
        Connector *connector;
        Pending *next;
        ConnectorCall *call;
        int fd;
        sd_event_source *source;
};

struct Connector {
        sd_event *event;
        int notify_fd;
        ConnectorCall *kept;
        /* One for each kept call that is somebody's. */
        Pending *pending;
};

static Pending *pending_free(Pending *p) {
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->source);
        close_fd(p->fd);
        free(p);
        return NULL;
}

/* The result of connect(2) as the caller shall see it; fd, where there is one, takes the place of its own. */
static void answer(const Connector *c, uint64_t id, int remote_fd, int fd, int error) {
        struct seccomp_notif_addfd addfd = {
                .id = id,
                .flags = SECCOMP_ADDFD_FLAG_SETFD,
                .srcfd = (uint32_t) fd,
                .newfd = (uint32_t) remote_fd,
                .newfd_flags = O_CLOEXEC,
        };
        struct seccomp_notif_resp response = { .id = id };

        if (fd >= 0 && ioctl(c->notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0)
                error = errno;
        response.error = -error;
        /* Nobody to answer any more is no concern of ours. */
        (void) ioctl(c->notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static int on_connected(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Pending *p = userdata;
        Connector *c = p->connector;
        int error = 0;
        socklen_t length = sizeof(error);

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
                error = errno;
        /* The caller's own socket blocked. */
        if (error == 0 && fcntl(fd, F_SETFL, 0) < 0)
                error = errno;
        answer(c, p->call->id, p->call->remote_fd, error == 0 ? fd : -EBADF, error);
        p->call->id = 0;
        for (Pending **link = &c->pending; *link; link = &(*link)->next)
                if (*link == p) {
                        *link = p->next;
                        break;
                }
        pending_free(p);
        return 0;
}

static int wait_connected(Connector *c, uint64_t id, int remote_fd, const Address *a, int *fd) {
        size_t i = 0;
        Pending *p;
        int r;

        while (i < CONNECTOR_PENDING_MAX && c->kept[i].id != 0)
                i++;
        if (i == CONNECTOR_PENDING_MAX)
                return -EAGAIN;
        p = calloc(1, sizeof(Pending));
        if (!p)
                return -ENOMEM;
        *p = (Pending){ .connector = c, .next = c->pending, .call = &c->kept[i], .fd = -EBADF };
        r = sd_event_add_io(c->event, &p->source, *fd, EPOLLOUT, on_connected, p);
        if (r < 0) {
                pending_free(p);
                return r;
        }
        p->fd = TAKE_FD(*fd);
        *p->call = (ConnectorCall){ .id = id, .remote_fd = remote_fd, .address = *a };
        c->pending = p;
        return 0;
}

static int open_connecting(const Address *a, int *ret_fd) {
        _cleanup_close_ int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int one = 1, r;

        if (fd < 0)
                return -errno;
        /* mod_proxy sets both on the descriptor that is replaced. */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        r = fence_connection(fd, a);
        if (r < 0)
                return r;
        r = connect(fd, &a->sa, address_length(a)) < 0 ? -errno : 0;
        *ret_fd = TAKE_FD(fd);
        return r;
}

void connector_answer(Connector *c, uint64_t id, int remote_fd, bool blocks, const Address *a) {
        _cleanup_close_ int fd = -EBADF;
        int r = open_connecting(a, &fd);

        if (r == -EINPROGRESS && blocks) {
                r = wait_connected(c, id, remote_fd, a, &fd);
                if (r < 0)
                        answer(c, id, remote_fd, -EBADF, -r);
                return;
        }
        if (r == 0 && blocks && fcntl(fd, F_SETFL, 0) < 0)
                r = -errno;
        answer(c, id, remote_fd, fd, -r);
}

int connector_new(sd_event *event, int notify_fd, ConnectorCall *kept, Connector **ret) {
        Connector *c = calloc(1, sizeof(Connector));

        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        c->notify_fd = notify_fd;
        c->kept = kept;
        *ret = c;
        return 0;
}

void connector_resume(Connector *c) {
        for (size_t i = 0; i < CONNECTOR_PENDING_MAX; i++) {
                ConnectorCall call = c->kept[i];

                if (call.id == 0)
                        continue;
                /* Its place is free for whoever comes first, which is itself or nobody. */
                c->kept[i].id = 0;
                connector_answer(c, call.id, call.remote_fd, true, &call.address);
        }
}

Connector *connector_free(Connector *c) {
        if (!c)
                return NULL;
        for (Pending *p = c->pending, *next; p; p = next) {
                next = p->next;
                pending_free(p);
        }
        sd_event_unref(c->event);
        free(c);
        return NULL;
}
