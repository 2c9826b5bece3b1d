/* What Apache's directives are set to, in each server: the record that the build made of them is read, httpd is not asked
 * again. A jail is as safe with the distribution's values; what is broken here is a benchmark, and never a promise. */

#include "directives.h"
#include "verify-internal.h"

typedef struct Setting {
        const char *name;
        /* What Apache does where nobody says anything; NULL: nothing worth a word. */
        const char *fallback;
        /* One of them: what the first argument may be, NULL at the end; the range of the number that it is; or a
         * function. */
        const char *const *words;
        unsigned long min, max;
        bool (*is_good)(const ApacheDirective *d);
        /* Asked of servers that speak TLS only. */
        bool is_of_tls;
} Setting;

/* An array of Setting for Rule.data, with its end. */
#define SETTINGS(...) ((const Setting[]){ __VA_ARGS__, {} })
#define WORDS(...)    ((const char *const[]){ __VA_ARGS__, NULL })

static bool speaks_tls(const Apache *a, ssize_t server) {
        const ApacheDirective *d = directive_of_server(a, server, "SSLEngine");

        return d && !directive_has_argument(d, "off");
}

/* In the unit that the benchmark has: "500ms" is no second yet. */
static bool number_is_within(const char *s, unsigned long min, unsigned long max) {
        char *end;
        unsigned long n = strtoul(s, &end, 10);

        if (end == s)
                return false;
        if (strcasecmp(end, "ms") == 0)
                n /= 1000;
        return n >= min && n <= max;
}

static bool is_good(const Setting *s, const ApacheDirective *d) {
        if (s->is_good)
                return s->is_good(d);
        if (!s->words)
                return number_is_within(directive_argument(d, 0), s->min, s->max);
        for (const char *const *w = s->words; *w; w++)
                if (strcasecmp(*w, directive_argument(d, 0)) == 0)
                        return true;
        return false;
}

/* Its arguments as one text, which the caller frees, or NULL. */
static char *arguments_to_string(const ApacheDirective *d) {
        char *text = strdup("");

        for (char **s = d->arguments; text && s && *s; s++) {
                char *longer;

                if (asprintf(&longer, "%s%s%s", text, *text ? " " : "", *s) < 0)
                        longer = NULL;
                free(text);
                text = longer;
        }
        return text;
}

static int judge(Verify *v, const Rule *rule, const Setting *s, const ApacheDirective *d) {
        _cleanup_free_ char *text = NULL;

        if (is_good(s, d))
                return 0;
        text = arguments_to_string(d);
        return text ? verify_find_directive(v, rule, d, "%s %s", s->name, text) : -ENOMEM;
}

static int judge_fallback(Verify *v, const Rule *rule, const Setting *s, const ApacheDirective *place) {
        _cleanup_strv_free_ char **arguments = NULL;
        ApacheDirective d = {};
        char *rest = NULL;
        _cleanup_free_ char *text = s->fallback ? strdup(s->fallback) : NULL;

        if (!s->fallback)
                return 0;
        if (!text)
                return -ENOMEM;
        for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
                if (strv_extend(&arguments, w) < 0)
                        return -ENOMEM;
        d.arguments = arguments;
        return is_good(s, &d) ? 0
                              : verify_find_directive(v, rule, place, "%s is not set, which means %s",
                                                      s->name, s->fallback);
}

static int check_server(Verify *v, const Rule *rule, const Setting *s, ssize_t server) {
        const Apache *a = v->apache;
        const ApacheDirective *d;

        if (s->is_of_tls) {
                if (!speaks_tls(a, server))
                        return 0;
                d = directive_of_server(a, server, s->name);
                return d ? judge(v, rule, s, d)
                         : judge_fallback(v, rule, s, server < 0 ? NULL : &a->directives[server]);
        }
        /* What a virtual host has from the main server is said there. */
        d = directive_last(a, server, s->name);
        return d ? judge(v, rule, s, d) : server >= 0 ? 0 : judge_fallback(v, rule, s, NULL);
}

/* In folders and the like. */
static int check_sections(Verify *v, const Rule *rule, const Setting *s) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < v->apache->n_directives; i++) {
                const ApacheDirective *d = &v->apache->directives[i];

                if (directive_is(d, s->name) && d->section >= 0 &&
                    !directive_is(&v->apache->directives[d->section], "VirtualHost"))
                        r = judge(v, rule, s, d);
        }
        return r;
}

