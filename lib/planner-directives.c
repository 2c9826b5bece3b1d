#include "planner-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "reterr.h"
#include "rootpath.h"

/* With a number behind it, it is still a file's name (NAME_MAX). */
#define SECRET_NAME_LENGTH 200

/* What a directive's path is to the jail. */
typedef enum Use {
        /* A file that is read: copied. */
        USE_FILE,
        /* The same, of which the content is nobody else's business. */
        USE_PRIVATE_FILE,
        /* A file that need not be there, or is no file at all where it does not begin with a slash. */
        USE_OPTIONAL_FILE,
        /* A folder, or a file, of content: shown read-only. */
        USE_CONTENT,
        /* The same, and no path where it does not begin with a slash. */
        USE_OPTIONAL_CONTENT,
        /* A program of an application, with the folder that it is in. */
        USE_APPLICATION,
        /* A folder of files that are read: copied. */
        USE_TREE,
        /* "exec:/path": must be there, and is not run. */
        USE_DIALOG,
        /* "txt:/path", "dbm=gdbm:/path", … */
        USE_MAP,
        /* A log of what went wrong, and one of what was asked for. */
        USE_ERROR_LOG,
        USE_ACCESS_LOG,
        /* A file that is made at run time: its folder is writable. */
        USE_RUNTIME_FILE,
        /* A folder that is written in. */
        USE_RUNTIME_FOLDER,
        /* A key or certificate: handed in at each start. */
        USE_SECRET,
} Use;

typedef struct DirectiveUse {
        const char *name;
        /* Of the argument with the path; -1 for the last one. */
        int argument;
        Use use;
} DirectiveUse;

