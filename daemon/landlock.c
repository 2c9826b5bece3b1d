#include "landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Debian 12's headers end at ABI 2; the numbers are the kernel's, from include/uapi/linux/landlock.h. */
#define FS_REFER                   (1ULL << 13) /* ABI 2 */
#define FS_TRUNCATE                (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV               (1ULL << 15) /* ABI 5 */
#define NET_BIND_TCP               (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT_TCP            (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL               (1ULL << 1)
#define RULE_NET_PORT              2

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* Regular files, folders, sockets and FIFOs; never a device. */
#define CHANGE                                                                                              \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |   \
         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |         \
         LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
#define ALL                                                                                                 \
        (READ | CHANGE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                        \
         LANDLOCK_ACCESS_FS_MAKE_BLOCK | FS_IOCTL_DEV)

/* The kernel takes as much of this as its version knows. */
typedef struct RulesetAttr {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
} RulesetAttr;

typedef struct NetRule {
        uint64_t access;
        uint64_t port;
} NetRule;

int landlock_abi(void) {
        int abi = (int) syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? 0 : abi;
}

static RulesetAttr ruleset_for(int abi, bool has_network) {
        RulesetAttr attr = { .fs = ALL };

        if (abi < 2)
                attr.fs &= ~FS_REFER;
        if (abi < 3)
                attr.fs &= ~FS_TRUNCATE;
        if (abi < 5)
                attr.fs &= ~FS_IOCTL_DEV;
        if (abi >= 4 && !has_network)
                attr.net = NET_BIND_TCP | NET_CONNECT_TCP;
        if (abi >= 6)
                attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        return attr;
}

static size_t ruleset_size(int abi) {
        return abi >= 6 ? sizeof(RulesetAttr) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static int allow_beneath(int ruleset_fd, const char *path, uint64_t access) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

        if (fd < 0 || syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return -errno;
        return 0;
}

/* One that is not there cannot be run, and is missed when it is. */
static int allow_program(int ruleset_fd, const char *path) {
        int r = allow_beneath(ruleset_fd, path, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE);

        return r == -ENOENT ? 0 : r;
}

static int allow_mount(int ruleset_fd, const LaunchMount *m, uint64_t known) {
        struct stat st;
        /* Where nothing is written, all that "/" allows is allowed here again, for speed: the kernel walks from each file that is
         * opened up to a rule that allows what is asked for. It always asks for truncation as well, which a read-only mount
         * refuses by itself. */
        uint64_t access = READ | (m->type == MOUNT_BIND_RO ? FS_TRUNCATE : CHANGE);

        if (stat(m->target, &st) < 0)
                return -errno;
        /* What has no entries cannot be allowed to make any. */
        if (!S_ISDIR(st.st_mode))
                access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
        return allow_beneath(ruleset_fd, m->target, access & known);
}

int landlock_enter(const Launch *launch, char *const *execs, bool has_network, const char **reterr_what) {
        static const char *const devices[] = { "/dev/null", "/dev/zero" };
        int abi = landlock_abi(), r;
        RulesetAttr attr = ruleset_for(abi, has_network);
        _cleanup_close_ int fd = -EBADF;

        *reterr_what = "landlock";
        if (abi == 0)
                return 0;
        fd = (int) syscall(SYS_landlock_create_ruleset, &attr, ruleset_size(abi), 0);
        if (fd < 0)
                return -errno;

        r = allow_beneath(fd, *reterr_what = "/", READ);
        for (size_t i = 0; r >= 0 && launch->programs && launch->programs[i]; i++)
                r = allow_program(fd, *reterr_what = launch->programs[i]);
        for (; r >= 0 && execs && *execs; execs++)
                r = allow_program(fd, *reterr_what = *execs);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(devices); i++)
                r = allow_beneath(fd, *reterr_what = devices[i],
                                  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
        for (size_t i = 0; r >= 0 && i < launch->n_logs; i++)
                r = allow_beneath(fd, *reterr_what = launch->logs[i].fifo, LANDLOCK_ACCESS_FS_WRITE_FILE);
        for (size_t i = 0; r >= 0 && i < launch->n_mounts; i++)
                r = allow_mount(fd, &launch->mounts[i], attr.fs);
        if (r < 0)
                return r;
        /* Port 0 is how Apache asks whether IPv6 works; every other bind() is answered by the broker. */
        if (attr.net) {
                NetRule any = { .access = NET_BIND_TCP, .port = 0 };

                if (syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &any, 0) < 0)
                        return -errno;
        }
        *reterr_what = "landlock";
        return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
