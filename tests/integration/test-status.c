/* What jailctl shows of jails that run: figures that are true, to people, to programs and to Prometheus' own checker. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "jailtest.h"

TestSuite(status, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 60);

Test(status, figures_are_those_of_the_processes) {
        pid_t master = jail_use_running();
        int64_t before = jail_status_number("cpu");
        unsigned tasks = 0;

        cr_assert_eq(jail_status_number("processes"), process_count("apache2"));
        for (char *pids = run("pgrep", "-x", "apache2", NULL).out, *save, *pid = strtok_r(pids, "\n", &save);
             pid; pid = strtok_r(NULL, "\n", &save))
                tasks += (unsigned) atoi(process_field(atoi(pid), "Threads"));
        cr_assert_eq(jail_status_number("tasks"), tasks);
        cr_assert_gt(jail_status_number("memory"), 1 << 20);

        for (unsigned i = 0; i < 2000; i++)
                cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        cr_assert_gt(jail_status_number("cpu"), before);
        cr_assert_eq(jail_status_number("main-pid"), master);
        cr_assert(strstr(jailctl("status", JAILTEST_NAME).out, "         CPU: "));
        cr_assert(strstr(jailctl("status", JAILTEST_NAME).out, " tasks\n"));
        cr_assert(strstr(jailctl("status", JAILTEST_NAME).out, "127.0.0.1:8080 (Apache: [::]:80)\n"));
}

/* Ask until status knows it. */
static bool json_wait_for(const char *key, unsigned timeout_seconds) {
        time_t end = time(NULL) + timeout_seconds;

        do {
                json_object *value;

                if (json_object_object_get_ex(jail_status(), key, &value) && value)
                        return true;
        } while (time(NULL) < end);
        return false;
}

/* Without a word of complaint. */
static void assert_promtool_likes(const char *file) {
        RunResult r = run("sh", "-c", path("promtool check metrics <%s", file), NULL);

        cr_assert_eq(r.status, 0, "%s%s", r.out, r.err);
        cr_assert(r.out[0] == '\0' && r.err[0] == '\0', "%s%s", r.out, r.err);
}

Test(status, metrics_are_what_prometheus_takes) {
        const char *file = JAILD_RUN_DIR "/metrics.prom";
        struct stat st;
        char *text;
        pid_t master;

        jail_conf_write("broken", "[Jail]\nUmask=rwx\n");
        jail_use_running();
        cr_assert_eq(jailctl("metrics", path("--output=%s", file)).status, 0);
        assert_promtool_likes(file);
        text = file_read(file);
        cr_assert(strstr(text, "jaild_up{jail=\"web\"} 1\n"), "%s", text);
        cr_assert(strstr(text, "jaild_up{jail=\"broken\"} 0\n"), "%s", text);
        cr_assert(strstr(text, "jaild_state{jail=\"web\",state=\"running\"} 1\n"), "%s", text);
        cr_assert(strstr(text, "jaild_state{jail=\"web\",state=\"failed\"} 0\n"), "%s", text);
        cr_assert(strstr(text, "jaild_restarts_total{jail=\"web\"} 0\n"), "%s", text);
        cr_assert(strstr(text, path("jaild_processes{jail=\"web\"} %u\n", process_count("apache2"))), "%s",
                  text);
        cr_assert(stat(file, &st) == 0 && (st.st_mode & 0777) == 0644);
        cr_assert_eq(access(path("%s.new", file), F_OK), -1);

        /* What cannot be written leaves what was there. */
        cr_assert_eq(jailctl("metrics", "--output=/proc/nowhere").status, 1);

        master = (pid_t) jail_status_number("main-pid");
        cr_assert(master > 0 && kill(master, SIGKILL) == 0);
        jail_wait_for_other_master(master, 20);
        cr_assert(strstr(jailctl("metrics").out, "jaild_restarts_total{jail=\"web\"} 1\n"));
        jailctl_ok("stop", JAILTEST_NAME);
        cr_assert(strstr(jailctl("metrics").out, "jaild_up{jail=\"web\"} 0\n"));
        cr_assert_eq(jailctl("metrics", path("--output=%s", file)).status, 0);
        assert_promtool_likes(file);
}

