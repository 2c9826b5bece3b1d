#include "jailtest.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "bus.h"

/* Given by private.sh, and the same for all test cases of a program. */
#define SHARED_DIR "/media"

/* Of one load. */
#define LOAD_REQUESTS 200

#define check(condition, ...) cr_assert(condition, __VA_ARGS__)

static const char *environment(const char *name) {
        const char *value = getenv(name);

        check(value, "%s is not set: run this by meson test", name);
        return value;
}

const char *jailctl_path(void) {
        return environment("JAILCTL");
}

const char *jaild_path(void) {
        return environment("JAILD_BINARY");
}

static uint64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static int remaining_msec(uint64_t deadline_msec) {
        uint64_t now = now_msec();

        return now < deadline_msec ? (int) (deadline_msec - now) : 0;
}

static void mount_tmpfs(const char *where) {
        check(mount("jailtest", where, "tmpfs", MS_NOSUID, "mode=0755") == 0, "cannot mount on %s: %s",
              where, strerror(errno));
}

void jailtest_setup(void) {
        static const char *const folders[] = { JAILD_CONF_DIR, JAILD_STATE_DIR, JAILD_LOG_DIR,
                                               JAILD_RUN_DIR };
        struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
        _cleanup_close_ int fd = -EBADF;

        check(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "%s", strerror(errno));
        check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "%s", strerror(errno));
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                mount_tmpfs(folders[i]);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        check(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0, "lo: %s", strerror(errno));
}

/* A test case that failed half-way must not leave its jail to the next one; private.sh has the last word. */
void jailtest_teardown(void) {
        (void) jailctl("stop", JAILTEST_NAME);
}

char *path(const char *format, ...) {
        va_list ap;
        char *s = NULL;

        va_start(ap, format);
        check(vasprintf(&s, format, ap) >= 0, "out of memory");
        va_end(ap);
        return s;
}

static char *read_all(int fd) {
        char *text = NULL;
        size_t size = 0;
        ssize_t k;

        check(lseek(fd, 0, SEEK_SET) >= 0 || errno == ESPIPE, "%s", strerror(errno));
        do {
                text = realloc(text, size + 65536);
                check(text, "out of memory");
                k = read(fd, text + size, 65535);
                /* Of a process that has ended since the file was opened (proc(5)): nothing. */
                if (k < 0 && errno == ESRCH)
                        k = 0;
                check(k >= 0, "%s", strerror(errno));
                size += (size_t) k;
        } while (k > 0);
        text[size] = '\0';
        return text;
}

