#include "trace.h"

#include <json-c/json.h>

/* Distinct ones, of each kind. */
#define ENTRIES_MAX 50000

static const char *const phase_names[_TRACE_PHASE_MAX] = {
        [TRACE_CONFIGTEST] = "configtest", [TRACE_START] = "start", [TRACE_REQUESTS] = "requests",
        [TRACE_GRACEFUL] = "graceful",     [TRACE_STOP] = "stop",
};

const char *trace_phase_to_string(TracePhase phase) {
        return phase_names[phase];
}

Trace *trace_free(Trace *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_steps; i++)
                free(t->steps[i].message);
        free(t->steps);
        for (size_t i = 0; i < t->n_files; i++) {
                free(t->files[i].path);
                free(t->files[i].call);
                free(t->files[i].by);
        }
        free(t->files);
        for (size_t i = 0; i < t->n_calls; i++)
                free(t->calls[i].name);
        free(t->calls);
        for (size_t i = 0; i < t->n_refusals; i++) {
                free(t->refusals[i].call);
                free(t->refusals[i].what);
        }
        free(t->refusals);
        for (size_t i = 0; i < t->n_requests; i++) {
                free(t->requests[i].url);
                free(t->requests[i].message);
        }
        free(t->requests);
        free(t->log);
        free(t);
        return NULL;
}

/* One more element of zeros at the end of an array, whose size is doubled at each power of two. */
static void *extend(void **array, size_t *n, size_t size) {
        if (*n == ENTRIES_MAX)
                return NULL;
        if ((*n & (*n - 1)) == 0) {
                void *bigger = reallocarray(*array, *n ? *n * 2 : 1, size);

                if (!bigger)
                        return NULL;
                *array = bigger;
        }
        return memset((char *) *array + (*n)++ * size, 0, size);
}

