#include "doctor.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "config-paths.h"
#include "config.h"
#include "packages.h"

#define KERNEL_MIN_MAJOR 5
#define KERNEL_MIN_MINOR 15

/* The oldest that all of this was tried with. */
#define SYSTEMD_MIN 252

/* Signals and abstract sockets are kept in from this one on. */
#define LANDLOCK_ABI_WANTED 6

/* Jails are some megabytes each; a build makes a whole one more. */
#define STATE_BYTES_MIN ((uint64_t) 256 * 1024 * 1024)

/* What systemd and others of root's take of fs.inotify.max_user_instances. */
#define INOTIFY_OF_OTHERS 16

/* A result with what was found. */
static int found(int result, char **ret_found, const char *format, ...)
                __attribute__((format(printf, 3, 4)));

static int found(int result, char **ret_found, const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(ret_found, format, ap);
        va_end(ap);
        return n < 0 ? -ENOMEM : result;
}

/* The first line of a file, or "". */
static const char *read_line(const char *path, char *buf, size_t size) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");

        buf[0] = '\0';
        if (f && fgets(buf, (int) size, f))
                buf[strcspn(buf, "\n")] = '\0';
        return buf;
}

static int check_root(char **ret_found) {
        return geteuid() == 0 ? found(DOCTOR_OK, ret_found, "root")
                              : found(DOCTOR_UNKNOWN, ret_found, "user %u", geteuid());
}

static int check_kernel(char **ret_found) {
        struct utsname u;
        int major = 0, minor = 0;

        if (uname(&u) < 0)
                return found(DOCTOR_MISSING, ret_found, "%s", strerror(errno));
        (void) sscanf(u.release, "%d.%d", &major, &minor);
        return found(major > KERNEL_MIN_MAJOR || (major == KERNEL_MIN_MAJOR && minor >= KERNEL_MIN_MINOR)
                                     ? DOCTOR_OK
                                     : DOCTOR_MISSING,
                     ret_found, "%s %s", u.release, u.machine);
}

/* Those that glibc or the kernel may be too old for; called with what they refuse, they do nothing. */
static int check_calls(char **ret_found) {
        static const struct {
                const char *name;
                long number;
        } calls[] = {
                { "clone3", SYS_clone3 },           { "openat2", SYS_openat2 },
                { "pidfd_open", SYS_pidfd_open },   { "pidfd_getfd", SYS_pidfd_getfd },
                { "open_tree", SYS_open_tree },     { "move_mount", SYS_move_mount },
                { "fsopen", SYS_fsopen },           { "mount_setattr", SYS_mount_setattr },
                { "close_range", SYS_close_range },
        };

        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                if (syscall(calls[i].number, -1L, -1L, -1L, 0L, 0L) < 0 && errno == ENOSYS)
                        return found(DOCTOR_MISSING, ret_found, "no %s(2)", calls[i].name);
        return found(DOCTOR_OK, ret_found, "%zu of %zu", ELEMENTSOF(calls), ELEMENTSOF(calls));
}

static int check_notify(char **ret_found) {
        uint32_t action = SECCOMP_RET_USER_NOTIF;
        struct seccomp_notif_sizes sizes;

        if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ||
            syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
                return found(DOCTOR_MISSING, ret_found, "%s", strerror(errno));
        return found(DOCTOR_OK, ret_found, "available");
}

static int check_namespaces(char **ret_found) {
        static const char *const types[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup" };
        char path[64], limit[32];

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                snprintf(path, sizeof(path), "/proc/self/ns/%s", types[i]);
                if (access(path, F_OK) < 0)
                        return found(DOCTOR_MISSING, ret_found, "no %s namespaces", types[i]);
                snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", types[i]);
                if (streq(read_line(path, limit, sizeof(limit)), "0"))
                        return found(DOCTOR_MISSING, ret_found, "%s is 0", path);
        }
        if (access("/proc/self/ns/time", F_OK) < 0)
                return found(DOCTOR_LESS, ret_found, "all but time namespaces");
        return found(DOCTOR_OK, ret_found, "mount, pid, net, ipc, uts, cgroup, time");
}

/* In a child, as jaild does it: all namespaces, a private tree of mounts, a filter with a listener. */
static int try_room(void) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        const struct sock_fprog program = { 1, &allow };

        if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                    CLONE_NEWCGROUP) < 0)
                return 1;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return 2;
        if (open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) < 0)
                return 3;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0)
                return 4;
        return 0;
}

