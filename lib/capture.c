#include "capture.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "reterr.h"
#include "strv.h"

#define TIMEOUT_MSEC (30 * 1000)
#define NOBODY       65534

/* What a program may write, in one file or to us; it is memory of the host. */
#define WRITTEN_MAX ((rlim_t) 256 * 1024 * 1024)

/* What a child that could not become the program exits with; see env(1). */
#define EXIT_CANNOT_RUN 126

void capture_done(Capture *c) {
        free(c->out);
        free(c->err);
        *c = (Capture){};
}

bool capture_succeeded(const Capture *c) {
        return WIFEXITED(c->status) && WEXITSTATUS(c->status) == EXIT_SUCCESS;
}

/* NULL: the host's own. */
static const char *tree_of(const CaptureOptions *options) {
        return options->root && !streq(options->root, "/") ? options->root : NULL;
}

static void close_folder(DIR **d) {
        if (*d)
                closedir(*d);
}

/* The folders of the host's /run, and the wanted ones. */
static int list_run_folders(char *const *wanted, char ***ret) {
        _cleanup_strv_free_ char **folders = NULL;
        _cleanup_(close_folder) DIR *d = opendir("/run");
        char path[PATH_MAX];
        int r = 0;

        if (!d)
                return -errno;
        for (struct dirent *e; r >= 0 && (e = readdir(d));) {
                if (e->d_type != DT_DIR || e->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "/run/%s", e->d_name);
                r = strv_extend(&folders, path);
        }
        for (; r >= 0 && *wanted; wanted++)
                r = strv_extend(&folders, *wanted);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(folders);
        return 0;
}

/* mkdir -p, but only inside of the private /run: elsewhere a missing folder is missing. */
static int make_folders(const char *path, dev_t run_device) {
        char part[PATH_MAX] = "/";
        size_t length = strlen(path);
        struct stat st;

        if (length >= sizeof(part))
                return -ENAMETOOLONG;
        for (size_t i = 1; i <= length; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                if (stat(part, &st) < 0)
                        return -errno;
                memcpy(part, path, i);
                part[i] = '\0';
                if (access(part, F_OK) == 0)
                        continue;
                if (st.st_dev != run_device)
                        return 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

/* The tree becomes '/', with the devices that every program expects and no others. */
static int enter_root(const char *root) {
        static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/urandom" };
        char path[PATH_MAX];

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(root, root, NULL, MS_BIND, NULL) < 0 ||
            mount(NULL, root, NULL, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(devices); i++) {
                /* Where the tree has no such file there is nothing to mount on, and the program says what it misses. */
                snprintf(path, sizeof(path), "%s%s", root, devices[i]);
                (void) mount(devices[i], path, NULL, MS_BIND, NULL);
        }
        return chdir(root) < 0 || chroot(".") < 0 ? -errno : 0;
}

/* Root of a strange tree is the owner of its files and nothing more. */
static int drop_capabilities(void) {
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return -errno;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int enter_private_run(char *const *folders) {
        _cleanup_close_ int socket_fd = -EBADF;
        struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
        struct stat run;

        if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=16m") < 0 ||
            stat("/run", &run) < 0)
                return -errno;
        for (; *folders; folders++) {
                int r = make_folders(*folders, run.st_dev);

                if (r < 0)
                        return r;
        }
        /* As in the jail: a loopback, and no name service that could be slow to answer. */
        socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (socket_fd >= 0)
                (void) ioctl(socket_fd, SIOCSIFFLAGS, &lo);
        return 0;
}

static int enter_confinement(void) {
        struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };

        if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof(read_only)) < 0 ||
            mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=512m") < 0 ||
            setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        /* A change of identity clears it. */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        return 0;
}

_Noreturn static void run_child(char *const argv[], char *const environment[], char *const *folders,
                                const CaptureOptions *options, int out_fd, int err_fd) {
        const char *root = tree_of(options);
        int in_fd = options->in_fd > 0 ? options->in_fd : open("/dev/null", O_RDONLY | O_CLOEXEC), r = 0;

        (void) umask(022);
        (void) setrlimit(RLIMIT_FSIZE, &(struct rlimit){ WRITTEN_MAX, WRITTEN_MAX });
        /* Whoever is killed leaves nothing running. */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (in_fd < 0 || dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
            dup2(err_fd, STDERR_FILENO) < 0)
                _exit(EXIT_CANNOT_RUN);
        if (root)
                r = enter_root(root);
        if (r >= 0 && folders)
                r = enter_private_run(folders);
        if (r >= 0 && root)
                r = drop_capabilities();
        if (r >= 0 && options->is_confined)
                r = enter_confinement();
        if (r >= 0) {
                (void) execve(argv[0], argv, environment);
                r = -errno;
        }
        dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(-r));
        _exit(EXIT_CANNOT_RUN);
}

