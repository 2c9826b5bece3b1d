#include "planner-components.h"

/* What apr-util opens by a name that the configuration has: databases, ciphers, formats of keyed files. A driver whose file is
 * not there is one that apr-util was built with, or Apache refuses its configuration. */

static const struct {
        const char *directive;
        int argument;
        /* What must be before the name. */
        const char *prefix;
        const char *kind;
} drivers[] = {
        { "DBDriver", 0, "", "dbd" },       { "SessionCryptoDriver", 0, "", "crypto" },
        { "AuthDBMType", 0, "", "dbm" },    { "AuthzDBMType", 0, "", "dbm" },
        { "DavLockDBType", 0, "", "dbm" },  { "ProxyExpressDBMType", 0, "", "dbm" },
        { "RewriteMap", 1, "dbm=", "dbm" },
};

/* The name is letters and digits, as far as they go. */
static int add_driver(Planner *p, const ComponentTrigger *t, const char *kind, const char *name,
                      const char *where, char **reterr) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        const char *library = t->entry->path;
        _cleanup_free_ char *path = NULL, *why = NULL;

        if (n == 0)
                return 0;
        if (asprintf(&path, "%.*s/apr-util-1/apr_%s_%.*s-1.so", (int) (strrchr(library, '/') - library),
                     library, kind, (int) n, name) < 0 ||
            asprintf(&why, "a driver that apr-util opens (%s)", where) < 0)
                return -ENOMEM;
        return component_exists(p, path, NULL) ? component_add_library(p, t, path, why, reterr) : 0;
}

int component_add_drivers(Planner *p, const ComponentTrigger *t, char **reterr) {
        const Apache *a = p->apache;

        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];

                for (size_t k = 0; !d->is_section && k < ELEMENTSOF(drivers); k++) {
                        const char *argument = strv_length(d->arguments) > (size_t) drivers[k].argument
                                                               ? d->arguments[drivers[k].argument]
                                                               : "";
                        size_t n = strlen(drivers[k].prefix);
                        _cleanup_free_ char *where = NULL;
                        int r;

                        if (strcasecmp(drivers[k].directive, d->name) != 0 ||
                            strncmp(argument, drivers[k].prefix, n) != 0)
                                continue;
                        if (asprintf(&where, "%s %s (%s:%u)", d->name, argument, d->file, d->line) < 0)
                                return -ENOMEM;
                        r = add_driver(p, t, drivers[k].kind, argument + n, where, reterr);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
