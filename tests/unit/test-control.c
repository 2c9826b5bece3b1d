/* The socket, the bus and the credentials are real, the jail is not: it takes root to have one. Both ends live
 * in one event loop. */

#include <criterion/criterion.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
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

static Jail jail;
static sd_event *event;
static Control *control;
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

/* Whoever runs the tests may change things: root anyway, others as they are in the group. */
static void setup(void) {
        setup_group(getgid());
}

static void teardown(void) {
        control_free(control);
        sd_event_unref(event);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 20);

static int connect_raw(void) {
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

static sd_bus *connect_bus(void) {
        return bus_over(connect_raw());
}

/* The kernel notes who connects when it does. */
static sd_bus *connect_bus_as(uid_t uid, gid_t gid, gid_t supplementary) {
        int fd;

        cr_assert_eq(setgroups(1, &supplementary), 0);
        cr_assert_eq(setegid(gid), 0);
        cr_assert_eq(seteuid(uid), 0);
        fd = connect_raw();
        cr_assert_eq(seteuid(0), 0);
        cr_assert_eq(setegid(0), 0);
        return bus_over(fd);
}

static void turn(void) {
        cr_assert_geq(sd_event_run(event, 20 * USEC_PER_MSEC), 0);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        *(sd_bus_message **) userdata = sd_bus_message_ref(m);
        return 1;
}

static void send_method(sd_bus *bus, const char *member, sd_bus_message **reply) {
        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, member,
                                               on_reply, reply, ""),
                      0);
}

static sd_bus_message *await(sd_bus_message **reply) {
        for (unsigned i = 0; i < 500 && !*reply; i++)
                turn();
        cr_assert_not_null(*reply, "no reply");
        return *reply;
}

static sd_bus_message *get_all(sd_bus *bus) {
        sd_bus_message *reply = NULL;

        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH,
                                               "org.freedesktop.DBus.Properties", "GetAll", on_reply, &reply,
                                               "s", JAIL_BUS_INTERFACE),
                      0);
        return await(&reply);
}

static void assert_error(sd_bus_message *reply, const char *name, const char *message) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        cr_assert_not_null(e, "no error");
        cr_assert_str_eq(e->name, name);
        cr_assert_str_eq(e->message, message);
}

/* Turn the loop until the server has closed its end of fd. */
static void assert_closed(int fd) {
        char buffer[65536];

        for (unsigned i = 0; i < 2000; i++) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

                if (n == 0 || (n < 0 && errno != EAGAIN))
                        return;
                turn();
        }
        cr_assert_fail("the connection is still open");
}

static char *next_string(sd_bus_message *m, const char *type) {
        const char *name = NULL, *value = NULL;

        cr_assert_gt(sd_bus_message_enter_container(m, 'e', "sv"), 0);
        cr_assert_gt(sd_bus_message_read_basic(m, 's', &name), 0);
        if (streq(type, "s")) {
                cr_assert_gt(sd_bus_message_read(m, "v", "s", &value), 0);
        } else if (streq(type, "t")) {
                static char number[32];
                uint64_t t;

                cr_assert_gt(sd_bus_message_read(m, "v", "t", &t), 0);
                snprintf(number, sizeof(number), "%llu", (unsigned long long) t);
                value = number;
        } else if (streq(type, "d")) {
                static char number[32];
                double d;

                cr_assert_gt(sd_bus_message_read(m, "v", "d", &d), 0);
                snprintf(number, sizeof(number), "%.1f", d);
                value = number;
        } else if (streq(type, "u")) {
                static char number[32];
                unsigned u;

                cr_assert_gt(sd_bus_message_read(m, "v", "u", &u), 0);
                snprintf(number, sizeof(number), "%u", u);
                value = number;
        } else {
                static char joined[256];
                const char *item;

                joined[0] = 0;
                cr_assert_gt(sd_bus_message_enter_container(m, 'v', "as"), 0);
                cr_assert_gt(sd_bus_message_enter_container(m, 'a', "s"), 0);
                while (sd_bus_message_read_basic(m, 's', &item) > 0) {
                        strcat(joined, "<");
                        strcat(joined, item);
                        strcat(joined, ">");
                }
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
                value = joined;
        }
        cr_assert_geq(sd_bus_message_exit_container(m), 0);

        char *line = NULL;
        cr_assert_gt(asprintf(&line, "%s=%s", name, value), 0);
        return line;
}

