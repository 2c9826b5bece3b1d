#pragma once

/* Apache's own view of its configuration: which modules, files, folders and addresses it names, after Define,
 * IfModule, Include and macros are resolved by Apache itself. It is asked, never imitated; only the line that a
 * module is loaded in is looked up in the text, and only to tell a person. */

#include <sys/types.h>

#include "config.h"

typedef struct ApacheModule {
        /* As in LoadModule; NULL for a LoadFile. */
        char *name;
        /* Absolute. */
        char *path;
        /* "FILE:LINE" of the directive, or "" where it could not be found. */
        char *where;
} ApacheModule;

typedef struct ApacheDirective {
        /* Without the '<' of a section. */
        char *name;
        /* Unquoted words, variables expanded; an empty array where there is none. */
        char **arguments;
        char *file;
        unsigned line;
        bool is_section;
        /* Index of the section it is in; -1 for none. */
        ssize_t section;
} ApacheDirective;

/* A line that opens a virtual host. */
typedef struct ApacheVhost {
        char *file;
        unsigned line;
} ApacheVhost;

typedef struct Apache {
        /* The tree that every path here is in: its path on the host, "/" for the host itself, and a descriptor; owned. */
        char *root;
        int root_fd;
        /* The program. */
        char *httpd;
        /* What it is given: -d, -f, APACHE_ARGUMENTS of envvars. */
        char **arguments;
        /* What envvars exports, with the configuration's Environment= over it. */
        char **environment;
        /* Where the environment came from; NULL where there is no envvars. */
        char *envvars;

        char *server_root;
        char *pid_file;
        /* Of the main server; DocumentRoot may be NULL. */
        char *document_root;
        char *error_log;
        /* NULL where no DefaultRuntimeDir is set. */
        char *runtime_folder;
        char *runtime_folder_where;
        char *user;
        char *group;
        uid_t uid;
        gid_t gid;
        /* NAME=VALUE of each Define. */
        char **defines;
        /* Where Mutex puts its files. */
        char **mutex_folders;

        /* Configuration files, the main one first, each once. */
        char **includes;
        /* Folders named whole by an Include, which must exist even if empty. */
        char **include_folders;
        ApacheModule *modules;
        size_t n_modules;
        ApacheDirective *directives;
        size_t n_directives;
        /* What httpd printed of them: apache_parse_directives() reads it again. */
        char *directives_text;
        ApacheVhost *vhosts;
        size_t n_vhosts;
} Apache;

Apache *apache_free(Apache *a);
DEFINE_CLEANUP(Apache *, apache_free)

/* Run the httpd of the host, or of Source=, to look at the configuration that config names. Needs root, for private namespaces.
 * Returns 0 and what it said, which the caller frees; -EBADMSG when Apache refuses its configuration, with its own
 * words in *reterr; -ENOENT no httpd; or an errno, *reterr set. */
int apache_inspect(const JailConfig *config, Apache **ret, char **reterr);

/* path as Apache takes a file name of the configuration: relative to ServerRoot. Returns 0 and a string that the caller
 * frees, or -ENOMEM. */
int apache_path(const Apache *a, const char *path, char **ret);

/* "FILE:LINE". Returns 0 and a string that the caller frees, or -ENOMEM. */
int apache_where(const ApacheDirective *d, char **ret);
