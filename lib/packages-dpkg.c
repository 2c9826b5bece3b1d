#include "packages-internal.h"

#include <fcntl.h>

#include "file.h"

/* dpkg-query(1): --search says whose a file is, --show of which version a package is. What the scripts of a package make is
 * nobody's for it. */

/* Of settings that a script put in place and keeps: ucf(1). */
#define UCF_REGISTRY "/var/lib/ucf/registry"
#define UCF_MAX      (4 * 1024 * 1024)

/* What no list has. */
static const struct {
        const char *path, *package;
} made[] = {
        { "/etc/ssl/certs/ca-certificates.crt", "ca-certificates" },
};

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

/* "PACKAGE <blank> PATH" */
static int take_ucf(PackageSearch *s, const char *line) {
        size_t length = strcspn(line, " \t");
        const char *path = line + length + strspn(line + length, " \t");

        return length > 0 && *path == '/' ? package_search_set_owner(s, path, line, length) : 0;
}

/* Whoever is not known yet may be known to ucf, where that is in use, or to us. */
static int take_made(PackageSearch *s) {
        _cleanup_close_ int root_fd = open(s->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        int r = root_fd < 0 ? -errno : file_load(root_fd, UCF_REGISTRY, UCF_MAX, &text, NULL);

        if (r == -ENOMEM)
                return r;
        r = 0;
        for (char *save, *line = text ? strtok_r(text, "\n", &save) : NULL; r >= 0 && line;
             line = strtok_r(NULL, "\n", &save))
                r = take_ucf(s, line);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(made); i++)
                r = package_search_set_owner(s, made[i].path, made[i].package, strlen(made[i].package));
        return r;
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

        if (r >= 0)
                r = take_made(s);
        return r < 0 ? r : package_search_take(s, last, last + 1, take_version, reterr);
}

const PackageManager package_manager_dpkg = {
        .programs = { "/usr/bin/dpkg-query", "/bin/dpkg-query" },
        .databases = { "/var/lib/dpkg/status" },
        .option = "--admindir",
        .begin = begin,
        .end = end,
};