#define EXTEND(t, field)                                                                                    \
        ((typeof((t)->field)) extend((void **) &(t)->field, &(t)->n_##field, sizeof(*(t)->field)))

static int extend_error(size_t n) {
        return n == ENTRIES_MAX ? -E2BIG : -ENOMEM;
}

int trace_add_file(Trace *t, TracePhase phase, const char *path, const char *call, int error, bool writes,
                   const char *by) {
        TraceFile *f = NULL;

        /* The same is asked for again and again within a short while: from the end. */
        for (size_t i = t->n_files; !f && i-- > 0;)
                if (t->files[i].error == error && t->files[i].writes == writes &&
                    streq(t->files[i].path, path) && streq(t->files[i].call, call))
                        f = &t->files[i];
        if (!f) {
                f = EXTEND(t, files);
                if (!f)
                        return extend_error(t->n_files);
                *f = (TraceFile){ .path = strdup(path),
                                  .call = strdup(call),
                                  .by = by ? strdup(by) : NULL,
                                  .error = error,
                                  .writes = writes };
                if (!f->path || !f->call || (by && !f->by))
                        return -ENOMEM;
        }
        f->count++;
        f->phases |= 1U << phase;
        return 0;
}

int trace_add_call(Trace *t, TracePhase phase, const char *name, int error, unsigned groups) {
        TraceCall *c = NULL;

        for (size_t i = 0; !c && i < t->n_calls; i++)
                if (t->calls[i].error == error && t->calls[i].groups == groups &&
                    streq(t->calls[i].name, name))
                        c = &t->calls[i];
        if (!c) {
                c = EXTEND(t, calls);
                if (!c)
                        return extend_error(t->n_calls);
                *c = (TraceCall){ .name = strdup(name), .error = error, .groups = groups };
                if (!c->name)
                        return -ENOMEM;
        }
        c->count++;
        c->phases |= 1U << phase;
        return 0;
}

int trace_add_refusal(Trace *t, const char *call, const char *what) {
        TraceRefusal *r = NULL;

        for (size_t i = 0; !r && i < t->n_refusals; i++)
                if (streq(t->refusals[i].call, call) && streq(t->refusals[i].what, what))
                        r = &t->refusals[i];
        if (!r) {
                r = EXTEND(t, refusals);
                if (!r)
                        return extend_error(t->n_refusals);
                *r = (TraceRefusal){ .call = strdup(call), .what = strdup(what) };
                if (!r->call || !r->what)
                        return -ENOMEM;
        }
        r->count++;
        return 0;
}

int trace_add_request(Trace *t, const char *url, long status, const char *message) {
        TraceRequest *r = EXTEND(t, requests);

        if (!r)
                return extend_error(t->n_requests);
        *r = (TraceRequest){ .url = strdup(url), .status = status, .message = strdup(message) };
        return r->url && r->message ? 0 : -ENOMEM;
}

int trace_add_step(Trace *t, TracePhase phase, bool done, const char *message) {
        TraceStep *s = EXTEND(t, steps);

        if (!s)
                return extend_error(t->n_steps);
        *s = (TraceStep){ .phase = phase, .done = done, .message = strdup(message) };
        return s->message ? 0 : -ENOMEM;
}

/* Text that the jail chose may be no UTF-8; json-c writes it as it is, and reads it so. */
static void add_text(json_object *o, const char *key, const char *text) {
        if (text)
                json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(json_object *o, const char *key, int64_t n) {
        json_object_object_add(o, key, json_object_new_int64(n));
}

static json_object *add_array(json_object *o, const char *key) {
        json_object *array = json_object_new_array();

        json_object_object_add(o, key, array);
        return array;
}

static json_object *add_element(json_object *array) {
        json_object *o = json_object_new_object();

        json_object_array_add(array, o);
        return o;
}

int trace_write(const Trace *t, FILE *f) {
        json_object *o = json_object_new_object(), *array, *e;

        if (!o)
                return -ENOMEM;
        add_number(o, "generation", t->generation);
        add_text(o, "log", t->log);
        array = add_array(o, "steps");
        for (size_t i = 0; i < t->n_steps; i++) {
                e = add_element(array);
                add_number(e, "phase", t->steps[i].phase);
                add_number(e, "done", t->steps[i].done);
                add_text(e, "message", t->steps[i].message);
        }
        array = add_array(o, "files");
        for (size_t i = 0; i < t->n_files; i++) {
                e = add_element(array);
                add_text(e, "path", t->files[i].path);
                add_text(e, "call", t->files[i].call);
                add_number(e, "error", t->files[i].error);
                add_number(e, "writes", t->files[i].writes);
                add_text(e, "by", t->files[i].by);
                add_number(e, "count", t->files[i].count);
                add_number(e, "phases", t->files[i].phases);
        }
        array = add_array(o, "calls");
        for (size_t i = 0; i < t->n_calls; i++) {
                e = add_element(array);
                add_text(e, "name", t->calls[i].name);
                add_number(e, "error", t->calls[i].error);
                add_number(e, "groups", t->calls[i].groups);
                add_number(e, "count", t->calls[i].count);
                add_number(e, "phases", t->calls[i].phases);
        }
        array = add_array(o, "refusals");
        for (size_t i = 0; i < t->n_refusals; i++) {
                e = add_element(array);
                add_text(e, "call", t->refusals[i].call);
                add_text(e, "what", t->refusals[i].what);
                add_number(e, "count", t->refusals[i].count);
        }
        array = add_array(o, "requests");
        for (size_t i = 0; i < t->n_requests; i++) {
                e = add_element(array);
                add_text(e, "url", t->requests[i].url);
                add_number(e, "status", t->requests[i].status);
                add_text(e, "message", t->requests[i].message);
        }
        fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), f);
        json_object_put(o);
        return fflush(f) != 0 ? -errno : 0;
}

/* Missing text is NULL, a missing number 0: both sides are of one build. */
static char *get_text(json_object *o, const char *key) {
        json_object *v;

        return json_object_object_get_ex(o, key, &v) ? strdup(json_object_get_string(v) ?: "") : NULL;
}

static int64_t get_number(json_object *o, const char *key) {
        json_object *v;

        return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

static size_t get_array(json_object *o, const char *key, json_object **ret) {
        return json_object_object_get_ex(o, key, ret) && json_object_is_type(*ret, json_type_array)
                               ? json_object_array_length(*ret)
                               : 0;
}

static int read_all(json_object *o, Trace *t) {
        json_object *array, *e;
        size_t n;

        n = get_array(o, "steps", &array);
        for (size_t i = 0; i < n; i++) {
                TraceStep *s = EXTEND(t, steps);

                if (!s)
                        return -ENOMEM;
                e = json_object_array_get_idx(array, i);
                s->phase = (TracePhase) get_number(e, "phase");
                s->done = get_number(e, "done");
                s->message = get_text(e, "message");
                if ((unsigned) s->phase >= _TRACE_PHASE_MAX || !s->message)
                        return -EBADMSG;
        }
        n = get_array(o, "files", &array);
        for (size_t i = 0; i < n; i++) {
                TraceFile *f = EXTEND(t, files);

                if (!f)
                        return -ENOMEM;
                e = json_object_array_get_idx(array, i);
                *f = (TraceFile){ .path = get_text(e, "path"),
                                  .call = get_text(e, "call"),
                                  .error = (int) get_number(e, "error"),
                                  .writes = get_number(e, "writes"),
                                  .by = get_text(e, "by"),
                                  .count = (unsigned) get_number(e, "count"),
                                  .phases = (unsigned) get_number(e, "phases") };
                if (!f->path || !f->call || f->path[0] != '/')
                        return -EBADMSG;
        }
        n = get_array(o, "calls", &array);
        for (size_t i = 0; i < n; i++) {
                TraceCall *c = EXTEND(t, calls);

                if (!c)
                        return -ENOMEM;
                e = json_object_array_get_idx(array, i);
                *c = (TraceCall){ .name = get_text(e, "name"),
                                  .error = (int) get_number(e, "error"),
                                  .groups = (unsigned) get_number(e, "groups"),
                                  .count = (unsigned) get_number(e, "count"),
                                  .phases = (unsigned) get_number(e, "phases") };
                if (!c->name)
                        return -EBADMSG;
        }
        n = get_array(o, "refusals", &array);
        for (size_t i = 0; i < n; i++) {
                TraceRefusal *r = EXTEND(t, refusals);

                if (!r)
                        return -ENOMEM;
                e = json_object_array_get_idx(array, i);
                *r = (TraceRefusal){ .call = get_text(e, "call"),
                                     .what = get_text(e, "what"),
                                     .count = (unsigned) get_number(e, "count") };
                if (!r->call || !r->what)
                        return -EBADMSG;
        }
        n = get_array(o, "requests", &array);
        for (size_t i = 0; i < n; i++) {
                e = json_object_array_get_idx(array, i);
                TraceRequest *r = EXTEND(t, requests);

                if (!r)
                        return -ENOMEM;
                *r = (TraceRequest){ .url = get_text(e, "url"),
                                     .status = (long) get_number(e, "status"),
                                     .message = get_text(e, "message") };
                if (!r->url || !r->message)
                        return -EBADMSG;
        }
        t->generation = (unsigned) get_number(o, "generation");
        t->log = get_text(o, "log") ?: strdup("");
        return t->log ? 0 : -ENOMEM;
}

int trace_read(const char *text, Trace **ret) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        json_object *o = json_tokener_parse(text);
        int r = !t ? -ENOMEM : o && json_object_is_type(o, json_type_object) ? read_all(o, t) : -EBADMSG;

        json_object_put(o);
        if (r >= 0)
                *ret = TAKE_PTR(t);
        return r;
}
