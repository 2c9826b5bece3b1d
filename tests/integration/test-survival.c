/* The supervisor may die: the server goes on, and the next supervisor with it. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "hammer.h"
#include "jailtest.h"
#include "keeper.h"

TestSuite(survival, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

static Keeper *keep_running(const char *conf) {
        Keeper *k;

        jail_use_built();
        if (conf)
                jail_conf_write(JAILTEST_NAME, conf);
        k = keeper_start();
        cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
        return k;
}

static void assert_serves(void) {
        HttpReply reply = http_get(JAILTEST_URL, NULL);

        cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
}

static pid_t main_pid(void) {
        return (pid_t) jail_status_number("main-pid");
}

Test(survival, killed_supervisor_loses_no_request) {
        enum {
                KILLS = 5
        };
        Keeper *k = keep_running(NULL);
        pid_t master = main_pid();
        Hammer *hammer = hammer_start(JAILTEST_PORT, 2 * USEC_PER_MSEC);
        HammerCount count;

        for (unsigned i = 0; i < KILLS; i++) {
                cr_assert(WIFSIGNALED(keeper_end(k, SIGKILL)));
                assert_serves();
                keeper_begin(k);
                cr_assert(keeper_wait_ready(k, 30), "%s", file_read(KEEPER_LOG));
                cr_assert_eq(main_pid(), master);
        }
        count = hammer_stop(hammer);
        cr_assert(count.refused == 0 && count.reset == 0 && count.bad == 0,
                  "%u refused, %u reset, %u bad of %u", count.refused, count.reset, count.bad, count.ok);
        cr_assert_eq(jail_status_number("restarts"), 0);

        /* It is supervised: when it dies, the next one comes. */
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_neq(jail_wait_for_other_master(master, 20), master);
        assert_serves();
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert_eq(process_count("apache2"), 0);
        cr_assert_eq(keeper_count(k, "instance"), 0);
        cr_assert_eq(keeper_count(k, "listen"), 0);
}
