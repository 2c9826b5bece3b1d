#include "planner-components.h"
#include "reterr.h"

/* Launcher=apachectl: the script that a distribution has for starting its server, the shell that reads it, and what it
 * runs on its way to the server. It is weaker, and says so.
 *
 * envvars is evaluated outside all the same. The one in the jail is made, and has a single assignment by which the script,
 * which would wait for the server as its parent, becomes the server: so that the first process of the jail is httpd, as
 * without a launcher, and no shell is left when it serves. What a script would have to make is there before it. */

typedef struct Script {
        /* Beside the server's program. */
        const char *name;
        /* What it runs on its way to the server; NULL at the end. */
        const char *programs[4];
        /* Folders that it makes, with further programs, where they are not there: beneath what a variable names, or else
         * beneath a path. */
        struct {
                const char *variable;
                const char *path;
                const char *beneath;
        } folders[3];
        /* The variable that tells it where its envvars is; NULL: beside it. */
        const char *envvars_variable;
} Script;

static const Script scripts[] = {
        {
                        /* Debian's */
                        .name = "apache2ctl",
                        .programs = { "/usr/bin/id" },
                        .folders = { { "APACHE_RUN_DIR", "/var/run/apache2", "" },
                                     { "APACHE_RUN_DIR", "/var/run/apache2", "/socks" },
                                     { "APACHE_LOCK_DIR", "/var/lock/apache2", "" } },
                        .envvars_variable = "APACHE_ENVVARS",
        },
        {
                        /* Apache's own */
                        .name = "apachectl",
        },
};

/* The script that is there, with its path and that of the envvars that it reads; or NULL. */
static const Script *find_script(const Planner *p, char **ret_path, char **ret_envvars) {
        const char *httpd = p->apache->httpd;
        int n = (int) (strrchr(httpd, '/') - httpd);

        for (size_t i = 0; i < ELEMENTSOF(scripts); i++) {
                _cleanup_free_ char *path = NULL, *envvars = NULL;

                if (asprintf(&path, "%.*s/%s", n, httpd, scripts[i].name) < 0)
                        path = NULL;
                if (!path || !component_exists(p, path, NULL))
                        continue;
                if (scripts[i].envvars_variable)
                        envvars = p->apache->envvars ? strdup(p->apache->envvars) : NULL;
                else if (asprintf(&envvars, "%.*s/envvars", n, httpd) < 0)
                        envvars = NULL;
                if (!envvars || !component_exists(p, envvars, NULL))
                        continue;
                *ret_path = TAKE_PTR(path);
                *ret_envvars = TAKE_PTR(envvars);
                return &scripts[i];
        }
        return NULL;
}

static int add_folders(Planner *p, const Script *script, const char *why, char **reterr) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(script->folders) && script->folders[i].variable; i++) {
                const char *folder = strv_env_get(p->apache->environment, script->folders[i].variable)
                                                     ?: script->folders[i].path;
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s%s", folder, script->folders[i].beneath) < 0)
                        return -ENOMEM;
                r = planner_add_writable(p, path, 0, why, reterr);
        }
        return r;
}

/* By which the script becomes the server. */
static int add_envvars(Planner *p, const Script *script, const char *envvars, char **reterr) {
        _cleanup_free_ char *text = NULL;
        Launch *l = p->plan->launch;

        if (asprintf(&text, "HTTPD='exec %s'\nAPACHE_HTTPD=$HTTPD\n", l->httpd) < 0)
                return -ENOMEM;
        if (script->envvars_variable && strv_env_set(&l->environment, script->envvars_variable, envvars) < 0)
                return -ENOMEM;
        return plan_add_made(p->plan, envvars, 0444, 0, text, strlen(text),
                             (PlanWhy){ .why = "by which the server takes the place of the shell" }, NULL,
                             reterr);
}

int planner_launcher(Planner *p, char **reterr) {
        static const char why[] = "Launcher=apachectl";
        _cleanup_free_ char *path = NULL, *envvars = NULL, *helper = NULL;
        _cleanup_(closure_freep) Closure *closure = NULL;
        Launch *l = p->plan->launch;
        const Script *script;
        int r;

        if (p->config->launcher != CONFIG_LAUNCHER_APACHECTL)
                return 0;
        script = find_script(p, &path, &envvars);
        if (!script)
                return reterr_set(
                                reterr, -ENOENT,
                                "Launcher=apachectl: no apache2ctl or apachectl with an envvars belongs to %s (that of Red "
                                "Hat only asks systemd): do without Launcher=",
                                l->httpd);
        if (asprintf(&helper, "what %s runs before it comes to the server (Launcher=apachectl)", path) < 0)
                return -ENOMEM;
        if ((r = closure_new(p->plan->source_fd, &closure)) < 0 ||
            (r = planner_add_program(p, closure, path, why, reterr)) < 0 ||
            (r = strv_extend(&l->programs, path)) < 0 || (r = strv_extend(&l->launcher, path)) < 0)
                return r;
        for (const char *const *program = script->programs; *program; program++)
                if ((r = closure_add(closure, *program, helper, reterr)) < 0 ||
                    (r = strv_extend(&l->launcher, *program)) < 0)
                        return r;
        if ((r = planner_add_closure(p, closure, reterr)) < 0 ||
            (r = add_folders(p, script, why, reterr)) < 0 ||
            (r = add_envvars(p, script, envvars, reterr)) < 0)
                return r;
        return plan_warn(
                        p->plan,
                        "Launcher=apachectl: a shell is in the jail, and may be run until the server is: weaker "
                        "than starting httpd itself, which needs none");
}
