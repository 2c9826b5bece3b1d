#include "closure-internal.h"

#include "rootpath.h"

/* What is opened with dlopen(), so that no header names it. */

/* Each was found missing in a jail, or by tracing the library. */
static const struct {
        /* The member that opens it, or for whose sake a library does. */
        const char *trigger;
        /* A library name; or with a slash, a path in the folder of the library that opens it. */
        const char *name;
        const char *opener;
        bool is_optional;
        const char *why;
} hidden_needs[] = {
        { "libc.so.6", "libgcc_s.so.1", NULL, false,
          "libgcc_s.so.1, which glibc opens to end a thread; without it a worker aborts" },
#define APR_UTIL(module, driver, purpose)                                                                   \
        { module, "apr-util-1/" driver, "libaprutil-1.so.0", true, driver ", which apr-util opens " purpose }
        APR_UTIL("mod_ldap.so", "apr_ldap-1.so", "for LDAP"),
        APR_UTIL("mod_session_crypto.so", "apr_crypto_openssl-1.so", "to encrypt sessions"),
        /* Where Berkeley DB is apr-util's default, as it is in Debian; elsewhere the file is not there. */
        APR_UTIL("mod_authn_dbm.so", "apr_dbm_db-1.so", "for a DBM file"),
        APR_UTIL("mod_authz_dbm.so", "apr_dbm_db-1.so", "for a DBM file"),
        APR_UTIL("mod_dav_fs.so", "apr_dbm_db-1.so", "for the locks of DAV"),
        APR_UTIL("mod_dav_lock.so", "apr_dbm_db-1.so", "for the locks of DAV"),
        APR_UTIL("mod_proxy_express.so", "apr_dbm_db-1.so", "for a DBM file"),
        APR_UTIL("mod_socache_dbm.so", "apr_dbm_db-1.so", "for a DBM file"),
#undef APR_UTIL
};

/* The path of name in the folder where the library of this soname really is. Returns 1, or 0 without such a member. */
static int path_beside(Closure *c, const Scope *s, const char *soname, const char *name, char **ret) {
        _cleanup_free_ char *real = NULL;
        ssize_t m = scope_find_soname(c, s, soname);
        int r;

        if (m < 0)
                return 0;
        r = rootpath_resolve(c->root_fd, c->objects[s->members[m].object].path, &real);
        if (r < 0)
                return r;
        return asprintf(ret, "%.*s/%s", (int) (strrchr(real, '/') - real), real, name) < 0 ? -ENOMEM : 1;
}

int scope_resolve_hidden(Closure *c, Scope *s, ssize_t member, char **reterr) {
        /* A program without a loader opens nothing, whatever its file calls itself. */
        const char *soname = s->loader ? c->objects[s->members[member].object].item.soname : NULL;

        for (size_t i = 0; soname && i < ELEMENTSOF(hidden_needs); i++) {
                _cleanup_free_ char *path = NULL;
                int r = 1;

                if (!streq(soname, hidden_needs[i].trigger))
                        continue;
                if (hidden_needs[i].opener)
                        r = path_beside(c, s, hidden_needs[i].opener, hidden_needs[i].name, &path);
                if (r > 0)
                        r = scope_resolve(c, s, member, path ?: hidden_needs[i].name, CLOSURE_HIDDEN,
                                          hidden_needs[i].why, hidden_needs[i].is_optional, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Whether the C library of the scope has the lookup of files and of dns within itself. */
static int has_built_in_nss(Closure *c, const Object *libc, char **reterr) {
        _cleanup_close_ int fd = -EBADF;
        const char *reason = NULL;
        struct stat st;
        int r;

        fd = rootpath_open_regular(c->root_fd, libc->path, &st);
        if (fd < 0)
                return fd;
        r = elf_file_defines(fd, "GLIBC_2.34", &reason);
        return r >= 0 ? r : closure_refuse(c, r, -1, reterr, "%s: %s", libc->path, reason ?: strerror(-r));
}

static int add_service(Closure *c, ssize_t libc, const char *service, char **reterr) {
        _cleanup_free_ char *name = NULL, *why = NULL;

        if (service[0] == '\0' || strchr(service, '/') || strchr(service, '$'))
                return closure_refuse(c, -EINVAL, -1, reterr, "'%s': not a name service", service);
        if (asprintf(&name, "libnss_%s.so.2", service) < 0 ||
            asprintf(&why, "%s, which glibc opens for '%s' in nsswitch.conf", name, service) < 0)
                return -ENOMEM;
        return scope_resolve(c, c->scope, libc, name, CLOSURE_HIDDEN, why, false, reterr);
}

int closure_add_nss(Closure *c, char *const *services, char **reterr) {
        const Mark since = closure_mark(c);
        char *text = NULL;
        ssize_t libc;
        int r;

        libc = c->scope && c->scope->loader ? scope_find_soname(c, c->scope, "libc.so.6") : -1;
        if (libc < 0)
                return 0;

        c->adding = (Addition){ .why = "nsswitch.conf", .scope = c->scope };
        r = has_built_in_nss(c, c->objects + c->scope->members[libc].object, &text);
        for (bool is_built_in = r > 0; r >= 0 && *services; services++)
                if (!is_built_in || (!streq(*services, "files") && !streq(*services, "dns")))
                        r = add_service(c, libc, *services, &text);
        if (r >= 0)
                r = scope_resolve_all(c, c->scope, since.n_members, &text);
        return closure_settle(c, &since, r, "libc.so.6", text, reterr);
}
