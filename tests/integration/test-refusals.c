/* Bad input: one clear line, the exit status that is promised, and nothing half-done left. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "address.h"
#include "jailtest.h"

extern char **environ;

TestSuite(refusals, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 60);

/* Failed with this status, in one line that says each of the two. */
static void assert_refused(RunResult r, int status, const char *what, const char *where) {
        cr_assert_eq(r.status, status, "%d: %s", r.status, r.err);
        cr_assert(strstr(r.err, what), "'%s' is not in: %s", what, r.err);
        cr_assert(strstr(r.err, where), "'%s' is not in: %s", where, r.err);
        cr_assert_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "not one line: %s", r.err);
}

/* Files that a build or a start would have made. */
static char *left_behind(void) {
        return run("find", JAILD_STATE_DIR, JAILD_RUN_DIR, "-mindepth", "2", "(", "-type", "f", "-o",
                   "-type", "l", "-o", "-path", "*/generations/*", ")", "!", "-name", "last.json", "!",
                   "-name", "lock*", "!", "-name", "jaild.log", NULL)
                        .out;
}

static void assert_nothing_left(void) {
        cr_assert_str_eq(left_behind(), "");
        cr_assert_eq(process_count("jaild") + process_count("apache2"), 0);
}

static void assert_nothing_left_but_the_build(void) {
        cr_assert_eq(access(JAILD_RUN_DIR "/" JAILTEST_NAME "/control", F_OK), -1);
        cr_assert_eq(process_count("jaild") + process_count("apache2"), 0);
}

Test(refusals, unknown_key) {
        jail_conf_write(JAILTEST_NAME, "[Jail]\nDescripton=x\n");
        assert_refused(jailctl("build", JAILTEST_NAME), 1, JAILD_CONF_DIR "/web.conf:2: ", "Descripton");
        assert_refused(jailctl("start", JAILTEST_NAME), 1, JAILD_CONF_DIR "/web.conf:2: ", "Descripton");
        assert_nothing_left();
}

Test(refusals, bad_value) {
        jail_conf_write(JAILTEST_NAME, "[Jail]\nUmask=rwx\n");
        assert_refused(jailctl("build", JAILTEST_NAME), 1, JAILD_CONF_DIR "/web.conf:2: ", "Umask");
        jail_conf_write(JAILTEST_NAME, "[Network]\n\nListen=localhost:http\n");
        assert_refused(jailctl("start", JAILTEST_NAME), 1, JAILD_CONF_DIR "/web.conf:3: ", "localhost:http");
        assert_nothing_left();
}

/* Links that lead out or in circles are links in the jail, too, and never followed; what is no file is left out. */
Test(refusals, hostile_tree) {
        struct stat st;
        RunResult r;

        cr_assert_eq(mount("tree", "/srv", "tmpfs", 0, "mode=0755"), 0);
        r = run("sh", "-euc",
                "mkdir /srv/tree; cd /srv/tree; ln -s a b; ln -s b a; ln -s /etc/shadow out; ln -s ../../../etc up; "
                "mkfifo fifo; mknod device c 1 5; ln -s loop/x loop; echo plain >file",
                NULL);
        cr_assert_eq(r.status, 0, "%s", r.err);
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nInclude=/srv/tree\n");
        r = jailctl("build", JAILTEST_NAME);
        cr_assert_eq(r.status, 0, "%s", r.err);
        cr_assert(strstr(r.err, "/srv/tree/fifo is left out") &&
                                  strstr(r.err, "/srv/tree/device is left out"),
                  "%s", r.err);
        for (const char *const *name = (const char *const[]){ "a", "b", "out", "up", "loop", NULL }; *name;
             name++) {
                cr_assert_eq(lstat(path("%s/srv/tree/%s", jail_root(), *name), &st), 0, "%s", *name);
                cr_assert(S_ISLNK(st.st_mode), "%s", *name);
        }
        cr_assert_str_eq(file_read(path("%s/srv/tree/file", jail_root())), "plain\n");
        cr_assert_eq(access(path("%s/etc/shadow", jail_root()), F_OK), -1);
}

