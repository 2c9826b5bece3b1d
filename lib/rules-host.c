/* What is around the jail: who could change it, and who else serves. */

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <sys/statvfs.h>

#include "config-paths.h"
#include "folder.h"
#include "generation.h"
#include "origins.h"
#include "process.h"
#include "rootpath.h"
#include "verify-internal.h"

/* Less than this free for logs is soon nothing. */
#define LOG_SPACE_PERCENT_MIN 5

/* Of an entry that was copied, or made from a copy: whether the host has another one now. By size and time first, so that
 * not everything on the host is read. */
static int check_origin(Verify *v, const Rule *rule, int source_fd, const Origin *o) {
        const ManifestEntry *e = manifest_find(v->manifest, o->path);
        unsigned char digest[TREE_DIGEST_SIZE];
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = rootpath_open_regular(source_fd, o->source, &st);
        if (fd < 0 || ((uint64_t) st.st_size == o->size &&
                       (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == o->mtime_nsec))
                return 0;
        (void) fcntl(fd, F_SETFL, O_RDONLY | O_NOATIME);
        if (o->type == PLAN_COPY && e &&
            (tree_digest_file(fd, digest, NULL) < 0 || memcmp(digest, e->digest, sizeof(digest)) == 0))
                return 0;
        return verify_find(v, rule, NULL, o->path,
                           "is another one on the host (%s) since the jail was built", o->source);
}

static int check_stale(Verify *v, const Rule *rule) {
        const char *source = v->request->config->source ?: "/";
        _cleanup_close_ int source_fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
        _cleanup_(origins_freep) Origins *origins = NULL;
        _cleanup_free_ char *reason = NULL;
        int r = 0;

        if (source_fd < 0)
                return verify_find(v, rule, NULL, source, "cannot be compared with: %s", strerror(errno));
        fd = generation_open(v->request->config->name, v->generation, GENERATION_ORIGINS, O_RDONLY);
        if (fd < 0 || origins_read(fd, &origins, &reason) < 0)
                return verify_find(v, rule, NULL, GENERATION_ORIGINS, "cannot be read: %s",
                                   reason ?: strerror(-fd));
        for (size_t i = 0; r >= 0 && i < origins->n_entries; i++)
                if (origins->entries[i].source)
                        r = check_origin(v, rule, source_fd, &origins->entries[i]);
        return r;
}

static int check_other_installed(Verify *v, const Rule *rule) {
        static const char *const programs[] = { "/usr/sbin/apache2", "/usr/sbin/httpd",
                                                "/usr/local/apache2/bin/httpd", "/usr/local/sbin/httpd",
                                                "/opt/apache2/bin/httpd" };
        struct stat ours, st;
        int r = 0;

        if (stat(v->launch->httpd, &ours) < 0)
                ours = (struct stat){};
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(programs); i++) {
                if (streq(programs[i], v->launch->httpd) || stat(programs[i], &st) < 0 ||
                    !S_ISREG(st.st_mode) || (st.st_ino == ours.st_ino && st.st_dev == ours.st_dev))
                        continue;
                r = verify_find(v, rule, NULL, programs[i], "is another Apache than the jail's");
        }
        return r;
}

typedef struct HostSearch {
        Verify *v;
        const Rule *rule;
        ino_t our_pid_namespace;
} HostSearch;

/* In the host's own process namespace: those of containers are not the host's. */
static int on_host_process(pid_t pid, void *userdata) {
        HostSearch *s = userdata;
        char exe[PATH_MAX], where[64];
        const char *name;

        if (process_namespace(pid, "pid") != s->our_pid_namespace || process_exe(pid, exe, sizeof(exe)) < 0)
                return 0;
        name = path_name(exe);
        if (!streq(name, "apache2") && !streq(name, "httpd"))
                return 0;
        /* Of many, the masters are enough. */
        if (process_parent_has_exe(pid, exe))
                return 0;
        snprintf(where, sizeof(where), "process %d (%s)", pid, name);
        return verify_find(s->v, s->rule, NULL, where, "is an Apache outside of any jail: %s", exe);
}

static int check_other_running(Verify *v, const Rule *rule) {
        HostSearch s = { .v = v, .rule = rule, .our_pid_namespace = process_namespace(getpid(), "pid") };

        return process_for_each(on_host_process, &s);
}

static int on_same_uid(pid_t pid, void *userdata) {
        HostSearch *s = userdata;
        char where[64], name[16];

        if (process_namespace(pid, "pid") != s->our_pid_namespace || process_uid(pid) != s->v->launch->uid)
                return 0;
        process_name(pid, name);
        snprintf(where, sizeof(where), "process %d (%s)", pid, name);
        return verify_find(s->v, s->rule, NULL, where,
                           "has the server's user, and runs outside of the jail");
}

