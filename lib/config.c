#include "config-internal.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ini.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "policy.h"

/* The parser's, which counts the end of the line and that of the string. */
_Static_assert(CONFIG_LINE_MAX + 2 == INI_MAX_LINE, "must be as inih has it");

void config_error_done(ConfigError *e) {
        free(e->message);
        e->message = NULL;
}

static void origin_done(ConfigOrigin *o) {
        free(o->value);
        free(o->where);
}

JailConfig *jail_config_ref(JailConfig *c) {
        c->n_more_owners++;
        return c;
}

JailConfig *jail_config_free(JailConfig *c) {
        if (!c)
                return NULL;
        if (c->n_more_owners > 0) {
                c->n_more_owners--;
                return NULL;
        }
        free(c->name);
        for (size_t i = 0; i < c->n_origins; i++)
                origin_done(&c->origins[i]);
        free(c->origins);
        free(c->description);
        free(c->source);
        free(c->user);
        free(c->httpd);
        free(c->config);
        strv_free(c->environment);
        free(c->listens);
        free(c->connects);
        strv_free(c->execs);
        strv_free(c->includes);
        strv_free(c->excludes);
        strv_free(c->binds);
        strv_free(c->binds_read_only);
        strv_free(c->secrets);
        for (size_t i = 0; i < c->n_writables; i++)
                free(c->writables[i].path);
        free(c->writables);
        strv_free(c->notify);
        free(c->notify_user);
        config_health_done(&c->health);
        free(c);
        return NULL;
}

bool jail_name_is_valid(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > JAIL_NAME_MAX || name[0] == '.')
                return false;
        for (const char *c = name; *c; c++)
                if (!isascii(*c) || (!isalnum(*c) && !strchr("_.-", *c)))
                        return false;
        return true;
}

JailConfig *config_new(const char *name) {
        JailConfig *c = calloc(1, sizeof(JailConfig));

        if (!c)
                return NULL;
        *c = (JailConfig) {
                .name = strdup(name),
                .umask = 0077,
                .keep = 3,
                .limit_nofile = 8192,
                .limit_nproc = 32768,
                .restart = CONFIG_RESTART_ALWAYS,
                .backoff = {
                        .min_usec = 100 * USEC_PER_MSEC,
                        .max_usec = 30 * USEC_PER_SEC,
                        .burst = 10,
                        .interval_usec = 300 * USEC_PER_SEC,
                },
                .log = {
                        .max_size_bytes = 64 * 1024 * 1024,
                        .max_age_usec = 24 * 3600 * USEC_PER_SEC,
                        .keep = 14,
                },
                .start_timeout_usec = 30 * USEC_PER_SEC,
                .stop_timeout_usec = 10 * USEC_PER_SEC,
                .health = {
                        .interval_usec = 10 * USEC_PER_SEC,
                        .timeout_usec = 5 * USEC_PER_SEC,
                        .failures = 3,
                        .grace_usec = 10 * USEC_PER_SEC,
                        .status_min = 200,
                        .status_max = 399,
                },
        };
        return c->name ? c : jail_config_free(c);
}

static void forget_origins(JailConfig *c, const ConfigKey *k) {
        size_t kept = 0;

        for (size_t i = 0; i < c->n_origins; i++)
                if (c->origins[i].key == k)
                        origin_done(&c->origins[i]);
                else
                        c->origins[kept++] = c->origins[i];
        c->n_origins = kept;
}

static int add_origin(JailConfig *c, const ConfigKey *k, const char *value, const char *path,
                      unsigned line) {
        ConfigOrigin *bigger = reallocarray(c->origins, c->n_origins + 1, sizeof(ConfigOrigin)), *o;

        if (!bigger)
                return -ENOMEM;
        c->origins = bigger;
        if (!config_key_is_list(k) || value[0] == '\0')
                forget_origins(c, k);
        if (config_key_is_list(k) && value[0] == '\0')
                return 0;
        o = &c->origins[c->n_origins];
        *o = (ConfigOrigin){ .key = k, .value = strdup(value) };
        if (!o->value || asprintf(&o->where, "%s:%u", path, line) < 0) {
                free(o->value);
                return -ENOMEM;
        }
        c->n_origins++;
        return 0;
}

typedef struct Reader {
        JailConfig *config;
        const char *path;
        FILE *f;
        unsigned line;
        /* Of the first error; 0: none yet. */
        unsigned error_line;
        char *why;
        int error;
} Reader;

/* Built for line numbers that are true: inih does not hand them to its handler. It splits what is longer than
 * its buffer, so that such a line is refused here. */
