/* The filter that tells, what a trace carries, and what is made of it. */

#include <asm/ioctls.h>
#include <criterion/criterion.h>
#include <linux/audit.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "diagnosis-rules.h"
#include "policy-run.h"
#include "policy-trace.h"

/* The architecture that the filters are for, from a filter itself: any other ends the process. */
static uint32_t native_arch(void) {
        static const uint32_t known[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_RISCV64,
                                          AUDIT_ARCH_S390X, AUDIT_ARCH_PPC64LE };

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                struct seccomp_data data = { .nr = SYS_getpid, .arch = known[i] };
                uint32_t decided = 0;

                if (policy_run(policy_filter(0), &data, &decided) == 0 && decided == SECCOMP_RET_ALLOW)
                        return known[i];
        }
        cr_assert_fail("no architecture");
        return 0;
}

static uint32_t decide(const struct sock_fprog *program, const struct seccomp_data *data) {
        uint32_t decided = 0;

        cr_assert_eq(policy_run(program, data, &decided), 0);
        return decided;
}

/* For each call the trace's filter says what the jail's own says, but for refusals and, if asked for, the names of files. */
static void assert_tells(unsigned groups, bool files) {
        struct seccomp_data data = { .arch = native_arch() };
        struct sock_fprog program;

        cr_assert_eq(policy_trace_filter(groups, files, &program), 0);
        for (data.nr = -1; data.nr < 600; data.nr++) {
                uint32_t own = decide(policy_filter(groups), &data), told = decide(&program, &data);
                bool named = files && (policy_call_names_file(data.nr) || data.nr == SYS_connect);

                if (named || (own & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
                        cr_assert_eq(told, SECCOMP_RET_USER_NOTIF, "call %d", data.nr);
                else
                        cr_assert_eq(told, own, "call %d", data.nr);
        }
        data.arch ^= 1;
        data.nr = SYS_openat;
        cr_assert_eq(decide(&program, &data), SECCOMP_RET_KILL_PROCESS);
        free(program.filter);
}

Test(policy_trace, filter_tells) {
        for (unsigned groups = 0; groups <= POLICY_OPT_IN; groups++) {
                assert_tells(groups, true);
                assert_tells(groups, false);
        }
}

Test(policy_trace, refusal_and_groups) {
        struct seccomp_data netlink = { .nr = SYS_socket,
                                        .arch = native_arch(),
                                        .args = { AF_NETLINK, SOCK_RAW } };
        struct seccomp_data cloexec = { .nr = SYS_ioctl, .arch = native_arch(), .args = { 3, FIOCLEX } };
        struct seccomp_data openat = { .nr = SYS_openat, .arch = native_arch() };

        cr_assert_eq(policy_refusal(0, &netlink), EAFNOSUPPORT);
        cr_assert_eq(policy_groups_for(0, &netlink), 0);
        cr_assert_eq(policy_refusal(0, &cloexec), EPERM);
        cr_assert_eq(policy_groups_for(0, &cloexec), POLICY_CGI | POLICY_PHP);
        cr_assert_eq(policy_refusal(POLICY_CGI, &cloexec), 0);
        cr_assert_eq(policy_refusal(0, &openat), 0);
        cr_assert_str_eq(policy_call_name(SYS_openat), "openat");
        cr_assert_null(policy_call_name(-1));
        cr_assert_null(policy_call_name(1 << 30));
        cr_assert(policy_refusal_reason("mount"));
        cr_assert_null(policy_refusal_reason("no such call"));
}

Test(trace, carries_everything) {
        Trace *t = calloc(1, sizeof(Trace)), *read;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        t->generation = 7;
        cr_assert_eq(trace_add_step(t, TRACE_START, false, "httpd said\n\"no\""), 0);
        cr_assert_eq(trace_add_file(t, TRACE_START, "/a\x01\xff", "openat", ENOENT, false, NULL), 0);
        cr_assert_eq(trace_add_file(t, TRACE_STOP, "/a\x01\xff", "openat", ENOENT, false, NULL), 0);
        cr_assert_eq(trace_add_file(t, TRACE_STOP, "/bin/perl", "execve", ENOENT, false, "/cgi/x"), 0);
        cr_assert_eq(trace_add_call(t, TRACE_START, "mount", EPERM, 3), 0);
        cr_assert_eq(trace_add_refusal(t, "bind", "0.0.0.0:81"), 0);
        cr_assert_eq(trace_add_request(t, "http://a/", 0, "refused"), 0);
        cr_assert_eq(trace_write(t, f), 0);
        fclose(f);
        cr_assert_eq(trace_read(text, &read), 0);
        cr_assert_eq(read->generation, 7);
        cr_assert_eq(read->n_files, 2);
        cr_assert_str_eq(read->files[0].path, "/a\x01\xff");
        cr_assert_eq(read->files[0].count, 2);
        cr_assert_eq(read->files[0].phases, 1U << TRACE_START | 1U << TRACE_STOP);
        cr_assert_str_eq(read->files[1].by, "/cgi/x");
        cr_assert_eq(read->calls[0].groups, 3);
        cr_assert_str_eq(read->refusals[0].what, "0.0.0.0:81");
        cr_assert_str_eq(read->requests[0].message, "refused");
        cr_assert_str_eq(read->steps[0].message, "httpd said\n\"no\"");
        trace_free(read);
        trace_free(t);
        free(text);
        cr_assert_eq(trace_read("[]", &read), -EBADMSG);
        cr_assert_eq(trace_read("{\"files\": [{}]}", &read), -EBADMSG);
        cr_assert_eq(trace_read("", &read), -EBADMSG);
}

/* What was seen, and what comes of it, without a plan, in the place of what came of less. */
static const TraceFinding *diagnose(Trace *t, JailConfig *config, Diagnosis **d, const char *object) {
        static char user[] = "www-data";
        Launch launch = { .user = user };
        char *why = NULL;

        diagnosis_free(*d);
        *d = NULL;
        t->log = t->log ?: strdup("");
        cr_assert_eq(diagnosis_make(t, config, &launch, NULL, d, &why), 0, "%s", why);
        for (size_t i = 0; i < (*d)->n_findings; i++)
                if (streq((*d)->findings[i].object, object))
                        return &(*d)->findings[i];
        cr_assert_fail("nothing of %s", object);
        return NULL;
}

static void assert_dropin(const Diagnosis *d, const JailConfig *config, const char *expected) {
        char *text = NULL;

        cr_assert_eq(diagnosis_dropin(d, config, &text), 0);
        cr_assert_str_eq(text, expected);
        free(text);
}

Test(diagnosis, host_has_it) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        _cleanup_(diagnosis_freep) Diagnosis *d = NULL;
        JailConfig config = {};

        /* Whatever else a host has, it has a program that runs shells. */
        trace_add_file(t, TRACE_REQUESTS, "/bin/sh", "openat", ENOENT, false, NULL);
        trace_add_file(t, TRACE_REQUESTS, "/no/such/file", "openat", ENOENT, false, NULL);
        trace_add_file(t, TRACE_REQUESTS, "/proc/stat", "openat", ENOENT, false, NULL);
        cr_assert_eq(diagnose(t, &config, &d, "/bin/sh")->weight, FINDING_WANTED);
        cr_assert_eq(diagnose(t, &config, &d, "/no/such/file")->weight, FINDING_HARMLESS);
        cr_assert_eq(diagnose(t, &config, &d, "/proc/stat")->weight, FINDING_HARMLESS);
        assert_dropin(d, &config, "[Files]\nInclude=/bin/sh\n");
}

Test(diagnosis, script_without_its_interpreter) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        _cleanup_(diagnosis_freep) Diagnosis *d = NULL;
        JailConfig config = {};
        const TraceFinding *f;

        trace_add_file(t, TRACE_REQUESTS, "/bin/sh", "execve", ENOENT, false, "/cgi/hello");
        trace_add_refusal(t, "execve", "/cgi/hello");
        f = diagnose(t, &config, &d, "/bin/sh");
        cr_assert_eq(f->weight, FINDING_NEEDED);
        cr_assert(strstr(f->why, "/cgi/hello"));
        assert_dropin(d, &config, "[Sandbox]\nExec=/cgi/hello\nSystemCallFilter=+cgi\n");
        config.groups = POLICY_CGI;
        diagnose(t, &config, &d, "/bin/sh");
        assert_dropin(d, &config, "[Sandbox]\nExec=/cgi/hello\n");
}

