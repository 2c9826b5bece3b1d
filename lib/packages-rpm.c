#include "packages-internal.h"

#include "strv.h"

/* rpm(8). The answer of --file does not repeat the question, and is of two lines where two packages share a file: so the
 * first question is only which packages there are, the second which of the files are theirs. */

/* Before what is an answer and no complaint: rpm says on standard output, too, that a file is nobody's. */
#define MARK '+'

/* "+NAME-VERSION-RELEASE.ARCH" */
static int take_package(PackageSearch *s, char *line) {
        return line[0] == MARK && !strv_contains(s->words, line + 1) ? strv_extend(&s->words, line + 1) : 0;
}

/* "+NAME VERSION-RELEASE PATH" */
static int take_file(PackageSearch *s, char *line) {
        char *name = line + 1, *version, *path;
        int r;

        if (line[0] != MARK || !(version = strchr(name, ' ')) || !(path = strchr(version + 1, ' ')))
                return 0;
        *path = '\0';
        r = package_search_set_owner(s, path + 1, name, (size_t) (version - name));
        return r <= 0 ? r : package_search_set_version(s, name, (size_t) (version - name), version + 1);
}

static int begin(PackageSearch *s, char **reterr) {
        static const char *const words[] = { "--query", "--file", "--queryformat=+%{NEVRA}\\n", NULL };

        return package_search_ask_paths(s, words, "", false, reterr);
}

static int end(PackageSearch *s, char **reterr) {
        static const char *const words[] = { "--query", "--queryformat=[+%{=NAME} %{=EVR} %{FILENAMES}\\n]",
                                             "--", NULL };
        _cleanup_strv_free_ char **more = NULL;
        size_t n = s->n_children;
        int r = package_search_take(s, 0, n, take_package, reterr);

        if (r < 0 || !s->words)
                return r;
        for (const char *const *word = words; r >= 0 && *word; word++)
                r = strv_extend(&more, *word);
        for (char **package = s->words; r >= 0 && *package; package++)
                r = strv_extend(&more, *package);
        if (r >= 0)
                r = package_search_ask(s, more, reterr);
        return r < 0 ? r : package_search_take(s, n, n + 1, take_file, reterr);
}

const PackageManager package_manager_rpm = {
        .programs = { "/usr/bin/rpm", "/bin/rpm" },
        /* Where Fedora has it now, and where others and old ones have; by the file of each format. */
        .databases = { "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite",
                       "/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/Packages" },
        .option = "--dbpath",
        .begin = begin,
        .end = end,
};
