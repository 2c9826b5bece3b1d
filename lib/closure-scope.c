#include "closure-internal.h"

#include "strv.h"

/* The search. The list of members is also the queue: each member's needs are searched in turn, which appends members,
 * until the end is reached. That is the loader's own breadth-first order, on which it depends which of two libraries of
 * one name wins. */

/* One library wanted by a member. */
typedef struct Want {
        Scope *scope;
        ssize_t parent;
        ClosureKind kind;
        const char *name;
        const char *why;
        /* A file of the right name that was passed over and why, to be mentioned when no other is found. */
        char *passed_over;
} Want;

Scope *scope_free(Scope *s) {
        if (!s)
                return NULL;
        loader_free(s->loader);
        free(s->members);
        strv_free(s->names);
        free(s);
        return NULL;
}

static bool scope_has_name(const Scope *s, const char *name) {
        for (size_t i = 0; i < s->n_names; i++)
                if (streq(s->names[i], name))
                        return true;
        return false;
}

static int scope_add_name(Scope *s, const char *name) {
        int r;

        if (!name || scope_has_name(s, name))
                return 0;
        r = strv_extend(&s->names, name);
        if (r >= 0)
                s->n_names++;
        return r;
}

int scope_join(const Closure *c, Scope *s, size_t object, ssize_t parent) {
        Member *members;

        for (size_t i = 0; i < s->n_members; i++)
                if (s->members[i].object == object)
                        return 0;
        members = reallocarray(s->members, s->n_members + 1, sizeof(Member));
        if (!members)
                return -ENOMEM;
        s->members = members;
        members[s->n_members++] = (Member){ object, parent };
        return scope_add_name(s, c->objects[object].elf->soname);
}

void scope_truncate(Scope *s, size_t n_members, size_t n_names) {
        s->n_members = n_members;
        while (s->n_names > n_names) {
                free(s->names[--s->n_names]);
                s->names[s->n_names] = NULL;
        }
}

ssize_t scope_find_soname(const Closure *c, const Scope *s, const char *soname) {
        for (size_t i = 0; i < s->n_members; i++) {
                const char *own = c->objects[s->members[i].object].item.soname;

                if (own && streq(own, soname))
                        return (ssize_t) i;
        }
        return -1;
}

static ElfFile *member_elf(const Closure *c, const Scope *s, ssize_t member) {
        return c->objects[s->members[member].object].elf;
}

/* Take the library at path, if it is there and fits. Returns 1 if so, else 0. */
static int take(Closure *c, Want *w, const char *path, char **reterr) {
        const Request request = {
                .path = path,
                .kind = w->kind,
                .why = w->why,
                .needed_by = (ssize_t) w->scope->members[w->parent].object,
                .like = (ssize_t) w->scope->program,
        };
        int absent = 0, r;
        size_t object;

        r = closure_read_object(c, &request, &object, &absent, reterr);
        if ((absent == -ENOEXEC || absent == -EACCES) && !w->passed_over &&
            asprintf(&w->passed_over, " (%s: %s)", path,
                     absent == -ENOEXEC ? "for another machine" : strerror(-absent)) < 0)
                return -ENOMEM;
        if (r <= 0)
                return r;
        r = scope_join(c, w->scope, object, w->parent);
        return r < 0 ? r : 1;
}

/* Look into the folders of a list like LD_LIBRARY_PATH's, from the first element that has the library. */
static int search_list(Closure *c, Want *w, const char *list, const char *separators, const char *origin,
                       char **reterr) {
        for (const char *p = list; *p;) {
                _cleanup_strv_free_ char **folders = NULL;
                size_t n = strcspn(p, separators);
                bool is_taken = false;
                int r;

                r = loader_folders(w->scope->loader, p, n, origin, &folders);
                if (r < 0 && r != -ENAMETOOLONG)
                        return r;
                for (char **folder = folders; folder && *folder; folder++) {
                        _cleanup_free_ char *path = NULL;

                        if (asprintf(&path, "%s/%s", *folder, w->name) < 0)
                                return -ENOMEM;
                        r = take(c, w, path, reterr);
                        if (r < 0)
                                return r;
                        is_taken = is_taken || r > 0;
                }
                if (is_taken)
                        return 1;
                p += n + (p[n] != '\0');
        }
        return 0;
}

