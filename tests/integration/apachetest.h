#pragma once

/* Changes to the private /etc/apache2 of a test case, after apache_make_private(). */

#include "base.h"

/* One of "event", "worker" and "prefork". */
void apache_use_mpm(const char *name);

/* Text in a file of its own, included last. Replaces what was there under this name. */
void apache_add_conf(const char *name, const char *text);

/* A "LoadModule" line for a module of the package, with what it needs; formatted into memory that stays. */
#define APACHE_LOAD(name) "LoadModule " name "_module /usr/lib/apache2/modules/mod_" name ".so\n"

/* /etc/apache2/test.crt and test.key, readable by root alone. */
void apache_make_certificate(void);
