#include "policy.h"

#include "policy-filters.h"

const struct sock_fprog *policy_filter(unsigned groups) {
        return &policy_filters[groups & POLICY_OPT_IN];
}

const struct sock_fprog *policy_supervisor_filter(void) {
        return &policy_supervisor_program;
}

int policy_opt_in_call(int number, const char **ret_name) {
        for (const PolicyOptInCall *c = policy_opt_in_calls; c->name; c++)
                if (c->number == number) {
                        *ret_name = c->name;
                        return (int) c->groups;
                }
        return -ENOENT;
}

int policy_group_from_string(const char *s) {
        for (unsigned group = 1; group < POLICY_OPT_IN; group <<= 1)
                if (streq(policy_group_to_string((PolicyGroup) group), s))
                        return (int) group;
        return -EINVAL;
}

const char *policy_group_to_string(PolicyGroup group) {
        switch (group) {
        case POLICY_CGI:
                return "cgi";
        case POLICY_PROXY:
                return "proxy";
        case POLICY_PHP:
                return "php";
        case POLICY_DAV:
                return "dav";
        case POLICY_BASE:
                return "base";
        case POLICY_TLS:
                return "tls";
        case POLICY_FILES:
                return "files";
        case POLICY_PROCESSES:
                return "processes";
        case POLICY_EXCLUDED:
                return "excluded";
        }
        return NULL;
}

const char *policy_group_reason(PolicyGroup group) {
        switch (group) {
        case POLICY_CGI:
                return "programs that httpd starts: CGI and piped logs, and what shells and interpreters ask for";
        case POLICY_PROXY:
                return "how connections to other servers are kept alive; each is made by the supervisor";
        case POLICY_PHP:
                return "languages inside the worker: mod_php and mod_wsgi";
        case POLICY_DAV:
                return "mod_dav on a writable folder: folders made and removed, files written in place";
        case POLICY_BASE:
                return "start, memory, threads, clocks and the event loop of event, worker and prefork";
        case POLICY_TLS:
                return "mod_ssl and mod_http2";
        case POLICY_FILES:
                return "documents read, logs and the pid file written";
        case POLICY_PROCESSES:
                return "the master and its workers: fork, signals, exit";
        case POLICY_EXCLUDED:
                return "no part of serving pages, and each one a way out or a way to harm";
        }
        return NULL;
}
