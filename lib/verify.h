#pragma once

/* Prove a jail: its tree against its manifest, the rules of rules.h on the tree, on the host and on what runs. */

#include <sys/types.h>

#include "config.h"
#include "rules.h"

struct Finding {
        const Rule *rule;
        /* A path of the tree ("/etc/passwd"), a path of the host, or "process 4711 (apache2)". */
        char *where;
        /* One line, without the place. */
        char *what;
        /* Of the tree: the node; owned by the Verify. NULL otherwise. */
        const RuleNode *node;
};

/* What is asked for, and what the supervisor says of itself. */
typedef struct VerifyRequest {
        const JailConfig *config;
        /* 1U << RULE_…; what does not run has no live part. */
        unsigned parts;
        /* 0: it does not run. */
        pid_t main_pid;
        /* 0: there is none. */
        pid_t standby_pid;
        /* Of the generation that runs; 0: it does not. */
        unsigned running_generation;
        /* The layers that status shows; may be NULL. */
        char *const *layers;
} VerifyRequest;

/* Needs root. Returns 0 and the result, whatever was found, which the caller frees; -ENOENT when nothing was built; or an
 * errno; *reterr is set. The request must outlive it. */
int verify_run(const VerifyRequest *request, Verify **ret, char **reterr);
Verify *verify_free(Verify *v);
DEFINE_CLEANUP(Verify *, verify_free)

/* By severity, then in the order of the rules. Owned by v. */
const Finding *verify_findings(const Verify *v, size_t *ret_n);
unsigned verify_generation(const Verify *v);
size_t verify_count(const Verify *v, RuleSeverity severity);
/* How many files and processes were looked at, and how many rules. */
size_t verify_count_nodes(const Verify *v);
size_t verify_count_processes(const Verify *v);
size_t verify_count_rules(const Verify *v);

/* Mend what is safe to mend. Returns 0 with a line for the person in *ret_done, -EOPNOTSUPP where it is for a person to
 * decide, or an errno. */
int verify_fix(const Verify *v, const Finding *f, char **ret_done);