static int check_shared_uid(Verify *v, const Rule *rule) {
        HostSearch s = { .v = v, .rule = rule, .our_pid_namespace = process_namespace(getpid(), "pid") };

        return process_for_each(on_same_uid, &s);
}

static int find_starters(Verify *v, const Rule *rule, const char *const *patterns, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                glob_t g = {};

                if (glob(patterns[i], GLOB_NOSORT, NULL, &g) == 0)
                        for (size_t k = 0; r >= 0 && k < g.gl_pathc; k++)
                                r = verify_find(v, rule, NULL, g.gl_pathv[k],
                                                "starts another Apache at boot");
                globfree(&g);
        }
        return r;
}

/* sd_booted(3): where it is systemd that boots, a unit hides the script of the same name. */
static int check_units(Verify *v, const Rule *rule) {
        static const char *const units[] = { "/etc/systemd/system/*.wants/apache2.service",
                                             "/etc/systemd/system/*.wants/httpd.service",
                                             "/etc/systemd/system/*.wants/apache2@*.service" };
        static const char *const scripts[] = { "/etc/rc[2345].d/S[0-9][0-9]apache2",
                                               "/etc/rc[2345].d/S[0-9][0-9]httpd" };
        int r = find_starters(v, rule, units, ELEMENTSOF(units));

        if (r < 0 || access("/run/systemd/system", F_OK) == 0)
                return r;
        return find_starters(v, rule, scripts, ELEMENTSOF(scripts));
}

/* A line that is no comment and names one of Apache's programs. */
static int check_script(Verify *v, const Rule *rule, const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        unsigned n = 0;
        int r = 0;

        while (r >= 0 && f && getline(&line, &size, f) > 0) {
                const char *p = line + strspn(line, " \t");
                char where[256];

                n++;
                line[strcspn(line, "\n")] = '\0';
                if (*p == '#' || (!strstr(p, "apachectl") && !strstr(p, "apache2") && !strstr(p, "httpd")))
                        continue;
                snprintf(where, sizeof(where), "%s:%u", path, n);
                r = verify_find(v, rule, NULL, where, "%.80s", p);
        }
        return r;
}

static int check_scripts(Verify *v, const Rule *rule) {
        static const char *const scripts[] = { "/etc/rc.local", "/etc/rc.d/rc.local",
                                               "/etc/init.d/boot.local" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(scripts); i++)
                r = check_script(v, rule, scripts[i]);
        return r;
}

static bool others_may_write(const struct stat *st) {
        return st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH) && !(st->st_mode & S_ISVTX));
}

static int check_parents(Verify *v, const Rule *rule) {
        _cleanup_free_ char *path = strdup(v->root_path);
        struct stat st;
        int r = 0;

        if (!path)
                return -ENOMEM;
        /* The root itself is the tree's. */
        for (char *slash; r >= 0 && (slash = strrchr(path, '/'));) {
                const char *folder = slash == path ? "/" : path;

                *slash = '\0';
                if (stat(folder[0] ? folder : "/", &st) == 0 && others_may_write(&st))
                        r = verify_find(v, rule, NULL, *folder ? folder : "/",
                                        "may be written by others than root (owner %u, mode %04o)",
                                        st.st_uid, st.st_mode & 07777);
        }
        return r;
}

static int check_state_open(Verify *v, const Rule *rule) {
        _cleanup_free_ char *path = strndup(v->root_path, strlen(v->root_path) - strlen("/root"));
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (stat(path, &st) < 0 || !(st.st_mode & 077))
                return 0;
        return verify_find(v, rule, NULL, path, "is open to others, with mode %04o", st.st_mode & 07777);
}

/* Values that look like what nobody else should read. */
static bool is_secret(const ConfigOrigin *o) {
        static const char *const words[] = { "*PASS*=*", "*SECRET*=*", "*TOKEN*=*", "*KEY*=*",
                                             "*CREDENTIAL*=*" };

        if (!streq(o->key->key, "Environment"))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (fnmatch(words[i], o->value, FNM_CASEFOLD) == 0)
                        return true;
        return false;
}

static int check_config_readable(Verify *v, const Rule *rule) {
        const JailConfig *c = v->request->config;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < c->n_origins; i++) {
                _cleanup_free_ char *file = strndup(c->origins[i].where, strcspn(c->origins[i].where, ":"));
                struct stat st;

                if (!file)
                        return -ENOMEM;
                if (is_secret(&c->origins[i]) && stat(file, &st) == 0 && st.st_mode & 077)
                        r = verify_find(v, rule, NULL, file,
                                        "holds a secret (%.*s) and can be read by others, with mode %04o",
                                        (int) strcspn(c->origins[i].value, "="), c->origins[i].value,
                                        st.st_mode & 07777);
        }
        return r;
}

