#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "instance-internal.h"
#include "proc.h"

static int on_adopted_exit(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Instance *i = userdata;
        int status = proc_exit_status(i->pid, i->pidfd);

        i->exit_source = sd_event_source_disable_unref(i->exit_source);
        instance_reap_adopted(i->pidfd);
        instance_exited(i, status);
        return 0;
}

/* Where our process was the last supervisor, it is our child. */
void instance_reap_adopted(int pidfd) {
        siginfo_t si;

        (void) waitid(P_PIDFD, (id_t) pidfd, &si, WEXITED | WNOHANG);
}

static int adopt_things(Instance *i, Inherited *in) {
        char name[STORE_NAME_MAX];
        _cleanup_close_ int calls = inherited_take(in, instance_store_name(i->serial, "calls", name)),
                            output = inherited_take(in, instance_store_name(i->serial, "output", name)),
                            master = inherited_take(in, instance_store_name(i->serial, "master", name));
        int state = inherited_take(in, instance_store_name(i->serial, "state", name)), r;

        for (int fd; (fd = inherited_take(in, instance_store_name(i->serial, "logs", name))) >= 0;)
                close_fd(fd);
        /* EBADF: what we have under that name is no pidfd. */
        if (master < 0 || (pidfd_send_signal(master, 0, NULL, 0) < 0 && errno != ESRCH))
                return -EBADF;
        i->pidfd = TAKE_FD(master);
        i->kept = store_memory_adopt(state, sizeof(InstanceKept));
        if (!i->kept)
                return -errno;
        i->pid = i->kept->pid;
        /* It had not come as far as its execve(): nobody can let it pass. */
        if (calls < 0 || output < 0)
                return -ENOENT;
        if ((r = instance_watch_workers(i)) < 0 || (r = instance_take_calls(i, TAKE_FD(calls))) < 0 ||
            (r = instance_take_output(i, TAKE_FD(output))) < 0 ||
            (r = sd_event_add_io(i->event, &i->exit_source, i->pidfd, EPOLLIN, on_adopted_exit, i)) < 0)
                return r;
        workers_adopt(i->workers);
        return 0;
}

int instance_adopt(sd_event *event, const InstanceSpec *spec, Inherited *in, InstanceHandler handler,
                   void *userdata, Instance **ret, char **reterr) {
        _cleanup_(instance_freep) Instance *i = NULL;
        int r = instance_alloc(event, spec, handler, userdata, &i);

        if (r < 0)
                return r;
        i->is_adopted = true;
        r = adopt_things(i, in);
        if (r < 0) {
                if (asprintf(reterr, "%s",
                             r == -ENOENT  ? "it had only begun"
                             : r == -EBADF ? "its process is not known"
                                           : strerror(-r)) < 0)
                        *reterr = NULL;
                return r;
        }
        *ret = TAKE_PTR(i);
        return 0;
}

void instance_resume(Instance *i) {
        broker_resume(i->broker);
        /* It was told that it is no standby any more, and not yet let go. */
        if (i->kept->role != INSTANCE_STANDBY && i->kept->broker.holds_forks)
                instance_release(i);
        if (i->kept->is_ready || instance_has_pid_file(i))
                instance_ready(i);
}

int instance_peek(const Inherited *in, unsigned serial, InstanceRole *ret_role, unsigned *ret_generation) {
        char name[STORE_NAME_MAX];
        InstanceKept kept;
        int fd = inherited_find(in, instance_store_name(serial, "state", name));
        ssize_t k;

        if (fd < 0)
                return fd;
        k = pread(fd, &kept, offsetof(InstanceKept, broker), 0);
        if (k < 0)
                return -errno;
        if ((size_t) k < offsetof(InstanceKept, broker) || kept.header.layout != STORE_LAYOUT ||
            kept.role >= _INSTANCE_ROLE_MAX)
                return -EPROTO;
        *ret_role = kept.role;
        *ret_generation = kept.generation;
        return 0;
}

void instance_discard(Inherited *in, unsigned serial) {
        static const char *const things[] = { "state", "calls", "output", "logs" };
        char name[STORE_NAME_MAX];
        _cleanup_close_ int master = inherited_take(in, instance_store_name(serial, "master", name));
        struct pollfd p = { .fd = master, .events = POLLIN };

        if (master >= 0 && pidfd_send_signal(master, SIGKILL, NULL, 0) >= 0)
                while (poll(&p, 1, -1) < 0 && errno == EINTR)
                        ;
        if (master >= 0)
                instance_reap_adopted(master);
        store_drop(instance_store_name(serial, "master", name));
        for (size_t k = 0; k < ELEMENTSOF(things); k++) {
                for (int fd; (fd = inherited_take(in, instance_store_name(serial, things[k], name))) >= 0;)
                        close_fd(fd);
                store_drop(name);
        }
}
