#include "verify.h"

#include <fcntl.h>
#include <stdarg.h>

#include "apache-parse.h"
#include "config-paths.h"
#include "file.h"
#include "generation.h"
#include "reterr.h"
#include "rootpath.h"
#include "verify-internal.h"

/* Of a configuration with thousands of hosts. */
#define DIRECTIVES_SIZE_MAX ((size_t) 64 * 1024 * 1024)

Verify *verify_free(Verify *v) {
        if (!v)
                return NULL;
        for (size_t i = 0; i < v->n_findings; i++) {
                free(v->findings[i].where);
                free(v->findings[i].what);
        }
        free(v->findings);
        free(v->processes);
        if (v->running_launch != v->launch)
                launch_free(v->running_launch);
        if (v->running_view != v->view)
                treeview_free(v->running_view);
        free(v->running_root_path);
        free(v->nodes);
        treeview_free(v->view);
        manifest_free(v->manifest);
        apache_free(v->apache);
        launch_free(v->launch);
        free(v->root_path);
        free(v);
        return NULL;
}

const char *path_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

bool verify_may_execute(const Verify *v, const char *path) {
        for (char **p = v->launch->programs; p && *p; p++) {
                const TreeNode *n;
                size_t length = strlen(*p);

                if (streq(*p, path) ||
                    (length > 1 && (*p)[length - 1] == '/' && strncmp(path, *p, length) == 0))
                        return true;
                /* The path of a program may lead through links, as /lib64 is one: the name must do. */
                n = treeview_find(v->view, *p);
                if (!n && streq(path_name(*p), path_name(path)))
                        return true;
        }
        return false;
}

const LaunchMount *verify_mount_at(const Launch *l, const char *path) {
        for (size_t i = 0; i < l->n_mounts; i++)
                if (path_is_at_or_beneath(path, l->mounts[i].target))
                        return &l->mounts[i];
        return NULL;
}

/* Takes what over. */
static int add_finding(Verify *v, const Rule *rule, const RuleNode *node, const char *where, char *what) {
        Finding *bigger = what ? reallocarray(v->findings, v->n_findings + 1, sizeof(Finding)) : NULL;
        char *copy = strdup(where);

        if (bigger)
                v->findings = bigger;
        if (!bigger || !copy) {
                free(what);
                free(copy);
                return -ENOMEM;
        }
        v->findings[v->n_findings++] = (Finding){ .rule = rule, .where = copy, .what = what, .node = node };
        return 0;
}

int verify_find(Verify *v, const Rule *rule, RuleNode *node, const char *where, const char *format, ...) {
        char *what;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);
        if (node)
                node->explained |= rule->explains;
        return add_finding(v, rule, node, where ?: node->tree->path, what);
}

int verify_find_process(Verify *v, const Rule *rule, const LiveProcess *p, const char *format, ...) {
        char *what, where[64];
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);
        snprintf(where, sizeof(where), "process %d (%s)", p->pid, p->name);
        return add_finding(v, rule, NULL, where, what);
}

int verify_find_directive(Verify *v, const Rule *rule, const ApacheDirective *d, const char *format, ...) {
        _cleanup_free_ char *where = NULL;
        char *what;
        va_list ap;
        int r = 0;

        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);
        if (d)
                r = apache_where(d, &where);
        else
                /* httpd begins with the main file, whatever that includes. */
                where = strdup(v->apache->directives[0].file);
        if (r < 0 || !where) {
                free(what);
                return -ENOMEM;
        }
        for (size_t i = 0; i < v->n_findings; i++)
                if (v->findings[i].rule == rule && streq(v->findings[i].where, where)) {
                        free(what);
                        return 0;
                }
        return add_finding(v, rule, NULL, where, what);
}

static int open_record(const char *name, unsigned generation, const char *file, char **reterr) {
        int fd = generation_open(name, generation, file, O_RDONLY | O_NOFOLLOW);

        return fd < 0 ? reterr_set(reterr, fd, "generation %u: %s: %s", generation, file, strerror(-fd))
                      : fd;
}