static int check_room(char **ret_found) {
        static const char *const steps[] = { "works", "no namespaces may be made",
                                             "mounts may not be made private", "mounts may not be cloned",
                                             "no system-call filter may be set" };
        int status;
        pid_t pid;

        if (geteuid() != 0)
                return DOCTOR_UNKNOWN;
        pid = fork();
        if (pid == 0)
                _exit(try_room());
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                return found(DOCTOR_MISSING, ret_found, "%s", strerror(errno));
        if (!WIFEXITED(status) || (size_t) WEXITSTATUS(status) >= ELEMENTSOF(steps))
                return found(DOCTOR_MISSING, ret_found, "the attempt was killed");
        return found(WEXITSTATUS(status) == 0 ? DOCTOR_OK : DOCTOR_MISSING, ret_found, "%s",
                     steps[WEXITSTATUS(status)]);
}

static int check_landlock(char **ret_found) {
        int abi = (int) syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        char modules[256];

        if (abi < 0)
                return found(DOCTOR_LESS, ret_found, "%s (lsm: %s)",
                             errno == EOPNOTSUPP ? "switched off" : "none",
                             read_line("/sys/kernel/security/lsm", modules, sizeof(modules)));
        read_line("/sys/kernel/security/lsm", modules, sizeof(modules));
        return found(abi >= LANDLOCK_ABI_WANTED ? DOCTOR_OK : DOCTOR_LESS, ret_found, "ABI %d%s%s", abi,
                     *modules ? ", of " : "", modules);
}

static int check_yama(char **ret_found) {
        char scope[16];

        read_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
        if (!*scope)
                return found(DOCTOR_OK, ret_found, "no Yama");
        return found(streq(scope, "3") ? DOCTOR_MISSING : DOCTOR_OK, ret_found, "ptrace_scope is %s", scope);
}

static int check_dumpable(char **ret_found) {
        char value[16];

        read_line("/proc/sys/fs/suid_dumpable", value, sizeof(value));
        return found(streq(value, "1") ? DOCTOR_LESS : DOCTOR_OK, ret_found, "fs.suid_dumpable is %s",
                     value);
}

static int check_links(char **ret_found) {
        static const char *const names[] = { "protected_hardlinks", "protected_symlinks", "protected_fifos",
                                             "protected_regular" };
        char path[64], value[16];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(path, sizeof(path), "/proc/sys/fs/%s", names[i]);
                if (streq(read_line(path, value, sizeof(value)), "0"))
                        return found(DOCTOR_LESS, ret_found, "fs.%s is 0", names[i]);
        }
        return found(DOCTOR_OK, ret_found, "on");
}

static int check_backlog(char **ret_found) {
        char value[16];

        read_line("/proc/sys/net/core/somaxconn", value, sizeof(value));
        return found(strtoul(value, NULL, 10) >= 511 ? DOCTOR_OK : DOCTOR_LESS, ret_found,
                     "net.core.somaxconn is %s", *value ? value : "unknown");
}

/* Whether the jail with that configuration file has Standby=yes. */
static bool has_standby(const char *path) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_free_ char *name = strndup(path + strlen(JAILD_CONF_DIR "/"),
                                            strlen(path) - strlen(JAILD_CONF_DIR "/.conf"));
        ConfigError error = {};
        bool has = name && jail_config_load(name, &config, &error) >= 0 && config->standby;

        config_error_done(&error);
        return has;
}

/* The supervisor of each standby takes one, to see when it is not current any more. */
static int check_inotify(char **ret_found) {
        char value[16];
        unsigned long instances;
        size_t standbys = 0;
        glob_t confs = {};

        read_line("/proc/sys/fs/inotify/max_user_instances", value, sizeof(value));
        instances = strtoul(value, NULL, 10);
        if (glob(JAILD_CONF_DIR "/*.conf", 0, NULL, &confs) == 0)
                for (size_t i = 0; i < confs.gl_pathc; i++)
                        standbys += has_standby(confs.gl_pathv[i]);
        globfree(&confs);
        return found(standbys + INOTIFY_OF_OTHERS <= instances ? DOCTOR_OK : DOCTOR_LESS, ret_found,
                     "fs.inotify.max_user_instances is %s, and %zu %s a standby", *value ? value : "unknown",
                     standbys, standbys == 1 ? "jail has" : "jails have");
}

/* The folder of all jails, or where it is going to be. */
static const char *state_folder(void) {
        return access(JAILD_STATE_DIR, F_OK) == 0 ? JAILD_STATE_DIR : "/var/lib";
}

static int check_state_space(char **ret_found) {
        struct statvfs st;
        uint64_t left;

        if (statvfs(state_folder(), &st) < 0)
                return found(DOCTOR_MISSING, ret_found, "%s: %s", state_folder(), strerror(errno));
        left = (uint64_t) st.f_bavail * st.f_frsize;
        if (st.f_flag & ST_RDONLY)
                return found(DOCTOR_MISSING, ret_found, "%s is on a read-only file system", state_folder());
        return found(left >= STATE_BYTES_MIN ? DOCTOR_OK : DOCTOR_LESS, ret_found, "%llu MiB free in %s",
                     (unsigned long long) (left >> 20), state_folder());
}

