/* Whose files are whose, in trees that dpkg and rpm have made. */

#include <criterion/criterion.h>
#include <sys/wait.h>

#include "packages.h"
#include "tree.h"

static bool runs(const char *command) {
        int status = system(command);

        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static Packages find(const Tree *t, const char *const *paths, size_t n) {
        _cleanup_free_ char *reason = NULL;
        Packages found = {};
        int r = packages_find(t->folder, paths, n, &found, &reason);

        cr_assert_eq(r, 0, "%s", reason ?: strerror(-r));
        return found;
}

static const char *package_of(const Packages *found, size_t i) {
        return found->owners[i] < 0 ? "" : found->packages[found->owners[i]].name;
}

static const char *version_of(const Packages *found, size_t i) {
        return found->owners[i] < 0 ? "" : found->packages[found->owners[i]].version;
}

static const char *const asked[] = {
        "/usr/sbin/httpd",
        "/etc/nobody's",
        "/usr/lib64/libshared.so",
        /* No pattern. */
        "/usr/sbin/http?",
        "/gone",
        "/usr/lib64/mod_a.so",
};

static void assert_found(const Packages *found) {
        cr_assert_str_eq(package_of(found, 0), "jaild-test-httpd");
        cr_assert_str_eq(version_of(found, 0), "2.4.57-5");
        cr_assert_str_eq(package_of(found, 1), "");
        cr_assert_str_eq(package_of(found, 2), "jaild-test-library");
        cr_assert_str_eq(version_of(found, 2), "1:1.0-1");
        cr_assert_str_eq(package_of(found, 3), "");
        cr_assert_str_eq(package_of(found, 4), "");
        cr_assert_str_eq(package_of(found, 5), "jaild-test-httpd");
}

Test(packages, nobody_to_ask_is_no_error) {
        _cleanup_tree_ Tree t = {};
        Packages found;

        tree_open(&t);
        found = find(&t, asked, ELEMENTSOF(asked));
        for (size_t i = 0; i < ELEMENTSOF(asked); i++)
                cr_assert_str_eq(package_of(&found, i), "");
        packages_done(&found);
        found = find(&t, NULL, 0);
        packages_done(&found);
}

#define DPKG_PACKAGE(name, version)                                                                         \
        "Package: " name "\nStatus: install ok installed\nVersion: " version                                \
        "\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n\n"

Test(packages, dpkg) {
        _cleanup_tree_ Tree t = {};
        Packages found;

        if (access("/usr/bin/dpkg-query", X_OK) < 0)
                cr_skip_test("no dpkg-query here");
        tree_open(&t);
        tree_text(&t, "/var/lib/dpkg/status",
                  DPKG_PACKAGE("jaild-test-httpd", "2.4.57-5") DPKG_PACKAGE("jaild-test-library", "1:1.0-1")
                                  DPKG_PACKAGE("jaild-test-other", "7"));
        tree_text(&t, "/var/lib/dpkg/info/format", "1\n");
        tree_text(&t, "/var/lib/dpkg/info/jaild-test-httpd.list", "/usr/sbin/httpd\n/usr/lib64/mod_a.so\n");
        /* As before /lib64 was a link. */
        tree_text(&t, "/var/lib/dpkg/info/jaild-test-library.list", "/lib64/libshared.so\n");
        tree_text(&t, "/var/lib/dpkg/info/jaild-test-other.list", "/usr/sbin/other\n");
        found = find(&t, asked, ELEMENTSOF(asked));
        assert_found(&found);
        cr_assert_eq(found.n_packages, 2);
        packages_done(&found);
}

#define RPM_SPEC(name, version, release, more)                                                              \
        "Name: " name "\nVersion: " version "\nRelease: " release "\n" more                                 \
        "Summary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%install\n"

Test(packages, rpm) {
        _cleanup_tree_ Tree t = {};
        _cleanup_free_ char *command = NULL;
        Packages found;

        if (!runs("command -v rpm rpmbuild >/dev/null"))
                cr_skip_test("no rpm and rpmbuild here");
        tree_open(&t);
        tree_text(&t, "/httpd.spec",
                  RPM_SPEC("jaild-test-httpd", "2.4.57", "5",
                           "") "mkdir -p %{buildroot}/usr/sbin %{buildroot}/usr/lib64\n"
                               "echo 1 >%{buildroot}/usr/sbin/httpd\n"
                               "echo 2 >%{buildroot}/usr/lib64/mod_a.so\n"
                               "%files\n/usr/sbin/httpd\n/usr/lib64/mod_a.so\n");
        tree_text(&t, "/library.spec",
                  RPM_SPEC("jaild-test-library", "1.0", "1",
                           "Epoch: 1\n") "mkdir -p %{buildroot}/usr/lib64\n"
                                         "echo 3 >%{buildroot}/usr/lib64/libshared.so\n"
                                         "%files\n/usr/lib64/libshared.so\n");
        tree_folder(&t, "/var/lib/rpm");
        cr_assert(asprintf(&command,
                           "cd '%s' && for package in httpd library; do "
                           "rpmbuild -bb --define \"_topdir $PWD/build\" --define \"_dbpath $PWD/build/db\" $package.spec && "
                           "rpm --dbpath=$PWD/var/lib/rpm --justdb --nodeps --noscripts -i build/RPMS/noarch/*$package*.rpm "
                           "|| exit 1; done >log 2>&1 || { tail -n 3 log >&2; exit 1; }",
                           t.folder) > 0);
        cr_assert(runs(command));
        found = find(&t, asked, ELEMENTSOF(asked));
        assert_found(&found);
        packages_done(&found);
}
