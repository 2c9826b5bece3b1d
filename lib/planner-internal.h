#pragma once

/* What the parts of the planner share. Each returns 0, -ENOMEM, or an errno with *reterr set. */

#include "closure.h"
#include "planner.h"

/* A program that its user cannot read is not dumpable: no core, and no ptrace by the same user. */
#define PLANNER_PROGRAM_MODE 0111

typedef struct Planner {
        const JailConfig *config;
        const Apache *apache;
        Plan *plan;
        /* Of launch->programs the first, which are the server and its loader. */
        size_t n_server_programs;
} Planner;

/* planner.c: a whole file of the source tree, NUL-terminated. The caller frees it. */
int planner_read(const Planner *p, const char *path, char **ret, char **reterr);
/* planner.c: put the items of a closure into the plan, each with the entry that needs it. */
int planner_add_closure(Planner *p, const Closure *closure, char **reterr);

/* planner-programs.c: what Exec= names. */
int planner_programs(Planner *p, char **reterr);
/* A program, or a script with its interpreter. */
int planner_add_program(Planner *p, Closure *closure, const char *path, const char *why, char **reterr);

/* planner-launcher.c: Launcher=apachectl. */
int planner_launcher(Planner *p, char **reterr);

/* planner-components.c: what no directive and no header names. */
int planner_components(Planner *p, char **reterr);

/* planner-directives.c: logs, document trees, files and run-time places that directives name. */
int planner_directives(Planner *p, char **reterr);
/* Content of the host, shown read-only, unless the administrator shows it already. */
int planner_add_content(Planner *p, const char *path, const char *why, char **reterr);
/* A key or certificate never enters the tree: where it would be is a link to where it is handed in. */
/* host: where it is read. */
int planner_add_secret(Planner *p, const char *path, const char *host, const char *why, char **reterr);

/* planner-backends.c: a word on each server behind this one that the jail has no way to. */
int planner_backends(Planner *p, char **reterr);

/* planner-network.c: Listen, against the jail's configuration, and the virtual hosts' ports. */
int planner_listens(Planner *p, char **reterr);
int planner_configuration_files(Planner *p, char **reterr);

/* planner-places.c: what is mounted when the jail starts. */

/* An empty, sized place that the jail may write. */
int planner_add_writable(Planner *p, const char *path, uint64_t size_bytes, const char *why, char **reterr);
/* The folder that a file is written in. */
int planner_add_writable_parent(Planner *p, const char *file, const char *why, char **reterr);
/* A host folder or file; inside may be NULL: the same. */
int planner_add_bind(Planner *p, MountType type, const char *host, const char *inside, const char *why,
                     char **reterr);
/* Whether something is mounted at exactly this path already. */
bool planner_is_mounted(const Planner *p, const char *path);
/* -EPERM where the jail may write at this path. */
int planner_check_not_writable(const Planner *p, const char *path, const char *why, char **reterr);
/* Where a path of Apache's configuration is on the host: beneath Source=. */
int planner_host_path(const Planner *p, const char *path, char **ret, char **reterr);
/* Whether the file or folder of the host is shown at its own path, by a bind of the administrator or an earlier one. */
bool planner_is_shown(const Planner *p, const char *path);
/* One that two directives name is an error log where one of them says so. */
int planner_add_log(Planner *p, const char *path, LaunchLogKind kind, const char *why, char **reterr);
/* Nothing is mounted at or beneath this path. -EINVAL for a place without which Apache does not start. */
int planner_exclude_places(Planner *p, const char *path, char **reterr);
/* After everything: order, and nothing hidden behind a mount. */
int planner_check_places(Planner *p, char **reterr);
