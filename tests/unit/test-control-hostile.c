/* A peer that is slow, mad or hostile costs its own connection and nothing else. */

#include <criterion/criterion.h>
#include <sys/socket.h>

#include "controltest.h"

TestSuite(control_hostile, .init = controltest_setup, .fini = controltest_teardown, .timeout = 20);

Test(control_hostile, garbage_ends_its_own_connection_only) {
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

Test(control_hostile, a_message_without_end_is_cut) {
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

Test(control_hostile, who_does_not_read_is_left) {
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

Test(control_hostile, the_oldest_idle_one_makes_room) {
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
