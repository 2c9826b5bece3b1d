#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include "probe.h"

extern char **environ;

static int can_make_socket(int family, int type, int protocol) {
        _cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC, protocol);

        return fd < 0 ? -errno : 0;
}

static int other_families(void) {
        static const int types[] = {
                SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_PACKET
        };

        for (int family = 0; family < 64; family++)
                for (size_t i = 0; i < ELEMENTSOF(types); i++)
                        if (family != AF_UNIX && family != AF_INET && family != AF_INET6 &&
                            can_make_socket(family, types[i], 0) == 0)
                                return 0;
        return -EAFNOSUPPORT;
}

static int netlink(void) {
        return can_make_socket(AF_NETLINK, SOCK_RAW, 0);
}

static int packets(void) {
        return can_make_socket(AF_PACKET, SOCK_RAW, 0);
}

static int vsock(void) {
        return can_make_socket(AF_VSOCK, SOCK_STREAM, 0);
}

static int crypto(void) {
        return can_make_socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static int udp(void) {
        return can_make_socket(AF_INET, SOCK_DGRAM, 0);
}

static int udp6(void) {
        return can_make_socket(AF_INET6, SOCK_DGRAM, 0);
}

static int raw(void) {
        return can_make_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int ping(void) {
        return can_make_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
}

static int unix_datagrams(void) {
        return can_make_socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int unix_packets(void) {
        return can_make_socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

static int other_streams(void) {
        static const int protocols[] = { 132 /* SCTP */, 33 /* DCCP */, 262 /* MPTCP */, 256 /* SMC */ };

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (can_make_socket(AF_INET, SOCK_STREAM, protocols[i]) == 0)
                        return 0;
        return -EPROTONOSUPPORT;
}

static int pair(void) {
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        close(fds[0]);
        close(fds[1]);
        return 0;
}

static int can_connect(const char *address, uint16_t port) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        inet_pton(AF_INET, address, &in.sin_addr);
        return fd < 0 || connect(fd, (struct sockaddr *) &in, sizeof(in)) < 0 ? -errno : 0;
}

/* Where the jail itself is reached from outside. */
static int connect_host(void) {
        return can_connect("127.0.0.1", 8080);
}

static int connect_world(void) {
        return can_connect("192.0.2.1", 80);
}

static int connect_metadata(void) {
        return can_connect("169.254.169.254", 80);
}

static int connect_six(void) {
        _cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                                    .sin6_port = htons(8080),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT };

        return fd < 0 || connect(fd, (struct sockaddr *) &in6, sizeof(in6)) < 0 ? -errno : 0;
}

static int connect_path(const char *path, size_t size) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un un = { .sun_family = AF_UNIX };

        memcpy(un.sun_path, path, size);
        return fd < 0 || connect(fd, (struct sockaddr *) &un,
                                 (socklen_t) (offsetof(struct sockaddr_un, sun_path) + size)) < 0
                               ? -errno
                               : 0;
}

static int connect_services(void) {
        static const char *const paths[] = {
                "/run/dbus/system_bus_socket", "/dev/log",         "/run/systemd/notify",
                "/run/jaild/web/control",      "/run/docker.sock", "/run/mysqld/mysqld.sock",
                "/var/run/nscd/socket"
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (connect_path(paths[i], strlen(paths[i])) == 0)
                        return 0;
        return -ENOENT;
}

/* The test program listens on this name, outside. */
static int connect_abstract(void) {
        static const char name[] = "\0jail-probe";

        return connect_path(name, sizeof(name) - 1);
}

static int can_bind(const char *address, uint16_t port) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        inet_pton(AF_INET, address, &in.sin_addr);
        return fd < 0 || bind(fd, (struct sockaddr *) &in, sizeof(in)) < 0 ? -errno : 0;
}

static int bind_other_port(void) {
        return can_bind("0.0.0.0", 8081);
}

static int bind_low_port(void) {
        return can_bind("127.0.0.1", 22);
}

static int look_up_name(void) {
        struct addrinfo *list;

        if (getaddrinfo("debian.org", "80", NULL, &list) != 0)
                return -ENOENT;
        freeaddrinfo(list);
        return 0;
}

static int list_interfaces(void) {
        struct ifaddrs *list;

        if (getifaddrs(&list) < 0)
                return -errno;
        freeifaddrs(list);
        return 0;
}

static int interface_request(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct ifconf conf = {};

        return fd < 0 || ioctl(fd, SIOCGIFCONF, &conf) < 0 ? -errno : 0;
}

/* The option reached the kernel where the filter does not say that there is no such option. */
static int can_set(int level, int option) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char value[64] = {};

        return fd < 0 || (setsockopt(fd, level, option, value, sizeof(value)) < 0 && errno == ENOPROTOOPT)
                               ? -errno
                               : 0;
}

static int attach_filter(void) {
        return can_set(SOL_SOCKET, SO_ATTACH_FILTER);
}

static int attach_bpf(void) {
        return can_set(SOL_SOCKET, SO_ATTACH_BPF);
}

static int upper_protocol(void) {
        return can_set(IPPROTO_TCP, TCP_ULP);
}

