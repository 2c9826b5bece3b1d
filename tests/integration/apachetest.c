#include "apachetest.h"

#include <criterion/criterion.h>

#include "jailtest.h"

void apache_use_mpm(const char *name) {
        RunResult r = run("find", "/etc/apache2/mods-enabled", "-name", "mpm_*", "-delete", NULL);

        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_eq(symlink(path("../mods-available/mpm_%s.load", name),
                             path("/etc/apache2/mods-enabled/mpm_%s.load", name)),
                     0);
        cr_assert_eq(symlink(path("../mods-available/mpm_%s.conf", name),
                             path("/etc/apache2/mods-enabled/mpm_%s.conf", name)),
                     0);
}

void apache_add_conf(const char *name, const char *text) {
        file_write(path("/etc/apache2/conf-enabled/%s.conf", name), text);
}

void apache_make_certificate(void) {
        RunResult r = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout",
                          "/etc/apache2/test.key", "-out", "/etc/apache2/test.crt", NULL);

        cr_assert_eq(r.status, 0, "%s", r.err);
}
