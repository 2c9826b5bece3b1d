#include <sys/mman.h>

#include "fuzz.h"
#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("manifest", MFD_CLOEXEC);
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        if (fd < 0 || write(fd, data, size) != (ssize_t) size || lseek(fd, 0, SEEK_SET) < 0)
                return 0;
        r = manifest_read(fd, &m, &error);
        if (r != 0 && (r != -EBADMSG || !error))
                abort();
        for (size_t i = 0; r == 0 && i < m->n_entries; i++)
                if (m->entries[i].path[0] != '/' || !manifest_find(m, m->entries[i].path))
                        abort();
        return 0;
}