static const DirectiveUse uses[] = {
        { "DocumentRoot", 0, USE_CONTENT },
        { "VirtualDocumentRoot", 0, USE_CONTENT },
        { "VirtualDocumentRootIP", 0, USE_CONTENT },
        { "VirtualScriptAlias", 0, USE_CONTENT },
        { "VirtualScriptAliasIP", 0, USE_CONTENT },
        { "Alias", -1, USE_CONTENT },
        { "AliasMatch", -1, USE_CONTENT },
        { "ScriptAlias", -1, USE_CONTENT },
        { "ScriptAliasMatch", -1, USE_CONTENT },
        { "WSGIScriptAlias", 1, USE_APPLICATION },
        { "WSGIScriptAliasMatch", 1, USE_APPLICATION },
        { "WSGIImportScript", 0, USE_APPLICATION },
        { "WSGIDispatchScript", 0, USE_APPLICATION },
        { "PerlRequire", 0, USE_OPTIONAL_FILE },
        { "PerlConfigRequire", 0, USE_OPTIONAL_FILE },
        { "PerlPostConfigRequire", 0, USE_OPTIONAL_FILE },
        { "LuaRoot", 0, USE_CONTENT },
        { "LuaMapHandler", 1, USE_CONTENT },
        { "LuaQuickHandler", 0, USE_CONTENT },
        { "LuaHookPreTranslate", 0, USE_CONTENT },
        { "LuaHookTranslateName", 0, USE_CONTENT },
        { "LuaHookMapToStorage", 0, USE_CONTENT },
        { "LuaHookAccessChecker", 0, USE_CONTENT },
        { "LuaHookCheckUserID", 0, USE_CONTENT },
        { "LuaHookAuthChecker", 0, USE_CONTENT },
        { "LuaHookTypeChecker", 0, USE_CONTENT },
        { "LuaHookFixups", 0, USE_CONTENT },
        { "LuaHookInsertFilter", 0, USE_CONTENT },
        { "LuaHookLog", 0, USE_CONTENT },
        { "LuaInputFilter", 1, USE_CONTENT },
        { "LuaOutputFilter", 1, USE_CONTENT },
        { "LuaAuthzProvider", 1, USE_CONTENT },
        { "DBDParams", 0, USE_OPTIONAL_CONTENT },
        { "CacheFile", 0, USE_CONTENT },
        { "MMapFile", 0, USE_CONTENT },

        { "SSLPassPhraseDialog", 0, USE_DIALOG },

        { "ErrorLog", 0, USE_ERROR_LOG },
        { "CustomLog", 0, USE_ACCESS_LOG },
        { "GlobalLog", 0, USE_ACCESS_LOG },
        { "TransferLog", 0, USE_ACCESS_LOG },
        { "ForensicLog", 0, USE_ACCESS_LOG },
        { "ScriptLog", 0, USE_ERROR_LOG },
        { "SecAuditLog", 0, USE_ACCESS_LOG },
        { "SecDebugLog", 0, USE_ERROR_LOG },

        { "TypesConfig", 0, USE_FILE },
        { "MIMEMagicFile", 0, USE_FILE },
        { "RewriteMap", 1, USE_MAP },
        { "MaxMindDBFile", -1, USE_FILE },
        { "GeoIPDBFile", 0, USE_FILE },
        { "LDAPTrustedGlobalCert", 1, USE_FILE },
        { "LDAPTrustedClientCert", 1, USE_FILE },
        { "SSLOpenSSLConfCmd", 1, USE_OPTIONAL_FILE },
        { "SSLCACertificatePath", 0, USE_TREE },
        { "SSLCADNRequestPath", 0, USE_TREE },
        { "SSLCARevocationPath", 0, USE_TREE },
        { "SSLProxyCACertificatePath", 0, USE_TREE },
        { "SSLProxyCARevocationPath", 0, USE_TREE },
        { "AuthUserFile", 0, USE_PRIVATE_FILE },
        { "AuthGroupFile", 0, USE_PRIVATE_FILE },
        { "AuthDBMUserFile", 0, USE_PRIVATE_FILE },
        { "AuthDBMGroupFile", 0, USE_PRIVATE_FILE },

        { "SSLCertificateFile", 0, USE_SECRET },
        { "SSLCertificateKeyFile", 0, USE_SECRET },
        { "SSLCertificateChainFile", 0, USE_SECRET },
        { "SSLCACertificateFile", 0, USE_SECRET },
        { "SSLCADNRequestFile", 0, USE_SECRET },
        { "SSLCARevocationFile", 0, USE_SECRET },
        { "SSLProxyCACertificateFile", 0, USE_SECRET },
        { "SSLProxyCARevocationFile", 0, USE_SECRET },
        { "SSLProxyMachineCertificateFile", 0, USE_SECRET },
        { "SSLProxyMachineCertificateChainFile", 0, USE_SECRET },
        { "SSLSessionTicketKeyFile", 0, USE_SECRET },
        { "SSLSRPVerifierFile", 0, USE_PRIVATE_FILE },
        { "MDCertificateFile", 0, USE_SECRET },
        { "MDCertificateKeyFile", 0, USE_SECRET },

        { "ScoreBoardFile", 0, USE_RUNTIME_FILE },
        { "DavLockDB", 0, USE_RUNTIME_FILE },
        { "DAVGenericLockDB", 0, USE_RUNTIME_FILE },
        { "SSLSessionCache", 0, USE_RUNTIME_FILE },
        { "SSLStaplingCache", 0, USE_RUNTIME_FILE },
        { "CacheSocache", 0, USE_RUNTIME_FILE },
        { "AuthnCacheSOCache", 0, USE_RUNTIME_FILE },
        { "ScriptSock", 0, USE_RUNTIME_FILE },
        { "WSGISocketPrefix", 0, USE_RUNTIME_FILE },
        { "LDAPSharedCacheFile", 0, USE_RUNTIME_FILE },
        { "CacheRoot", 0, USE_RUNTIME_FOLDER },
        { "SecDataDir", 0, USE_RUNTIME_FOLDER },
        { "SecTmpDir", 0, USE_RUNTIME_FOLDER },
        { "SecUploadDir", 0, USE_RUNTIME_FOLDER },
        { "MDStoreDir", 0, USE_RUNTIME_FOLDER },
};

/* Apache's own icons and manual: sample content of the package, which a jail has no use for. */
static const char *const samples[] = {
        "/usr/share/apache2/icons",
        "/usr/share/httpd/icons",
        "/usr/share/doc/apache2-doc/manual",
        "/usr/share/httpd/manual",
};