static char *read_line(char *buf, int size, void *stream) {
        Reader *r = stream;
        size_t n;

        if (r->error < 0 || !fgets(buf, size, r->f))
                return NULL;
        r->line++;
        n = strlen(buf);
        if (n + 1 == (size_t) size && buf[n - 1] != '\n') {
                r->error = -EBADMSG;
                if (asprintf(&r->why,
                             "the line is longer than %d characters; split the value over several keys",
                             size - 2) < 0)
                        r->why = NULL;
                return NULL;
        }
        return buf;
}

/* How many characters two words share at their ends: what a slip of the finger leaves. */
static size_t likeness(const char *a, const char *b) {
        size_t la = strlen(a), lb = strlen(b), shorter = la < lb ? la : lb, n = 0, m = 0;

        while (n < shorter && tolower((unsigned char) a[n]) == tolower((unsigned char) b[n]))
                n++;
        while (m < shorter - n &&
               tolower((unsigned char) a[la - 1 - m]) == tolower((unsigned char) b[lb - 1 - m]))
                m++;
        return n + m;
}

static int unknown_key(Reader *reader, const char *section, const char *key) {
        const ConfigKey *nearest = NULL;
        bool known_section = false;
        size_t best = strlen(key) / 2, n_keys;
        const ConfigKey *keys = config_keys(&n_keys);
        int r;

        for (size_t i = 0; i < n_keys; i++) {
                size_t n = likeness(keys[i].key, key);

                known_section |= streq(keys[i].section, section);
                if (n > best) {
                        best = n;
                        nearest = &keys[i];
                }
        }
        if (!section[0])
                r = asprintf(&reader->why, "'%s=' is in no section; one begins with a line like [Jail]",
                             key);
        else if (!known_section)
                r = asprintf(&reader->why,
                             "unknown section [%s]; there are [Jail], [Server], [Network], [Files], "
                             "[Sandbox], [Supervise], [Health] and [Log]",
                             section);
        else if (nearest)
                r = asprintf(&reader->why, "unknown key '%s' in [%s]; did you mean '%s=' in [%s]?", key,
                             section, nearest->key, nearest->section);
        else
                r = asprintf(&reader->why, "unknown key '%s' in [%s]; jaild.conf(5) lists them", key,
                             section);
        if (r < 0)
                reader->why = NULL;
        return -EBADMSG;
}

static int reader_set(Reader *reader, const char *section, const char *key, const char *value) {
        size_t n_keys;
        const ConfigKey *keys = config_keys(&n_keys);

        for (size_t i = 0; i < n_keys; i++) {
                const ConfigKey *k = &keys[i];
                int r;

                if (!streq(k->section, section) || !streq(k->key, key))
                        continue;
                r = k->parse(value, (char *) reader->config + k->offset);
                if (r == -EINVAL) {
                        if (asprintf(&reader->why, "'%s' is no value for %s=; it takes %s", value, key,
                                     k->takes) < 0)
                                reader->why = NULL;
                        r = -EBADMSG;
                }
                return r < 0 ? r : add_origin(reader->config, k, value, reader->path, reader->line);
        }
        return unknown_key(reader, section, key);
}

static int on_key(void *userdata, const char *section, const char *key, const char *value) {
        Reader *reader = userdata;

        if (reader->error < 0)
                return 0;
        reader->error = reader_set(reader, section, key, value ?: "");
        if (reader->error < 0)
                reader->error_line = reader->line;
        return reader->error >= 0;
}

static int report(ConfigError *e, const char *path, unsigned line, const char *why, int error) {
        if (line > 0 ? asprintf(&e->message, "%s:%u: %s", path, line, why) < 0
                     : asprintf(&e->message, "%s: %s", path, why) < 0)
                e->message = NULL;
        return error;
}

static int load_file(JailConfig *config, int dir_fd, const char *dir, const char *file,
                     ConfigError *reterr) {
        _cleanup_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *path = NULL, *why = NULL;
        Reader reader = { .config = config };
        struct stat st;
        int line;

        if (asprintf(&path, "%s/%s", dir, file) < 0)
                return -ENOMEM;
        if (fd < 0 || fstat(fd, &st) < 0)
                return report(reterr, path, 0, strerror(errno), -errno);
        if (!S_ISREG(st.st_mode))
                return report(reterr, path, 0, "not a regular file", -EBADMSG);
        /* Root obeys this file: whoever can write it is root. */
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
                return report(reterr, path, 0, "others than root may write it; chown root and chmod go-w it",
                              -EBADMSG);
        f = fdopen(fd, "r");
        if (!f)
                return -errno;
        (void) TAKE_FD(fd);
        reader.f = f;
        reader.path = path;
        line = ini_parse_stream(read_line, &reader, on_key, &reader);
        why = reader.why;
        if (reader.error == -ENOMEM || line < 0)
                return -ENOMEM;
        if (reader.error < 0)
                return report(reterr, path, reader.error_line ?: reader.line, why ?: "bad line", -EBADMSG);
        if (line > 0)
                return report(reterr, path, (unsigned) line, "neither [Section] nor Key=Value", -EBADMSG);
        return 0;
}

