/* What each key of a configuration takes: its value from a line, and its default as a line would say it. */

#include <ctype.h>

#include "config-internal.h"
#include "policy.h"

#define SIZE_DEFAULT  (16 * 1024 * 1024)
#define FILE_SIZE_MIN (64 * 1024)

static bool path_is_plain(const char *path) {
        return path[0] == '/' && !strstr(path, "/../") && !strstr(path, "//") &&
               !(strlen(path) >= 3 && streq(path + strlen(path) - 3, "/.."));
}

/* The parsers take the value and the field; they return 0, -ENOMEM or -EINVAL. */

static int parse_text(const char *value, void *field) {
        char **s = field, *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*s);
        *s = copy;
        return 0;
}

static int parse_path(const char *value, void *field) {
        return path_is_plain(value) ? parse_text(value, field) : -EINVAL;
}

static int parse_paths(const char *value, void *field) {
        char ***v = field;

        if (value[0] == '\0') {
                *v = strv_free(*v);
                return 0;
        }
        return path_is_plain(value) ? strv_extend(v, value) : -EINVAL;
}

static int parse_environment(const char *value, void *field) {
        const char *equals = strchr(value, '=');
        char ***v = field;

        if (value[0] == '\0') {
                *v = strv_free(*v);
                return 0;
        }
        return equals && equals > value ? strv_extend(v, value) : -EINVAL;
}

static int parse_number(const char *s, char **ret_end, uint64_t *ret) {
        if (!isdigit((unsigned char) *s))
                return -EINVAL;
        errno = 0;
        *ret = strtoull(s, ret_end, 10);
        return errno ? -EINVAL : 0;
}

static int parse_count(const char *value, void *field) {
        uint64_t n;
        char *end;

        if (parse_number(value, &end, &n) < 0 || *end || n == 0 || n > 1024 * 1024)
                return -EINVAL;
        *(uint64_t *) field = n;
        return 0;
}

static int parse_unsigned(const char *value, void *field) {
        uint64_t n;
        int r = parse_count(value, &n);

        if (r >= 0)
                *(unsigned *) field = (unsigned) n;
        return r;
}

static int parse_mode(const char *value, void *field) {
        unsigned long mode;
        char *end;

        if (!isdigit((unsigned char) *value))
                return -EINVAL;
        mode = strtoul(value, &end, 8);
        if (*end || mode > 0777)
                return -EINVAL;
        *(mode_t *) field = (mode_t) mode;
        return 0;
}

static int parse_span(const char *value, void *field) {
        static const struct {
                const char *suffix;
                uint64_t usec;
        } units[] = {
                { "ms", USEC_PER_MSEC },
                { "msec", USEC_PER_MSEC },
                { "", USEC_PER_SEC },
                { "s", USEC_PER_SEC },
                { "sec", USEC_PER_SEC },
                { "m", 60 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "d", 24 * 3600 * USEC_PER_SEC },
                { "w", 7 * 24 * 3600 * USEC_PER_SEC },
        };
        uint64_t n;
        char *end;

        if (parse_number(value, &end, &n) < 0 || n > 1000 * 1000)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (streq(end, units[i].suffix)) {
                        *(uint64_t *) field = n * units[i].usec;
                        return 0;
                }
        return -EINVAL;
}

/* What is done again and again must not be done without end. */
static int parse_interval(const char *value, void *field) {
        uint64_t usec;
        int r = parse_span(value, &usec);

        if (r >= 0 && usec < 10 * USEC_PER_MSEC)
                r = -EINVAL;
        if (r >= 0)
                *(uint64_t *) field = usec;
        return r;
}

static int parse_size(const char *value, uint64_t *ret) {
        static const char suffixes[] = "KMG";
        uint64_t n, unit = 1;
        const char *suffix;
        char *end;

        if (parse_number(value, &end, &n) < 0 || n == 0 || n > UINT32_MAX)
                return -EINVAL;
        if (*end) {
                suffix = strchr(suffixes, *end);
                if (!suffix || end[1])
                        return -EINVAL;
                for (const char *s = suffixes; s <= suffix; s++)
                        unit *= 1024;
        }
        *ret = n * unit;
        return 0;
}

static int parse_bytes(const char *value, void *field) {
        return parse_size(value, field);
}

/* Of a log, so that it is not rotated for a handful of lines. */
static int parse_file_size(const char *value, void *field) {
        uint64_t n;
        int r = parse_size(value, &n);

        if (r < 0 || n < FILE_SIZE_MIN)
                return -EINVAL;
        *(uint64_t *) field = n;
        return 0;
}

