/* A jail with a file left out on purpose: trace names the file, its package and the line, and with the line it works. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "jailtest.h"

TestSuite(trace, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 90);

static json_object *get(json_object *o, const char *key) {
        json_object *v = NULL;

        cr_assert(json_object_object_get_ex(o, key, &v), "no '%s' in %s", key,
                  json_object_to_json_string(o));
        return v;
}

static const char *get_text(json_object *o, const char *key) {
        return json_object_get_string(get(o, key)) ?: "";
}

static json_object *parse_trace(RunResult r) {
        json_object *o = json_tokener_parse(r.out);

        cr_assert(o, "%d: %s%s", r.status, r.out, r.err);
        return o;
}

static json_object *trace(void) {
        return parse_trace(jailctl("trace", JAILTEST_NAME, "--json"));
}

/* The finding about an object that ends with this. */
static json_object *find(json_object *t, const char *object) {
        json_object *findings = get(t, "findings");

        for (size_t i = 0; i < json_object_array_length(findings); i++) {
                json_object *f = json_object_array_get_idx(findings, i);
                const char *found = get_text(f, "object");
                size_t n = strlen(found), m = strlen(object);

                if (n >= m && strcmp(found + n - m, object) == 0)
                        return f;
        }
        cr_assert_fail("nothing is said of %s: %s", object, json_object_to_json_string(t));
        return NULL;
}

static bool has_line(json_object *f, const char *line) {
        json_object *lines = get(f, "lines");

        for (size_t i = 0; i < json_object_array_length(lines); i++) {
                json_object *l = json_object_array_get_idx(lines, i);

                if (streq(path("[%s] %s=%s", get_text(l, "section"), get_text(l, "key"),
                               get_text(l, "value")),
                          line))
                        return true;
        }
        return false;
}

static void assert_missed(json_object *f, const char *package) {
        cr_assert_str_neq(get_text(f, "weight"), "harmless", "%s", json_object_to_json_string(f));
        cr_assert(strstr(get_text(f, "package"), package) == get_text(f, "package"), "%s",
                  json_object_to_json_string(f));
}

/* With what is missed on standard error. */
static unsigned count_missed(json_object *t) {
        json_object *findings = get(t, "findings");
        unsigned n = 0;

        for (size_t i = 0; i < json_object_array_length(findings); i++) {
                json_object *f = json_object_array_get_idx(findings, i);

                if (streq(get_text(f, "weight"), "harmless"))
                        continue;
                fprintf(stderr, "missed: %s\n", json_object_to_json_string(f));
                n++;
        }
        return n;
}

static void build_from(const char *conf) {
        jail_conf_write(JAILTEST_NAME, conf);
        jailctl_ok("build", JAILTEST_NAME);
}

/* Apply, build, and see that the copy has all phases and misses nothing any more. */
static void assert_applied_works(void) {
        RunResult r = jailctl("trace", JAILTEST_NAME, "--apply", "--json");
        json_object *t;

        cr_assert_eq(r.status, 0, "%s", r.err);
        jailctl_ok("build", JAILTEST_NAME);
        r = jailctl("trace", JAILTEST_NAME, "--json");
        t = parse_trace(r);
        cr_assert_eq(r.status, 0, "%s", json_object_to_json_string(t));
        cr_assert_eq(count_missed(t), 0, "%s", json_object_to_json_string(t));
        cr_assert_eq(json_object_array_length(get(t, "phases")), 5);
}

static void enable(const char *module) {
        cr_assert_eq(run("a2enmod", "-q", module, NULL).status, 0);
}

Test(trace, complete_jail_misses_nothing) {
        pid_t master = jail_use_running();
        json_object *t = trace(), *request;

        cr_assert_eq(count_missed(t), 0, "%s", json_object_to_json_string(t));
        cr_assert_eq(json_object_array_length(get(t, "phases")), 5);
        request = json_object_array_get_idx(get(t, "requests"), 0);
        cr_assert_eq(json_object_get_int(get(request, "status")), 200);
        /* The search of the loader is seen, and known for what it is. */
        cr_assert_str_eq(get_text(find(t, "/etc/ld.so.preload"), "weight"), "harmless");
        /* The jail that runs has not noticed: the master, its logs, its socket. */
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        cr_assert_not(strstr(file_read(JAILD_LOG_DIR "/web/error.log") ?: "", "SIGWINCH"));
        cr_assert_str_eq(run("find", "/run/jaild/.trace", "-mindepth", "1", NULL).out, "");
}

