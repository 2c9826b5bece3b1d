#include "planner-internal.h"

#include <ctype.h>

#include "reterr.h"

/* Servers behind this one: a UNIX socket is shown with its folder, because its server makes it anew at each start; an
 * address must be granted by Connect=, and is said when it is not. */

static bool names_backends(const ApacheDirective *d) {
        static const char *const names[] = { "ProxyPass",  "ProxyPassMatch", "BalancerMember", "ProxyRemote",
                                             "SetHandler", "AddHandler",     "RewriteRule",    "Proxy" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(d->name, names[i]) == 0)
                        return true;
        return false;
}

/* "unix:/run/php/fpm.sock|fcgi://localhost". Returns 1 for one, 0, or an error. */
static int add_socket(Planner *p, const char *argument, const char *why, char **reterr) {
        static const char prefix[] = "unix:/";
        const char *at = strstr(argument, prefix), *path, *slash = NULL;
        _cleanup_free_ char *folder = NULL;
        size_t length;
        int r;

        if (!at)
                return 0;
        path = at + strlen(prefix) - 1;
        length = strcspn(path, "|");
        for (size_t i = 0; i < length; i++)
                if (path[i] == '/')
                        slash = path + i;
        if (slash == path)
                return reterr_set(reterr, -EINVAL,
                                  "%.*s: a socket in a folder of its own can be shown to the jail (%s)",
                                  (int) length, path, why);
        folder = strndup(path, (size_t) (slash - path));
        if (!folder)
                return -ENOMEM;
        r = planner_add_bind(p, MOUNT_BIND_RO, folder, NULL, why, reterr);
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
                        r = add_socket(p, *argument, why, reterr);
                        if (r == 0)
                                r = check_address(p, *argument, why);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