Test(control, properties_say_what_the_jail_says) {
        static const struct {
                const char *type;
                const char *line;
        } expected[] = {
                { "s", "Name=web" },
                { "s", "Description=caf?, \xc3\xa9t\xc3\xa9" },
                { "s", "State=running" },
                { "t", "StateSince=1700000000000000" },
                { "u", "MainPID=4711" },
                { "u", "StandbyPID=4712" },
                { "u", "Generation=3" },
                { "u", "Restarts=2" },
                { "u", "WorkerDeaths=1" },
                { "s", "LastWorkerDeath=killed by SIGBUS, core not kept" },
                { "s", "Health=status 200 in 3 ms" },
                { "s", "LastFailure=master killed by SIGSEGV" },
                { "t", "LastFailureTime=1600000000000000" },
                { "s", "LastNotice=the clock was set back by 7 s, the jail goes on as it was" },
                { "t", "LastNoticeTime=1650000000000000" },
                { "t", "NextStart=0" },
                { "as", "Listen=<127.0.0.1:8080 [::]:80><[::]:443>" },
                { "u", "Processes=9" },
                { "u", "Tasks=55" },
                { "t", "Memory=21474836480" },
                { "t", "CPUUsage=1234567" },
                { "t", "Requests=77" },
                { "d", "RequestRate=1.5" },
                { "u", "BusyWorkers=3" },
                { "u", "IdleWorkers=47" },
                { "t", "LogDropped=12884901888" },
                { "as", "Layers=<namespaces><read-only root>" },
        };
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = get_all(bus);

        cr_assert_null(sd_bus_message_get_error(reply));
        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', "{sv}"), 0);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_free_ char *line = next_string(reply, expected[i].type);

                cr_assert_str_eq(line, expected[i].line);
        }
        cr_assert_eq(sd_bus_message_at_end(reply, false), 1, "a property that this test does not know");

        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}

Test(control, a_request_is_answered_when_it_is_settled) {
        static const struct {
                const char *member;
                JailRequest request;
        } methods[] = {
                { JAIL_BUS_START, JAIL_START },
                { JAIL_BUS_STOP, JAIL_STOP },
                { JAIL_BUS_RESTART, JAIL_RESTART },
                { JAIL_BUS_RELOAD, JAIL_RELOAD },
        };
        sd_bus *bus = connect_bus();

        for (unsigned i = 0; i < ELEMENTSOF(methods); i++) {
                sd_bus_message *reply = NULL;

                send_method(bus, methods[i].member, &reply);
                for (unsigned k = 0; k < 100 && jail.n_requests == i; k++)
                        turn();
                cr_assert_eq(jail.n_requests, i + 1);
                cr_assert_eq(jail.request, methods[i].request);
                cr_assert_null(reply, "answered before it was settled");

                jail.done(0, NULL, jail.done_userdata);
                cr_assert_null(sd_bus_message_get_error(await(&reply)));
                sd_bus_message_unref(reply);
        }
        sd_bus_flush_close_unref(bus);
}

Test(control, replace_names_its_generation) {
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = NULL;

        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE,
                                               JAIL_BUS_REPLACE, on_reply, &reply, "u", 7),
                      0);
        for (unsigned k = 0; k < 100 && jail.n_requests == 0; k++)
                turn();
        cr_assert_eq(jail.request, JAIL_RESTART);
        cr_assert_eq(jail.generation, 7);
        jail.done(0, NULL, jail.done_userdata);
        cr_assert_null(sd_bus_message_get_error(await(&reply)));
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}

static void setup_with_group(void);

static void share(sd_bus *bus, bool wanted, bool granted) {
        sd_bus_message *reply = NULL;

        jail.is_shared = !wanted;
        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE,
                                               JAIL_BUS_SHARE, on_reply, &reply, "b", wanted),
                      0);
        cr_assert_eq(sd_bus_message_get_error(await(&reply)) == NULL, granted);
        cr_assert_eq(jail.is_shared == wanted, granted);
        sd_bus_message_unref(reply);
}

