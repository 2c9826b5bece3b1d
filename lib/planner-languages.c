#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "capture.h"
#include "folder.h"
#include "planner-components.h"
#include "reterr.h"
#include "rootpath.h"

/* What the languages of web applications read at run time. */

/* Some 30,000 of them. */
#define SESSIONS_SIZE ((uint64_t) 128 * 1024 * 1024)

/* PHP: the folders are strings in its library; what is in them decides what each is for. */
typedef struct Php {
        Planner *p;
        const ComponentTrigger *t;
        char **reterr;
        /* Of php.ini, and of more *.ini; in the order of the library's strings. */
        char **ini_folders;
        char **scan_folders;
        /* Where an extension is looked for by its name. */
        char **extension_folders;
        char *session_folder;
} Php;

static void php_done(Php *php) {
        strv_free(php->ini_folders);
        strv_free(php->scan_folders);
        strv_free(php->extension_folders);
        free(php->session_folder);
}

static bool ends_with(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix);
}

/* The names in a folder of the source tree that end in suffix. */
static int list_folder(const Planner *p, const char *folder, const char *suffix, char ***ret) {
        _cleanup_close_ int fd = rootpath_open(p->plan->source_fd, folder, O_RDONLY | O_DIRECTORY);
        _cleanup_strv_free_ char **names = NULL;
        int r = fd < 0 ? 0 : folder_list(fd, &names);

        for (char **name = names; r >= 0 && name && *name; name++)
                if (ends_with(*name, suffix))
                        r = strv_extend(ret, *name);
        return r;
}

/* Sort a compiled-in path. */
static int php_take_path(const char *path, void *userdata) {
        _cleanup_strv_free_ char **inis = NULL, **libraries = NULL;
        _cleanup_free_ char *ini = NULL;
        Php *php = userdata;
        mode_t mode;
        int r;

        if (!component_exists(php->p, path, &mode) || !S_ISDIR(mode) || streq(path, "/"))
                return 0;
        if (ends_with(path, "/session") || ends_with(path, "/sessions")) {
                free(php->session_folder);
                php->session_folder = strdup(path);
                return php->session_folder ? 0 : -ENOMEM;
        }
        if (asprintf(&ini, "%s/php.ini", path) < 0 || (r = list_folder(php->p, path, ".ini", &inis)) < 0 ||
            (r = list_folder(php->p, path, ".so", &libraries)) < 0)
                return -ENOMEM;
        if (component_exists(php->p, ini, NULL))
                return strv_extend(&php->ini_folders, path);
        if (inis)
                return strv_extend(&php->scan_folders, path);
        return libraries ? strv_extend(&php->extension_folders, path) : 0;
}

/* By the whole path, or by a name in the folders. */
static int php_add_extension(Php *php, const char *value, const char *where) {
        const char *suffix = ends_with(value, ".so") ? "" : ".so";
        _cleanup_free_ char *why = NULL;

        if (asprintf(&why, "PHP's extension %s (%s)", value, where) < 0)
                return -ENOMEM;
        if (value[0] == '/')
                return component_add_library(php->p, php->t, value, why, php->reterr);
        for (char **folder = php->extension_folders; folder && *folder; folder++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s%s", *folder, value, suffix) < 0)
                        return -ENOMEM;
                if (component_exists(php->p, path, NULL))
                        return component_add_library(php->p, php->t, path, why, php->reterr);
        }
        /* PHP itself only complains and goes on. */
        return plan_warn(php->p->plan, "%s: no such file", why);
}

static int php_add_place(Php *php, const char *value, uint64_t size_bytes, const char *where) {
        const char *folder = strrchr(value, ';');
        _cleanup_free_ char *why = NULL;

        /* "N;MODE;/path" */
        folder = folder ? folder + 1 : value;
        if (folder[0] != '/' || streq(folder, "/tmp"))
                return 0;
        if (asprintf(&why, "PHP writes in %s (%s)", folder, where) < 0)
                return -ENOMEM;
        return planner_add_writable(php->p, folder, size_bytes, why, php->reterr);
}

static int php_add_writable(Php *php, const char *value, const char *where) {
        return php_add_place(php, value, 0, where);
}

static int php_add_file(Php *php, const char *value, const char *where) {
        _cleanup_free_ char *why = NULL;

        if (value[0] != '/')
                return 0;
        if (asprintf(&why, "PHP reads %s (%s)", value, where) < 0)
                return -ENOMEM;
        return component_add_optional(php->p, php->t, value, why, php->reterr);
}

static int php_add_log(Php *php, const char *value, const char *where) {
        _cleanup_free_ char *why = NULL;

        if (value[0] != '/')
                return 0;
        if (asprintf(&why, "error_log %s (%s)", value, where) < 0)
                return -ENOMEM;
        return planner_add_log(php->p, value, LAUNCH_LOG_ERROR, why, php->reterr);
}

