#pragma once

/* What the supervisor must know to start one generation: written by the builder beside the root it built
 * (generations/N/launch), read by jaild. It is the only thing that crosses from the build to the start. */

#include <sys/types.h>

#include "address.h"
#include "config.h"
#include "strv.h"

typedef enum MountType {
        /* An empty, sized tmpfs that the jail user may write: noexec,nosuid,nodev, mode 0700. */
        MOUNT_TMPFS,
        /* A host folder or file, read-only,nosuid,nodev,noexec. */
        MOUNT_BIND_RO,
        /* The same, writable. */
        MOUNT_BIND_RW,
        _MOUNT_TYPE_MAX,
} MountType;

/* A document root each for hundreds of virtual hosts. */
#define LAUNCH_MOUNTS_MAX 1024

typedef struct LaunchMount {
        MountType type;
        /* Inside the jail; an existing folder (or file, for a file bind) of the root, or a folder to be made in a tmpfs
         * that is mounted before. */
        char *target;
        /* Binds only: the host's path. */
        char *source;
        /* Tmpfs only. */
        uint64_t size_bytes;
} LaunchMount;

/* By the directive that names it: what went wrong (ErrorLog and its like), or what was asked for (CustomLog and its like). */
typedef enum LaunchLogKind {
        LAUNCH_LOG_ERROR,
        LAUNCH_LOG_ACCESS,
        _LAUNCH_LOG_KIND_MAX,
} LaunchLogKind;

typedef struct LaunchLog {
        /* Inside the jail: a FIFO of the root, made by the builder, 0620 root:<jail gid>. */
        char *fifo;
        /* Name of the file in /var/log/jaild/NAME that the supervisor drains it to. No slash. */
        char *name;
        LaunchLogKind kind;
} LaunchLog;

/* Where an instance sees its secrets: a mount point of the root. Wherever the configuration names one, the root
 * has a symlink to here. */
#define LAUNCH_SECRETS_DIR "/run/secrets"

typedef struct LaunchSecret {
        /* The host's path, read at each start and reload. */
        char *source;
        /* Name in LAUNCH_SECRETS_DIR. No slash. */
        char *name;
} LaunchSecret;

typedef struct Launch {
        /* Path inside of the server's program, e.g. /usr/sbin/apache2. */
        char *httpd;
        /* Launcher=apachectl: paths inside of the script that is started in the place of httpd, with the same arguments,
         * and of the programs that it may run until it comes to httpd. NULL where httpd itself is started. */
        char **launcher;
        /* Everything after argv[0], without -D FOREGROUND, which the supervisor adds. */
        char **arguments;
        /* NAME=VALUE, complete: nothing else is given to httpd. */
        char **environment;
        /* Paths inside of all that may be executed: httpd, its ELF interpreter, nothing else unless asked for. */
        char **programs;
        char *user;
        uid_t uid;
        gid_t gid;
        /* Path inside of the pid file; its folder is one of the tmpfs mounts. */
        char *pid_file;

        LaunchMount *mounts;
        size_t n_mounts;
        LaunchLog *logs;
        size_t n_logs;
        LaunchSecret *secrets;
        size_t n_secrets;
        ListenPair *listens;
        size_t n_listens;
        /* ReceiveBufferSize and SendBufferSize, for the listening sockets; 0: the kernel's. */
        unsigned receive_buffer_bytes;
        unsigned send_buffer_bytes;
} Launch;

Launch *launch_free(Launch *launch);
DEFINE_CLEANUP(Launch *, launch_free)

/* The launcher that is in use: a jail built with one whose configuration has it no longer does without; or NULL. */
char *const *launch_launcher(const Launch *l, const JailConfig *config);

/* Each takes ownership of nothing and copies its strings. Return 0 or -ENOMEM. */
int launch_add_mount(Launch *l, MountType type, const char *target, const char *source, uint64_t size_bytes);
int launch_add_log(Launch *l, const char *fifo, const char *name, LaunchLogKind kind);
int launch_add_secret(Launch *l, const char *source, const char *name);
int launch_add_listen(Launch *l, const ListenPair *pair);

/* Write as JSON to f, which holds any path as it is. Returns 0, -ENOMEM, or the errno of writing. */
int launch_write(const Launch *l, FILE *f);

/* Read what launch_write() wrote. Returns 0 and a launch that the caller frees, or -EBADMSG with the key at
 * fault in *reterr (caller frees). Strict: a launch that passes has every field and absolute paths only. */
int launch_read(int fd, Launch **ret, char **reterr);
