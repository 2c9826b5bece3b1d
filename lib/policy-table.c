/* The table behind policy.h, read twice: by policy-generate.c, which compiles it, and by policy_rules(),
 * which lists it.
 *
 * What is allowed comes from httpd 2.4 under strace in twenty configurations (event, worker and prefork;
 * start, load, graceful, restart, stop; started as an unprivileged user), and from running it with the
 * result. To it are added the spellings that another C library or architecture has for the same call, and
 * what glibc makes of the vDSO's clocks where the clock source is not vDSO-capable.
 *
 * Calls made for every request have no argument rules: the kernel keeps a bitmap of the numbers that a
 * filter always allows and never runs the filter for them. Where arguments are tested, the reason says what
 * is gained. */

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#ifdef __x86_64__
#include <asm/prctl.h>
#endif

#include "policy.h"

#define ARGUMENT(i, m, v)                                                                                   \
        { (i), (m), (v) }
#define INT_IS(i, v)       ARGUMENT(i, UINT32_MAX, (uint32_t) (v))
#define BITS_ARE(i, m, v)  ARGUMENT(i, (uint32_t) (m), (uint32_t) (v))
#define POINTER_IS_NULL(i) ARGUMENT(i, UINT64_MAX, 0)

#define RULE(g, c, a, e, w, ...)                                                                            \
        { (c), (g), (a), (e), { __VA_ARGS__ }, (w) }
#define ALLOW(group, call)                      RULE(group, call, POLICY_ALLOW, 0, NULL)
#define ALLOW_IF(group, call, ...)              RULE(group, call, POLICY_ALLOW, 0, NULL, __VA_ARGS__)
#define NOTIFY(group, call, why)                RULE(group, call, POLICY_NOTIFY, 0, why)
#define NOTIFY_IF(group, call, why, ...)        RULE(group, call, POLICY_NOTIFY, 0, why, __VA_ARGS__)
#define REFUSE(group, call, error, why)         RULE(group, call, POLICY_REFUSE, error, why)
#define REFUSE_IF(group, call, error, why, ...) RULE(group, call, POLICY_REFUSE, error, why, __VA_ARGS__)
#define EXCLUDE(call, why)                      REFUSE(POLICY_EXCLUDED, call, EPERM, why)

#define CGI_PHP     (POLICY_CGI | POLICY_PHP)
#define PROXY_PHP   (POLICY_PROXY | POLICY_CGI | POLICY_PHP)
#define PHP_DAV     (POLICY_PHP | POLICY_DAV)
#define CGI_PHP_DAV (POLICY_CGI | POLICY_PHP | POLICY_DAV)

/* From <linux/net.h>, not for user space: the type below the flags SOCK_CLOEXEC and SOCK_NONBLOCK. */
#define SOCK_TYPE_MASK 0xf

#define STREAM_SOCKET(family, protocol)                                                                     \
        INT_IS(0, family), BITS_ARE(1, SOCK_TYPE_MASK, SOCK_STREAM), INT_IS(2, protocol)
#define OPTION(level, name) INT_IS(1, level), INT_IS(2, name)

/* To send so is to connect, and neither the broker nor Landlock would see it. */
#define NO_FAST_OPEN(i) BITS_ARE(i, MSG_FASTOPEN, 0)
#define FAST_OPEN_IS_FOR                                                                                    \
        "MSG_FASTOPEN connects without connect(); where a kernel has it off, this is its answer"

/* clone() tells a thread, a process and what neither may have apart by these. Namespaces; CLONE_PARENT,
 * whose child is the master's and signals it; CLONE_UNTRACED and CLONE_PTRACE; CLONE_PIDFD, as no call on a
 * pidfd is allowed. */
#define CLONE_NEVER                                                                                         \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |       \
         CLONE_NEWNET | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED | CLONE_PIDFD)
#define CLONE_TESTED (CLONE_NEVER | CLONE_THREAD | CSIGNAL)

/* s390 has the first two arguments the other way round. */
#ifdef __s390x__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

