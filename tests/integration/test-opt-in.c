/* What is not there by default, each on the real thing: with its opt-in it works, and without it the log says in one line
 * what to add. */

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "address.h"
#include "apachetest.h"
#include "jailtest.h"

extern char **environ;

#define SITE      "/srv/site"
#define JAILD_LOG JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"

static void setup(void) {
        jailtest_setup();
        apache_make_private();
        cr_assert_eq(mount("jailtest", "/srv", "tmpfs", 0, "mode=0755"), 0);
        cr_assert_eq(mkdir(SITE, 0755), 0);
}

TestSuite(opt_in, .init = setup, .fini = jailtest_teardown, .timeout = 60);

/* The jail with these lines more, built anew and running. */
static void run_jail(const char *more) {
        (void) jailctl("stop", JAILTEST_NAME);
        (void) unlink(JAILD_LOG);
        jail_conf_write(JAILTEST_NAME, path("%s%s", JAILTEST_CONF, more));
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
}

static void assert_answers(const char *where, const char *body) {
        HttpReply reply = http_get(path("%s%s", JAILTEST_URL, where), NULL);

        cr_assert(reply.status == 200 && strstr(reply.body, body), "%ld %s %s\n%s\n%s", reply.status,
                  reply.error ?: "", reply.body, file_read(JAILD_LOG),
                  file_read(JAILD_LOG_DIR "/web/error.log"));
}

/* The supervisor's log says so in one line with all of these. */
static void assert_told_once(const char *what, const char *line_to_add) {
        unsigned n = 0;
        char *log;

        cr_assert(file_wait_for(JAILD_LOG, line_to_add, 5), "%s\n%s", file_read(JAILD_LOG),
                  file_read(JAILD_LOG_DIR "/web/error.log"));
        log = file_read(JAILD_LOG);
        for (char *save, *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                n += strstr(line, what) && strstr(line, line_to_add);
        cr_assert_eq(n, 1, "%u times: %s", n, file_read(JAILD_LOG));
}

static void assert_refused(const char *where, const char *what, const char *line_to_add) {
        HttpReply reply = http_get(path("%s%s", JAILTEST_URL, where), NULL);

        cr_assert_geq(reply.status, 400, "%ld %s", reply.status, reply.error ?: "");
        assert_told_once(what, line_to_add);
}

/* A backend: answers every request on the socket with the text, until it is killed. */
static pid_t backend_start(int fd, const char *text) {
        char request[4096];
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid > 0)
                return pid;
        for (;;) {
                int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

                if (client < 0 || read(client, request, sizeof(request)) <= 0)
                        _exit(EXIT_FAILURE);
                dprintf(client, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n%s\n", text);
                close(client);
        }
}

static void backend_stop(pid_t pid) {
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static int listen_tcp(const char *text, int backlog) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Address address;

        cr_assert_eq(address_parse(text, &address), 0);
        cr_assert(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0 &&
                  bind(fd, &address.sa, address_length(&address)) == 0 && listen(fd, backlog) == 0);
        return fd;
}

static int listen_unix(const char *file) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(un.sun_path, sizeof(un.sun_path), "%s", file);
        cr_assert(fd >= 0 && bind(fd, (struct sockaddr *) &un, sizeof(un)) == 0 && listen(fd, 16) == 0 &&
                  chmod(file, 0666) == 0);
        return fd;
}

static void make_script(const char *file, const char *text) {
        file_write(file, text);
        cr_assert_eq(chmod(file, 0755), 0);
}

#define CGI_CONF                                                                                            \
        "ScriptAlias /run/ " SITE "/cgi/\n"                                                                 \
        "<Directory " SITE "/cgi>\n"                                                                        \
        "        Require all granted\n"                                                                     \
        "</Directory>\n"

static void prepare_cgi(const char *module) {
        cr_assert_eq(mkdir(SITE "/cgi", 0755), 0);
        make_script(SITE "/cgi/hello", "#!/bin/sh\n"
                                       "echo Content-Type: text/plain\n"
                                       "echo\n"
                                       "echo \"hello, $QUERY_STRING\"\n");
        apache_add_conf("test", path("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n" CGI_CONF,
                                     module, module));
}

