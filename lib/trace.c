#include "trace.h"

#include "json-object.h"

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
static int add_text(json_object *o, const char *key, const char *text) {
        return text ? json_add(o, key, json_object_new_string(text)) : 0;
}

static int add_number(json_object *o, const char *key, int64_t n) {
        return json_add(o, key, json_object_new_int64(n));
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

/* How each kind is written, and read. The writers return 0 or -ENOMEM, the readers -EBADMSG, too. */

static int write_step(json_object *o, const Trace *t, size_t i) {
        const TraceStep *s = &t->steps[i];

        return add_number(o, "phase", s->phase) < 0 || add_number(o, "done", s->done) < 0 ||
                                               add_text(o, "message", s->message) < 0
                               ? -ENOMEM
                               : 0;
}

static int read_step(json_object *o, Trace *t) {
        TraceStep *s = EXTEND(t, steps);

        if (!s)
                return -ENOMEM;
        *s = (TraceStep){ .phase = (TracePhase) get_number(o, "phase"),
                          .done = get_number(o, "done"),
                          .message = get_text(o, "message") };
        return (unsigned) s->phase < _TRACE_PHASE_MAX && s->message ? 0 : -EBADMSG;
}

static int write_one_file(json_object *o, const Trace *t, size_t i) {
        const TraceFile *f = &t->files[i];

        return add_text(o, "path", f->path) < 0 || add_text(o, "call", f->call) < 0 ||
                                               add_number(o, "error", f->error) < 0 ||
                                               add_number(o, "writes", f->writes) < 0 ||
                                               add_text(o, "by", f->by) < 0 ||
                                               add_number(o, "count", f->count) < 0 ||
                                               add_number(o, "phases", f->phases) < 0
                               ? -ENOMEM
                               : 0;
}

static int read_one_file(json_object *o, Trace *t) {
        TraceFile *f = EXTEND(t, files);

        if (!f)
                return -ENOMEM;
        *f = (TraceFile){ .path = get_text(o, "path"),
                          .call = get_text(o, "call"),
                          .error = (int) get_number(o, "error"),
                          .writes = get_number(o, "writes"),
                          .by = get_text(o, "by"),
                          .count = (unsigned) get_number(o, "count"),
                          .phases = (unsigned) get_number(o, "phases") };
        return f->path && f->call && f->path[0] == '/' ? 0 : -EBADMSG;
}

static int write_call(json_object *o, const Trace *t, size_t i) {
        const TraceCall *c = &t->calls[i];

        return add_text(o, "name", c->name) < 0 || add_number(o, "error", c->error) < 0 ||
                                               add_number(o, "groups", c->groups) < 0 ||
                                               add_number(o, "count", c->count) < 0 ||
                                               add_number(o, "phases", c->phases) < 0
                               ? -ENOMEM
                               : 0;
}

static int read_call(json_object *o, Trace *t) {
        TraceCall *c = EXTEND(t, calls);

        if (!c)
                return -ENOMEM;
        *c = (TraceCall){ .name = get_text(o, "name"),
                          .error = (int) get_number(o, "error"),
                          .groups = (unsigned) get_number(o, "groups"),
                          .count = (unsigned) get_number(o, "count"),
                          .phases = (unsigned) get_number(o, "phases") };
        return c->name ? 0 : -EBADMSG;
}

static int write_refusal(json_object *o, const Trace *t, size_t i) {
        const TraceRefusal *r = &t->refusals[i];

        return add_text(o, "call", r->call) < 0 || add_text(o, "what", r->what) < 0 ||
                                               add_number(o, "count", r->count) < 0
                               ? -ENOMEM
                               : 0;
}

static int read_refusal(json_object *o, Trace *t) {
        TraceRefusal *r = EXTEND(t, refusals);

        if (!r)
                return -ENOMEM;
        *r = (TraceRefusal){ .call = get_text(o, "call"),
                             .what = get_text(o, "what"),
                             .count = (unsigned) get_number(o, "count") };
        return r->call && r->what ? 0 : -EBADMSG;
}

static int write_request(json_object *o, const Trace *t, size_t i) {
        const TraceRequest *r = &t->requests[i];

        return add_text(o, "url", r->url) < 0 || add_number(o, "status", r->status) < 0 ||
                                               add_text(o, "message", r->message) < 0
                               ? -ENOMEM
                               : 0;
}

static int read_request(json_object *o, Trace *t) {
        TraceRequest *r = EXTEND(t, requests);

        if (!r)
                return -ENOMEM;
        *r = (TraceRequest){ .url = get_text(o, "url"),
                             .status = (long) get_number(o, "status"),
                             .message = get_text(o, "message") };
        return r->url && r->message ? 0 : -EBADMSG;
}

static const struct {
        const char *key;
        /* Of the number of its elements in Trace. */
        size_t offset;
        int (*write)(json_object *o, const Trace *t, size_t i);
        int (*read)(json_object *o, Trace *t);
} parts[] = {
        { "steps", offsetof(Trace, n_steps), write_step, read_step },
        { "files", offsetof(Trace, n_files), write_one_file, read_one_file },
        { "calls", offsetof(Trace, n_calls), write_call, read_call },
        { "refusals", offsetof(Trace, n_refusals), write_refusal, read_refusal },
        { "requests", offsetof(Trace, n_requests), write_request, read_request },
};

static int write_part(json_object *o, const Trace *t, size_t part) {
        size_t n = *(const size_t *) ((const char *) t + parts[part].offset);
        json_object *array = json_object_new_array();
        int r = json_add(o, parts[part].key, array);

        for (size_t i = 0; r >= 0 && i < n; i++) {
                json_object *element = json_object_new_object();

                r = json_append(array, element);
                if (r >= 0)
                        r = parts[part].write(element, t, i);
        }
        return r;
}

int trace_write(const Trace *t, FILE *f) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        const char *text;
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = add_number(o, "generation", t->generation)) < 0 || (r = add_text(o, "log", t->log)) < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++)
                r = write_part(o, t, i);
        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        return !text ? -ENOMEM : fputs(text, f) < 0 || fflush(f) != 0 ? -errno : 0;
}

static int read_all(json_object *o, Trace *t) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                json_object *array;
                size_t n = json_get_array(o, parts[i].key, &array) < 0 ? 0 : json_object_array_length(array);

                for (size_t k = 0; r >= 0 && k < n; k++)
                        r = parts[i].read(json_object_array_get_idx(array, k), t);
        }
        if (r < 0)
                return r;
        t->generation = (unsigned) get_number(o, "generation");
        t->log = get_text(o, "log") ?: strdup("");
        return t->log ? 0 : -ENOMEM;
}

int trace_read(const char *text, Trace **ret) {
        _cleanup_(json_object_putp) json_object *o = json_tokener_parse(text);
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        int r;

        if (!t)
                return -ENOMEM;
        if (!o || !json_object_is_type(o, json_type_object))
                return -EBADMSG;
        r = read_all(o, t);
        if (r >= 0)
                *ret = TAKE_PTR(t);
        return r;
}
