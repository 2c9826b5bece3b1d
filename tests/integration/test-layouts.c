/* Apache where others put it: another release in a tree, Red Hat's folders, a build from source, a second instance. Each is
 * built the first time and serves. */

#include <criterion/criterion.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "jailtest.h"

#define TREE "/srv"

/* A tree of trixie, and a build of httpd's source. */
static char *trixie, *source_build;

static char *must_shell(const char *script) {
        RunResult r = run("bash", "-euc", script, NULL);

        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        r.out[strcspn(r.out, "\n")] = '\0';
        return r.out;
}

/* Where there are none yet they come from Debian's mirror: before the network is the test case's own. */
static void setup(void) {
        trixie = must_shell("sh " BOOT_DIR "/tree.sh trixie");
        source_build = must_shell("sh " TEST_DIR "/source-build.sh");
        jailtest_setup();
}

TestSuite(layouts, .init = setup, .fini = jailtest_teardown, .timeout = 800);

/* A folder of the machine that may be changed by this test case only. */
static void make_private(const char *folder) {
        cr_assert(access(TREE "/upper", F_OK) == 0 || mkdir(TREE "/upper", 0755) == 0);
        must_shell(path("mkdir -p %s/upper%s %s/work%s", TREE, folder, TREE, folder));
        cr_assert(mount("private", folder, "overlay", 0,
                        path("lowerdir=%s,upperdir=%s/upper%s,workdir=%s/work%s", folder, TREE, folder, TREE,
                             folder)) == 0,
                  "%s: %s", folder, strerror(errno));
}

static void begin(void) {
        cr_assert(mount("tree", TREE, "tmpfs", MS_NOSUID, "mode=0755") == 0, "%s", strerror(errno));
}

static void assert_serves(const char *conf, const char *body) {
        HttpReply reply;

        jail_conf_write(JAILTEST_NAME, conf);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        for (unsigned i = 0; i < 2; i++) {
                reply = http_get(JAILTEST_URL, NULL);
                cr_assert_eq(reply.status, 200, "%ld %s", reply.status, reply.error ?: "");
                cr_assert(strstr(reply.body, body), "%s", reply.body);
                jailctl_ok("graceful", JAILTEST_NAME);
        }
        jail_bear_load(JAILTEST_URL);
}

/* No Apache on the host: neither its program nor its configuration. */
Test(layouts, another_release_in_a_tree) {
        begin();
        cr_assert_eq(mount("/dev/null", "/usr/sbin/apache2", NULL, MS_BIND, NULL), 0);
        cr_assert_eq(mount("none", "/etc/apache2", "tmpfs", 0, NULL), 0);
        cr_assert_eq(mount("none", "/usr/lib/apache2", "tmpfs", 0, NULL), 0);
        assert_serves(path("[Jail]\nSource=%s\n[Network]\nListen=127.0.0.1:8080 80\n", trixie),
                      "Apache2 Debian Default Page");
        cr_assert(strstr(jailctl("why", JAILTEST_NAME, "/usr/sbin/apache2").out, "deb13u"));
}

static json_object *trace(int status) {
        RunResult r = jailctl("trace", JAILTEST_NAME, "--json");

        cr_assert_eq(r.status, status, "%d: %s%s", r.status, r.out, r.err);
        return json_tokener_parse(r.out);
}

