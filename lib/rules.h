#pragma once

/* What verify proves, as a table: each rule with what it is for and what to do when it is broken. jaild-rules(7) is
 * generated from it. An id is stable once it was released. */

#include "base.h"

typedef enum RuleSeverity {
        /* A promise is broken: the exit status says so. */
        RULE_ERROR,
        /* Worth an administrator's time. */
        RULE_WARNING,
        /* To be known, and nothing more. */
        RULE_NOTE,
        _RULE_SEVERITY_MAX,
} RuleSeverity;

typedef enum RulePart {
        /* The root of the generation in force. */
        RULE_TREE,
        /* What is around it on the host. */
        RULE_HOST,
        /* The processes that run, looked at from outside. */
        RULE_LIVE,
        _RULE_PART_MAX,
} RulePart;

typedef struct Rule Rule;
typedef struct Verify Verify;
typedef struct Finding Finding;
typedef struct RuleNode RuleNode;
typedef struct LiveProcess LiveProcess;

struct Rule {
        const char *id;
        RulePart part;
        RuleSeverity severity;
        const char *title;
        const char *why;
        /* What to do about a finding. */
        const char *action;
        /* Items of published benchmarks that it answers; NULL for none. */
        const char *benchmark;

        /* One of them: called for each node of the tree, for each process of the jail, or once. They call
         * verify_find() and return 0, -ENOMEM, or the errno of something that makes verifying impossible. */
        int (*check_node)(Verify *v, const Rule *rule, RuleNode *n);
        int (*check_process)(Verify *v, const Rule *rule, const LiveProcess *p);
        int (*check)(Verify *v, const Rule *rule);
        /* What the check compares with, where several rules share one. */
        const void *data;

        /* DIFFERS_… of a node that a finding explains: the manifest's own rules do not say it again. */
        unsigned explains;
        /* Mends a finding. Returns 0 with what it did in *ret_done (caller frees), or an errno. NULL: that is a person's
         * decision. */
        int (*fix)(const Verify *v, const Finding *f, char **ret_done);
};

/* All of them, those of one file of the source behind each other. The caller frees the array. Returns how many, or -ENOMEM. */
int rules_list(const Rule *const **ret);

const char *rule_severity_to_string(RuleSeverity severity);
const char *rule_part_to_string(RulePart part);
