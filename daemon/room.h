#pragma once

/* The room: what happens in the child between clone3() and execve(). A fixed list of steps, in an order that
 * each has a reason for; one that fails ends the child and is reported by name. */

#include "config.h"
#include "launch.h"

/* What the parent prepared. The descriptors stay the parent's; the child has copies that it closes. */
typedef struct Room {
        const JailConfig *config;
        const Launch *launch;
        /* The host's path of the generation's root, for the mount point; root_fd is a detached, read-only
         * clone of it. */
        const char *root_path;
        int root_fd;
        /* Detached mounts in the order of launch->mounts. */
        int *mount_fds;
        /* For LAUNCH_SECRETS_DIR, or negative. */
        int secrets_fd;
        /* The jail's network, borrowed; unused with Mode=host. */
        int network_fd;
        /* Write ends: where the child reports, and its standard output and error. */
        int report_fd;
        int output_fd;
        /* Another supervisor will take it over (store.h). */
        bool outlives_supervisor;
        /* The system calls that it may make: policy.h. */
        const struct sock_fprog *filter;
        /* The complete argument vector, whose first is the path inside of what is executed. */
        char *const *argv;
} Room;

/* The child's only message before execve(), and its last if something failed. Fixed size; written whole. */
typedef struct RoomReport {
        /* Index for room_step_name(). */
        int32_t step;
        /* A positive errno; 0: the room is complete, and execve() follows. */
        int32_t error;
        /* On success: the child's number of the seccomp notification descriptor. */
        int32_t notify_fd;
        /* What the step worked on, NUL-terminated, or "". */
        char detail[244];
} RoomReport;

const char *room_step_name(int step);

/* clone3(2) flags: every namespace that an httpd gets of its own, the time only where the kernel has it. The network is the
 * jail's, which a step joins (network.h). */
uint64_t room_namespaces(void);

/* Why a process in namespaces of its own could not be started, in one line: the kernel says the same of a namespace that it
 * has not got and of a mistake. Returns error. */
int room_explain(int error, char **reterr);

/* The layers of a room on this kernel, for people: an array for strv_free() in *ret, and in *ret_missing one line
 * on what the kernel lacks, or NULL. Returns 0 or -ENOMEM. */
int room_layers(const JailConfig *config, char ***ret, const char **ret_missing);

/* In the child: never returns. */
_Noreturn void room_enter(const Room *room);

/* In a child with those namespaces, for whoever only visits: the steps that make the place, and none of those that give
 * something up. The process is in the room's "/" afterwards. Returns 0, or an errno with what it was about. */
int room_furnish(const Room *room, const char **reterr_what);

/* In the parent: the detached mounts, and the jail's network. room->config, launch and root_path are set; fills root_fd,
 * mount_fds, secrets_fd and network_fd.
 * Returns 0, or an errno with one line in *reterr (caller frees). */
int room_prepare(Room *room, char **reterr);
void room_done(Room *room);