/* The last word wins; it is taken when all have been read. */
static int php_set_sessions(Php *php, const char *value, const char *where) {
        char *folder = strdup(value);

        if (!folder)
                return -ENOMEM;
        free(php->session_folder);
        php->session_folder = folder;
        return 0;
}

/* The settings that name files. */
static const struct {
        const char *name;
        int (*take)(Php *php, const char *value, const char *where);
} php_settings[] = {
        { "extension", php_add_extension },
        { "zend_extension", php_add_extension },
        { "session.save_path", php_set_sessions },
        { "upload_tmp_dir", php_add_writable },
        { "sys_temp_dir", php_add_writable },
        { "opcache.file_cache", php_add_writable },
        { "soap.wsdl_cache_dir", php_add_writable },
        { "error_log", php_add_log },
        { "browscap", php_add_file },
        { "auto_prepend_file", php_add_file },
        { "auto_append_file", php_add_file },
        { "openssl.cafile", php_add_file },
        { "openssl.capath", php_add_file },
        { "curl.cainfo", php_add_file },
};

static int php_take_setting(Php *php, const char *name, const char *value, const char *where) {
        for (size_t i = 0; value[0] && i < ELEMENTSOF(php_settings); i++)
                if (streq(php_settings[i].name, name))
                        return php_settings[i].take(php, value, where);
        return 0;
}

/* The value of "name = value ; comment", without quotes, in place. */
static char *php_trim_value(char *value) {
        size_t n;

        value += strspn(value, " \t");
        if (value[0] == '"' || value[0] == '\'') {
                char quote = *value++;

                value[strcspn(value, (char[]){ quote, '\0' })] = '\0';
                return value;
        }
        /* A path of "N;/path" is always quoted. */
        value[strcspn(value, ";")] = '\0';
        for (n = strlen(value); n > 0 && isspace((unsigned char) value[n - 1]); n--)
                value[n - 1] = '\0';
        return value;
}

static int php_read_ini(Php *php, const char *path, const char *why) {
        _cleanup_free_ char *text = NULL;
        unsigned number = 0;
        int r = plan_add_copy(php->p->plan, path, 0444, (PlanWhy){ .why = why, .cause = php->t->entry },
                              NULL, php->reterr);

        if (r >= 0)
                r = planner_read(php->p, path, &text, php->reterr);
        for (char *rest = text, *line; r >= 0 && (line = strsep(&rest, "\n"));) {
                _cleanup_free_ char *where = NULL;
                char *name = line + strspn(line, " \t"), *equals = strchr(name, '=');

                number++;
                if (!equals || name[0] == ';')
                        continue;
                *equals = '\0';
                name[strcspn(name, " \t")] = '\0';
                if (asprintf(&where, "%s:%u", path, number) < 0)
                        return -ENOMEM;
                r = php_take_setting(php, name, php_trim_value(equals + 1), where);
        }
        return r;
}

static int php_read_folder(Php *php, const char *folder, bool all) {
        _cleanup_strv_free_ char **names = NULL;
        int r = list_folder(php->p, folder, ".ini", &names);

        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *path = NULL;

                if (!all && !streq(*name, "php.ini"))
                        continue;
                if (asprintf(&path, "%s/%s", folder, *name) < 0)
                        return -ENOMEM;
                r = php_read_ini(php, path, "PHP's settings");
        }
        return r;
}

/* Memory that is written and then run is refused in the room: said beforehand, PHP does without; else each page would
 * complain. And nobody else ends sessions there, as a cron job of the distribution does on the host. */
static int php_add_settings(Php *php, const char *folder) {
        static const char text[] =
                        "; Made by jaild: there is no memory that is writable and executable in a jail.\n"
                        "pcre.jit=0\n"
                        "opcache.jit=disable\n"
                        "opcache.jit_buffer_size=0\n";
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/zz-jaild.ini", folder) < 0)
                return -ENOMEM;
        return plan_add_made(php->p->plan, path, 0444, 0, text, strlen(text),
                             (PlanWhy){ .why = "PHP's settings for a jail", .cause = php->t->entry }, NULL,
                             php->reterr);
}

/* What Apache's configuration says of PHP. */
static int php_take_directives(Php *php) {
        const Apache *a = php->p->apache;

        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];
                _cleanup_free_ char *where = NULL;
                int r = 0;

                if (strncasecmp(d->name, "php", 3) != 0 || strv_length(d->arguments) == 0)
                        continue;
                if (apache_where(d, &where) < 0)
                        return -ENOMEM;
                if (strcasecmp(d->name, "PHPIniDir") == 0) {
                        strv_free(TAKE_PTR(php->ini_folders));
                        r = strv_extend(&php->ini_folders, d->arguments[0]);
                } else if (strv_length(d->arguments) > 1)
                        r = php_take_setting(php, d->arguments[0], d->arguments[1], where);
                if (r < 0)
                        return r;
        }
        return 0;
}

