#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "config.h"
#include "policy.h"

/* Each test has a folder of its own in place of /etc/jaild. */
static char folder[] = "/tmp/test-config-XXXXXX";
static int folder_fd = -EBADF;

static void put(const char *name, const char *text) {
        _cleanup_close_ int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
}

static void setup(void) {
        cr_assert_not_null(mkdtemp(folder));
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_eq(mkdirat(folder_fd, "web.conf.d", 0755), 0);
}

static void teardown(void) {
        static const char *const files[] = { "web.conf", "web.conf.d/10.conf", "web.conf.d/20.conf",
                                             "web.conf.d/no" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                (void) unlinkat(folder_fd, files[i], 0);
        (void) unlinkat(folder_fd, "web.conf.d", AT_REMOVEDIR);
        (void) rmdir(folder);
        folder_fd = close_fd(folder_fd);
}

TestSuite(config, .init = setup, .fini = teardown);

static JailConfig *loaded(void) {
        JailConfig *c = NULL;
        ConfigError e = {};

        cr_assert_eq(jail_config_load_at(folder_fd, folder, "web", &c, &e), 0, "%s", e.message);
        return c;
}

static void assert_error(const char *text, const char *where, const char *why) {
        _cleanup_(jail_config_freep) JailConfig *c = NULL;
        ConfigError e = {};

        put("web.conf", text);
        cr_assert_eq(jail_config_load_at(folder_fd, folder, "web", &c, &e), -EBADMSG, "%s", text);
        cr_assert_null(c);
        cr_assert(strstr(e.message, where) && strstr(e.message, why), "%s", e.message);
        cr_assert_null(strchr(e.message, '\n'));
        config_error_done(&e);
}

Test(config, a_file_with_nothing_but_a_section_is_enough) {
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf", "[Jail]\n");
        c = loaded();
        cr_assert_str_eq(c->name, "web");
        cr_assert_eq(c->umask, 0077u);
        cr_assert_eq(c->n_listens, 0u);
        cr_assert_null(c->user);
        cr_assert_eq(c->restart, CONFIG_RESTART_ALWAYS);
        cr_assert_gt(c->stop_timeout_usec, 0u);
}

Test(config, every_kind_of_value) {
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf", "# words\n[Jail]\r\nDescription = My site, mine \nUmask=0027\n"
                        "[Server]\nEnvironment=A=b c\nEnvironment=D=\n"
                        "[Network]\nListen=80\nListen=127.0.0.1:8080 81\nConnect=10.0.0.1:3306\n"
                        "[Files]\nWritable=/tmp:4M\nWritable=/var/cache/x\nInclude=/etc/php\n"
                        "[Sandbox]\nSystemCallFilter=+cgi +dav\nSystemCallFilter=-dav\nLimitNOFILE=100\n"
                        "[Supervise]\nRestart=no\nRestartSec=250ms\nRestartMaxSec=2min\nStopTimeoutSec=7\n"
                        "[Log]\nTarget=journal\nMaxSize=1G\nMaxAge=2w\nKeep=3\nRateLimit=512K\n");
        c = loaded();
        cr_assert_str_eq(c->description, "My site, mine");
        cr_assert_eq(c->umask, 0027u);
        cr_assert_str_eq(c->environment[0], "A=b c");
        cr_assert_str_eq(c->environment[1], "D=");
        cr_assert_eq(c->n_listens, 2u);
        cr_assert_eq(address_port(&c->listens[1].inside), 81);
        cr_assert_eq(c->n_connects, 1u);
        cr_assert_eq(c->writables[0].size_bytes, 4u * 1024 * 1024);
        cr_assert_str_eq(c->writables[1].path, "/var/cache/x");
        cr_assert_eq(c->groups, (unsigned) (POLICY_CGI | POLICY_PROXY));
        cr_assert_eq(c->limit_nofile, 100u);
        cr_assert_eq(c->restart, CONFIG_RESTART_NO);
        cr_assert_eq(c->backoff.min_usec, 250 * USEC_PER_MSEC);
        cr_assert_eq(c->backoff.max_usec, 120 * USEC_PER_SEC);
        cr_assert_eq(c->stop_timeout_usec, 7 * USEC_PER_SEC);
        cr_assert_eq(c->log.target, CONFIG_LOG_JOURNAL);
        cr_assert_eq(c->log.max_size_bytes, 1u << 30);
        cr_assert_eq(c->log.max_age_usec, 14 * 24 * 3600 * USEC_PER_SEC);
        cr_assert_eq(c->log.keep, 3u);
        cr_assert_eq(c->log.rate_limit_bytes, 512u * 1024);
}

