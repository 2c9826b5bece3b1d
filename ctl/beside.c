#include "beside.h"

#include <sys/stat.h>

#include "client.h"
#include "output.h"
#include "unit.h"

#define MIGRATE "/proc/sys/net/ipv4/tcp_migrate_req"

/* A drop-in that ends with the boot at the latest. */
#define DROP_IN_DIR  "/run/systemd/system/%s.d"
#define DROP_IN_FILE DROP_IN_DIR "/jaild-unadopt.conf"

/* Where options for the server come from an environment variable. Debian's apachectl splits its value at blanks, so what is between
 * the directive and its argument must be a blank for Apache only: a form feed. */
static const struct {
        const char *unit;
        const char *variable;
} servers[] = {
        { "apache2.service", "APACHE_ARGUMENTS" },
};

static const char *find_variable(const char *unit) {
        for (size_t i = 0; i < ELEMENTSOF(servers); i++)
                if (streq(servers[i].unit, unit))
                        return servers[i].variable;
        return NULL;
}

static int write_drop_in(const char *unit, const char *variable) {
        _cleanup_free_ char *dir = NULL, *path = NULL;
        _cleanup_fclose_ FILE *f = NULL;

        if (asprintf(&dir, DROP_IN_DIR, unit) < 0 || asprintf(&path, DROP_IN_FILE, unit) < 0)
                return -ENOMEM;
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
                return -errno;
        f = fopen(path, "we");
        if (!f)
                return -errno;
        fprintf(f,
                "# Made by jailctl unadopt for one start.\n"
                "[Service]\n"
                "Environment=\"%s=-C ListenCoresBucketsRatio\\f65535\"\n",
                variable);
        return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}

static void remove_drop_in(const char *unit) {
        _cleanup_free_ char *dir = NULL, *path = NULL;

        if (asprintf(&dir, DROP_IN_DIR, unit) < 0 || asprintf(&path, DROP_IN_FILE, unit) < 0)
                return;
        (void) unlink(path);
        /* Unless somebody else has one there. */
        (void) rmdir(dir);
}

static int start_sharing(const char *name, const char *unit, const char *variable, char **reterr) {
        _cleanup_free_ char *aside = NULL;
        int r = write_drop_in(unit, variable);

        if (r >= 0)
                r = unit_read_all(reterr);
        if (r >= 0)
                r = unit_do("StartUnit", unit, name, reterr);
        remove_drop_in(unit);
        (void) unit_read_all(&aside);
        return r;
}

int beside_start(const char *name, const char *unit, char **reterr) {
        const char *variable = find_variable(unit);
        _cleanup_free_ char *aside = NULL;
        int r;

        if (!variable)
                return -EOPNOTSUPP;
        /* What the administrator says there is not to be replaced. */
        r = unit_sets_variable(unit, variable, reterr);
        if (r != 0)
                return r < 0 ? r : -EOPNOTSUPP;
        r = client_share(name, true, name, reterr);
        if (r < 0)
                return r;
        r = start_sharing(name, unit, variable, reterr);
        if (r < 0)
                (void) client_share(name, false, name, &aside);
        return r;
}

static int write_number(const char *path, int number) {
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        if (!f || fprintf(f, "%d\n", number) < 0 || fflush(f) != 0)
                return -errno;
        return 0;
}

int beside_migrate(const char *name) {
        _cleanup_fclose_ FILE *f = fopen(MIGRATE, "re");
        int before, r;

        if (!f || fscanf(f, "%d", &before) != 1)
                r = f ? -EIO : -errno;
        else
                r = before > 0 ? 0 : write_number(MIGRATE, 1);
        if (r >= 0)
                return before;
        print_error(name, "cannot set " MIGRATE ": %s; clients that connect just now may be lost",
                    strerror(-r));
        return r;
}

void beside_migrate_restore(int before) {
        if (before == 0)
                (void) write_number(MIGRATE, before);
}
