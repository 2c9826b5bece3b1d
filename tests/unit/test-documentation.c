/* What is written for people names what the code knows: all of it, and nothing else. */

#include <criterion/criterion.h>
#include <fcntl.h>

#include "config.h"

static char *read_text(const char *file) {
        _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
        char *text = calloc(1, 256 * 1024);
        ssize_t k;

        cr_assert(fd >= 0 && text, "%s: %s", file, strerror(errno));
        k = read(fd, text, 256 * 1024 - 1);
        cr_assert(k > 0 && k < 256 * 1024 - 1, "%s", file);
        return text;
}

/* The example with its keys no longer behind a '#'. */
static char *uncommented(const char *example) {
        char *text = calloc(1, strlen(example) + 1), *to = text;

        for (const char *from = example; *from; from++)
                if (*from != '#' || (from > example && from[-1] != '\n') || from[1] == ' ' ||
                    from[1] == '\n')
                        *to++ = *from;
        return text;
}

/* Reads text as the configuration of a jail. */
static void assert_loads(const char *text) {
        char folder[] = "/tmp/test-documentation-XXXXXX";
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        ConfigError error = {};
        int r;

        cr_assert_not_null(mkdtemp(folder));
        dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd = openat(dir_fd, "web.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        r = jail_config_load_at(dir_fd, folder, "web", &config, &error);
        cr_expect_eq(unlinkat(dir_fd, "web.conf", 0), 0);
        cr_expect_eq(rmdir(folder), 0);
        cr_assert_eq(r, 0, "%s", error.message);
}

/* Whether the section of the example has the key, behind a '#'. */
static bool has_key(const char *example, const char *section, const char *key) {
        _cleanup_free_ char *head = NULL, *line = NULL;
        const char *begin, *end, *found;

        cr_assert(asprintf(&head, "\n[%s]\n", section) > 0 && asprintf(&line, "\n#%s=", key) > 0);
        begin = strstr(example, head);
        if (!begin)
                return false;
        end = strstr(begin + 1, "\n[");
        found = strstr(begin, line);
        return found && (!end || found < end);
}

Test(documentation, the_example_has_every_key) {
        _cleanup_free_ char *example = read_text(EXAMPLE_CONF);
        size_t n;
        const ConfigKey *keys = config_keys(&n);

        for (size_t i = 0; i < n; i++)
                cr_expect(has_key(example, keys[i].section, keys[i].key),
                          "%s= of [%s] is not in " EXAMPLE_CONF, keys[i].key, keys[i].section);
}

Test(documentation, the_example_is_a_configuration) {
        _cleanup_free_ char *example = read_text(EXAMPLE_CONF), *bare = uncommented(example);

        assert_loads(example);
        assert_loads(bare);
}
