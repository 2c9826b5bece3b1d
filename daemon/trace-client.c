#include "trace-client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "log.h"

#define NOBODY          65534
#define TIMEOUT_SECONDS 30L

/* One for each URL, in their order, through a pipe. */
typedef struct Answer {
        int32_t status;
        char message[CURL_ERROR_SIZE];
} Answer;

struct TraceClient {
        Trace *trace;
        const TraceClientSpec *spec;
        size_t n_answers;
        TraceClientDone done;
        void *userdata;
        pid_t pid;
        sd_event_source *exit_source;
        sd_event_source *answers_source;
        int answers_fd;
        int error;
};

static size_t discard(char *data, size_t size, size_t n, void *userdata) {
        return size * n;
}

/* The listener whose port the URL names, as it is outside or as Apache knows it. */
static const Address *find_listener(const TraceClientSpec *spec, uint16_t port) {
        for (size_t i = 0; i < spec->n_pairs; i++)
                if (address_port(&spec->pairs[i].outside) == port)
                        return &spec->pairs[i].outside;
        for (size_t i = 0; i < spec->n_pairs; i++)
                if (address_port(&spec->pairs[i].inside) == port)
                        return &spec->pairs[i].outside;
        return NULL;
}

/* curl's "::ADDRESS:PORT": whatever host and port are asked for. */
static int connect_to(const TraceClientSpec *spec, const char *url, char *buf, size_t size) {
        CURLU *u = curl_url();
        const Address *a = NULL;
        char address[ADDRESS_STRING_MAX];
        char *port = NULL;

        if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_DEFAULT_SCHEME) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
                a = find_listener(spec, (uint16_t) atoi(port));
        curl_free(port);
        curl_url_cleanup(u);
        if (!a)
                return -ENOENT;
        if (address_is_wildcard(a))
                snprintf(buf, size, "::%s:%u", a->sa.sa_family == AF_INET6 ? "[::1]" : "127.0.0.1",
                         address_port(a));
        else
                snprintf(buf, size, "::%s", address_to_string(a, address));
        return 0;
}

static Answer ask(const TraceClientSpec *spec, const char *url) {
        char where[ADDRESS_STRING_MAX + 8];
        struct curl_slist *to = NULL;
        CURL *curl = curl_easy_init();
        Answer answer = {};
        long status = 0;
        CURLcode code = CURLE_FAILED_INIT;

        if (connect_to(spec, url, where, sizeof(where)) < 0) {
                snprintf(answer.message, sizeof(answer.message), "the jail does not listen on that port");
                curl_easy_cleanup(curl);
                return answer;
        }
        to = curl_slist_append(NULL, where);
        if (curl && to && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK) {
                curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to);
                curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
                curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
                curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
                curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, answer.message);
                /* It is ours: who else could answer there? */
                curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
                curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
                code = curl_easy_perform(curl);
        }
        if (code == CURLE_OK)
                curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        else if (answer.message[0] == '\0')
                snprintf(answer.message, sizeof(answer.message), "%s", curl_easy_strerror(code));
        answer.status = (int32_t) status;
        curl_easy_cleanup(curl);
        curl_slist_free_all(to);
        return answer;
}

/* From here on it is nobody's process. */
static int become_nobody(void) {
        return setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                                               setresuid(NOBODY, NOBODY, NOBODY) < 0
                               ? -errno
                               : 0;
}

static _Noreturn void client_main(const TraceClientSpec *spec, int answers_fd) {
        sigset_t none;

        sigemptyset(&none);
        (void) signal(SIGPIPE, SIG_DFL);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
            setns(spec->namespace_fd, CLONE_NEWNET) < 0)
                _exit(126);
        if (spec->command) {
                if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                        _exit(126);
                (void) execvp(spec->command[0], spec->command);
                _exit(127);
        }
        /* A change of identity clears the first. */
        if (become_nobody() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
            curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                _exit(126);
        for (char *const *url = spec->urls; *url; url++) {
                Answer answer = ask(spec, *url);

                /* Less than PIPE_BUF: whole or not at all. */
                if (write(answers_fd, &answer, sizeof(answer)) != sizeof(answer))
                        _exit(126);
        }
        _exit(0);
}

static void take_answers(TraceClient *c) {
        Answer answer;

        /* Who writes them has read what the jail sent: no more than was asked, and nothing but text. */
        while (c->spec->urls && c->spec->urls[c->n_answers] &&
               read(c->answers_fd, &answer, sizeof(answer)) == sizeof(answer)) {
                int r;

                answer.message[sizeof(answer.message) - 1] = '\0';
                log_sanitize(answer.message);
                r = trace_add_request(c->trace, c->spec->urls[c->n_answers++], answer.status,
                                      answer.message);
                if (r < 0)
                        c->error = r;
        }
}

static int on_answers(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        TraceClient *c = userdata;

        take_answers(c);
        if (!(revents & EPOLLIN))
                c->answers_source = sd_event_source_disable_unref(c->answers_source);
        return 0;
}

static int on_exit_event(sd_event_source *s, const siginfo_t *si, void *userdata) {
        TraceClient *c = userdata;
        char message[128] = "";

        take_answers(c);
        if (c->error < 0)
                snprintf(message, sizeof(message), "%s", strerror(-c->error));
        else if (si->si_code != CLD_EXITED)
                snprintf(message, sizeof(message), "the client was killed by SIG%s",
                         sigabbrev_np(si->si_status) ?: "?");
        else if (si->si_status == 127 && c->spec->command)
                snprintf(message, sizeof(message), "cannot run %.64s", c->spec->command[0]);
        else if (si->si_status != 0)
                snprintf(message, sizeof(message), "the client ended with status %d", si->si_status);
        c->pid = 0;
        c->done(message, c->userdata);
        return 0;
}

int trace_client_start(sd_event *event, const TraceClientSpec *spec, Trace *trace, TraceClientDone done,
                       void *userdata, TraceClient **ret) {
        _cleanup_(trace_client_freep) TraceClient *c = calloc(1, sizeof(TraceClient));
        _cleanup_close_ int write_end = -EBADF;
        int fds[2], r;

        if (!c)
                return -ENOMEM;
        *c = (TraceClient){
                .trace = trace, .spec = spec, .done = done, .userdata = userdata, .answers_fd = -EBADF
        };
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        c->answers_fd = fds[0];
        write_end = fds[1];
        if (fcntl(c->answers_fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        c->pid = fork();
        if (c->pid < 0)
                return -errno;
        if (c->pid == 0)
                client_main(spec, write_end);
        if ((r = sd_event_add_child(event, &c->exit_source, c->pid, WEXITED, on_exit_event, c)) < 0 ||
            (r = sd_event_add_io(event, &c->answers_source, c->answers_fd, EPOLLIN, on_answers, c)) < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

TraceClient *trace_client_free(TraceClient *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->exit_source);
        sd_event_source_disable_unref(c->answers_source);
        if (c->pid > 0) {
                (void) kill(c->pid, SIGKILL);
                (void) waitpid(c->pid, NULL, 0);
        }
        close_fd(c->answers_fd);
        free(c);
        return NULL;
}