static int check_folder_writable(Verify *v, const Rule *rule, const char *path) {
        struct stat st;

        if (stat(path, &st) < 0 || !(st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH)))
                return 0;
        return verify_find(v, rule, NULL, path, "may be changed by others than root (owner %u, mode %04o)",
                           st.st_uid, st.st_mode & 07777);
}

static int check_config_writable(Verify *v, const Rule *rule) {
        _cleanup_free_ char *drop_ins = NULL;
        int r = check_folder_writable(v, rule, JAILD_CONF_DIR);

        if (asprintf(&drop_ins, JAILD_CONF_DIR "/%s.conf.d", v->request->config->name) < 0)
                return -ENOMEM;
        return r < 0 ? r : check_folder_writable(v, rule, drop_ins);
}

static int check_run_writable(Verify *v, const Rule *rule) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, JAILD_RUN_DIR "/%s", v->request->config->name) < 0)
                return -ENOMEM;
        return check_folder_writable(v, rule, path);
}

static int check_logs_writable(Verify *v, const Rule *rule) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (asprintf(&path, JAILD_LOG_DIR "/%s", v->request->config->name) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        r = folder_list(fd, &names);
        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *file = NULL;
                struct stat st;

                if (asprintf(&file, "%s/%s", path, *name) < 0)
                        return -ENOMEM;
                /* A folder of another user is a decision; one of the server's is none. */
                if (fstatat(fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
                    (st.st_uid == v->launch->uid || st.st_mode & S_IWOTH ||
                     (st.st_gid == v->launch->gid && st.st_mode & S_IWGRP)))
                        r = verify_find(v, rule, NULL, file,
                                        "may be changed by the server's user (owner %u:%u, mode %04o)",
                                        st.st_uid, st.st_gid, st.st_mode & 07777);
        }
        return r < 0 ? r : check_folder_writable(v, rule, path);
}

static int check_log_space(Verify *v, const Rule *rule) {
        _cleanup_free_ char *path = NULL;
        struct statvfs st;

        if (asprintf(&path, JAILD_LOG_DIR "/%s", v->request->config->name) < 0)
                return -ENOMEM;
        if (statvfs(path, &st) < 0 || st.f_blocks == 0 ||
            st.f_bavail * 100 / st.f_blocks >= LOG_SPACE_PERCENT_MIN)
                return 0;
        return verify_find(v, rule, NULL, path, "has %u %% of its file system left",
                           (unsigned) (st.f_bavail * 100 / st.f_blocks));
}

static int check_keys(Verify *v, const Rule *rule) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < v->launch->n_secrets; i++) {
                const char *path = v->launch->secrets[i].source;
                struct stat st;

                /* Certificates are handed in the same way, and are for everybody. */
                if (stat(path, &st) < 0 || !(st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)))
                        continue;
                _cleanup_close_ int fd =
                                open(path, O_RDONLY | O_NOATIME | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
                unsigned char digest[TREE_DIGEST_SIZE];
                bool has_key = false;

                if (fd >= 0 && S_ISREG(st.st_mode) && tree_digest_file(fd, digest, &has_key) >= 0 && has_key)
                        r = verify_find(v, rule, NULL, path,
                                        "is a private key that others may read (owner %u:%u, mode %04o)",
                                        st.st_uid, st.st_gid, st.st_mode & 07777);
        }
        return r;
}

static int check_wildcard(Verify *v, const Rule *rule) {
        char text[ADDRESS_STRING_MAX];
        int r = 0;

        for (size_t i = 0; r >= 0 && i < v->launch->n_listens; i++)
                if (address_is_wildcard(&v->launch->listens[i].outside))
                        r = verify_find(v, rule, NULL,
                                        address_to_string(&v->launch->listens[i].outside, text),
                                        "listens on every address of the host");
        return r;
}

static int check_network_mode(Verify *v, const Rule *rule) {
        return v->request->config->mode == CONFIG_MODE_HOST
                               ? verify_find(v, rule, NULL, "Mode=host", "the jail has the host's network")
                               : 0;
}