/* It would forge a line of the manifest, of a table, of a log. */
Test(refusals, name_with_a_newline) {
        cr_assert_eq(mount("tree", "/srv", "tmpfs", 0, "mode=0755"), 0);
        file_write("/srv/two\nlines", "");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nInclude=/srv\n");
        cr_assert_eq(jailctl("build", JAILTEST_NAME).status, 1);
        cr_assert(strstr(jailctl("build", JAILTEST_NAME).err, "control characters"));
        assert_nothing_left();
}

Test(refusals, unknown_jail) {
        static const char *const verbs[] = { "build", "start", "stop", "restart", "reload", "status" };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                assert_refused(jailctl(verbs[i], "nobody"), 4, "nobody", "no such jail");
        assert_nothing_left();
}

Test(refusals, wrong_word) {
        cr_assert_eq(jailctl("strat", JAILTEST_NAME).status, 2);
        cr_assert_eq(jailctl("--frobnicate", "status").status, 2);
        cr_assert_eq(jailctl("start", JAILTEST_NAME, "another").status, 2);
        cr_assert_eq(jailctl("trace", JAILTEST_NAME, "--url=ftp://localhost/").status, 2);
        cr_assert_eq(run(jaild_path(), NULL).status, 2);
}

Test(refusals, name_that_is_a_path) {
        assert_refused(jailctl("build", "../web"), 4, "../web", "no such jail");
        assert_refused(jailctl("start", "/etc"), 4, "/etc", "no such jail");
        cr_assert_eq(run(jaild_path(), "../web", NULL).status, 4);
        assert_nothing_left();
}

Test(refusals, not_built_yet) {
        RunResult r;

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        r = jailctl("start", JAILTEST_NAME);
        assert_refused(r, 1, "nothing has been built", "jailctl build web");
        assert_nothing_left();
}

Test(refusals, not_running) {
        jail_use_built();
        cr_assert_eq(jailctl("reload", JAILTEST_NAME).status, 3);
        cr_assert_eq(jailctl("status", JAILTEST_NAME).status, 3);
}

Test(refusals, missing_file_named_by_configuration) {
        apache_make_private();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        file_write("/etc/apache2/conf-enabled/lost.conf",
                   "LoadModule lost_module /usr/lib/apache2/modules/mod_lost.so\n");
        /* More than one line is Apache's right here. */
        cr_assert_eq(jailctl("build", JAILTEST_NAME).status, 1);
        cr_assert(strstr(jailctl("build", JAILTEST_NAME).err, "mod_lost.so"));
        assert_nothing_left();
}

Test(refusals, missing_include) {
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nInclude=/no/such/file\n");
        assert_refused(jailctl("build", JAILTEST_NAME), 1, "/no/such/file", JAILTEST_NAME);
        assert_nothing_left();
}

Test(refusals, library_that_is_none) {
        apache_make_private();
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        file_write("/etc/apache2/broken.so", "\177ELF, and nothing behind it");
        file_write("/etc/apache2/conf-enabled/broken.conf", "LoadFile /etc/apache2/broken.so\n");
        cr_assert_eq(jailctl("build", JAILTEST_NAME).status, 1);
        cr_assert(strstr(jailctl("build", JAILTEST_NAME).err, "broken.so"));
        assert_nothing_left();
}

/* It would be built, and never start. */
Test(refusals, exclude_of_what_apache_needs_to_start) {
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nExclude=/var/log/apache2\n");
        assert_refused(jailctl("build", JAILTEST_NAME), 1, "Exclude=/var/log/apache2",
                       "/var/log/apache2/error.log");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF "[Files]\nExclude=/run\n");
        assert_refused(jailctl("build", JAILTEST_NAME), 1, "Exclude=/run", "/run/apache2/apache2.pid");
        assert_nothing_left();
}

