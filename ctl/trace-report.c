#include "trace-report.h"

#include "json-object.h"
#include "json-print.h"
#include "output.h"

/* The column of a finding's details. */
#define INDENT 10
/* Of Apache's log, where a phase failed. */
#define LOG_LINES 5

bool trace_succeeded(const Trace *t) {
        for (size_t i = 0; i < t->n_steps; i++)
                if (!t->steps[i].done)
                        return false;
        return true;
}

/* Apache says on standard error what it thinks until its log is open, and there what comes later. */
static void print_log_tail(const char *log) {
        const char *begin = log + strlen(log);

        for (unsigned lines = 0; begin > log; begin--)
                if (begin[-1] == '\n' && lines++ == LOG_LINES)
                        break;
        while (*begin) {
                size_t n = strcspn(begin, "\n");
                _cleanup_free_ char *line = strndup(begin, n);

                printf("%*s", INDENT, "");
                print_text(stdout, line ?: "", INDENT);
                putchar('\n');
                begin += n + (begin[n] == '\n');
        }
}

static void print_heading(const char *name, const Trace *t) {
        printf("%s: generation %u:", name, t->generation);
        for (size_t i = 0; i < t->n_steps; i++)
                printf("%s %s%s%s%s", i > 0 ? "," : "",
                       colour_on(stdout, t->steps[i].done ? COLOUR_GREEN : COLOUR_RED),
                       trace_phase_to_string(t->steps[i].phase), t->steps[i].done ? "" : " failed",
                       colour_on(stdout, COLOUR_NONE));
        putchar('\n');
        for (size_t i = 0; i < t->n_steps; i++)
                if (!t->steps[i].done) {
                        printf("%*s", INDENT, "");
                        print_text(stdout, t->steps[i].message, INDENT);
                        putchar('\n');
                }
        if (!trace_succeeded(t))
                print_log_tail(t->log);
}

static void print_requests(const Trace *t) {
        for (size_t i = 0; i < t->n_requests; i++) {
                const TraceRequest *r = &t->requests[i];
                bool again = false;

                /* After the graceful restart the same are asked for again. */
                for (size_t k = 0; k < i && !again; k++)
                        again = streq(t->requests[k].url, r->url) && t->requests[k].status == r->status;
                if (again)
                        continue;
                printf("%*s", INDENT, "");
                print_text(stdout, r->url, INDENT);
                if (r->status > 0)
                        printf(": %ld\n", r->status);
                else {
                        printf(": no answer: ");
                        print_text(stdout, r->message, INDENT);
                        putchar('\n');
                }
        }
}

/* "FILE:LINE" of an Exclude=, or "". */
static const char *exclude_origin(const JailConfig *config, const char *value) {
        for (size_t i = 0; i < config->n_origins; i++)
                if (streq(config->origins[i].key->key, "Exclude") && streq(config->origins[i].value, value))
                        return config->origins[i].where;
        return "";
}

static void print_finding(const char *name, const JailConfig *config, const TraceFinding *f) {
        const char *bold = colour_on(stdout, COLOUR_BOLD), *plain = colour_on(stdout, COLOUR_NONE);

        printf("%s%-*s%s%s", colour_on(stdout, f->weight == FINDING_NEEDED ? COLOUR_RED : COLOUR_YELLOW),
               INDENT, finding_weight_to_string(f->weight), plain, bold);
        print_text(stdout, f->object, INDENT);
        printf("%s: ", plain);
        print_text(stdout, f->seen, INDENT);
        printf("\n%*s", INDENT, "");
        print_text(stdout, f->why, INDENT);
        if (f->host) {
                printf("\n%*son the host%s", INDENT, "", f->package ? ", package " : ", in no package");
                print_text(stdout, f->package ?: "", INDENT);
                if (!streq(f->host, f->object)) {
                        printf(": ");
                        print_text(stdout, f->host, INDENT);
                }
        }
        putchar('\n');
        for (size_t i = 0; i < f->n_lines; i++) {
                printf("%*sadd to [%s]: %s%s=", INDENT, "", f->lines[i].section, bold, f->lines[i].key);
                print_text(stdout, f->lines[i].value, INDENT);
                printf("%s\n", plain);
        }
        if (f->exclude)
                printf("%*stake away: %sExclude=%s%s (%s)\n", INDENT, "", bold, f->exclude, plain,
                       exclude_origin(config, f->exclude));
        if (f->rebuild)
                printf("%*sit is part of the plan: %sjailctl build %s%s\n", INDENT, "", bold, name, plain);
}

