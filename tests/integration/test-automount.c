/* A document root that is mounted only when somebody wants to look into it (autofs(5), systemd.automount(5)). */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jailtest.h"

TestSuite(automount, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 60);

#define SITE "/srv/site"

/* In a process group of its own, whose looks cause no mount: mount the site whenever somebody waits for it. Ends with the
 * test's process namespace. */
static void serve_mounts(int ready_fd) {
        int request[2], root_fd;
        struct autofs_v5_packet packet;

        if (setpgid(0, 0) < 0 || pipe(request) < 0 ||
            mount("automount", SITE, "autofs", 0,
                  path("fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", request[1], getpid())) < 0 ||
            (root_fd = open(SITE, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || write(ready_fd, "", 1) != 1)
                _exit(1);
        while (read(request[0], &packet, sizeof(packet)) == sizeof(packet)) {
                if (mount("site", SITE, "tmpfs", 0, "mode=0755") == 0)
                        file_write(SITE "/index.html", "mounted on demand");
                (void) ioctl(root_fd, AUTOFS_IOC_READY, packet.wait_queue_token);
        }
        _exit(0);
}

static void automount_begin(void) {
        int ready[2];
        char byte;

        cr_assert_eq(mount("jailtest", "/srv", "tmpfs", 0, NULL), 0);
        cr_assert_eq(mkdir(SITE, 0755), 0);
        cr_assert_eq(pipe(ready), 0);
        if (fork() == 0)
                serve_mounts(ready[1]);
        close(ready[1]);
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        close(ready[0]);
}

Test(automount, document_root) {
        apache_make_private();
        automount_begin();
        file_write("/etc/apache2/conf-enabled/site.conf",
                   "DocumentRoot " SITE "\n<Directory " SITE ">\n Require all granted\n</Directory>\n");
        file_write("/etc/apache2/sites-enabled/000-default.conf", "");
        jail_conf_write(JAILTEST_NAME, JAILTEST_CONF);
        jailctl_ok("build", JAILTEST_NAME);
        jailctl_ok("start", JAILTEST_NAME);
        cr_assert_str_eq(http_get(JAILTEST_URL, NULL).body, "mounted on demand");
}
