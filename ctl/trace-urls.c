#include "trace-urls.h"

#include <ctype.h>

#include "strv.h"

/* One for each name is plenty: they are served alike. */
#define URLS_MAX 64

static bool has_directive(const Apache *a, size_t section, const char *name, const char *value) {
        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];

                if (d->section == (ssize_t) section && strcasecmp(d->name, name) == 0 && d->arguments &&
                    d->arguments[0] && strcasecmp(d->arguments[0], value) == 0)
                        return true;
        }
        return false;
}

/* ServerName of the section, without a scheme and a port; "" where there is none that can be in a URL. */
static void server_name(const Apache *a, size_t section, char buf[static 256]) {
        buf[0] = '\0';
        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];
                const char *name;
                size_t n;

                if (d->section != (ssize_t) section || strcasecmp(d->name, "ServerName") != 0 ||
                    !d->arguments || !d->arguments[0])
                        continue;
                name = strstr(d->arguments[0], "://");
                name = name ? name + strlen("://") : d->arguments[0];
                for (n = 0; isalnum((unsigned char) name[n]) || strchr(".-_", name[n] ?: '/'); n++)
                        ;
                if (n > 0 && n < 256)
                        snprintf(buf, 256, "%.*s", (int) n, name);
        }
}

static bool is_vhost(const ApacheDirective *d) {
        return d->is_section && strcasecmp(d->name, "VirtualHost") == 0;
}

/* The port behind the last colon, or 0: all. */
static unsigned address_text_port(const char *s) {
        const char *colon = strrchr(s, ':');

        return colon && colon[1] != '*' ? (unsigned) atoi(colon + 1) : 0;
}

static bool pair_has_port(const ListenPair *p, unsigned port) {
        return port == 0 || address_port(&p->inside) == port || address_port(&p->outside) == port;
}

static bool vhost_has_port(const ApacheDirective *d, const ListenPair *p) {
        for (char **address = d->arguments; address && *address; address++)
                if (pair_has_port(p, address_text_port(*address)))
                        return true;
        return false;
}

/* TLS is what the first virtual host of the port has; or it is said by the Listen line; or by habit. */
static bool speaks_tls(const Apache *a, const ListenPair *p) {
        for (size_t i = 0; i < a->n_directives; i++) {
                const ApacheDirective *d = &a->directives[i];

                if (strcasecmp(d->name, "Listen") == 0 && strv_length(d->arguments) == 2 &&
                    pair_has_port(p, address_text_port(d->arguments[0]) ?: (unsigned) atoi(d->arguments[0])))
                        return strcasecmp(d->arguments[1], "https") == 0;
        }
        for (size_t i = 0; i < a->n_directives; i++)
                if (is_vhost(&a->directives[i]) && vhost_has_port(&a->directives[i], p))
                        return has_directive(a, i, "SSLEngine", "on");
        return address_port(&p->inside) == 443;
}

static int add_url(char ***urls, bool tls, const char *host, uint16_t port) {
        char url[320];

        if (strv_length(*urls) >= URLS_MAX)
                return 0;
        snprintf(url, sizeof(url), "http%s://%s:%u/", tls ? "s" : "", host, port);
        for (char **u = *urls; u && *u; u++)
                if (streq(*u, url))
                        return 0;
        return strv_extend(urls, url);
}

int trace_urls(const Apache *a, const Launch *launch, char ***ret) {
        _cleanup_strv_free_ char **urls = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < launch->n_listens; i++) {
                const ListenPair *p = &launch->listens[i];
                char host[ADDRESS_STRING_MAX];

                if (address_is_wildcard(&p->outside))
                        strcpy(host, "localhost");
                else {
                        address_to_string(&p->outside, host);
                        *strrchr(host, ':') = '\0';
                }
                r = add_url(&urls, speaks_tls(a, p), host, address_port(&p->outside));
                for (size_t k = 0; r >= 0 && k < a->n_directives; k++) {
                        char name[256];

                        if (!is_vhost(&a->directives[k]) || !vhost_has_port(&a->directives[k], p))
                                continue;
                        server_name(a, k, name);
                        if (name[0] != '\0')
                                r = add_url(&urls, has_directive(a, k, "SSLEngine", "on"), name,
                                            address_port(&p->outside));
                }
        }
        if (r >= 0)
                *ret = TAKE_PTR(urls);
        return r;
}