Test(control, sockets_are_shared_for_root_only, .init = setup_with_group) {
        sd_bus *bus;

        if (getuid() != 0)
                cr_skip_test("being two users takes root");
        bus = connect_bus();
        share(bus, true, true);
        share(bus, false, true);
        sd_bus_flush_close_unref(bus);
        bus = connect_bus_as(STRANGER_UID, STRANGER_UID, GROUP_GID);
        share(bus, true, false);
        sd_bus_flush_close_unref(bus);
}

Test(control, a_failure_brings_its_reason) {
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = NULL;

        send_method(bus, JAIL_BUS_RELOAD, &reply);
        while (jail.n_requests == 0)
                turn();
        jail.done(-EINVAL, "AH00526: Syntax error on line 3\nInvalid command '\xff'", jail.done_userdata);
        assert_error(await(&reply), JAIL_BUS_ERROR_FAILED,
                     "AH00526: Syntax error on line 3\nInvalid command '?'");
        sd_bus_message_unref(reply);

        reply = NULL;
        jail.refusal = -ENOTCONN;
        jail.refusal_reason = "web is not running";
        send_method(bus, JAIL_BUS_RELOAD, &reply);
        assert_error(await(&reply), JAIL_BUS_ERROR_NOT_RUNNING, "web is not running");
        sd_bus_message_unref(reply);

        reply = NULL;
        jail.refusal = -EBUSY;
        jail.refusal_reason = "a reload is under way";
        send_method(bus, JAIL_BUS_RELOAD, &reply);
        assert_error(await(&reply), JAIL_BUS_ERROR_BUSY, "a reload is under way");
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}

Test(control, one_request_at_a_time_from_one_connection) {
        sd_bus *bus = connect_bus();
        sd_bus_message *first = NULL, *second = NULL;

        send_method(bus, JAIL_BUS_STOP, &first);
        send_method(bus, JAIL_BUS_START, &second);
        assert_error(await(&second), JAIL_BUS_ERROR_BUSY,
                     "this connection's last request is still under way");
        cr_assert_eq(jail.n_requests, 1);
        cr_assert_null(first);
        sd_bus_message_unref(second);
        sd_bus_close_unref(bus);
}

Test(control, whoever_left_is_forgotten) {
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = NULL;

        send_method(bus, JAIL_BUS_RESTART, &reply);
        while (jail.n_requests == 0)
                turn();
        sd_bus_close_unref(bus);
        for (unsigned i = 0; i < 100 && !jail.forgotten; i++)
                turn();
        cr_assert_eq(jail.forgotten, jail.done_userdata);
}

Test(control, state_changes_are_told) {
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = get_all(bus), *seen = NULL;
        const char *new_state, *old_state;

        cr_assert_geq(sd_bus_match_signal(bus, NULL, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE,
                                          JAIL_BUS_STATE_CHANGED, on_reply, &seen),
                      0);
        control_state_changed(control);
        jail.status.state = LIFECYCLE_WAITING;
        control_state_changed(control);
        await(&seen);
        cr_assert_gt(sd_bus_message_read(seen, "ss", &new_state, &old_state), 0);
        cr_assert_str_eq(new_state, "waiting");
        cr_assert_str_eq(old_state, "running");

        sd_bus_message_unref(seen);
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}

static void assert_may_only_read(sd_bus *bus) {
        unsigned n_requests = jail.n_requests;
        sd_bus_message *reply = get_all(bus);

        cr_assert_null(sd_bus_message_get_error(reply));
        sd_bus_message_unref(reply);

        reply = NULL;
        send_method(bus, JAIL_BUS_STOP, &reply);
        assert_error(await(&reply), SD_BUS_ERROR_ACCESS_DENIED, "stopping needs root or group jaild");
        cr_assert_eq(jail.n_requests, n_requests);
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}

static void setup_without_group(void) {
        setup_group((gid_t) -1);
}

Test(control, a_stranger_reads_and_changes_nothing, .init = setup_without_group) {
        if (getuid() == 0)
                assert_may_only_read(connect_bus_as(STRANGER_UID, STRANGER_UID, STRANGER_UID));
        else
                assert_may_only_read(connect_bus());
}

