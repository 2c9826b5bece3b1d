#include "policy-trace.h"

#include <linux/audit.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "policy-filters.h"
#include "policy-run.h"

#if defined(__x86_64__)
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH_NATIVE AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define ARCH_NATIVE AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH_NATIVE AUDIT_ARCH_PPC64LE
#else
#error "name this architecture as <linux/audit.h> does"
#endif

static const int file_calls[] = {
#ifdef SYS_open
        SYS_open,
#endif
#ifdef SYS_stat
        SYS_stat,
#endif
#ifdef SYS_lstat
        SYS_lstat,
#endif
#ifdef SYS_access
        SYS_access,
#endif
#ifdef SYS_readlink
        SYS_readlink,
#endif
        SYS_openat,   SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_readlinkat,
};

bool policy_call_names_file(int number) {
        for (size_t i = 0; i < ELEMENTSOF(file_calls); i++)
                if (file_calls[i] == number)
                        return true;
        return false;
}

#define LOAD(field)                                                                                         \
        ((struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field)))
#define SKIP_UNLESS(value, n)                                                                               \
        ((struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) (value), 0, (uint8_t) (n)))
#define NOTIFY ((struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF))

int policy_trace_filter(unsigned groups, bool files, struct sock_fprog *ret) {
        const struct sock_fprog *own = policy_filter(groups);
        size_t n_calls = files ? ELEMENTSOF(file_calls) + 1 : 0, n = 0;
        /* In front: only for numbers of this architecture, each call. */
        struct sock_filter *insns = calloc(3 + 2 * n_calls + own->len, sizeof(struct sock_filter));

        if (!insns)
                return -ENOMEM;
        if (files) {
                insns[n++] = LOAD(arch);
                insns[n++] = SKIP_UNLESS(ARCH_NATIVE, 1 + 2 * n_calls);
                insns[n++] = LOAD(nr);
                for (size_t i = 0; i < n_calls; i++) {
                        insns[n++] = SKIP_UNLESS(i < ELEMENTSOF(file_calls) ? file_calls[i] : SYS_connect,
                                                 1);
                        insns[n++] = NOTIFY;
                }
        }
        for (size_t i = 0; i < own->len; i++) {
                struct sock_filter f = own->filter[i];

                if (f.code == (BPF_RET | BPF_K) && (f.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
                        f = NOTIFY;
                insns[n++] = f;
        }
        *ret = (struct sock_fprog){ .len = (unsigned short) n, .filter = insns };
        return 0;
}

int policy_refusal(unsigned groups, const struct seccomp_data *data) {
        const char *name;
        uint32_t decided;
        int with;

        if (policy_run(policy_filter(groups), data, &decided) < 0)
                return POLICY_UNKNOWN_CALL_ERROR;
        if ((decided & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
                return (int) (decided & SECCOMP_RET_DATA);
        /* The broker refuses what another group would allow, for the log's sake. */
        with = decided == SECCOMP_RET_USER_NOTIF ? policy_opt_in_call(data->nr, &name) : -ENOENT;
        return with >= 0 && !((unsigned) with & groups) ? POLICY_UNKNOWN_CALL_ERROR : 0;
}

unsigned policy_groups_for(unsigned groups, const struct seccomp_data *data) {
        unsigned found = 0;

        for (unsigned g = 1; g <= POLICY_OPT_IN; g <<= 1)
                if ((g & POLICY_OPT_IN) && !(groups & g) && policy_refusal(groups | g, data) == 0)
                        found |= g;
        return found;
}

const char *policy_call_name(int number) {
        return number >= 0 && number < POLICY_CALL_NAMES && policy_call_names[number][0]
                               ? policy_call_names[number]
                               : NULL;
}

const char *policy_refusal_reason(const char *name) {
        const PolicyRule *rules;
        size_t n = policy_rules(&rules);

        for (size_t i = 0; i < n; i++)
                if (streq(rules[i].syscall, name) && rules[i].action == POLICY_REFUSE)
                        return rules[i].reason ?: policy_group_reason((PolicyGroup) rules[i].groups);
        return NULL;
}
