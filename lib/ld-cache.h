#pragma once

/* /etc/ld.so.cache as ldconfig(8) of glibc writes it: which library names are in which files. */

#include "base.h"

typedef struct LdCache LdCache;

/* Check and index a whole cache file. data is copied. Returns 0 and a cache that the caller frees, -ENOMEM, or -EBADMSG
 * with what is wrong in *reterr, a static phrase. */
int ld_cache_parse(const void *data, size_t size, LdCache **ret, const char **reterr);
LdCache *ld_cache_free(LdCache *cache);
DEFINE_CLEANUP(LdCache *, ld_cache_free)

/* Every file for a library name, of any machine and any hwcaps level, in the order of the cache. Returns their number;
 * ld_cache_path() gives one of them, with first <= i < first + number. The strings belong to the cache. */
size_t ld_cache_find(const LdCache *cache, const char *name, size_t *ret_first);
const char *ld_cache_path(const LdCache *cache, size_t i);