static int load_launch(const char *name, unsigned generation, Launch **ret, char **reterr) {
        _cleanup_close_ int fd = open_record(name, generation, GENERATION_LAUNCH, reterr);
        _cleanup_free_ char *why = NULL;
        int r;

        if (fd < 0)
                return fd;
        r = launch_read(fd, ret, &why);
        return r < 0 ? reterr_set(reterr, r, "generation %u: " GENERATION_LAUNCH ": %s", generation,
                                  why ?: strerror(-r))
                     : 0;
}

static int load_manifest(Verify *v, char **reterr) {
        _cleanup_close_ int fd =
                        open_record(v->request->config->name, v->generation, GENERATION_MANIFEST, reterr);

        return fd < 0 ? fd : manifest_read(fd, &v->manifest, reterr);
}

/* A generation of an earlier jaild has none. */
static int load_directives(Verify *v, char **reterr) {
        _cleanup_(apache_freep) Apache *a = calloc(1, sizeof(Apache));
        _cleanup_close_ int fd =
                        generation_open(v->request->config->name, v->generation, ".", O_PATH | O_DIRECTORY);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!a)
                return -ENOMEM;
        a->root_fd = -EBADF;
        r = fd < 0 ? fd : file_load(fd, GENERATION_DIRECTIVES, DIRECTIVES_SIZE_MAX, &text, NULL);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = apache_parse_directives(text, a);
        if (r < 0)
                return reterr_set(reterr, r, "generation %u: %s: %s", v->generation, GENERATION_DIRECTIVES,
                                  strerror(-r));
        if (a->n_directives > 0)
                v->apache = TAKE_PTR(a);
        return 0;
}

static char *root_of(const char *name, unsigned generation) {
        char *path;

        return asprintf(&path, JAILD_STATE_DIR "/%s/generations/%u/" GENERATION_ROOT, name, generation) < 0
                               ? NULL
                               : path;
}

static unsigned compare_node(const TreeNode *n, const ManifestEntry *e) {
        unsigned differs = 0;

        if (!e)
                return DIFFERS_EXTRA;
        if ((n->mode & S_IFMT) != (e->mode & S_IFMT))
                return DIFFERS_TYPE;
        if (n->uid != e->uid || n->gid != e->gid)
                differs |= DIFFERS_OWNER;
        if (!S_ISLNK(n->mode) && (n->mode & 07777) != (e->mode & 07777))
                differs |= DIFFERS_MODE;
        if (S_ISREG(n->mode) && (n->size != e->size || memcmp(n->digest, e->digest, TREE_DIGEST_SIZE) != 0))
                differs |= DIFFERS_CONTENT;
        if (S_ISLNK(n->mode) && !streq(n->target ?: "", e->target ?: ""))
                differs |= DIFFERS_TARGET;
        if ((S_ISCHR(n->mode) || S_ISBLK(n->mode)) && n->rdev != e->rdev)
                differs |= DIFFERS_DEVICE;
        if (e->is_immutable && n->can_be_immutable && !n->is_immutable)
                differs |= DIFFERS_FLAGS;
        return differs;
}

static int load_tree(Verify *v, char **reterr) {
        unsigned flags = v->request->parts & (1U << RULE_TREE) ? TREE_CONTENT : 0;
        int r = treeview_read(v->root_path, flags, 0, &v->view, reterr);

        if (r < 0)
                return r;
        v->nodes = calloc(v->view->n_nodes, sizeof(RuleNode));
        if (!v->nodes)
                return -ENOMEM;
        for (size_t i = 0; i < v->view->n_nodes; i++) {
                const TreeNode *n = &v->view->nodes[i];
                RuleNode *rn = &v->nodes[i];

                rn->tree = n;
                rn->expected = manifest_find(v->manifest, n->path);
                /* What lies beneath the mount is not seen; that there is one is said by a rule of its own. */
                rn->differs = n->is_mounted ? 0 : compare_node(n, rn->expected);
        }
        return 0;
}

