/* Give each file of a folder to a fuzz target, so that every build replays what fuzzing once found. */

#include <dirent.h>
#include <fcntl.h>

#include "fuzz.h"

#define INPUT_BYTES_MAX ((size_t) 1024 * 1024)

static int replay(int folder_fd, const char *name) {
        _cleanup_close_ int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ uint8_t *data = malloc(INPUT_BYTES_MAX), *exact = NULL;
        ssize_t size;

        if (fd < 0 || !data)
                return -1;
        size = read(fd, data, INPUT_BYTES_MAX);
        if (size < 0)
                return -1;
        /* Of the exact size, so that a sanitizer sees one byte too much. */
        exact = malloc(size > 0 ? (size_t) size : 1);
        if (!exact)
                return -1;
        memcpy(exact, data, (size_t) size);
        return LLVMFuzzerTestOneInput(exact, (size_t) size);
}

int main(int argc, char **argv) {
        DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
        unsigned n = 0;

        if (!folder) {
                fprintf(stderr, "usage: %s FOLDER, which must be readable\n", argv[0]);
                return 2;
        }
        for (const struct dirent *entry; (entry = readdir(folder));) {
                if (entry->d_name[0] == '.')
                        continue;
                printf("%s\n", entry->d_name);
                fflush(stdout);
                if (replay(dirfd(folder), entry->d_name) != 0) {
                        perror(entry->d_name);
                        return 1;
                }
                n++;
        }
        closedir(folder);
        return n > 0 ? 0 : 1;
}
