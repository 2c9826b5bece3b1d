#include "policy.h"

#include "policy-filters.h"

static const struct {
        PolicyGroup group;
        const char *name;
        const char *reason;
} groups[] = {
        { POLICY_CGI, "cgi",
          "programs that httpd starts: CGI scripts and piped logs, and what a shell or an interpreter asks for" },
        { POLICY_PROXY, "proxy", "connections to other servers, each one made by the supervisor" },
        { POLICY_PHP, "php", "languages inside the worker: mod_php and mod_wsgi" },
        { POLICY_DAV, "dav", "mod_dav on a writable folder: folders made and removed, files written in place" },
        { POLICY_BASE, "base", "start, memory, threads, clocks and the event loop of event, worker and prefork" },
        { POLICY_TLS, "tls", "mod_ssl and mod_http2" },
        { POLICY_FILES, "files", "documents read, logs and the pid file written" },
        { POLICY_PROCESSES, "processes", "the master and its workers: fork, signals, exit" },
        { POLICY_EXCLUDED, "excluded", "no part of serving pages, and each one a way out or a way to harm" },
};

const struct sock_fprog *policy_filter(unsigned enabled) {
        return &policy_filters[enabled & POLICY_OPT_IN];
}

int policy_group_from_string(const char *s) {
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if ((groups[i].group & POLICY_OPT_IN) && streq(groups[i].name, s))
                        return (int) groups[i].group;
        return -EINVAL;
}

const char *policy_group_to_string(PolicyGroup group) {
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if (groups[i].group == group)
                        return groups[i].name;
        return NULL;
}

const char *policy_group_reason(PolicyGroup group) {
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if (groups[i].group == group)
                        return groups[i].reason;
        return NULL;
}
