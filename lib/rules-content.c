/* What a file is for: nothing in a jail helps who has broken in. */

#include <fnmatch.h>

#include "verify-internal.h"

/* Names as fnmatch(3) has them, NULL at the end. */
typedef const char *const Names[];

/* Debian has versions behind many of them. */
static const Names shells = { "sh",  "bash", "dash", "ash",   "ksh",     "ksh93",  "mksh", "zsh",
                              "csh", "tcsh", "fish", "rbash", "busybox", "toybox", "sash", NULL };
static const Names interpreters = { "perl",   "perl5*",    "python", "python[23]*", "ruby", "ruby[0-9]*",
                                    "php",    "php[0-9]*", "node",   "nodejs",      "lua",  "lua[0-9]*",
                                    "tclsh*", "wish*",     "awk",    "gawk",        "mawk", "nawk",
                                    "guile*", "java",      NULL };
static const Names compilers = { "cc",
                                 "gcc",
                                 "gcc-[0-9]*",
                                 "g++",
                                 "g++-[0-9]*",
                                 "c++",
                                 "c[89]9",
                                 "clang*",
                                 "tcc",
                                 "cpp",
                                 "cpp-[0-9]*",
                                 "as",
                                 "ld",
                                 "ld.bfd",
                                 "ld.gold",
                                 "make",
                                 "gmake",
                                 "go",
                                 "rustc",
                                 "cargo",
                                 "gdb",
                                 "strace",
                                 "*-linux-gnu-gcc*",
                                 "*-linux-gnu-as",
                                 "*-linux-gnu-ld*",
                                 NULL };
static const Names development = { "*.a", "*.la", "*.o", "*.h", "*.pc", NULL };
static const Names network_tools = { "curl",       "wget",  "nc",     "ncat", "netcat",  "nc.traditional",
                                     "nc.openbsd", "socat", "telnet", "ssh",  "scp",     "sftp",
                                     "rsync",      "ftp",   "tftp",   "nmap", "tcpdump", "openssl",
                                     NULL };
static const Names system_tools = { "su",      "sudo",  "passwd", "mount", "umount", "chroot",  "unshare",
                                    "nsenter", "chmod", "chown",  "dpkg",  "apt",    "apt-get", "rpm",
                                    "dnf",     "yum",   "tar",    "dd",    "find",   "ls",      "cat",
                                    "cp",      "mv",    "rm",     "ldd",   NULL };
static const Names apache_utilities = { "ab",         "apachectl",  "apache2ctl",    "apxs",
                                        "apxs2",      "dbmmanage",  "fcgistarter",   "htcacheclean",
                                        "htdbm",      "htdigest",   "htpasswd",      "httxt2dbm",
                                        "logresolve", "rotatelogs", "split-logfile", "check_forensic",
                                        "checkgid",   "suexec",     "suexec-*",      "envvars",
                                        "a2enmod",    "a2dismod",   "a2ensite",      "a2dissite",
                                        "a2enconf",   "a2disconf",  "a2query",       NULL };
static const Names samples = { "printenv", "printenv.*", "test-cgi", NULL };

static bool matches(const char *const *names, const char *name) {
        for (; *names; names++)
                if (fnmatch(*names, name, 0) == 0)
                        return true;
        return false;
}

/* Apache's own has its envvars beside it. */
static bool is_read_by_launcher(const Verify *v, const char *path) {
        return v->launch->launcher && streq(path_name(path), "envvars");
}

static int check_name(Verify *v, const Rule *rule, RuleNode *n) {
        if (S_ISDIR(n->tree->mode) || !matches(rule->data, path_name(n->tree->path)) ||
            verify_may_execute(v, n->tree->path) || is_read_by_launcher(v, n->tree->path))
                return 0;
        return verify_find(v, rule, n, NULL, "does not belong in a jail");
}

/* In a folder of programs: "as" and "ld" are words that a configuration file may be called, too. */
static int check_program_name(Verify *v, const Rule *rule, RuleNode *n) {
        static const char *const folders[] = { "/bin", "/sbin", "/libexec" };
        const char *slash = strrchr(n->tree->path, '/');
        size_t length = (size_t) (slash - n->tree->path);

        if (n->tree->mode & 0111 && !S_ISLNK(n->tree->mode))
                return check_name(v, rule, n);
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                size_t l = strlen(folders[i]);

                if (length >= l && strncmp(slash - l, folders[i], l) == 0)
                        return check_name(v, rule, n);
        }
        return 0;
}

