#include "controltest.h"

#include <criterion/criterion.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>

Jail jail;
static sd_event *event;
Control *control;
static struct sockaddr_un address;
static gid_t control_gid = (gid_t) -1;

/* In place of libc's: the machine that tests need not have the group. */
struct group *getgrnam(const char *name) {
        static struct group group;

        group.gr_gid = control_gid;
        return control_gid == (gid_t) -1 ? NULL : &group;
}

int jail_request(Jail *j, JailRequest request, JailRequestDone done, void *userdata, char **reterr) {
        if (j->refusal < 0) {
                *reterr = strdup(j->refusal_reason);
                return j->refusal;
        }
        j->n_requests++;
        j->request = request;
        j->done = done;
        j->done_userdata = userdata;
        return 0;
}

int jail_request_replacement(Jail *j, unsigned generation, JailRequestDone done, void *userdata,
                             char **reterr) {
        j->generation = generation;
        return jail_request(j, JAIL_RESTART, done, userdata, reterr);
}

int jail_reexecute(Jail *j, char **reterr) {
        *reterr = strdup("not in a test");
        return -EBUSY;
}

int jail_request_take_over(Jail *j, pid_t pid, JailRequestDone done, void *userdata, char **reterr) {
        j->generation = (unsigned) pid;
        return jail_request(j, JAIL_START, done, userdata, reterr);
}

int jail_share_sockets(Jail *j, bool share, char **reterr) {
        j->is_shared = share;
        return 0;
}

void jail_forget_request(Jail *j, void *userdata) {
        j->forgotten = userdata;
}

void jail_get_status(Jail *j, JailStatus *ret) {
        *ret = j->status;
}

void jail_measure(Jail *j, JailStatus *status) {
}

static void setup_group(gid_t gid) {
        static const char *const layers[] = { "namespaces", "read-only root", NULL };
        static ListenPair listens[2];
        int fd;

        cr_assert_eq(listen_pair_parse("127.0.0.1:8080 80", &listens[0]), 0);
        cr_assert_eq(listen_pair_parse("[::]:443", &listens[1]), 0);
        jail = (Jail) {
                .status = {
                        .name = "web",
                        .description = "caf\xe9, \xc3\xa9t\xc3\xa9",
                        .state = LIFECYCLE_RUNNING,
                        .since_usec = 1700000000 * USEC_PER_SEC,
                        .main_pid = 4711,
                        .standby_pid = 4712,
                        .generation = 3,
                        .restarts = 2,
                        .worker_deaths = 1,
                        .last_worker_death = "killed by SIGBUS, core not kept",
                        .health = "status 200 in 3 ms",
                        .last_failure = "master killed by SIGSEGV",
                        .last_failure_usec = 1600000000 * USEC_PER_SEC,
                        .last_notice = "the clock was set back by 7 s, the jail goes on as it was",
                        .last_notice_usec = 1650000000 * USEC_PER_SEC,
                        .listens = listens,
                        .n_listens = ELEMENTSOF(listens),
                        .n_processes = 9,
                        .n_tasks = 55,
                        .cpu_usec = 1234567,
                        .memory_bytes = (uint64_t) 5 << 32,
                        .requests = 77,
                        .request_rate = 1.5,
                        .busy_workers = 3,
                        .idle_workers = 47,
                        .log_dropped_bytes = (uint64_t) 3 << 32,
                        .layers = layers,
                },
        };
        control_gid = gid;

        /* An abstract name that the kernel chooses. */
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_geq(fd, 0);
        cr_assert_eq(bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)), 0);
        cr_assert_eq(listen(fd, 64), 0);
        address = (struct sockaddr_un){};
        cr_assert_eq(getsockname(fd, (struct sockaddr *) &address, &(socklen_t){ sizeof(address) }), 0);

        cr_assert_geq(sd_event_default(&event), 0);
        cr_assert_eq(control_new(event, &jail, fd, &control), 0);
}

void controltest_setup(void) {
        setup_group(getgid());
}

void controltest_setup_with_group(void) {
        setup_group(GROUP_GID);
}

void controltest_setup_without_group(void) {
        setup_group((gid_t) -1);
}

void controltest_teardown(void) {
        control_free(control);
        sd_event_unref(event);
}

int connect_raw(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_geq(fd, 0);
        cr_assert_eq(connect(fd, (struct sockaddr *) &address, sizeof(sa_family_t) + 6), 0);
        return fd;
}

static sd_bus *bus_over(int fd) {
        sd_bus *bus = NULL;

        cr_assert_eq(sd_bus_new(&bus), 0);
        cr_assert_geq(sd_bus_set_fd(bus, fd, fd), 0);
        cr_assert_geq(sd_bus_start(bus), 0);
        cr_assert_geq(sd_bus_attach_event(bus, event, 0), 0);
        return bus;
}

sd_bus *connect_bus(void) {
        return bus_over(connect_raw());
}

/* The kernel notes who connects when it does. */
sd_bus *connect_bus_as(uid_t uid, gid_t gid, gid_t supplementary) {
        int fd;

        cr_assert_eq(setgroups(1, &supplementary), 0);
        cr_assert_eq(setegid(gid), 0);
        cr_assert_eq(seteuid(uid), 0);
        fd = connect_raw();
        cr_assert_eq(seteuid(0), 0);
        cr_assert_eq(setegid(0), 0);
        return bus_over(fd);
}

void turn(void) {
        cr_assert_geq(sd_event_run(event, 20 * USEC_PER_MSEC), 0);
}

int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        *(sd_bus_message **) userdata = sd_bus_message_ref(m);
        return 1;
}

void send_method(sd_bus *bus, const char *member, sd_bus_message **reply) {
        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, member,
                                               on_reply, reply, ""),
                      0);
}

sd_bus_message *await(sd_bus_message **reply) {
        for (unsigned i = 0; i < 500 && !*reply; i++)
                turn();
        cr_assert_not_null(*reply, "no reply");
        return *reply;
}

sd_bus_message *get_all(sd_bus *bus) {
        sd_bus_message *reply = NULL;

        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH,
                                               "org.freedesktop.DBus.Properties", "GetAll", on_reply, &reply,
                                               "s", JAIL_BUS_INTERFACE),
                      0);
        return await(&reply);
}

void assert_closed(int fd) {
        char buffer[65536];

        for (unsigned i = 0; i < 2000; i++) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

                if (n == 0 || (n < 0 && errno != EAGAIN))
                        return;
                turn();
        }
        cr_assert_fail("the connection is still open");
}
