#include "loader.h"

#include <elf.h>
#include <limits.h>
#include <sys/auxv.h>

#include "file.h"
#include "rootpath.h"
#include "strv.h"

#define CACHE_BYTES_MAX     ((size_t) 16 * 1024 * 1024)
#define MUSL_PATH_BYTES_MAX ((size_t) 64 * 1024)

/* Subfolders of glibc-hwcaps/ that a loader for this machine may choose. */
static const struct {
        uint16_t machine;
        const char *levels[4];
} hwcaps[] = {
        { EM_X86_64, { "x86-64-v2", "x86-64-v3", "x86-64-v4" } },
        { EM_PPC64, { "power9", "power10" } },
        { EM_S390, { "z13", "z14", "z15", "z16" } },
};

/* What $PLATFORM may stand for; glibc before 2.37 says "haswell" of a processor that the kernel calls "x86_64". */
static const struct {
        uint16_t machine;
        const char *names[4];
} platforms[] = {
        { EM_X86_64, { "x86_64", "haswell", "xeon_phi" } },
        { EM_386, { "i686", "i586", "i486", "i386" } },
};

Loader *loader_free(Loader *l) {
        if (!l)
                return NULL;
        free(l->lib);
        strv_free(l->default_folders);
        free(l->index);
        ld_cache_free(l->cache);
        free(l);
        return NULL;
}

/* The names for a machine in one of the tables above, or NULL. */
static const char *const *platform_names(uint16_t machine) {
        for (size_t i = 0; i < ELEMENTSOF(platforms); i++)
                if (platforms[i].machine == machine)
                        return platforms[i].names;
        return NULL;
}

static const char *const *hwcaps_levels(uint16_t machine) {
        for (size_t i = 0; i < ELEMENTSOF(hwcaps); i++)
                if (hwcaps[i].machine == machine)
                        return hwcaps[i].levels;
        return NULL;
}

/* A missing cache is no error, an unreadable one is: the loader would go on without it, and find other libraries than
 * the administrator thinks. */
static int load_cache(Loader *l, int root_fd, const char *prefix, char **reterr) {
        _cleanup_free_ char *path = NULL, *data = NULL;
        const char *reason = NULL;
        size_t size;
        int r;

        if (asprintf(&path, "%s/etc/ld.so.cache", prefix) < 0)
                return -ENOMEM;
        r = file_load(root_fd, path, CACHE_BYTES_MAX, &data, &size);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r >= 0)
                r = ld_cache_parse(data, size, &l->cache, &reason);
        if (r < 0 && r != -ENOMEM &&
            asprintf(reterr, "%s: %s; run ldconfig", path, reason ?: strerror(-r)) < 0)
                return -ENOMEM;
        if (r >= 0)
                l->index = TAKE_PTR(path);
        return r;
}

/* musl: the folders of /etc/ld-musl-ARCH.path, each on its own line or with colons between, or its own three. */
static int load_musl_folders(Loader *l, int root_fd, const char *prefix, const char *interpreter) {
        _cleanup_free_ char *path = NULL, *data = NULL;
        const char *arch = strrchr(interpreter, '/') + strlen("/ld-musl-"),
                   *list = "/lib:/usr/local/lib:/usr/lib";
        int r;

        if (asprintf(&path, "%s/etc/ld-musl-%.*s.path", prefix, (int) strcspn(arch, "."), arch) < 0)
                return -ENOMEM;
        r = file_load(root_fd, path, MUSL_PATH_BYTES_MAX, &data, NULL);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;
        if (r >= 0) {
                l->index = TAKE_PTR(path);
                list = data;
        }

        for (const char *p = list; *p;) {
                size_t n = strcspn(p, ":\n");
                _cleanup_free_ char *folder = strndup(p, n);

                if (!folder)
                        return -ENOMEM;
                if (folder[0] == '/') {
                        r = strv_extend(&l->default_folders, folder);
                        if (r < 0)
                                return r;
                }
                p += n + (p[n] != '\0');
        }
        return 0;
}

/* glibc: the folders that it was built with. Those of a distribution are its own folder in /lib and in /usr/lib, and with
 * Debian's folders per machine /lib and /usr/lib as well. */
static int set_glibc_folders(Loader *l, const char *folder, bool is_system) {
        _cleanup_strv_free_ char **folders = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL;
        int r;

        if (!is_system)
                return strv_extend(&l->default_folders, folder);
        if (asprintf(&first, "/%s", l->lib) < 0 || asprintf(&second, "/usr/%s", l->lib) < 0)
                return -ENOMEM;
        r = strv_extend(&folders, first);
        if (r >= 0)
                r = strv_extend(&folders, second);
        if (r >= 0 && strchr(l->lib, '/'))
                r = strv_extend(&folders, "/lib");
        if (r >= 0 && strchr(l->lib, '/'))
                r = strv_extend(&folders, "/usr/lib");
        if (r < 0)
                return r;
        l->default_folders = TAKE_PTR(folders);
        return 0;
}

/* Everything before the last slash. */
static char *parent(const char *path) {
        const char *slash = strrchr(path, '/');

        return strndup(path, slash ? (size_t) (slash - path) : 0);
}

