/* The tour of the README, word for word: each command does what it says there, and says what it says there. */

#include <criterion/criterion.h>

#include "jailtest.h"

TestSuite(tour, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

Test(tour, readme) {
        RunResult r;

        apache_make_private();
        cr_assert_eq(setenv("PATH",
                            path("%.*s:%s", (int) (strrchr(jailctl_path(), '/') - jailctl_path()),
                                 jailctl_path(), getenv("PATH")),
                            1),
                     0);
        cr_assert(setenv("LC_ALL", "C.UTF-8", 1) == 0 && setenv("TERM", "dumb", 1) == 0);
        r = run(TOUR, README, "A tour of two minutes", "Moving a site in", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_geq(atoi(r.out), 10);
}