static int bind_to_device(void) {
        return can_set(SOL_SOCKET, SO_BINDTODEVICE);
}

static int zero_copy(void) {
        return can_set(SOL_SOCKET, SO_ZEROCOPY);
}

static int replace_netfilter(void) {
        return can_set(IPPROTO_IP, 64 /* IPT_SO_SET_REPLACE */);
}

#define NETWORK "network"

const Probe probe_network[] = {
        PROBE(NETWORK, "other-families", other_families),
        PROBE(NETWORK, "netlink", netlink),
        PROBE(NETWORK, "packets", packets),
        PROBE(NETWORK, "vsock", vsock),
        PROBE(NETWORK, "crypto-sockets", crypto),
        PROBE(NETWORK, "udp", udp),
        PROBE(NETWORK, "udp6", udp6),
        PROBE(NETWORK, "raw-sockets", raw),
        PROBE(NETWORK, "ping", ping),
        PROBE(NETWORK, "unix-datagrams", unix_datagrams),
        PROBE(NETWORK, "unix-packets", unix_packets),
        PROBE(NETWORK, "other-streams", other_streams),
        PROBE(NETWORK, "socketpair", pair),
        PROBE(NETWORK, "connect-host", connect_host),
        PROBE(NETWORK, "connect-host-six", connect_six),
        PROBE(NETWORK, "connect-world", connect_world),
        PROBE(NETWORK, "connect-metadata", connect_metadata),
        PROBE(NETWORK, "connect-services", connect_services),
        PROBE(NETWORK, "connect-abstract", connect_abstract),
        PROBE(NETWORK, "bind-other-port", bind_other_port),
        PROBE(NETWORK, "bind-low-port", bind_low_port),
        PROBE(NETWORK, "look-up-name", look_up_name),
        PROBE(NETWORK, "list-interfaces", list_interfaces),
        PROBE(NETWORK, "interface-request", interface_request),
        PROBE(NETWORK, "attach-filter", attach_filter),
        PROBE(NETWORK, "attach-bpf", attach_bpf),
        PROBE(NETWORK, "upper-protocol", upper_protocol),
        PROBE(NETWORK, "bind-to-device", bind_to_device),
        PROBE(NETWORK, "zero-copy", zero_copy),
        PROBE(NETWORK, "replace-netfilter", replace_netfilter),
        {},
};

static int environment_of_supervisor(void) {
        static const char *const names[] = { "JAILTEST_SECRET", "NOTIFY_SOCKET",  "LISTEN_FDS",
                                             "LISTEN_PID",      "JOURNAL_STREAM", "INVOCATION_ID",
                                             "WATCHDOG_USEC",   "HOME",           "USER",
                                             "LOGNAME",         "SHELL",          "PWD",
                                             "OLDPWD",          "TERM",           "MAIL",
                                             "SUDO_USER" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (getenv(names[i]))
                        return 0;
        return -ENOENT;
}

/* The kernel's own copy, below the one that libc works on. */
static int name_of_host(void) {
        struct utsname u;

        return uname(&u) < 0 ? -errno : streq(u.nodename, "web") && u.domainname[0] == '\0' ? -ENOENT : 0;
}

static int files_that_name_host(void) {
        static const char *const paths[] = {
                "/etc/hostname", "/etc/machine-id", "/etc/resolv.conf",
                "/etc/fstab",    "/etc/os-release", "/var/lib/dbus/machine-id"
        };
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (stat(paths[i], &st) == 0)
                        return 0;
        return -ENOENT;
}

/* A folder that was left open is a way out of any root. */
static int folder_descriptors(void) {
        struct stat st;

        for (int fd = 0; fd < 8192; fd++)
                if (fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)))
                        return 0;
        return -EBADF;
}

/* The pipes of logs can be written, and read by nobody in here. */
static int readable_output(void) {
        char c;
        int flags = fcntl(STDERR_FILENO, F_GETFL);

        if ((flags & O_ACCMODE) == O_WRONLY)
                return -EBADF;
        return read(STDERR_FILENO, &c, 0) < 0 ? -errno : 0;
}

static int terminals(void) {
        _cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

        return fd >= 0 || isatty(0) || isatty(1) || isatty(2) ? 0 : -ENOTTY;
}

static int readable_umask(void) {
        static const char path[] = "/var/run/apache2/probe-umask";
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        struct stat st;
        int r;

        if (fd < 0)
                return -errno;
        r = fstat(fd, &st) < 0 ? -errno : (st.st_mode & 0077) ? 0 : -EPERM;
        (void) unlink(path);
        return r;
}

#define LEAKS "leaks"

const Probe probe_leaks[] = {
        PROBE(LEAKS, "environment-of-supervisor", environment_of_supervisor),
        PROBE(LEAKS, "name-of-host", name_of_host),
        PROBE(LEAKS, "files-that-name-host", files_that_name_host),
        PROBE(LEAKS, "folder-descriptors", folder_descriptors),
        PROBE(LEAKS, "readable-output", readable_output),
        PROBE(LEAKS, "terminals", terminals),
        PROBE(LEAKS, "readable-umask", readable_umask),
        {},
};
