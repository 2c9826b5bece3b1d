/* systemd.generator(7): for each jail on demand (OnDemand=yes) a socket unit with its ports, jaild-http@NAME.socket, which
 * a template could not know. systemd listens, jaild@NAME.service is started by the first client and gets the sockets.
 * It runs early at boot and at each daemon-reload, when little of the system is there: it reads /etc/jaild alone. */

#include <fcntl.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "config.h"

#define WANTS_DIR "sockets.target.wants"

static const char *port_twin(const JailConfig *c, const Address *v6) {
        for (size_t i = 0; i < c->n_listens; i++) {
                const Address *a = &c->listens[i].outside;

                if (a->sa.sa_family == AF_INET && address_is_wildcard(a) &&
                    address_port(a) == address_port(v6))
                        return "ipv6-only";
        }
        return "both";
}

/* One setting for all addresses of a unit: [::] with IPv4 and without it, side by side, cannot be said. */
static int find_ipv6_only(const JailConfig *c, const char **ret) {
        const char *found = NULL;

        for (size_t i = 0; i < c->n_listens; i++) {
                const Address *a = &c->listens[i].outside;
                const char *this;

                if (a->sa.sa_family != AF_INET6 || !address_is_wildcard(a))
                        continue;
                this = port_twin(c, a);
                if (found && !streq(found, this))
                        return -EINVAL;
                found = this;
        }
        *ret = found ?: "both";
        return 0;
}

static int write_unit(int dir_fd, const char *unit, const JailConfig *c, const char *ipv6_only) {
        _cleanup_close_ int fd =
                        openat(dir_fd, unit, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        _cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
        char buf[ADDRESS_STRING_MAX];

        if (!f)
                return -errno;
        (void) TAKE_FD(fd);
        fprintf(f,
                "# Made by jaild's generator; to change it, change the jail's configuration.\n"
                "[Unit]\n"
                "Description=Ports of the jail %s\n"
                "SourcePath=" JAILD_CONF_DIR "/%s.conf\n"
                "\n"
                "[Socket]\n"
                "Service=jaild@%s.service\n"
                "FileDescriptorName=http\n"
                "BindIPv6Only=%s\n"
                "KeepAlive=yes\n"
                "NoDelay=yes\n",
                c->name, c->name, c->name, ipv6_only);
        for (size_t i = 0; i < c->n_listens; i++)
                fprintf(f, "ListenStream=%s\n", address_to_string(&c->listens[i].outside, buf));
        return fflush(f) == 0 ? 0 : -errno;
}

static int generate(int dir_fd, const JailConfig *c, const char **ret_why) {
        _cleanup_free_ char *unit = NULL, *link = NULL, *target = NULL;
        const char *ipv6_only;
        int r;

        if (asprintf(&unit, "jaild-http@%s.socket", c->name) < 0 ||
            asprintf(&link, WANTS_DIR "/%s", unit) < 0 || asprintf(&target, "../%s", unit) < 0)
                return -ENOMEM;
        r = find_ipv6_only(c, &ipv6_only);
        if (r < 0) {
                *ret_why = "[::] with and without IPv4 at once is more than one socket unit can say; name 0.0.0.0 for each "
                           "port, or for none";
                return r;
        }
        r = write_unit(dir_fd, unit, c, ipv6_only);
        if (r < 0)
                return r;
        if ((mkdirat(dir_fd, WANTS_DIR, 0755) < 0 && errno != EEXIST) || symlinkat(target, dir_fd, link) < 0)
                return -errno;
        return 0;
}

static void generate_for(int dir_fd, const char *name) {
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_(config_error_done) ConfigError error = {};
        const char *why = NULL;
        int r = jail_config_load(name, &config, &error);

        if (r >= 0 && config->on_demand)
                r = generate(dir_fd, config, &why);
        /* One that is broken does not keep the others from being started. */
        if (r < 0)
                fprintf(stderr, "jaild: no socket unit for %s: %s\n", name, error.message ?: why ?: strerror(-r));
}

int main(int argc, char *argv[]) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* With one argument or three; ours is the first, the place of what packages generate. */
        if (argc != 2 && argc != 4) {
                fprintf(stderr, "Usage: %s DIR [DIR DIR]\n", argv[0]);
                return EXIT_FAILURE;
        }
        (void) umask(022);
        fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : jail_config_list(&names);
        if (r < 0) {
                fprintf(stderr, "jaild: cannot generate socket units in %s: %s\n", argv[1], strerror(-r));
                return EXIT_FAILURE;
        }
        for (char **name = names; *name; name++)
                generate_for(fd, *name);
        return EXIT_SUCCESS;
}
