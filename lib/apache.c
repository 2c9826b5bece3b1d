#include "apache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "apache-parse.h"
#include "capture.h"
#include "file.h"
#include "reterr.h"
#include "rootpath.h"

#define SAFE_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Larger than any configuration file. */
#define FILE_SIZE_MAX (16 * 1024 * 1024)

/* Where the distributions and a build from source put it. */
static const char *const httpd_places[] = {
        "/usr/sbin/apache2",
        "/usr/sbin/httpd",
        "/usr/local/apache2/bin/httpd",
};

/* Where mod_info is when no module in use tells where modules are; the last is relative to ServerRoot. */
static const char *const module_folders[] = {
        "/usr/lib/apache2/modules",
        "/usr/lib64/httpd/modules",
        "modules",
};

Apache *apache_free(Apache *a) {
        if (!a)
                return NULL;
        for (size_t i = 0; i < a->n_modules; i++) {
                free(a->modules[i].name);
                free(a->modules[i].path);
                free(a->modules[i].where);
        }
        for (size_t i = 0; i < a->n_directives; i++) {
                free(a->directives[i].name);
                free(a->directives[i].file);
                strv_free(a->directives[i].arguments);
        }
        for (size_t i = 0; i < a->n_vhosts; i++)
                free(a->vhosts[i].file);
        free(a->modules);
        free(a->directives);
        free(a->directives_text);
        free(a->vhosts);
        free(a->root);
        close_fd(a->root_fd);
        free(a->httpd);
        strv_free(a->arguments);
        strv_free(a->environment);
        free(a->envvars);
        free(a->server_root);
        free(a->pid_file);
        free(a->document_root);
        free(a->error_log);
        free(a->runtime_folder);
        free(a->runtime_folder_where);
        free(a->user);
        free(a->group);
        strv_free(a->defines);
        strv_free(a->mutex_folders);
        strv_free(a->includes);
        strv_free(a->include_folders);
        free(a);
        return NULL;
}

static int path_join(const char *folder, const char *name, char **ret) {
        if (name[0] == '/') {
                *ret = strdup(name);
                return *ret ? 0 : -ENOMEM;
        }
        return asprintf(ret, "%s/%s", folder, name) < 0 ? -ENOMEM : 0;
}

/* The folder that path is in. */
static int path_folder(const char *path, char **ret) {
        const char *slash = strrchr(path, '/');

        *ret = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t) (slash - path));
        return *ret ? 0 : -ENOMEM;
}

int apache_path(const Apache *a, const char *path, char **ret) {
        return path_join(a->server_root, path, ret);
}

int apache_where(const ApacheDirective *d, char **ret) {
        return asprintf(ret, "%s:%u", d->file, d->line) < 0 ? -ENOMEM : 0;
}