/* The search paths written into member's file. */
static int search_member(Closure *c, Want *w, ssize_t member, const char *list, char **reterr) {
        return list ? search_list(c, w, list, ":", c->objects[w->scope->members[member].object].origin,
                                  reterr)
                    : 0;
}

/* DT_RPATH of who needs the library, of who needed that, and so on up to the program; modules have the program as their
 * parent, so its DT_RPATH is always asked. musl inherits DT_RUNPATH in the same way. */
static int search_inherited(Closure *c, Want *w, char **reterr) {
        bool is_musl = w->scope->loader->is_musl;

        if (!is_musl && member_elf(c, w->scope, w->parent)->runpath)
                return 0;
        for (ssize_t m = w->parent; m >= 0; m = w->scope->members[m].parent) {
                const ElfFile *elf = member_elf(c, w->scope, m);
                int r = search_member(c, w, m, is_musl && elf->runpath ? elf->runpath : elf->rpath, reterr);

                if (r != 0)
                        return r;
        }
        return 0;
}

/* Whether the loader would look for this file without a cache, too: in a default folder or one of its better ones. */
static bool is_in_default_folder(const Loader *l, const char *path) {
        const char *name = strrchr(path, '/');

        for (char **folder = l->default_folders; folder && *folder; folder++) {
                size_t n = strlen(*folder);

                if (strncmp(path, *folder, n) == 0 &&
                    (path + n == name || strncmp(path + n, "/glibc-hwcaps/", strlen("/glibc-hwcaps/")) == 0))
                        return true;
        }
        return false;
}

/* All entries of the cache for the name that fit: the baseline and those for better processors. */
static int search_cache(Closure *c, Want *w, bool no_default, char **reterr) {
        const Loader *l = w->scope->loader;
        size_t first = 0, n = l->cache ? ld_cache_find(l->cache, w->name, &first) : 0;
        bool is_taken = false;

        for (size_t i = first; i < first + n; i++) {
                const char *path = ld_cache_path(l->cache, i);
                int r;

                if (no_default && is_in_default_folder(l, path))
                        continue;
                r = take(c, w, path, reterr);
                if (r > 0 && !is_in_default_folder(l, path))
                        r = closure_add_index(c, l->index, w->scope->members[w->parent].object, w->name)
                                            ?: 1;
                if (r < 0)
                        return r;
                is_taken = is_taken || r > 0;
        }
        return is_taken;
}

/* Search as ld.so(8) does, in its order. Returns 1 when found, else 0. */
static int search(Closure *c, Want *w, char **reterr) {
        const Loader *l = w->scope->loader;
        const ElfFile *elf = member_elf(c, w->scope, w->parent);
        const char *runpath = elf->runpath;
        bool no_default = elf->no_default_libraries;
        int r = 0;

        if (!l->is_musl)
                r = search_inherited(c, w, reterr);
        if (r == 0 && c->library_path)
                r = search_list(c, w, c->library_path, ":;", "", reterr);
        if (r == 0)
                r = l->is_musl ? search_inherited(c, w, reterr)
                               : search_member(c, w, w->parent, runpath, reterr);
        if (r == 0)
                r = search_cache(c, w, no_default, reterr);
        for (char **folder = l->default_folders; r == 0 && !no_default && folder && *folder; folder++)
                r = search_list(c, w, *folder, "", "", reterr);
        return r;
}

