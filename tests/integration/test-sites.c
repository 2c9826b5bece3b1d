/* Sites as people have them: each is built the first time, without a file being named, serves what it should, goes on after a
 * graceful reload, and loses no worker under load. */

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "jailtest.h"

TestSuite(sites, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 180);

/* Content lives here; each test case has its own. */
#define SITE "/srv"

#define VHOST(body)                                                                                         \
        "<VirtualHost *:80>\n"                                                                              \
        "        ServerName site.test\n"                                                                    \
        "        ErrorLog ${APACHE_LOG_DIR}/error.log\n"                                                    \
        "        CustomLog ${APACHE_LOG_DIR}/access.log combined\n" body "</VirtualHost>\n"                 \
        "<Directory " SITE ">\n"                                                                            \
        "        Require all granted\n"                                                                     \
        "</Directory>\n"

static void must_run(const char *const *argv) {
        RunResult r = run_argv(argv);

        cr_assert_eq(r.status, 0, "%s %s: %s%s", argv[0], argv[1], r.out, r.err);
}
#define MUST_RUN(...) must_run((const char *const[]){ __VA_ARGS__, NULL })

static void site_begin(const char *const *modules, const char *vhost) {
        apache_make_private();
        cr_assert(mount("site", SITE, "tmpfs", MS_NOSUID, "mode=0755") == 0, "%s", strerror(errno));
        for (; *modules; modules++)
                MUST_RUN("a2enmod", "-q", *modules);
        file_write("/etc/apache2/sites-enabled/000-default.conf", vhost);
}
#define MODULES(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