static bool is_sample(const Apache *a, const char *path) {
        static const char *const folders[] = { "/icons", "/manual" };
        size_t n = strlen(a->server_root);

        /* A build from source has them in its own folder. */
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (strncmp(path, a->server_root, n) == 0 &&
                    strncmp(path + n, folders[i], strlen(folders[i])) == 0)
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(samples); i++)
                if (strncmp(path, samples[i], strlen(samples[i])) == 0)
                        return true;
        return false;
}

static const DirectiveUse *find_use(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(uses); i++)
                if (strcasecmp(uses[i].name, name) == 0)
                        return &uses[i];
        return NULL;
}

static void trim_slashes(char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                path[--n] = '\0';
}

/* Cut a pattern (%0, $1, a regular expression) off behind the last folder that is written out. */
static void cut_pattern(char *path) {
        size_t n = strcspn(path, "%$*?[(");

        if (!path[n])
                return;
        while (n > 0 && path[n] != '/')
                n--;
        path[n > 0 ? n : 1] = '\0';
}

int planner_add_content(Planner *p, const char *path, const char *why, char **reterr) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *host = NULL, *reason = NULL;
        int r;

        if (is_sample(p->apache, path))
                return plan_remark(p->plan,
                                   "%s is left out: it comes with Apache and is no content of yours (%s; "
                                   "BindReadOnly=%s brings it back)",
                                   path, why, path);
        /* Bind= and BindReadOnly= have the last word. */
        if (planner_is_mounted(p, path) || planner_is_shown(p, path))
                return 0;
        fd = rootpath_open(p->plan->source_fd, path, O_PATH);
        if (fd < 0)
                return plan_warn(p->plan, "%s: %s (%s)", path, strerror(-fd), why);
        r = planner_host_path(p, path, &host, reterr);
        if (r < 0)
                return r;
        r = planner_add_bind(p, MOUNT_BIND_RO, host, path, why, &reason);
        /* No user keeps the others from being served. */
        if (r == -ELOOP)
                return plan_warn(p->plan, "%s", reason);
        if (r < 0)
                *reterr = TAKE_PTR(reason);
        return r;
}

/* The folder of an application's program: what it is made of is there. */
static int add_application(Planner *p, const char *path, const char *why, char **reterr) {
        _cleanup_close_ int fd = rootpath_open(p->plan->source_fd, path, O_PATH);
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *folder = NULL;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode) || slash == path)
                return planner_add_content(p, path, why, reterr);
        folder = strndup(path, (size_t) (slash - path));
        return folder ? planner_add_content(p, folder, why, reterr) : -ENOMEM;
}

static int add_optional_file(Planner *p, const char *argument, const char *why, char **reterr) {
        _cleanup_close_ int fd =
                        argument[0] == '/' ? rootpath_open(p->plan->source_fd, argument, O_PATH) : -ENOENT;

        return fd < 0 ? 0 : plan_add_copy(p->plan, argument, 0444, (PlanWhy){ .why = why }, NULL, reterr);
}

/* httpd insists on the file, though a key without a passphrase never makes it run; and no program runs here. */
static int add_dialog(Planner *p, const char *argument, const char *why, char **reterr) {
        static const char prefix[] = "exec:";
        const char *path = argument + (argument[0] == '|' ? 1 : strlen(prefix));

        if ((argument[0] != '|' && strncmp(argument, prefix, strlen(prefix)) != 0) || path[0] != '/')
                return 0;
        return plan_add_made(p->plan, path, 0444, 0, "", 0, (PlanWhy){ .why = why }, NULL, reterr);
}

/* Files of text and databases are read; a program is started by httpd, and needs Exec=. */
static int add_map(Planner *p, const char *argument, const char *why, char **reterr) {
        const char *colon = strchr(argument, ':');
        _cleanup_free_ char *path = NULL;

        if (!colon || strncmp(argument, "int:", strlen("int:")) == 0 ||
            strncmp(argument, "prg:", strlen("prg:")) == 0 ||
            strncmp(argument, "dbd:", strlen("dbd:")) == 0 ||
            strncmp(argument, "fastdbd:", strlen("fastdbd:")) == 0)
                return 0;
        if (apache_path(p->apache, colon + 1, &path) < 0)
                return -ENOMEM;
        return plan_add_copy(p->plan, path, 0444, (PlanWhy){ .why = why }, NULL, reterr);
}

