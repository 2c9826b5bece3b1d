#include "origins.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "json-object.h"
#include "reterr.h"
#include "rootpath.h"

#define NSEC_PER_SEC INT64_C(1000000000)

Origins *origins_free(Origins *o) {
        if (!o)
                return NULL;
        for (size_t i = 0; i < o->n_entries; i++) {
                free(o->entries[i].path);
                free(o->entries[i].why);
                free(o->entries[i].needed_by);
                free(o->entries[i].source);
        }
        for (size_t i = 0; i < o->n_packages; i++) {
                free(o->packages[i].name);
                free(o->packages[i].version);
        }
        free(o->entries);
        free(o->packages);
        free(o);
        return NULL;
}

static json_object *package_to_json(const Package *p) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();

        if (!o || json_add(o, "name", json_object_new_string(p->name)) < 0 ||
            json_add(o, "version", json_object_new_string(p->version)) < 0)
                return NULL;
        return TAKE_PTR(o);
}

static bool same_time(const struct stat *a, const struct stat *b) {
        return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A copy has its source's time, and its size where it was not stripped; of what was made from a file, that file itself must
 * be asked. */
static int source_state(const Plan *plan, const PlanEntry *e, int root_fd, struct stat *ret) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (e->type == PLAN_COPY && fstatat(root_fd, e->path + 1, ret, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (e->type == PLAN_COPY && !plan->strip)
                return 0;
        fd = rootpath_open(plan->source_fd, e->source, O_PATH);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? fd : -errno;
        /* One that was replaced since is as good as outdated. */
        if (e->type != PLAN_COPY || same_time(&st, ret))
                *ret = st;
        return 0;
}

static int add_source(json_object *o, const Plan *plan, const PlanEntry *e, int root_fd,
                      const Package *package) {
        struct stat st;
        int r = source_state(plan, e, root_fd, &st);

        if (r < 0 || (r = json_add(o, "source", json_object_new_string(e->source))) < 0 ||
            (r = json_add(o, "size", json_object_new_int64(st.st_size))) < 0 ||
            (r = json_add(o, "mtime-nsec",
                          json_object_new_int64((int64_t) st.st_mtim.tv_sec * NSEC_PER_SEC +
                                                st.st_mtim.tv_nsec))) < 0)
                return r;
        return package ? json_add(o, "package", json_object_new_string(package->name)) : 0;
}

static int add_entry(json_object *array, const Plan *plan, const PlanEntry *e, int root_fd,
                     const Package *package) {
        json_object *o = json_object_new_object();
        int r = json_append(array, o);

        if (r < 0 || (r = json_add(o, "path", json_object_new_string(e->path))) < 0 ||
            (r = json_add(o, "type", json_object_new_string(plan_type_to_string(e->type)))) < 0 ||
            (r = json_add(o, "why", json_object_new_string(e->why))) < 0)
                return r;
        if (e->cause)
                r = json_add(o, "needed-by", json_object_new_string(e->cause->path));
        return r < 0 || !e->source ? r : add_source(o, plan, e, root_fd, package);
}

static void packages_donep(Packages *p) {
        packages_done(p);
}

int origins_begin(const Plan *plan, PackageSearch **ret, char **reterr) {
        _cleanup_free_ const char **sources = calloc(plan->n_entries + 1, sizeof(char *));
        _cleanup_free_ const PlanEntry **entries = NULL;
        size_t n = 0;

        if (!sources || plan_list(plan, &entries) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_entries; i++)
                if (entries[i]->source)
                        sources[n++] = entries[i]->source;
        return packages_begin(plan->source_root, sources, n, ret, reterr);
}

static int write_entries(const Plan *plan, const PlanEntry **entries, const Packages *found,
                         const StageStats *stats, int root_fd, FILE *f, char **reterr) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *packages = json_object_new_array(), *array = json_object_new_array();
        size_t n = 0;
        int r;

        if (!o || (r = json_add(o, "files", json_object_new_int64((int64_t) stats->n_files))) < 0 ||
            (r = json_add(o, "bytes", json_object_new_int64((int64_t) stats->bytes))) < 0 ||
            (r = json_add(o, "packages", packages)) < 0 || (r = json_add(o, "entries", array)) < 0)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < found->n_packages; i++)
                r = json_append(packages, package_to_json(&found->packages[i]));
        for (size_t i = 0; r >= 0 && i < plan->n_entries; i++) {
                ssize_t owner = entries[i]->source ? found->owners[n++] : -1;

                r = add_entry(array, plan, entries[i], root_fd, owner < 0 ? NULL : &found->packages[owner]);
                if (r < 0 && r != -ENOMEM)
                        return reterr_set(reterr, r, "%s: %s", entries[i]->path, strerror(-r));
        }
        return r < 0 ? r : json_write(o, f);
}

