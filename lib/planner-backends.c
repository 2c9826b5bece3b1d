#include "planner-internal.h"

#include <ctype.h>

/* Servers behind this one: a way to them is only what the administrator says, a folder with a UNIX socket by BindReadOnly=, an
 * address by Connect=. What Apache's configuration names and the jail's does not is said when the jail is built. */

static bool names_backends(const ApacheDirective *d) {
        static const char *const names[] = { "ProxyPass",  "ProxyPassMatch", "BalancerMember", "ProxyRemote",
                                             "SetHandler", "AddHandler",     "RewriteRule",    "Proxy" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(d->name, names[i]) == 0)
                        return true;
        return false;
}

/* "unix:/run/php/fpm.sock|fcgi://localhost". Its folder is what must be shown, because its server makes it anew at each start.
 * Returns 1 for one, 0, or -ENOMEM. */
static int check_socket(Planner *p, const char *argument, const char *why) {
        static const char prefix[] = "unix:/";
        const char *at = strstr(argument, prefix), *slash;
        _cleanup_free_ char *socket = NULL, *folder = NULL;
        int r;

        if (!at)
                return 0;
        at += strlen(prefix) - 1;
        socket = strndup(at, strcspn(at, "|"));
        if (!socket)
                return -ENOMEM;
        slash = strrchr(socket, '/');
        folder = strndup(socket, slash == socket ? 1 : (size_t) (slash - socket));
        if (!folder)
                return -ENOMEM;
        if (planner_is_shown(p, socket) || planner_is_mounted(p, folder))
                return 1;
        r = plan_warn(p->plan,
                      "%s: the jail has no way there; to allow it, add 'BindReadOnly=%s' to [Files]", why,
                      folder);
        return r < 0 ? r : 1;
}

/* What a scheme means where no port is said; NULL for one that has none. */
static const char *default_port(const char *scheme, size_t length) {
        static const struct {
                const char *scheme;
                const char *port;
        } ports[] = { { "http", "80" },   { "https", "443" }, { "h2c", "80" },   { "h2", "443" },
                      { "ws", "80" },     { "wss", "443" },   { "ajp", "8009" }, { "fcgi", "8000" },
                      { "scgi", "4000" }, { "uwsgi", "3031" } };

        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                if (strlen(ports[i].scheme) == length && strncmp(scheme, ports[i].scheme, length) == 0)
                        return ports[i].port;
        return NULL;
}

static bool is_granted(const Planner *p, const Address *a) {
        for (size_t i = 0; i < p->config->n_connects; i++)
                if (address_equal(&p->config->connects[i], a))
                        return true;
        return p->config->mode == CONFIG_MODE_HOST;
}

/* Only what is written in numbers is known now; a name is looked up when it is too late for a word. */
static int check_address(Planner *p, const char *argument, const char *why) {
        const char *host = strstr(argument, "://"), *scheme = host, *port;
        _cleanup_free_ char *text = NULL, *whole = NULL;
        Address a;
        size_t n;

        if (!host)
                return 0;
        /* Behind "proxy:" of a handler. */
        while (scheme > argument && isalnum((unsigned char) scheme[-1]))
                scheme--;
        port = default_port(scheme, (size_t) (host - scheme));
        host += strlen("://");
        n = strcspn(host, "/?\"| ");
        text = strndup(host, n);
        if (!text)
                return -ENOMEM;
        if (strncmp(text, "localhost", strlen("localhost")) == 0) {
                if (asprintf(&whole, "127.0.0.1%s", text + strlen("localhost")) < 0)
                        return -ENOMEM;
                free(text);
                text = TAKE_PTR(whole);
        }
        if (!strchr(text, ':') || text[strlen(text) - 1] == ']') {
                if (!port)
                        return 0;
                if (asprintf(&whole, "%s:%s", text, port) < 0)
                        return -ENOMEM;
                free(text);
                text = TAKE_PTR(whole);
        }
        if (address_parse(text, &a) < 0 || address_is_wildcard(&a) || is_granted(p, &a))
                return 0;
        return plan_warn(p->plan,
                         "%s: the jail has no way there; to allow it, add 'Connect=%s' to [Network]", why,
                         text);
}

int planner_backends(Planner *p, char **reterr) {
        for (size_t i = 0; i < p->apache->n_directives; i++) {
                const ApacheDirective *d = &p->apache->directives[i];

                for (char **argument = names_backends(d) ? d->arguments : NULL; argument && *argument;
                     argument++) {
                        _cleanup_free_ char *why = NULL;
                        int r;

                        if (asprintf(&why, "%s %s (%s:%u)", d->name, *argument, d->file, d->line) < 0)
                                return -ENOMEM;
                        r = check_socket(p, *argument, why);
                        if (r == 0)
                                r = check_address(p, *argument, why);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