static int check_state_flags(char **ret_found) {
        struct statx st;

        if (statx(AT_FDCWD, state_folder(), 0, STATX_BASIC_STATS, &st) < 0)
                return found(DOCTOR_LESS, ret_found, "%s: %s", state_folder(), strerror(errno));
        return st.stx_attributes_mask & STATX_ATTR_IMMUTABLE
                               ? found(DOCTOR_OK, ret_found, "known to the file system of %s",
                                       state_folder())
                               : found(DOCTOR_LESS, ret_found, "unknown to the file system of %s",
                                       state_folder());
}

static int check_systemd(char **ret_found) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *version = NULL;

        if (sd_booted() <= 0)
                return found(DOCTOR_LESS, ret_found, "process 1 is another");
        if (sd_bus_open_system(&bus) < 0 ||
            sd_bus_get_property_string(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                       "org.freedesktop.systemd1.Manager", "Version", NULL, &version) < 0)
                return found(DOCTOR_LESS, ret_found, "process 1, and it does not answer on the system bus");
        /* "252.39-1~deb12u1" */
        return found(strtoul(version, NULL, 10) >= SYSTEMD_MIN ? DOCTOR_OK : DOCTOR_LESS, ret_found, "%s",
                     version);
}

/* It is started by the bus when it is asked. */
static int check_polkit(char **ret_found) {
        static const char name[] = "org.freedesktop.PolicyKit1";
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *s;

        if (sd_bus_open_system(&bus) < 0)
                return found(DOCTOR_LESS, ret_found, "there is no system bus");
        if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "ListActivatableNames", NULL, &reply, NULL) < 0 ||
            sd_bus_message_enter_container(reply, 'a', "s") < 0)
                return found(DOCTOR_LESS, ret_found, "the system bus does not answer");
        while (sd_bus_message_read(reply, "s", &s) > 0)
                if (streq(s, name))
                        return found(DOCTOR_OK, ret_found, "there");
        return found(DOCTOR_LESS, ret_found, "there is none");
}

static int check_cgroups(char **ret_found) {
        struct statfs st;

        /* CGROUP2_SUPER_MAGIC of linux/magic.h */
        if (statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == 0x63677270)
                return found(DOCTOR_OK, ret_found, "version 2");
        return found(DOCTOR_LESS, ret_found, "not version 2");
}

static int check_group(char **ret_found) {
        return getgrnam("jaild") ? found(DOCTOR_OK, ret_found, "there")
                                 : found(DOCTOR_LESS, ret_found, "there is no group jaild");
}

static int check_users(char **ret_found) {
        static const char *const names[] = { "jaild", "jaild-probe" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (!getpwnam(names[i]))
                        return found(DOCTOR_LESS, ret_found, "there is no user %s", names[i]);
        return found(DOCTOR_OK, ret_found, "jaild, jaild-probe");
}

static int check_programs(char **ret_found) {
        static const char *const programs[] = { JAILD_BINARY, JAILD_INSPECT, JAILD_PROBE };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (access(programs[i], X_OK) < 0)
                        return found(DOCTOR_LESS, ret_found, "%s: %s", programs[i], strerror(errno));
        return found(DOCTOR_OK, ret_found, "jaild %s", JAILD_VERSION);
}

/* Its module is loaded by whoever asks for the first one. */
static int check_overlay(char **ret_found) {
        _cleanup_close_ int fd = -EBADF;

        if (geteuid() != 0)
                return DOCTOR_UNKNOWN;
        fd = fsopen("overlay", FSOPEN_CLOEXEC);
        return fd < 0 ? found(DOCTOR_LESS, ret_found, "%s", strerror(errno))
                      : found(DOCTOR_OK, ret_found, "available");
}

static int check_packages(char **ret_found) {
        static const char *const programs[] = { "/usr/bin/dpkg-query", "/usr/bin/rpm" };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (access(programs[i], X_OK) == 0)
                        return found(DOCTOR_OK, ret_found, "%s", programs[i]);
        return found(DOCTOR_LESS, ret_found, "there is neither dpkg nor rpm");
}

static int check_apache(char **ret_found) {
        static const char *const programs[] = { "/usr/sbin/apache2", "/usr/sbin/httpd",
                                                "/usr/local/apache2/bin/httpd" };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++) {
                _cleanup_(packages_done) Packages p = {};
                _cleanup_free_ char *reason = NULL;

                if (access(programs[i], F_OK) < 0)
                        continue;
                if (packages_find("/", &programs[i], 1, &p, &reason) >= 0 && p.owners[0] >= 0)
                        return found(DOCTOR_OK, ret_found, "%s, %s %s", programs[i],
                                     p.packages[p.owners[0]].name, p.packages[p.owners[0]].version);
                return found(DOCTOR_OK, ret_found, "%s", programs[i]);
        }
        return found(DOCTOR_LESS, ret_found, "none where it is looked for");
}

