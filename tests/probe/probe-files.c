#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "probe.h"

static int can_open(const char *path, int flags) {
        _cleanup_close_ int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : 0;
}

/* 0 where one of them can be opened. */
static int can_open_any(const char *const *paths, int flags) {
        int r = -ENOENT;

        for (; *paths && r < 0; paths++)
                r = can_open(*paths, flags);
        return r;
}

static int proc_is_there(void) {
        static const char *const paths[] = { "/proc/self/status", "/proc/1/root/etc/passwd", "/proc/version",
                                             "/proc/mounts", NULL };
        return can_open_any(paths, O_RDONLY);
}

static int sys_is_there(void) {
        static const char *const paths[] = { "/sys/kernel", "/sys/fs/cgroup", "/sys/class/net", NULL };

        return can_open_any(paths, O_RDONLY);
}

static int devices_are_there(void) {
        static const char *const paths[] = {
                "/dev/mem",     "/dev/kmem",        "/dev/port", "/dev/kmsg",   "/dev/tty",  "/dev/console",
                "/dev/ptmx",    "/dev/fuse",        "/dev/kvm",  "/dev/sda",    "/dev/vda",  "/dev/loop0",
                "/dev/net/tun", "/dev/userfaultfd", "/dev/shm",  "/dev/mqueue", "/dev/fd/0", NULL
        };

        return can_open_any(paths, O_RDONLY);
}

static int dev_has_more(void) {
        static const char *const known[] = { ".", "..", "null", "zero", "urandom" };
        DIR *dir = opendir("/dev");
        int r = -ENOENT;

        if (!dir)
                return -errno;
        for (struct dirent *d; r < 0 && (d = readdir(dir));) {
                bool is_known = false;

                for (size_t i = 0; i < ELEMENTSOF(known); i++)
                        is_known |= streq(known[i], d->d_name);
                if (!is_known)
                        r = 0;
        }
        closedir(dir);
        return r;
}

static int programs_are_there(void) {
        static const char *const folders[] = { "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin" };
        static const char *const names[] = { "sh",   "bash", "dash",    "busybox", "perl", "python3", "env",
                                             "cat",  "cp",   "su",      "sudo",    "id",   "cc",      "gdb",
                                             "curl", "wget", "openssl", "mount",   "ab",   "htpasswd" };
        struct stat st;
        char path[64];

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                for (size_t k = 0; k < ELEMENTSOF(names); k++) {
                        snprintf(path, sizeof(path), "%s/%s", folders[i], names[k]);
                        if (stat(path, &st) == 0)
                                return 0;
                }
        return -ENOENT;
}

static int secrets_are_there(void) {
        static const char *const paths[] = {
                "/etc/shadow",      "/etc/gshadow",  "/root",        "/home",      "/etc/ssh",
                "/etc/ssl/private", "/boot",         "/var/spool",   "/etc/jaild", "/var/lib/jaild",
                "/run/jaild",       "/var/lib/dpkg", "/etc/sudoers", NULL
        };

        return can_open_any(paths, O_RDONLY);
}

static int passwords_are_there(void) {
        char line[256];
        _cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");

        while (f && fgets(line, sizeof(line), f))
                if (strncmp(line, "root:", 5) == 0 || strchr(line, '$') || !strstr(line, ":x:"))
                        return 0;
        return -ENOENT;
}

static int write_root(void) {
        return can_open("/probe", O_WRONLY | O_CREAT);
}

static int write_configuration(void) {
        static const char *const paths[] = { "/etc/apache2/probe", "/etc/probe", "/usr/probe", "/var/probe",
                                             "/run/probe",         "/dev/probe", NULL };

        return can_open_any(paths, O_WRONLY | O_CREAT);
}

static int write_documents(void) {
        return can_open("/var/www/html/probe.html", O_WRONLY | O_CREAT);
}

static int write_existing(void) {
        static const char *const paths[] = { "/etc/passwd",
                                             "/etc/group",
                                             "/etc/hosts",
                                             "/etc/apache2/apache2.conf",
                                             "/var/www/html/index.html",
                                             NULL };

        return can_open_any(paths, O_WRONLY);
}

static int write_program(void) {
        static const char *const paths[] = { "/usr/sbin/apache2", "/usr/lib/apache2/modules/mod_status.so",
                                             "/lib64/ld-linux-x86-64.so.2", NULL };

        return can_open_any(paths, O_RDWR);
}

static int truncate_file(void) {
        return truncate("/etc/passwd", 0) < 0 ? -errno : 0;
}

static int read_program(void) {
        return can_open("/usr/sbin/apache2", O_RDONLY);
}

static int read_log(void) {
        return can_open("/var/log/apache2/error.log", O_RDONLY);
}

static int remove_file(void) {
        return unlink("/etc/passwd") < 0 ? -errno : 0;
}

static int remove_log(void) {
        return unlink("/var/log/apache2/error.log") < 0 ? -errno : 0;
}

static int rename_file(void) {
        return rename("/etc/passwd", "/etc/probe") < 0 ? -errno : 0;
}

static int change_mode(void) {
        return chmod("/etc/passwd", 0666) < 0 ? -errno : 0;
}

static int climb_out(void) {
        static const char *const paths[] = { "/../../../../../../etc/hostname", "/../etc/machine-id",
                                             "../../../../../../../etc/fstab", NULL };

        return can_open_any(paths, O_RDONLY);
}

/* A folder descriptor and fchdir are what the classic way out of a chroot takes. */
static int classic_escape(void) {
        if (chroot("/var") < 0)
                return -errno;
        for (int i = 0; i < 64; i++)
                (void) !chdir("..");
        return chroot(".") < 0 ? -errno : 0;
}

