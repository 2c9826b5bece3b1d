/* The units as systemd will read them. */

#include <cap-ng.h>
#include <criterion/criterion.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "jailtest.h"

/* Put the programs where the units expect them. */
static void setup(void) {
        const char *const programs[] = { jaild_path(), jailctl_path() };
        char *unit = NULL, *save;

        jailtest_setup();
        unit = file_read(path("%s/jaild@.service", getenv("UNIT_DIR")));
        cr_assert_not_null(unit);
        for (char *line = strtok_r(unit, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char place[4096];
                char *slash;

                if (sscanf(line, "Exec%*[^=]=%4095s", place) != 1)
                        continue;
                slash = strrchr(place, '/');
                *slash = '\0';
                cr_assert(mount("programs", place, "tmpfs", 0, "mode=0755") == 0, "%s: %s", place,
                          strerror(errno));
                for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                        if (streq(strrchr(programs[i], '/') + 1, slash + 1))
                                cr_assert_eq(symlink(programs[i], path("%s/%s", place, slash + 1)), 0);
        }
}

TestSuite(units, .init = setup, .fini = jailtest_teardown, .timeout = 60);

Test(units, systemd_has_nothing_to_say) {
        static const char *const units[] = { "jaild@web.service", "jaild@web.socket",
                                             "jaild-verify@web.service", "jaild-verify@web.timer" };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                /* By its path, an instance is found beside its template. */
                RunResult r = run("systemd-analyze", "verify", "--man=no",
                                  path("%s/%s", getenv("UNIT_DIR"), units[i]), NULL);

                cr_assert_eq(r.status, 0, "%s", r.err);
                cr_assert_str_eq(r.err, "");
        }
}

/* What the unit leaves to jaild is what jaild keeps: a capability more is one too much, one less fails on systemd only. */
Test(units, capabilities_are_those_that_jaild_keeps) {
        char *unit = file_read(path("%s/jaild@.service", getenv("UNIT_DIR"))), *line, *save, *save_word;
        uint64_t allowed = 0, kept;
        pid_t master = jail_use_running();

        for (line = strtok_r(unit, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                static const char key[] = "CapabilityBoundingSet=CAP_";

                if (strncmp(line, key, strlen(key)) != 0)
                        continue;
                for (char *word = strtok_r(strchr(line, '=') + 1, " ", &save_word); word;
                     word = strtok_r(NULL, " ", &save_word)) {
                        int capability = capng_name_to_capability(word + strlen("CAP_"));

                        cr_assert_geq(capability, 0, "%s", word);
                        allowed |= 1ULL << capability;
                }
        }
        /* In a container root may lack some: what is not to be had is not kept. */
        allowed &= strtoull(process_field(getpid(), "CapBnd"), NULL, 16);
        kept = strtoull(process_field(atoi(process_field(master, "PPid")), "CapBnd"), NULL, 16);
        cr_assert_eq(kept, allowed, "jaild keeps %" PRIx64 ", the unit allows %" PRIx64, kept, allowed);
}
