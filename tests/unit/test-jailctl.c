/* The program itself, where it needs no jail: what it makes of its command line. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base.h"
#include "config-paths.h"

typedef struct Result {
        int status;
        char out[8192];
        char err[8192];
} Result;

static void read_all(int fd, char *buffer, size_t size) {
        ssize_t n = pread(fd, buffer, size - 1, 0);

        cr_assert_geq(n, 0);
        buffer[n] = 0;
        close(fd);
}

/* Words end with NULL. What is written goes to the file instead, where there is one. */
static void run(Result *ret, const char *file, const char *const *words) {
        char *argv[8] = { (char[]){ "jailctl" } };
        int out = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
            err = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        char *environment[] = { (char[]){ "TERM=xterm" }, NULL };
        posix_spawn_file_actions_t actions;
        int status;
        pid_t pid;

        for (size_t i = 0; words[i]; i++)
                argv[i + 1] = strdup(words[i]);
        cr_assert(out >= 0 && err >= 0);
        posix_spawn_file_actions_init(&actions);
        if (file)
                posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, file, O_WRONLY, 0);
        else
                posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
        cr_assert_eq(posix_spawn(&pid, JAILCTL_BINARY, &actions, NULL, argv, environment), 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status));
        ret->status = WEXITSTATUS(status);
        read_all(out, ret->out, sizeof(ret->out));
        read_all(err, ret->err, sizeof(ret->err));
        posix_spawn_file_actions_destroy(&actions);
        for (size_t i = 1; argv[i]; i++)
                free(argv[i]);
}

#define RUN(result, ...) run(result, NULL, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_usage_error(const Result *r, const char *line) {
        cr_expect_eq(r->status, 2);
        cr_expect_str_eq(r->err, line);
        cr_expect_str_empty(r->out);
}

Test(jailctl, help_after_a_verb_is_of_the_verb) {
        Result r;

        RUN(&r, "logs", "--help");
        cr_expect_eq(r.status, 0);
        cr_expect_str_empty(r.err);
        cr_expect_eq(strncmp(r.out, "jailctl logs [OPTIONS] [NAME]\n", 30), 0, "%s", r.out);
        cr_expect(strstr(r.out, "--follow") && !strstr(r.out, "--json"), "%s", r.out);
        RUN(&r, "--help", "adopt");
        cr_expect_eq(strncmp(r.out, "jailctl adopt [OPTIONS] NAME\n", 29), 0, "%s", r.out);
        RUN(&r, "strat", "--help");
        assert_usage_error(&r, "jailctl: unknown verb 'strat'; see jailctl --help\n");
}

Test(jailctl, wrong_words_exit_2_with_one_line) {
        Result r;

        RUN(&r, "strat", "web");
        assert_usage_error(&r, "jailctl: unknown verb 'strat'; see jailctl --help\n");
        RUN(&r, "status", "web", "shop");
        assert_usage_error(&r, "jailctl: too many words: 'shop'; see jailctl --help\n");
        RUN(&r, "--colour", "status");
        assert_usage_error(&r, "jailctl: wrong option '--colour'; see jailctl --help\n");
        RUN(&r, "status", "web", "--colour");
        assert_usage_error(&r, "jailctl: wrong option '--colour'; see jailctl --help\n");
        RUN(&r, "--json=yes", "status");
        assert_usage_error(&r, "jailctl: wrong option '--json=yes'; see jailctl --help\n");
        RUN(&r, "-x", "status");
        assert_usage_error(&r, "jailctl: wrong option '-x'; see jailctl --help\n");
        RUN(&r, "list", "web");
        assert_usage_error(&r, "jailctl: list takes no name; see jailctl --help\n");
        RUN(&r, "stop", "--json", "web");
        assert_usage_error(&r, "jailctl: stop does not take --json; see jailctl --help\n");
        RUN(&r, "status", "--no-legend");
        assert_usage_error(&r, "jailctl: status does not take --no-legend; see jailctl --help\n");
}

Test(jailctl, no_such_jail_exits_4) {
        static const char *const words[] = { "status", "start",    "stop",         "restart",
                                             "reload", "graceful", "graceful-stop" };
        Result r;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                RUN(&r, words[i], "there-is.no_such-jail");
                cr_expect_eq(r.status, 4, "%s", words[i]);
                cr_expect_str_eq(r.err, "there-is.no_such-jail: no such jail: there is no " JAILD_CONF_DIR
                                        "/there-is.no_such-jail.conf\n");
                cr_expect_str_empty(r.out);

                RUN(&r, words[i], "../etc");
                cr_expect_eq(r.status, 4, "%s", words[i]);
                cr_expect_str_eq(r.err, "jailctl: no such jail: '../etc' is no name for one\n");
        }
}

Test(jailctl, help_and_version_are_plain_in_a_pipe) {
        Result r;

        RUN(&r, "--help");
        cr_expect_eq(r.status, 0);
        cr_expect_str_empty(r.err);
        cr_expect_null(strchr(r.out, '\033'));
        cr_expect_not_null(strstr(r.out, "\n  status "));
        cr_expect_not_null(strstr(r.out, "(also: graceful)"));

        RUN(&r, "--version");
        cr_expect_eq(r.status, 0);
        cr_expect_eq(strncmp(r.out, "jailctl ", strlen("jailctl ")), 0);
}

Test(jailctl, what_cannot_be_written_is_a_failure) {
        static const char *const verbs[] = { "--help", "--version", "list", "metrics", "doctor" };
        Result r;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                run(&r, "/dev/full", (const char *const[]){ verbs[i], NULL });
                cr_expect_eq(r.status, 1, "%s", verbs[i]);
                cr_expect_not_null(strstr(r.err, "jailctl: cannot write: "), "%s: %s", verbs[i], r.err);
        }
}

Test(jailctl, list_works_whatever_there_is) {
        Result r;

        RUN(&r, "list", "--json");
        cr_expect_eq(r.status, 0);
        cr_expect_eq(r.out[0], '[');
        RUN(&r, "list", "--no-legend");
        cr_expect_eq(r.status, 0);
        cr_expect_null(strstr(r.out, "GENERATION"));
}