Test(trace, library_of_a_module) {
        json_object *t, *f;
        const char *brotli = "/usr/lib/x86_64-linux-gnu/libbrotlienc.so.1.0.9";

        if (access(brotli, F_OK) < 0)
                cr_skip("another version of libbrotli");
        apache_make_private();
        enable("brotli");
        build_from(path("%s[Files]\nExclude=/etc/localtime\nExclude=%s\n", JAILTEST_CONF, brotli));
        t = trace();
        f = find(t, "/libbrotlienc.so.1");
        assert_missed(f, "libbrotli1");
        cr_assert_str_eq(get_text(f, "weight"), "needed");
        cr_assert_str_eq(get_text(f, "exclude"), brotli);
        cr_assert(strstr(get_text(f, "why"), "mod_brotli.so"), "%s", get_text(f, "why"));
        /* The other one that is left out stays out, until it is seen to be missed. */
        cr_assert(strstr(get_text(t, "dropin"), "Exclude=\nExclude=/etc/localtime\n"), "%s",
                  get_text(t, "dropin"));
        cr_assert_eq(jailctl("trace", JAILTEST_NAME, "--apply").status, 0);
        jailctl_ok("build", JAILTEST_NAME);
        assert_applied_works();
        jailctl_ok("start", JAILTEST_NAME);
}

Test(trace, mime_types) {
        json_object *f;

        build_from(JAILTEST_CONF "[Files]\nExclude=/etc/mime.types\n");
        f = find(trace(), "/etc/mime.types");
        assert_missed(f, "media-types");
        cr_assert_str_eq(get_text(f, "exclude"), "/etc/mime.types");
        cr_assert(strstr(get_text(f, "why"), "TypesConfig"), "%s", get_text(f, "why"));
        assert_applied_works();
}

/* What was taken out of the tree by hand comes back with a build. */
Test(trace, lost_from_the_tree) {
        json_object *f;

        jail_use_built();
        cr_assert_eq(unlink(path("%s/etc/mime.types", jail_root())), 0);
        f = find(trace(), "/etc/mime.types");
        assert_missed(f, "media-types");
        cr_assert(json_object_get_boolean(get(f, "rebuild")));
        assert_applied_works();
}

Test(trace, source_of_names) {
        const char *library = "/lib/x86_64-linux-gnu/libnss_compat.so.2";
        json_object *f;

        file_write("/media/nsswitch.conf", "passwd: compat\ngroup: files\nhosts: files\n");
        build_from(JAILTEST_CONF "[Files]\nBindReadOnly=/media/nsswitch.conf:/etc/nsswitch.conf\n");
        f = find(trace(), "/libnss_compat.so.2");
        assert_missed(f, "libc6");
        cr_assert(has_line(f, path("[Files] Include=%s", library)), "%s", json_object_to_json_string(f));
        assert_applied_works();
}

/* A module of which only the working server knows what it opens. */
Test(trace, ini_of_php) {
        const char *ini = "/etc/php/8.2/apache2/php.ini";
        json_object *f;

        if (access(ini, F_OK) < 0)
                cr_skip("needs libapache2-mod-php8.2");
        apache_make_private();
        (void) run("a2dismod", "-q", "-f", "mpm_event", NULL);
        enable("mpm_prefork");
        enable("php8.2");
        build_from(JAILTEST_CONF
                   "[Sandbox]\nSystemCallFilter=+php\n[Files]\nExclude=/etc/php/8.2/apache2/php.ini\n");
        f = find(trace(), ini);
        cr_assert_str_eq(get_text(f, "weight"), "needed");
        cr_assert_str_eq(get_text(f, "host"), ini);
        cr_assert_str_eq(get_text(f, "package"), "libapache2-mod-php8.2");
        cr_assert(has_line(f, path("[Files] Include=%s", ini)) || streq(get_text(f, "exclude"), ini), "%s",
                  json_object_to_json_string(f));
        assert_applied_works();
}