Test(opt_in, cgi_on_event) {
        prepare_cgi("cgid");
        run_jail("[Sandbox]\nSystemCallFilter=+cgi\nExec=" SITE "/cgi/\n");
        assert_answers("run/hello?you", "hello, you\n");
        run_jail("[Sandbox]\nSystemCallFilter=+cgi\n");
        assert_refused("run/hello", "refused to run", "Exec=" SITE "/cgi/hello");
        run_jail("");
        assert_refused("run/hello", "the system call", "+cgi");
}

Test(opt_in, cgi_on_prefork) {
        apache_use_mpm("prefork");
        prepare_cgi("cgi");
        run_jail("[Sandbox]\nSystemCallFilter=+cgi\nExec=" SITE "/cgi/hello\n");
        assert_answers("run/hello?you", "hello, you\n");
        /* A program that is in the jail, with another name. */
        make_script(SITE "/cgi/other", "#!/bin/sh\n");
        assert_refused("run/other", "refused to run", "Exec=" SITE "/cgi/other");
        run_jail("");
        assert_refused("run/hello", "the system call", "+cgi");
}

#define PIPED_LOG                                                                                           \
        "[Files]\nBind=" SITE "/logs:/var/spool/logs\n"                                                     \
        "[Sandbox]\nSystemCallFilter=+cgi\nExec=" SITE "/cgi/\nExec=/usr/bin/rotatelogs\n"

