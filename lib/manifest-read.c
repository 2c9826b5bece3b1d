#include <archive.h>
#include <archive_entry.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "manifest.h"
#include "reterr.h"

typedef struct archive Archive;
typedef struct archive_entry ArchiveEntry;
DEFINE_CLEANUP(Archive *, archive_read_free)

static void entry_done(ManifestEntry *e) {
        free(e->path);
        free(e->target);
}

Manifest *manifest_free(Manifest *m) {
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n_entries; i++)
                entry_done(&m->entries[i]);
        free(m->entries);
        free(m);
        return NULL;
}

static int entry_compare(const void *a, const void *b) {
        return strcmp(((const ManifestEntry *) a)->path, ((const ManifestEntry *) b)->path);
}

const ManifestEntry *manifest_find(const Manifest *m, const char *path) {
        const ManifestEntry key = { .path = (char *) (uintptr_t) path };

        return bsearch(&key, m->entries, m->n_entries, sizeof(ManifestEntry), entry_compare);
}

/* "./etc/passwd" as "/etc/passwd". */
static char *absolute(const char *name) {
        char *path;

        if (streq(name, "."))
                return strdup("/");
        if (strncmp(name, "./", 2) == 0)
                name += 2;
        return asprintf(&path, "/%s", name) < 0 ? NULL : path;
}

static int read_entry(ArchiveEntry *from, ManifestEntry *e) {
        const unsigned char *digest = archive_entry_digest(from, ARCHIVE_ENTRY_DIGEST_SHA256);
        const char *name = archive_entry_pathname(from), *target = archive_entry_symlink(from);
        unsigned long set, clear;

        if (!name)
                return -EBADMSG;
        archive_entry_fflags(from, &set, &clear);
        *e = (ManifestEntry){
                .path = absolute(name),
                .mode = archive_entry_mode(from),
                .uid = (uid_t) archive_entry_uid(from),
                .gid = (gid_t) archive_entry_gid(from),
                .size = (uint64_t) archive_entry_size(from),
                .rdev = archive_entry_rdev(from),
                .target = target ? strdup(target) : NULL,
                .is_immutable = set & FS_IMMUTABLE_FL,
        };
        if (S_ISREG(e->mode) && digest)
                memcpy(e->digest, digest, sizeof(e->digest));
        return e->path && (e->target || !target) ? 0 : -ENOMEM;
}

static int read_all(Archive *a, Manifest *m) {
        size_t n_allocated = 0;
        ArchiveEntry *entry;
        int r;

        while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
                if (m->n_entries == n_allocated) {
                        ManifestEntry *bigger;

                        n_allocated = n_allocated > 0 ? 2 * n_allocated : 256;
                        bigger = reallocarray(m->entries, n_allocated, sizeof(ManifestEntry));
                        if (!bigger)
                                return -ENOMEM;
                        m->entries = bigger;
                }
                r = read_entry(entry, &m->entries[m->n_entries]);
                if (r != -EBADMSG)
                        m->n_entries++;
                if (r < 0)
                        return r;
        }
        return r == ARCHIVE_EOF ? 0 : -EBADMSG;
}

int manifest_read(int fd, Manifest **ret, char **reterr) {
        _cleanup_(archive_read_freep) Archive *a = archive_read_new();
        _cleanup_(manifest_freep) Manifest *m = calloc(1, sizeof(Manifest));
        int r;

        if (!a || !m || archive_read_support_format_mtree(a) != ARCHIVE_OK)
                return -ENOMEM;
        r = archive_read_open_fd(a, fd, 64 * 1024) == ARCHIVE_OK ? read_all(a, m) : -EBADMSG;
        if (r == -EBADMSG)
                return reterr_set(reterr, r, "no manifest in mtree(5): %s",
                                  archive_error_string(a) ?: "damaged");
        if (r >= 0 && m->n_entries == 0)
                return reterr_set(reterr, -EBADMSG, "the manifest is empty");
        if (r < 0)
                return reterr_set(reterr, r, "the manifest: %s", strerror(-r));
        qsort(m->entries, m->n_entries, sizeof(ManifestEntry), entry_compare);
        *ret = TAKE_PTR(m);
        return 0;
}
