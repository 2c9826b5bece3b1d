#include <sys/mman.h>

#include "fuzz.h"
#include "origins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("origins", MFD_CLOEXEC);
        _cleanup_(origins_freep) Origins *o = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        if (fd < 0 || write(fd, data, size) != (ssize_t) size || lseek(fd, 0, SEEK_SET) < 0)
                return 0;
        r = origins_read(fd, &o, &error);
        if (r != 0 && (r != -EBADMSG || !error))
                abort();
        for (size_t i = 0; r == 0 && i < o->n_entries; i++)
                if (o->entries[i].path[0] != '/' || !o->entries[i].why ||
                    !origins_find(o, o->entries[i].path))
                        abort();
        return 0;
}