/* Else it is found out at the next start, which may be that of the machine. */
Test(refusals, room_without_its_server) {
        static const struct {
                const char *line;
                const char *missed;
        } rows[] = {
                { "Exclude=/usr/sbin", "leave out /usr/sbin/apache2" },
                { "Exclude=/usr/lib", "leave out /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" },
                { "Bind=/etc:/usr", "/usr/sbin/apache2 would be hidden behind the jail's /usr" },
                { "BindReadOnly=/lib", "ld-linux-x86-64.so.2 would be hidden behind the jail's /usr/lib" },
                { "Writable=/usr/sbin", "/usr/sbin/apache2 would be hidden behind the jail's /usr/sbin" },
                { "Bind=/tmp:/dev",
                  "/dev/null (opened for what is not wanted) would be hidden behind /dev" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                jail_conf_write(JAILTEST_NAME, path("%s[Files]\n%s\n", JAILTEST_CONF, rows[i].line));
                assert_refused(jailctl("build", JAILTEST_NAME), 1, JAILTEST_NAME ": ", rows[i].missed);
        }
        assert_nothing_left();
}

Test(refusals, two_builds_at_once) {
        const char *argv[] = { jailctl_path(), "build", JAILTEST_NAME, NULL };
        unsigned built = 0, refused = 0;
        pid_t pid[4];

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        for (size_t i = 0; i < ELEMENTSOF(pid); i++)
                cr_assert_eq(posix_spawn(&pid[i], argv[0], NULL, NULL, (char *const *) (uintptr_t) argv,
                                         environ),
                             0);
        for (size_t i = 0; i < ELEMENTSOF(pid); i++) {
                int status;

                cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
                built += WIFEXITED(status) && WEXITSTATUS(status) == 0;
                refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
        }
        cr_assert_geq(built, 1);
        cr_assert_eq(built + refused, ELEMENTSOF(pid));
        /* Each generation that is there is whole. */
        cr_assert_eq(run("find", JAILD_STATE_DIR "/web/generations", "-mindepth", "1", "-maxdepth", "1",
                         NULL)
                                     .status,
                     0);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

Test(refusals, port_taken) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Address address;

        cr_assert_eq(address_parse("127.0.0.1:8080", &address), 0);
        cr_assert_eq(bind(fd, &address.sa, address_length(&address)), 0);
        cr_assert_eq(listen(fd, 1), 0);
        jail_use_built();
        assert_refused(jailctl("start", JAILTEST_NAME), 1, "127.0.0.1:8080", "in use");
        cr_assert_eq(process_count("jaild") + process_count("apache2"), 0);
}

Test(refusals, supervised_already) {
        jail_use_running();
        assert_refused(run(jaild_path(), JAILTEST_NAME, NULL), 1, JAILTEST_NAME, "already");
        cr_assert_eq(http_get(JAILTEST_URL, NULL).status, 200);
}

Test(refusals, nowhere_to_say_that_it_runs) {
        jail_use_built();
        file_write(JAILD_RUN_DIR "/" JAILTEST_NAME, "no folder");
        assert_refused(run(jaild_path(), JAILTEST_NAME, NULL), 1, JAILD_RUN_DIR "/" JAILTEST_NAME,
                       "Not a directory");
}

/* The programs are reached by descriptor: what they are built in may be closed to others. */
static RunResult run_as_nobody(const char *program, const char *verb, const char *name) {
        int fd = open(program, O_PATH);

        cr_assert_geq(fd, 0);
        return run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--",
                   path("/proc/self/fd/%d", fd), verb, name, NULL);
}

Test(refusals, not_root) {
        pid_t master = jail_use_running();

        cr_assert_eq(chmod(JAILD_CONF_DIR "/web.conf", 0644), 0);
        assert_refused(run_as_nobody(jailctl_path(), "build", JAILTEST_NAME), 1, JAILTEST_NAME, "root");
        assert_refused(run_as_nobody(jailctl_path(), "stop", JAILTEST_NAME), 1, JAILTEST_NAME, "root");
        assert_refused(run_as_nobody(jaild_path(), JAILTEST_NAME, NULL), 1, JAILTEST_NAME, "root");
        /* To look is everybody's right. */
        cr_assert_eq(run_as_nobody(jailctl_path(), "status", JAILTEST_NAME).status, 0);
        cr_assert_eq(jail_status_number("main-pid"), master);
}

typedef struct VerbRow {
        const char *verb;
        /* Behind the name. */
        const char *words[2];
        /* Whoever may look may do it. */
        bool is_for_all;
        /* Of all jails; or it ends with its terminal. */
        bool takes_no_name;
} VerbRow;