int origins_write(const Plan *plan, PackageSearch *search, const StageStats *stats, int root_fd, FILE *f,
                  char **reterr) {
        _cleanup_free_ const PlanEntry **entries = NULL;
        _cleanup_(packages_donep) Packages found = {};
        int r = plan_list(plan, &entries);

        if (r >= 0)
                r = packages_end(search, &found, reterr);
        return r < 0 ? r : write_entries(plan, entries, &found, stats, root_fd, f, reterr);
}

static int read_package(Origins *o, json_object *object) {
        Package *p = o->packages + o->n_packages++;
        int r = json_get_copy(object, "name", &p->name);

        return r < 0 ? r : json_get_copy(object, "version", &p->version);
}

/* A key that need not be there. */
static int read_optional(json_object *object, const char *key, char **ret) {
        return json_object_object_get_ex(object, key, NULL) ? json_get_copy(object, key, ret) : 0;
}

static int read_source(const Origins *o, json_object *object, Origin *e) {
        const char *package = NULL;
        int64_t size;
        int r;

        if ((r = json_get_int(object, "size", 0, INT64_MAX, &size)) < 0 ||
            (r = json_get_int(object, "mtime-nsec", INT64_MIN, INT64_MAX, &e->mtime_nsec)) < 0)
                return r;
        e->size = (uint64_t) size;
        if (!json_object_object_get_ex(object, "package", NULL))
                return 0;
        r = json_get_string(object, "package", &package);
        for (size_t i = 0; r >= 0 && i < o->n_packages; i++)
                if (streq(o->packages[i].name, package))
                        e->package = &o->packages[i];
        return r < 0 || e->package ? r : -EBADMSG;
}

static int read_entry(Origins *o, json_object *object) {
        Origin *e = o->entries + o->n_entries++;
        const char *type;
        int r;

        if ((r = json_get_copy(object, "path", &e->path)) < 0 ||
            (r = json_get_string(object, "type", &type)) < 0 ||
            (r = json_get_copy(object, "why", &e->why)) < 0 ||
            (r = read_optional(object, "needed-by", &e->needed_by)) < 0 ||
            (r = read_optional(object, "source", &e->source)) < 0)
                return r;
        while (e->type < _PLAN_TYPE_MAX && !streq(type, plan_type_to_string(e->type)))
                e->type++;
        if (e->type == _PLAN_TYPE_MAX || e->path[0] != '/')
                return -EBADMSG;
        return e->source ? read_source(o, object, e) : 0;
}

static int origin_compare(const void *a, const void *b) {
        return strcmp(((const Origin *) a)->path, ((const Origin *) b)->path);
}

static int origins_fill(Origins *o, json_object *object, const char **reterr_key) {
        json_object *packages, *entries;
        int64_t files, bytes;
        int r;

        if ((r = json_get_int(object, *reterr_key = "files", 0, INT64_MAX, &files)) < 0 ||
            (r = json_get_int(object, *reterr_key = "bytes", 0, INT64_MAX, &bytes)) < 0 ||
            (r = json_get_array(object, *reterr_key = "packages", &packages)) < 0)
                return r;
        o->stats = (StageStats){ .n_files = (size_t) files, .bytes = (uint64_t) bytes };
        o->packages = calloc(json_object_array_length(packages) + 1, sizeof(Package));
        for (size_t i = 0; r >= 0 && i < json_object_array_length(packages); i++)
                r = o->packages ? read_package(o, json_object_array_get_idx(packages, i)) : -ENOMEM;
        if (r < 0 || (r = json_get_array(object, *reterr_key = "entries", &entries)) < 0)
                return r;
        o->entries = calloc(json_object_array_length(entries) + 1, sizeof(Origin));
        for (size_t i = 0; r >= 0 && i < json_object_array_length(entries); i++)
                r = o->entries ? read_entry(o, json_object_array_get_idx(entries, i)) : -ENOMEM;
        if (r >= 0 && o->entries)
                qsort(o->entries, o->n_entries, sizeof(Origin), origin_compare);
        return r;
}

int origins_read(int fd, Origins **ret, char **reterr) {
        _cleanup_(json_object_putp) json_object *object = json_object_from_fd(fd);
        _cleanup_(origins_freep) Origins *o = calloc(1, sizeof(Origins));
        const char *key = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        if (!object)
                return reterr_set(reterr, -EBADMSG, "not JSON");
        r = origins_fill(o, object, &key);
        if (r == -EBADMSG)
                return reterr_set(reterr, r, "'%s' is missing or has a bad value", key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

const Origin *origins_find(const Origins *o, const char *path) {
        const Origin key = { .path = (char *) (uintptr_t) path };

        return bsearch(&key, o->entries, o->n_entries, sizeof(Origin), origin_compare);
}
