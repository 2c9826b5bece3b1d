/* What a program is that does not behave: programs of the system stand in for a server of a strange tree. */

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "capture.h"

static Capture run(char *program, char *argument) {
        char *const argv[] = { program, argument, NULL };
        _cleanup_free_ char *reason = NULL;
        Capture c = {};
        int r = capture_run(argv, (char *[]){ NULL }, &(CaptureOptions){}, &c, &reason);

        cr_assert_eq(r, 0, "%s", reason ?: strerror(-r));
        return c;
}

Test(capture, what_it_says) {
        _cleanup_(capture_done) Capture c = run((char[]){ "/bin/echo" }, (char[]){ "a word" });

        cr_assert(capture_succeeded(&c));
        cr_assert_str_eq(c.out, "a word\n");
        cr_assert_eq(c.out_length, strlen(c.out));
        cr_assert_eq(c.err_length, 0);
}

/* It would fill the memory of the host until somebody lost patience. */
Test(capture, one_that_never_stops) {
        _cleanup_(capture_done) Capture c = run((char[]){ "/usr/bin/yes" }, (char[]){ "and on" });

        cr_assert(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGXFSZ, "status %d", c.status);
        cr_assert_eq(c.out_length, 256 * 1024 * 1024);
}

Test(capture, one_that_is_not_there) {
        _cleanup_(capture_done) Capture c = run((char[]){ "/nonexistent/program" }, NULL);

        cr_assert_not(capture_succeeded(&c));
        cr_assert_neq(strstr(c.err, "/nonexistent/program: No such file or directory"), NULL, "%s", c.err);
}