static int find_name(const char *const names[], unsigned n, const char *value, unsigned *ret) {
        for (unsigned i = 0; i < n; i++)
                if (streq(value, names[i])) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

static const char *const restart_names[_CONFIG_RESTART_MAX] = {
        [CONFIG_RESTART_ALWAYS] = "always",
        [CONFIG_RESTART_NO] = "no",
};

static int parse_restart(const char *value, void *field) {
        return find_name(restart_names, _CONFIG_RESTART_MAX, value, field);
}

static const char *const log_target_names[_CONFIG_LOG_TARGET_MAX] = {
        [CONFIG_LOG_FILE] = "file",
        [CONFIG_LOG_JOURNAL] = "journal",
};

static int parse_log_target(const char *value, void *field) {
        return find_name(log_target_names, _CONFIG_LOG_TARGET_MAX, value, field);
}

/* As systemd spells it. */
static int parse_boolean(const char *value, void *field) {
        static const char *const names[] = { "no", "yes", "false", "true", "0", "1", "off", "on" };
        unsigned i;
        int r = find_name(names, ELEMENTSOF(names), value, &i);

        if (r >= 0)
                *(bool *) field = i % 2;
        return r;
}

static const char *const network_mode_names[_CONFIG_MODE_MAX] = {
        [CONFIG_MODE_NONE] = "none",
        [CONFIG_MODE_HOST] = "host",
};

static int parse_network_mode(const char *value, void *field) {
        return find_name(network_mode_names, _CONFIG_MODE_MAX, value, field);
}

static const char *const launcher_names[_CONFIG_LAUNCHER_MAX] = {
        [CONFIG_LAUNCHER_HTTPD] = "httpd",
        [CONFIG_LAUNCHER_APACHECTL] = "apachectl",
};

static int parse_launcher(const char *value, void *field) {
        return find_name(launcher_names, _CONFIG_LAUNCHER_MAX, value, field);
}

/* "+group" and "-group", any number of them. */
static int parse_groups(const char *value, void *field) {
        _cleanup_free_ char *copy = strdup(value);
        unsigned groups = *(unsigned *) field;

        if (!copy)
                return -ENOMEM;
        if (value[0] == '\0')
                groups = 0;
        for (char *save, *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
                int group = policy_group_from_string(word + 1);

                if (group < 0 || !strchr("+-", word[0]))
                        return -EINVAL;
                if (word[0] == '+')
                        groups |= (unsigned) group;
                else
                        groups &= ~(unsigned) group;
        }
        *(unsigned *) field = groups;
        return 0;
}

static int parse_connect(const char *value, void *field) {
        JailConfig *c = field;
        Address a, *bigger;
        int r;

        if (value[0] == '\0') {
                c->n_connects = 0;
                return 0;
        }
        r = address_parse(value, &a);
        if (r < 0 || address_is_wildcard(&a))
                return -EINVAL;
        bigger = reallocarray(c->connects, c->n_connects + 1, sizeof(Address));
        if (!bigger)
                return -ENOMEM;
        c->connects = bigger;
        c->connects[c->n_connects++] = a;
        return 0;
}

static int parse_listen(const char *value, void *field) {
        JailConfig *c = field;
        ListenPair pair, *bigger;
        int r;

        if (value[0] == '\0') {
                c->n_listens = 0;
                return 0;
        }
        r = listen_pair_parse(value, &pair);
        if (r < 0)
                return r;
        bigger = reallocarray(c->listens, c->n_listens + 1, sizeof(ListenPair));
        if (!bigger)
                return -ENOMEM;
        c->listens = bigger;
        c->listens[c->n_listens++] = pair;
        return 0;
}

static int parse_writable(const char *value, void *field) {
        JailConfig *c = field;
        const char *colon = strrchr(value, ':');
        _cleanup_free_ char *path = colon ? strndup(value, (size_t) (colon - value)) : strdup(value);
        uint64_t size = SIZE_DEFAULT;
        ConfigWritable *bigger;

        if (!path)
                return -ENOMEM;
        if (value[0] == '\0') {
                while (c->n_writables > 0)
                        free(c->writables[--c->n_writables].path);
                return 0;
        }
        if (!path_is_plain(path) || (colon && parse_size(colon + 1, &size) < 0))
                return -EINVAL;
        bigger = reallocarray(c->writables, c->n_writables + 1, sizeof(ConfigWritable));
        if (!bigger)
                return -ENOMEM;
        c->writables = bigger;
        c->writables[c->n_writables++] = (ConfigWritable){ .path = TAKE_PTR(path), .size_bytes = size };
        return 0;
}

#define FIELD(f) offsetof(JailConfig, f)

static const ConfigKey keys[] = {
        { "Jail", "Description", parse_text, FIELD(description), "any text" },
        { "Jail", "Source", parse_path, FIELD(source), "an absolute path" },
        { "Jail", "User", parse_text, FIELD(user), "a user of the host" },
        { "Jail", "Umask", parse_mode, FIELD(umask), "an octal mode such as 0077" },
        { "Jail", "Keep", parse_unsigned, FIELD(keep), "a number of generations" },
        { "Jail", "AutoUpdate", parse_boolean, FIELD(auto_update), "yes or no" },
        { "Jail", "Immutable", parse_boolean, FIELD(immutable), "yes or no" },
        { "Jail", "Strip", parse_boolean, FIELD(strip), "yes or no" },
        { "Server", "Httpd", parse_path, FIELD(httpd), "an absolute path" },
        { "Server", "Config", parse_path, FIELD(config), "an absolute path" },
        { "Server", "Launcher", parse_launcher, FIELD(launcher), "httpd or apachectl" },
        { "Server", "Environment", parse_environment, FIELD(environment), "NAME=VALUE" },
        { "Network", "Listen", parse_listen, 0,
          "ADDR:PORT or PORT, and after a blank what Apache calls it" },
        { "Network", "Mode", parse_network_mode, FIELD(mode), "none or host" },
        { "Network", "Connect", parse_connect, 0, "ADDR:PORT" },
        { "Files", "Include", parse_paths, FIELD(includes), "an absolute path" },
        { "Files", "Exclude", parse_paths, FIELD(excludes), "an absolute path" },
        { "Files", "Bind", parse_paths, FIELD(binds), "HOST or HOST:INSIDE, absolute paths" },
        { "Files", "BindReadOnly", parse_paths, FIELD(binds_read_only),
          "HOST or HOST:INSIDE, absolute paths" },
        { "Files", "Secret", parse_paths, FIELD(secrets), "an absolute path" },
        { "Files", "Writable", parse_writable, 0, "an absolute path, and a size after a colon: /tmp:16M" },
        { "Sandbox", "SystemCallFilter", parse_groups, FIELD(groups), "+cgi, +proxy, +php or +dav" },
        { "Sandbox", "Exec", parse_paths, FIELD(execs), "an absolute path; a folder ends with a slash" },
        { "Sandbox", "LimitNOFILE", parse_count, FIELD(limit_nofile), "a number" },
        { "Sandbox", "LimitNPROC", parse_count, FIELD(limit_nproc), "a number" },
        { "Supervise", "Restart", parse_restart, FIELD(restart), "always or no" },
        { "Supervise", "RestartSec", parse_span, FIELD(backoff.min_usec), "a time such as 100ms or 5s" },
        { "Supervise", "RestartMaxSec", parse_span, FIELD(backoff.max_usec), "a time such as 30s or 1min" },
        { "Supervise", "StartLimitBurst", parse_unsigned, FIELD(backoff.burst), "a number" },
        { "Supervise", "StartLimitIntervalSec", parse_span, FIELD(backoff.interval_usec),
          "a time such as 5min" },
        { "Supervise", "Standby", parse_boolean, FIELD(standby), "yes or no" },
        { "Supervise", "StartTimeoutSec", parse_span, FIELD(start_timeout_usec), "a time such as 30s" },
        { "Supervise", "StopTimeoutSec", parse_span, FIELD(stop_timeout_usec), "a time such as 10s" },
        { "Supervise", "OnDemand", parse_boolean, FIELD(on_demand), "yes or no" },
        { "Supervise", "IdleStopSec", parse_span, FIELD(idle_stop_usec),
          "a time such as 5min; 0 for never" },
        { "Supervise", "Notify", parse_command, FIELD(notify),
          "an absolute path, and arguments after blanks" },
        { "Supervise", "NotifyUser", parse_text, FIELD(notify_user), "a user of the host, not root" },
        { "Health", "Url", parse_health_url, FIELD(health), "http://HOST/PATH or https://HOST/PATH" },
        { "Health", "IntervalSec", parse_interval, FIELD(health.interval_usec), "a time such as 10s" },
        { "Health", "TimeoutSec", parse_interval, FIELD(health.timeout_usec), "a time such as 5s" },
        { "Health", "Failures", parse_unsigned, FIELD(health.failures), "a number" },
        { "Health", "GraceSec", parse_span, FIELD(health.grace_usec), "a time such as 10s" },
        { "Health", "Expect", parse_health_expect, FIELD(health), "a status such as 200, or 200-399" },
        { "Health", "ExpectBody", parse_text, FIELD(health.text), "any text" },
        { "Log", "Target", parse_log_target, FIELD(log.target), "file or journal" },
        { "Log", "MaxSize", parse_file_size, FIELD(log.max_size_bytes), "a size such as 64M, at least 64K" },
        { "Log", "MaxAge", parse_span, FIELD(log.max_age_usec), "a time such as 1d or 12h" },
        { "Log", "Keep", parse_unsigned, FIELD(log.keep), "a number" },
        { "Log", "RateLimit", parse_bytes, FIELD(log.rate_limit_bytes),
          "a size for each second, such as 1M" },
};

const ConfigKey *config_keys(size_t *ret_n) {
        *ret_n = ELEMENTSOF(keys);
        return keys;
}

static int format_mode(const void *field, char **ret) {
        return asprintf(ret, "%04o", *(const mode_t *) field);
}

static int format_count(const void *field, char **ret) {
        return asprintf(ret, "%llu", (unsigned long long) *(const uint64_t *) field);
}

static int format_unsigned(const void *field, char **ret) {
        return asprintf(ret, "%u", *(const unsigned *) field);
}

static int format_span(const void *field, char **ret) {
        static const struct {
                const char *suffix;
                uint64_t usec;
        } units[] = {
                { "d", 24 * 3600 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "s", USEC_PER_SEC },
        };
        uint64_t usec = *(const uint64_t *) field;

        if (usec == 0)
                return asprintf(ret, "0s");
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (usec % units[i].usec == 0)
                        return asprintf(ret, "%llu%s", (unsigned long long) (usec / units[i].usec),
                                        units[i].suffix);
        return asprintf(ret, "%llums", (unsigned long long) (usec / USEC_PER_MSEC));
}

static int format_size(const void *field, char **ret) {
        unsigned long long bytes = *(const uint64_t *) field;
        const char *unit = "\0KMG";

        for (; bytes % 1024 == 0 && unit[1]; unit++)
                bytes /= 1024;
        return asprintf(ret, "%llu%.1s", bytes, unit);
}

static int format_boolean(const void *field, char **ret) {
        return asprintf(ret, "%s", *(const bool *) field ? "yes" : "no");
}

static int format_restart(const void *field, char **ret) {
        return asprintf(ret, "%s", restart_names[*(const ConfigRestart *) field]);
}

static int format_log_target(const void *field, char **ret) {
        return asprintf(ret, "%s", log_target_names[*(const ConfigLogTarget *) field]);
}

static int format_network_mode(const void *field, char **ret) {
        return asprintf(ret, "%s", network_mode_names[*(const ConfigMode *) field]);
}

static int format_launcher(const void *field, char **ret) {
        return asprintf(ret, "%s", launcher_names[*(const ConfigLauncher *) field]);
}

/* Of the parsers whose field has a value even where nobody sets it. */
static const struct {
        int (*parse)(const char *value, void *field);
        int (*format)(const void *field, char **ret);
} formats[] = {
        { parse_mode, format_mode },
        { parse_count, format_count },
        { parse_unsigned, format_unsigned },
        { parse_span, format_span },
        { parse_interval, format_span },
        { parse_file_size, format_size },
        { parse_boolean, format_boolean },
        { parse_restart, format_restart },
        { parse_log_target, format_log_target },
        { parse_network_mode, format_network_mode },
        { parse_launcher, format_launcher },
        { parse_health_expect, format_health_expect },
};

int config_key_default(const ConfigKey *key, char **ret) {
        _cleanup_(jail_config_freep) JailConfig *c = config_new("");

        if (!c)
                return -ENOMEM;
        *ret = NULL;
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (formats[i].parse == key->parse &&
                    formats[i].format((const char *) c + key->offset, ret) < 0) {
                        *ret = NULL;
                        return -ENOMEM;
                }
        return 0;
}

bool config_key_is_list(const ConfigKey *k) {
        static int (*const lists[])(const char *, void *) = {
                parse_paths, parse_environment, parse_groups, parse_connect, parse_listen, parse_writable,
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                if (k->parse == lists[i])
                        return true;
        return false;
}