int loader_new(int root_fd, const char *interpreter, uint16_t machine, Loader **ret, char **reterr) {
        _cleanup_(loader_freep) Loader *l = NULL;
        _cleanup_free_ char *real = NULL, *folder = NULL, *prefix = NULL;
        bool is_system;
        int r;

        r = rootpath_resolve(root_fd, interpreter, &real);
        if (r < 0)
                return r;
        l = calloc(1, sizeof(Loader));
        folder = parent(real);
        if (!l || !folder)
                return -ENOMEM;
        l->machine = machine;
        l->is_musl = strncmp(strrchr(interpreter, '/') + 1, "ld-musl-", strlen("ld-musl-")) == 0;

        is_system = strncmp(folder, "/lib", 4) == 0 || strncmp(folder, "/usr/lib", 8) == 0;
        if (is_system) {
                prefix = strdup("");
                l->lib = strdup(folder + (strncmp(folder, "/usr/", 5) == 0 ? 5 : 1));
        } else {
                prefix = parent(folder);
                l->lib = strdup(folder + strlen(prefix ?: "") + (folder[0] == '/'));
        }
        if (!prefix || !l->lib)
                return -ENOMEM;

        if (l->is_musl)
                r = load_musl_folders(l, root_fd, prefix, interpreter);
        else {
                r = set_glibc_folders(l, folder, is_system);
                if (r >= 0)
                        r = load_cache(l, root_fd, prefix, reterr);
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

bool loader_provides(const Loader *l, const char *name) {
        static const char *const own[] = { "c", "pthread", "rt", "m", "dl", "util", "xnet" };

        if (!l->is_musl || strncmp(name, "lib", 3) != 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(own); i++) {
                size_t n = strlen(own[i]);

                if (strncmp(name + 3, own[i], n) == 0 && name[3 + n] == '.')
                        return true;
        }
        return false;
}

/* Length of the variable at s, which is at a '$', with or without braces; 0 if it is not this one. */
static size_t variable_length(const char *s, const char *name) {
        bool braces = s[1] == '{';
        const char *start = s + 1 + braces;
        size_t n = strlen(name);
        char next;

        if (strncmp(start, name, n) != 0)
                return 0;
        next = start[n];
        if (braces)
                return next == '}' ? n + 3 : 0;
        if ((next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') || (next >= '0' && next <= '9') ||
            next == '_')
                return 0;
        return n + 1;
}

static int expand(const Loader *l, const char *text, const char *origin, const char *platform, char **ret) {
        const struct {
                const char *name, *value;
        } variables[] = {
                { "ORIGIN", origin },
                { "LIB", l->is_musl ? NULL : l->lib },
                { "PLATFORM", l->is_musl ? NULL : platform },
        };
        char result[PATH_MAX];
        size_t used = 0;

        for (const char *p = text; *p;) {
                const char *piece = p;
                size_t skip = 0, n = 1;

                for (size_t i = 0; *p == '$' && skip == 0 && i < ELEMENTSOF(variables); i++) {
                        if (!variables[i].value)
                                continue;
                        skip = variable_length(p, variables[i].name);
                        if (skip > 0) {
                                piece = variables[i].value;
                                n = strlen(piece);
                        }
                }
                if (used + n >= sizeof(result))
                        return -ENAMETOOLONG;
                memcpy(result + used, piece, n);
                used += n;
                p += skip ?: 1;
        }

        *ret = strndup(result, used);
        return *ret ? 0 : -ENOMEM;
}

int loader_expand(const Loader *l, const char *text, const char *origin, char **ret) {
        const char *const *names = platform_names(l->machine);

        return expand(l, text, origin, names ? names[0] : (const char *) getauxval(AT_PLATFORM), ret);
}

static int add_folders(const Loader *l, const char *folder, char ***folders) {
        const char *const *levels = l->is_musl ? NULL : hwcaps_levels(l->machine);
        int r;

        if (folder[0] != '/')
                return 0;
        r = strv_extend(folders, folder);
        for (size_t i = 0; r >= 0 && levels && i < 4 && levels[i]; i++) {
                _cleanup_free_ char *better = NULL;

                if (asprintf(&better, "%s/glibc-hwcaps/%s", folder, levels[i]) < 0)
                        return -ENOMEM;
                r = strv_extend(folders, better);
        }
        return r;
}

int loader_folders(const Loader *l, const char *text, size_t length, const char *origin, char ***ret) {
        _cleanup_strv_free_ char **folders = NULL;
        _cleanup_free_ char *element = strndup(text, length);
        const char *const *names = platform_names(l->machine);
        int r;

        if (!element)
                return -ENOMEM;
        if (!names || !strstr(element, "PLATFORM")) {
                _cleanup_free_ char *folder = NULL;

                r = loader_expand(l, element, origin, &folder);
                if (r >= 0)
                        r = add_folders(l, folder, &folders);
        } else {
                r = 0;
                for (size_t i = 0; r >= 0 && i < 4 && names[i]; i++) {
                        _cleanup_free_ char *folder = NULL;

                        r = expand(l, element, origin, names[i], &folder);
                        if (r >= 0)
                                r = add_folders(l, folder, &folders);
                }
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(folders);
        return 0;
}