/* The body of what curl(1) gets with these arguments. */
static char *fetch(const char *const *more) {
        const char *argv[32] = { "curl", "-sS", "--max-time", "20", "--noproxy", "*", "-k" };
        size_t n = 7;
        RunResult r;

        while (*more)
                argv[n++] = *more++;
        r = run_argv(argv);
        cr_assert_eq(r.status, 0, "%s\n%s", r.err, file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log"));
        return r.out;
}
#define FETCH(...) fetch((const char *const[]){ __VA_ARGS__, NULL })

static void assert_contains(const char *text, const char *expected) {
        cr_assert(strstr(text, expected), "'%s' is not in: %s\n%s", expected, text,
                  file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log"));
}

static void site_start(const char *conf) {
        jail_conf_write(JAILTEST_NAME, conf);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
}

/* And proved after it. */
static void site_bear_load_at(const char *url, const char *expected) {
        RunResult r;

        jail_bear_load(url);
        assert_contains(FETCH(url), expected);
        r = jailctl("verify", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
}

static void site_bear_load(const char *url_path, const char *expected) {
        site_bear_load_at(path(JAILTEST_URL "%s", url_path), expected);
}

#define CONF(more) JAILTEST_CONF more

Test(sites, as_debian_has_it) {
        site_start(CONF(""));
        assert_contains(FETCH(JAILTEST_URL), "Apache2 Debian Default Page");
        site_bear_load("", "Apache2 Debian Default Page");
}

static void make_certificate(const char *folder, const char *number, const char *name) {
        MUST_RUN("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "2", "-subj", path("/CN=%s", name), "-keyout",
                 path("%s/privkey%s.pem", folder, number), "-out",
                 path("%s/fullchain%s.pem", folder, number));
}

/* As certbot has it: live/ holds links, and the keys are root's. */
static void point_live_to(const char *number) {
        static const char *const names[] = { "privkey", "fullchain" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                MUST_RUN("ln", "-sfn", path("../../archive/site.test/%s%s.pem", names[i], number),
                         path(SITE "/letsencrypt/live/site.test/%s.pem", names[i]));
}

static char *served_subject(void) {
        return run("sh", "-c",
                   "echo | openssl s_client -connect 127.0.0.1:8443 -servername site.test 2>/dev/null | "
                   "openssl x509 -noout -subject",
                   NULL)
                        .out;
}

Test(sites, tls_and_http2_with_certbot) {
        RunResult r;

        site_begin(MODULES("ssl", "http2"),
                   VHOST("") "<VirtualHost *:443>\n"
                             "        ServerName site.test\n"
                             "        DocumentRoot " SITE "/www\n"
                             "        Protocols h2 http/1.1\n"
                             "        SSLEngine on\n"
                             "        SSLCertificateFile " SITE "/letsencrypt/live/site.test/fullchain.pem\n"
                             "        SSLCertificateKeyFile " SITE
                             "/letsencrypt/live/site.test/privkey.pem\n"
                             "</VirtualHost>\n");
        MUST_RUN("mkdir", "-p", SITE "/www", SITE "/letsencrypt/live/site.test",
                 SITE "/letsencrypt/archive/site.test");
        MUST_RUN("chmod", "0700", SITE "/letsencrypt/live", SITE "/letsencrypt/archive");
        file_write(SITE "/www/index.html", "over TLS\n");
        make_certificate(SITE "/letsencrypt/archive/site.test", "1", "first.test");
        point_live_to("1");
        site_start(CONF("Listen=127.0.0.1:8443 443\n"));

        assert_contains(FETCH("--http2", "-w", "%{http_version}", "https://127.0.0.1:8443/"), "over TLS\n2");
        assert_contains(served_subject(), "first.test");
        /* Neither a key nor a certificate is in the tree. */
        r = run("grep", "-rlE", "BEGIN (EC )?(PRIVATE KEY|CERTIFICATE)", "--exclude-dir=certs",
                path("%s/etc", jail_root()), path("%s/srv", jail_root()), path("%s/run", jail_root()), NULL);
        cr_assert_str_eq(r.out, "");

        make_certificate(SITE "/letsencrypt/archive/site.test", "2", "second.test");
        point_live_to("2");
        jailctl_ok("reload", JAILTEST_NAME);
        assert_contains(served_subject(), "second.test");
        assert_contains(FETCH("--http2", "-w", "%{http_version}", "https://127.0.0.1:8443/"), "over TLS\n2");
        site_bear_load_at("https://127.0.0.1:8443/", "over TLS");
}

/* What WordPress needs: extensions, sessions, uploads, time zones, character sets. */
static const char php_page[] =
                "<?php\n"
                "session_start();\n"
                "$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;\n"
                "echo 'visit ', $_SESSION['n'], \"\\n\", mb_strtoupper('\xc3\xa9'), \"\\n\";\n"
                "echo (new DateTime('2020-07-01 12:00', new DateTimeZone('Europe/Berlin')))->format('c'), \"\\n\";\n"
                "echo iconv('UTF-8', 'EUC-JP', '\xe6\x97\xa5') === \"\\xc6\\xfc\" ? 'gconv' : 'no gconv', \"\\n\";\n"
                "echo preg_match('/(a+)+b/', 'aaab'), \"\\n\";\n"
                "foreach ($_FILES as $f) echo 'uploaded ', file_get_contents($f['tmp_name']), \"\\n\";\n";

static void assert_php(void) {
        static const char cookies[] = SITE "/cookies";
        char *text;

        file_write(SITE "/upload", "some bytes");
        text = FETCH("-c", cookies, "-b", cookies, "-F", "file=@" SITE "/upload", JAILTEST_URL "page.php");
        assert_contains(text,
                        "visit 1\n\xc3\x89\n2020-07-01T12:00:00+02:00\ngconv\n1\nuploaded some bytes\n");
        text = FETCH("-c", cookies, "-b", cookies, JAILTEST_URL "page.php");
        assert_contains(text, "visit 2\n");
}

Test(sites, mod_php) {
        site_begin(MODULES(), VHOST("        DocumentRoot " SITE "/www\n"));
        MUST_RUN("a2dismod", "-q", "mpm_event");
        MUST_RUN("sh", "-c",
                 "a2enmod -q mpm_prefork $(basename -s .load /etc/apache2/mods-available/php*.load)");
        MUST_RUN("mkdir", SITE "/www");
        file_write(SITE "/www/page.php", php_page);
        file_write(SITE "/www/plain.php", "<?php echo preg_match('/(a+)+b/', 'aaab'), ' found';");
        site_start(CONF("[Sandbox]\nSystemCallFilter=+php\n"));
        assert_php();
        site_bear_load("plain.php", "1 found");
        cr_assert_null(strstr(file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log"), "PHP Warning"));
}

/* PHP runs outside, as it is; the jail sees the folder of its socket where it may. */
Test(sites, php_fpm_over_a_socket) {
        char *daemon = run("sh", "-c", "ls /usr/sbin/php-fpm* | tail -n 1", NULL).out;

        site_begin(MODULES("proxy_fcgi"),
                   VHOST("        DocumentRoot " SITE "/www\n"
                         "        <FilesMatch \"[.]php$\">\n"
                         "                SetHandler \"proxy:unix:" SITE "/fpm/fpm.sock|fcgi://localhost\"\n"
                         "        </FilesMatch>\n"));
        MUST_RUN("mkdir", SITE "/www", SITE "/fpm");
        file_write(SITE "/www/page.php", php_page);
        file_write(SITE "/fpm.conf", "[global]\nerror_log=" SITE "/fpm.log\npid=" SITE "/fpm.pid\n"
                                     "[www]\nuser=www-data\ngroup=www-data\nlisten=" SITE
                                     "/fpm/fpm.sock\nlisten.owner=www-data\n"
                                     "listen.mode=0660\npm=static\npm.max_children=4\n");
        daemon[strcspn(daemon, "\n")] = '\0';
        MUST_RUN(daemon, "-D", "-y", SITE "/fpm.conf");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        assert_contains(jailctl_ok("build", JAILTEST_NAME).err,
                        "add 'BindReadOnly=" SITE "/fpm' to [Files]");
        site_start(CONF("[Files]\nBindReadOnly=" SITE "/fpm\n"));
        assert_php();
        site_bear_load("page.php", "visit 1");
        cr_assert_eq(kill(atoi(file_read(SITE "/fpm.pid")), SIGTERM), 0);
}

Test(sites, mod_proxy) {
        pid_t backend;

        site_begin(MODULES("proxy_http", "proxy_balancer", "lbmethod_byrequests"),
                   VHOST("        <Proxy \"balancer://app\">\n"
                         "                BalancerMember \"http://127.0.0.1:9000\"\n"
                         "        </Proxy>\n"
                         "        ProxyPass / \"balancer://app/\"\n"));
        MUST_RUN("mkdir", SITE "/www");
        file_write(SITE "/www/index.html", "from behind\n");
        MUST_RUN("sh", "-c",
                 "cd " SITE "/www; python3 -m http.server -b 127.0.0.1 9000 >/dev/null 2>&1 & echo $! >" SITE
                 "/backend");
        backend = atoi(file_read(SITE "/backend"));

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        assert_contains(jailctl_ok("build", JAILTEST_NAME).err, "add 'Connect=127.0.0.1:9000' to [Network]");
        site_start(CONF("Connect=127.0.0.1:9000\n"));
        assert_contains(FETCH("--retry", "10", "--retry-connrefused", JAILTEST_URL), "from behind");
        site_bear_load("", "from behind");
        cr_assert_eq(kill(backend, SIGKILL), 0);
}

Test(sites, mod_wsgi) {
        site_begin(MODULES("wsgi"), VHOST("        WSGIScriptAlias / " SITE "/app/app.wsgi\n"));
        MUST_RUN("mkdir", SITE "/app");
        file_write(SITE "/app/helper.py", "import hashlib\nword = hashlib.sha256(b'x').hexdigest()\n");
        file_write(SITE "/app/app.wsgi",
                   "import os, sys, datetime, json, sqlite3, ssl, zoneinfo\n"
                   "sys.path.insert(0, os.path.dirname(__file__))\n"
                   "import helper\n"
                   "def application(environ, start_response):\n"
                   "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
                   "    zone = zoneinfo.ZoneInfo('Europe/Berlin')\n"
                   "    return [f'{helper.word} {datetime.datetime(2020, 7, 1, tzinfo=zone)}'.encode()]\n");
        site_start(CONF("[Sandbox]\nSystemCallFilter=+php\n"));
        assert_contains(FETCH(JAILTEST_URL "x"),
                        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 "
                        "2020-07-01 00:00:00+02:00");
        site_bear_load("x", "2d711642");
}

/* A handler of its own, and a script that was written for CGI. */
Test(sites, mod_perl) {
        site_begin(MODULES("perl"), "PerlSwitches -I" SITE
                                    "/lib\n" VHOST("        <Location /app>\n"
                                                   "                SetHandler perl-script\n"
                                                   "                PerlResponseHandler Site::App\n"
                                                   "                Require all granted\n"
                                                   "        </Location>\n"
                                                   "        Alias /scripts/ " SITE "/scripts/\n"
                                                   "        <Location /scripts>\n"
                                                   "                SetHandler perl-script\n"
                                                   "                PerlResponseHandler ModPerl::Registry\n"
                                                   "                PerlOptions +ParseHeaders\n"
                                                   "                Options +ExecCGI\n"
                                                   "        </Location>\n"));
        MUST_RUN("mkdir", "-p", SITE "/lib/Site", SITE "/scripts");
        file_write(SITE "/lib/Site/App.pm",
                   "package Site::App;\n"
                   "use strict; use warnings;\n"
                   "use Apache2::RequestRec (); use Apache2::RequestIO ();\n"
                   "use Apache2::Const -compile => 'OK';\n"
                   "use Digest::SHA qw(sha256_hex); use JSON::PP; use POSIX ();\n"
                   "sub handler {\n"
                   "        my $r = shift;\n"
                   "        $r->content_type('text/plain');\n"
                   "        $r->print(sha256_hex('x'), JSON::PP->new->encode({ q => $r->args }));\n"
                   "        return Apache2::Const::OK;\n"
                   "}\n"
                   "1;\n");
        file_write(SITE "/scripts/page.pl", "use strict; use Encode;\n"
                                            "print \"Content-Type: text/plain\\n\\n\", 'by registry ',\n"
                                            "        length(encode('UTF-8', chr(0x20ac)));\n");
        MUST_RUN("chmod", "0755", SITE "/scripts/page.pl");
        site_start(CONF(""));
        assert_contains(FETCH(JAILTEST_URL "app?1"),
                        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881{\"q\":\"1\"}");
        assert_contains(FETCH(JAILTEST_URL "scripts/page.pl"), "by registry 3");
        site_bear_load("app", "2d711642");
}

/* Who may come in is in a database, which the drivers of apr-util read. */
Test(sites, users_in_a_database) {
        RunResult r;

        site_begin(MODULES("authn_dbd", "session_crypto", "session_cookie"),
                   VHOST("        DocumentRoot " SITE "/www\n"
                         "        DBDriver sqlite3\n"
                         "        DBDParams " SITE "/db/users.db\n"
                         "        <Location />\n"
                         "                AuthType Basic\n"
                         "                AuthName x\n"
                         "                AuthBasicProvider dbd\n"
                         "                AuthDBDUserPWQuery \"SELECT password FROM users WHERE name = %s\"\n"
                         "                Require valid-user\n"
                         "                Session On\n"
                         "                SessionCookieName session path=/\n"
                         "                SessionCryptoPassphrase secret\n"
                         "        </Location>\n"));
        MUST_RUN("mkdir", SITE "/www", SITE "/db");
        file_write(SITE "/www/index.html", "for users\n");
        MUST_RUN("python3", "-c",
                 "import sqlite3\n"
                 "db = sqlite3.connect('" SITE "/db/users.db')\n"
                 "db.execute('CREATE TABLE users (name TEXT, password TEXT)')\n"
                 "db.execute(\"INSERT INTO users VALUES ('bert', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=')\")\n"
                 "db.commit()\n");
        site_start(CONF(""));
        assert_contains(FETCH("-o", "/dev/null", "-w", "%{http_code}", JAILTEST_URL), "401");
        assert_contains(FETCH("-o", "/dev/null", "-w", "%{http_code}", "-u", "bert:other", JAILTEST_URL),
                        "401");
        assert_contains(FETCH("-u", "bert:password", JAILTEST_URL), "for users");
        r = jailctl("why", JAILTEST_NAME,
                    run("sh", "-c", "printf %s /usr/lib/*/apr-util-1/apr_dbd_sqlite3-1.so", NULL).out);
        cr_assert(strstr(r.out, "DBDriver sqlite3 (/etc/apache2/sites-enabled/000-default.conf:"), "%s%s",
                  r.out, r.err);
        site_bear_load_at(path("http://bert:password@127.0.0.1:%u/", JAILTEST_PORT), "for users");
}

/* Debian's ScriptSock is in a folder of its own in the run-time folder. */
Test(sites, cgi_in_perl) {
        site_begin(MODULES("cgid"), VHOST("        ScriptAlias /cgi/ " SITE "/cgi/\n"));
        MUST_RUN("mkdir", SITE "/cgi");
        file_write(SITE "/cgi/page.pl",
                   "#!/usr/bin/perl\n"
                   "use strict; use warnings; use Encode; use JSON::PP; use POSIX qw(strftime);\n"
                   "use Digest::SHA qw(sha256_hex);\n"
                   "print \"Content-Type: text/plain\\n\\n\", sha256_hex('x'), encode('iso-8859-15', ' x '),\n"
                   "        JSON::PP->new->encode({ q => $ENV{QUERY_STRING} });\n");
        MUST_RUN("chmod", "0755", SITE "/cgi/page.pl");
        site_start(CONF("[Sandbox]\nSystemCallFilter=+cgi\nExec=" SITE "/cgi/\n"));
        assert_contains(FETCH(JAILTEST_URL "cgi/page.pl?1"),
                        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 x {\"q\":\"1\"}");
        site_bear_load("cgi/page.pl", "2d711642");
}

/* Another C library, with its own loader and the file that tells it where to look. */
Test(sites, cgi_linked_with_musl) {
        char *index = run("sh", "-c", "printf %s /etc/ld-musl-*.path", NULL).out;

        site_begin(MODULES("cgid"), VHOST("        ScriptAlias /cgi/ " SITE "/cgi/\n"));
        MUST_RUN("mkdir", SITE "/cgi", SITE "/lib");
        file_write(SITE "/lib/greet.c", "const char *greet(void) { return \"by a library of musl's\"; }\n");
        file_write(SITE "/lib/page.c",
                   "#include <stdio.h>\n"
                   "const char *greet(void);\n"
                   "int main(void) { return printf(\"Content-Type: text/plain\\n\\n%s\", greet()) < 0; }\n");
        MUST_RUN("musl-gcc", "-shared", "-fPIC", "-o", SITE "/lib/libgreet.so", SITE "/lib/greet.c");
        MUST_RUN("musl-gcc", "-o", SITE "/cgi/page", SITE "/lib/page.c", "-L" SITE "/lib", "-lgreet");
        MUST_RUN("sh", "-c", "{ cat $0; echo " SITE "/lib; } >" SITE "/ld.path", index);
        cr_assert_eq(mount(SITE "/ld.path", index, NULL, MS_BIND, NULL), 0);

        site_start(CONF("[Sandbox]\nSystemCallFilter=+cgi\nExec=" SITE "/cgi/\n"));
        assert_contains(FETCH(JAILTEST_URL "cgi/page"), "by a library of musl's");
        assert_contains(jailctl("why", JAILTEST_NAME, index).out, "where the loader learns");
        assert_contains(jailctl("why", JAILTEST_NAME, SITE "/lib/libgreet.so").out, "library libgreet.so");
        site_bear_load("cgi/page", "by a library of musl's");
}

/* One more program, and only where it is allowed. */
Test(sites, piped_logs) {
        RunResult r;

        site_begin(MODULES(), "DocumentRoot " SITE "/www\n"
                              "<Directory " SITE ">\n"
                              "        Require all granted\n"
                              "</Directory>\n"
                              "CustomLog \"|/usr/bin/rotatelogs /var/spool/logs/access 86400\" common\n");
        MUST_RUN("install", "-d", "-o", "www-data", SITE "/logs");
        MUST_RUN("mkdir", SITE "/www");
        file_write(SITE "/www/index.html", "logged\n");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        r = jailctl("build", JAILTEST_NAME);
        cr_assert_eq(r.status, 1);
        assert_contains(r.err, "/etc/apache2/sites-enabled/000-default.conf:5");
        assert_contains(r.err, "'Exec=/usr/bin/rotatelogs'");

        site_start(CONF("[Files]\nBind=" SITE "/logs:/var/spool/logs\n"
                        "[Sandbox]\nSystemCallFilter=+cgi\nExec=/usr/bin/rotatelogs\n"));
        site_bear_load("", "logged");
        MUST_RUN("sh", "-c", "grep -q 'GET /' " SITE "/logs/access.*");
}

Test(sites, webdav) {
        static const char lock[] =
                        "<?xml version=\"1.0\"?><D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/>"
                        "</D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>";

        site_begin(MODULES("dav", "dav_fs"), VHOST("        DocumentRoot " SITE "/www\n"
                                                   "        <Location />\n"
                                                   "                Dav On\n"
                                                   "                Require all granted\n"
                                                   "        </Location>\n"));
        MUST_RUN("install", "-d", "-o", "www-data", SITE "/www");
        site_start(CONF("[Files]\nBind=" SITE "/www\n[Sandbox]\nSystemCallFilter=+dav\n"));

        assert_contains(FETCH("-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-d", "some words",
                              JAILTEST_URL "a.txt"),
                        "201");
        assert_contains(FETCH(JAILTEST_URL "a.txt"), "some words");
        assert_contains(FETCH("-X", "LOCK", "-d", lock, JAILTEST_URL "a.txt"), "opaquelocktoken:");
        assert_contains(FETCH("-X", "PROPFIND", "-H", "Depth: 0", JAILTEST_URL "a.txt"),
                        "<D:href>/a.txt</D:href>");
        cr_assert_str_eq(file_read(SITE "/www/a.txt"), "some words");
        site_bear_load("a.txt", "some words");
}

Test(sites, two_hundred_virtual_hosts) {
        site_begin(MODULES(), VHOST(""));
        for (unsigned i = 0; i < 200; i++) {
                MUST_RUN("mkdir", path(SITE "/%u", i));
                file_write(path(SITE "/%u/index.html", i), path("host %u\n", i));
                file_write(path("/etc/apache2/sites-enabled/%03u.conf", i),
                           path("<VirtualHost *:80>\nServerName h%u.test\nDocumentRoot " SITE "/%u\n"
                                "ErrorLog ${APACHE_LOG_DIR}/h%u.error.log\n"
                                "CustomLog ${APACHE_LOG_DIR}/h%u.access.log combined\n</VirtualHost>\n",
                                i, i, i, i));
        }
        file_write("/etc/apache2/sites-enabled/000-default.conf",
                   "<Directory " SITE ">\nRequire all granted\n</Directory>\n");
        site_start(CONF(""));
        for (unsigned i = 0; i < 200; i += 33)
                assert_contains(FETCH("-H", path("Host: h%u.test", i), JAILTEST_URL), path("host %u\n", i));
        assert_contains(FETCH("-H", "Host: h199.test", JAILTEST_URL), "host 199\n");
        cr_assert(file_wait_for(JAILD_LOG_DIR "/" JAILTEST_NAME "/h199.access.log", "GET / HTTP", 10));
        site_bear_load("", "host 0");
}
