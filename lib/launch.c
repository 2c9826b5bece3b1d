#include "launch.h"

#include "file.h"
#include "json-object.h"

/* None comes near. */
#define LAUNCH_BYTES_MAX (16 * 1024 * 1024)
/* An object with arrays of objects. */
#define LAUNCH_DEPTH 4

static const char *const mount_names[_MOUNT_TYPE_MAX] = {
        [MOUNT_TMPFS] = "tmpfs",
        [MOUNT_BIND_RO] = "bind-ro",
        [MOUNT_BIND_RW] = "bind",
};

static const char *const log_kind_names[_LAUNCH_LOG_KIND_MAX] = {
        [LAUNCH_LOG_ERROR] = "error",
        [LAUNCH_LOG_ACCESS] = "access",
};

Launch *launch_free(Launch *l) {
        if (!l)
                return NULL;
        free(l->httpd);
        strv_free(l->launcher);
        strv_free(l->arguments);
        strv_free(l->environment);
        strv_free(l->programs);
        free(l->user);
        free(l->pid_file);
        for (size_t i = 0; i < l->n_mounts; i++) {
                free(l->mounts[i].target);
                free(l->mounts[i].source);
        }
        free(l->mounts);
        for (size_t i = 0; i < l->n_logs; i++) {
                free(l->logs[i].fifo);
                free(l->logs[i].name);
        }
        free(l->logs);
        for (size_t i = 0; i < l->n_secrets; i++) {
                free(l->secrets[i].source);
                free(l->secrets[i].name);
        }
        free(l->secrets);
        free(l->listens);
        free(l);
        return NULL;
}

char *const *launch_launcher(const Launch *l, const JailConfig *config) {
        return config->launcher == CONFIG_LAUNCHER_APACHECTL && l->launcher && l->launcher[0] ? l->launcher
                                                                                              : NULL;
}

/* One more element of zeros at the end of an array. */
static void *array_extend(void *array, size_t *n, size_t size) {
        char *bigger = reallocarray(array, *n + 1, size);

        if (bigger)
                memset(bigger + (*n)++ * size, 0, size);
        return bigger;
}

int launch_add_mount(Launch *l, MountType type, const char *target, const char *source,
                     uint64_t size_bytes) {
        _cleanup_free_ char *t = strdup(target), *s = source ? strdup(source) : NULL;
        LaunchMount *bigger;

        if (!t || (source && !s))
                return -ENOMEM;
        bigger = array_extend(l->mounts, &l->n_mounts, sizeof(LaunchMount));
        if (!bigger)
                return -ENOMEM;
        l->mounts = bigger;
        l->mounts[l->n_mounts - 1] = (LaunchMount){
                .type = type,
                .target = TAKE_PTR(t),
                .source = TAKE_PTR(s),
                .size_bytes = size_bytes,
        };
        return 0;
}

int launch_add_log(Launch *l, const char *fifo, const char *name, LaunchLogKind kind) {
        _cleanup_free_ char *f = strdup(fifo), *n = strdup(name);
        LaunchLog *bigger;

        if (!f || !n)
                return -ENOMEM;
        bigger = array_extend(l->logs, &l->n_logs, sizeof(LaunchLog));
        if (!bigger)
                return -ENOMEM;
        l->logs = bigger;
        l->logs[l->n_logs - 1] = (LaunchLog){ .fifo = TAKE_PTR(f), .name = TAKE_PTR(n), .kind = kind };
        return 0;
}

int launch_add_secret(Launch *l, const char *source, const char *name) {
        _cleanup_free_ char *s = strdup(source), *n = strdup(name);
        LaunchSecret *bigger;

        if (!s || !n)
                return -ENOMEM;
        bigger = array_extend(l->secrets, &l->n_secrets, sizeof(LaunchSecret));
        if (!bigger)
                return -ENOMEM;
        l->secrets = bigger;
        l->secrets[l->n_secrets - 1] = (LaunchSecret){ .source = TAKE_PTR(s), .name = TAKE_PTR(n) };
        return 0;
}

int launch_add_listen(Launch *l, const ListenPair *pair) {
        ListenPair *bigger = array_extend(l->listens, &l->n_listens, sizeof(ListenPair));

        if (!bigger)
                return -ENOMEM;
        l->listens = bigger;
        l->listens[l->n_listens - 1] = *pair;
        return 0;
}

static json_object *mount_to_json(const LaunchMount *m) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();

        if (!o || json_add(o, "type", json_object_new_string(mount_names[m->type])) < 0 ||
            json_add(o, "target", json_object_new_string(m->target)) < 0 ||
            (m->source && json_add(o, "source", json_object_new_string(m->source)) < 0) ||
            (m->type == MOUNT_TMPFS &&
             json_add(o, "size", json_object_new_int64((int64_t) m->size_bytes)) < 0))
                return NULL;
        return TAKE_PTR(o);
}