static int is_drop_in(const struct dirent *d) {
        size_t n = strlen(d->d_name);

        return d->d_name[0] != '.' && n > 5 && streq(d->d_name + n - 5, ".conf");
}

static void entries_free(struct dirent **entries, int n) {
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
}

static int load_drop_ins(JailConfig *config, int conf_fd, const char *conf_dir, ConfigError *reterr) {
        _cleanup_free_ char *sub = NULL, *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct dirent **entries;
        int n, r = 0;

        if (asprintf(&sub, "%s.conf.d", config->name) < 0 || asprintf(&dir, "%s/%s", conf_dir, sub) < 0)
                return -ENOMEM;
        fd = openat(conf_fd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : report(reterr, dir, 0, strerror(errno), -errno);
        n = scandirat(fd, ".", &entries, is_drop_in, alphasort);
        if (n < 0)
                return report(reterr, dir, 0, strerror(errno), -errno);
        for (int i = 0; r >= 0 && i < n; i++)
                r = load_file(config, fd, dir, entries[i]->d_name, reterr);
        entries_free(entries, n);
        return r;
}

/* What no key alone can tell. */
static int check_together(const JailConfig *c, const char *path, ConfigError *reterr) {
        if (c->on_demand && c->n_listens == 0)
                return report(reterr, path, 0,
                              "OnDemand=yes needs Listen= in [Network]: systemd listens there before anybody has read "
                              "Apache's configuration",
                              -EBADMSG);
        if (c->idle_stop_usec > 0 && c->health.url)
                return report(reterr, path, 0,
                              "IdleStopSec= and Url= of [Health] exclude each other: each check is a visit",
                              -EBADMSG);
        return 0;
}

int jail_config_load_at(int conf_fd, const char *conf_dir, const char *name, JailConfig **ret,
                        ConfigError *reterr) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_free_ char *file = NULL, *path = NULL;
        int r;

        if (!jail_name_is_valid(name))
                return report(reterr, name, 0,
                              "not the name of a jail: letters, digits, '_', '-' and '.' make one", -ENOENT);
        config = config_new(name);
        if (!config || asprintf(&file, "%s.conf", name) < 0)
                return -ENOMEM;
        if ((r = load_file(config, conf_fd, conf_dir, file, reterr)) < 0 ||
            (r = load_drop_ins(config, conf_fd, conf_dir, reterr)) < 0)
                return r;
        /* What a connection takes, whatever SystemCallFilter= says. */
        if (config->n_connects > 0)
                config->groups |= POLICY_PROXY;
        /* And what a shell takes. */
        if (config->launcher == CONFIG_LAUNCHER_APACHECTL)
                config->groups |= POLICY_CGI;
        if (asprintf(&path, "%s/%s", conf_dir, file) < 0)
                return -ENOMEM;
        if ((r = check_together(config, path, reterr)) < 0)
                return r;
        *ret = TAKE_PTR(config);
        return 0;
}

int jail_config_load(const char *name, JailConfig **ret, ConfigError *reterr) {
        _cleanup_close_ int fd = open(JAILD_CONF_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return report(reterr, JAILD_CONF_DIR, 0, strerror(errno), -errno);
        return jail_config_load_at(fd, JAILD_CONF_DIR, name, ret, reterr);
}

int jail_config_list(char ***ret) {
        _cleanup_strv_free_ char **names = calloc(1, sizeof(char *));
        struct dirent **entries;
        int n, r = 0;

        if (!names)
                return -ENOMEM;
        n = scandir(JAILD_CONF_DIR, &entries, is_drop_in, alphasort);
        if (n < 0 && errno != ENOENT)
                return -errno;
        for (int i = 0; r >= 0 && i < n; i++) {
                char *name = entries[i]->d_name;

                name[strlen(name) - 5] = '\0';
                if (jail_name_is_valid(name))
                        r = strv_extend(&names, name);
        }
        if (n >= 0)
                entries_free(entries, n);
        if (r >= 0)
                *ret = TAKE_PTR(names);
        return r;
}