/* By the parser of Prometheus' client library, which refuses what the text format allows. */
static void assert_openmetrics(const char *text) {
        static const char parse[] =
                        "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families\n"
                        "for family in text_string_to_metric_families(sys.stdin.read()):\n"
                        "    for sample in family.samples:\n"
                        "        print(family.name, family.type, family.unit, sample.name, sample.labels.get('jail'))\n";
        const char *file = JAILD_RUN_DIR "/openmetrics";
        RunResult r;

        file_write(file, text);
        r = run("sh", "-c", path("exec /usr/bin/python3 -c \"%s\" <%s", parse, file), NULL);
        cr_assert_eq(r.status, 0, "%s\n%s", r.err, text);
        cr_assert(strstr(r.out, "jaild_cpu_seconds counter seconds jaild_cpu_seconds_total web\n"), "%s",
                  r.out);
        cr_assert(strstr(r.out, "jaild_memory_bytes gauge bytes jaild_memory_bytes web\n"), "%s", r.out);
        cr_assert(strstr(r.out, "jaild_restarts counter  jaild_restarts_total web\n"), "%s", r.out);
}

/* What is answered to a request. */
static char *ask_metrics(const char *request) {
        const char *file = JAILD_RUN_DIR "/request";
        RunResult r;

        file_write(file, request);
        r = run("sh", "-c", path("exec %s metrics --http <%s", jailctl_path(), file), NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        return r.out;
}

static char *body_of(char *answer) {
        char *blank = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "\r\nContent-Length: ");

        cr_assert(blank && length, "%s", answer);
        cr_assert_eq(strtoul(length + strlen("\r\nContent-Length: "), NULL, 10), strlen(blank + 4), "%s",
                     answer);
        return blank + 4;
}

static void assert_begins(const char *text, const char *begin) {
        cr_assert_eq(strncmp(text, begin, strlen(begin)), 0, "%s", text);
}

Test(status, metrics_are_what_openmetrics_takes) {
        const char *file = JAILD_RUN_DIR "/metrics.prom";
        static char endless[9000];
        char *answer;

        jail_use_running();
        assert_openmetrics(jailctl("metrics", "--openmetrics").out);

        answer = ask_metrics(
                        "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n");
        assert_begins(answer,
                      "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0;");
        assert_openmetrics(body_of(answer));
        answer = ask_metrics("GET /metrics?jail=web HTTP/1.1\r\nHost: application/openmetrics-text\r\n\r\n");
        assert_begins(answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4;");
        file_write(file, body_of(answer));
        assert_promtool_likes(file);

        assert_begins(ask_metrics("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ");
        assert_begins(ask_metrics("GET /metrics2 HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ");
        assert_begins(ask_metrics("POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 ");
        assert_begins(ask_metrics("GET /metrics HTTP/1.1\r\n"), "HTTP/1.1 400 ");
        memset(endless, 'x', sizeof(endless) - 1);
        assert_begins(ask_metrics(endless), "HTTP/1.1 400 ");
        answer = ask_metrics("HEAD /metrics HTTP/1.0\n\n");
        assert_begins(answer, "HTTP/1.1 200 OK\r\n");
        cr_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

Test(status, top_once_and_on_a_terminal) {
        RunResult r;

        jail_use_running();
        r = jailctl("top");
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert_eq(strncmp(r.out, "NAME STATE   CPU%", strlen("NAME STATE   CPU%")), 0, "%s", r.out);
        cr_assert(strstr(r.out, "\nweb  running "), "%s", r.out);
        cr_assert_null(strchr(r.out, '\033'));

        /* The other screen, the figures, and after q the first screen again. */
        r = run("sh", "-c", path("printf q | TERM=xterm script -qec '%s top' /dev/null", jailctl_path()),
                NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.out, "\033[?1049h"), "%s", r.out);
        cr_assert(strstr(r.out, "running\033[0m"), "%s", r.out);
        cr_assert(strstr(r.out, "\033[?1049l"), "%s", r.out);
}

Test(status, load_is_what_mod_status_says) {
        char *text;
        int64_t before;

        jail_use_built();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF
                        "[Health]\nUrl=http://localhost/server-status?auto\nIntervalSec=100ms\nGraceSec=0\n");
        jailctl_ok("start", JAILTEST_NAME);
        /* Two checks make a rate. */
        cr_assert(json_wait_for("request-rate", 20), "%s", jailctl("status", JAILTEST_NAME).out);
        before = jail_status_number("requests");
        cr_assert_gt(jail_status_number("idle-workers"), 1);
        for (unsigned i = 0; i < 100; i++)
                cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
        for (unsigned i = 0; i < 500 && jail_status_number("requests") < before + 100; i++)
                ;
        cr_assert_geq(jail_status_number("requests"), before + 100);
        cr_assert(strstr(jailctl("status", JAILTEST_NAME).out, " workers busy\n"));
        text = jailctl("metrics").out;
        cr_assert(strstr(text, "jaild_requests_total{jail=\"web\"} "), "%s", text);
        cr_assert(strstr(text, "jaild_busy_workers{jail=\"web\"} "), "%s", text);
}
