#include "planner-components.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "file.h"
#include "folder.h"
#include "reterr.h"
#include "rootpath.h"

/* libphp has some 6 MiB. */
#define LIBRARY_SIZE_MAX (256 * 1024 * 1024)

/* Of a path that is compiled in. */
#define PATH_SIZE_MAX 256

bool component_exists(const Planner *p, const char *path, mode_t *ret_mode) {
        _cleanup_close_ int fd = rootpath_open(p->plan->source_fd, path, O_PATH);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return false;
        if (ret_mode)
                *ret_mode = st.st_mode;
        return true;
}

int component_add_optional(Planner *p, const ComponentTrigger *t, const char *path, const char *why,
                           char **reterr) {
        return component_exists(p, path, NULL)
                               ? plan_add_tree(p->plan, path, (PlanWhy){ .why = why, .cause = t->entry },
                                               reterr)
                               : 0;
}

/* A closure in which the next shared object is one that the trigger opens: the trigger itself where it is a program, else
 * the server that has loaded it. */
static int begin_closure(const Planner *p, const ComponentTrigger *t, Closure **ret, char **reterr) {
        _cleanup_(closure_freep) Closure *c = NULL;
        int r = closure_new(p->plan->source_fd, &c);

        if (r >= 0)
                r = closure_set_library_path(c, strv_env_get(p->apache->environment, "LD_LIBRARY_PATH"));
        if (r >= 0 && !strstr(t->name, ".so"))
                r = closure_add(c, t->entry->path, t->entry->why, reterr);
        else if (r >= 0 && (r = closure_add(c, p->apache->httpd, "the server", reterr)) >= 0)
                r = closure_add(c, t->entry->path, t->entry->why, reterr);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

int component_add_library(Planner *p, const ComponentTrigger *t, const char *path, const char *why,
                          char **reterr) {
        _cleanup_(closure_freep) Closure *c = NULL;
        int r = begin_closure(p, t, &c, reterr);

        if (r >= 0)
                r = closure_add(c, path, why, reterr);
        return r < 0 ? r : planner_add_closure(p, c, reterr);
}

typedef struct Runtime {
        const char *const *skip;
        char **libraries;
} Runtime;

static int runtime_take(const char *path, bool is_folder, void *userdata) {
        const char *name = strrchr(path, '/') + 1;
        Runtime *runtime = userdata;
        size_t n = strlen(name);

        for (const char *const *s = runtime->skip; s && *s; s++)
                if (fnmatch(*s, name, 0) == 0)
                        return 0;
        if (!is_folder && n > 3 && streq(name + n - 3, ".so")) {
                int r = strv_extend(&runtime->libraries, path);

                return r < 0 ? r : 1;
        }
        return 1;
}

int component_add_runtime(Planner *p, const ComponentTrigger *t, const char *folder, const char *const *skip,
                          const char *why, char **reterr) {
        _cleanup_(closure_freep) Closure *c = NULL;
        Runtime runtime = { .skip = skip };
        int r;

        if (!component_exists(p, folder, NULL))
                return 0;
        r = begin_closure(p, t, &c, reterr);
        if (r >= 0)
                r = plan_add_chosen(p->plan, folder, runtime_take, &runtime,
                                    (PlanWhy){ .why = why, .cause = t->entry }, reterr);
        for (char **library = runtime.libraries; r >= 0 && library && *library; library++) {
                _cleanup_free_ char *reason = NULL;

                r = closure_add(c, *library, why, &reason);
                /* Of all that a language could load, not everything can be. */
                if (r < 0 && r != -ENOMEM)
                        r = plan_remark(p->plan, "%s", reason ?: *library);
        }
        strv_free(runtime.libraries);
        return r < 0 ? r : planner_add_closure(p, c, reterr);
}

/* All of a library, as bytes. */
static int read_library(Planner *p, const char *path, char **ret, size_t *ret_size, char **reterr) {
        int r = file_load(p->plan->source_fd, path, LIBRARY_SIZE_MAX, ret, ret_size);

        return r < 0 && r != -ENOMEM ? reterr_set(reterr, r, "%s: %s", path, strerror(-r)) : r;
}

int component_each_path_in(Planner *p, const char *library, int (*fn)(const char *path, void *userdata),
                           void *userdata, char **reterr) {
        _cleanup_free_ char *content = NULL;
        size_t size;
        int r = read_library(p, library, &content, &size, reterr);

        for (const char *s = content; r == 0 && s < content + size; s += strlen(s) + 1)
                if (s[0] == '/' && s[1] != '\0' && strlen(s) < PATH_SIZE_MAX)
                        r = fn(s, userdata);
        return r;
}

/* The value of 'NAME: "VALUE"' that libcrypto carries for OpenSSL_version(3). Returns 1, 0 without one, or an errno. */
static int find_compiled(Planner *p, const char *library, const char *name, char **ret, char **reterr) {
        _cleanup_free_ char *content = NULL;
        const char *found, *value;
        size_t size;
        int r = read_library(p, library, &content, &size, reterr);

        if (r < 0)
                return r;
        found = memmem(content, size, name, strlen(name));
        value = found ? found + strlen(name) : "";
        if (value[0] != '/' || !strchr(value, '"'))
                return 0;
        *ret = strndup(value, strcspn(value, "\""));
        return *ret ? 1 : -ENOMEM;
}

/* Whether a word is in the lines of a configuration that are no comments. */
static bool mentions(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *line = text; *line;) {
                size_t length = strcspn(line, "\n");
                const char *comment = memchr(line, '#', length);
                size_t used = comment ? (size_t) (comment - line) : length;
                const char *at = memmem(line, used, word, n);

                if (at && (at == line || strchr(" \t=/[", at[-1])) &&
                    (at + n >= line + used || strchr(" \t_=].\r", at[n])))
                        return true;
                line += length + (line[length] == '\n');
        }
        return false;
}