int scope_resolve(Closure *c, Scope *s, ssize_t parent, const char *need, ClosureKind kind, const char *why,
                  bool is_optional, char **reterr) {
        const Object *asking = c->objects + s->members[parent].object;
        ssize_t needed_by = (ssize_t) s->members[parent].object;
        _cleanup_free_ char *name = NULL, *passed_over = NULL;
        Want w = { .scope = s, .parent = parent, .kind = kind, .why = why };
        int r;

        r = loader_expand(s->loader, need, asking->origin, &name);
        if (r < 0)
                return r == -ENOMEM ? r
                                    : closure_refuse(c, r, needed_by, reterr, "%s: %s", need, strerror(-r));
        if (scope_has_name(s, name) || loader_provides(s->loader, name))
                return 1;

        w.name = name;
        if (!strchr(name, '/'))
                r = search(c, &w, reterr);
        else if (name[0] == '/')
                r = take(c, &w, name, reterr);
        else
                return closure_refuse(c, -EBADMSG, needed_by, reterr,
                                      "%s: a library relative to the working directory cannot be followed",
                                      name);
        passed_over = w.passed_over;
        if (r == 0 && !is_optional)
                return closure_refuse(c, -ENOENT, needed_by, reterr, "%s: not found where ld.so(8) looks%s",
                                      name, passed_over ?: "");
        if (r <= 0)
                return r;
        r = scope_add_name(s, name);
        return r < 0 ? r : 1;
}

int scope_resolve_all(Closure *c, Scope *s, size_t from, char **reterr) {
        for (size_t m = from; m < s->n_members; m++) {
                const ElfFile *elf = member_elf(c, s, (ssize_t) m);
                int r;

                for (size_t i = 0; i < elf->n_needs; i++) {
                        _cleanup_free_ char *why = NULL;

                        if (asprintf(&why, "library %s", elf->needs[i].name) < 0)
                                return -ENOMEM;
                        r = scope_resolve(c, s, (ssize_t) m, elf->needs[i].name, CLOSURE_LIBRARY, why,
                                          elf->needs[i].optional, reterr);
                        if (r < 0)
                                return r;
                }
                r = scope_resolve_hidden(c, s, (ssize_t) m, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Read the interpreter of a new scope and learn its conventions. */
static int add_interpreter(Closure *c, Scope *s, const char *path, char **reterr) {
        const Request request = {
                .path = path,
                .kind = CLOSURE_INTERPRETER,
                .why = "interpreter (PT_INTERP)",
                .needed_by = (ssize_t) s->program,
                .like = (ssize_t) s->program,
        };
        _cleanup_free_ char *reason = NULL;
        int absent = 0, r;
        size_t object;

        if (path[0] != '/')
                return closure_refuse(c, -EBADMSG, request.needed_by, reterr,
                                      "%s: an interpreter without an absolute path", path);
        r = closure_read_object(c, &request, &object, &absent, reterr);
        if (r == 0 && absent == -ENOEXEC)
                return closure_refuse(c, -EBADMSG, request.needed_by, reterr,
                                      "%s: an interpreter for another machine", path);
        if (r == 0)
                return closure_refuse(c, absent, request.needed_by, reterr, "%s: %s", path,
                                      strerror(-absent));
        if (r < 0)
                return r;
        r = scope_join(c, s, object, 0);
        if (r >= 0)
                r = scope_add_name(s, path);
        if (r < 0)
                return r;
        r = loader_new(c->root_fd, path, c->objects[s->program].elf->machine, &s->loader, &reason);
        if (r < 0)
                return reason ? closure_refuse(c, r, request.needed_by, reterr, "%s", reason) : r;
        return s->loader->is_musl && s->loader->index
                               ? closure_add_index(c, s->loader->index, object, "every library")
                               : 0;
}

int scope_new(Closure *c, size_t program, Scope **ret, char **reterr) {
        _cleanup_(scope_freep) Scope *s = calloc(1, sizeof(Scope));
        const ElfFile *elf = c->objects[program].elf;
        int r;

        if (!s)
                return -ENOMEM;
        s->program = program;
        c->adding.scope = s;
        r = scope_join(c, s, program, -1);
        if (r >= 0 && elf->interpreter)
                r = add_interpreter(c, s, elf->interpreter, reterr);
        else if (r >= 0 && elf->n_needs > 0)
                r = closure_refuse(c, -EBADMSG, (ssize_t) program, reterr,
                                   "a program with libraries and without an interpreter");
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}
