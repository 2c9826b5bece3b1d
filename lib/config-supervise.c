#include "config-supervise.h"

#include <ctype.h>

#include "strv.h"

void config_health_done(ConfigHealth *h) {
        free(h->url);
        free(h->text);
        *h = (ConfigHealth){};
}

/* The port that is written behind the host, or that of the scheme. Returns -EINVAL for anything but
 * http[s]://HOST[:PORT][/…]. */
static int url_port(const char *url, uint16_t *ret) {
        bool is_tls = strncmp(url, "https://", 8) == 0;
        const char *host, *end, *p;
        unsigned long port;
        char *after;

        if (!is_tls && strncmp(url, "http://", 7) != 0)
                return -EINVAL;
        host = url + (is_tls ? strlen("https://") : strlen("http://"));
        end = host + strcspn(host, "/?#");
        for (const char *c = url; *c; c++)
                if (!isgraph((unsigned char) *c))
                        return -EINVAL;
        /* An IPv6 address has colons of its own. */
        p = host[0] == '[' ? memchr(host, ']', (size_t) (end - host)) : host;
        if (!p || p == end || memchr(host, '@', (size_t) (end - host)))
                return -EINVAL;
        p = memchr(p, ':', (size_t) (end - p));
        if (p == host)
                return -EINVAL;
        *ret = is_tls ? 443 : 80;
        if (!p)
                return 0;
        if (!isdigit((unsigned char) p[1]))
                return -EINVAL;
        port = strtoul(p + 1, &after, 10);
        if (after != end || port == 0 || port > UINT16_MAX)
                return -EINVAL;
        *ret = (uint16_t) port;
        return 0;
}

int parse_health_url(const char *value, void *field) {
        ConfigHealth *h = field;
        char *copy = NULL;

        if (value[0] != '\0') {
                if (url_port(value, &h->port) < 0)
                        return -EINVAL;
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(h->url);
        h->url = copy;
        return 0;
}

int parse_health_expect(const char *value, void *field) {
        ConfigHealth *h = field;
        unsigned min, max;
        int n = 0;

        if (strspn(value, "0123456789-") != strlen(value))
                return -EINVAL;
        if (sscanf(value, "%3u-%3u%n", &min, &max, &n) != 2 || value[n] != '\0') {
                if (sscanf(value, "%3u%n", &min, &n) != 1 || value[n] != '\0')
                        return -EINVAL;
                max = min;
        }
        if (min < 100 || max > 599 || min > max)
                return -EINVAL;
        h->status_min = min;
        h->status_max = max;
        return 0;
}

int format_health_expect(const void *field, char **ret) {
        const ConfigHealth *h = field;

        return asprintf(ret, "%u-%u", h->status_min, h->status_max);
}

int parse_command(const char *value, void *field) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *copy = strdup(value);
        char ***command = field;

        if (!copy)
                return -ENOMEM;
        if (value[0] != '\0' && value[0] != '/')
                return -EINVAL;
        for (char *save, *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
                if (strv_extend(&argv, word) < 0)
                        return -ENOMEM;
        strv_free(*command);
        *command = TAKE_PTR(argv);
        return 0;
}
