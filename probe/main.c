/* jaild-probe asks a server for one page and says whether it is well. It is started for one question: a process that
 * lives for some milliseconds keeps nothing, cannot be worn down by a hostile answer, and costs nothing in between (a
 * lasting one would be five megabytes for each jail).
 *
 * It parses what comes from the jail, so it is made to be worth nothing: another user, no capability, no file, no
 * descriptor but its one connection, which jaild opened, and the pipe for its result. It can open no other. */

#include <curl/curl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "probe-result.h"
#include "sandbox.h"

typedef struct Question {
        const char *url;
        long timeout_msec;
        long status_min;
        long status_max;
        /* NULL for any body. */
        const char *text;

        struct curl_slist *connect_to;
        char *body;
        size_t n_body;
} Question;

static void set_detail(ProbeResult *result, ProbeOutcome outcome, const char *detail) {
        result->outcome = outcome;
        snprintf(result->detail, sizeof(result->detail), "%s", detail);
}

static bool parse_long(const char *s, long min, long max, long *ret) {
        char *end;

        errno = 0;
        *ret = strtol(s, &end, 10);
        return errno == 0 && end > s && *end == '\0' && *ret >= min && *ret <= max;
}

static bool question_parse(int argc, char *argv[], Question *q) {
        if (argc - 1 < PROBE_ARGUMENTS_MIN || argc - 1 > PROBE_ARGUMENTS_MAX)
                return false;
        q->url = argv[1];
        q->text = argc - 1 > PROBE_ARGUMENTS_MIN ? argv[5] : NULL;
        return parse_long(argv[2], 1, 3600 * 1000, &q->timeout_msec) &&
               parse_long(argv[3], 100, 599, &q->status_min) &&
               parse_long(argv[4], q->status_min, 599, &q->status_max);
}

/* Returns 0 when it is connected, or an errno. */
static int wait_connected(long timeout_msec) {
        struct pollfd p = { .fd = PROBE_SOCKET_FD, .events = POLLOUT };
        socklen_t length = sizeof(int);
        int error = 0, n = poll(&p, 1, (int) timeout_msec);

        if (n <= 0)
                return n == 0 ? -ETIMEDOUT : -errno;
        if (getsockopt(PROBE_SOCKET_FD, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
                return -errno;
        return -error;
}

static curl_socket_t take_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address) {
        bool *taken = userdata;

        /* There is one, and no second try. */
        if (*taken)
                return CURL_SOCKET_BAD;
        *taken = true;
        return PROBE_SOCKET_FD;
}

static int say_connected(void *userdata, curl_socket_t fd, curlsocktype purpose) {
        return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static size_t keep_body(char *data, size_t size, size_t n, void *userdata) {
        Question *q = userdata;

        /* Enough seen: a short count ends the transfer. */
        if (q->n_body + n > PROBE_BODY_MAX)
                return 0;
        memcpy(q->body + q->n_body, data, n);
        q->n_body += n;
        return n;
}

static CURL *question_prepare(Question *q, bool *taken) {
        CURL *curl = curl_easy_init();

        if (!curl)
                return NULL;
        if (curl_easy_setopt(curl, CURLOPT_URL, q->url) != CURLE_OK ||
            curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK)
                return curl_easy_cleanup(curl), NULL;
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, take_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, taken);
        curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, say_connected);
        /* The connection is there: the address is for form's sake, and keeps libcurl from asking for one. */
        curl_easy_setopt(curl, CURLOPT_CONNECT_TO, q->connect_to);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, q->timeout_msec);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "jaild-probe");
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        /* The question is whether the server is well. A certificate that has expired is to be renewed, and a new
         * server would have the same one. */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, q);
        return curl;
}

/* "NAME: NUMBER", alone on a line of the body, which ends with a NUL. */
static bool find_number(const char *body, const char *name, unsigned long long max,
                        unsigned long long *ret) {
        size_t n = strlen(name);

        for (const char *line = body; line; line = strchr(line, '\n')) {
                char *end;

                line += *line == '\n';
                if (strncmp(line, name, n) != 0 || strncmp(line + n, ": ", 2) != 0 || line[n + 2] < '0' ||
                    line[n + 2] > '9')
                        continue;
                *ret = strtoull(line + n + 2, &end, 10);
                return (*end == '\n' || *end == '\0' || *end == '\r') && *ret <= max;
        }
        return false;
}

static void read_load(const Question *q, ProbeResult *result) {
        unsigned long long requests, busy, idle;

        if (!find_number(q->body, "Total Accesses", INT64_MAX, &requests) ||
            !find_number(q->body, "BusyWorkers", UINT32_MAX, &busy) ||
            !find_number(q->body, "IdleWorkers", UINT32_MAX, &idle))
                return;
        result->has_load = true;
        result->requests = requests;
        result->busy_workers = (uint32_t) busy;
        result->idle_workers = (uint32_t) idle;
}

/* What libcurl found, in our words. */
static void judge_transfer(CURLcode code, const Question *q, ProbeResult *result) {
        bool seen_enough = code == CURLE_WRITE_ERROR && q->n_body > 0;

        if (code == CURLE_OPERATION_TIMEDOUT)
                set_detail(result, PROBE_TIMED_OUT, "");
        else if (code != CURLE_OK && !seen_enough)
                set_detail(result, PROBE_NO_ANSWER, curl_easy_strerror(code));
        else if (result->status < (uint32_t) q->status_min || result->status > (uint32_t) q->status_max)
                set_detail(result, PROBE_WRONG_STATUS, "");
        else if (q->text && !memmem(q->body, q->n_body, q->text, strlen(q->text)))
                set_detail(result, PROBE_WRONG_BODY, "");
        else
                read_load(q, result);
}

static void question_ask(Question *q, CURL *curl, ProbeResult *result) {
        long status = 0;
        curl_off_t usec = 0;
        CURLcode code;
        int r = wait_connected(q->timeout_msec);

        if (r == -ETIMEDOUT) {
                set_detail(result, PROBE_TIMED_OUT, "");
                return;
        }
        if (r < 0) {
                set_detail(result, PROBE_NOT_CONNECTED, strerror(-r));
                return;
        }
        code = curl_easy_perform(curl);
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &usec);
        result->status = (uint32_t) status;
        result->msec = (uint32_t) (usec / 1000);
        judge_transfer(code, q, result);
}

int main(int argc, char *argv[]) {
        ProbeResult result = { .outcome = PROBE_HEALTHY };
        Question q = {};
        bool taken = false;
        CURL *curl;
        int r;

        if (!question_parse(argc, argv, &q)) {
                fputs("jaild-probe is run by jaild: see Url= in jaild.conf(5)\n", stderr);
                return 2;
        }
        q.body = calloc(1, PROBE_BODY_MAX + 1);
        /* Its initialisation, and OpenSSL's, read files: before the sandbox. */
        if (!q.body || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK ||
            !(q.connect_to = curl_slist_append(NULL, "::127.0.0.1:")) ||
            !(curl = question_prepare(&q, &taken)))
                set_detail(&result, PROBE_BROKEN, "libcurl cannot use the URL");
        else if ((r = sandbox_enter()) < 0)
                set_detail(&result, PROBE_BROKEN, strerror(-r));
        else
                question_ask(&q, curl, &result);
        /* All of it, or jaild takes it for nothing. What is left is the kernel's to clear away. */
        return write(PROBE_RESULT_FD, &result, sizeof(result)) == sizeof(result) &&
                                               result.outcome == PROBE_HEALTHY
                               ? EXIT_SUCCESS
                               : EXIT_FAILURE;
}
