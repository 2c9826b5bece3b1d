/* The verb why: who asked for a file of the jail, from the file up to the directive. */

#include <fcntl.h>

#include "builder.h"
#include "generations.h"
#include "json-object.h"
#include "json-print.h"
#include "output.h"
#include "rootpath.h"

/* The entry that a path of the jail leads to: itself, or where its links lead; or what is mounted above it, and then
 * *ret_mount is set. NULL where nothing is. */
static const Origin *find_entry(const Generation *g, const char *path, const Origin **ret_mount) {
        const Origin *e = origins_find(g->origins, path);
        _cleanup_free_ char *real = NULL, *above = NULL;

        *ret_mount = NULL;
        if (e)
                return e;
        if (rootpath_resolve(g->root_fd, path, &real) >= 0 && (e = origins_find(g->origins, real)))
                return e;
        above = strdup(path);
        for (char *slash; above && (slash = strrchr(above, '/')) > above;) {
                *slash = '\0';
                e = origins_find(g->origins, above);
                if (e && e->type == PLAN_MOUNT_POINT)
                        return *ret_mount = e;
        }
        return NULL;
}

static json_object *link_to_json(const Origin *e) {
        json_object *o = json_object_new_object();

        json_object_object_add(o, "path", json_object_new_string(e->path));
        json_object_object_add(o, "type", json_object_new_string(plan_type_to_string(e->type)));
        json_object_object_add(o, "why", json_object_new_string(e->why));
        if (e->source)
                json_object_object_add(o, "source", json_object_new_string(e->source));
        if (e->package) {
                json_object_object_add(o, "package", json_object_new_string(e->package->name));
                json_object_object_add(o, "version", json_object_new_string(e->package->version));
        }
        return o;
}

/* Who needs it; one that was left out by Exclude= has no entry of its own. */
static const Origin *next_link(const Generation *g, const Origin *e) {
        return e->needed_by ? origins_find(g->origins, e->needed_by) : NULL;
}

static void print_json(const Generation *g, const Origin *e) {
        _cleanup_(json_object_putp) json_object *o = json_object_new_object();
        json_object *chain = json_object_new_array();

        json_object_object_add(o, "generation", json_object_new_int64(g->number));
        /* Each cause is there before what it causes, so that this ends. */
        for (; e; e = next_link(g, e))
                json_object_array_add(chain, link_to_json(e));
        json_object_object_add(o, "chain", chain);
        json_print(o);
}

static void print_link(const char *prefix, const Origin *e) {
        printf("%s%s\n    ", prefix, e->path);
        print_text(stdout, e->why, 4);
        putchar('\n');
}

static void print_chain(const Generation *g, const Origin *e, const char *path, const Origin *mount) {
        const char *grey = colour_on(stdout, COLOUR_GREY), *plain = colour_on(stdout, COLOUR_NONE);

        if (mount)
                printf("%s is in what is mounted at:\n", path);
        else if (!streq(e->path, path))
                printf("%s leads to:\n", path);
        print_link("", e);
        if (e->package)
                printf("    %sfrom %s, package %s %s%s\n", grey, e->source, e->package->name,
                       e->package->version, plain);
        else if (e->source)
                printf("    %sfrom %s%s\n", grey, e->source, plain);
        for (const Origin *next = next_link(g, e); next; next = next_link(g, next))
                print_link("needed by ", next);
}

int verb_why(const CtlOptions *options, const char *name) {
        _cleanup_(generation_done) Generation g = { .root_fd = -EBADF };
        const char *path = options->words[0];
        const Origin *e, *mount;
        int r;

        if (path[0] != '/') {
                print_error("jailctl", "why needs an absolute path of the jail; see jailctl --help");
                return CTL_EXIT_USAGE;
        }
        r = ctl_generation_open(name, 0, &g);
        if (r != CTL_EXIT_DONE)
                return r;
        e = find_entry(&g, path, &mount);
        if (!e) {
                print_error(name, "%s is not in generation %u: nothing asked for it", path, g.number);
                return CTL_EXIT_FAILED;
        }
        if (options->json)
                print_json(&g, e);
        else
                print_chain(&g, e, path, mount);
        return CTL_EXIT_DONE;
}
