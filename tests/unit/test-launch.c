#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "launch.h"

static Launch *example(void) {
        Launch *l = calloc(1, sizeof(Launch));
        ListenPair pair;

        cr_assert_not_null(l);
        l->httpd = strdup("/usr/sbin/apache2");
        l->user = strdup("www-data");
        l->uid = l->gid = 33;
        l->pid_file = strdup("/run/apache2/a b\".pid");
        cr_assert_eq(strv_extend(&l->environment, "X=one\ntwo ; three"), 0);
        cr_assert_eq(strv_extend(&l->programs, "/usr/sbin/apache2"), 0);
        cr_assert_eq(strv_extend(&l->programs, "/usr/bin/perl"), 0);
        cr_assert_eq(strv_extend(&l->launcher, "/usr/sbin/apache2ctl"), 0);
        cr_assert_eq(launch_add_mount(l, MOUNT_TMPFS, "/run/apache2", NULL, 4096), 0);
        cr_assert_eq(launch_add_mount(l, MOUNT_BIND_RO, "/var/www", "/srv/www", 0), 0);
        cr_assert_eq(launch_add_log(l, "/var/log/apache2/error.log", "error.log", LAUNCH_LOG_ERROR), 0);
        cr_assert_eq(launch_add_log(l, "/var/log/apache2/x", "x", LAUNCH_LOG_ACCESS), 0);
        cr_assert_eq(launch_add_secret(l, "/etc/ssl/private/x.key", "x.key"), 0);
        cr_assert_eq(listen_pair_parse("127.0.0.1:8080 80", &pair), 0);
        cr_assert_eq(launch_add_listen(l, &pair), 0);
        l->send_buffer_bytes = 65536;
        return l;
}

static int written(const Launch *l) {
        int fd = memfd_create("launch", MFD_CLOEXEC);
        FILE *f = fdopen(dup(fd), "w");

        cr_assert_eq(launch_write(l, f), 0);
        fclose(f);
        lseek(fd, 0, SEEK_SET);
        return fd;
}

Test(launch, what_is_written_is_read_back_whatever_the_bytes) {
        _cleanup_(launch_freep) Launch *l = example(), *back = NULL;
        _cleanup_close_ int fd = written(l);
        _cleanup_free_ char *error = NULL;

        cr_assert_eq(launch_read(fd, &back, &error), 0, "%s", error);
        cr_assert_str_eq(back->httpd, l->httpd);
        cr_assert_str_eq(back->pid_file, l->pid_file);
        cr_assert_str_eq(back->environment[0], l->environment[0]);
        cr_assert_null(back->environment[1]);
        cr_assert_str_eq(back->launcher[0], l->launcher[0]);
        cr_assert_eq(back->uid, 33u);
        cr_assert_eq(back->receive_buffer_bytes, 0u);
        cr_assert_eq(back->send_buffer_bytes, 65536u);
        cr_assert_eq(back->n_mounts, 2u);
        cr_assert_eq(back->mounts[0].size_bytes, 4096u);
        cr_assert_str_eq(back->mounts[1].source, "/srv/www");
        cr_assert_str_eq(back->logs[0].name, "error.log");
        cr_assert_eq(back->logs[0].kind, LAUNCH_LOG_ERROR);
        cr_assert_eq(back->logs[1].kind, LAUNCH_LOG_ACCESS);
        cr_assert_str_eq(back->secrets[0].source, "/etc/ssl/private/x.key");
        cr_assert(address_equal(&back->listens[0].outside, &l->listens[0].outside));
}

/* The text of the example with one piece replaced must be refused, and the key named. */
static void assert_refused(const char *piece, const char *with, const char *key) {
        _cleanup_(launch_freep) Launch *l = example(), *back = NULL;
        _cleanup_close_ int fd = written(l), changed = memfd_create("changed", MFD_CLOEXEC);
        _cleanup_free_ char *error = NULL;
        char text[8192] = {};
        char *at;

        cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
        at = strstr(text, piece);
        cr_assert_not_null(at, "%s", piece);
        dprintf(changed, "%.*s%s%s", (int) (at - text), text, with, at + strlen(piece));
        lseek(changed, 0, SEEK_SET);
        cr_assert_eq(launch_read(changed, &back, &error), -EBADMSG, "%s -> %s", piece, with);
        cr_assert(strstr(error, key), "%s", error);
}

Test(launch, a_bad_value_is_refused_by_name) {
        assert_refused("\"/usr/sbin/apache2\"", "\"apache2\"", "httpd");
        assert_refused("\"/usr/bin/perl\"", "\"perl\"", "programs");
        assert_refused("\"/usr/sbin/apache2ctl\"", "\"apache2ctl\"", "launcher");
        assert_refused("\"uid\":33", "\"uid\":0", "uid");
        assert_refused("\"gid\":33", "\"gid\":\"33\"", "gid");
        assert_refused("\"bind-ro\"", "\"bind-rx\"", "mounts");
        assert_refused("\"/srv/www\"", "\"srv\"", "mounts");
        assert_refused("\"error.log\"", "\"../error.log\"", "logs");
        assert_refused("\"kind\":\"access\"", "\"kind\":\"other\"", "logs");
        assert_refused("\"x.key\"", "\".\"", "secrets");
        assert_refused("\"send-buffer\":65536", "\"send-buffer\":-1", "send-buffer");
        assert_refused("127.0.0.1:8080", "localhost:8080", "listens");
        assert_refused("{", "[", "JSON");
}