Test(trace, certificates_of_others) {
        const char *bundle = "/etc/ssl/certs/ca-certificates.crt";
        json_object *f;

        if (access(bundle, F_OK) < 0)
                cr_skip("needs ca-certificates");
        apache_make_private();
        enable("ssl");
        enable("proxy_http");
        file_write("/etc/apache2/mods-available/ssl.conf", "SSLRandomSeed connect builtin\n");
        file_write("/etc/apache2/conf-enabled/backend.conf",
                   "SSLProxyEngine on\nSSLProxyCACertificateFile /etc/ssl/certs/ca-certificates.crt\n");
        file_write("/etc/apache2/ports.conf", "Listen 80\n");
        build_from(JAILTEST_CONF "[Files]\nExclude=/etc/ssl/certs/ca-certificates.crt\n");
        f = find(trace(), bundle);
        cr_assert_str_eq(get_text(f, "weight"), "needed");
        cr_assert_str_eq(get_text(f, "package"), "ca-certificates");
        cr_assert(has_line(f, path("[Files] Include=%s", bundle)) || streq(get_text(f, "exclude"), bundle),
                  "%s", json_object_to_json_string(f));
        assert_applied_works();
}

/* Addresses that this machine has not got, and the running jail could not have either. */
Test(trace, addresses_of_a_jail) {
        static const char *const urls[] = { "http://192.0.2.7:80/", "http://[2001:db8::7]:80/" };
        json_object *requests;

        apache_make_private();
        file_write("/etc/apache2/ports.conf", "Listen 192.0.2.7:80\nListen [2001:db8::7]:80\n");
        build_from("[Jail]\nDescription=elsewhere\n");
        requests = get(trace(), "requests");
        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                json_object *request = json_object_array_get_idx(requests, i);

                cr_assert_str_eq(get_text(request, "url"), urls[i]);
                cr_assert_eq(json_object_get_int(get(request, "status")), 200, "%s",
                             json_object_to_json_string(request));
        }
}

#define SCRIPT_URL "http://web.test:8080/run/hello"

static void prepare_script(void) {
        apache_make_private();
        enable("cgid");
        cr_assert(mkdir("/media/cgi", 0755) == 0 || errno == EEXIST);
        file_write("/media/cgi/hello",
                   "#!/usr/bin/perl\nprint \"Content-Type: text/plain\\n\\nhello\\n\";\n");
        cr_assert_eq(chmod("/media/cgi/hello", 0755), 0);
        file_write("/etc/apache2/conf-enabled/script.conf",
                   "ScriptAlias /run/ /media/cgi/\n"
                   "<Directory /media/cgi>\nRequire all granted\n</Directory>\n");
}

static int64_t status_of_script(json_object *t) {
        return json_object_get_int64(get(json_object_array_get_idx(get(t, "requests"), 0), "status"));
}

Test(trace, interpreter_of_a_script) {
        json_object *t, *f;

        prepare_script();
        build_from(JAILTEST_CONF "[Sandbox]\nSystemCallFilter=+cgi\nExec=/media/cgi/hello\n"
                                 "[Files]\nExclude=/usr/bin/perl\n");
        t = parse_trace(jailctl("trace", JAILTEST_NAME, "--json", "--url", SCRIPT_URL));
        cr_assert_eq(status_of_script(t), 500, "%s", json_object_to_json_string(t));
        f = find(t, "/usr/bin/perl");
        assert_missed(f, "perl-base");
        cr_assert_str_eq(get_text(f, "weight"), "needed");
        cr_assert_str_eq(get_text(f, "exclude"), "/usr/bin/perl");
        cr_assert(strstr(get_text(f, "why"), "the interpreter of /media/cgi/hello"), "%s",
                  get_text(f, "why"));
        cr_assert_eq(jailctl("trace", JAILTEST_NAME, "--apply", "--url", SCRIPT_URL).status, 0);
        jailctl_ok("build", JAILTEST_NAME);
        t = parse_trace(jailctl("trace", JAILTEST_NAME, "--json", "--url", SCRIPT_URL));
        cr_assert_eq(status_of_script(t), 200, "%s", json_object_to_json_string(t));
}

