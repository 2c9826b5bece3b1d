/* What each process of the jail is allowed, read from outside. */

#include "process.h"
#include "verify-internal.h"

static int check_namespace(Verify *v, const Rule *rule, const LiveProcess *p) {
        const char *type = rule->data;

        return live_shares_namespace(v, p, type)
                               ? verify_find_process(v, rule, p, "is in the host's %s namespace", type)
                               : 0;
}

/* With Mode=host that is another rule's. */
static int check_network_namespace(Verify *v, const Rule *rule, const LiveProcess *p) {
        return v->request->config->mode == CONFIG_MODE_HOST ? 0 : check_namespace(v, rule, p);
}

static int check_capabilities(Verify *v, const Rule *rule, const LiveProcess *p) {
        static const char *const names[] = { "inheritable", "permitted", "effective", NULL, "ambient" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i] && p->capabilities[i] != 0)
                        return verify_find_process(v, rule, p, "has %s capabilities: %llx", names[i],
                                                   (unsigned long long) p->capabilities[i]);
        return 0;
}

static int check_bounding_set(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->capabilities[3] == 0 ? 0
                                       : verify_find_process(v, rule, p, "could get capabilities: %llx",
                                                             (unsigned long long) p->capabilities[3]);
}

static int check_no_new_privs(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->no_new_privs ? 0
                               : verify_find_process(v, rule, p, "may gain privileges by what it executes");
}

static int check_seccomp(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->seccomp_mode == 2 ? 0 : verify_find_process(v, rule, p, "has no system-call filter");
}

static int check_identity(Verify *v, const Rule *rule, const LiveProcess *p) {
        for (size_t i = 0; i < 4; i++)
                if (p->uids[i] != v->running_launch->uid || p->gids[i] != v->running_launch->gid)
                        return verify_find_process(v, rule, p, "has the identity %u:%u, and not %u:%u",
                                                   p->uids[i], p->gids[i], v->running_launch->uid,
                                                   v->running_launch->gid);
        return 0;
}

static int check_groups(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->n_groups == 0 ? 0 : verify_find_process(v, rule, p, "has %u more groups", p->n_groups);
}

static int check_umask(Verify *v, const Rule *rule, const LiveProcess *p) {
        mode_t wanted = v->request->config->umask;

        return (p->umask & wanted) == wanted
                               ? 0
                               : verify_find_process(v, rule, p, "has umask %04o, and not %04o", p->umask,
                                                     wanted);
}

static int check_dumpable(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->is_dumpable ? verify_find_process(v, rule, p, "may be traced, and dumped to a core file")
                              : 0;
}

static int check_tracer(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->tracer == 0 ? 0 : verify_find_process(v, rule, p, "is traced by process %d", p->tracer);
}

static int check_stranger(Verify *v, const Rule *rule, const LiveProcess *p) {
        return p->is_descendant ? 0
                                : verify_find_process(v, rule, p,
                                                      "went in by another way than the supervisor");
}

typedef struct Limit {
        const char *name;
        uint64_t most;
        uint64_t hard;
} Limit;

static bool on_limit(const char *line, void *userdata) {
        Limit *l = userdata;
        size_t n = strlen(l->name);
        char soft[32], hard[32];

        if (strncmp(line, l->name, n) != 0 || sscanf(line + n, "%31s %31s", soft, hard) != 2)
                return true;
        l->hard = streq(hard, "unlimited") ? UINT64_MAX : strtoull(hard, NULL, 10);
        return false;
}

static int check_limits(Verify *v, const Rule *rule, const LiveProcess *p) {
        const JailConfig *c = v->request->config;
        Limit limits[] = {
                { .name = "Max core file size", .most = 0 },
                { .name = "Max open files", .most = c->limit_nofile },
                { .name = "Max processes", .most = c->limit_nproc },
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                if (process_read_lines(p->pid, "limits", on_limit, &limits[i]) < 0)
                        return 0;
                if (limits[i].hard > limits[i].most)
                        return verify_find_process(v, rule, p, "has a higher limit than configured: %s",
                                                   limits[i].name + 4);
        }
        return 0;
}

static int check_landlock(Verify *v, const Rule *rule) {
        for (char *const *layer = v->request->layers; layer && *layer; layer++)
                if (strncmp(*layer, "Landlock", strlen("Landlock")) == 0)
                        return 0;
        return verify_find(v, rule, NULL, "Landlock", "is not in force; jailctl doctor says why");
}

static int check_generation(Verify *v, const Rule *rule) {
        char where[32];

        if (v->request->running_generation == v->generation)
                return 0;
        snprintf(where, sizeof(where), "generation %u", v->request->running_generation);
        return verify_find(v, rule, NULL, where, "runs, while %u was built since", v->generation);
}

#define RESTART_SAYS "jailctl restart. Where it comes back: jailctl doctor, and please report it."