/* What a master runs beside its workers, it runs as a standby, too. */
static void standby_takes_over(const char *mpm, const char *module) {
        pid_t master, standby;
        RunResult r;

        apache_use_mpm(mpm);
        r = run("install", "-d", "-o", "www-data", SITE "/logs", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        prepare_cgi(module);
        apache_add_conf("piped", "GlobalLog \"|/usr/bin/rotatelogs /var/spool/logs/access 86400\" common\n");
        run_jail(PIPED_LOG "[Supervise]\nStandby=yes\n");
        master = (pid_t) jail_status_number("main-pid");
        standby = jail_wait_for_standby(0);
        assert_answers("run/hello?before", "hello, before\n");
        cr_assert_eq(kill(master, SIGKILL), 0);
        cr_assert_eq(jail_wait_for_other_master(master, 20), standby);
        assert_answers("run/hello?after", "hello, after\n");
        r = run("sh", "-c", "until grep -q after " SITE "/logs/access.*; do sleep 0.1; done", NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
}

Test(opt_in, standby_with_programs_on_event) {
        standby_takes_over("event", "cgid");
}

Test(opt_in, standby_with_programs_on_prefork) {
        standby_takes_over("prefork", "cgi");
}

Test(opt_in, program_that_can_be_written_is_refused) {
        RunResult r;

        prepare_cgi("cgid");
        jail_conf_write(JAILTEST_NAME,
                        JAILTEST_CONF "[Files]\nBind=" SITE "/cgi\n"
                                      "[Sandbox]\nSystemCallFilter=+cgi\nExec=" SITE "/cgi/hello\n");
        r = jailctl("build", JAILTEST_NAME);
        cr_assert(r.status == 1 && strstr(r.err, "Exec=" SITE "/cgi/hello"), "%d %s", r.status, r.err);
}

#define BACKEND "127.0.0.1:9001"

static const char proxy_conf[] = APACHE_LOAD("proxy")
                APACHE_LOAD("proxy_http") "ProxyPass /tcp/ http://" BACKEND "/ connectiontimeout=1 retry=0\n"
                                          "ProxyPass /unix/ unix:" SITE
                                          "/backend/socket|http://localhost/\n";

Test(opt_in, proxy_to_tcp) {
        int fd = listen_tcp(BACKEND, 16);
        pid_t backend = backend_start(fd, "from behind");

        apache_add_conf("test", proxy_conf);
        run_jail("Connect=" BACKEND "\n");
        assert_answers("tcp/", "from behind");
        run_jail("");
        assert_refused("tcp/", "refused a connection to " BACKEND, "'Connect=" BACKEND "'");
        backend_stop(backend);
        close(fd);
}

/* What mod_proxy makes of a connection that fails is what it makes of it without a jail. */
Test(opt_in, proxy_sees_what_connect_says) {
        HttpReply reply;
        int fd, fill[2];

        apache_add_conf("test", proxy_conf);
        run_jail("Connect=" BACKEND "\n");
        /* Nobody there: it knows at once. */
        reply = http_get(JAILTEST_URL "tcp/", NULL);
        cr_assert_eq(reply.status, 503);
        cr_assert(file_wait_for(JAILD_LOG_DIR "/web/error.log", "(111)Connection refused", 5));
        /* Nobody takes the connection: it gives up when it wants to, and its other requests go on meanwhile. */
        fd = listen_tcp(BACKEND, 0);
        for (size_t i = 0; i < ELEMENTSOF(fill); i++) {
                Address address;

                fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                cr_assert_eq(address_parse(BACKEND, &address), 0);
                (void) connect(fill[i], &address.sa, address_length(&address));
        }
        reply = http_get(JAILTEST_URL "tcp/", NULL);
        cr_assert_geq(reply.status, 502, "%ld %s", reply.status, reply.error ?: "");
        cr_assert(file_wait_for(JAILD_LOG_DIR "/web/error.log", "(70007)The timeout specified has expired",
                                5),
                  "%s", file_read(JAILD_LOG_DIR "/web/error.log"));
        close(fd);
}

Test(opt_in, proxy_to_unix) {
        pid_t backend;
        int fd;

        cr_assert_eq(mkdir(SITE "/backend", 0755), 0);
        fd = listen_unix(SITE "/backend/socket");
        backend = backend_start(fd, "from a socket");
        apache_add_conf("test", proxy_conf);
        run_jail("[Files]\nBindReadOnly=" SITE "/backend\n");
        assert_answers("unix/", "from a socket");
        run_jail("");
        assert_refused("unix/", SITE "/backend/socket", "'BindReadOnly=" SITE "/backend'");
        backend_stop(backend);
        close(fd);
}

static const char php_conf[] = APACHE_LOAD("proxy")
                APACHE_LOAD("proxy_fcgi") "Alias /app/ " SITE "/php/\n"
                                          "<Directory " SITE "/php>\n"
                                          "        Require all granted\n"
                                          "        <FilesMatch \"[.]php$\">\n"
                                          "                SetHandler \"proxy:unix:" SITE
                                          "/fpm/socket|fcgi://localhost\"\n"
                                          "        </FilesMatch>\n"
                                          "</Directory>\n";

static pid_t php_start(void) {
        const char *const argv[] = { "/usr/sbin/php-fpm8.2", "-F", "-n", "-y", SITE "/fpm.conf", NULL };
        pid_t pid;

        file_write(SITE "/fpm.conf", "[global]\nerror_log = " SITE "/fpm.log\n"
                                     "[www]\nuser = nobody\ngroup = nogroup\nlisten = " SITE "/fpm/socket\n"
                                     "listen.mode = 0666\npm = static\npm.max_children = 1\n");
        cr_assert_eq(posix_spawn(&pid, argv[0], NULL, NULL, (char *const *) (uintptr_t) argv, environ), 0);
        cr_assert(file_wait_for(SITE "/fpm.log", "ready to handle connections", 20));
        return pid;
}

Test(opt_in, php_fpm) {
        pid_t php;

        cr_assert(mkdir(SITE "/php", 0755) == 0 && mkdir(SITE "/fpm", 0755) == 0);
        file_write(SITE "/php/sum.php", "<?php echo 'the sum is ', 40 + 2, ' for ', $_GET['who'];\n");
        php = php_start();
        apache_add_conf("test", php_conf);
        run_jail("[Files]\nBindReadOnly=" SITE "/fpm\n");
        assert_answers("app/sum.php?who=you", "the sum is 42 for you");
        run_jail("");
        assert_refused("app/sum.php", SITE "/fpm/socket", "'BindReadOnly=" SITE "/fpm'");
        backend_stop(php);
}

static size_t ignore(char *data, size_t size, size_t n, void *userdata) {
        return size * n;
}

static long http_request(const char *method, const char *where, const char *body) {
        /* For whom it has a meaning; others refuse it. */
        struct curl_slist *headers = streq(method, "PROPFIND") ? curl_slist_append(NULL, "Depth: 1") : NULL;
        CURL *curl = curl_easy_init();
        long status = 0;

        curl_easy_setopt(curl, CURLOPT_URL, path("%s%s", JAILTEST_URL, where));
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
        if (body)
                curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body);
        if (curl_easy_perform(curl) == CURLE_OK)
                curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(curl);
        return status;
}

static const char dav_conf[] =
                APACHE_LOAD("dav") APACHE_LOAD("dav_fs") "DavLockDB ${APACHE_RUN_DIR}/davlock\n"
                                                         "Alias /dav/ " SITE "/dav/\n"
                                                         "<Directory " SITE "/dav>\n"
                                                         "        Dav On\n"
                                                         "        Require all granted\n"
                                                         "</Directory>\n";

Test(opt_in, dav) {
        struct passwd *pw = getpwnam("www-data");

        cr_assert(mkdir(SITE "/dav", 0755) == 0 && chown(SITE "/dav", pw->pw_uid, pw->pw_gid) == 0);
        apache_add_conf("test", dav_conf);
        run_jail("[Files]\nBind=" SITE "/dav\n[Sandbox]\nSystemCallFilter=+dav\n");
        cr_assert_eq(http_request("MKCOL", "dav/new/", NULL), 201);
        cr_assert_eq(http_request("PUT", "dav/new/page.txt", "written"), 201);
        cr_assert_str_eq(file_read(SITE "/dav/new/page.txt"), "written");
        assert_answers("dav/new/page.txt", "written");
        cr_assert_eq(http_request("PROPFIND", "dav/", NULL), 207);
        cr_assert_eq(http_request("DELETE", "dav/new/", NULL), 204);
        cr_assert_neq(access(SITE "/dav/new", F_OK), 0);

        run_jail("[Files]\nBind=" SITE "/dav\n");
        cr_assert_geq(http_request("MKCOL", "dav/new/", NULL), 400);
        cr_assert(file_wait_for(JAILD_LOG, "refused Apache the system call mkdir", 5), "%s",
                  file_read(JAILD_LOG));
        cr_assert(strstr(file_read(JAILD_LOG), "+dav"));
}

/* A module whose language runs in the worker, and a page in it. */
static void prepare_language(const char *module, const char *file, const char *text, const char *conf) {
        cr_assert(mkdir(SITE "/app", 0755) == 0 &&
                  symlink(path("../mods-available/%s.load", module),
                          path("/etc/apache2/mods-enabled/%s.load", module)) == 0);
        file_write(path(SITE "/app/%s", file), text);
        apache_add_conf("test", path("Alias /app/ " SITE "/app/\n"
                                     "<Directory " SITE "/app>\n"
                                     "%s"
                                     "        Require all granted\n"
                                     "</Directory>\n",
                                     conf));
}

Test(opt_in, mod_php) {
        apache_use_mpm("prefork");
        prepare_language("php8.2", "visit.php",
                         "<?php\n"
                         "session_start();\n"
                         "$_SESSION['n'] = 1;\n"
                         "session_write_close();\n"
                         "echo error_get_last() ? 'lost' : 'kept';\n",
                         "        SetHandler application/x-httpd-php\n");
        run_jail("[Sandbox]\nSystemCallFilter=+php\n");
        assert_answers("app/visit.php", "kept");
        cr_assert_null(strstr(file_read(JAILD_LOG), "refused"), "%s", file_read(JAILD_LOG));
        run_jail("");
        /* PHP makes do, and loses what it should keep. */
        assert_answers("app/visit.php", "lost");
        assert_told_once("refused Apache the system call", "'SystemCallFilter=+php'");
}

/* Python does not begin without its current folder, and no worker lives without Python. */
Test(opt_in, mod_wsgi) {
        prepare_language("wsgi", "hello.wsgi",
                         "def application(environ, start_response):\n"
                         "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
                         "    return [b'hello from Python']\n",
                         "        SetHandler wsgi-script\n"
                         "        Options ExecCGI\n");
        run_jail("[Sandbox]\nSystemCallFilter=+php\n");
        assert_answers("app/hello.wsgi", "hello from Python");
        cr_assert_null(strstr(file_read(JAILD_LOG), "refused"), "%s", file_read(JAILD_LOG));
        run_jail("");
        assert_told_once("refused Apache the system call", "'SystemCallFilter=+php'");
        cr_assert(file_wait_for(JAILD_LOG, "no worker survives", 20), "%s", file_read(JAILD_LOG));
}

static void prepare_lua(const char *handler) {
        cr_assert_eq(mkdir(SITE "/lua", 0755), 0);
        file_write(SITE "/lua/hello.lua", path("function handle(r)\n"
                                               "        r.content_type = 'text/plain'\n"
                                               "        %s\n"
                                               "        return apache2.OK\n"
                                               "end\n",
                                               handler));
        apache_add_conf("test", APACHE_LOAD("lua") "Alias /lua/ " SITE "/lua/\n"
                                                   "<Directory " SITE "/lua>\n"
                                                   "        SetHandler lua-script\n"
                                                   "        Require all granted\n"
                                                   "</Directory>\n");
}

/* A language inside of the worker that needs nothing. */
Test(opt_in, lua) {
        prepare_lua("r:puts('hello from ' .. _VERSION)");
        run_jail("");
        assert_answers("lua/hello.lua", "hello from Lua");
}

/* What is set is what the server sees, also where it has a value by itself. */
Test(opt_in, environment) {
        prepare_lua("r:puts(os.getenv('PATH') .. ' ' .. os.getenv('GREETING'))");
        run_jail("[Server]\nEnvironment=GREETING=hello\n");
        assert_answers("lua/hello.lua", "/usr/bin:/bin hello");
        run_jail("[Server]\nEnvironment=PATH=/opt/bin\nEnvironment=GREETING=hello\nEnvironment=GREETING=a = b\n");
        assert_answers("lua/hello.lua", "/opt/bin a = b");
}

/* A key for an application: as it is at each start and reload, never in the tree, and of root's. */
Test(opt_in, secret) {
        prepare_lua("local f = io.open('" SITE "/key') r:puts(f and f:read('a') or 'no key')");
        file_write(SITE "/key", "the first key");
        cr_assert_eq(chmod(SITE "/key", 0600), 0);
        run_jail("");
        assert_answers("lua/hello.lua", "no key");
        run_jail("[Files]\nSecret=" SITE "/key\n");
        assert_answers("lua/hello.lua", "the first key");
        file_write(SITE "/key", "the second key");
        jailctl_ok("reload", JAILTEST_NAME);
        /* The old server takes clients until it has closed its own socket, which is soon. */
        for (time_t deadline = time(NULL) + 10; time(NULL) < deadline;)
                if (strstr(http_get(JAILTEST_URL "lua/hello.lua", NULL).body, "second"))
                        break;
        assert_answers("lua/hello.lua", "the second key");
        cr_assert_str_eq(run("grep", "-rlE", "the (first|second) key", JAILD_STATE_DIR, NULL).out, "");
}

/* Whatever its path is: what is built starts. */
Test(opt_in, secret_of_any_name) {
        const char *folder = path(SITE "/%0150d", 0), *far = path("%s/%0150d", folder, 0),
                   *other = path("%s/%0150d", folder, 1);

        prepare_lua(path("for _, f in ipairs({'" SITE "/.key', '" SITE "/a/b', '" SITE
                         "/a!b', '%s', '%s'}) do r:puts(io.open(f):read('a')) end",
                         far, other));
        /* Without SSLEngine it is not looked at. */
        apache_add_conf("far",
                        path(APACHE_LOAD("ssl") "SSLSessionTicketKeyFile %s\nSSLCACertificateFile %s\n", far,
                             other));
        cr_assert(mkdir(SITE "/a", 0755) == 0 && mkdir(folder, 0755) == 0);
        file_write(SITE "/.key", "one ");
        file_write(SITE "/a/b", "two ");
        file_write(SITE "/a!b", "three ");
        file_write(far, "four ");
        file_write(other, "five");
        run_jail("[Files]\nSecret=/." SITE "/.key\nSecret=" SITE "/a/b\nSecret=" SITE "/a!b\n");
        assert_answers("lua/hello.lua", "one two three four five");
}

/* And what is no file is refused before anything is built. */
Test(opt_in, secret_that_is_no_file) {
        RunResult r;

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nSecret=" SITE "\n");
        r = jailctl("build", JAILTEST_NAME);
        cr_assert(r.status == 1 && strstr(r.err, SITE " is no file (Secret=" SITE ")"), "%d %s", r.status,
                  r.err);
}

/* The host's network is given, and nobody can overlook that. */
Test(opt_in, network_of_the_host) {
        int fd = listen_tcp(BACKEND, 16);
        pid_t backend = backend_start(fd, "from behind");

        apache_add_conf("test", proxy_conf);
        run_jail("Mode=host\n");
        assert_answers("tcp/", "from behind");
        cr_assert(strstr(file_read(JAILD_LOG), "Mode=host: the jail has the host's network"), "%s",
                  file_read(JAILD_LOG));
        cr_assert(strstr(jailctl("status", JAILTEST_NAME).out, "THE HOST'S NETWORK"));
        backend_stop(backend);
        close(fd);
}