/* The modules in a folder that OpenSSL's configuration speaks of: legacy.so, fips.so. */
static int add_openssl_modules(Planner *p, const ComponentTrigger *t, const char *folder, const char *text,
                               char **reterr) {
        _cleanup_close_ int fd = rootpath_open(p->plan->source_fd, folder, O_RDONLY | O_DIRECTORY);
        _cleanup_strv_free_ char **names = NULL;
        int r = fd < 0 ? 0 : folder_list(fd, &names);

        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *path = NULL, *stem = strndup(*name, strcspn(*name, "."));

                if (!stem || asprintf(&path, "%s/%s", folder, *name) < 0)
                        return -ENOMEM;
                if (strstr(*name, ".so") && mentions(text, stem))
                        r = component_add_library(p, t, path, "OpenSSL's configuration activates it",
                                                  reterr);
        }
        return r;
}

static int add_openssl(Planner *p, const ComponentTrigger *t, char **reterr) {
        static const char *const module_names[] = { "MODULESDIR: \"", "ENGINESDIR: \"" };
        _cleanup_free_ char *folder = NULL, *config = NULL, *text = NULL;
        int r = find_compiled(p, t->entry->source, "OPENSSLDIR: \"", &folder, reterr);

        if (r <= 0)
                return r;
        if (asprintf(&config, "%s/openssl.cnf", folder) < 0)
                return -ENOMEM;
        if (!component_exists(p, config, NULL))
                return 0;
        if ((r = plan_add_copy(p->plan, config, 0444,
                               (PlanWhy){ .why = "OpenSSL's configuration", .cause = t->entry }, NULL,
                               reterr)) < 0 ||
            (r = planner_read(p, config, &text, reterr)) < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(module_names); i++) {
                _cleanup_free_ char *modules = NULL;

                r = find_compiled(p, t->entry->source, module_names[i], &modules, reterr);
                if (r > 0)
                        r = add_openssl_modules(p, t, modules, text, reterr);
        }
        return r < 0 ? r : 0;
}

/* Whom a client of TLS trusts: where nothing can be connected to, nobody is. */
static int add_ca_bundle(Planner *p, const ComponentTrigger *t, char **reterr) {
        static const char why[] = "certificates of authorities, for connections to other servers";
        _cleanup_free_ char *folder = NULL, *file = NULL;
        int r;

        if (p->config->n_connects == 0 && p->config->mode != CONFIG_MODE_HOST)
                return 0;
        r = find_compiled(p, t->entry->source, "OPENSSLDIR: \"", &folder, reterr);
        if (r <= 0)
                return r;
        if (asprintf(&file, "%s/cert.pem", folder) < 0)
                return -ENOMEM;
        if ((r = component_add_optional(p, t, file, why, reterr)) < 0)
                return r;
        return component_add_optional(p, t, "/etc/ssl/certs/ca-certificates.crt", why, reterr);
}