static int check_granted_program(Verify *v, const Rule *rule, RuleNode *n) {
        const char *name = path_name(n->tree->path);

        if (!S_ISREG(n->tree->mode) || streq(n->tree->path, v->launch->httpd) ||
            !verify_may_execute(v, n->tree->path) ||
            (!matches(shells, name) && !matches(interpreters, name)))
                return 0;
        return verify_find(
                        v, rule, n, NULL,
                        "may be executed, as Exec= or Launcher= asks: with it, an intruder can do anything "
                        "that the room allows");
}

static int check_folder(Verify *v, const Rule *rule, RuleNode *n) {
        for (const char *const *folder = rule->data; *folder; folder++)
                if (streq(n->tree->path, *folder))
                        return verify_find(v, rule, n, NULL, "is of no use to a server");
        return 0;
}

static int check_module(Verify *v, const Rule *rule, RuleNode *n) {
        if (!matches(rule->data, path_name(n->tree->path)))
                return 0;
        return verify_find(v, rule, n, NULL, "is in the jail: Apache's configuration loads it");
}

static int check_private_key(Verify *v, const Rule *rule, RuleNode *n) {
        return n->tree->has_private_key ? verify_find(v, rule, n, NULL, "contains a private key") : 0;
}

static int check_program(Verify *v, const Rule *rule, RuleNode *n) {
        if (!S_ISREG(n->tree->mode) || !(n->tree->mode & 0111) || n->explained ||
            verify_may_execute(v, n->tree->path))
                return 0;
        return verify_find(v, rule, n, NULL, "is executable, and the jail is not to execute it");
}

static const Names documentation = { "/usr/share/doc",
                                     "/usr/share/man",
                                     "/usr/share/info",
                                     "/usr/share/apache2/default-site",
                                     "/usr/share/apache2/icons",
                                     "/usr/local/apache2/icons",
                                     "/usr/local/apache2/manual",
                                     "/usr/share/httpd/icons",
                                     "/usr/share/httpd/manual",
                                     "/usr/share/apache2/build",
                                     NULL };

#define PROGRAMS_SAY                                                                                        \
        "What the server needs is said with Include= and Exec=; take the rest out and build anew."
#define MODULE_SAYS                                                                                         \
        "Switch it off in Apache's configuration (a2dismod) where it is not needed, then build anew."

/* All of the tree, found by name. */
#define RULE_OF_NAMES(_id, _severity, _names, _check)                                                       \
        .id = _id, .part = RULE_TREE, .severity = _severity, .data = _names, .check_node = _check,          \
        .explains = DIFFERS_EXTRA | DIFFERS_MODE