/* From a jail that knows nothing of it to one that runs it, by what trace says alone: the calls first, then the program. */
Test(trace, script_that_nothing_names) {
        json_object *t = NULL;
        unsigned round = 0;

        prepare_script();
        build_from(JAILTEST_CONF);
        for (; round < 4; round++) {
                t = parse_trace(jailctl("trace", JAILTEST_NAME, "--json", "--apply", "--url", SCRIPT_URL));
                if (status_of_script(t) == 200)
                        break;
                jailctl_ok("build", JAILTEST_NAME);
        }
        cr_assert_eq(status_of_script(t), 200, "%s", json_object_to_json_string(t));
        cr_assert(strstr(file_read(JAILD_CONF_DIR "/web.conf.d/90-trace.conf"), "Exec=/media/cgi/hello\n"));
        cr_assert(strstr(file_read(JAILD_CONF_DIR "/web.conf.d/90-trace.conf"), "SystemCallFilter=+cgi\n"));
}

Test(trace, connection_refused) {
        json_object *t;

        apache_make_private();
        enable("proxy_http");
        file_write("/etc/apache2/conf-enabled/backend.conf", "ProxyPass /app http://127.0.0.1:9/\n");
        build_from(JAILTEST_CONF);
        t = parse_trace(jailctl("trace", JAILTEST_NAME, "--json", "--url", "http://web.test:8080/app"));
        cr_assert(has_line(find(t, "127.0.0.1:9"), "[Network] Connect=127.0.0.1:9"), "%s",
                  json_object_to_json_string(t));
}

/* Only a program can ask for an address that the build knows nothing of; here, a script. And each --url is a request. */
Test(trace, address_refused) {
        json_object *t, *f, *requests;

        prepare_script();
        file_write("/media/cgi/hello",
                   "#!/usr/bin/perl\nprint \"Content-Type: text/plain\\n\\n\";\n"
                   "socket(S, 2, 1, 0) and bind(S, pack('S n C4 x8', 2, 9999, 127, 0, 0, 1)) and print \"bound\";\n");
        build_from(JAILTEST_CONF "[Sandbox]\nSystemCallFilter=+cgi\nExec=/media/cgi/hello\n");
        t = parse_trace(jailctl("trace", JAILTEST_NAME, "--json", "--url", SCRIPT_URL, "--url",
                                "http://web.test:8080/no/page"));
        requests = get(t, "requests");
        /* Before the graceful restart, and after it. */
        cr_assert_eq(json_object_array_length(requests), 2 * 2, "%s", json_object_to_json_string(t));
        cr_assert_eq(status_of_script(t), 200, "%s", json_object_to_json_string(t));
        cr_assert_eq(json_object_get_int(get(json_object_array_get_idx(requests, 1), "status")), 404);
        f = find(t, "127.0.0.1:9999");
        cr_assert_str_neq(get_text(f, "weight"), "harmless", "%s", json_object_to_json_string(f));
        cr_assert(has_line(f, "[Network] Listen=127.0.0.1:9999"), "%s", json_object_to_json_string(f));
}

Test(trace, client_program) {
        RunResult r;

        jail_use_built();
        r = jailctl("trace", JAILTEST_NAME, "--json", "--", "sh", "-c",
                    "curl -fsS -o /dev/null http://127.0.0.1:8080/ && echo asked; "
                    "curl -sS -o /dev/null http://127.0.0.1:8080/no/such/page");
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.err, "asked"), "%s", r.err);
        cr_assert_str_eq(get_text(find(parse_trace(r), "/html/no"), "weight"), "harmless");
        r = jailctl("trace", JAILTEST_NAME, "--", "false");
        cr_assert_eq(r.status, 1);
        cr_assert(strstr(r.out, "status 1"), "%s", r.out);
}

Test(trace, refusals) {
        cr_assert_eq(jailctl("trace", "nobody").status, 4);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        cr_assert_eq(jailctl("trace", JAILTEST_NAME).status, 1);
        cr_assert(strstr(jailctl("trace", JAILTEST_NAME).err, "jailctl build web"));
        cr_assert_eq(jailctl("start", JAILTEST_NAME, "--", "true").status, 2);
}