static const VerbRow verb_rows[] = {
        { "list", .is_for_all = true, .takes_no_name = true },
        { "status", .is_for_all = true },
        { "build" },
        { "configtest" },
        { "update" },
        { "rollback" },
        { "diff" },
        { "why", { "/etc/hosts" } },
        { "outdated" },
        { "cat", .is_for_all = true },
        { "verify" },
        { "doctor", .is_for_all = true, .takes_no_name = true },
        { "trace" },
        { "enter", { "--", "true" } },
        { "stop" },
        { "restart" },
        { "reload" },
        { "top", .is_for_all = true, .takes_no_name = true },
        { "metrics", .is_for_all = true, .takes_no_name = true },
        { "adopt" },
        { "unadopt" },
        { "logs" },
        { "start" },
};

static RunResult run_verb_as_nobody(int fd, const VerbRow *row) {
        char *program = path("/proc/self/fd/%d", fd);
        const char *argv[] = { "timeout",
                               "--signal=TERM",
                               "20",
                               "setpriv",
                               "--reuid=65534",
                               "--regid=65534",
                               "--clear-groups",
                               "--",
                               program,
                               row->verb,
                               NULL,
                               NULL,
                               NULL,
                               NULL };
        size_t n = 10;

        if (!row->takes_no_name)
                argv[n++] = JAILTEST_NAME;
        for (size_t i = 0; i < ELEMENTSOF(row->words) && row->words[i]; i++)
                argv[n++] = row->words[i];
        return run_argv(argv);
}

/* Each verb says what it needs: in one line, whether or not the configuration may be read. */
Test(refusals, not_root_with_each_verb) {
        int fd = open(jailctl_path(), O_PATH);
        char *help = jailctl("--help", "list").out;
        pid_t master;

        jail_use_built();
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        master = (pid_t) jail_status_number("main-pid");
        for (mode_t mode = 0644; mode != 0; mode = mode == 0644 ? 0600 : 0) {
                cr_assert_eq(chmod(JAILD_CONF_DIR "/web.conf", mode), 0);
                for (size_t i = 0; i < ELEMENTSOF(verb_rows); i++) {
                        const VerbRow *row = &verb_rows[i];
                        RunResult r = run_verb_as_nobody(fd, row);

                        if (row->is_for_all && (mode == 0644 || row->takes_no_name))
                                cr_expect_eq(r.status, 0, "%s: %d: %s", row->verb, r.status, r.err);
                        else if (!row->is_for_all)
                                assert_refused(r, 1, JAILTEST_NAME ": ", "root");
                }
        }
        cr_assert_eq(jail_status_number("main-pid"), master);
        /* And there is no other one. */
        for (char *line = strtok(help, "\n"); line && !streq(line, "Options"); line = strtok(NULL, "\n")) {
                bool known = strncmp(line, "  ", 2) != 0 || line[2] == ' ' || line[2] == '-';

                for (size_t i = 0; i < ELEMENTSOF(verb_rows); i++)
                        known |= strncmp(line + 2, verb_rows[i].verb, strlen(verb_rows[i].verb)) == 0;
                cr_expect(known, "%s", line);
        }
}

Test(refusals, not_root_and_not_running) {
        jail_use_built();
        assert_refused(run_as_nobody(jailctl_path(), "start", JAILTEST_NAME), 1, JAILTEST_NAME, "root");
        cr_assert_eq(process_count("jaild"), 0);
}

Test(refusals, kernel_too_old) {
        RunResult r;

        jail_use_built();
        r = run("setarch", "--uname-2.6", jaild_path(), JAILTEST_NAME, NULL);
        assert_refused(r, 1, "this kernel (2.6.", "5.15 or newer is needed");
        r = run("setarch", "--uname-2.6", jailctl_path(), "start", JAILTEST_NAME, NULL);
        assert_refused(r, 1, "this kernel (2.6.", "5.15 or newer is needed");
        assert_nothing_left_but_the_build();
}

/* seccomp(2) is answered as by a kernel that has it not. */
static void forget_seccomp(void) {
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };

        cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                           &(struct sock_fprog){ .len = ELEMENTSOF(filter), .filter = filter }),
                     0);
}

Test(refusals, kernel_without_seccomp) {
        jail_use_built();
        forget_seccomp();
        assert_refused(run(jaild_path(), JAILTEST_NAME, NULL), 1, "this kernel was built without seccomp",
                       "CONFIG_SECCOMP_FILTER");
        assert_refused(jailctl("start", JAILTEST_NAME), 1, "this kernel was built without seccomp",
                       "CONFIG_SECCOMP_FILTER");
        assert_nothing_left_but_the_build();
}
