/* What Apache is told about access: to folders, by which methods, and what it says to browsers. As rules-apache.c, from the
 * record of the build. */

#include "directives.h"
#include "verify-internal.h"

/* Calls check for each directive of these names, NULL at the end. */
static int for_each(Verify *v, const Rule *rule, const char *const *names,
                    int (*check)(Verify *v, const Rule *rule, const ApacheDirective *d)) {
        int r = 0;

        for (size_t i = 0; v->apache && r >= 0 && i < v->apache->n_directives; i++)
                for (const char *const *name = names; r >= 0 && *name; name++)
                        if (directive_is(&v->apache->directives[i], *name))
                                r = check(v, rule, &v->apache->directives[i]);
        return r;
}

/* Whether there is one of this name whose arguments have all of these somewhere; word may be NULL. */
static bool is_said(const Apache *a, const char *name, const char *word) {
        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];

                if (!directive_is(d, name))
                        continue;
                if (!word)
                        return true;
                for (char **s = d->arguments; s && *s; s++)
                        if (strcasestr(*s, word))
                                return true;
        }
        return false;
}

static bool is_root_folder(const ApacheDirective *section) {
        return section && streq(directive_argument(section, 0), "/");
}

/* "Require all denied", or what came before it. */
static bool denies_all(const ApacheDirective *d) {
        return directive_is(d, "Require")
                               ? directive_has_argument(d, "all") && directive_has_argument(d, "denied")
                               : directive_has_argument(d, "from") && directive_has_argument(d, "all");
}

static int check_root_access(Verify *v, const Rule *rule) {
        const ApacheDirective *place = NULL;
        bool is_denied = false;

        if (!v->apache)
                return 0;
        for (size_t i = 0; i < v->apache->n_directives; i++) {
                const ApacheDirective *d = &v->apache->directives[i];

                if (!is_root_folder(directive_section(v->apache, d, "Directory")))
                        continue;
                if (directive_is(d, "Require") || directive_is(d, "Deny")) {
                        is_denied = denies_all(d);
                        place = d;
                }
        }
        return is_denied ? 0
                         : verify_find_directive(v, rule, place,
                                                 "<Directory /> does not say 'Require all denied'");
}

static int check_root_options(Verify *v, const Rule *rule) {
        const ApacheDirective *last = NULL;

        if (!v->apache)
                return 0;
        for (size_t i = 0; i < v->apache->n_directives; i++) {
                const ApacheDirective *d = &v->apache->directives[i];

                if (directive_is(d, "Options") &&
                    is_root_folder(directive_section(v->apache, d, "Directory")))
                        last = d;
        }
        return last && directive_has_argument(last, "None")
                               ? 0
                               : verify_find_directive(v, rule, last,
                                                       "<Directory /> has other Options than None");
}

static int on_override(Verify *v, const Rule *rule, const ApacheDirective *d) {
        return directive_has_argument(d, "None") ? 0
                                                 : verify_find_directive(v, rule, d, "%s %s", d->name,
                                                                         directive_argument(d, 0));
}

static int check_override(Verify *v, const Rule *rule) {
        static const char *const names[] = { "AllowOverride", "AllowOverrideList", NULL };

        return for_each(v, rule, names, on_override);
}

/* Finds the first of the words that an Options has, with or without a plus. */
static int find_option(Verify *v, const Rule *rule, const ApacheDirective *d) {
        for (const char *const *word = rule->data; *word; word++)
                for (char **s = d->arguments; s && *s; s++)
                        if (strcasecmp(**s == '+' ? *s + 1 : *s, *word) == 0)
                                return verify_find_directive(v, rule, d, "Options %s", *word);
        return 0;
}

static int check_options(Verify *v, const Rule *rule) {
        static const char *const names[] = { "Options", NULL };

        return for_each(v, rule, names, find_option);
}

/* The outermost section that is of a place, and not of a server; NULL for none. */
static const ApacheDirective *place_of(const Apache *a, const ApacheDirective *d) {
        const ApacheDirective *place = NULL;

        for (ssize_t i = d->section; i >= 0; i = a->directives[i].section)
                if (!directive_is(&a->directives[i], "VirtualHost"))
                        place = &a->directives[i];
        return place;
}

