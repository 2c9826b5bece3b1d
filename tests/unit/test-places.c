#include <criterion/criterion.h>

#include "planner-internal.h"
#include "tree.h"

/* A folder of the tree, which stands in for the host, shown at the same path. */
static void show(Planner *p, const Tree *t, const char *path) {
        _cleanup_free_ char *reason = NULL;

        cr_assert_eq(planner_add_bind(p, MOUNT_BIND_RO, tree_host_path(t, path), path, "a test", &reason), 0,
                     "%s", reason);
}

/* As of document roots within each other, in an application's folder that Writable= names. */
Test(places, what_is_shown_by_what_is_around_it_is_mounted_once) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *reason = NULL;
        JailConfig config = {};
        Apache apache = {};
        Planner p = { .config = &config, .apache = &apache };

        tree_open(&t);
        tree_folder(&t, "/srv/app/a/b/c");
        cr_assert_eq(plan_new(t.fd, t.folder, &plan), 0);
        p.plan = plan;
        cr_assert_eq(planner_add_writable(&p, "/srv/app", 0, "a test", &reason), 0, "%s", reason);
        show(&p, &t, "/srv/app/a/b/c");
        show(&p, &t, "/srv/app/a/b");
        show(&p, &t, "/srv/app/a");
        cr_assert_eq(planner_check_places(&p, &reason), 0, "%s", reason);
        cr_assert_eq(plan->launch->n_mounts, 2u);
        cr_assert_str_eq(plan->launch->mounts[0].target, "/srv/app");
        cr_assert_str_eq(plan->launch->mounts[1].target, "/srv/app/a");
        cr_assert_not_null(plan_find(plan, "/srv/app/a"));
        cr_assert_null(plan_find(plan, "/srv/app/a/b"));
}

/* A tree of another's making must not decide how much of the stack is used. */
Test(places, folders_within_each_other_without_end) {
        _cleanup_tree_ Tree t = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *reason = NULL;
        char path[2 * 1000 + 1];

        tree_open(&t);
        for (size_t i = 0; i < sizeof(path) - 1; i++)
                path[i] = "/d"[i % 2];
        path[sizeof(path) - 1] = '\0';
        tree_folder(&t, path);
        cr_assert_eq(plan_new(t.fd, t.folder, &plan), 0);
        cr_assert_eq(plan_add_tree(plan, "/d", (PlanWhy){ .why = "a test" }, &reason), -ELOOP);
        cr_assert_not_null(strstr(reason, "more than 256 deep (a test)"), "%s", reason);
}