/* What is two strings. */
static json_object *pair_to_json(const char *key1, const char *value1, const char *key2,
                                 const char *value2) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();

        if (!o || json_add(o, key1, json_object_new_string(value1)) < 0 ||
            json_add(o, key2, json_object_new_string(value2)) < 0)
                return NULL;
        return TAKE_PTR(o);
}

static json_object *log_to_json(const LaunchLog *l) {
        _cleanup_(json_object_putp) json_object *o = pair_to_json("fifo", l->fifo, "name", l->name);

        if (!o || json_add(o, "kind", json_object_new_string(log_kind_names[l->kind])) < 0)
                return NULL;
        return TAKE_PTR(o);
}

static json_object *listen_to_json(const ListenPair *pair) {
        char outside[ADDRESS_STRING_MAX], inside[ADDRESS_STRING_MAX];

        return pair_to_json("outside", address_to_string(&pair->outside, outside), "inside",
                            address_to_string(&pair->inside, inside));
}

int launch_write(const Launch *l, FILE *f) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *mounts = json_object_new_array(), *logs = json_object_new_array(),
                    *secrets = json_object_new_array(), *listens = json_object_new_array();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = json_add(o, "httpd", json_object_new_string(l->httpd))) < 0 ||
            (l->launcher && (r = json_add_strv(o, "launcher", l->launcher)) < 0) ||
            (r = json_add_strv(o, "arguments", l->arguments)) < 0 ||
            (r = json_add_strv(o, "environment", l->environment)) < 0 ||
            (r = json_add_strv(o, "programs", l->programs)) < 0 ||
            (r = json_add(o, "user", json_object_new_string(l->user))) < 0 ||
            (r = json_add(o, "uid", json_object_new_int64(l->uid))) < 0 ||
            (r = json_add(o, "gid", json_object_new_int64(l->gid))) < 0 ||
            (r = json_add(o, "pid-file", json_object_new_string(l->pid_file))) < 0 ||
            (l->receive_buffer_bytes > 0 &&
             (r = json_add(o, "receive-buffer", json_object_new_int64(l->receive_buffer_bytes))) < 0) ||
            (l->send_buffer_bytes > 0 &&
             (r = json_add(o, "send-buffer", json_object_new_int64(l->send_buffer_bytes))) < 0) ||
            (r = json_add(o, "listens", listens)) < 0 || (r = json_add(o, "mounts", mounts)) < 0 ||
            (r = json_add(o, "logs", logs)) < 0 || (r = json_add(o, "secrets", secrets)) < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < l->n_listens; i++)
                r = json_append(listens, listen_to_json(&l->listens[i]));
        for (size_t i = 0; r >= 0 && i < l->n_mounts; i++)
                r = json_append(mounts, mount_to_json(&l->mounts[i]));
        for (size_t i = 0; r >= 0 && i < l->n_logs; i++)
                r = json_append(logs, log_to_json(&l->logs[i]));
        for (size_t i = 0; r >= 0 && i < l->n_secrets; i++)
                r = json_append(secrets,
                                pair_to_json("source", l->secrets[i].source, "name", l->secrets[i].name));
        return r < 0 ? r : json_write(o, f);
}

static int get_path(json_object *o, const char *key, char **ret) {
        int r = json_get_copy(o, key, ret);

        return r >= 0 && (*ret)[0] != '/' ? -EBADMSG : r;
}

static int get_paths(json_object *o, const char *key, char ***ret) {
        int r = json_get_strv(o, key, ret);

        for (char **path = *ret; r >= 0 && path && *path; path++)
                if ((*path)[0] != '/')
                        r = -EBADMSG;
        return r;
}

static int read_mount(Launch *l, json_object *o) {
        const char *name, *target, *source = NULL;
        int64_t size = 0;
        int r;

        if ((r = json_get_string(o, "type", &name)) < 0 || (r = json_get_string(o, "target", &target)) < 0)
                return r;
        for (MountType type = 0; type < _MOUNT_TYPE_MAX; type++) {
                if (!streq(name, mount_names[type]))
                        continue;
                r = type == MOUNT_TMPFS ? json_get_int(o, "size", 1, INT64_MAX, &size)
                                        : json_get_string(o, "source", &source);
                if (r < 0 || target[0] != '/' || (source && source[0] != '/'))
                        return -EBADMSG;
                return launch_add_mount(l, type, target, source, (uint64_t) size);
        }
        return -EBADMSG;
}

/* A path under key, and the name of a file. */
static int get_path_and_name(json_object *o, const char *key, const char **ret_path, const char **ret_name) {
        int r;

        if ((r = json_get_string(o, key, ret_path)) < 0 || (r = json_get_string(o, "name", ret_name)) < 0)
                return r;
        if ((*ret_path)[0] != '/' || strchr(*ret_name, '/') || (*ret_name)[0] == '.' || !(*ret_name)[0])
                return -EBADMSG;
        return 0;
}

