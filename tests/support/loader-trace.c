#include "loader-trace.h"

#include <criterion/criterion.h>
#include <spawn.h>
#include <sys/wait.h>

void loader_trace(const char *interpreter, const char *path, char ***paths) {
        const char *const argv[] = { interpreter, path, NULL };
        const char *const environment[] = { "LD_TRACE_LOADED_OBJECTS=1", NULL };
        _cleanup_fclose_ FILE *output = tmpfile();
        posix_spawn_file_actions_t actions;
        char line[1024];
        int status;
        pid_t pid;

        cr_assert_not_null(output);
        cr_assert_eq(posix_spawn_file_actions_init(&actions), 0);
        cr_assert_eq(posix_spawn_file_actions_adddup2(&actions, fileno(output), 1), 0);
        cr_assert_eq(posix_spawn(&pid, interpreter, &actions, NULL, (char *const *) (uintptr_t) argv,
                                 (char *const *) (uintptr_t) environment),
                     0);
        posix_spawn_file_actions_destroy(&actions);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0, "%s does not list %s", interpreter, path);

        /* "\tlibc.so.6 => /lib/libc.so.6 (0x…)", "\t/lib64/ld-linux.so.2 (0x…)", or without a path, as the vDSO. */
        rewind(output);
        while (fgets(line, sizeof(line), output)) {
                char *file = strchr(line, '/'), *end = strstr(line, " (0x");

                cr_assert_null(strstr(line, "not found"), "%s", line);
                if (!file || !end)
                        continue;
                if (strstr(file, " => "))
                        file = strstr(file, " => ") + strlen(" => ");
                *end = '\0';
                cr_assert_eq(strv_extend(paths, file), 0);
        }
}
