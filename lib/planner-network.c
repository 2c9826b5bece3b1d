#include "planner-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "reterr.h"
#include "rootpath.h"
#include "vhost-ports.h"

static bool is_listen(const ApacheDirective *d) {
        return !d->is_section && strcasecmp(d->name, "Listen") == 0 && strv_length(d->arguments) > 0;
}

/* Apache sets them on its own descriptors, before bind(): they are lost with these. */
static void take_buffers(Planner *p) {
        Launch *l = p->plan->launch;

        for (size_t i = 0; i < p->apache->n_directives; i++) {
                const ApacheDirective *d = &p->apache->directives[i];
                bool is_receive = strcasecmp(d->name, "ReceiveBufferSize") == 0;

                if (d->is_section || strv_length(d->arguments) == 0 ||
                    (!is_receive && strcasecmp(d->name, "SendBufferSize") != 0))
                        continue;
                *(is_receive ? &l->receive_buffer_bytes : &l->send_buffer_bytes) =
                                (unsigned) atoi(d->arguments[0]);
        }
}

/* Every address that Apache will bind() must be granted, or it does not start. */
static int check_granted(const ApacheDirective *d, const Address *inside, const ListenPair *pairs,
                         size_t n_pairs, char **reterr) {
        char buf[ADDRESS_STRING_MAX];

        if (listen_pairs_find(pairs, n_pairs, inside) >= 0)
                return 0;
        return reterr_set(reterr, -EINVAL,
                          "%s:%u: Listen %s is not granted by any Listen= of the jail: add Listen=%s, "
                          "or Listen=OUTSIDE %s",
                          d->file, d->line, d->arguments[0], address_to_string(inside, buf),
                          d->arguments[0]);
}

/* Every address that is granted must be asked for, or it would never answer. */
static int check_asked(const Planner *p, const ListenPair *pair, const ListenPair *asked, size_t n_asked,
                       char **reterr) {
        char buf[ADDRESS_STRING_MAX];
        _cleanup_free_ char *list = strdup("");

        for (size_t i = 0; i < n_asked; i++)
                if (listen_pairs_find(pair, 1, &asked[i].inside) >= 0)
                        return 0;
        for (size_t i = 0; list && i < p->apache->n_directives; i++) {
                const ApacheDirective *d = &p->apache->directives[i];
                char *longer;

                if (!is_listen(d))
                        continue;
                if (asprintf(&longer, "%s%s%s (%s:%u)", list, list[0] ? ", " : "", d->arguments[0], d->file,
                             d->line) < 0)
                        return -ENOMEM;
                free(list);
                list = longer;
        }
        if (!list)
                return -ENOMEM;
        return reterr_set(reterr, -EINVAL,
                          "Listen= of the jail names %s for the inside, but Apache listens on %s",
                          address_to_string(&pair->inside, buf), list);
}

int planner_listens(Planner *p, char **reterr) {
        _cleanup_free_ ListenPair *asked = calloc(p->apache->n_directives + 1, sizeof(ListenPair));
        Launch *l = p->plan->launch;
        size_t n = 0;
        int r = 0;

        if (!asked)
                return -ENOMEM;
        take_buffers(p);
        for (size_t i = 0; i < p->apache->n_directives; i++) {
                const ApacheDirective *d = &p->apache->directives[i];

                if (!is_listen(d))
                        continue;
                if (address_parse(d->arguments[0], &asked[n].inside) < 0)
                        return reterr_set(reterr, -EINVAL,
                                          "%s:%u: Listen %s is not ADDRESS:PORT in numbers, which is "
                                          "what can be granted",
                                          d->file, d->line, d->arguments[0]);
                asked[n].outside = asked[n].inside;
                if (p->config->n_listens > 0 && (r = check_granted(d, &asked[n].inside, p->config->listens,
                                                                   p->config->n_listens, reterr)) < 0)
                        return r;
                n++;
        }
        if (n == 0)
                return reterr_set(reterr, -EINVAL, "%s: no Listen in Apache's configuration",
                                  p->apache->includes[0]);
        for (size_t i = 0; r >= 0 && i < p->config->n_listens; i++)
                if ((r = check_asked(p, &p->config->listens[i], asked, n, reterr)) >= 0)
                        r = launch_add_listen(l, &p->config->listens[i]);
        for (size_t i = 0; r >= 0 && p->config->n_listens == 0 && i < n; i++)
                /* Listed twice, Apache itself would fail; twice in two ways of writing, it is one socket. */
                if (listen_pairs_find(l->listens, l->n_listens, &asked[i].inside) < 0)
                        r = launch_add_listen(l, &asked[i]);
        return r;
}

/* Edit the lines of one file that open a virtual host. */
static int map_file(Planner *p, const char *file, char **reterr) {
        const Launch *l = p->plan->launch;
        _cleanup_free_ char *text = NULL, *why = NULL, *resolved = NULL;
        bool changed = false;
        int r = planner_read(p, file, &text, reterr);

        if (r < 0)
                return r;
        for (size_t i = 0; i < p->apache->n_vhosts; i++) {
                const ApacheVhost *v = &p->apache->vhosts[i];
                char *edited;

                if (!streq(v->file, file))
                        continue;
                r = vhost_ports_edit(text, v->line, l->listens, l->n_listens, &edited);
                if (r == -EINVAL || r == -ENOENT)
                        return reterr_set(reterr, -EINVAL,
                                          "%s:%u: the port of this virtual host cannot be changed to "
                                          "the one of Listen= because the line is no plain <VirtualHost "
                                          "ADDRESS:PORT>: use the same port inside and outside",
                                          file, v->line);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                free(text);
                text = edited;
                changed = true;
        }
        if (!changed)
                return 0;
        if (asprintf(&why, "%s" PLANNER_WHY_PORTS, file) < 0)
                return -ENOMEM;
        /* The link in sites-enabled stays a link. */
        r = plan_resolve(p->plan, file, &resolved, reterr);
        return r < 0 ? r
                     : plan_add_made(p->plan, resolved, 0444, 0, text, strlen(text), (PlanWhy){ .why = why },
                                     NULL, reterr);
}

static int map_vhosts(Planner *p, char **reterr) {
        const Launch *l = p->plan->launch;

        if (!vhost_ports_differ(l->listens, l->n_listens))
                return 0;
        for (size_t i = 0; i < p->apache->n_vhosts; i++) {
                bool seen = false;
                int r;

                for (size_t j = 0; j < i; j++)
                        seen = seen || streq(p->apache->vhosts[j].file, p->apache->vhosts[i].file);
                if (!seen && (r = map_file(p, p->apache->vhosts[i].file, reterr)) < 0)
                        return r;
        }
        return 0;
}

int planner_configuration_files(Planner *p, char **reterr) {
        const Apache *a = p->apache;
        int r = plan_add_folder(p->plan, a->server_root, 0755, (PlanWhy){ .why = "ServerRoot" }, NULL,
                                reterr);

        for (char **file = a->includes; r >= 0 && *file; file++)
                r = plan_add_copy(p->plan, *file, 0444,
                                  (PlanWhy){ .why = file == a->includes ? PLANNER_WHY_CONFIGURATION
                                                                        : PLANNER_WHY_INCLUDED },
                                  NULL, reterr);
        for (char **folder = a->include_folders; r >= 0 && folder && *folder; folder++)
                r = plan_add_folder(p->plan, *folder, 0755, (PlanWhy){ .why = PLANNER_WHY_INCLUDED_FOLDER },
                                    NULL, reterr);
        return r < 0 ? r : map_vhosts(p, reterr);
}
