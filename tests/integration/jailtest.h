#pragma once

/* What the integration tests share. Each test case has the fixture jailtest_setup(): mount and network namespaces of its
 * own with loopback up, and empty /etc/jaild, /var/lib/jaild, /var/log/jaild and /run/jaild. So every port is free, every
 * name is, and the machine's own jails are out of reach.
 *
 * Whatever fails here fails the test. Memory is the test case's process', and ends with it. */

#include <json-c/json.h>
#include <sys/types.h>

#include "base.h"
#include "config-paths.h"

/* The jail of the tests: Debian's default site on JAILTEST_URL. */
#define JAILTEST_NAME "web"
#define JAILTEST_PORT 8080
#define JAILTEST_URL  "http://127.0.0.1:8080/"
#define JAILTEST_CONF "[Jail]\nDescription=Under test\n[Network]\nListen=127.0.0.1:8080 80\n"

void jailtest_setup(void);
void jailtest_teardown(void);

/* Absolute paths of the programs under test. */
const char *jailctl_path(void);
const char *jaild_path(void);

typedef struct RunResult {
        /* The exit status, or 128 and the signal. */
        int status;
        char *out;
        char *err;
} RunResult;

/* Run a program, found by PATH, to its end, without input. */
RunResult run(const char *program, ...) __attribute__((sentinel));
RunResult run_argv(const char *const *argv);

/* The same for jailctl with these arguments. */
#define jailctl(...) run(jailctl_path(), __VA_ARGS__, NULL)

/* And where it must go well: otherwise the test fails with what it said. */
RunResult jailctl_ok(const char *verb, const char *name);

/* Formatted; never NULL. */
char *path(const char *format, ...) __attribute__((format(printf, 1, 2)));

void file_write(const char *file, const char *text);
/* NULL where there is none. */
char *file_read(const char *file);
/* Wait until file, which need not be there yet, contains text, at most so long. Returns whether it does. */
bool file_wait_for(const char *file, const char *text, unsigned timeout_seconds);

void jail_conf_write(const char *name, const char *text);

/* /etc/apache2 as it stands, to be changed by this test case only. */
void apache_make_private(void);

/* JAILTEST_NAME, built from JAILTEST_CONF: once for all test cases of a program, and copied from there. */
void jail_use_built(void);
/* The same, started. Returns the master. */
pid_t jail_use_running(void);
/* Start it as on a kernel that has no Landlock. */
void jail_start_without_landlock(void);
/* Path of the root in force of JAILTEST_NAME. */
char *jail_root(void);

/* What status says of JAILTEST_NAME. */
json_object *jail_status(void);
const char *jail_status_string(const char *key);
int64_t jail_status_number(const char *key);
/* Wait until the master is another one than this and the jail runs. Returns the new one. */
pid_t jail_wait_for_other_master(pid_t master, unsigned timeout_seconds);
/* Wait until another standby than this one is parked. Returns it. */
pid_t jail_wait_for_standby(pid_t other);

/* Graceful as apachectl(8) has it, then load: nobody without a good answer, no worker lost. It is some hundred requests;
 * JAILTEST_LOAD_SECONDS=10 in the environment makes it so long for each site (meson test sites layouts). */
void jail_bear_load(const char *url);

/* A field of /proc/PID/status, without the blanks around it; NULL where there is no such process. */
char *process_field(pid_t pid, const char *field);
/* Calls fn for each process until it returns true. Returns whether one did. */
bool process_find(bool (*fn)(pid_t pid, void *userdata), void *userdata);
/* The first child, or 0. */
pid_t process_child(pid_t pid);
/* How many processes there are with this name; zombies do not count. */
unsigned process_count(const char *name);
bool process_wait_for_end(pid_t pid, unsigned timeout_seconds);

typedef struct HttpReply {
        /* 0 where there was no reply, and why is in error. */
        long status;
        char *body;
        const char *error;
} HttpReply;

/* GET, from that local address, or from any if NULL. */
HttpReply http_get(const char *url, const char *from);