static void print_indented(const char *lines) {
        while (*lines) {
                size_t n = strcspn(lines, "\n");

                printf("  %.*s\n", (int) n, lines);
                lines += n + (lines[n] == '\n');
        }
}

void trace_print(const char *name, const JailConfig *config, const Trace *trace, const Diagnosis *diagnosis,
                 const char *dropin) {
        const size_t *n = diagnosis->n_by_weight;

        print_heading(name, trace);
        print_requests(trace);
        for (size_t i = 0; i < n[FINDING_NEEDED] + n[FINDING_WANTED]; i++) {
                putchar('\n');
                print_finding(name, config, &diagnosis->findings[i]);
        }
        printf("\n%s: %zu needed, %zu wanted; %zu more were looked for and are not missed (see them with --json).\n",
               name, n[FINDING_NEEDED], n[FINDING_WANTED], n[FINDING_HARMLESS]);
        if (dropin[0] != '\0') {
                printf("\nAs a drop-in, which 'jailctl trace %s --apply' writes:\n\n", name);
                print_indented(dropin);
        }
}

static json_object *phases_to_json(const Trace *t) {
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < t->n_steps; i++) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "phase",
                                       json_object_new_string(trace_phase_to_string(t->steps[i].phase)));
                json_object_object_add(o, "done", json_object_new_boolean(t->steps[i].done));
                json_object_object_add(o, "message", json_object_new_string(t->steps[i].message));
                json_object_array_add(array, o);
        }
        return array;
}

static json_object *requests_to_json(const Trace *t) {
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < t->n_requests; i++) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "url", json_object_new_string(t->requests[i].url));
                json_object_object_add(o, "status", json_object_new_int64(t->requests[i].status));
                json_object_object_add(o, "message", json_object_new_string(t->requests[i].message));
                json_object_array_add(array, o);
        }
        return array;
}

static json_object *text_or_null(const char *s) {
        return s ? json_object_new_string(s) : NULL;
}

static json_object *finding_to_json(const TraceFinding *f) {
        json_object *o = json_object_new_object(), *lines = json_object_new_array();

        for (size_t i = 0; i < f->n_lines; i++) {
                json_object *line = json_object_new_object();

                json_object_object_add(line, "section", json_object_new_string(f->lines[i].section));
                json_object_object_add(line, "key", json_object_new_string(f->lines[i].key));
                json_object_object_add(line, "value", json_object_new_string(f->lines[i].value));
                json_object_array_add(lines, line);
        }
        json_object_object_add(o, "weight", json_object_new_string(finding_weight_to_string(f->weight)));
        json_object_object_add(o, "object", json_object_new_string(f->object));
        json_object_object_add(o, "seen", json_object_new_string(f->seen));
        json_object_object_add(o, "why", json_object_new_string(f->why));
        json_object_object_add(o, "host", text_or_null(f->host));
        json_object_object_add(o, "package", text_or_null(f->package));
        json_object_object_add(o, "lines", lines);
        json_object_object_add(o, "exclude", text_or_null(f->exclude));
        json_object_object_add(o, "rebuild", json_object_new_boolean(f->rebuild));
        return o;
}

void trace_print_json(const char *name, const Trace *trace, const Diagnosis *diagnosis, const char *dropin) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < diagnosis->n_findings; i++)
                json_object_array_add(array, finding_to_json(&diagnosis->findings[i]));
        json_object_object_add(o, "name", json_object_new_string(name));
        json_object_object_add(o, "generation", json_object_new_int64(trace->generation));
        json_object_object_add(o, "phases", phases_to_json(trace));
        json_object_object_add(o, "requests", requests_to_json(trace));
        json_object_object_add(o, "log", json_object_new_string(trace->log));
        json_object_object_add(o, "findings", array);
        json_object_object_add(o, "dropin", json_object_new_string(dropin));
        json_print(o);
}