static int read_log(Launch *l, json_object *o) {
        const char *fifo, *name, *kind;
        int r;

        if ((r = get_path_and_name(o, "fifo", &fifo, &name)) < 0 ||
            (r = json_get_string(o, "kind", &kind)) < 0)
                return r;
        for (LaunchLogKind k = 0; k < _LAUNCH_LOG_KIND_MAX; k++)
                if (streq(kind, log_kind_names[k]))
                        return launch_add_log(l, fifo, name, k);
        return -EBADMSG;
}

static int read_secret(Launch *l, json_object *o) {
        const char *source, *name;
        int r = get_path_and_name(o, "source", &source, &name);

        return r < 0 ? r : launch_add_secret(l, source, name);
}

static int read_listen(Launch *l, json_object *o) {
        const char *outside, *inside;
        ListenPair pair;
        int r;

        if ((r = json_get_string(o, "outside", &outside)) < 0 ||
            (r = json_get_string(o, "inside", &inside)) < 0)
                return r;
        if (address_parse(outside, &pair.outside) < 0 || address_parse(inside, &pair.inside) < 0)
                return -EBADMSG;
        return launch_add_listen(l, &pair);
}

static int read_objects(json_object *o, const char *key, int (*read_one)(Launch *, json_object *),
                        Launch *l) {
        json_object *array;
        int r = json_get_array(o, key, &array);

        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++)
                r = read_one(l, json_object_array_get_idx(array, i));
        return r;
}

/* Which need not be there. */
static int get_buffer(json_object *o, const char *key, unsigned *ret) {
        int64_t n = 0;
        int r = json_object_object_get_ex(o, key, NULL) ? json_get_int(o, key, 1, INT32_MAX, &n) : 0;

        *ret = (unsigned) n;
        return r;
}

/* Returns 0, -ENOMEM, or -EBADMSG with the key at fault in *reterr_key. */
static int launch_fill(Launch *l, json_object *o, const char **reterr_key) {
        int64_t uid = 0, gid = 0;
        int r;

        if ((r = get_path(o, *reterr_key = "httpd", &l->httpd)) < 0 ||
            (json_object_object_get_ex(o, *reterr_key = "launcher", NULL) &&
             (r = get_paths(o, *reterr_key, &l->launcher)) < 0) ||
            (r = json_get_strv(o, *reterr_key = "arguments", &l->arguments)) < 0 ||
            (r = json_get_strv(o, *reterr_key = "environment", &l->environment)) < 0 ||
            (r = get_paths(o, *reterr_key = "programs", &l->programs)) < 0 ||
            (r = json_get_copy(o, *reterr_key = "user", &l->user)) < 0 ||
            (r = json_get_int(o, *reterr_key = "uid", 1, UINT32_MAX - 1, &uid)) < 0 ||
            (r = json_get_int(o, *reterr_key = "gid", 1, UINT32_MAX - 1, &gid)) < 0 ||
            (r = get_path(o, *reterr_key = "pid-file", &l->pid_file)) < 0 ||
            (r = get_buffer(o, *reterr_key = "receive-buffer", &l->receive_buffer_bytes)) < 0 ||
            (r = get_buffer(o, *reterr_key = "send-buffer", &l->send_buffer_bytes)) < 0 ||
            (r = read_objects(o, *reterr_key = "listens", read_listen, l)) < 0 ||
            (r = read_objects(o, *reterr_key = "mounts", read_mount, l)) < 0 ||
            (r = read_objects(o, *reterr_key = "logs", read_log, l)) < 0 ||
            (r = read_objects(o, *reterr_key = "secrets", read_secret, l)) < 0)
                return r;
        l->uid = (uid_t) uid;
        l->gid = (gid_t) gid;
        return 0;
}

static json_object *parse(const char *text) {
        json_tokener *tokener = json_tokener_new_ex(LAUNCH_DEPTH);
        json_object *o = tokener ? json_tokener_parse_ex(tokener, text, -1) : NULL;

        if (tokener)
                json_tokener_free(tokener);
        return o;
}

int launch_read(int fd, Launch **ret, char **reterr) {
        _cleanup_(json_object_putp) json_object *o = NULL;
        _cleanup_(launch_freep) Launch *launch = calloc(1, sizeof(Launch));
        _cleanup_free_ char *text = NULL;
        const char *key;
        int r;

        if (!launch)
                return -ENOMEM;
        r = file_load_fd(fd, LAUNCH_BYTES_MAX, &text, NULL);
        if (r < 0)
                return r;
        o = parse(text);
        if (!o) {
                *reterr = strdup("not JSON");
                return *reterr ? -EBADMSG : -ENOMEM;
        }
        r = launch_fill(launch, o, &key);
        if (r == -EBADMSG && asprintf(reterr, "'%s' is missing or has a bad value", key) < 0)
                return -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(launch);
        return 0;
}