/* What is missed is named by the package of the tree, and comes from there: the host has another version, or none. */
Test(layouts, trace_of_another_release) {
        char *library;
        json_object *findings, *f = NULL;

        begin();
        must_shell(path("mkdir %s/upper %s/work %s/tree; "
                        "mount -t overlay -o lowerdir=%s,upperdir=%s/upper,workdir=%s/work tree %s/tree; "
                        "chroot %s/tree a2enmod -q brotli",
                        TREE, TREE, TREE, trixie, TREE, TREE, TREE, TREE));
        library = must_shell("cd " TREE "/tree; readlink -f usr/lib/*/libbrotlienc.so.1 | sed 's|^" TREE
                             "/tree||'");
        jail_conf_write(JAILTEST_NAME,
                        path("[Jail]\nSource=" TREE "/tree\n[Network]\nListen=127.0.0.1:8080 80\n"
                             "[Files]\nExclude=%s\n",
                             library));
        jailctl_ok("build", JAILTEST_NAME);
        cr_assert(json_object_object_get_ex(trace(1), "findings", &findings));
        for (size_t i = 0; i < json_object_array_length(findings); i++) {
                json_object *o = json_object_array_get_idx(findings, i);

                if (strstr(json_object_get_string(json_object_object_get(o, "object")),
                           "/libbrotlienc.so.1") &&
                    streq(json_object_get_string(json_object_object_get(o, "weight")), "needed"))
                        f = o;
        }
        cr_assert(f, "%s", json_object_to_json_string(findings));
        cr_assert_str_eq(json_object_get_string(json_object_object_get(f, "exclude")), library);
        cr_assert_str_eq(json_object_get_string(json_object_object_get(f, "package")),
                         must_shell("chroot " TREE "/tree dpkg-query -W -f '${binary:Package}' libbrotli1"));
        cr_assert_eq(jailctl("trace", JAILTEST_NAME, "--apply").status, 0);
        jailctl_ok("build", JAILTEST_NAME);
        (void) trace(0);
        cr_assert(strstr(jailctl("why", JAILTEST_NAME, library).out,
                         must_shell("chroot " TREE "/tree dpkg-query -W -f '${Version}' libbrotli1")));
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

/* Of Debian's program and modules: httpd, conf.modules.d, links for modules, logs and run, no envvars, a user of the tree. */
static const char red_hat[] =
                "cd " TREE
                "; mkdir -p usr/sbin usr/lib64/httpd/modules etc/httpd/{conf,conf.d,conf.modules.d} run dev "
                "var/log/httpd var/www/html\n"
                "touch dev/{null,zero,urandom}\n"
                "cp /usr/sbin/apache2 usr/sbin/httpd\n"
                "cp /usr/lib/apache2/modules/mod_{mpm_event,authz_core,dir,mime,log_config,info,unixd}.so "
                "usr/lib64/httpd/modules/ 2>/dev/null || true\n"
                "for file in $(ldd usr/sbin/httpd usr/lib64/httpd/modules/*.so | grep -o '[[:blank:]]/lib/[^ ]*' | sort -u) "
                "$(ls /lib/*/libgcc_s.so.1) $(readlink -f /lib64/ld-linux*); do "
                "mkdir -p .${file%/*}; cp -L $file .$file; done\n"
                "mkdir lib64; ln -s $(readlink -f /lib64/ld-linux*) lib64/$(basename /lib64/ld-linux*)\n"
                "ln -s ../../usr/lib64/httpd/modules etc/httpd/modules\n"
                "ln -s ../../var/log/httpd etc/httpd/logs\n"
                "ln -s /run/httpd etc/httpd/run\n"
                "echo 'apache:x:48:48:Apache:/usr/share/httpd:/sbin/nologin' >etc/passwd\n"
                "echo 'apache:x:48:' >etc/group\n"
                "echo 'text/html html' >etc/mime.types\n"
                "echo 'as Red Hat has it' >var/www/html/index.html\n"
                "for m in mpm_event authz_core dir mime; do echo \"LoadModule ${m}_module modules/mod_$m.so\"; done "
                ">etc/httpd/conf.modules.d/00-base.conf\n"
                "echo 'DirectoryIndex index.html' >etc/httpd/conf.d/welcome.conf\n"
                "cat >etc/httpd/conf/httpd.conf <<'END'\n"
                "ServerRoot \"/etc/httpd\"\n"
                "Listen 80\n"
                "Include conf.modules.d/*.conf\n"
                "User apache\n"
                "Group apache\n"
                "PidFile run/httpd.pid\n"
                "DocumentRoot \"/var/www/html\"\n"
                "<Directory \"/var/www\">\n"
                "    Require all granted\n"
                "</Directory>\n"
                "ErrorLog \"logs/error_log\"\n"
                "CustomLog \"logs/access_log\" \"%h %s\"\n"
                "TypesConfig /etc/mime.types\n"
                "IncludeOptional conf.d/*.conf\n"
                "END\n";

#define RED_HAT_CONF                                                                                        \
        "[Jail]\nSource=" TREE "\n[Server]\nConfig=/etc/httpd/conf/httpd.conf\n"                            \
        "[Network]\nListen=127.0.0.1:8080 80\n"

Test(layouts, red_hat) {
        RunResult r;

        begin();
        must_shell(red_hat);
        assert_serves(RED_HAT_CONF, "as Red Hat has it");
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/access_log", "127.0.0.1 200", 10));
        cr_assert_str_eq(process_field((pid_t) jail_status_number("main-pid"), "Uid"), "48\t48\t48\t48");
        /* Its script starts no server. */
        jail_conf_write(JAILTEST_NAME, RED_HAT_CONF "[Server]\nLauncher=apachectl\n");
        r = jailctl("build", JAILTEST_NAME);
        cr_assert(r.status == 1 && strstr(r.err, "Launcher=apachectl: "), "%d %s", r.status, r.err);
}

static void begin_from_source(void) {
        begin();
        make_private("/usr/local");
        must_shell(path("cp -a %s/usr/local/apache2 /usr/local/\n"
                        "echo 'from source' >/usr/local/apache2/htdocs/index.html\n"
                        "sed -i 's/^User .*/User www-data/; s/^Group .*/Group www-data/' /usr/local/apache2/conf/httpd.conf",
                        source_build));
}

Test(layouts, built_from_source) {
        begin_from_source();
        assert_serves("[Server]\nHttpd=/usr/local/apache2/bin/httpd\n[Network]\nListen=127.0.0.1:8080 80\n",
                      "from source");
}

Test(layouts, built_from_source_and_started_by_its_script) {
        RunResult r;

        begin_from_source();
        assert_serves("[Server]\nHttpd=/usr/local/apache2/bin/httpd\nLauncher=apachectl\n"
                      "[Network]\nListen=127.0.0.1:8080 80\n",
                      "from source");
        cr_assert_str_eq(process_field((pid_t) jail_status_number("main-pid"), "Name"), "httpd");
        r = jailctl("verify", JAILTEST_NAME);
        cr_assert(!strstr(r.out, "content-shell") && !strstr(r.out, "content-apache-utility"), "%s", r.out);
}

/* What was built has symbols; the jail has none, serves, and is known to be what it was made from. */
Test(layouts, stripped) {
        static const char conf[] = "[Jail]\nStrip=yes\n[Server]\nHttpd=/usr/local/apache2/bin/httpd\n"
                                   "[Network]\nListen=127.0.0.1:8080 80\n";
        static const char symbols[] = "readelf -S %s%s | grep -c ' [.]symtab ' || true";
        char *manifest;

        begin_from_source();
        cr_assert_str_eq(must_shell(path(symbols, "", "/usr/local/apache2/bin/httpd")), "1");
        assert_serves(conf, "from source");
        cr_assert_str_eq(must_shell(path(symbols, jail_root(), "/usr/local/apache2/bin/httpd")), "0");
        cr_assert_str_eq(must_shell(path(symbols, jail_root(), "/usr/local/apache2/modules/mod_dir.so")),
                         "0");
        manifest = file_read(JAILD_STATE_DIR "/" JAILTEST_NAME "/current/manifest");
        cr_assert_eq(jailctl("outdated", JAILTEST_NAME).status, 0);
        cr_assert_null(strstr(jailctl("verify", JAILTEST_NAME).out, "host-stale"));
        jailctl_ok("build", JAILTEST_NAME);
        cr_assert_str_eq(file_read(JAILD_STATE_DIR "/" JAILTEST_NAME "/current/manifest"), manifest);

        must_shell("cp /usr/local/apache2/modules/mod_dir.so " TREE "/new.so\n"
                   "objcopy --add-section .x=/etc/hostname " TREE "/new.so\n"
                   "cp " TREE "/new.so /usr/local/apache2/modules/mod_dir.so");
        cr_assert_eq(jailctl("outdated", JAILTEST_NAME).status, 1);
        cr_assert_not_null(strstr(jailctl("verify", JAILTEST_NAME).out, "host-stale"));
}

/* As Debian's setup-instance makes it. */
Test(layouts, a_second_instance) {
        begin();
        make_private("/etc");
        make_private("/var/log");
        cr_assert_eq(mount("log", JAILD_LOG_DIR, "tmpfs", 0, "mode=0755"), 0);
        must_shell("mkdir /var/log/apache2-two\n"
                   "cp -a /etc/apache2 /etc/apache2-two\n"
                   "mkdir " TREE "/two; echo 'the second' >" TREE "/two/index.html\n"
                   "cat >/etc/apache2-two/sites-enabled/000-default.conf <<'END'\n"
                   "DocumentRoot " TREE "/two\n"
                   "<Directory " TREE ">\n"
                   "    Require all granted\n"
                   "</Directory>\n"
                   "END\n");
        assert_serves("[Server]\nConfig=/etc/apache2-two/apache2.conf\n[Network]\nListen=127.0.0.1:8080 80\n",
                      "the second");
        cr_assert_null(strstr(run("find", jail_root(), NULL).out, "/etc/apache2/"));
}