const Rule rules_content[] = {
        { RULE_OF_NAMES("content-shell", RULE_ERROR, shells, check_program_name),
          .title = "There is no shell",
          .why = "The first thing that an intruder's code looks for. Apache needs one for piped logs, SSI exec and some CGI only.",
          .action = PROGRAMS_SAY },
        { RULE_OF_NAMES("content-interpreter", RULE_ERROR, interpreters, check_program_name),
          .title = "There is no interpreter that the jail may not execute anyway",
          .why = "An interpreter is a shell with sockets.", .action = PROGRAMS_SAY },
        { RULE_OF_NAMES("content-compiler", RULE_ERROR, compilers, check_program_name),
          .title = "There is no compiler, linker or debugger",
          .why = "With them an exploit is made to measure where it is used.", .action = PROGRAMS_SAY },
        { RULE_OF_NAMES("content-development", RULE_WARNING, development, check_name),
          .title = "There are no headers, objects or static libraries",
          .why = "They are of use to a compiler only.",
          .action = "Leave them out with Exclude= and build anew." },
        { RULE_OF_NAMES("content-network-tool", RULE_ERROR, network_tools, check_program_name),
          .title = "There is no program that fetches or connects",
          .why = "An intruder loads his tools with them.", .action = PROGRAMS_SAY },
        { RULE_OF_NAMES("content-system-tool", RULE_ERROR, system_tools, check_program_name),
          .title = "There are no tools of an administrator",
          .why = "A room without furniture: what is not there needs no guard.", .action = PROGRAMS_SAY },
        { RULE_OF_NAMES("content-apache-utility", RULE_WARNING, apache_utilities, check_program_name),
          .title = "Apache's utilities are not in the jail",
          .why = "ab, htpasswd and their like are for the administrator, who has them on the host.",
          .action = PROGRAMS_SAY },
        { RULE_OF_NAMES("content-sample", RULE_ERROR, samples, check_name),
          .title = "Apache's sample programs are not in the jail",
          .why = "printenv and test-cgi tell everybody how the server is set up.",
          .action = "Remove them where they come from, then build anew.",
          .benchmark = "CIS 5.5, CIS 5.6; STIG V-214242" },
        { RULE_OF_NAMES("content-documentation", RULE_WARNING, documentation, check_folder),
          .title = "There is no documentation, and no icons or manual of Apache's",
          .why = "They tell the version, and are served where an Alias is left on.",
          .action = "Leave them out with Exclude= and build anew.", .benchmark = "CIS 5.4; STIG V-214242" },
        { .id = "content-granted-interpreter",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "No shell or interpreter may be executed",
          .why = "Where Exec= names one, or Launcher=apachectl needs one, it is by an administrator's decision; it should be known to who looks.",
          .action = "Nothing, if it is meant. Prefer a program of its own behind Connect= (FastCGI, a proxy).",
          .check_node = check_granted_program },
        { .id = "content-private-key",
          .part = RULE_TREE,
          .severity = RULE_ERROR,
          .title = "There is no private key in the tree",
          .why = "Keys are handed in at each start, on a memory file system; one that is in the tree stays in old generations and backups.",
          .action = "Name it with SSLCertificateKeyFile, or with Secret=, and not with Include=; then build anew.",
          .check_node = check_private_key,
          .explains = DIFFERS_EXTRA | DIFFERS_CONTENT },
        { RULE_OF_NAMES("content-module-dav", RULE_WARNING, ((Names){ "mod_dav.so", "mod_dav_fs.so", NULL }),
                        check_module),
          .title = "WebDAV is not loaded", .why = "It lets clients write files.", .action = MODULE_SAYS,
          .benchmark = "CIS 2.3; STIG AS24-U1-000230" },
        { RULE_OF_NAMES("content-module-status", RULE_NOTE, ((Names){ "mod_status.so", NULL }),
                        check_module),
          .title = "The status page is not loaded", .why = "It shows who asks for what.",
          .action = MODULE_SAYS, .benchmark = "CIS 2.4; STIG AS24-U1-000250" },
        { RULE_OF_NAMES("content-module-autoindex", RULE_NOTE, ((Names){ "mod_autoindex.so", NULL }),
                        check_module),
          .title = "Directory listings are not loaded",
          .why = "A forgotten index page shows all files of a folder.", .action = MODULE_SAYS,
          .benchmark = "CIS 2.5" },
        { RULE_OF_NAMES("content-module-proxy", RULE_NOTE, ((Names){ "mod_proxy.so", NULL }), check_module),
          .title = "No proxy is loaded",
          .why = "An open proxy is used by others; in a jail it reaches what Connect= names, and nothing else.",
          .action = MODULE_SAYS, .benchmark = "CIS 2.6" },
        { RULE_OF_NAMES("content-module-userdir", RULE_WARNING, ((Names){ "mod_userdir.so", NULL }),
                        check_module),
          .title = "Users' folders are not served",
          .why = "It tells which users there are, and serves what they forget in public_html.",
          .action = MODULE_SAYS, .benchmark = "CIS 2.7" },
        { RULE_OF_NAMES("content-module-info", RULE_WARNING, ((Names){ "mod_info.so", NULL }), check_module),
          .title = "The configuration is not shown",
          .why = "mod_info prints every directive in force to whoever may ask.", .action = MODULE_SAYS,
          .benchmark = "CIS 2.8" },
        /* Behind all others, which know better what a program is. */
        { .id = "tree-program",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "Nothing is executable but what the jail may execute",
          .why = "The supervisor refuses to execute it, so the permission is of no use to the server, and one layer less against an intruder.",
          .action = "Leave the file out with Exclude=, or allow it with Exec=.",
          .check_node = check_program,
          .explains = DIFFERS_MODE },
        {},
};
