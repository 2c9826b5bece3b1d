#include "closure-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>

#include "rootpath.h"
#include "strv.h"

/* How a file gets in: closure_add() reads it and, if it is a program, opens a scope (closure-scope.c); then all that is
 * new in the scope has its needs searched. Files are read once for all scopes. A failure takes back what was appended
 * since, so that an item is only seen together with all that it needs. */

/* Files looked for in one addition. All of Apache's modules take some hundred; search paths made to multiply would take
 * hours. */
#define TRIES_MAX 100000

static void object_clear(Object *o) {
        elf_file_free(o->elf);
        free(o->origin);
        free(o->path);
        free(o->why);
}

static void drop_objects(Closure *c, size_t keep) {
        while (c->n_objects > keep)
                object_clear(c->objects + --c->n_objects);
}

int closure_new(int root_fd, Closure **ret) {
        _cleanup_(closure_freep) Closure *c = calloc(1, sizeof(Closure));

        if (!c)
                return -ENOMEM;
        c->root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
        if (c->root_fd < 0)
                return -errno;
        *ret = TAKE_PTR(c);
        return 0;
}

Closure *closure_free(Closure *c) {
        if (!c)
                return NULL;
        drop_objects(c, 0);
        free(c->objects);
        scope_free(c->scope);
        free(c->library_path);
        close_fd(c->root_fd);
        free(c);
        return NULL;
}

int closure_set_library_path(Closure *c, const char *list) {
        char *copy = list ? strdup(list) : NULL;

        if (list && !copy)
                return -ENOMEM;
        free(c->library_path);
        c->library_path = copy;
        return 0;
}

size_t closure_count(const Closure *c) {
        return c->n_objects;
}

const ClosureItem *closure_get(const Closure *c, size_t i) {
        return &c->objects[i].item;
}

/* Append formatted text to *text, which may be NULL. Returns 0 or -ENOMEM, and *text is whole either way. */
__attribute__((format(printf, 2, 3))) static int append(char **text, const char *format, ...) {
        _cleanup_free_ char *more = NULL;
        char *longer = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&more, format, ap);
        va_end(ap);
        if (n < 0 || asprintf(&longer, "%s%s", *text ?: "", more) < 0)
                return -ENOMEM;
        free(*text);
        *text = longer;
        return 0;
}

