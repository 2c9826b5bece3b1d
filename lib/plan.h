#pragma once

/* What goes into a jail's root, and why: data, made before anything is written. Sorted by path, so that a folder
 * comes before what is in it. */

#include <sys/types.h>

#include "launch.h"

typedef enum PlanType {
        PLAN_FOLDER,
        /* A regular file of the source tree. */
        PLAN_COPY,
        /* A regular file with the content that is here. */
        PLAN_MADE,
        PLAN_SYMLINK,
        /* A character device. */
        PLAN_DEVICE,
        PLAN_FIFO,
        /* An empty folder that the supervisor mounts something on. */
        PLAN_MOUNT_POINT,
        _PLAN_TYPE_MAX,
} PlanType;

typedef struct PlanEntry PlanEntry;

struct PlanEntry {
        /* Inside of the jail: absolute, no "." or "..", and every parent is a folder entry. */
        char *path;
        PlanType type;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        /* Copies, and what was made from a copy: the path in the source tree. */
        char *source;
        /* Made files: the bytes; symlinks: the target. */
        char *content;
        size_t content_size;
        dev_t device;
        /* One phrase: "LoadModule ssl_module (/etc/apache2/mods-enabled/ssl.load:2)". */
        char *why;
        /* The entry that needs this one, e.g. the module of a library; NULL when the configuration does. */
        const PlanEntry *cause;
};

typedef struct Plan {
        /* By tsearch(3) on path. */
        void *tree;
        size_t n_entries;
        /* Entries that were taken out; others may have them as their cause. */
        PlanEntry **removed;
        size_t n_removed;
        /* A directory that is '/' of the source tree; owned. */
        int source_fd;
        /* Its path on the host; owned. */
        char *source_root;
        /* Files and folders get the immutable flag. */
        bool immutable;
        /* Programs and libraries lose their symbols. */
        bool strip;
        /* What the supervisor must know; owned. */
        Launch *launch;
        /* Apache's directives in force, as it prints them: for who judges them (verify). NULL: not known. */
        char *directives;
        /* Worth telling a person on each build. */
        char **warnings;
        /* Decisions that only somebody who looks for them wants to see. */
        char **remarks;
} Plan;

/* source_fd is duplicated; source_root: its path on the host, copied. Returns 0 and a plan that the caller frees, -ENOMEM, or the errno of fcntl(2). */
int plan_new(int source_fd, const char *source_root, Plan **ret);
Plan *plan_free(Plan *plan);
DEFINE_CLEANUP(Plan *, plan_free)

/* What is added, besides its path. why is copied. */
typedef struct PlanWhy {
        const char *why;
        const PlanEntry *cause;
} PlanWhy;

/* Each adds one entry at an absolute path as a process in the jail would name it. Folders that it is in are added, and each
 * symbolic link that the source tree has on the way is added as the same link, so that the entry itself
 * is where the link leads; what is made new (made files, devices, FIFOs) takes the place of a last link. An entry that is there already stays and is returned, but for a folder that
 * becomes a mount point, and a made file that takes the place of a copy. ret may be NULL.
 * Return 0; -EINVAL for a path that cannot be one; -ELOOP; -EEXIST for two things of different kind at one path;
 * -ENOMEM; or the errno of looking at the source tree; *reterr is set, but for -ENOMEM. */
int plan_add_folder(Plan *plan, const char *path, mode_t mode, PlanWhy why, const PlanEntry **ret,
                    char **reterr);
int plan_add_mount_point(Plan *plan, const char *path, PlanWhy why, const PlanEntry **ret, char **reterr);
/* A regular file at the same path in the source tree; -ENOENT, -EISDIR, -ENXIO (a FIFO, device or socket). */
int plan_add_copy(Plan *plan, const char *path, mode_t mode, PlanWhy why, const PlanEntry **ret,
                  char **reterr);
/* The same, readable by one group. */
int plan_add_private_copy(Plan *plan, const char *path, mode_t mode, gid_t gid, PlanWhy why, char **reterr);
/* A symbolic link of the jail's own. */
int plan_add_link(Plan *plan, const char *path, const char *target, PlanWhy why, char **reterr);
int plan_add_made(Plan *plan, const char *path, mode_t mode, gid_t gid, const void *content, size_t size,
                  PlanWhy why, const PlanEntry **ret, char **reterr);
int plan_add_device(Plan *plan, const char *path, mode_t mode, dev_t device, PlanWhy why, char **reterr);
int plan_add_fifo(Plan *plan, const char *path, mode_t mode, gid_t gid, PlanWhy why, const PlanEntry **ret,
                  char **reterr);
/* A file, or a folder with all that is in it: folders, regular files and symbolic links; the execute permission stays. */
int plan_add_tree(Plan *plan, const char *path, PlanWhy why, char **reterr);

/* The same, of a folder, and nothing in it is executable: only what take says, asked for each file, link and folder in it. Returns what take did where that is
 * negative; 0 leaves out, and 1 takes. */
int plan_add_chosen(Plan *plan, const char *path,
                    int (*take)(const char *path, bool is_folder, void *userdata), void *userdata,
                    PlanWhy why, char **reterr);

/* Take out the entry of exactly this path and those beneath it. Returns how many, or -ENOMEM. */
int plan_remove(Plan *plan, const char *path);

/* The entry at a path without symbolic links, or NULL. */
const PlanEntry *plan_find(const Plan *plan, const char *path);

/* The path that the name leads to, with the links of the plan and of the source tree, whether or not it is there.
 * Returns 0 and a string that the caller frees; errors: plan_add_folder(). */
int plan_resolve(const Plan *plan, const char *path, char **ret, char **reterr);

/* Formatted, copied. Return 0 or -ENOMEM. */
int plan_warn(Plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));
int plan_remark(Plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The entries in the order of their paths. Returns 0 and an array of n_entries that the caller frees, or -ENOMEM. */
int plan_list(const Plan *plan, const PlanEntry ***ret);

const char *plan_type_to_string(PlanType type);
