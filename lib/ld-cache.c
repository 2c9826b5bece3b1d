#include "ld-cache.h"

#include <limits.h>

/* The layout of glibc's sysdeps/generic/dl-cache.h. Offsets of strings count from the header of the new format, which in
 * a file of ldconfig --format=compat comes behind a whole cache of the old format. */

typedef struct FileHeader {
        char magic[20];
        uint32_t n_entries;
        uint32_t strings_size;
        uint8_t flags;
        uint8_t padding[3];
        uint32_t extension_offset;
        uint32_t unused[3];
} FileHeader;

typedef struct FileEntry {
        int32_t flags;
        uint32_t name;
        uint32_t path;
        uint32_t os_version;
        uint64_t hwcap;
} FileEntry;

_Static_assert(sizeof(FileHeader) == 48 && sizeof(FileEntry) == 24, "must be as in the file");

#define MAGIC           "glibc-ld.so.cache1.1"
#define OLD_MAGIC       "ld.so-1.7.0"
#define OLD_HEADER_SIZE ((size_t) 16)
#define OLD_ENTRY_SIZE  ((size_t) 12)

typedef struct Entry {
        const char *name;
        const char *path;
        size_t position;
} Entry;

struct LdCache {
        char *data;
        /* By name, then by position in the file. */
        Entry *entries;
        size_t n_entries;
};

LdCache *ld_cache_free(LdCache *cache) {
        if (!cache)
                return NULL;
        free(cache->data);
        free(cache->entries);
        free(cache);
        return NULL;
}

static int entry_compare(const void *a, const void *b) {
        const Entry *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r != 0 ? r : (x->position > y->position) - (x->position < y->position);
}

/* Where the new format begins. Returns false when there is none. */
static bool find_header(const char *data, size_t size, size_t *ret) {
        uint32_t n_old;
        size_t at;

        if (size >= sizeof(FileHeader) && memcmp(data, MAGIC, strlen(MAGIC)) == 0) {
                *ret = 0;
                return true;
        }
        if (size < OLD_HEADER_SIZE || memcmp(data, OLD_MAGIC, strlen(OLD_MAGIC)) != 0)
                return false;
        memcpy(&n_old, data + OLD_HEADER_SIZE - sizeof(n_old), sizeof(n_old));
        at = OLD_HEADER_SIZE + (size_t) n_old * OLD_ENTRY_SIZE;
        /* Aligned for its 64-bit member, which on i386 is to four bytes. */
        for (size_t align = 4; align <= 8; align += 4) {
                size_t aligned = (at + align - 1) / align * align;

                if (size >= sizeof(FileHeader) && aligned <= size - sizeof(FileHeader) &&
                    memcmp(data + aligned, MAGIC, strlen(MAGIC)) == 0) {
                        *ret = aligned;
                        return true;
                }
        }
        return false;
}

/* A string of the file: ended within it and free of control characters. */
static const char *string_at(const char *data, size_t size, uint32_t offset) {
        size_t left;

        if (offset >= size)
                return NULL;
        left = size - offset;
        if (!memchr(data + offset, '\0', left < PATH_MAX ? left : PATH_MAX))
                return NULL;
        for (const char *p = data + offset; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        return NULL;
        return data + offset;
}

int ld_cache_parse(const void *data, size_t size, LdCache **ret, const char **reterr) {
        _cleanup_(ld_cache_freep) LdCache *cache = NULL;
        FileHeader header;
        const char *base;
        size_t at;

        if (!find_header(data, size, &at)) {
                *reterr = "not a cache of ldconfig in a format that is known here";
                return -EBADMSG;
        }
        memcpy(&header, (const char *) data + at, sizeof(header));
        size -= at;
        if (header.n_entries > (size - sizeof(header)) / sizeof(FileEntry)) {
                *reterr = "it is cut off within its entries";
                return -EBADMSG;
        }

        cache = calloc(1, sizeof(LdCache));
        if (!cache)
                return -ENOMEM;
        cache->data = malloc(size);
        cache->entries = calloc((size_t) header.n_entries + 1, sizeof(Entry));
        if (!cache->data || !cache->entries)
                return -ENOMEM;
        memcpy(cache->data, (const char *) data + at, size);
        base = cache->data;

        for (size_t i = 0; i < header.n_entries; i++) {
                FileEntry entry;
                Entry *e = cache->entries + i;

                memcpy(&entry, base + sizeof(header) + i * sizeof(entry), sizeof(entry));
                *e = (Entry){
                        .name = string_at(base, size, entry.name),
                        .path = string_at(base, size, entry.path),
                        .position = i,
                };
                if (!e->name || !e->path || e->path[0] != '/') {
                        *reterr = "an entry names no library or no absolute path";
                        return -EBADMSG;
                }
        }
        cache->n_entries = header.n_entries;
        qsort(cache->entries, cache->n_entries, sizeof(Entry), entry_compare);

        *ret = TAKE_PTR(cache);
        return 0;
}

size_t ld_cache_find(const LdCache *cache, const char *name, size_t *ret_first) {
        size_t low = 0, high = cache->n_entries, n = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(cache->entries[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < cache->n_entries && streq(cache->entries[low + n].name, name))
                n++;
        *ret_first = low;
        return n;
}

const char *ld_cache_path(const LdCache *cache, size_t i) {
        return cache->entries[i].path;
}
