#pragma once

/* One jail's configuration: /etc/jaild/NAME.conf and NAME.conf.d/ drop-ins, as jaild.conf(5) describes it. */

#include <sys/types.h>

#include "address.h"
#include "backoff.h"
#include "config-supervise.h"
#include "strv.h"

typedef struct ConfigWritable {
        /* Absolute path inside. */
        char *path;
        uint64_t size_bytes;
} ConfigWritable;

typedef enum ConfigRestart {
        /* Restart whatever ended it, but a stop. */
        CONFIG_RESTART_ALWAYS,
        CONFIG_RESTART_NO,
        _CONFIG_RESTART_MAX,
} ConfigRestart;

typedef enum ConfigMode {
        /* A network of its own in which there is nothing. */
        CONFIG_MODE_NONE,
        /* The host's network: said loudly. */
        CONFIG_MODE_HOST,
        _CONFIG_MODE_MAX,
} ConfigMode;

typedef enum ConfigLauncher {
        CONFIG_LAUNCHER_HTTPD,
        /* The distribution's script, which takes a shell: said loudly. */
        CONFIG_LAUNCHER_APACHECTL,
        _CONFIG_LAUNCHER_MAX,
} ConfigLauncher;

typedef struct ConfigKey ConfigKey;

/* One assignment that is in force. */
typedef struct ConfigOrigin {
        const ConfigKey *key;
        char *value;
        /* "FILE:LINE". */
        char *where;
} ConfigOrigin;

typedef enum ConfigLogTarget {
        /* /var/log/jaild/NAME. */
        CONFIG_LOG_FILE,
        CONFIG_LOG_JOURNAL,
        _CONFIG_LOG_TARGET_MAX,
} ConfigLogTarget;

typedef struct ConfigLog {
        ConfigLogTarget target;
        /* Of one file, before it is rotated. */
        uint64_t max_size_bytes;
        uint64_t max_age_usec;
        /* Rotated files of one log. */
        unsigned keep;
        /* Of one log, in a second; 0: none. */
        uint64_t rate_limit_bytes;
} ConfigLog;

typedef struct JailConfig {
        /* Besides the first. */
        unsigned n_more_owners;
        char *name;
        /* In the order of the files; an assignment that a later one undid is not among them. */
        ConfigOrigin *origins;
        size_t n_origins;

        /* [Jail] */
        char *description;
        /* The root of the tree that files are taken from; NULL: the host's own. */
        char *source;
        /* NULL: what Apache's configuration says. */
        char *user;
        mode_t umask;
        /* Generations that are kept, the current one included. */
        unsigned keep;
        /* jailctl outdated --update may update it. */
        bool auto_update;
        /* Files and folders of a generation get the immutable flag. */
        bool immutable;
        /* Programs and libraries lose their symbols. */
        bool strip;

        /* [Server] */
        /* NULL: found by the layout (/usr/sbin/apache2, /usr/sbin/httpd). */
        char *httpd;
        /* NULL: compiled into httpd. */
        char *config;
        ConfigLauncher launcher;
        /* NAME=VALUE, over what envvars gives. */
        char **environment;

        /* [Network]; none: what Apache's configuration says. */
        ListenPair *listens;
        size_t n_listens;
        ConfigMode mode;
        /* Addresses outside that the jail may connect to. */
        Address *connects;
        size_t n_connects;

        /* [Files] */
        char **includes;
        char **excludes;
        /* "HOST" or "HOST:INSIDE". */
        char **binds;
        char **binds_read_only;
        /* Host's paths, and the jail's: handed in at each start. */
        char **secrets;
        ConfigWritable *writables;
        size_t n_writables;

        /* [Sandbox] */
        /* Opt-in groups of policy.h that are on. */
        unsigned groups;
        /* Programs of the jail that may be executed besides httpd; a folder ends with a slash. */
        char **execs;
        uint64_t limit_nofile;
        uint64_t limit_nproc;

        /* [Supervise] */
        ConfigRestart restart;
        BackoffLimits backoff;
        bool standby;
        uint64_t stop_timeout_usec;
        uint64_t start_timeout_usec;
        /* systemd holds the addresses, and the first client starts the jail; needs listens. */
        bool on_demand;
        /* A server that nobody visited for so long is ended until somebody does; 0: never. */
        uint64_t idle_stop_usec;
        /* Told of crash, recovery and giving up: a program's argument vector, or NULL; and whom it is run as. */
        char **notify;
        char *notify_user;

        /* [Health] */
        ConfigHealth health;

        /* [Log] */
        ConfigLog log;
} JailConfig;

/* One key that is understood. */
struct ConfigKey {
        const char *section;
        const char *key;
        /* Takes the value and the field; returns 0, -ENOMEM or -EINVAL. */
        int (*parse)(const char *value, void *field);
        /* Of the field in JailConfig. */
        size_t offset;
        /* What it takes, for people. */
        const char *takes;
};

const ConfigKey *config_keys(size_t *ret_n);

/* The value that a key has where nobody sets it, as it would be written. Returns 0 and a string that the caller frees; NULL
 * where there is none, or Apache's configuration says it; or -ENOMEM. */
int config_key_default(const ConfigKey *key, char **ret);

typedef struct ConfigError {
        /* "FILE:LINE: what is wrong, what to do"; ready to print. Freed by config_error_done(). */
        char *message;
} ConfigError;

void config_error_done(ConfigError *e);

/* Another owner of the same configuration; the last to free it frees it. Returns it. */
JailConfig *jail_config_ref(JailConfig *config);
JailConfig *jail_config_free(JailConfig *config);
DEFINE_CLEANUP(JailConfig *, jail_config_free)

#define JAIL_NAME_MAX 63

/* A longer line of a configuration is refused, its end not counted. */
#define CONFIG_LINE_MAX 198

/* A name that can be a jail: [a-zA-Z0-9_-][a-zA-Z0-9_.-]*, at most 63 bytes, as systemd's instance names allow
 * without escaping. */
bool jail_name_is_valid(const char *name);

/* Load one jail's configuration with its drop-ins, in the order of their names.
 * Returns 0 and a config the caller frees; -ENOENT where there is no such jail; -EBADMSG with the place and the
 * reason in *reterr; or the errno of opening it (reterr filled too). */
int jail_config_load(const char *name, JailConfig **ret, ConfigError *reterr);

/* The same in another folder; conf_dir is its name in messages. */
int jail_config_load_at(int conf_fd, const char *conf_dir, const char *name, JailConfig **ret,
                        ConfigError *reterr);

/* The names of all configured jails, sorted. Returns 0 and an array for strv_free(), or an errno. */
int jail_config_list(char ***ret);