/* Whoever may see them is said for the same place. */
static bool is_guarded(const Apache *a, const ApacheDirective *handler) {
        const ApacheDirective *place = place_of(a, handler);

        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];

                if (place && place_of(a, d) == place &&
                    (directive_is(d, "Require") || directive_is(d, "Deny")) &&
                    !directive_has_argument(d, "granted"))
                        return true;
        }
        return false;
}

static int on_handler(Verify *v, const Rule *rule, const ApacheDirective *d) {
        static const char *const handlers[] = { "server-status", "server-info", "balancer-manager",
                                                "ldap-status", "md-status" };

        for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
                if (directive_has_argument(d, handlers[i]) && !is_guarded(v->apache, d))
                        return verify_find_directive(v, rule, d, "%s is for everybody", handlers[i]);
        return 0;
}

static int check_handlers(Verify *v, const Rule *rule) {
        static const char *const names[] = { "SetHandler", "AddHandler", NULL };

        return for_each(v, rule, names, on_handler);
}

static int check_methods(Verify *v, const Rule *rule) {
        if (!v->apache || is_said(v->apache, "LimitExcept", NULL) ||
            is_said(v->apache, "AllowMethods", NULL))
                return 0;
        return verify_find_directive(v, rule, NULL, "neither LimitExcept nor AllowMethods is used");
}

static int check_old_protocol(Verify *v, const Rule *rule) {
        if (!v->apache || is_said(v->apache, "HttpProtocolOptions", "Require1.0") ||
            is_said(v->apache, "RewriteCond", "THE_REQUEST"))
                return 0;
        return verify_find_directive(v, rule, NULL, "HTTP/0.9 is answered");
}

static int check_hidden(Verify *v, const Rule *rule) {
        if (!v->apache)
                return 0;
        for (size_t i = 0; i < v->apache->n_directives; i++) {
                const ApacheDirective *d = &v->apache->directives[i];
                const ApacheDirective *section = directive_section(v->apache, d, "FilesMatch")
                                                                 ?: directive_section(v->apache, d, "Files");

                if ((directive_is(d, "Require") || directive_is(d, "Deny")) && denies_all(d) && section &&
                    strstr(directive_argument(section, strv_length(section->arguments) - 1), ".ht"))
                        return 0;
        }
        return verify_find_directive(v, rule, NULL, "no FilesMatch refuses .htaccess and .htpasswd");
}

