#pragma once

/* What jailctl's verbs share: the options, the exit statuses, and each verb's function. */

#include "base.h"

/* jailctl(1) and jaild(8) promise the numbers. */
enum {
        CTL_EXIT_DONE = 0,
        CTL_EXIT_FAILED = 1,
        CTL_EXIT_USAGE = 2,
        CTL_EXIT_NOT_RUNNING = 3,
        CTL_EXIT_NO_SUCH_JAIL = 4,
};

typedef struct CtlOptions {
        bool json;
        /* Column headers and the closing line of tables. */
        bool legend;
        /* build: print the plan and change nothing. */
        bool dry_run;
        /* logs: go on with what comes; how many lines to begin with; not the others. */
        bool follow;
        unsigned n_lines;
        bool only_error;
        bool only_access;
        /* metrics: the file to write, or NULL; the format; answer one request on standard input and output. */
        const char *output;
        bool openmetrics;
        bool http;
        /* list: the generations instead of the jails. */
        bool generations;
        /* outdated: update those that may be. */
        bool update;
        /* verify: one part only; print nothing; mend what is safe to mend. */
        bool tree;
        bool live;
        bool quiet;
        bool fix;
        /* trace: what to ask for, NULL-terminated or NULL. */
        char **urls;
        /* trace: write the drop-in. */
        bool apply;
        /* enter: may write; as root. */
        bool rw;
        bool as_root;
        /* What stands behind "--", NULL-terminated, or NULL. */
        char *const *command;
        /* The words behind the name, NULL-terminated. */
        char *const *words;
} CtlOptions;

/* Each does its work on the jail, says on standard error what went wrong, and returns the exit status. The name is
 * valid; whether there is such a jail is for the verb to find out. */
int verb_adopt(const CtlOptions *options, const char *name);
int verb_build(const CtlOptions *options, const char *name);
int verb_configtest(const CtlOptions *options, const char *name);
int verb_diff(const CtlOptions *options, const char *name);
int verb_cat(const CtlOptions *options, const char *name);
int verb_logs(const CtlOptions *options, const char *name);
int verb_enter(const CtlOptions *options, const char *name);
int verb_reload(const CtlOptions *options, const char *name);
int verb_restart(const CtlOptions *options, const char *name);
int verb_rollback(const CtlOptions *options, const char *name);
int verb_start(const CtlOptions *options, const char *name);
int verb_daemon_reexec(const CtlOptions *options, const char *name);
int verb_stop(const CtlOptions *options, const char *name);
int verb_trace(const CtlOptions *options, const char *name);
int verb_unadopt(const CtlOptions *options, const char *name);
int verb_update(const CtlOptions *options, const char *name);
int verb_verify(const CtlOptions *options, const char *name);
int verb_why(const CtlOptions *options, const char *name);

/* Name may be NULL: all jails. */
int verb_outdated(const CtlOptions *options, const char *name);
int verb_status(const CtlOptions *options, const char *name);

/* Name is NULL. */
int verb_metrics(const CtlOptions *options, const char *name);
int verb_top(const CtlOptions *options, const char *name);
int verb_doctor(const CtlOptions *options, const char *name);

/* Name may be NULL: all jails. */
int verb_list(const CtlOptions *options, const char *name);