static int check_settings(Verify *v, const Rule *rule) {
        for (const Setting *s = rule->data; v->apache && s->name; s++) {
                ssize_t server = -1;
                int r;

                do {
                        r = check_server(v, rule, s, server);
                        if (r < 0)
                                return r;
                        server = directive_next_server(v->apache, server);
                } while (server >= 0);
                r = check_sections(v, rule, s);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_record(Verify *v, const Rule *rule) {
        return v->apache ? 0
                         : verify_find(v, rule, NULL, "directives",
                                       "is missing or empty: what Apache is told is not judged");
}

/* "header=20-40,MinRate=500": how long it may take at most. */
static bool is_quick(const ApacheDirective *d) {
        static const struct {
                const char *prefix;
                unsigned long max;
        } limits[] = { { "header=", 40 }, { "body=", 20 } };

        for (char **s = d->arguments; s && *s; s++)
                for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                        const char *first = *s + strlen(limits[i].prefix), *second;

                        if (strncasecmp(*s, limits[i].prefix, strlen(limits[i].prefix)) != 0)
                                continue;
                        second = first + strspn(first, "0123456789");
                        if (!number_is_within(*second == '-' ? second + 1 : first, 1, limits[i].max))
                                return false;
                }
        return true;
}

static int check_request_timeout(Verify *v, const Rule *rule) {
        static const char module[] = "/mod_reqtimeout.so";

        if (!v->apache || directive_last(v->apache, -1, "RequestReadTimeout"))
                return check_settings(v, rule);
        for (size_t i = 0; i < v->view->n_nodes; i++) {
                const char *path = v->view->nodes[i].path;
                size_t n = strlen(path);

                if (n > strlen(module) && streq(path + n - strlen(module), module))
                        return check_settings(v, rule);
        }
        return verify_find_directive(v, rule, NULL,
                                     "mod_reqtimeout is not loaded: a request may take for ever");
}

/* Levels of single modules are left to who sets them. */
static bool is_told(const ApacheDirective *d) {
        static const char *const levels[] = { "emerg", "alert", "crit", "error" };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (directive_has_argument(d, levels[i]))
                        return false;
        return true;
}

static bool is_without_inode(const ApacheDirective *d) {
        return !directive_has_argument(d, "INode") && !directive_has_argument(d, "+INode") &&
               !directive_has_argument(d, "All");
}

static bool is_no_password(const ApacheDirective *d) {
        return !directive_has_argument(d, "Basic") && !directive_has_argument(d, "Digest");
}

/* As httpd adds them up: a name without a sign stands for itself alone. */
static bool is_modern_protocol(const ApacheDirective *d) {
        static const char *const names[] = { "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };
        const unsigned all = (1U << ELEMENTSOF(names)) - 1, old = 7;
        unsigned set = 0;

        for (char **s = d->arguments; s && *s; s++) {
                const char *name = *s + strspn(*s, "+-");
                unsigned bits = strcasecmp(name, "all") == 0 ? all & ~1U : 0;

                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        if (strcasecmp(name, names[i]) == 0)
                                bits = 1U << i;
                set = **s == '-' ? set & ~bits : **s == '+' ? set | bits : bits;
        }
        return !(set & old);
}

/* Names of OpenSSL's, and parts of names; what is struck off with '!' or '-' is no offer. */
static bool is_strong_cipher(const ApacheDirective *d) {
        static const char *const weak[] = { "RC4",    "DES", "NULL", "EXP", "LOW",
                                            "MEDIUM", "MD5", "IDEA", "SEED" };
        static const char *const whole[] = { "ALL", "COMPLEMENTOFALL", "ADH", "AECDH" };
        size_t n = strv_length(d->arguments);
        _cleanup_free_ char *text = n > 0 ? strdup(d->arguments[n - 1]) : NULL;
        char *rest = NULL;

        for (char *s = text ? strtok_r(text, ":, ", &rest) : NULL; s; s = strtok_r(NULL, ":, ", &rest)) {
                if (*s == '!' || *s == '-')
                        continue;
                s += *s == '+';
                for (size_t i = 0; i < ELEMENTSOF(weak); i++)
                        if (strcasestr(s, weak[i]))
                                return false;
                for (size_t i = 0; i < ELEMENTSOF(whole); i++)
                        if (strcasecmp(s, whole[i]) == 0)
                                return false;
        }
        return true;
}

#define SECURITY_CONF                                                                                       \
        "Set it in Apache's configuration (Debian: conf-available/security.conf), then build anew."

/* Rows that differ in their settings. */
#define RULE_OF_SETTINGS(_id, _severity, ...)                                                               \
        .id = _id, .part = RULE_TREE, .severity = _severity, .check = check_settings,                       \
        .data = SETTINGS(__VA_ARGS__)

const Rule rules_apache[] = {
        { .id = "apache-record",
          .part = RULE_TREE,
          .severity = RULE_NOTE,
          .title = "It is known what Apache is told",
          .why = "Each build records Apache's directives in force; without them the rules on them find nothing.",
          .action = "jailctl build",
          .check = check_record },
        { RULE_OF_SETTINGS("apache-server-tokens", RULE_NOTE,
                           { .name = "ServerTokens",
                             .fallback = "Full",
                             .words = WORDS("Prod", "ProductOnly") }),
          .title = "Apache does not tell its version in each answer",
          .why = "It saves an attacker the trial; a fix that the distribution has put in shows in no version.",
          .action = "ServerTokens Prod. " SECURITY_CONF, .benchmark = "CIS 8.1" },
        { RULE_OF_SETTINGS("apache-server-signature", RULE_NOTE,
                           { .name = "ServerSignature", .fallback = "Off", .words = WORDS("Off") }),
          .title = "Apache does not tell its version at the end of pages",
          .why = "As apache-server-tokens, for the pages that Apache makes itself.",
          .action = "ServerSignature Off. " SECURITY_CONF, .benchmark = "CIS 8.2" },
        { RULE_OF_SETTINGS("apache-trace", RULE_WARNING,
                           { .name = "TraceEnable", .fallback = "On", .words = WORDS("Off") }),
          .title = "The method TRACE is refused",
          .why = "It sends back what a browser sent, headers that scripts must not see among it.",
          .action = "TraceEnable Off. " SECURITY_CONF, .benchmark = "CIS 5.8" },
        { RULE_OF_SETTINGS("apache-etag", RULE_WARNING, { .name = "FileETag", .is_good = is_without_inode }),
          .title = "ETags do not tell inode numbers",
          .why = "They belong to the host's file system; and they differ between servers that share a site.",
          .action = "FileETag MTime Size. " SET_ANEW, .benchmark = "CIS 8.4" },
        { RULE_OF_SETTINGS("apache-timeout", RULE_NOTE,
                           { .name = "Timeout", .fallback = "60", .min = 1, .max = 10 }),
          .title = "A client that does not go on is given up after 10 seconds",
          .why = "Some hundred slow clients can hold all workers.",
          .action = "Timeout 10, where no application behind the server takes longer to answer. " SET_ANEW,
          .benchmark = "CIS 9.1" },
        { RULE_OF_SETTINGS("apache-keep-alive", RULE_NOTE,
                           { .name = "KeepAlive", .fallback = "On", .words = WORDS("On") },
                           { .name = "MaxKeepAliveRequests", .fallback = "100", .min = 100, .max = 1000000 },
                           { .name = "KeepAliveTimeout", .fallback = "5", .max = 15 }),
          .title = "Connections are used again, and not kept for long",
          .why = "A new connection for each request costs both sides; one that waits holds a worker.",
          .action = "KeepAlive On, MaxKeepAliveRequests 100 or more, KeepAliveTimeout 15 or less. " SET_ANEW,
          .benchmark = "CIS 9.2, CIS 9.3, CIS 9.4" },
        { .id = "apache-request-timeout",
          .part = RULE_TREE,
          .severity = RULE_WARNING,
          .title = "A request must have come in after 40 seconds, its body after 20",
          .why = "Clients that send a byte now and then (Slowloris) hold all workers otherwise.",
          .action = "RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500. " SET_ANEW,
          .benchmark = "CIS 9.5, CIS 9.6",
          .check = check_request_timeout,
          .data = SETTINGS({ .name = "RequestReadTimeout", .is_good = is_quick }) },
        { RULE_OF_SETTINGS("apache-request-limits", RULE_WARNING,
                           { .name = "LimitRequestLine", .fallback = "8190", .min = 1, .max = 8190 },
                           { .name = "LimitRequestFields", .fallback = "100", .min = 1, .max = 100 },
                           { .name = "LimitRequestFieldSize", .fallback = "8190", .min = 1, .max = 8190 }),
          .title = "The lines of a request are not longer or more than by default",
          .why = "Applications have their limits, too, and not all check them.",
          .action = "LimitRequestLine 8190, LimitRequestFields 100, LimitRequestFieldSize 8190, or less. " SET_ANEW,
          .benchmark = "CIS 10.1, CIS 10.2, CIS 10.3" },
        { RULE_OF_SETTINGS(
                          "apache-request-body", RULE_NOTE,
                          { .name = "LimitRequestBody", .fallback = "1073741824", .min = 1, .max = 102400 }),
          .title = "What a client may send is limited to 100 KiB",
          .why = "More than an application needs is of use to attackers only; Apache's own limit is 1 GiB.",
          .action = "LimitRequestBody 102400, with more where files are uploaded. " SET_ANEW,
          .benchmark = "CIS 10.4" },
        { RULE_OF_SETTINGS("apache-log-level", RULE_WARNING,
                           { .name = "LogLevel", .fallback = "warn", .is_good = is_told }),
          .title = "The error log has warnings, too",
          .why = "What led to an error is often said as a warning, and who tries is not seen at all.",
          .action = "LogLevel notice core:info, or warn. " SET_ANEW, .benchmark = "CIS 6.1" },
        { RULE_OF_SETTINGS("apache-core-dump", RULE_WARNING,
                           { .name = "CoreDumpDirectory", .words = WORDS(NULL) }),
          .title = "Apache is not told to leave core files",
          .why = "They hold keys and requests. The jail's limits forbid them anyway.",
          .action = "Take CoreDumpDirectory out, then build anew.", .benchmark = "CIS 3.7" },
        { RULE_OF_SETTINGS("apache-scoreboard", RULE_NOTE,
                           { .name = "ScoreBoardFile", .words = WORDS(NULL) }),
          .title = "The scoreboard is no file",
          .why = "Who can write it tells the master which processes to end. Without the directive it is memory.",
          .action = "Take ScoreBoardFile out, then build anew.", .benchmark = "CIS 3.10" },
        { RULE_OF_SETTINGS("apache-password", RULE_NOTE, { .name = "AuthType", .is_good = is_no_password }),
          .title = "No passwords are asked for by Basic or Digest",
          .why = "The first sends them readably but for TLS, the second makes the server keep what is as good as one.",
          .action = "Nothing, if it is meant, and TLS is the only way there.", .benchmark = "CIS 2.9" },
        { RULE_OF_SETTINGS("apache-forward-proxy", RULE_WARNING,
                           { .name = "ProxyRequests", .words = WORDS("Off") }),
          .title = "Apache is no proxy for everybody",
          .why = "ProxyRequests On lets clients reach whatever Connect= names under this server's address.",
          .action = "ProxyRequests Off; ProxyPass needs no more. " SET_ANEW, .benchmark = "STIG V-214241" },
        { RULE_OF_SETTINGS("apache-tls-protocol", RULE_WARNING,
                           { .name = "SSLProtocol",
                             .fallback = "all -SSLv3",
                             .is_good = is_modern_protocol,
                             .is_of_tls = true }),
          .title = "TLS is of version 1.2 or newer",
          .why = "Versions 1.0 and 1.1 are broken and out of use; OpenSSL's own settings may forbid them, or not.",
          .action = "SSLProtocol -all +TLSv1.2 +TLSv1.3. " SET_ANEW, .benchmark = "CIS 7.4" },
        { RULE_OF_SETTINGS("apache-tls-cipher", RULE_WARNING,
                           { .name = "SSLCipherSuite", .is_good = is_strong_cipher, .is_of_tls = true }),
          .title = "No weak or medium ciphers are offered",
          .why = "A client can be talked into the weakest that both know.",
          .action = "SSLCipherSuite HIGH:!aNULL. " SET_ANEW, .benchmark = "CIS 7.5, CIS 7.8" },
        { RULE_OF_SETTINGS("apache-tls-renegotiation", RULE_WARNING,
                           { .name = "SSLInsecureRenegotiation", .words = WORDS("Off"), .is_of_tls = true }),
          .title = "Insecure renegotiation is off",
          .why = "With it, somebody in between puts a request of his own before a client's (CVE-2009-3555).",
          .action = "SSLInsecureRenegotiation Off. " SET_ANEW, .benchmark = "CIS 7.6" },
        { RULE_OF_SETTINGS("apache-tls-compression", RULE_WARNING,
                           { .name = "SSLCompression", .words = WORDS("Off"), .is_of_tls = true }),
          .title = "TLS does not compress",
          .why = "The length of what is compressed tells what is in it (CRIME).",
          .action = "SSLCompression Off. " SET_ANEW, .benchmark = "CIS 7.7" },
        { RULE_OF_SETTINGS("apache-tls-stapling", RULE_NOTE,
                           { .name = "SSLUseStapling",
                             .fallback = "Off",
                             .words = WORDS("On"),
                             .is_of_tls = true }),
          .title = "The server proves that its certificate was not revoked",
          .why = "Without, browsers do not know or ask the certificate's issuer. In a jail it needs Connect= with that one's "
                 "address, and some issuers have given it up.",
          .action = "SSLUseStapling On and SSLStaplingCache, where the issuer has it; otherwise nothing.",
          .benchmark = "CIS 7.10" },
        {},
};
