#include "strip.h"

#include "capture.h"
#include "elf-file.h"
#include "reterr.h"

static char *const script[] = {
        (char[]){ "/bin/sh" }, (char[]){ "-c" },
        (char[]){ "cat >/tmp/file && strip --strip-unneeded /tmp/file && exec cat /tmp/file" }, NULL
};
static char *const environment[] = { (char[]){ "PATH=/usr/bin:/bin" }, (char[]){ "LC_ALL=C" }, NULL };

static int write_whole(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

int strip_copy(int from_fd, int to_fd, char **reterr) {
        _cleanup_(capture_done) Capture c = {};
        int r;

        if (!elf_file_has_symbols(from_fd))
                return 0;
        r = capture_run(script, environment, &(CaptureOptions){ .in_fd = from_fd, .is_confined = true }, &c,
                        reterr);
        if (r < 0)
                return r;
        if (!capture_succeeded(&c))
                return reterr_set(reterr, -EBADMSG, "cannot be stripped, do without Strip=yes: %.*s",
                                  (int) strcspn(c.err, "\n"), c.err);
        r = write_whole(to_fd, c.out, c.out_length);
        return r < 0 ? r : 1;
}
