#include <sys/mman.h>

#include "elf-file.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("elf", MFD_CLOEXEC);
        _cleanup_(elf_file_freep) ElfFile *f = NULL;
        const char *error = NULL;
        int r;

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
        r = elf_file_read(fd, &f, &error);
        if (r != 0 && (r != -EBADMSG || !error))
                abort();
        error = NULL;
        r = elf_file_defines(fd, "GLIBC_2.34", &error);
        if (r < 0 && (r != -EBADMSG || !error))
                abort();
        return 0;
}