Test(diagnosis, library_found_elsewhere_or_not) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        _cleanup_(diagnosis_freep) Diagnosis *d = NULL;
        JailConfig config = {};

        trace_add_file(t, TRACE_START, "/lib/glibc-hwcaps/v3/libx.so.1", "openat", ENOENT, false, NULL);
        trace_add_file(t, TRACE_START, "/lib/libx.so.1", "openat", 0, false, NULL);
        trace_add_file(t, TRACE_START, "/lib/liby.so.1", "openat", ENOENT, false, NULL);
        trace_add_file(t, TRACE_START, "/usr/lib/liby.so.1", "openat", ENOENT, false, NULL);
        trace_add_file(t, TRACE_START, "/usr/lib/libz.so.1", "openat", ENOENT, false, NULL);
        t->log = strdup("cannot load: liby.so.1: cannot open shared object file");
        cr_assert_eq(diagnose(t, &config, &d, "/lib/glibc-hwcaps/v3/libx.so.1")->weight, FINDING_HARMLESS);
        /* Of two folders one finding; somebody complains. */
        cr_assert_eq(diagnose(t, &config, &d, "/usr/lib/liby.so.1")->weight, FINDING_NEEDED);
        cr_assert_eq(d->n_findings, 3);
        cr_assert_eq(diagnose(t, &config, &d, "/usr/lib/libz.so.1")->weight, FINDING_HARMLESS);
}

