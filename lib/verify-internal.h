#pragma once

/* What the rules see. */

#include "apache.h"
#include "launch.h"
#include "manifest.h"
#include "treeview.h"
#include "verify.h"

/* How a node is not as the manifest has it. */
enum {
        DIFFERS_EXTRA = 1 << 0,
        DIFFERS_TYPE = 1 << 1,
        DIFFERS_MODE = 1 << 2,
        DIFFERS_OWNER = 1 << 3,
        DIFFERS_CONTENT = 1 << 4,
        DIFFERS_TARGET = 1 << 5,
        DIFFERS_DEVICE = 1 << 6,
        DIFFERS_FLAGS = 1 << 7,
};

struct RuleNode {
        const TreeNode *tree;
        /* NULL: the manifest knows nothing of it. */
        const ManifestEntry *expected;
        /* DIFFERS_…, and those that a finding has told already. */
        unsigned differs;
        unsigned explained;
};

struct LiveProcess {
        pid_t pid;
        pid_t parent;
        pid_t tracer;
        uid_t uids[4];
        gid_t gids[4];
        unsigned n_groups;
        /* Inh, Prm, Eff, Bnd, Amb. */
        uint64_t capabilities[5];
        unsigned no_new_privs;
        unsigned seccomp_mode;
        unsigned n_filters;
        /* Its session was begun outside of its pid namespace. */
        bool has_outer_session;
        mode_t umask;
        char name[16];
        dev_t exe_device;
        ino_t exe_inode;
        dev_t root_device;
        ino_t root_inode;
        ino_t pid_namespace;
        bool is_dumpable;
        /* It came from the supervisor, or from a server that the supervisor knows: it was born there, and did not only lose its
         * parent there. */
        bool is_descendant;
};

struct Verify {
        const VerifyRequest *request;
        unsigned generation;
        /* JAILD_STATE_DIR/NAME/generations/N/root */
        char *root_path;
        Launch *launch;
        Manifest *manifest;
        TreeView *view;
        RuleNode *nodes;
        /* Its directives, and nothing else; NULL where the generation has no record of them. */
        Apache *apache;

        /* The generation that runs: launch and view are the same as above where it is the current one. */
        char *running_root_path;
        Launch *running_launch;
        TreeView *running_view;
        /* 0 where a later supervisor adopted the server, whose parent is gone. */
        pid_t supervisor_pid;
        LiveProcess *processes;
        size_t n_processes;

        size_t n_rules;
        Finding *findings;
        size_t n_findings;
};

/* Note a finding. node: of the tree, or NULL; where is copied, NULL for the node's path. Returns 0 or -ENOMEM. */
int verify_find(Verify *v, const Rule *rule, RuleNode *node, const char *where, const char *format, ...)
                __attribute__((format(printf, 5, 6)));
/* The same at a process. */
int verify_find_process(Verify *v, const Rule *rule, const LiveProcess *p, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

/* The same at a directive; NULL: where nobody says anything, at the main configuration file. One place is told once for each
 * rule. */
int verify_find_directive(Verify *v, const Rule *rule, const ApacheDirective *d, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

/* The rest of a path behind its last slash. */
const char *path_name(const char *path);

/* Whether the jail may execute the path. */
bool verify_may_execute(const Verify *v, const char *path);

/* A folder beneath which a host's folder is mounted, or the file itself: the mount, or NULL. */
const LaunchMount *verify_mount_at(const Launch *l, const char *path);

/* live.c: the processes of the jail. Returns 0 or an errno. */
int live_collect(Verify *v);
/* Whether the process is in a namespace of the host: the supervisor's, process 1's, or ours. */
bool live_shares_namespace(const Verify *v, const LiveProcess *p, const char *type);

/* fix.c: for Rule.fix. */
int fix_mode(const Verify *v, const Finding *f, char **ret_done);
int fix_owner(const Verify *v, const Finding *f, char **ret_done);
int fix_acl(const Verify *v, const Finding *f, char **ret_done);
int fix_capability(const Verify *v, const Finding *f, char **ret_done);
int fix_immutable(const Verify *v, const Finding *f, char **ret_done);
/* Of the host: where is the path; takes the permission of others away. */
int fix_host_mode(const Verify *v, const Finding *f, char **ret_done);

/* What to do about a directive, behind what it should be. */
#define SET_ANEW "Change it in Apache's configuration, then build anew."

/* One table of each file; they end with a rule without id. */
extern const Rule rules_tree[];
extern const Rule rules_content[];
extern const Rule rules_account[];
extern const Rule rules_manifest[];
extern const Rule rules_apache[];
extern const Rule rules_apache_access[];
extern const Rule rules_host[];
extern const Rule rules_documents[];
extern const Rule rules_live_room[];
extern const Rule rules_live_files[];
