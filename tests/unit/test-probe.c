/* The probe against servers that answer well, badly and not at all, over a connection that it was given. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "probe-result.h"

#define PAGE "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* Answer one question with these bytes, then end; NULL: never answer. */
static int server_start(const char *answer) {
        int fd[2];
        char request[4096];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        if (fork() == 0) {
                (void) close(fd[0]);
                (void) alarm(30);
                if (read(fd[1], request, sizeof(request)) > 0 && answer)
                        (void) !write(fd[1], answer, strlen(answer));
                else
                        (void) pause();
                _exit(0);
        }
        (void) close(fd[1]);
        return fd[0];
}

static ProbeResult probe(int socket_fd, const char *text, int *ret_status) {
        ProbeResult result = { .outcome = UINT32_MAX };
        const char *const argv[] = { "jaild-probe", "http://www.example.org/", "500", "200", "399", text,
                                     NULL };
        /* For builds with sanitizers: its filter refuses what a search for leaks takes (ptrace(2)), and what ends a process by
         * abort(3), which the sanitizer would then try for ever. */
        const char *const environment[] = { "ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=99",
                                            "UBSAN_OPTIONS=halt_on_error=1:abort_on_error=0:exitcode=99",
                                            NULL };
        int out[2], program;
        pid_t pid;

        cr_assert_eq(pipe(out), 0);
        program = fcntl(open(JAILD_PROBE_BINARY, O_RDONLY | O_CLOEXEC), F_DUPFD_CLOEXEC,
                        PROBE_RESULT_FD + 1);
        cr_assert_geq(program, 0);
        pid = fork();
        if (pid == 0) {
                /* It refuses to be root. */
                if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                        _exit(126);
                /* Here no supervisor ends it. */
                (void) alarm(30);
                (void) dup2(socket_fd, PROBE_SOCKET_FD);
                (void) dup2(out[1], PROBE_RESULT_FD);
                /* By its descriptor: the build may be in a folder that is root's. */
                (void) fexecve(program, (char **) (uintptr_t) argv, (char **) (uintptr_t) environment);
                _exit(127);
        }
        (void) close(program);
        (void) close(out[1]);
        (void) close(socket_fd);
        cr_assert(waitpid(pid, ret_status, 0) == pid);
        cr_assert_eq(read(out[0], &result, sizeof(result)), (ssize_t) sizeof(result));
        (void) close(out[0]);
        return result;
}

static void assert_found(const char *answer, const char *text, ProbeOutcome outcome) {
        int status;
        ProbeResult result = probe(server_start(answer), text, &status);

        cr_assert_eq(result.outcome, outcome, "%u: %s", result.outcome, result.detail);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), outcome == PROBE_HEALTHY ? 0 : 1);
}

Test(probe, a_page_is_healthy) {
        assert_found(PAGE, NULL, PROBE_HEALTHY);
        assert_found(PAGE, "ell", PROBE_HEALTHY);
        assert_found("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", NULL, PROBE_HEALTHY);
}

Test(probe, what_is_not_expected_is_not_healthy) {
        assert_found(PAGE, "goodbye", PROBE_WRONG_BODY);
        assert_found("HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nhello", NULL, PROBE_WRONG_STATUS);
}

Test(probe, no_whole_answer_is_none) {
        assert_found("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", NULL, PROBE_NO_ANSWER);
        assert_found("\r\n\r\nwhat is this\r\n", NULL, PROBE_NO_ANSWER);
        assert_found("", NULL, PROBE_NO_ANSWER);
}

Test(probe, silence_ends) {
        assert_found(NULL, NULL, PROBE_TIMED_OUT);
}

/* A server that never stops sending is not listened to for ever. */
Test(probe, endless_answer_is_cut) {
        size_t size = PROBE_BODY_MAX * 4;
        char *answer = malloc(size + 1);
        int n = sprintf(answer, "HTTP/1.1 200 OK\r\n\r\nhello");

        memset(answer + n, 'x', size - (size_t) n);
        answer[size] = '\0';
        assert_found(answer, "hello", PROBE_HEALTHY);
        free(answer);
}

Test(probe, wrong_usage_is_said) {
        int status = system(JAILD_PROBE_BINARY " http://x 0 200 399 2>/dev/null </dev/null");

        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}