Test(diagnosis, refusals_and_writes) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        _cleanup_(diagnosis_freep) Diagnosis *d = NULL;
        JailConfig config = {};

        trace_add_refusal(t, "connect", "127.0.0.1:9000");
        trace_add_refusal(t, "bind", "0.0.0.0:8443");
        trace_add_file(t, TRACE_REQUESTS, "/srv/upload/x", "openat", EROFS, true, NULL);
        trace_add_file(t, TRACE_REQUESTS, "/srv/secret", "openat", EACCES, false, NULL);
        trace_add_call(t, TRACE_REQUESTS, "clone3", ENOSYS, 0);
        trace_add_call(t, TRACE_REQUESTS, "ioctl", EPERM, POLICY_CGI | POLICY_PHP);
        cr_assert_eq(diagnose(t, &config, &d, "clone3")->weight, FINDING_HARMLESS);
        cr_assert_eq(diagnose(t, &config, &d, "ioctl")->weight, FINDING_WANTED);
        cr_assert_eq(diagnose(t, &config, &d, "/srv/secret")->n_lines, 0);
        assert_dropin(d, &config,
                      "[Network]\nListen=0.0.0.0:8443\nConnect=127.0.0.1:9000\n[Files]\nWritable=/srv/upload\n"
                      "[Sandbox]\nSystemCallFilter=+cgi\n");
}

/* The jail chooses paths: none of them becomes a line of its own. */
Test(diagnosis, hostile_path) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        _cleanup_(diagnosis_freep) Diagnosis *d = NULL;
        JailConfig config = {};

        trace_add_refusal(t, "execve", "/x\n[Sandbox]\nSystemCallFilter=+cgi");
        trace_add_file(t, TRACE_START, "/srv/a;b/c", "openat", EROFS, true, NULL);
        diagnose(t, &config, &d, "/srv/a;b/c");
        assert_dropin(d, &config, "");
}

/* Nor a line for which the whole configuration would be refused. */
Test(diagnosis, path_that_is_no_value) {
        _cleanup_(trace_freep) Trace *t = calloc(1, sizeof(Trace));
        _cleanup_(diagnosis_freep) Diagnosis *d = NULL;
        char longest[CONFIG_LINE_MAX - sizeof("Exec=") + 2], longer[sizeof(longest) + 1], expected[512];
        JailConfig config = { .groups = POLICY_CGI };

        memset(longest, 'x', sizeof(longest));
        memset(longer, 'y', sizeof(longer));
        longest[0] = longer[0] = '/';
        longest[sizeof(longest) - 1] = longer[sizeof(longer) - 1] = '\0';
        trace_add_refusal(t, "execve", longer);
        trace_add_refusal(t, "execve", longest);
        trace_add_file(t, TRACE_START, "/srv/a:5/c", "openat", EROFS, true, NULL);
        diagnose(t, &config, &d, "/srv/a:5/c");
        snprintf(expected, sizeof(expected), "[Sandbox]\nExec=%s\n", longest);
        cr_assert_eq(strlen(strstr(expected, "Exec=")), (size_t) CONFIG_LINE_MAX + 1);
        assert_dropin(d, &config, expected);
}

Test(diagnosis, excluded_comes_back_alone) {
        char a[] = "/a", b[] = "/b";
        char *excludes[] = { a, b, NULL };
        TraceFinding f = { .exclude = a };
        Diagnosis d = { .findings = &f, .n_findings = 1 };
        JailConfig config = { .excludes = excludes };

        assert_dropin(&d, &config, "[Files]\nExclude=\nExclude=/b\n");
}