static int read_all(int fd, char **ret, size_t *ret_length) {
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t length = 0;

        if (fstat(fd, &st) < 0)
                return -errno;
        text = malloc((size_t) st.st_size + 1);
        if (!text)
                return -ENOMEM;
        while (length < (size_t) st.st_size) {
                ssize_t n = pread(fd, text + length, (size_t) st.st_size - length, (off_t) length);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
        }
        text[length] = '\0';
        *ret = TAKE_PTR(text);
        *ret_length = length;
        return 0;
}

static int wait_for(pid_t pid, int *ret_status) {
        _cleanup_close_ int pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { .fd = pid_fd, .events = POLLIN };
        int n;

        do
                n = pid_fd < 0 ? -1 : poll(&p, 1, TIMEOUT_MSEC);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return n == 0 ? -ETIMEDOUT : n < 0 ? -EIO : 0;
}

static void child_done(CaptureChild *child) {
        (void) close_fd(child->out_fd);
        (void) close_fd(child->err_fd);
        free(child->program);
        *child = (CaptureChild){};
}

int capture_begin(char *const argv[], char *const environment[], const CaptureOptions *options,
                  CaptureChild *ret, char **reterr) {
        const char *root = tree_of(options);
        /* Files rather than pipes: nothing has to be read while it runs, and no limit can be hit. */
        _cleanup_close_ int out_fd = memfd_create("stdout", MFD_CLOEXEC),
                            err_fd = memfd_create("stderr", MFD_CLOEXEC);
        _cleanup_strv_free_ char **folders = NULL;
        _cleanup_free_ char *program = strdup(argv[0]);
        pid_t pid;
        int r;

        if (!program)
                return -ENOMEM;
        if (out_fd < 0 || err_fd < 0)
                return reterr_set(reterr, -errno, "cannot run %s: %s", program, strerror(errno));
        if (options->run_folders && (r = list_run_folders(options->run_folders, &folders)) < 0)
                return reterr_set(reterr, r, "cannot list /run: %s", strerror(-r));
        /* As fork(2), which cannot make namespaces. */
        pid = root ? (pid_t) syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | CLONE_NEWIPC, NULL, NULL, NULL, 0UL)
                   : fork();
        if (pid < 0)
                return reterr_set(reterr, -errno, "cannot run %s: %s", program, strerror(errno));
        if (pid == 0)
                run_child(argv, environment, folders, options, out_fd, err_fd);
        *ret = (CaptureChild){ .program = TAKE_PTR(program),
                               .pid = pid,
                               .out_fd = TAKE_FD(out_fd),
                               .err_fd = TAKE_FD(err_fd) };
        return 0;
}

int capture_end(CaptureChild *child, Capture *ret, char **reterr) {
        _cleanup_(child_done) CaptureChild ended = *child;
        _cleanup_(capture_done) Capture c = {};
        int r;

        *child = (CaptureChild){};
        r = wait_for(ended.pid, &c.status);
        if (r == -ETIMEDOUT)
                return reterr_set(reterr, r, "%s did not end within %d s and was killed", ended.program,
                                  TIMEOUT_MSEC / 1000);
        if (r < 0 || (r = read_all(ended.out_fd, &c.out, &c.out_length)) < 0 ||
            (r = read_all(ended.err_fd, &c.err, &c.err_length)) < 0)
                return reterr_set(reterr, r, "cannot run %s: %s", ended.program, strerror(-r));
        *ret = c;
        c = (Capture){};
        return 0;
}

void capture_abandon(CaptureChild *child) {
        if (child->pid <= 0)
                return;
        (void) kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        child_done(child);
}

int capture_run(char *const argv[], char *const environment[], const CaptureOptions *options, Capture *ret,
                char **reterr) {
        CaptureChild child;
        int r = capture_begin(argv, environment, options, &child, reterr);

        return r < 0 ? r : capture_end(&child, ret, reterr);
}
