#include "packages-internal.h"

/* dpkg-query(1): --search says whose a file is, --show of which version a package is. */

/* Of all: that is no more work, and nothing has to be known for it. */
static char *const show[] = { (char[]){ "--show" },
                              (char[]){ "--showformat=${binary:Package} ${Version}\\n" }, NULL };

/* "PACKAGE[, PACKAGE…]: PATH"; of several that share a file, the first. */
static int take_owner(PackageSearch *s, char *line) {
        const char *end = strstr(line, ": /");
        size_t length = strcspn(line, ",");

        if (!end || strncmp(line, "diversion by ", strlen("diversion by ")) == 0)
                return 0;
        if (length > (size_t) (end - line))
                length = (size_t) (end - line);
        return package_search_set_owner(s, end + 2, line, length);
}

/* "PACKAGE VERSION" */
static int take_version(PackageSearch *s, char *line) {
        size_t n = strcspn(line, " ");

        return line[n] ? package_search_set_version(s, line, n, line + n + 1) : 0;
}

static int begin(PackageSearch *s, char **reterr) {
        static const char *const search[] = { "--search", NULL };
        int r = package_search_ask_paths(s, search, "*?[\\", true, reterr);

        return r < 0 ? r : package_search_ask(s, show, reterr);
}

/* Owners first: the versions are for those who are known. */
static int end(PackageSearch *s, char **reterr) {
        size_t last = s->n_children - 1;
        int r = package_search_take(s, 0, last, take_owner, reterr);

        return r < 0 ? r : package_search_take(s, last, last + 1, take_version, reterr);
}

const PackageManager package_manager_dpkg = {
        .programs = { "/usr/bin/dpkg-query", "/bin/dpkg-query" },
        .databases = { "/var/lib/dpkg/status" },
        .option = "--admindir",
        .begin = begin,
        .end = end,
};