static const DoctorCheck checks[] = {
        { "root", "Run by root", "some of what follows cannot be told", "run it as root", check_root },
        { "kernel", "Kernel 5.15 or newer", "no jail can be started", "install a newer kernel",
          check_kernel },
        { "calls", "System calls of that kernel", "no jail can be started",
          "a container or a sandbox keeps them away: allow them there", check_calls },
        { "seccomp-notify", "Seccomp with user notification",
          "no jail can be started: ports are granted by it", "CONFIG_SECCOMP_FILTER in the kernel",
          check_notify },
        { "namespaces", "Namespaces",
          "no jail can be started; without time namespaces it knows how long the host runs",
          "raise user.max_*_namespaces; CONFIG_*_NS in the kernel", check_namespaces },
        { "room", "A room can be made", "no jail can be started",
          "where this is a container, it needs CAP_SYS_ADMIN and a seccomp profile that allows it",
          check_room },
        { "landlock", "Landlock, ABI 6 or newer",
          "the mounts alone guard the files; before ABI 6 the namespaces alone guard signals and abstract sockets",
          "boot with lsm=landlock,… ; a newer kernel", check_landlock },
        { "yama", "Processes of the jail may be looked at by root",
          "no jail can be started: addresses cannot be read",
          "kernel.yama.ptrace_scope of 2 or less, from the next boot on", check_yama },
        { "suid-dumpable", "Programs that cannot be read cannot be dumped",
          "a worker can read the memory of another one, and what crashes leaves a core file",
          "sysctl fs.suid_dumpable=0", check_dumpable },
        { "protected-links", "Links, FIFOs and files of others are guarded in /tmp",
          "users of the host can lay traps for each other, jails or not",
          "sysctl fs.protected_hardlinks=1 fs.protected_symlinks=1 fs.protected_fifos=1 fs.protected_regular=1",
          check_links },
        { "backlog", "Room for clients that wait",
          "under load, clients are refused while a server is exchanged", "sysctl net.core.somaxconn=4096",
          check_backlog },
        { "inotify", "Every standby can be kept current",
          "if all run at once, the last ones have no standby: the kernel counts what root watches",
          "sysctl fs.inotify.max_user_instances=1024", check_inotify },
        { "state-space", "Space for generations", "a build may fail; what runs is not touched", "make room",
          check_state_space },
        { "immutable", "Immutable files", "files of the tree cannot be made immutable",
          "ext4, xfs or btrfs for jaild's state folder", check_state_flags },
        { "systemd", "systemd 252 or newer",
          "without it nothing starts jails at boot, and a jail ends with its supervisor; an older one was not tried",
          "start jails by jailctl start; a supervision suite may run jaild NAME", check_systemd },
        { "cgroups", "Control groups, version 2", "memory and processes of a jail are not limited together",
          "boot with systemd.unified_cgroup_hierarchy=1", check_cgroups },
        { "overlay", "overlayfs", "jailctl enter cannot show a jail from inside",
          "CONFIG_OVERLAY_FS in the kernel", check_overlay },
        { "programs", "jaild's programs",
          "jails do not start, jailctl trace or enter does not work, or health is not checked",
          "install jaild as a whole", check_programs },
        { "users", "The users jaild and jaild-probe",
          "the system bus does not know jails, and health checks run as nobody",
          "systemd-sysusers, or useradd -r NAME", check_users },
        { "polkit", "polkit", "on the system bus only root and the group jaild may change something",
          "install polkitd, where others shall", check_polkit },
        { "packages", "Packages behind files", "why, diff, outdated and trace do not name packages",
          "nothing: files are told by their paths", check_packages },
        { "group", "The group jaild", "only root may start, stop and reload",
          "systemd-sysusers, or groupadd -r jaild", check_group },
        { "apache", "Apache", "there is nothing to jail, unless Httpd= names one",
          "install apache2 or httpd", check_apache },
};

size_t doctor_checks(const DoctorCheck **ret) {
        *ret = checks;
        return ELEMENTSOF(checks);
}

const char *doctor_result_to_string(DoctorResult result) {
        static const char *const names[_DOCTOR_RESULT_MAX] = {
                [DOCTOR_OK] = "ok",
                [DOCTOR_LESS] = "less",
                [DOCTOR_MISSING] = "missing",
                [DOCTOR_UNKNOWN] = "unknown",
        };

        return names[result];
}