/* What nftw(3) finds. */
static bool found_set_id, found_writable_code, found_device;

static int look_at(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        if (S_ISREG(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID)))
                found_set_id = true;
        if (S_ISBLK(st->st_mode))
                found_device = true;
        return 0;
}

static int set_id_files(void) {
        found_set_id = false;
        (void) nftw("/", look_at, 16, FTW_PHYS);
        return found_set_id ? 0 : -ENOENT;
}

static int block_devices(void) {
        found_device = false;
        (void) nftw("/", look_at, 16, FTW_PHYS);
        return found_device ? 0 : -ENOENT;
}

/* Write a file here and make code of it: by mapping it, and by running it. */
static int look_for_writable_code(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        static const char script[] = "#!/usr/sbin/apache2 -v\n";
        char file[4096];
        void *p;
        int fd;

        if (type != FTW_D)
                return 0;
        snprintf(file, sizeof(file), "%s/probe.so", streq(path, "/") ? "" : path);
        fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        if (fd < 0)
                return 0;
        (void) !write(fd, script, sizeof(script) - 1);
        (void) !chmod(file, 0755);
        p = mmap(NULL, sizeof(script), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) {
                munmap(p, sizeof(script));
                found_writable_code = true;
        }
        close(fd);
        if (access(file, X_OK) == 0)
                found_writable_code = true;
        (void) unlink(file);
        return 0;
}

static int writable_code(void) {
        found_writable_code = false;
        (void) nftw("/", look_for_writable_code, 16, FTW_PHYS);
        return found_writable_code ? 0 : -ENOENT;
}

static int fill_writable(void) {
        static char block[1024 * 1024];
        char path[] = "/var/run/apache2/probe";
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int r = -ENOSPC;
        size_t n = 0;

        if (fd < 0)
                return -errno;
        /* Its size is limited, or it is the host's memory. */
        while (write(fd, block, sizeof(block)) == sizeof(block))
                if (++n == 64) {
                        r = 0;
                        break;
                }
        (void) unlink(path);
        return r;
}

#define AREA "files"

const Probe probe_files[] = {
        PROBE(AREA, "proc", proc_is_there),
        PROBE(AREA, "sys", sys_is_there),
        PROBE(AREA, "devices", devices_are_there),
        PROBE(AREA, "devices-but-three", dev_has_more),
        PROBE(AREA, "block-devices", block_devices),
        PROBE(AREA, "programs", programs_are_there),
        PROBE(AREA, "secrets-of-the-host", secrets_are_there),
        PROBE(AREA, "passwords", passwords_are_there),
        PROBE(AREA, "write-root", write_root),
        PROBE(AREA, "write-configuration", write_configuration),
        PROBE(AREA, "write-documents", write_documents),
        PROBE(AREA, "write-existing", write_existing),
        PROBE(AREA, "write-program", write_program),
        PROBE(AREA, "truncate", truncate_file),
        PROBE(AREA, "read-program", read_program),
        PROBE(AREA, "read-log", read_log),
        PROBE(AREA, "remove-file", remove_file),
        PROBE(AREA, "remove-log", remove_log),
        PROBE(AREA, "rename-file", rename_file),
        PROBE(AREA, "change-mode", change_mode),
        PROBE(AREA, "climb-out", climb_out),
        PROBE(AREA, "escape-from-chroot", classic_escape),
        PROBE(AREA, "set-id-files", set_id_files),
        PROBE(AREA, "writable-code", writable_code),
        PROBE(AREA, "fill-memory", fill_writable),
        PROBE_CALL_AS(AREA, "mknod", mknodat, AT_FDCWD, (long) "/var/run/apache2/probe", S_IFCHR | 0600,
                      0x103),
        PROBE_CALL_AS(AREA, "mkfifo", mknodat, AT_FDCWD, (long) "/var/run/apache2/probe", S_IFIFO | 0600),
        PROBE_CALL(AREA, linkat, AT_FDCWD, (long) "/etc/passwd", AT_FDCWD, (long) "/var/run/apache2/probe"),
        PROBE_CALL(AREA, symlinkat, (long) "/etc", AT_FDCWD, (long) "/var/run/apache2/probe"),
        PROBE_CALL(AREA, fchownat, AT_FDCWD, (long) "/var/run/apache2", 0, 0),
        PROBE_CALL(AREA, setxattr, (long) "/var/run/apache2", (long) "user.probe", (long) "x", 1),
        PROBE_CALL(AREA, name_to_handle_at, AT_FDCWD, (long) "/", 0, 0),
        PROBE_CALL(AREA, open_by_handle_at, AT_FDCWD, 0, O_RDONLY),
        PROBE_CALL(AREA, openat2, AT_FDCWD, (long) "/", 0, 0),
        PROBE_CALL(AREA, chroot, (long) "/var"),
        PROBE_CALL(AREA, pivot_root, (long) "/", (long) "/"),
        PROBE_CALL(AREA, inotify_init1),
        PROBE_CALL(AREA, fanotify_init),
        PROBE_CALL(AREA, sync),
        PROBE_CALL(AREA, syncfs, 0),
        PROBE_CALL(AREA, splice, 0, 0, 0, 0, 0, 0),
        PROBE_CALL(AREA, tee, 0, 0, 0, 0),
        PROBE_CALL(AREA, vmsplice, 0, 0, 0, 0),
        PROBE_CALL(AREA, quotactl, 0, 0, 0, 0),
        PROBE_CALL(AREA, quotactl_fd, 0, 0, 0, 0),
        {},
};
