#pragma once

/* What httpd prints, as text, to the fields of an Apache. Pure; see apache.h. */

#include "apache.h"

/* Words as in httpd.conf: separated by blanks, quoted by " or ', backslash before a quote or itself.
 * Returns 0 and an array for strv_free(), empty where there is no word, or -ENOMEM. */
int apache_parse_words(const char *s, char ***ret);

/* httpd -V: the value of one -D NAME="VALUE". Returns 0 and a string that the caller frees, -ENOENT, or -ENOMEM. */
int apache_parse_compiled(const char *text, const char *name, char **ret);

/* -D DUMP_CONFIG with mod_info: fills directives. Returns 0, -ENOMEM, or -EBADMSG for text of another kind. */
int apache_parse_directives(const char *text, Apache *a);

/* -D DUMP_INCLUDES -D DUMP_RUN_CFG -D DUMP_VHOSTS: fills includes, vhosts, user, group, pid_file and the other settings.
 * Returns 0, -ENOMEM, or -EBADMSG when one is missing that every httpd prints. */
int apache_parse_settings(const char *text, Apache *a);

/* What mod_so logs at level debug on stderr: fills modules. Returns 0 or -ENOMEM. */
int apache_parse_loaded(const char *text, Apache *a);

/* One configuration file as text: tells where the modules are loaded, which folder DefaultRuntimeDir names and which folders
 * are included whole. Returns 0 or -ENOMEM. */
int apache_parse_file(const char *file, const char *text, Apache *a);

/* stderr without what level debug and info add, for a person: in one line. Returns 0 and a string that the
 * caller frees, or -ENOMEM. */
int apache_parse_complaint(const char *text, char **ret);