Test(config, drop_ins_come_in_the_order_of_their_names_and_empty_clears_a_list) {
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf", "[Jail]\nDescription=first\n[Network]\nListen=80\nListen=81\n");
        put("web.conf.d/20.conf", "[Jail]\nDescription=third\n");
        put("web.conf.d/10.conf", "[Jail]\nDescription=second\n[Network]\nListen=\nListen=82\n");
        put("web.conf.d/no", "nonsense\n");
        c = loaded();
        cr_assert_str_eq(c->description, "third");
        cr_assert_eq(c->n_listens, 1u);
        cr_assert_eq(address_port(&c->listens[0].outside), 82);
}

Test(config, empty_clears_every_list) {
        static const char lists[] =
                        "[Server]\nEnvironment=A=b\n[Network]\nListen=80\nConnect=10.0.0.1:3306\n"
                        "[Files]\nInclude=/a\nExclude=/b\nBind=/c\nBindReadOnly=/d\nSecret=/e\n"
                        "Writable=/tmp:4M\n[Sandbox]\nSystemCallFilter=+cgi\nExec=/f\n";
        static const char cleared[] =
                        "[Server]\nEnvironment=\n[Network]\nListen=\nConnect=\n[Files]\nInclude=\n"
                        "Exclude=\nBind=\nBindReadOnly=\nSecret=\nWritable=\n"
                        "[Sandbox]\nSystemCallFilter=\nExec=\n";
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf", lists);
        put("web.conf.d/10.conf", cleared);
        c = loaded();
        cr_assert_eq(c->n_origins, 0u);
        cr_assert(!c->environment && !c->includes && !c->excludes && !c->binds && !c->binds_read_only &&
                  !c->secrets && !c->execs);
        cr_assert_eq(c->n_listens, 0u);
        cr_assert_eq(c->n_connects, 0u);
        cr_assert_eq(c->n_writables, 0u);
        cr_assert_eq(c->groups, 0u);
}

Test(config, connect_brings_its_calls_wherever_it_stands) {
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf",
            "[Network]\nConnect=10.0.0.1:3306\n[Sandbox]\nSystemCallFilter=\nSystemCallFilter=+cgi\n");
        c = loaded();
        cr_assert_eq(c->groups, (unsigned) (POLICY_CGI | POLICY_PROXY));
}

Test(config, each_mistake_is_one_line_that_says_where_and_what) {
        _cleanup_free_ char *long_value = NULL;

        assert_error("[Jail]\nUmask=0077\nUmsk=1\n", "web.conf:3:", "did you mean 'Umask='");
        assert_error("[Jial]\nUmask=1\n", "web.conf:2:", "unknown section [Jial]");
        assert_error("Umask=1\n", "web.conf:1:", "'Umask=' is in no section");
        assert_error("[Jail]\nListen=80\n", "web.conf:2:", "in [Network]");
        assert_error("[Jail]\n\nUmask=99\n", "web.conf:3:", "'99' is no value for Umask=");
        assert_error("[Jail]\nwords\n", "web.conf:2:", "neither [Section] nor Key=Value");
        assert_error("[Network]\nListen=localhost:80\n", "web.conf:2:", "localhost:80");
        assert_error("[Network]\nConnect=80\n", "web.conf:2:", "Connect=");
        assert_error("[Files]\nInclude=etc\n", "web.conf:2:", "absolute path");
        assert_error("[Files]\nInclude=/etc/../root\n", "web.conf:2:", "absolute path");
        assert_error("[Files]\nWritable=/tmp:0\n", "web.conf:2:", "Writable=");
        assert_error("[Sandbox]\nSystemCallFilter=cgi\n", "web.conf:2:", "+cgi");
        assert_error("[Supervise]\nRestartSec=soon\n", "web.conf:2:", "RestartSec=");
        assert_error("[Log]\nMaxSize=100\n", "web.conf:2:", "at least 64K");
        assert_error("[Log]\nKeep=0\n", "web.conf:2:", "Keep=");
        assert_error("[Log]\nTarget=syslog\n", "web.conf:2:", "file or journal");
        assert_error("[Supervise]\nRestart=maybe\n", "web.conf:2:", "always or no");
        assert_error("[Server]\nLauncher=nonsense\n", "web.conf:2:", "httpd or apachectl");
        cr_assert_gt(asprintf(&long_value, "[Jail]\nKeep=2\n\nDescription=%0500d\n", 1), 0);
        assert_error(long_value, "web.conf:4:", "longer than");
}