static int make_strv(const char *const *words, char ***ret) {
        _cleanup_strv_free_ char **v = NULL;

        for (; *words; words++) {
                int r = strv_extend(&v, *words);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(v);
        return 0;
}

/* Whether something is there. Returns 0 or an errno. */
static int look(const Apache *a, const char *path, mode_t *ret_mode) {
        _cleanup_close_ int fd = rootpath_open(a->root_fd, path, O_PATH);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? fd : -errno;
        if (ret_mode)
                *ret_mode = st.st_mode;
        return 0;
}

static int find_httpd(Apache *a, const JailConfig *config, char **reterr) {
        const char *found = config->httpd;
        int r;

        for (size_t i = 0; !found && i < ELEMENTSOF(httpd_places); i++)
                if (look(a, httpd_places[i], NULL) >= 0)
                        found = httpd_places[i];
        if (!found)
                return reterr_set(reterr, -ENOENT,
                                  "no httpd found (%s, %s, %s): install Apache or say where it is "
                                  "with Httpd=",
                                  httpd_places[0], httpd_places[1], httpd_places[2]);
        r = look(a, found, NULL);
        if (r < 0)
                return reterr_set(reterr, r, "%s: %s", found, strerror(-r));
        a->httpd = strdup(found);
        return a->httpd ? 0 : -ENOMEM;
}

/* The compiled-in root and configuration, before anything of the configuration is known. */
static int ask_compiled(Apache *a, const JailConfig *config, char **ret_root, char **ret_config,
                        char **reterr) {
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL;
        _cleanup_free_ char *root = NULL, *file = NULL;
        _cleanup_(capture_done) Capture c = {};
        int r;

        if ((r = make_strv((const char *const[]){ a->httpd, "-V", NULL }, &argv)) < 0 ||
            (r = make_strv((const char *const[]){ SAFE_PATH, NULL }, &environment)) < 0 ||
            (r = capture_run(argv, environment,
                             &(CaptureOptions){ .run_folders = (char *[]){ NULL }, .root = a->root }, &c,
                             reterr)) < 0)
                return r;
        /* It also reads the configuration, which may well fail without envvars; what is compiled in is there. */
        if ((r = apache_parse_compiled(c.out, "HTTPD_ROOT", &root)) == -ENOENT ||
            (r >= 0 && (r = apache_parse_compiled(c.out, "SERVER_CONFIG_FILE", &file)) == -ENOENT))
                return reterr_set(reterr, -EBADMSG,
                                  "%s -V does not say HTTPD_ROOT and SERVER_CONFIG_FILE: is it "
                                  "Apache httpd?",
                                  a->httpd);
        if (r < 0 || (r = path_join(root, config->config ?: file, ret_config)) < 0)
                return r;
        *ret_root = TAKE_PTR(root);
        return 0;
}

/* The file that apachectl would read: beside the configuration (Debian), or beside the program (a source build). */
static int find_envvars(Apache *a, const char *config_folder) {
        _cleanup_free_ char *bin = NULL;
        int r = path_folder(a->httpd, &bin);

        if (r < 0)
                return r;
        for (const char *const *folder = (const char *const[]){ config_folder, bin, NULL }; *folder;
             folder++) {
                _cleanup_free_ char *path = NULL;

                if ((r = path_join(*folder, "envvars", &path)) < 0)
                        return r;
                if (look(a, path, NULL) < 0)
                        continue;
                a->envvars = TAKE_PTR(path);
                return 0;
        }
        return 0;
}

/* Variables of the shell that looks, and apachectl's own. */
static bool is_foreign_variable(const char *assignment) {
        static const char *const foreign[] = {
                "PATH=", "PWD=", "OLDPWD=", "SHLVL=", "_=", "APACHE_CONFDIR=", "APACHE_ARGUMENTS="
        };

        for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                if (strncmp(assignment, foreign[i], strlen(foreign[i])) == 0)
                        return true;
        return false;
}

static int read_envvars(Apache *a, const char *config_folder, char **reterr) {
        _cleanup_free_ char *conf_dir = NULL, *complaint = NULL;
        static const char script[] =
                        ". \"$1\" >&2 || exit; "
                        "exec env -0 ${APACHE_ARGUMENTS:+\"APACHE_ARGUMENTS=$APACHE_ARGUMENTS\"}";
        const char *const shell[] = { "/bin/sh", "-c", script, "envvars", a->envvars, NULL };
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL;
        _cleanup_(capture_done) Capture c = {};
        int r;

        if (asprintf(&conf_dir, "APACHE_CONFDIR=%s", config_folder) < 0)
                return -ENOMEM;
        if ((r = make_strv(shell, &argv)) < 0 ||
            (r = make_strv((const char *const[]){ SAFE_PATH, conf_dir, NULL }, &environment)) < 0 ||
            (r = capture_run(argv, environment, &(CaptureOptions){ .root = a->root }, &c, reterr)) < 0)
                return r;
        if (!capture_succeeded(&c)) {
                r = apache_parse_complaint(c.err, &complaint);
                return r < 0 ? r
                             : reterr_set(reterr, -EBADMSG, "%s: %s", a->envvars,
                                          complaint[0] ? complaint : "the shell failed on it");
        }
        for (const char *s = c.out; r >= 0 && s < c.out + c.out_length; s += strlen(s) + 1) {
                static const char arguments[] = "APACHE_ARGUMENTS=";

                if (strncmp(s, arguments, strlen(arguments)) == 0) {
                        _cleanup_strv_free_ char **words = NULL;

                        r = apache_parse_words(s + strlen(arguments), &words);
                        for (char **w = words; r >= 0 && w && *w; w++)
                                r = strv_extend(&a->arguments, *w);
                } else if (!is_foreign_variable(s))
                        r = strv_extend(&a->environment, s);
        }
        return r;
}

/* What httpd must be told because it is not compiled in. */
static int set_arguments(Apache *a, const JailConfig *config, const char *config_file,
                         const char *config_folder, const char *root) {
        int r = 0;

        /* An envvars beside it makes it an instance of its own, as Debian's apache2-NAME. */
        if (a->envvars && !streq(config_folder, root) &&
            strncmp(a->envvars, config_folder, strlen(config_folder)) == 0)
                if ((r = strv_extend(&a->arguments, "-d")) < 0 ||
                    (r = strv_extend(&a->arguments, config_folder)) < 0)
                        return r;
        if (config->config)
                if ((r = strv_extend(&a->arguments, "-f")) < 0 ||
                    (r = strv_extend(&a->arguments, config_file)) < 0)
                        return r;
        return r;
}

static int make_argv(const Apache *a, const char *const *more, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r = strv_extend(&argv, a->httpd);

        for (char **s = a->arguments; r >= 0 && s && *s; s++)
                r = strv_extend(&argv, *s);
        for (; r >= 0 && *more; more++)
                r = strv_extend(&argv, *more);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* Run httpd as it would be started, with more arguments. Fails with Apache's words when it fails. */
static int ask(const Apache *a, const char *const *more, Capture *ret, char **reterr) {
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL, **folders = NULL;
        static const char *const folder_variables[] = { "APACHE_RUN_DIR", "APACHE_LOCK_DIR" };
        _cleanup_(capture_done) Capture c = {};
        _cleanup_free_ char *complaint = NULL;
        int r = make_argv(a, more, &argv);

        if (r < 0 || (r = strv_extend(&environment, SAFE_PATH)) < 0 ||
            (r = strv_env_merge(&environment, a->environment)) < 0)
                return r;
        /* apachectl makes them, so that a configuration may name them before the first start. */
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(folder_variables); i++) {
                const char *folder = strv_env_get(a->environment, folder_variables[i]);

                if (folder && folder[0] == '/')
                        r = strv_extend(&folders, folder);
        }
        if (r < 0)
                return r;
        r = capture_run(argv, environment,
                        &(CaptureOptions){ .run_folders = folders ?: (char *[]){ NULL }, .root = a->root },
                        &c, reterr);
        if (r < 0)
                return r;
        if (capture_succeeded(&c)) {
                *ret = c;
                c = (Capture){};
                return 0;
        }
        r = apache_parse_complaint(c.err, &complaint);
        if (r < 0)
                return r;
        return reterr_set(reterr, -EBADMSG, "%s refuses its configuration: %s", a->httpd,
                          complaint[0] ? complaint : "it ended without a word");
}

/* Of the names that Include has, the folders. */
static int keep_folders(Apache *a) {
        _cleanup_strv_free_ char **folders = NULL;
        int r = 0;

        for (char **i = a->include_folders; r >= 0 && i && *i; i++) {
                _cleanup_free_ char *path = NULL;
                mode_t mode;

                r = apache_path(a, *i, &path);
                if (r >= 0 && look(a, path, &mode) >= 0 && S_ISDIR(mode))
                        r = strv_extend(&folders, path);
        }
        if (r < 0)
                return r;
        strv_free(a->include_folders);
        a->include_folders = TAKE_PTR(folders);
        return 0;
}

static int ask_settings(Apache *a, char **reterr) {
        _cleanup_(capture_done) Capture c = {};
        const char *const more[] = { "-t", "-e",           "debug", "-D",          "DUMP_INCLUDES",
                                     "-D", "DUMP_RUN_CFG", "-D",    "DUMP_VHOSTS", NULL };
        int r = ask(a, more, &c, reterr);

        if (r < 0)
                return r;
        r = apache_parse_settings(c.out, a);
        if (r == -EBADMSG)
                return reterr_set(reterr, r,
                                  "%s does not tell its settings (-D DUMP_RUN_CFG -D DUMP_INCLUDES)",
                                  a->httpd);
        if (r < 0 || (r = apache_parse_loaded(c.err, a)) < 0)
                return r;
        for (char **i = a->includes; *i; i++) {
                _cleanup_free_ char *text = NULL;

                if ((r = file_load(a->root_fd, *i, FILE_SIZE_MAX, &text, NULL)) < 0)
                        return reterr_set(reterr, r, "%s: %s", *i, strerror(-r));
                if ((r = apache_parse_file(*i, text, a)) < 0)
                        return r;
        }
        return keep_folders(a);
}

static int find_mod_info(const Apache *a, char **ret, char **reterr) {
        static const char name[] = "mod_info.so";
        int r;

        for (size_t i = 0; i < a->n_modules + ELEMENTSOF(module_folders); i++) {
                _cleanup_free_ char *folder = NULL, *path = NULL;

                r = i < a->n_modules ? path_folder(a->modules[i].path, &folder)
                                     : apache_path(a, module_folders[i - a->n_modules], &folder);
                if (r < 0 || (r = path_join(folder, name, &path)) < 0)
                        return r;
                if (look(a, path, NULL) < 0)
                        continue;
                *ret = TAKE_PTR(path);
                return 0;
        }
        return reterr_set(reterr, -ENOENT,
                          "%s is not installed: it is needed to ask Apache for its configuration, "
                          "though not put in the jail",
                          name);
}

static int ask_directives(Apache *a, char **reterr) {
        _cleanup_free_ char *path = NULL, *load = NULL;
        _cleanup_(capture_done) Capture c = {};
        int r = find_mod_info(a, &path, reterr);

        if (r < 0)
                return r;
        if (asprintf(&load, "LoadModule info_module \"%s\"", path) < 0)
                return -ENOMEM;
        r = ask(a, (const char *const[]){ "-t", "-C", load, "-D", "DUMP_CONFIG", NULL }, &c, reterr);
        if (r < 0)
                return r;
        r = apache_parse_directives(c.out, a);
        if (r >= 0)
                a->directives_text = TAKE_PTR(c.out);
        return r == -EBADMSG ? reterr_set(reterr, r, "%s -D DUMP_CONFIG prints what is not understood",
                                          a->httpd)
                             : r;
}

int apache_inspect(const JailConfig *config, Apache **ret, char **reterr) {
        _cleanup_(apache_freep) Apache *a = calloc(1, sizeof(Apache));
        _cleanup_free_ char *root = NULL, *file = NULL, *folder = NULL;
        int r;

        if (!a)
                return -ENOMEM;
        a->root_fd = open(config->source ?: "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (a->root_fd < 0)
                return reterr_set(reterr, -errno, "Source=%s: %s", config->source ?: "/", strerror(errno));
        a->root = realpath(config->source ?: "/", NULL);
        if (!a->root)
                return reterr_set(reterr, -errno, "Source=%s: %s", config->source ?: "/", strerror(errno));
        if ((r = find_httpd(a, config, reterr)) < 0 ||
            (r = ask_compiled(a, config, &root, &file, reterr)) < 0 ||
            (r = path_folder(file, &folder)) < 0 || (r = find_envvars(a, folder)) < 0 ||
            (a->envvars && (r = read_envvars(a, folder, reterr)) < 0) ||
            (r = strv_env_merge(&a->environment, config->environment)) < 0 ||
            (r = set_arguments(a, config, file, folder, root)) < 0 || (r = ask_settings(a, reterr)) < 0 ||
            (r = ask_directives(a, reterr)) < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}
