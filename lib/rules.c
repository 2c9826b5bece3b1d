#include "rules.h"

#include "verify-internal.h"

/* The manifest's come behind those that say better what is wrong with a node. */
static const Rule *const tables[] = {
        rules_tree,          rules_content, rules_account,   rules_manifest,  rules_apache,
        rules_apache_access, rules_host,    rules_documents, rules_live_room, rules_live_files,
};

int rules_list(const Rule *const **ret) {
        const Rule **rules;
        int n = 0;

        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const Rule *r = tables[i]; r->id; r++)
                        n++;
        rules = calloc((size_t) n, sizeof(Rule *));
        if (!rules)
                return -ENOMEM;
        n = 0;
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const Rule *r = tables[i]; r->id; r++)
                        rules[n++] = r;
        *ret = rules;
        return n;
}

const char *rule_severity_to_string(RuleSeverity severity) {
        static const char *const names[_RULE_SEVERITY_MAX] = {
                [RULE_ERROR] = "error",
                [RULE_WARNING] = "warning",
                [RULE_NOTE] = "note",
        };

        return names[severity];
}

const char *rule_part_to_string(RulePart part) {
        static const char *const names[_RULE_PART_MAX] = {
                [RULE_TREE] = "tree",
                [RULE_HOST] = "host",
                [RULE_LIVE] = "live",
        };

        return names[part];
}
