#include "inspector.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "config-paths.h"
#include "reterr.h"
#include "strv.h"

int inspector_path(char **ret) {
        const char *jaild = getenv("JAILD_BINARY");
        const char *slash = jaild ? strrchr(jaild, '/') : NULL;

        if (!slash) {
                *ret = strdup(JAILD_INSPECT);
                return *ret ? 0 : -ENOMEM;
        }
        return asprintf(ret, "%.*s/jaild-inspect", (int) (slash - jaild), jaild) < 0 ? -ENOMEM : 0;
}

static int read_all(int fd, char **ret) {
        _cleanup_free_ char *text = NULL;
        char buf[16384];
        size_t size;
        ssize_t k;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        while ((k = read(fd, buf, sizeof(buf))) > 0 || (k < 0 && errno == EINTR))
                if (k > 0)
                        fwrite(buf, 1, (size_t) k, f);
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return k < 0 ? -errno : 0;
}

static int spawn(const char *path, char *const *arguments, int output_fd, pid_t *ret) {
        _cleanup_strv_free_ char **argv = NULL;
        posix_spawn_file_actions_t actions;
        int r = strv_extend(&argv, path);

        for (char *const *a = arguments; r >= 0 && *a; a++)
                r = strv_extend(&argv, *a);
        if (r < 0)
                return r;
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        r = posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(ret, path, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int inspector_run(char *const *arguments, int *ret_status, char **ret_output, char **reterr) {
        _cleanup_free_ char *path = NULL, *output = NULL;
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
        pid_t pid = 0;
        int fds[2], r = inspector_path(&path);

        if (r < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return reterr_set(reterr, -errno, "cannot make a pipe: %s", strerror(errno));
        read_end = fds[0];
        write_end = fds[1];
        r = spawn(path, arguments, write_end, &pid);
        if (r < 0)
                return reterr_set(reterr, r, "cannot run %s: %s", path, strerror(-r));
        write_end = close_fd(write_end);
        r = read_all(read_end, &output);
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return reterr_set(reterr, -errno, "cannot wait for %s: %s", path, strerror(errno));
        if (r < 0)
                return reterr_set(reterr, r, "cannot read from %s: %s", path, strerror(-r));
        *ret_output = TAKE_PTR(output);
        return 0;
}