const Rule rules_host[] = {
        { .id = "host-stale",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "What was copied is as it is on the host now",
          .why = "A package upgrade on the host, a security fix above all, does not reach the jail by itself.",
          .action = "jailctl build, jailctl restart",
          .benchmark = "STIG SRG-APP-000516-WSR-000174",
          .check = check_stale },
        { .id = "host-other-apache-installed",
          .part = RULE_HOST,
          .severity = RULE_NOTE,
          .title = "There is no other Apache on the host than the one that the jail is made from",
          .why = "One that nobody thinks of is one that nobody updates.",
          .action = "Remove it, if nothing needs it.",
          .check = check_other_installed },
        { .id = "host-other-apache-running",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "No Apache runs outside of a jail",
          .why = "It serves with all of the host's files in reach, perhaps the same site on another port.",
          .action = "systemctl disable --now apache2",
          .check = check_other_running },
        { .id = "host-other-apache-unit",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "No unit starts an Apache outside of a jail",
          .why = "At the next boot it takes the ports before the jail does, or runs beside it.",
          .action = "systemctl disable apache2",
          .check = check_units },
        { .id = "host-other-apache-script",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "No start script starts an Apache outside of a jail",
          .why = "As for units; rc.local is read by nobody until the next boot.",
          .action = "Take the line out.",
          .check = check_scripts },
        { .id = "host-shared-user",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "Nothing else on the host runs as the server's user",
          .why = "A process with the same user may send signals to the server, and read and write what is the server's.",
          .action = "Give the jail or the other service a user of its own (User=).",
          .benchmark = "STIG SRG-APP-000435-WSR-000147",
          .check = check_shared_uid },
        { .id = "host-parent-writable",
          .part = RULE_HOST,
          .severity = RULE_ERROR,
          .title = "Only root can change the folders above the jail",
          .why = "Who can write a folder can put another one in the place of what is in it.",
          .action = "chown root:root FOLDER; chmod go-w FOLDER",
          .benchmark = "CIS 3.11; STIG AS24-U1-000440",
          .check = check_parents },
        { .id = "host-state-open",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "Only root can look into a generation",
          .why = "Apache's configuration in there may hold passwords, and a file with a set-user-ID bit would be within everybody's reach.",
          .action = "--fix closes the folder.",
          .check = check_state_open,
          .fix = fix_host_mode },
        { .id = "host-config-readable",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "A configuration that holds a secret is root's to read",
          .why = "Environment= hands passwords and tokens to applications.",
          .action = "--fix takes the permission of others away.",
          .check = check_config_readable,
          .fix = fix_host_mode },
        { .id = "host-config-writable",
          .part = RULE_HOST,
          .severity = RULE_ERROR,
          .title = "Only root can add to the jail's configuration",
          .why = "jaild obeys the files in these folders, as root.",
          .action = "chown root:root FOLDER; chmod go-w FOLDER",
          .check = check_config_writable },
        { .id = "host-run-writable",
          .part = RULE_HOST,
          .severity = RULE_ERROR,
          .title = "Only root can change the folder of the control socket",
          .why = "Another socket in its place would answer jailctl.",
          .action = "chown root:root FOLDER; chmod go-w FOLDER",
          .check = check_run_writable },
        { .id = "host-log-writable",
          .part = RULE_HOST,
          .severity = RULE_ERROR,
          .title = "The server's user cannot change the logs",
          .why = "Logs are where a break-in is seen afterwards.",
          .action = "chown root:adm FILE; chmod 0640 FILE",
          .benchmark = "STIG V-214235, V-214236",
          .check = check_logs_writable },
        { .id = "host-log-space",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "There is room for logs",
          .why = "Lines that cannot be written are dropped and counted, so that the server goes on; they are gone.",
          .action = "Make room, or keep fewer logs.",
          .benchmark = "CIS 6.4",
          .check = check_log_space },
        { .id = "host-key-readable",
          .part = RULE_HOST,
          .severity = RULE_ERROR,
          .title = "Private keys can be read by root only",
          .why = "Whoever reads the key can be the server.",
          .action = "chmod 0600 FILE; a jail needs no more, jaild hands it in as root.",
          .benchmark = "STIG Site, TLS keys",
          .check = check_keys },
        { .id = "host-listen-wildcard",
          .part = RULE_HOST,
          .severity = RULE_NOTE,
          .title = "The jail listens on named addresses",
          .why = "On every address means on those, too, that the host gets later: a management network, a tunnel.",
          .action = "Listen=ADDRESS:PORT",
          .benchmark = "CIS 5.15",
          .check = check_wildcard },
        { .id = "host-network-mode",
          .part = RULE_HOST,
          .severity = RULE_WARNING,
          .title = "The jail has no network but what it is granted",
          .why = "With Mode=host an intruder reaches whatever the host reaches.",
          .action = "Mode=none, and Connect= for what Apache must reach.",
          .check = check_network_mode },
        {},
};