/* The output goes to memory, not to pipes: a supervisor that the program starts may keep them open. */
RunResult run_argv(const char *const *argv) {
        _cleanup_close_ int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
        int status;
        pid_t pid;

        check(out >= 0 && err >= 0, "%s", strerror(errno));
        pid = fork();
        check(pid >= 0, "%s", strerror(errno));
        if (pid == 0) {
                int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

                if (dup2(null_fd, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2)
                        execvp(argv[0], (char *const *) (uintptr_t) argv);
                _exit(127);
        }
        check(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
        return (RunResult){
                .status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                .out = read_all(out),
                .err = read_all(err),
        };
}

RunResult run(const char *program, ...) {
        const char *argv[32] = { program };
        va_list ap;

        va_start(ap, program);
        for (size_t n = 1; (argv[n] = va_arg(ap, const char *)); n++)
                check(n + 1 < ELEMENTSOF(argv), "too many arguments");
        va_end(ap);
        return run_argv(argv);
}

RunResult jailctl_ok(const char *verb, const char *name) {
        RunResult r = jailctl(verb, name);

        check(r.status == 0, "jailctl %s %s: %d: %s", verb, name, r.status, r.err);
        return r;
}

void file_write(const char *file, const char *text) {
        _cleanup_fclose_ FILE *f = fopen(file, "we");

        check(f && fputs(text, f) >= 0 && fflush(f) == 0, "cannot write %s: %s", file, strerror(errno));
}

char *file_read(const char *file) {
        _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? NULL : read_all(fd);
}

bool file_wait_for(const char *file, const char *text, unsigned timeout_seconds) {
        uint64_t deadline = now_msec() + timeout_seconds * 1000ULL;
        _cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        char *dir = path("%.*s", (int) (strrchr(file, '/') - file), file);
        struct pollfd p = { .fd = fd, .events = POLLIN };

        check(inotify_add_watch(fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) >= 0, "%s: %s", dir,
              strerror(errno));
        for (;;) {
                char events[4096], *content = file_read(file);

                if (content && strstr(content, text))
                        return true;
                if (poll(&p, 1, remaining_msec(deadline)) <= 0)
                        return false;
                (void) !read(fd, events, sizeof(events));
        }
}

void jail_conf_write(const char *name, const char *text) {
        file_write(path(JAILD_CONF_DIR "/%s.conf", name), text);
}

static void copy_tree(const char *from, const char *to) {
        RunResult r = run("cp", "-a", path("%s/.", from), to, NULL);

        check(r.status == 0, "%s", r.err);
}

void apache_make_private(void) {
        _cleanup_close_ int fd = open("/etc/apache2", O_RDONLY | O_DIRECTORY);

        check(fd >= 0, "/etc/apache2: %s", strerror(errno));
        mount_tmpfs("/etc/apache2");
        /* What is below the new mount is still reached through the descriptor. */
        copy_tree(path("/proc/%d/fd/%d", getpid(), fd), "/etc/apache2");
}

void jail_use_built(void) {
        static const char shared[] = SHARED_DIR "/" JAILTEST_NAME;

        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        if (access(shared, F_OK) < 0) {
                jailctl_ok("build", JAILTEST_NAME);
                check(mkdir(SHARED_DIR "/new", 0755) == 0 || errno == EEXIST, "%s", strerror(errno));
                copy_tree(JAILD_STATE_DIR "/" JAILTEST_NAME, SHARED_DIR "/new");
                check(rename(SHARED_DIR "/new", shared) == 0, "%s", strerror(errno));
                return;
        }
        check(mkdir(JAILD_STATE_DIR "/" JAILTEST_NAME, 0755) == 0, "%s", strerror(errno));
        copy_tree(shared, JAILD_STATE_DIR "/" JAILTEST_NAME);
}

pid_t jail_use_running(void) {
        jail_use_built();
        jailctl_ok("start", JAILTEST_NAME);
        return (pid_t) jail_status_number("main-pid");
}

void jail_start_without_landlock(void) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { ELEMENTSOF(code), code };
        pid_t pid = fork();
        int status;

        check(pid >= 0, "%s", strerror(errno));
        if (pid == 0)
                _exit(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 &&
                                                      jailctl("start", JAILTEST_NAME).status == 0
                                      ? EXIT_SUCCESS
                                      : EXIT_FAILURE);
        check(waitpid(pid, &status, 0) == pid && status == 0, "it was not started");
        check(strstr(file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/jaild.log"), "no Landlock"),
              "Landlock is there");
}

char *jail_root(void) {
        char *root = realpath(JAILD_STATE_DIR "/" JAILTEST_NAME "/current/root", NULL);

        check(root, "no generation is current");
        return root;
}

json_object *jail_status(void) {
        RunResult r = jailctl("--json", "status", JAILTEST_NAME);
        json_object *o = json_tokener_parse(r.out);

        check(o, "no JSON: %s%s", r.out, r.err);
        if (json_object_is_type(o, json_type_array))
                o = json_object_array_get_idx(o, 0);
        return o;
}

static json_object *jail_status_value(const char *key) {
        json_object *value;

        check(json_object_object_get_ex(jail_status(), key, &value), "status does not say %s", key);
        return value;
}

const char *jail_status_string(const char *key) {
        return json_object_get_string(jail_status_value(key)) ?: "";
}

int64_t jail_status_number(const char *key) {
        return json_object_get_int64(jail_status_value(key));
}

static sd_bus *jail_connect(void) {
        sd_bus *bus = NULL;

        check(sd_bus_new(&bus) >= 0 &&
                              sd_bus_set_address(bus, "unix:path=" JAILD_RUN_DIR "/" JAILTEST_NAME
                                                      "/" JAIL_RUN_CONTROL) >= 0 &&
                              sd_bus_start(bus) >= 0,
              "cannot connect to the control socket");
        return bus;
}

/* The process first: a state that is read after it cannot be older. */
static bool runs_with_other_master(sd_bus *bus, pid_t master, pid_t *ret) {
        _cleanup_free_ char *state = NULL;
        uint32_t pid = 0;

        if (sd_bus_get_property_trivial(bus, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, "MainPID", NULL, 'u',
                                        &pid) < 0 ||
            sd_bus_get_property_string(bus, NULL, JAIL_BUS_PATH, JAIL_BUS_INTERFACE, "State", NULL, &state) <
                            0)
                return false;
        *ret = (pid_t) pid;
        return streq(state, "running") && pid > 0 && (pid_t) pid != master;
}

/* Each StateChanged wakes the connection. */
pid_t jail_wait_for_other_master(pid_t master, unsigned timeout_seconds) {
        uint64_t deadline = now_msec() + timeout_seconds * 1000ULL;
        sd_bus *bus = jail_connect();
        pid_t pid = 0;
        int r = 0;

        while (!runs_with_other_master(bus, master, &pid)) {
                check(remaining_msec(deadline) > 0, "no new master: %s",
                      jailctl("status", JAILTEST_NAME).out);
                /* What has come is a reason to look again, and may be the last that comes. */
                r = sd_bus_process(bus, NULL);
                if (r == 0) {
                        r = sd_bus_wait(bus, (uint64_t) remaining_msec(deadline) * 1000);
                        check(r != 0, "nobody was told of a new master: %s",
                              jailctl("status", JAILTEST_NAME).out);
                }
                check(r >= 0, "jaild has gone: %s", jailctl("status", JAILTEST_NAME).out);
        }
        sd_bus_flush_close_unref(bus);
        return pid;
}

pid_t jail_wait_for_standby(pid_t other) {
        uint64_t deadline = now_msec() + 20000;
        pid_t pid;

        while ((pid = (pid_t) jail_status_number("standby-pid")) <= 0 || pid == other) {
                check(remaining_msec(deadline) > 0, "no standby: %s", jailctl("status", JAILTEST_NAME).out);
                usleep(50000);
        }
        return pid;
}

void jail_bear_load(const char *url) {
        const char *seconds = getenv("JAILTEST_LOAD_SECONDS");
        char *range = path("%s?n=[1-%u]", url, LOAD_REQUESTS);
        time_t end = time(NULL) + (seconds ? atoi(seconds) : 0);

        jailctl_ok("graceful", JAILTEST_NAME);
        do {
                RunResult r = run("curl", "-sSfk", "--noproxy", "*", "--parallel", "--parallel-max", "8",
                                  "-o", "/dev/null", range, NULL);

                cr_assert_eq(r.status, 0, "%s\n%s", r.err,
                             file_read(JAILD_LOG_DIR "/" JAILTEST_NAME "/error.log"));
        } while (time(NULL) < end);
        cr_assert_eq(jail_status_number("worker-deaths"), 0);
        cr_assert_eq(jail_status_number("restarts"), 0);
}

char *process_field(pid_t pid, const char *field) {
        char *text = file_read(path("/proc/%d/status", pid)), *line, *value, *save;

        for (line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
                value = strchr(line, ':');
                if (!value || (size_t) (value - line) != strlen(field) ||
                    strncmp(line, field, strlen(field)) != 0)
                        continue;
                return value + 1 + strspn(value + 1, " \t");
        }
        return NULL;
}

static bool pid_parse(const char *s, pid_t *ret) {
        char *end;

        *ret = (pid_t) strtol(s, &end, 10);
        return *ret > 0 && *end == '\0';
}

bool process_find(bool (*fn)(pid_t pid, void *userdata), void *userdata) {
        DIR *proc = opendir("/proc");
        bool found = false;
        pid_t pid;

        check(proc, "%s", strerror(errno));
        for (struct dirent *d; !found && (d = readdir(proc));)
                found = pid_parse(d->d_name, &pid) && fn(pid, userdata);
        closedir(proc);
        return found;
}

typedef struct ChildSearch {
        pid_t parent;
        pid_t child;
} ChildSearch;

static bool is_child(pid_t pid, void *userdata) {
        ChildSearch *search = userdata;
        const char *parent = process_field(pid, "PPid");

        if (!parent || atoi(parent) != search->parent)
                return false;
        search->child = pid;
        return true;
}

pid_t process_child(pid_t pid) {
        ChildSearch search = { .parent = pid };

        (void) process_find(is_child, &search);
        return search.child;
}

typedef struct NameCount {
        const char *name;
        unsigned n;
} NameCount;

static bool count_name(pid_t pid, void *userdata) {
        NameCount *count = userdata;
        const char *name = process_field(pid, "Name"), *state = process_field(pid, "State");

        if (name && state && streq(name, count->name) && state[0] != 'Z')
                count->n++;
        return false;
}

unsigned process_count(const char *name) {
        NameCount count = { .name = name };

        (void) process_find(count_name, &count);
        return count.n;
}

bool process_wait_for_end(pid_t pid, unsigned timeout_seconds) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);

        return fd < 0 ||
               poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, (int) timeout_seconds * 1000) > 0;
}

static size_t keep_body(char *data, size_t size, size_t n, void *userdata) {
        FILE *f = userdata;

        return fwrite(data, size, n, f);
}

HttpReply http_get(const char *url, const char *from) {
        HttpReply reply = {};
        size_t size;
        FILE *f = open_memstream(&reply.body, &size);
        CURL *curl = curl_easy_init();
        CURLcode code;

        check(f && curl, "out of memory");
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
        if (from)
                curl_easy_setopt(curl, CURLOPT_INTERFACE, path("host!%s", from));
        code = curl_easy_perform(curl);
        fclose(f);
        if (code == CURLE_OK)
                curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
        else
                reply.error = curl_easy_strerror(code);
        curl_easy_cleanup(curl);
        return reply;
}
