/* What the control interface serves, and whom. */

#include <criterion/criterion.h>

#include "controltest.h"

TestSuite(control, .init = controltest_setup, .fini = controltest_teardown, .timeout = 20);

static void assert_error(sd_bus_message *reply, const char *name, const char *message) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        cr_assert_not_null(e, "no error");
        cr_assert_str_eq(e->name, name);
        cr_assert_str_eq(e->message, message);
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

Test(control, sockets_are_shared_for_root_only, .init = controltest_setup_with_group) {
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

Test(control, a_stranger_reads_and_changes_nothing, .init = controltest_setup_without_group) {
        if (getuid() == 0)
                assert_may_only_read(connect_bus_as(STRANGER_UID, STRANGER_UID, STRANGER_UID));
        else
                assert_may_only_read(connect_bus());
}

Test(control, a_member_of_the_group_may_change, .init = controltest_setup_with_group) {
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

/* What the interface has, as its introspection says it, a line for each: "|  *NAME*" and ":  TYPES", as tables of scdoc(5) have
 * them. */
static char *interface_as_rows(char *xml) {
        char *rows = NULL, *begin = strstr(xml, "<interface name=\"" JAIL_BUS_INTERFACE "\">"), *save;
        size_t size;
        FILE *f = open_memstream(&rows, &size);
        char name[64], types[64] = "", attribute[64];

        cr_assert(begin && f);
        *strstr(begin, "</interface>") = '\0';
        for (char *line = strtok_r(begin, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                bool is_property = sscanf(line, " <property name=\"%63[^\"]\" type=\"%63[^\"]\"", name,
                                          types) == 2;

                if (is_property || strstr(line, "</method>") || strstr(line, "</signal>"))
                        fprintf(f, "|  *%s*\n:  %s\n", name, types[0] ? types : "-");
                else if (sscanf(line, " <method name=\"%63[^\"]\"", name) == 1 ||
                         sscanf(line, " <signal name=\"%63[^\"]\"", name) == 1) {
                        types[0] = '\0';
                        if (strstr(line, "/>"))
                                fprintf(f, "|  *%s*\n:  -\n", name);
                } else if (sscanf(line, " <arg type=\"%63[^\"]\"", attribute) == 1)
                        strcat(types, attribute);
        }
        fclose(f);
        return rows;
}

Test(control, the_manual_has_every_member) {
        _cleanup_free_ char *manual = NULL, *rows = NULL, *copy = NULL;
        _cleanup_fclose_ FILE *f = fopen(JAILD_MANUAL, "re");
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = NULL;
        const char *xml;
        char *told;
        size_t size = 0;
        unsigned n = 0, n_told = 0;

        cr_assert_geq(sd_bus_call_method_async(bus, NULL, NULL, JAIL_BUS_PATH,
                                               "org.freedesktop.DBus.Introspectable", "Introspect", on_reply,
                                               &reply, ""),
                      0);
        cr_assert_gt(sd_bus_message_read(await(&reply), "s", &xml), 0);
        copy = strdup(xml);
        rows = interface_as_rows(copy);
        cr_assert_gt(getdelim(&manual, &size, '\0', f), 0);
        told = strstr(manual, "# D-BUS");
        *strstr(told, "# ENVIRONMENT") = '\0';

        for (char *row = rows; *row; row += strlen(row) + 1, n++) {
                *strchr(strchr(row, '\n') + 1, '\n') = '\0';
                cr_expect(strstr(told, row), "jaild(8) does not have\n%s", row);
        }
        for (const char *at = told; (at = strstr(at, "\n|  *")); at++)
                n_told++;
        cr_assert(n > 30 && n == n_told, "there are %u members, and jaild(8) has %u", n, n_told);
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}
