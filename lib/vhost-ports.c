#include "vhost-ports.h"

#include <strings.h>

bool vhost_ports_differ(const ListenPair *pairs, size_t n_pairs) {
        for (size_t i = 0; i < n_pairs; i++)
                if (!address_equal(&pairs[i].outside, &pairs[i].inside))
                        return true;
        return false;
}

/* One address that a token stands for with this pair: 1 and it in buf, or 0 when the token is not about the pair. */
static int map_token(const char *host, size_t host_length, unsigned port, const char *token,
                     const ListenPair *pair, char *buf, size_t size) {
        Address asked;

        if (address_port(&pair->inside) != port)
                return 0;
        if (!address_is_wildcard(&pair->inside) && address_parse(token, &asked) >= 0 &&
            !address_is_wildcard(&asked)) {
                char outside[ADDRESS_STRING_MAX];

                if (!address_equal(&asked, &pair->inside))
                        return 0;
                if (address_is_wildcard(&pair->outside))
                        snprintf(buf, size, "*:%u", address_port(&pair->outside));
                else
                        snprintf(buf, size, "%s", address_to_string(&pair->outside, outside));
                return 1;
        }
        snprintf(buf, size, "%.*s:%u", (int) host_length, host, address_port(&pair->outside));
        return 1;
}

/* Append what the token becomes. Returns 1 when it is different, 0, or -EINVAL. */
static int write_token(const char *token, const ListenPair *pairs, size_t n_pairs, FILE *f) {
        const char *colon = strrchr(token, ':');
        char buf[512], done[16][sizeof(buf)];
        size_t n_done = 0;
        unsigned long port;
        char *end;

        if (strchr(token, '$') || strchr(token, '\\'))
                return -EINVAL;
        port = colon ? strtoul(colon + 1, &end, 10) : 0;
        /* No port, or '*': it is for any. */
        if (!colon || colon[1] == '\0' || *end || strlen(token) + 8 >= sizeof(buf)) {
                fputs(token, f);
                return 0;
        }
        for (size_t i = 0; i < n_pairs; i++) {
                bool known = false;

                if (!map_token(token, (size_t) (colon - token), (unsigned) port, token, &pairs[i], buf,
                               sizeof(buf)))
                        continue;
                for (size_t j = 0; j < n_done; j++)
                        known = known || streq(done[j], buf);
                if (known || n_done >= ELEMENTSOF(done))
                        continue;
                memcpy(done[n_done], buf, sizeof(buf));
                fprintf(f, "%s%s", n_done++ > 0 ? " " : "", buf);
        }
        if (n_done == 0)
                fputs(token, f);
        return n_done > 1 || (n_done == 1 && !streq(done[0], token));
}

static int write_line(const char *line, size_t length, const ListenPair *pairs, size_t n_pairs, FILE *f) {
        static const char opening[] = "<VirtualHost";
        size_t blanks = strspn(line, " \t"), i = blanks + strlen(opening);
        int changed = 0;

        if (strncasecmp(line + blanks, opening, strlen(opening)) != 0 || i >= length)
                return -EINVAL;
        fwrite(line, 1, i, f);
        while (i < length) {
                size_t n = strcspn(line + i, " \t\r\n\"'>");
                char token[512];
                int r;

                if (n == 0) {
                        fputc(line[i++], f);
                        continue;
                }
                if (n >= sizeof(token))
                        return -EINVAL;
                memcpy(token, line + i, n);
                token[n] = '\0';
                r = write_token(token, pairs, n_pairs, f);
                if (r < 0)
                        return r;
                changed |= r;
                i += n;
        }
        return changed;
}

int vhost_ports_edit(const char *text, unsigned number, const ListenPair *pairs, size_t n_pairs,
                     char **ret) {
        _cleanup_free_ char *out = NULL;
        const char *line = text;
        FILE *f;
        size_t size, length;
        int r;

        for (unsigned i = 1; i < number; i++) {
                line = strchr(line, '\n');
                if (!line)
                        return -ENOENT;
                line++;
        }
        length = strcspn(line, "\n");
        f = open_memstream(&out, &size);
        if (!f)
                return -ENOMEM;
        fwrite(text, 1, (size_t) (line - text), f);
        r = write_line(line, length, pairs, n_pairs, f);
        fputs(line + length, f);
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r <= 0)
                return r;
        *ret = TAKE_PTR(out);
        return 1;
}