int closure_refuse(const Closure *c, int error, ssize_t needed_by, char **reterr, const char *format, ...) {
        const Scope *s = needed_by >= 0 ? c->adding.scope : NULL;
        _cleanup_free_ char *text = NULL;
        const char *joint = ";";
        ssize_t m = -1;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;

        for (size_t i = 0; s && i < s->n_members; i++)
                if (s->members[i].object == (size_t) needed_by)
                        m = (ssize_t) i;
        while (r >= 0 && m >= 0) {
                r = append(&text, "%s needed by %s", joint, c->objects[s->members[m].object].path);
                m = (size_t) m == c->adding.member ? -1 : s->members[m].parent;
                joint = ",";
        }
        if (r >= 0)
                r = append(&text, "%s %s", streq(joint, ",") ? ":" : ";", c->adding.why);
        if (r < 0)
                return r;

        /* Names out of a hostile file must not forge a second line. */
        for (char *p = text; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = '?';
        *reterr = TAKE_PTR(text);
        return error;
}

/* Errors of open(2) after which the loader looks elsewhere. */
static bool is_absent(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -EACCES;
}

static const char *open_error(int r) {
        return r == -EISDIR  ? "a folder where an ELF file should be"
               : r == -ENXIO ? "a device, FIFO or socket where an ELF file should be"
                             : strerror(-r);
}

static Object *append_object(Closure *c) {
        Object *objects = reallocarray(c->objects, c->n_objects + 1, sizeof(Object));

        if (!objects)
                return NULL;
        c->objects = objects;
        objects[c->n_objects] = (Object){};
        return objects + c->n_objects;
}

/* Append one object; consumes elf. $ORIGIN of a program is where it really is, as the kernel shows it in /proc/self/exe;
 * that of a library is the folder of the path by which it was found. */
static int add_object(Closure *c, ClosureKind kind, const char *path, const char *why, ssize_t needed_by,
                      const struct stat *st, ElfFile *elf) {
        _cleanup_(elf_file_freep) ElfFile *owned = elf;
        _cleanup_free_ char *real = NULL;
        Object *o;
        int r;

        if (elf && elf->is_program && needed_by < 0) {
                r = rootpath_resolve(c->root_fd, path, &real);
                if (r < 0)
                        return r;
        }
        o = append_object(c);
        if (!o)
                return -ENOMEM;
        o->origin = strdup(real ?: path);
        o->path = strdup(path);
        o->why = strdup(why);
        if (!o->origin || !o->path || !o->why) {
                object_clear(o);
                return -ENOMEM;
        }
        *(strrchr(o->origin, '/') == o->origin ? o->origin + 1 : strrchr(o->origin, '/')) = '\0';
        o->device = st->st_dev;
        o->inode = st->st_ino;
        o->item = (ClosureItem){
                .kind = kind,
                .path = o->path,
                .soname = elf ? elf->soname : NULL,
                .why = o->why,
                .needed_by = needed_by,
        };
        o->elf = TAKE_PTR(owned);
        c->n_objects++;
        return 0;
}

/* The object of this very file, or -1. */
static ssize_t find_object(const Closure *c, const struct stat *st) {
        for (size_t i = 0; i < c->n_objects; i++)
                if (c->objects[i].elf && c->objects[i].inode == st->st_ino &&
                    c->objects[i].device == st->st_dev)
                        return (ssize_t) i;
        return -1;
}

static bool has_path(const Closure *c, const char *path) {
        for (size_t i = 0; i < c->n_objects; i++)
                if (streq(c->objects[i].path, path))
                        return true;
        return false;
}

static bool has_control_characters(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return true;
        return false;
}

int closure_read_object(Closure *c, const Request *q, size_t *ret, int *ret_absent, char **reterr) {
        const ElfFile *model = q->like >= 0 ? c->objects[q->like].elf : NULL, *read;
        _cleanup_(elf_file_freep) ElfFile *elf = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *reason = NULL;
        ClosureKind kind = q->kind;
        struct stat st;
        ssize_t known;
        int r;

        if (c->adding.n_tries++ >= TRIES_MAX)
                return closure_refuse(c, -E2BIG, q->needed_by, reterr,
                                      "%s: given up after looking in more than %d places", q->path,
                                      TRIES_MAX);
        r = rootpath_normalise(c->root_fd, q->path, &path);
        if (r >= 0 && has_control_characters(path))
                return closure_refuse(c, -EINVAL, q->needed_by, reterr, "%s: control characters in a path",
                                      path);
        if (r >= 0)
                r = fd = rootpath_open_regular(c->root_fd, path, &st);
        if (is_absent(r)) {
                *ret_absent = r;
                return 0;
        }
        if (r < 0)
                return closure_refuse(c, r, q->needed_by, reterr, "%s: %s", path ?: q->path, open_error(r));

        known = find_object(c, &st);
        if (known < 0) {
                r = elf_file_read(fd, &elf, &reason);
                if (r < 0)
                        return closure_refuse(c, r, q->needed_by, reterr, "%s: %s", path,
                                              reason ?: strerror(-r));
        }
        read = elf ?: c->objects[known].elf;
        if (model && (read->class != model->class || read->machine != model->machine)) {
                *ret_absent = -ENOEXEC;
                return 0;
        }

        *ret = known >= 0 ? (size_t) known : c->n_objects;
        if (known >= 0 && has_path(c, path))
                return 1;
        if (known >= 0)
                kind = CLOSURE_ALIAS;
        else if (q->needed_by < 0)
                kind = elf->is_program ? CLOSURE_PROGRAM : CLOSURE_MODULE;
        r = add_object(c, kind, path, q->why, q->needed_by, &st, TAKE_PTR(elf));
        return r < 0 ? r : 1;
}

int closure_add_index(Closure *c, const char *path, size_t needed_by, const char *library) {
        _cleanup_free_ char *why = NULL;

        if (has_path(c, path))
                return 0;
        if (asprintf(&why, "where the loader learns of the folder of %s", library) < 0)
                return -ENOMEM;
        return add_object(c, CLOSURE_INDEX, path, why, (ssize_t) needed_by, &(struct stat){}, NULL);
}

/* Add what the caller named. *scope: the scope so far or NULL; another one afterwards if the file is a program. */
static int add_root(Closure *c, Scope **scope, const char *path, const char *why, char **reterr) {
        const Request request = { .path = path, .why = why, .needed_by = -1, .like = -1 };
        const ElfFile *elf, *program;
        size_t object, from;
        int absent = 0, r;

        if (path[0] != '/')
                return closure_refuse(c, -EINVAL, -1, reterr, "%s: not an absolute path", path);
        r = closure_read_object(c, &request, &object, &absent, reterr);
        if (r == 0)
                return closure_refuse(c, absent, -1, reterr, "%s: %s", path, strerror(-absent));
        if (r < 0)
                return r;

        elf = c->objects[object].elf;
        if (elf->is_program) {
                r = scope_new(c, object, scope, reterr);
                return r < 0 ? r : scope_resolve_all(c, *scope, 0, reterr);
        }

        if (!*scope)
                return closure_refuse(c, -EINVAL, -1, reterr,
                                      "%s: a shared object, and no program to open it", path);
        program = c->objects[(*scope)->program].elf;
        if (!(*scope)->loader || elf->class != program->class || elf->machine != program->machine)
                return closure_refuse(c, -EBADMSG, -1, reterr, "%s: %s cannot open it, being %s", path,
                                      c->objects[(*scope)->program].path,
                                      (*scope)->loader ? "for another machine" : "static");
        from = (*scope)->n_members;
        c->adding.scope = *scope;
        c->adding.member = from;
        r = scope_join(c, *scope, object, 0);
        return r < 0 ? r : scope_resolve_all(c, *scope, from, reterr);
}

Mark closure_mark(const Closure *c) {
        return (Mark){
                .n_objects = c->n_objects,
                .n_members = c->scope ? c->scope->n_members : 0,
                .n_names = c->scope ? c->scope->n_names : 0,
        };
}

int closure_settle(Closure *c, const Mark *since, int r, const char *path, char *text, char **reterr) {
        if (r < 0 && r != -ENOMEM && !text)
                r = closure_refuse(c, r, -1, &text, "%s: %s", path, strerror(-r));
        c->adding = (Addition){};
        if (r >= 0)
                return 0;
        drop_objects(c, since->n_objects);
        if (c->scope)
                scope_truncate(c->scope, since->n_members, since->n_names);
        *reterr = text;
        return r;
}

int closure_add(Closure *c, const char *path, const char *why, char **reterr) {
        const Mark since = closure_mark(c);
        Scope *scope = c->scope;
        char *text = NULL;
        int r;

        c->adding = (Addition){ .why = why };
        r = add_root(c, &scope, path, why, &text);
        c->adding.scope = NULL;
        if (scope != c->scope) {
                scope_free(r < 0 ? scope : c->scope);
                c->scope = r < 0 ? c->scope : scope;
        }
        return closure_settle(c, &since, r, path, text, reterr);
}