/* glibc's converters are beside itself. */
static int add_gconv(Planner *p, const ComponentTrigger *t, char **reterr) {
        static const char why[] = "character sets, which glibc opens for iconv()";
        _cleanup_free_ const PlanEntry **entries = NULL;
        int r = plan_list(p->plan, &entries);
        size_t n = p->plan->n_entries;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                const char *slash = strrchr(entries[i]->path, '/');
                _cleanup_free_ char *folder = NULL;

                if (!streq(slash, "/libc.so.6"))
                        continue;
                if (asprintf(&folder, "%.*s/gconv", (int) (slash - entries[i]->path), entries[i]->path) < 0)
                        return -ENOMEM;
                r = component_add_runtime(p, t, folder, NULL, why, reterr);
        }
        return r;
}

static int add_zoneinfo(Planner *p, const ComponentTrigger *t, char **reterr) {
        static const char folder[] = "/usr/share/zoneinfo",
                          why[] = "time zones, for programs that choose one";
        /* Two more copies of everything, and what a human reads. */
        static const char *const skip[] = { "posix", "right", "leap*", "tzdata.zi", NULL };

        return component_add_runtime(p, t, folder, skip, why, reterr);
}

static int add_shared_memory(Planner *p, const ComponentTrigger *t, char **reterr) {
        return planner_add_writable(p, "/dev/shm", 0, t->entry->why, reterr);
}

static int add_temporary(Planner *p, const ComponentTrigger *t, char **reterr) {
        return planner_add_writable(p, "/tmp", 0, t->entry->why, reterr);
}

/* Languages first: they bring what triggers the others. An entry is one for which the pattern matches the last part of its
 * path, and each component is added for the first of them. */
static const struct {
        const char *name;
        const char *pattern;
        int (*add)(Planner *p, const ComponentTrigger *t, char **reterr);
} components[] = {
        { "PHP", "libphp*.so", component_add_php },
        { "PHP's files", "libphp*.so", add_temporary },
        { "mod_perl", "mod_perl.so", component_add_perl },
        { "Perl", "perl", component_add_perl },
        { "mod_wsgi", "libpython3.*.so*", component_add_python },
        { "Python", "python3.*", component_add_python },
        { "time zones", "libphp*.so", add_zoneinfo },
        { "time zones", "libpython3.*.so*", add_zoneinfo },
        { "time zones", "python3.*", add_zoneinfo },
        { "drivers", "libaprutil-1.so.*", component_add_drivers },
        { "OpenSSL", "libcrypto.so.*", add_openssl },
        { "CA bundle", "libcrypto.so.*", add_ca_bundle },
        { "character sets", "mod_charset_lite.so", add_gconv },
        { "character sets", "libxml2.so.*", add_gconv },
        { "character sets", "iconv.so", add_gconv },
        { "shared memory", "mod_slotmem_shm.so", add_shared_memory },
};

/* Returns 1 and the first entry of that name, 0 without one, or -ENOMEM. */
static int find_trigger(const Planner *p, const char *pattern, ComponentTrigger *ret) {
        _cleanup_free_ const PlanEntry **entries = NULL;
        int r = plan_list(p->plan, &entries);

        for (size_t i = 0; r >= 0 && i < p->plan->n_entries; i++) {
                const char *name = strrchr(entries[i]->path, '/') + 1;

                if (entries[i]->type != PLAN_COPY || fnmatch(pattern, name, 0) != 0 ||
                    !(strstr(name, ".so") || entries[i]->mode == PLANNER_PROGRAM_MODE))
                        continue;
                *ret = (ComponentTrigger){ .entry = entries[i], .name = name };
                return 1;
        }
        return r < 0 ? r : 0;
}

int planner_components(Planner *p, char **reterr) {
        for (size_t i = 0; i < ELEMENTSOF(components); i++) {
                ComponentTrigger t;
                int r = find_trigger(p, components[i].pattern, &t);

                if (r > 0)
                        r = components[i].add(p, &t, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}