/* A log that goes to a program: one that Exec= names, and the shell where it is "|$". */
static int check_pipe(const Planner *p, const char *argument, const char *why, char **reterr) {
        const char *word = argument + strspn(argument, "|"), *program = word[0] == '$' ? "/bin/sh" : word;
        _cleanup_free_ char *path = strndup(program, strcspn(program, " \t"));

        if (!path)
                return -ENOMEM;
        for (char **e = p->config->execs; e && *e; e++) {
                size_t n = strlen(*e);

                if ((*e)[n - 1] == '/' ? strncmp(path, *e, n) == 0 : streq(path, *e))
                        return 0;
        }
        return reterr_set(
                        reterr, -EACCES,
                        "%s: the jail runs no such program: name a file, jaild takes care of its size; or allow it by "
                        "'SystemCallFilter=+cgi' and 'Exec=%s', with 'Bind=' or 'Writable=' for what it writes",
                        why, path);
}

/* Where a log that is no file goes is the configuration's own affair. */
static int add_log(Planner *p, const char *argument, const char *path, LaunchLogKind kind, const char *why,
                   char **reterr) {
        static const char *const providers[] = { "syslog", "journald" };

        if (argument[0] == '|')
                return check_pipe(p, argument, why, reterr);
        for (size_t i = 0; i < ELEMENTSOF(providers); i++)
                if (strncmp(argument, providers[i], strlen(providers[i])) == 0)
                        return plan_warn(
                                        p->plan,
                                        "%s: there is no %s in the jail, its messages are lost: name a file",
                                        why, providers[i]);
        return planner_add_log(p, path, kind, why, reterr);
}

static bool has_secret(const Launch *l, const char *name) {
        for (size_t i = 0; i < l->n_secrets; i++)
                if (streq(l->secrets[i].name, name))
                        return true;
        return false;
}

/* The path, or its end, with other signs for its slashes: readable. Where that is taken, with a number behind it. */
static int secret_name(const Launch *l, const char *path, char **ret) {
        size_t n = strlen(path);
        const char *tail = n > SECRET_NAME_LENGTH ? path + n - SECRET_NAME_LENGTH : path + 1;

        for (unsigned i = 1;; i++) {
                _cleanup_free_ char *name = NULL;

                if ((i == 1 ? asprintf(&name, "%s", tail) : asprintf(&name, "%s-%u", tail, i)) < 0)
                        return -ENOMEM;
                for (char *s = name; *s; s++)
                        if (*s == '/')
                                *s = '!';
                /* No name that a launch may not have. */
                if (name[0] == '.')
                        name[0] = '_';
                if (has_secret(l, name))
                        continue;
                *ret = TAKE_PTR(name);
                return 0;
        }
}

int planner_add_secret(Planner *p, const char *path, const char *host, const char *why, char **reterr) {
        Launch *l = p->plan->launch;
        _cleanup_free_ char *name = NULL, *target = NULL;
        struct stat st;
        int r;

        for (size_t i = 0; i < l->n_secrets; i++)
                if (streq(l->secrets[i].source, host))
                        return 0;
        if (stat(host, &st) < 0)
                return reterr_set(reterr, -errno, "%s: %s (%s)", path, strerror(errno), why);
        if (!S_ISREG(st.st_mode))
                return reterr_set(reterr, -EINVAL, "%s is no file (%s)", path, why);
        r = secret_name(l, path, &name);
        if (r < 0)
                return r;
        if (asprintf(&target, "%s/%s", LAUNCH_SECRETS_DIR, name) < 0)
                return -ENOMEM;
        r = plan_add_link(p->plan, path, target, (PlanWhy){ .why = why }, reterr);
        if (r < 0)
                return r;
        if (l->n_secrets == 0) {
                r = plan_add_mount_point(
                                p->plan, LAUNCH_SECRETS_DIR,
                                (PlanWhy){ .why = "keys and certificates, handed in at each start" }, NULL,
                                reterr);
                if (r < 0)
                        return r;
        }
        return launch_add_secret(l, host, name);
}