static int check_access_log(Verify *v, const Rule *rule) {
        static const char *const names[] = { "CustomLog", "TransferLog" };
        bool has_hosts = false;
        int r = 0;

        if (!v->apache || directive_last(v->apache, -1, "GlobalLog"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (directive_last(v->apache, -1, names[i]))
                        return 0;
        for (ssize_t s = directive_next_server(v->apache, -1); r >= 0 && s >= 0;
             s = directive_next_server(v->apache, s)) {
                has_hosts = true;
                if (!directive_last(v->apache, s, names[0]) && !directive_last(v->apache, s, names[1]))
                        r = verify_find_directive(v, rule, &v->apache->directives[s],
                                                  "this host's requests are in no log");
        }
        return r < 0 || has_hosts ? r : verify_find_directive(v, rule, NULL, "requests are in no log");
}

static int check_headers(Verify *v, const Rule *rule) {
        bool has_frames, has_referrer, has_permissions;

        if (!v->apache)
                return 0;
        has_frames = is_said(v->apache, "Header", "X-Frame-Options") ||
                     is_said(v->apache, "Header", "frame-ancestors");
        has_referrer = is_said(v->apache, "Header", "Referrer-Policy");
        has_permissions = is_said(v->apache, "Header", "Permissions-Policy");
        if (has_frames && has_referrer && has_permissions)
                return 0;
        return verify_find_directive(v, rule, NULL, "no Header sets%s%s%s",
                                     has_frames ? "" : " frame-ancestors",
                                     has_referrer ? "" : " Referrer-Policy",
                                     has_permissions ? "" : " Permissions-Policy");
}

static int check_hsts(Verify *v, const Rule *rule) {
        if (!v->apache || is_said(v->apache, "Header", "Strict-Transport-Security"))
                return 0;
        return is_said(v->apache, "SSLEngine", "on")
                               ? verify_find_directive(v, rule, NULL,
                                                       "no Header sets Strict-Transport-Security")
                               : 0;
}

const Rule rules_apache_access[] = {
        { .id = "apache-root-access",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "Apache serves what it is told to, and nothing else",
          .why = "An Alias or a link too many leads all over the tree: in a jail that is little, and still the configuration.",
          .action = "Require all denied in <Directory />, and granted where pages are. " SET_ANEW,
          .benchmark = "CIS 4.1",
          .check = check_root_access },
        { .id = "apache-root-options",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "No option is on for the whole tree",
          .why = "An option should be on where it is needed.",
          .action = "Options None in <Directory />. " SET_ANEW,
          .benchmark = "CIS 5.1",
          .check = check_root_options },
        { .id = "apache-override",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "No .htaccess changes the configuration",
          .why = "Who can write into a folder of documents, an application often, changes how it is served; and each request "
                 "looks for the file in every folder above.",
          .action = "AllowOverride None, with what .htaccess says in the configuration itself. " SET_ANEW,
          .benchmark = "CIS 4.3, CIS 4.4",
          .check = check_override },
        { .id = "apache-options",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "No folder is listed, guessed in or run from",
          .why = "Indexes shows what was forgotten, MultiViews finds what was not asked for, ExecCGI runs what lies there.",
          .action = "Take Indexes, MultiViews, ExecCGI and All out of Options where they are not needed. " SET_ANEW,
          .benchmark = "CIS 5.2, CIS 5.3",
          .check = check_options,
          .data = (const char *const[]){ "Indexes", "MultiViews", "ExecCGI", "All", NULL } },
        { .id = "apache-includes",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "Server-side includes run no programs",
          .why = "Whoever can put a word into a page runs a program with it. A jail has none, unless Exec= names one.",
          .action = "Options IncludesNOEXEC. " SET_ANEW,
          .benchmark = "CIS 5.3",
          .check = check_options,
          .data = (const char *const[]){ "Includes", NULL } },
        { .id = "apache-handler-open",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "Pages about the server are not for everybody",
          .why = "They show who asks for what, how the server is set up, or let it be changed.",
          .action = "Require local beside the SetHandler. " SET_ANEW,
          .benchmark = "CIS 2.4, CIS 2.8, CIS 5.4",
          .check = check_handlers },
        { .id = "apache-methods",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "Methods are limited to those that are needed",
          .why = "PUT and DELETE are for applications that have them.",
          .action = "<LimitExcept GET POST OPTIONS> with Require all denied, or AllowMethods. " SET_ANEW,
          .benchmark = "CIS 5.7",
          .check = check_methods },
        { .id = "apache-old-protocol",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "HTTP is of version 1.0 or newer",
          .why = "Nothing but an attacker's tool speaks HTTP/0.9.",
          .action = "HttpProtocolOptions Strict Require1.0. " SET_ANEW,
          .benchmark = "CIS 5.9",
          .check = check_old_protocol },
        { .id = "apache-hidden-files",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = ".htaccess and .htpasswd are not served",
          .why = "They have passwords in them, and who may see what.",
          .action = "<FilesMatch \"^\\.ht\"> with Require all denied. " SET_ANEW,
          .benchmark = "CIS 5.10",
          .check = check_hidden },
        { .id = "apache-access-log",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "Each request is in a log",
          .why = "What happened is found out from it, later.",
          .action = "CustomLog with the format combined. " SET_ANEW,
          .benchmark = "CIS 2.2, CIS 6.3",
          .check = check_access_log },
        { .id = "apache-headers",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "Browsers are told to keep pages apart",
          .why = "Whose frames a page may be in, what others learn of its address, and what it may ask a browser for. "
                 "Applications often say it themselves, which is not seen here.",
          .action = "Header always set Content-Security-Policy \"frame-ancestors 'self'\"; the same with Referrer-Policy and "
                    "Permissions-Policy (mod_headers).",
          .benchmark = "CIS 5.16, CIS 5.17, CIS 5.18",
          .check = check_headers },
        { .id = "apache-hsts",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "Where there is TLS, browsers are told to use nothing else",
          .why = "The first request without TLS is one that somebody in between can answer.",
          .action = "Header always set Strict-Transport-Security \"max-age=31536000\", when no page needs plain HTTP any more.",
          .benchmark = "CIS 7.11",
          .check = check_hsts },
        {},
};