static void setup_with_group(void) {
        setup_group(GROUP_GID);
}

Test(control, a_member_of_the_group_may_change, .init = setup_with_group) {
        if (getuid() != 0)
                cr_skip_test("joining a group takes root");

        for (unsigned i = 0; i < 2; i++) {
                sd_bus *bus = i == 0 ? connect_bus_as(STRANGER_UID, STRANGER_UID, GROUP_GID)
                                     : connect_bus_as(STRANGER_UID, GROUP_GID, STRANGER_UID);
                sd_bus_message *reply = NULL;

                send_method(bus, JAIL_BUS_STOP, &reply);
                while (jail.n_requests == i)
                        turn();
                jail.done(0, NULL, jail.done_userdata);
                cr_assert_null(sd_bus_message_get_error(await(&reply)));
                sd_bus_message_unref(reply);
                sd_bus_flush_close_unref(bus);
        }
        assert_may_only_read(connect_bus_as(STRANGER_UID, STRANGER_UID, STRANGER_UID));
}

Test(control, garbage_ends_its_own_connection_only) {
        sd_bus *bus = connect_bus();
        char garbage[4096];
        int fd = connect_raw();

        for (size_t i = 0; i < sizeof(garbage); i++)
                garbage[i] = (char) (i * 37 + 11);
        cr_assert_eq(send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL), sizeof(garbage));
        assert_closed(fd);
        close(fd);

        sd_bus_message_unref(get_all(bus));
        sd_bus_flush_close_unref(bus);
}

/* Speaks the authentication and nothing more. */
static int connect_authenticated(void) {
        static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
        int fd = connect_raw();
        char buffer[512];

        cr_assert_eq(send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL), sizeof(hello) - 1);
        for (unsigned i = 0; i < 10; i++)
                turn();
        cr_assert_gt(recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
        return fd;
}

Test(control, a_message_without_end_is_cut) {
        /* A call, little endian, with a body of 100 MiB and no header fields. */
        static const unsigned char header[16] = { 'l', 1, 0, 1, 0, 0, 0x40, 6, 1 };
        static const char body[65536];
        int fd = connect_authenticated();
        size_t taken = 0;

        cr_assert_eq(send(fd, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
        for (unsigned i = 0; i < 10000; i++) {
                ssize_t n = send(fd, body, sizeof(body), MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        break;
                if (n > 0)
                        taken += n;
                turn();
                cr_assert_lt(taken, 16 << 20, "the server goes on reading");
        }
        assert_closed(fd);
        close(fd);
}

static int on_unread(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return 1;
}

Test(control, who_does_not_read_is_left) {
        sd_bus *other = connect_bus(), *bus = connect_bus();
        int fd;

        sd_bus_message_unref(get_all(bus));
        fd = dup(sd_bus_get_fd(bus));
        sd_bus_detach_event(bus);

        /* Ask and never read. */
        for (unsigned i = 0; i < 20000; i++) {
                if (sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH,
                                             "org.freedesktop.DBus.Properties", "GetAll", on_unread, NULL,
                                             "s", JAIL_BUS_INTERFACE) < 0)
                        break;
                turn();
        }
        assert_closed(fd);
        close(fd);
        sd_bus_close_unref(bus);

        sd_bus_message_unref(get_all(other));
        sd_bus_flush_close_unref(other);
}

Test(control, the_oldest_idle_one_makes_room) {
        sd_bus *busy = connect_bus();
        sd_bus_message *reply = NULL;
        int fds[40];

        send_method(busy, JAIL_BUS_RESTART, &reply);
        while (jail.n_requests == 0)
                turn();
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = connect_raw();
                turn();
                turn();
        }
        assert_closed(fds[0]);
        cr_assert_eq(recv(fds[ELEMENTSOF(fds) - 1], &(char){ 0 }, 1, MSG_DONTWAIT), -1);
        cr_assert_eq(errno, EAGAIN, "the newest must be served");

        jail.done(0, NULL, jail.done_userdata);
        cr_assert_null(sd_bus_message_get_error(await(&reply)));
        sd_bus_message_unref(reply);
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        sd_bus_flush_close_unref(busy);
}
