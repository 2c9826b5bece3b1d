#include "manifest.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "reterr.h"

/* Times are left out: a folder's changes with what is done in it, and the digest says what matters. */
#define OPTIONS "!all,type,mode,uid,gid,size,sha256,link,device,flags"

typedef struct archive Archive;
typedef struct archive_entry ArchiveEntry;
DEFINE_CLEANUP(Archive *, archive_write_free)
DEFINE_CLEANUP(ArchiveEntry *, archive_entry_free)

/* -1 is errno's sign in libarchive, too, but not for every failure. */
static int archive_error(Archive *a) {
        int e = archive_errno(a);

        return e > 0 ? -e : -EIO;
}

/* The content of a regular file, through which libarchive takes the digest. */
static int write_content(Archive *a, int root_fd, const char *path, size_t size) {
        _cleanup_close_ int fd = openat(root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        la_ssize_t n;
        void *map;

        if (fd < 0)
                return -errno;
        if (size == 0)
                return 0;
        map = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (map == MAP_FAILED)
                return -errno;
        n = archive_write_data(a, map, size);
        (void) munmap(map, size);
        return n == (la_ssize_t) size ? 0 : archive_error(a);
}

static bool is_immutable(int root_fd, const char *path) {
        struct statx st;

        return statx(root_fd, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0 &&
               st.stx_attributes & STATX_ATTR_IMMUTABLE;
}

static int write_header(Archive *a, ArchiveEntry *entry, int root_fd, const char *path, const char *link) {
        _cleanup_free_ char *name = NULL;
        struct stat st;
        int r;

        if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (asprintf(&name, "%s%s", streq(path, ".") ? "" : "./", path) < 0)
                return -ENOMEM;
        archive_entry_clear(entry);
        archive_entry_copy_stat(entry, &st);
        archive_entry_copy_pathname(entry, name);
        if (is_immutable(root_fd, path))
                archive_entry_set_fflags(entry, FS_IMMUTABLE_FL, 0);
        if (link)
                archive_entry_copy_symlink(entry, link);
        r = archive_write_header(a, entry);
        if (r != ARCHIVE_OK)
                return archive_error(a);
        return S_ISREG(st.st_mode) ? write_content(a, root_fd, path, (size_t) st.st_size) : 0;
}

static la_ssize_t on_write(Archive *a, void *userdata, const void *buffer, size_t length) {
        if (fwrite(buffer, 1, length, userdata) == length)
                return (la_ssize_t) length;
        archive_set_error(a, errno, "cannot write the manifest");
        return -1;
}

static int open_archive(Archive *a, FILE *f) {
        if (archive_write_set_format_mtree(a) != ARCHIVE_OK ||
            archive_write_set_options(a, OPTIONS) != ARCHIVE_OK ||
            archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
            archive_write_open(a, f, NULL, on_write, NULL) != ARCHIVE_OK)
                return archive_error(a);
        return 0;
}

int manifest_write(const Plan *plan, int root_fd, FILE *f, char **reterr) {
        _cleanup_(archive_write_freep) Archive *a = archive_write_new();
        _cleanup_(archive_entry_freep) ArchiveEntry *entry = archive_entry_new();
        _cleanup_free_ const PlanEntry **entries = NULL;
        int r;

        if (!a || !entry || (r = plan_list(plan, &entries)) < 0)
                return -ENOMEM;
        r = open_archive(a, f);
        if (r >= 0)
                r = write_header(a, entry, root_fd, ".", NULL);
        for (size_t i = 0; r >= 0 && i < plan->n_entries; i++) {
                const PlanEntry *e = entries[i];

                r = write_header(a, entry, root_fd, e->path + 1,
                                 e->type == PLAN_SYMLINK ? e->content : NULL);
                if (r < 0)
                        return reterr_set(reterr, r, "manifest: %s: %s", e->path, strerror(-r));
        }
        if (r >= 0 && archive_write_close(a) != ARCHIVE_OK)
                r = archive_error(a);
        return r < 0 ? reterr_set(reterr, r, "manifest: %s", strerror(-r)) : 0;
}
