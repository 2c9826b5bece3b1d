#include "fuzz.h"
#include "ld-cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(ld_cache_freep) LdCache *cache = NULL;
        const char *error = NULL;
        size_t first, n;
        int r;

        r = ld_cache_parse(data, size, &cache, &error);
        if (r != 0 && (r != -EBADMSG || !error))
                abort();
        if (r != 0)
                return 0;
        n = ld_cache_find(cache, "libc.so.6", &first);
        for (size_t i = first; i < first + n; i++)
                if (ld_cache_path(cache, i)[0] != '/')
                        abort();
        return 0;
}