int component_add_php(Planner *p, const ComponentTrigger *t, char **reterr) {
        _cleanup_(php_done) Php php = { .p = p, .t = t, .reterr = reterr };
        int r;

        if ((r = component_each_path_in(p, t->entry->source, php_take_path, &php, reterr)) < 0 ||
            (r = php_take_directives(&php)) < 0)
                return r;
        for (char **folder = php.ini_folders; r >= 0 && folder && *folder; folder++)
                r = php_read_folder(&php, *folder, false);
        for (char **folder = php.scan_folders; r >= 0 && folder && *folder; folder++)
                r = php_read_folder(&php, *folder, true);
        /* Once more: it has the last word over PHP's own files, too. */
        if (r >= 0)
                r = php_take_directives(&php);
        if (r >= 0 && php.scan_folders)
                r = php_add_settings(&php, php.scan_folders[0]);
        if (r >= 0 && php.session_folder)
                r = php_add_place(
                                &php, php.session_folder, SESSIONS_SIZE,
                                "for sessions, until the next start; Writable= has another size, Bind= keeps them");
        return r;
}

/* "-I/folder" and "-I /folder", for mod_perl. */
static int add_perl_switches(Planner *p, const ApacheDirective *d, char **reterr) {
        _cleanup_free_ char *why = NULL;
        int r = apache_where(d, &why);

        for (char **s = d->arguments; r >= 0 && *s; s++) {
                const char *folder = strncmp(*s, "-I", 2) != 0 ? "" : (*s)[2] ? *s + 2 : s[1] ?: "";

                if (folder[0] == '/')
                        r = planner_add_content(p, folder, why, reterr);
        }
        return r;
}

/* Perl is asked for its @INC: it is compiled in, and made of several parts. */
int component_add_perl(Planner *p, const ComponentTrigger *t, char **reterr) {
        static const char *const skip[] = { "*.pod", "*.h", "*.a", "*.ld", "CORE", "pod", NULL };
        const bool is_program = !strstr(t->name, ".so");
        char *const argv[] = { is_program ? t->entry->source : (char[]){ "/usr/bin/perl" }, (char[]){ "-e" },
                               (char[]){ "print join \"\\n\", @INC" }, NULL };
        char *const environment[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };
        _cleanup_(capture_done) Capture c = {};
        int r = capture_run(argv, environment, &(CaptureOptions){ .root = p->plan->source_root }, &c,
                            reterr);

        if (r < 0)
                return r;
        if (!capture_succeeded(&c))
                return plan_warn(p->plan,
                                 "%s does not tell its @INC: name the folders with Include=", argv[0]);
        for (char *save, *folder = strtok_r(c.out, "\n", &save); r >= 0 && folder;
             folder = strtok_r(NULL, "\n", &save))
                if (folder[0] == '/' && !streq(folder, "/"))
                        r = component_add_runtime(p, t, folder, skip, "Perl's modules (@INC)", reterr);
        for (size_t i = 0; r >= 0 && !is_program && i < p->apache->n_directives; i++)
                if (strcasecmp(p->apache->directives[i].name, "PerlSwitches") == 0)
                        r = add_perl_switches(p, &p->apache->directives[i], reterr);
        return r;
}

/* "python3.11" and "libpython3.11.so.1.0" say which one it is. */
int component_add_python(Planner *p, const ComponentTrigger *t, char **reterr) {
        static const char *const prefixes[] = { "/usr", "/usr/local" };
        /* What tests, teaches or compiles. */
        static const char *const skip[] = { "test",       "tests",   "idlelib", "ensurepip",
                                            "turtledemo", "tkinter", "lib2to3", "config-3*",
                                            "pydoc_data", "*.a",     "*.exe",   NULL };
        const char *version = strstr(t->name, "python3.") + strlen("python");
        int length = (int) strcspn(version, "s") - (strstr(version, ".so") ? 1 : 0), r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(prefixes); i++) {
                _cleanup_free_ char *library = NULL, *packages = NULL;

                if (asprintf(&library, "%s/lib/python%.*s", prefixes[i], length, version) < 0 ||
                    asprintf(&packages, "%s/lib/python3/dist-packages", prefixes[i]) < 0)
                        return -ENOMEM;
                if ((r = component_add_runtime(p, t, library, skip, "Python's own modules", reterr)) >= 0)
                        r = component_add_runtime(p, t, packages, skip, "Python modules of the distribution",
                                                  reterr);
        }
        return r;
}