static const PolicyRule policy_table[] = {
        /* base: from execve to the event loop */
        NOTIFY(POLICY_BASE, "execve",
               "granted once for httpd, then only for programs that the configuration names"),
#ifdef __x86_64__
        ALLOW_IF(POLICY_BASE, "arch_prctl", INT_IS(0, ARCH_SET_FS)),
        REFUSE(POLICY_BASE, "arch_prctl", EINVAL,
               "the rest is for emulators; glibc's probe for CET takes EINVAL as no"),
#endif
        ALLOW(POLICY_BASE, "set_tid_address"),
        ALLOW(POLICY_BASE, "set_robust_list"),
        ALLOW(POLICY_BASE, "rseq"),
        ALLOW(POLICY_BASE, "uname"),
        ALLOW(POLICY_BASE, "sysinfo"),
        ALLOW(POLICY_BASE, "getrandom"),
        ALLOW(POLICY_BASE, "sched_yield"),
        ALLOW(POLICY_BASE, "sched_getaffinity"),
        ALLOW(POLICY_BASE, "getcpu"),
        ALLOW_IF(POLICY_BASE, "prlimit64", INT_IS(0, 0), POINTER_IS_NULL(2)),
        REFUSE(POLICY_BASE, "prlimit64", EPERM,
               "own limits may be read; a limit set on another process can end it"),
        ALLOW(POLICY_BASE, "getrlimit"),

        ALLOW(POLICY_BASE, "brk"),
        ALLOW(POLICY_BASE, "munmap"),
        ALLOW(POLICY_BASE, "mremap"),
        ALLOW_IF(POLICY_BASE, "mmap", BITS_ARE(2, PROT_EXEC, 0)),
        ALLOW_IF(POLICY_BASE, "mmap", BITS_ARE(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
                 BITS_ARE(3, MAP_ANONYMOUS | MAP_TYPE, MAP_PRIVATE)),
        REFUSE(POLICY_BASE, "mmap", EPERM,
               "code comes from files on the read-only root: never writable and executable, never "
               "anonymous"),
        ALLOW_IF(POLICY_BASE, "mprotect", BITS_ARE(2, PROT_EXEC, 0)),
        REFUSE(POLICY_BASE, "mprotect", EPERM, "memory that was written never becomes code"),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_NORMAL)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_RANDOM)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_SEQUENTIAL)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_WILLNEED)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_DONTNEED)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_FREE)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_HUGEPAGE)),
        ALLOW_IF(POLICY_BASE, "madvise", INT_IS(2, MADV_NOHUGEPAGE)),
        REFUSE(POLICY_BASE, "madvise", EINVAL,
               "what allocators advise and no more; EINVAL is what they take for advice unknown to the "
               "kernel"),

        ALLOW(POLICY_BASE, "futex"),
        ALLOW(POLICY_BASE, "clock_gettime"),
        ALLOW(POLICY_BASE, "clock_getres"),
        ALLOW(POLICY_BASE, "clock_nanosleep"),
        ALLOW(POLICY_BASE, "nanosleep"),
        ALLOW(POLICY_BASE, "gettimeofday"),
        ALLOW(POLICY_BASE, "time"),
        ALLOW(POLICY_BASE, "times"),
        ALLOW(POLICY_BASE, "restart_syscall"),
        ALLOW_IF(POLICY_BASE, "prctl", INT_IS(0, PR_SET_NAME)),
        ALLOW_IF(POLICY_BASE, "prctl", INT_IS(0, PR_GET_NAME)),
        ALLOW_IF(POLICY_BASE, "prctl", INT_IS(0, PR_SET_VMA)),
        REFUSE(POLICY_BASE, "prctl", EPERM,
               "names of threads and mappings only: PR_SET_DUMPABLE and PR_SET_PTRACER open the process "
               "to others"),

        ALLOW(POLICY_BASE, "epoll_create1"),
        ALLOW(POLICY_BASE, "epoll_ctl"),
        ALLOW(POLICY_BASE, "epoll_wait"),
        ALLOW(POLICY_BASE, "epoll_pwait"),
        ALLOW(POLICY_BASE, "poll"),
        ALLOW(POLICY_BASE, "ppoll"),
        ALLOW(POLICY_BASE, "pselect6"),
        ALLOW(POLICY_BASE, "eventfd2"),
        ALLOW(POLICY_BASE, "pipe2"),

        ALLOW_IF(POLICY_BASE, "socket", STREAM_SOCKET(AF_UNIX, 0)),
        ALLOW_IF(POLICY_BASE, "socket", STREAM_SOCKET(AF_INET, 0)),
        ALLOW_IF(POLICY_BASE, "socket", STREAM_SOCKET(AF_INET, IPPROTO_TCP)),
        ALLOW_IF(POLICY_BASE, "socket", STREAM_SOCKET(AF_INET6, 0)),
        ALLOW_IF(POLICY_BASE, "socket", STREAM_SOCKET(AF_INET6, IPPROTO_TCP)),
        REFUSE(POLICY_BASE, "socket", EAFNOSUPPORT,
               "TCP and UNIX streams: other families and protocols load kernel modules on demand; "
               "getaddrinfo() tries "
               "netlink and UDP at start and lives with this answer"),
        NOTIFY(POLICY_BASE, "bind", "answered with the listening socket that the supervisor holds"),
        NOTIFY(POLICY_BASE, "connect", "the supervisor connects, outside, to what the configuration names"),
        ALLOW(POLICY_BASE, "listen"),
        ALLOW(POLICY_BASE, "accept4"),
        /* mod_cgid, which tries again and again where it is refused. */
        ALLOW(POLICY_BASE, "accept"),
        ALLOW(POLICY_BASE, "shutdown"),
        ALLOW(POLICY_BASE, "getsockname"),
        ALLOW(POLICY_BASE, "getpeername"),
        ALLOW_IF(POLICY_BASE, "sendto", NO_FAST_OPEN(3)),
        REFUSE(POLICY_BASE, "sendto", EOPNOTSUPP, FAST_OPEN_IS_FOR),
        ALLOW_IF(POLICY_BASE, "sendmsg", NO_FAST_OPEN(2)),
        REFUSE(POLICY_BASE, "sendmsg", EOPNOTSUPP, FAST_OPEN_IS_FOR),
        ALLOW_IF(POLICY_BASE, "sendmmsg", NO_FAST_OPEN(3)),
        REFUSE(POLICY_BASE, "sendmmsg", EOPNOTSUPP, FAST_OPEN_IS_FOR),
        ALLOW(POLICY_BASE, "recvfrom"),
        ALLOW(POLICY_BASE, "recvmsg"),
        ALLOW(POLICY_BASE, "getsockopt"),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_REUSEADDR)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_REUSEPORT)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_KEEPALIVE)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_LINGER)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_SNDBUF)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_RCVBUF)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_SNDTIMEO)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(SOL_SOCKET, SO_RCVTIMEO)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(IPPROTO_TCP, TCP_NODELAY)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(IPPROTO_TCP, TCP_CORK)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT)),
        ALLOW_IF(PROXY_PHP, "setsockopt", OPTION(IPPROTO_TCP, TCP_KEEPIDLE)),
        ALLOW_IF(PROXY_PHP, "setsockopt", OPTION(IPPROTO_TCP, TCP_KEEPINTVL)),
        ALLOW_IF(PROXY_PHP, "setsockopt", OPTION(IPPROTO_TCP, TCP_KEEPCNT)),
        ALLOW_IF(POLICY_BASE, "setsockopt", OPTION(IPPROTO_IPV6, IPV6_V6ONLY)),
        REFUSE(POLICY_BASE, "setsockopt", ENOPROTOOPT,
               "what httpd and APR set, at start and per proxied connection: SO_ATTACH_BPF, TCP_ULP and the "
               "tables of "
               "netfilter have a history; ENOPROTOOPT is what callers expect of a kernel without the "
               "option"),

        /* tls: what event with mod_ssl and mod_http2 asks for beyond event */
        ALLOW(POLICY_TLS, "getppid"),

        /* files */
        ALLOW(POLICY_FILES, "openat"),
        ALLOW(POLICY_FILES, "open"),
        ALLOW(POLICY_FILES, "close"),
        ALLOW(POLICY_FILES, "read"),
        ALLOW(POLICY_FILES, "readv"),
        ALLOW(POLICY_FILES, "pread64"),
        ALLOW(POLICY_FILES, "write"),
        ALLOW(POLICY_FILES, "writev"),
        ALLOW(POLICY_FILES, "sendfile"),
        ALLOW(POLICY_FILES, "lseek"),
        ALLOW(POLICY_FILES, "ftruncate"),
        ALLOW(POLICY_FILES, "fsync"),
        ALLOW(POLICY_FILES, "fdatasync"),
        ALLOW(POLICY_FILES, "newfstatat"),
        ALLOW(POLICY_FILES, "fstat"),
        ALLOW(POLICY_FILES, "stat"),
        ALLOW(POLICY_FILES, "lstat"),
        ALLOW(POLICY_FILES, "statx"),
        ALLOW(POLICY_FILES, "access"),
        ALLOW(POLICY_FILES, "faccessat"),
        ALLOW(POLICY_FILES, "faccessat2"),
        ALLOW(POLICY_FILES, "readlink"),
        ALLOW(POLICY_FILES, "readlinkat"),
        ALLOW(POLICY_FILES, "getdents64"),
        ALLOW(POLICY_FILES, "rename"),
        ALLOW(POLICY_FILES, "renameat"),
        ALLOW(POLICY_FILES, "renameat2"),
        ALLOW(POLICY_FILES, "unlink"),
        ALLOW(POLICY_FILES, "unlinkat"),
        ALLOW(POLICY_FILES, "chmod"),
        ALLOW(POLICY_FILES, "fchmodat"),
        ALLOW(POLICY_FILES, "dup3"),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_GETFL)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_SETFL)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_GETFD)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_SETFD)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_SETLK)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_SETLKW)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_GETLK)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_DUPFD)),
        ALLOW_IF(POLICY_FILES, "fcntl", INT_IS(1, F_DUPFD_CLOEXEC)),
        REFUSE(POLICY_FILES, "fcntl", EPERM,
               "F_SETOWN with F_SETSIG makes the kernel send any signal to the master, which kill() may "
               "not; leases, pipe "
               "sizes and directory notices are not needed. It is called for every request and costs some "
               "ten ns"),
        ALLOW_IF(CGI_PHP, "ioctl", INT_IS(1, FIOCLEX)),
        ALLOW_IF(CGI_PHP, "ioctl", INT_IS(1, FIONCLEX)),
        ALLOW_IF(POLICY_FILES, "ioctl", INT_IS(1, TCGETS)),
        ALLOW_IF(POLICY_FILES, "ioctl", INT_IS(1, TCGETS2)),
        ALLOW_IF(POLICY_FILES, "ioctl", INT_IS(1, FIONREAD)),
        ALLOW_IF(POLICY_FILES, "ioctl", INT_IS(1, FIONBIO)),
        REFUSE(POLICY_FILES, "ioctl", EPERM,
               "is it a terminal, how much is there, do not block: drivers' requests, TIOCSTI and "
               "FIOSETOWN are ways out"),

        /* processes */
        NOTIFY_IF(POLICY_PROCESSES, "clone",
                  "a new process: the supervisor counts them and lets the call go on",
                  BITS_ARE(CLONE_FLAGS, CLONE_TESTED, SIGCHLD)),
        ALLOW_IF(POLICY_PROCESSES, "clone", BITS_ARE(CLONE_FLAGS, CLONE_TESTED, CLONE_THREAD)),
        REFUSE(POLICY_PROCESSES, "clone", EPERM,
               "no namespaces, no child of the master's (CLONE_PARENT), none that ends with another "
               "signal than SIGCHLD"),
        REFUSE(POLICY_PROCESSES, "clone3", ENOSYS,
               "its flags are behind a pointer, where no filter sees them; C libraries fall back to "
               "clone()"),
        ALLOW(POLICY_PROCESSES, "exit"),
        ALLOW(POLICY_PROCESSES, "exit_group"),
        ALLOW(POLICY_PROCESSES, "wait4"),
        ALLOW(POLICY_PROCESSES, "getpid"),
        ALLOW(POLICY_PROCESSES, "gettid"),
        ALLOW(POLICY_PROCESSES, "getpgid"),
        ALLOW(POLICY_PROCESSES, "getpgrp"),
        ALLOW(POLICY_PROCESSES, "getuid"),
        ALLOW(POLICY_PROCESSES, "geteuid"),
        ALLOW(POLICY_PROCESSES, "getgid"),
        ALLOW(POLICY_PROCESSES, "getegid"),
        ALLOW(POLICY_PROCESSES, "getresuid"),
        ALLOW(POLICY_PROCESSES, "getresgid"),
        ALLOW(POLICY_PROCESSES, "rt_sigaction"),
        ALLOW(POLICY_PROCESSES, "rt_sigprocmask"),
        ALLOW(POLICY_PROCESSES, "rt_sigreturn"),
        ALLOW(POLICY_PROCESSES, "rt_sigtimedwait"),
        ALLOW(POLICY_PROCESSES, "sigaltstack"),

        /* The master is pid 1. kill(-1) is what prefork's master uses on a restart, its process group being
         * 1; the kernel leaves pid 1 and the caller out of it. kill(0) reaches the caller's process group,
         * which is the master's. */
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(0, 1), INT_IS(1, 0)),
        REFUSE_IF(POLICY_PROCESSES, "kill", EPERM, "the master: no worker may stop or restart it",
                  INT_IS(0, 1)),
        REFUSE_IF(POLICY_PROCESSES, "kill", EPERM, "the caller's process group, and so the master too",
                  INT_IS(0, 0)),
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(1, 0)),
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(1, SIGHUP)),
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(1, SIGABRT)),
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(1, SIGKILL)),
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(1, SIGUSR1)),
        ALLOW_IF(POLICY_PROCESSES, "kill", INT_IS(1, SIGTERM)),
        ALLOW_IF(CGI_PHP, "kill", INT_IS(1, SIGINT)),
        REFUSE(POLICY_PROCESSES, "kill", EPERM,
               "the signals that httpd sends; a worker that stops cannot be told from a slow one"),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(0, 1), INT_IS(2, 0)),
        REFUSE_IF(POLICY_PROCESSES, "tgkill", EPERM,
                  "the master, itself included: its abort() ends by the illegal instruction that follows",
                  INT_IS(0, 1)),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(2, 0)),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(2, SIGHUP)),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(2, SIGABRT)),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(2, SIGKILL)),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(2, SIGUSR1)),
        ALLOW_IF(POLICY_PROCESSES, "tgkill", INT_IS(2, SIGTERM)),
        ALLOW_IF(CGI_PHP, "tgkill", INT_IS(2, SIGINT)),
        REFUSE(POLICY_PROCESSES, "tgkill", EPERM, "as kill"),

        /* cgi */
        NOTIFY(POLICY_CGI, "vfork", "dash starts programs so; counted as clone"),
        NOTIFY(POLICY_CGI, "fork", "C libraries other than glibc; counted as clone"),
        ALLOW(POLICY_CGI, "waitid"),
        ALLOW(POLICY_CGI, "pipe"),
        ALLOW_IF(POLICY_CGI, "socketpair", STREAM_SOCKET(AF_UNIX, 0)),
        REFUSE(POLICY_CGI, "socketpair", EAFNOSUPPORT, "UNIX streams between a program and its parts"),
        ALLOW(POLICY_CGI, "setsid"),
        ALLOW(POLICY_CGI, "setpgid"),
        ALLOW(POLICY_CGI, "getsid"),
        ALLOW(POLICY_CGI, "rt_sigsuspend"),
        ALLOW(POLICY_CGI, "rt_sigpending"),
        ALLOW(POLICY_CGI, "pause"),
        ALLOW(POLICY_CGI, "alarm"),
        ALLOW(POLICY_CGI, "close_range"),
        ALLOW(CGI_PHP, "dup"),
        ALLOW(CGI_PHP, "dup2"),
        ALLOW(CGI_PHP, "chdir"),
        ALLOW(CGI_PHP, "fchdir"),
        ALLOW(CGI_PHP, "getcwd"),
        ALLOW(CGI_PHP, "umask"),
        ALLOW(CGI_PHP, "fadvise64"),
        ALLOW(CGI_PHP, "select"),
        ALLOW(CGI_PHP, "getrusage"),
        ALLOW(CGI_PHP, "getgroups"),
        ALLOW(CGI_PHP, "flock"),
        ALLOW(CGI_PHP, "setitimer"),
        ALLOW(CGI_PHP, "getitimer"),
        ALLOW(CGI_PHP, "statfs"),
        ALLOW(CGI_PHP, "fstatfs"),
        ALLOW(CGI_PHP, "copy_file_range"),

        /* php, dav */
        ALLOW(CGI_PHP_DAV, "pwrite64"),
        ALLOW(PHP_DAV, "fchmod"),
        ALLOW(PHP_DAV, "mkdir"),
        ALLOW(PHP_DAV, "mkdirat"),
        ALLOW(PHP_DAV, "rmdir"),
        ALLOW(PHP_DAV, "utimensat"),

        /* excluded */
        EXCLUDE("execveat",
                "a program by descriptor, with an empty path: execve, which is answered by name, is enough"),
        EXCLUDE("unshare", "new namespaces"),
        EXCLUDE("setns", "other namespaces"),
        EXCLUDE("chroot", "another root"),
        EXCLUDE("pivot_root", "another root"),
        EXCLUDE("mount", "mounts"),
        EXCLUDE("umount", "mounts"),
        EXCLUDE("umount2", "mounts"),
        EXCLUDE("fsopen", "mounts, the newer interface"),
        EXCLUDE("fsconfig", "mounts, the newer interface"),
        EXCLUDE("fsmount", "mounts, the newer interface"),
        EXCLUDE("fspick", "mounts, the newer interface"),
        EXCLUDE("move_mount", "mounts, the newer interface"),
        EXCLUDE("open_tree", "mounts, the newer interface"),
        EXCLUDE("mount_setattr", "mounts, the newer interface"),
        EXCLUDE("name_to_handle_at", "file handles name files without a path"),
        EXCLUDE("open_by_handle_at", "file handles open files outside the root"),
        EXCLUDE("mknod", "device nodes"),
        EXCLUDE("mknodat", "device nodes"),
        EXCLUDE("link", "hard links keep files that were replaced, and reach across folders"),
        EXCLUDE("linkat", "hard links keep files that were replaced, and reach across folders"),
        EXCLUDE("symlink", "links lead others astray: the supervisor, a backup"),
        EXCLUDE("symlinkat", "links lead others astray: the supervisor, a backup"),
        EXCLUDE("chown", "the jail's files stay whose they are"),
        EXCLUDE("fchown", "the jail's files stay whose they are"),
        EXCLUDE("lchown", "the jail's files stay whose they are"),
        EXCLUDE("fchownat", "the jail's files stay whose they are"),
        EXCLUDE("setxattr", "attributes: labels, ACLs, capabilities"),
        EXCLUDE("lsetxattr", "attributes: labels, ACLs, capabilities"),
        EXCLUDE("fsetxattr", "attributes: labels, ACLs, capabilities"),
        EXCLUDE("removexattr", "attributes: labels, ACLs, capabilities"),
        EXCLUDE("lremovexattr", "attributes: labels, ACLs, capabilities"),
        EXCLUDE("fremovexattr", "attributes: labels, ACLs, capabilities"),
        EXCLUDE("inotify_init", "watches other processes' use of files"),
        EXCLUDE("inotify_init1", "watches other processes' use of files"),
        EXCLUDE("inotify_add_watch", "watches other processes' use of files"),
        EXCLUDE("fanotify_init", "watches other processes' use of files"),
        EXCLUDE("fanotify_mark", "watches other processes' use of files"),
        EXCLUDE("splice", "pages shared between pipes and files: a line of kernel faults (Dirty Pipe)"),
        EXCLUDE("tee", "pages shared between pipes and files: a line of kernel faults (Dirty Pipe)"),
        EXCLUDE("vmsplice", "pages shared between pipes and files: a line of kernel faults (Dirty Pipe)"),
        EXCLUDE("sync", "stalls every file system of the host"),
        EXCLUDE("syncfs", "stalls a file system of the host"),
        EXCLUDE("quotactl", "quotas"),
        EXCLUDE("quotactl_fd", "quotas"),

        EXCLUDE("setuid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setgid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setreuid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setregid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setresuid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setresgid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setgroups", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setfsuid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("setfsgid", "the user is what it is before httpd's first instruction"),
        EXCLUDE("capset", "there are no capabilities to set"),
        EXCLUDE("personality",
                "READ_IMPLIES_EXEC and no address randomisation, for oneself and what one starts"),
        EXCLUDE("setrlimit", "limits are the supervisor's"),
        EXCLUDE("seccomp", "filters, and a listener that would answer in the supervisor's place"),
        REFUSE(POLICY_EXCLUDED, "landlock_create_ruleset", ENOSYS,
               "less is not asked for here; a program that confines itself takes ENOSYS as a kernel "
               "without it and goes on"),
        REFUSE(POLICY_EXCLUDED, "landlock_add_rule", ENOSYS, "as landlock_create_ruleset"),
        REFUSE(POLICY_EXCLUDED, "landlock_restrict_self", ENOSYS, "as landlock_create_ruleset"),

        EXCLUDE("ptrace", "other processes' memory and registers"),
        EXCLUDE("process_vm_readv", "other processes' memory"),
        EXCLUDE("process_vm_writev", "other processes' memory"),
        EXCLUDE("process_madvise", "other processes' memory"),
        EXCLUDE("process_mrelease", "other processes' memory"),
        EXCLUDE("kcmp", "compares the kernel's pointers"),
        EXCLUDE("get_robust_list", "tells another process's addresses"),
        EXCLUDE("pidfd_open", "handles on other processes"),
        EXCLUDE("pidfd_getfd", "other processes' descriptors"),
        EXCLUDE("pidfd_send_signal", "signals past the rules for kill"),
        EXCLUDE("tkill", "signals past the rules for kill"),
        EXCLUDE("rt_sigqueueinfo", "signals past the rules for kill, with a forged sender"),
        EXCLUDE("rt_tgsigqueueinfo", "signals past the rules for kill, with a forged sender"),
        EXCLUDE("setpriority", "scheduling of other processes"),
        EXCLUDE("ioprio_set", "scheduling of other processes"),
        EXCLUDE("sched_setaffinity", "scheduling of other processes"),
        EXCLUDE("sched_setattr", "scheduling of other processes"),
        EXCLUDE("sched_setparam", "scheduling of other processes"),
        EXCLUDE("sched_setscheduler", "scheduling of other processes"),
        EXCLUDE("migrate_pages", "placement of memory"),
        EXCLUDE("move_pages", "placement of memory"),
        EXCLUDE("mbind", "placement of memory"),
        EXCLUDE("set_mempolicy", "placement of memory"),
        EXCLUDE("get_mempolicy", "placement of memory"),

        EXCLUDE("memfd_create", "a file in memory can be run or mapped as code"),
        EXCLUDE("memfd_secret", "memory that the host cannot look into"),
        EXCLUDE("pkey_mprotect", "mprotect by another name"),
        EXCLUDE("pkey_alloc", "for pkey_mprotect"),
        EXCLUDE("pkey_free", "for pkey_mprotect"),
        EXCLUDE("remap_file_pages", "obsolete, with a history of faults"),
        EXCLUDE("mlock", "memory that cannot be taken back"),
        EXCLUDE("mlock2", "memory that cannot be taken back"),
        EXCLUDE("mlockall", "memory that cannot be taken back"),
        EXCLUDE("mincore", "tells what others read through the page cache"),
        EXCLUDE("userfaultfd",
                "holds the kernel still in the middle of a copy: the tool of most kernel exploits"),

        EXCLUDE("bpf", "programs in the kernel"),
        EXCLUDE("perf_event_open", "counters of the kernel, a long history of faults"),
        EXCLUDE("io_uring_setup", "calls past this filter, a long history of faults"),
        EXCLUDE("io_uring_enter", "calls past this filter, a long history of faults"),
        EXCLUDE("io_uring_register", "calls past this filter, a long history of faults"),
        EXCLUDE("io_setup", "asynchronous I/O of old; nothing here uses it"),
        EXCLUDE("io_submit", "asynchronous I/O of old; nothing here uses it"),
        EXCLUDE("io_cancel", "asynchronous I/O of old; nothing here uses it"),
        EXCLUDE("io_destroy", "asynchronous I/O of old; nothing here uses it"),
        EXCLUDE("io_getevents", "asynchronous I/O of old; nothing here uses it"),
        EXCLUDE("io_pgetevents", "asynchronous I/O of old; nothing here uses it"),
        EXCLUDE("add_key", "the kernel's key rings know no namespaces"),
        EXCLUDE("request_key",
                "the kernel's key rings know no namespaces, and this runs a program of the host"),
        EXCLUDE("keyctl", "the kernel's key rings know no namespaces"),
        EXCLUDE("shmget", "System V IPC outlives its processes"),
        EXCLUDE("shmat", "System V IPC outlives its processes, and maps executable"),
        EXCLUDE("shmdt", "System V IPC outlives its processes"),
        EXCLUDE("shmctl", "System V IPC outlives its processes"),
        EXCLUDE("semget", "System V IPC outlives its processes"),
        EXCLUDE("semop", "System V IPC outlives its processes"),
        EXCLUDE("semtimedop", "System V IPC outlives its processes"),
        EXCLUDE("semctl", "System V IPC outlives its processes"),
        EXCLUDE("msgget", "System V IPC outlives its processes, a favourite to fill kernel memory with"),
        EXCLUDE("msgsnd", "System V IPC outlives its processes, a favourite to fill kernel memory with"),
        EXCLUDE("msgrcv", "System V IPC outlives its processes, a favourite to fill kernel memory with"),
        EXCLUDE("msgctl", "System V IPC outlives its processes"),
        EXCLUDE("mq_open", "message queues outlive their processes"),
        EXCLUDE("mq_unlink", "message queues outlive their processes"),
        EXCLUDE("mq_timedsend", "message queues outlive their processes"),
        EXCLUDE("mq_timedreceive", "message queues outlive their processes"),
        EXCLUDE("mq_notify", "message queues outlive their processes, and this one signals"),
        EXCLUDE("mq_getsetattr", "message queues outlive their processes"),

        EXCLUDE("init_module", "the kernel's code"),
        EXCLUDE("finit_module", "the kernel's code"),
        EXCLUDE("delete_module", "the kernel's code"),
        EXCLUDE("kexec_load", "another kernel"),
        EXCLUDE("kexec_file_load", "another kernel"),
        EXCLUDE("reboot", "the machine"),
        EXCLUDE("swapon", "the machine"),
        EXCLUDE("swapoff", "the machine"),
        EXCLUDE("acct", "the machine's accounting"),
        EXCLUDE("syslog", "the kernel's messages, with its addresses"),
        EXCLUDE("vhangup", "the machine's terminals"),
        EXCLUDE("sethostname", "the machine's name"),
        EXCLUDE("setdomainname", "the machine's name"),
        EXCLUDE("settimeofday", "the machine's clock"),
        EXCLUDE("clock_settime", "the machine's clock"),
        EXCLUDE("adjtimex", "the machine's clock"),
        EXCLUDE("clock_adjtime", "the machine's clock"),
        EXCLUDE("iopl", "the machine's ports"),
        EXCLUDE("ioperm", "the machine's ports"),
        EXCLUDE("modify_ldt", "segments: a way round the kernel's checks, again and again"),
        EXCLUDE("uselib", "libraries loaded by the kernel"),
        EXCLUDE("lookup_dcookie", "paths of files outside"),
};

size_t policy_rules(const PolicyRule **ret) {
        *ret = policy_table;
        return ELEMENTSOF(policy_table);
}