#define NAMESPACE_RULE(_id, _type, _check, _why)                                                            \
        {                                                                                                   \
                .id = _id, .part = RULE_LIVE, .severity = RULE_ERROR,                                       \
                .title = "Each process has a " _type " namespace apart from the host's", .why = _why,       \
                .action = RESTART_SAYS, .check_process = _check, .data = _type                              \
        }

const Rule rules_live_room[] = {
        NAMESPACE_RULE("live-mount-namespace", "mnt", check_namespace,
                       "In the host's it would see the host's file systems."),
        NAMESPACE_RULE("live-pid-namespace", "pid", check_namespace,
                       "In the host's it would see, and could signal, other processes."),
        NAMESPACE_RULE("live-network-namespace", "net", check_network_namespace,
                       "The empty network is what keeps an intruder from connecting anywhere."),
        NAMESPACE_RULE("live-ipc-namespace", "ipc", check_namespace,
                       "Shared memory and message queues of the host would be in reach."),
        NAMESPACE_RULE("live-uts-namespace", "uts", check_namespace, "It would know the host's name."),
        NAMESPACE_RULE("live-cgroup-namespace", "cgroup", check_namespace,
                       "It would see where the host keeps it, and its neighbours."),
        NAMESPACE_RULE("live-time-namespace", "time", check_namespace,
                       "It would know how long the host has been running. A kernel without them is no finding."),
        { .id = "live-capabilities",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process has a capability",
          .why = "Each is a part of root's power.",
          .action = RESTART_SAYS,
          .benchmark = "CIS 3.1",
          .check_process = check_capabilities },
        { .id = "live-bounding-set",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process can ever get a capability",
          .why = "The bounding set is the most that execve(2) can give.",
          .action = RESTART_SAYS,
          .benchmark = "CIS 3.1",
          .check_process = check_bounding_set },
        { .id = "live-no-new-privileges",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process can gain privileges by executing a program",
          .why = "It makes set-id bits and file capabilities mean nothing.",
          .action = RESTART_SAYS,
          .check_process = check_no_new_privs },
        { .id = "live-seccomp",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "Every process has its system calls filtered",
          .why = "Most holes of a kernel are in calls that a web server never makes.",
          .action = RESTART_SAYS,
          .check_process = check_seccomp },
        { .id = "live-identity",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "Every process runs as the jail's user and group, the master too",
          .why = "No part of the server needs root: the supervisor opens ports, logs and keys.",
          .action = RESTART_SAYS,
          .benchmark = "CIS 3.1",
          .check_process = check_identity },
        { .id = "live-groups",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process has supplementary groups",
          .why = "Each opens the files of that group.",
          .action = RESTART_SAYS,
          .benchmark = "CIS 3.1",
          .check_process = check_groups },
        { .id = "live-umask",
          .part = RULE_LIVE,
          .severity = RULE_WARNING,
          .title = "Files are created as private as configured",
          .why = "What the server creates is nobody else's business.",
          .action = RESTART_SAYS,
          .check_process = check_umask },
        { .id = "live-dumpable",
          .part = RULE_LIVE,
          .severity = RULE_ERROR,
          .title = "No process can be dumped or traced by its own user",
          .why = "Otherwise one broken worker reads the keys of another out of its memory.",
          .action = "Look for tree-readable-program and tree-mode; then jailctl restart.",
          .benchmark = "CIS 3.7",
          .check_process = check_dumpable },
        { .id = "live-traced",
          .part = RULE_LIVE,
          .severity = RULE_WARNING,
          .title = "No process is traced",
          .why = "Somebody with root's power looks into the server's memory, and may change it.",
          .action = "Find out who that is.",
          .check_process = check_tracer },
        { .id = "live-stranger",
          .part = RULE_LIVE,
          .severity = RULE_WARNING,
          .title = "Nobody is in the jail whom the supervisor did not start",
          .why = "Only root of the host can go in (jailctl enter, nsenter).",
          .action = "Find out who that is.",
          .check_process = check_stranger },
        { .id = "live-limits",
          .part = RULE_LIVE,
          .severity = RULE_WARNING,
          .title = "Open files, processes and core files are limited as configured",
          .why = "A limit keeps a broken worker from taking the host with it, and its memory off the disk.",
          .action = "jailctl restart takes over changed limits.",
          .benchmark = "CIS 3.7",
          .check_process = check_limits },
        { .id = "live-landlock",
          .part = RULE_LIVE,
          .severity = RULE_WARNING,
          .title = "Landlock is in force",
          .why = "It guards the files once more where a mount or a mode is wrong.",
          .action = "jailctl doctor says what the kernel lacks.",
          .benchmark = NULL,
          .check = check_landlock },
        { .id = "live-generation",
          .part = RULE_LIVE,
          .severity = RULE_WARNING,
          .title = "What runs is what was built last",
          .why = "A build takes effect at the next start.",
          .action = "jailctl restart",
          .check = check_generation },
        {},
};