Test(config, what_others_may_write_is_not_obeyed) {
        put("web.conf", "[Jail]\n");
        cr_assert_eq(fchmodat(folder_fd, "web.conf", 0664, 0), 0);
        assert_error("[Jail]\n", "web.conf:", "others than root may write it");
        cr_assert_eq(fchmodat(folder_fd, "web.conf", 0644, 0), 0);
}

Test(config, what_is_not_there_or_no_name_is_no_jail) {
        JailConfig *c;
        ConfigError e = {};

        cr_assert_eq(jail_config_load_at(folder_fd, folder, "web", &c, &e), -ENOENT);
        config_error_done(&e);
        cr_assert_eq(jail_config_load_at(folder_fd, folder, "../web", &c, &e), -ENOENT);
        config_error_done(&e);
        cr_assert(jail_name_is_valid("a.b_c-1"));
        cr_assert(!jail_name_is_valid("") && !jail_name_is_valid(".a") && !jail_name_is_valid("a/b") &&
                  !jail_name_is_valid("a b") && !jail_name_is_valid("a\n"));
        cr_assert(!jail_name_is_valid(
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static const ConfigKey *key_of(const char *name) {
        size_t n;
        const ConfigKey *keys = config_keys(&n);

        for (size_t i = 0; i < n; i++)
                if (streq(keys[i].key, name))
                        return &keys[i];
        return NULL;
}

/* What is in force for a key, in the order of the files. */
static void assert_origins(const JailConfig *c, const char *key, const char *const expected[][2], size_t n) {
        size_t found = 0;

        for (size_t i = 0; i < c->n_origins; i++) {
                const ConfigOrigin *o = &c->origins[i];

                if (!streq(o->key->key, key))
                        continue;
                cr_assert_lt(found, n, "%s=%s", key, o->value);
                cr_assert_str_eq(o->value, expected[found][0]);
                cr_assert_str_eq(strrchr(o->where, '/') + 1, expected[found][1]);
                found++;
        }
        cr_assert_eq(found, n);
}

Test(config, knows_where_each_value_is_from) {
        static const char *const umask[][2] = { { "0027", "10.conf:2" } };
        static const char *const includes[][2] = { { "/b", "10.conf:5" }, { "/c", "20.conf:2" } };
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf", "[Jail]\nUmask=0077\n[Files]\nInclude=/a\n");
        put("web.conf.d/10.conf", "[Jail]\nUmask=0027\n[Files]\nInclude=\nInclude=/b\n");
        put("web.conf.d/20.conf", "[Files]\nInclude=/c\n");
        c = loaded();
        assert_origins(c, "Umask", umask, 1);
        assert_origins(c, "User", NULL, 0);
        assert_origins(c, "Include", includes, 2);
}

/* The system calls that a shell takes, whatever else is said. */
Test(config, a_launcher_brings_its_system_calls) {
        _cleanup_(jail_config_freep) JailConfig *c = NULL;

        put("web.conf", "[Server]\nLauncher=apachectl\n[Sandbox]\nSystemCallFilter=-cgi\n");
        c = loaded();
        cr_assert_eq(c->launcher, CONFIG_LAUNCHER_APACHECTL);
        cr_assert_eq(c->groups, (unsigned) POLICY_CGI);
}

Test(config, defaults_can_be_written_down) {
        static const char *const expected[][2] = {
                { "Umask", "0077" },         { "Mode", "none" },      { "LimitNOFILE", "8192" },
                { "RestartSec", "100ms" },   { "Restart", "always" }, { "StartLimitIntervalSec", "5min" },
                { "StartLimitBurst", "10" }, { "Standby", "no" },     { "StopTimeoutSec", "10s" },
                { "MaxSize", "64M" },        { "Target", "file" },    { "MaxAge", "1d" },
                { "IdleStopSec", "0s" },     { "Launcher", "httpd" },
        };

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_free_ char *value = NULL;

                cr_assert_eq(config_key_default(key_of(expected[i][0]), &value), 0);
                cr_assert_str_eq(value ?: "(none)", expected[i][1], "%s is %s", expected[i][0], value);
        }
}