/* "shmcb:/path(512000)" is /path; a provider without a path needs no place. Returns 1, 0 for no path, or -ENOMEM. */
static int runtime_file(const Planner *p, const char *argument, char **ret) {
        _cleanup_free_ char *copy = NULL;
        const char *colon = strchr(argument, ':'), *slash = strchr(argument, '/');
        int r;

        if (colon && (!slash || colon < slash))
                argument = colon + 1;
        else if (!slash && (strcasecmp(argument, "none") == 0 || strcasecmp(argument, "nonenotnull") == 0 ||
                            strcasecmp(argument, "shmcb") == 0))
                return 0;
        copy = strndup(argument, strcspn(argument, "("));
        if (!copy)
                return -ENOMEM;
        if (!copy[0])
                return 0;
        r = apache_path(p->apache, copy, ret);
        return r < 0 ? r : 1;
}

static int add_use(Planner *p, const DirectiveUse *use, const char *argument, const char *why,
                   char **reterr) {
        _cleanup_free_ char *path = NULL, *host = NULL;
        int r = use->use == USE_RUNTIME_FILE ? runtime_file(p, argument, &path)
                                             : apache_path(p->apache, argument, &path);

        if (r < 0 || !path)
                return r;
        trim_slashes(path);
        switch (use->use) {
        case USE_FILE:
                return plan_add_copy(p->plan, path, 0444, (PlanWhy){ .why = why }, NULL, reterr);
        case USE_PRIVATE_FILE:
                return plan_add_private_copy(p->plan, path, 0440, p->plan->launch->gid,
                                             (PlanWhy){ .why = why }, reterr);
        case USE_OPTIONAL_FILE:
                return add_optional_file(p, argument, why, reterr);
        case USE_APPLICATION:
                cut_pattern(path);
                return add_application(p, path, why, reterr);
        case USE_TREE:
                return plan_add_tree(p->plan, path, (PlanWhy){ .why = why }, reterr);
        case USE_DIALOG:
                return add_dialog(p, argument, why, reterr);
        case USE_MAP:
                return add_map(p, argument, why, reterr);
        case USE_OPTIONAL_CONTENT:
                return argument[0] == '/' ? planner_add_content(p, path, why, reterr) : 0;
        case USE_CONTENT:
                cut_pattern(path);
                trim_slashes(path);
                return planner_add_content(p, path, why, reterr);
        case USE_ERROR_LOG:
                return add_log(p, argument, path, LAUNCH_LOG_ERROR, why, reterr);
        case USE_ACCESS_LOG:
                return add_log(p, argument, path, LAUNCH_LOG_ACCESS, why, reterr);
        case USE_RUNTIME_FILE:
                return planner_add_writable_parent(p, path, why, reterr);
        case USE_RUNTIME_FOLDER:
                return planner_add_writable(p, path, 0, why, reterr);
        case USE_SECRET:
                r = planner_host_path(p, path, &host, reterr);
                return r < 0 ? r : planner_add_secret(p, path, host, why, reterr);
        }
        return -EINVAL;
}

int planner_directives(Planner *p, char **reterr) {
        for (size_t i = 0; i < p->apache->n_directives; i++) {
                const ApacheDirective *d = &p->apache->directives[i];
                const DirectiveUse *use = d->is_section ? NULL : find_use(d->name);
                size_t n = strv_length(d->arguments), argument;
                _cleanup_free_ char *why = NULL;
                int r;

                if (!use || n == 0)
                        continue;
                argument = use->argument < 0 ? n - 1 : (size_t) use->argument;
                if (argument >= n)
                        continue;
                if (asprintf(&why, "%s %s (%s:%u)", use->name, d->arguments[argument], d->file, d->line) < 0)
                        return -ENOMEM;
                r = add_use(p, use, d->arguments[argument], why, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}