/* What runs may be an older generation than the one that was built last. */
static int load_running(Verify *v, char **reterr) {
        const char *name = v->request->config->name;
        int r;

        v->running_root_path = root_of(name, v->request->running_generation);
        if (!v->running_root_path)
                return -ENOMEM;
        if (v->request->running_generation == v->generation) {
                v->running_launch = v->launch;
                v->running_view = v->view;
        } else if ((r = load_launch(name, v->request->running_generation, &v->running_launch, reterr)) < 0 ||
                   (r = treeview_read(v->running_root_path, 0, 0, &v->running_view, reterr)) < 0)
                return r;
        r = live_collect(v);
        return r < 0 ? reterr_set(reterr, r, "cannot look at the processes: %s", strerror(-r)) : 0;
}

static bool is_asked(const Verify *v, RulePart part) {
        return (v->request->parts & (1U << part)) && (part != RULE_LIVE || v->request->main_pid > 0);
}

static int load(Verify *v, char **reterr) {
        const char *name = v->request->config->name;
        int r = generation_current(name, &v->generation);

        if (r < 0)
                return reterr_set(reterr, r,
                                  r == -ENOENT ? "nothing is built: jailctl build %s"
                                               : "%s: cannot tell which generation is current",
                                  name);
        v->root_path = root_of(name, v->generation);
        if (!v->root_path)
                return -ENOMEM;
        if ((r = load_launch(name, v->generation, &v->launch, reterr)) < 0 ||
            (r = load_manifest(v, reterr)) < 0 || (r = load_directives(v, reterr)) < 0 ||
            (r = load_tree(v, reterr)) < 0)
                return r;
        return is_asked(v, RULE_LIVE) ? load_running(v, reterr) : 0;
}

static int run_rule(Verify *v, const Rule *rule) {
        int r = 0;

        if (rule->check)
                return rule->check(v, rule);
        if (rule->check_node)
                for (size_t i = 0; r >= 0 && i < v->view->n_nodes; i++)
                        r = rule->check_node(v, rule, &v->nodes[i]);
        else
                for (size_t i = 0; r >= 0 && i < v->n_processes; i++)
                        r = rule->check_process(v, rule, &v->processes[i]);
        return r;
}

static int finding_compare(const void *a, const void *b) {
        const Finding *x = a, *y = b;

        if (x->rule->severity != y->rule->severity)
                return (int) x->rule->severity - (int) y->rule->severity;
        /* In the order of the table, then as they were found; qsort(3) is not stable, so by place. */
        if (x->rule != y->rule)
                return x->rule->part != y->rule->part ? (int) x->rule->part - (int) y->rule->part
                                                      : strcmp(x->rule->id, y->rule->id);
        return strcmp(x->where, y->where);
}

int verify_run(const VerifyRequest *request, Verify **ret, char **reterr) {
        _cleanup_(verify_freep) Verify *v = calloc(1, sizeof(Verify));
        _cleanup_free_ const Rule *const *rules = NULL;
        int r, n;

        if (!v || (n = rules_list(&rules)) < 0)
                return -ENOMEM;
        v->request = request;
        r = load(v, reterr);
        if (r < 0)
                return r;
        for (int i = 0; i < n; i++) {
                if (!is_asked(v, rules[i]->part))
                        continue;
                v->n_rules++;
                r = run_rule(v, rules[i]);
                if (r < 0)
                        return reterr_set(reterr, r, "rule %s: %s", rules[i]->id, strerror(-r));
        }
        if (v->n_findings > 0)
                qsort(v->findings, v->n_findings, sizeof(Finding), finding_compare);
        *ret = TAKE_PTR(v);
        return 0;
}

const Finding *verify_findings(const Verify *v, size_t *ret_n) {
        *ret_n = v->n_findings;
        return v->findings;
}

unsigned verify_generation(const Verify *v) {
        return v->generation;
}

size_t verify_count(const Verify *v, RuleSeverity severity) {
        size_t n = 0;

        for (size_t i = 0; i < v->n_findings; i++)
                n += v->findings[i].rule->severity == severity;
        return n;
}

size_t verify_count_nodes(const Verify *v) {
        return v->view->n_nodes;
}

size_t verify_count_processes(const Verify *v) {
        return v->n_processes;
}

size_t verify_count_rules(const Verify *v) {
        return v->n_rules;
}

int verify_fix(const Verify *v, const Finding *f, char **ret_done) {
        return f->rule->fix ? f->rule->fix(v, f, ret_done) : -EOPNOTSUPP;
}
