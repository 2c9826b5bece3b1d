/* Compiles the table into filters, when jaild is built: policy-generate > policy-filters.c.
 *
 * In the table the first rule that matches decides. libseccomp has no such order: within one filter a rule
 * without arguments swallows the others for its call, and what no rule matches gets one default for all
 * calls. So the table is cut into layers. The rules for one call that follow each other with the same action
 * go into the same layer, the next ones into the next; libseccomp compiles each layer as a filter of its
 * own, and the layers are joined by turning the default of each, a value that no rule returns, into a jump
 * to the next one, and that of the last into the answer for unknown calls. Nearly all calls are decided in
 * the first layer.
 *
 * Nothing is taken on trust: each joined program is run, here, against the table, for every number and for
 * arguments at and around each value that is tested. The build fails where they differ. */

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "policy-filters.h"
#include "policy-run.h"

#define LAYERS_MAX   8
#define PROGRAM_MAX  BPF_MAXINSNS
#define NUMBERS_END  POLICY_CALL_NAMES
#define X32_CALL_BIT 0x40000000

/* The default of each layer, until they are joined. */
#define ACTION_NEXT_LAYER SCMP_ACT_TRACE(0x4a44)

typedef struct Program {
        size_t n;
        struct sock_filter insns[PROGRAM_MAX];
} Program;

typedef struct Layers {
        scmp_filter_ctx contexts[LAYERS_MAX];
        size_t n;
} Layers;

static const PolicyRule *rules;
static size_t n_rules;
/* Of each rule's call. Below zero: libseccomp's own for a call that this architecture has not got. */
static int *numbers;

static void layers_done(Layers *layers) {
        for (size_t i = 0; i < layers->n; i++)
                seccomp_release(layers->contexts[i]);
}

static bool rule_is_on(const PolicyRule *rule, unsigned groups) {
        return (rule->groups & POLICY_OPT_IN) == 0 || (rule->groups & groups) != 0;
}

static unsigned rule_count_arguments(const PolicyRule *rule) {
        unsigned n = 0;
        while (n < POLICY_ARGUMENTS_MAX && rule->arguments[n].mask != 0)
                n++;
        return n;
}

/* Whether the call that rules[i] names has a rule that is on. */
static bool call_is_on(size_t i, unsigned groups) {
        for (size_t j = 0; j < n_rules; j++)
                if (streq(rules[j].syscall, rules[i].syscall) && rule_is_on(&rules[j], groups))
                        return true;
        return false;
}

static uint32_t rule_to_scmp(const PolicyRule *rule) {
        switch (rule->action) {
        case POLICY_ALLOW:
                return SCMP_ACT_ALLOW;
        case POLICY_NOTIFY:
                return SCMP_ACT_NOTIFY;
        case POLICY_REFUSE:
                return SCMP_ACT_ERRNO((uint32_t) rule->error);
        }
        abort();
}

static int table_load(void) {
        n_rules = policy_rules(&rules);
        numbers = calloc(n_rules, sizeof(*numbers));
        if (!numbers)
                return -ENOMEM;

        for (size_t i = 0; i < n_rules; i++) {
                const PolicyRule *rule = &rules[i], *last = rule;

                numbers[i] = seccomp_syscall_resolve_name(rule->syscall);
                if (numbers[i] == __NR_SCMP_ERROR) {
                        fprintf(stderr, "policy-table.c: libseccomp knows no call '%s'\n", rule->syscall);
                        return -EINVAL;
                }
                for (size_t j = 0; j < n_rules; j++)
                        if (streq(rules[j].syscall, rule->syscall))
                                last = &rules[j];
                if (rule_count_arguments(last) > 0) {
                        fprintf(stderr, "policy-table.c: the last rule for '%s' has arguments\n",
                                rule->syscall);
                        return -EINVAL;
                }
        }
        return 0;
}

static int layers_need(Layers *layers, size_t n) {
        while (layers->n < n) {
                if (layers->n == LAYERS_MAX)
                        return -E2BIG;

                scmp_filter_ctx context = seccomp_init(ACTION_NEXT_LAYER);
                if (!context)
                        return -ENOMEM;
                layers->contexts[layers->n++] = context;

                int r = seccomp_attr_set(context, SCMP_FLTATR_API_SYSRAWRC, 1);
                if (r >= 0)
                        r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
                if (r >= 0)
                        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int layer_add(scmp_filter_ctx context, const PolicyRule *rule, int number) {
        struct scmp_arg_cmp comparisons[POLICY_ARGUMENTS_MAX];
        unsigned n = rule_count_arguments(rule);

        for (unsigned i = 0; i < n; i++)
                comparisons[i] = (struct scmp_arg_cmp){
                        .arg = rule->arguments[i].index,
                        .op = SCMP_CMP_MASKED_EQ,
                        .datum_a = rule->arguments[i].mask,
                        .datum_b = rule->arguments[i].value,
                };
        return seccomp_rule_add_exact_array(context, rule_to_scmp(rule), number, n, comparisons);
}

/* Spread the rules for the call that rules[first] names over the layers. */
static int layers_add_call(Layers *layers, size_t first, unsigned groups) {
        const PolicyRule *previous = NULL;
        size_t layer = 0;

        if (!call_is_on(first, groups))
                return seccomp_rule_add_exact_array(layers->contexts[0], SCMP_ACT_NOTIFY, numbers[first], 0,
                                                    NULL);

        for (size_t i = first; i < n_rules; i++) {
                const PolicyRule *rule = &rules[i];
                if (!streq(rule->syscall, rules[first].syscall) || !rule_is_on(rule, groups))
                        continue;

                if (previous &&
                    (rule_to_scmp(rule) != rule_to_scmp(previous) || rule_count_arguments(rule) == 0))
                        layer++;

                int r = layers_need(layers, layer + 1);
                if (r >= 0)
                        r = layer_add(layers->contexts[layer], rule, numbers[i]);
                if (r < 0) {
                        fprintf(stderr, "policy-table.c: cannot add a rule for '%s': %s\n", rule->syscall,
                                strerror(-r));
                        return r;
                }
                if (rule_count_arguments(rule) == 0)
                        return 0;
                previous = rule;
        }
        return 0;
}

static bool call_seen_before(size_t i) {
        for (size_t j = 0; j < i; j++)
                if (streq(rules[j].syscall, rules[i].syscall))
                        return true;
        return false;
}

static int layer_export(scmp_filter_ctx context, struct sock_filter *ret, size_t max, size_t *ret_n) {
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;

        int r = seccomp_export_bpf(context, fd);
        if (r < 0)
                return r;
        off_t size = lseek(fd, 0, SEEK_END);
        if (size < 0)
                return -errno;
        if ((size_t) size > max * sizeof(*ret))
                return -E2BIG;
        if (pread(fd, ret, (size_t) size, 0) != size)
                return -EIO;
        *ret_n = (size_t) size / sizeof(*ret);
        return 0;
}

static int layers_join(Layers *layers, Program *ret) {
        ret->n = 0;
        for (size_t i = 0; i < layers->n; i++) {
                struct sock_filter *insns = ret->insns + ret->n;
                size_t n = 0;

                int r = layer_export(layers->contexts[i], insns, PROGRAM_MAX - ret->n, &n);
                if (r < 0)
                        return r;
                for (size_t j = 0; j < n; j++) {
                        if (insns[j].code != (BPF_RET | BPF_K) || insns[j].k != ACTION_NEXT_LAYER)
                                continue;
                        if (i + 1 < layers->n)
                                insns[j] = (struct sock_filter) BPF_STMT(BPF_JMP | BPF_JA,
                                                                         (uint32_t) (n - j - 1));
                        else
                                insns[j].k = SCMP_ACT_ERRNO(POLICY_UNKNOWN_CALL_ERROR);
                }
                ret->n += n;
        }
        return 0;
}

static int program_compile(unsigned groups, Program *ret) {
        _cleanup_(layers_done) Layers layers = { .n = 0 };
        int r = layers_need(&layers, 1);

        for (size_t i = 0; r >= 0 && i < n_rules; i++)
                if (numbers[i] >= 0 && !call_seen_before(i))
                        r = layers_add_call(&layers, i, groups);
        if (r < 0)
                return r;
        return layers_join(&layers, ret);
}

/* What the table says of a call. */
static uint32_t table_decide(const struct seccomp_data *data, unsigned groups) {
        if (data->arch != seccomp_arch_native())
                return SCMP_ACT_KILL_PROCESS;
#ifdef __x86_64__
        if ((uint32_t) data->nr != UINT32_MAX && (uint32_t) data->nr >= X32_CALL_BIT)
                return SCMP_ACT_KILL_PROCESS;
#endif
        for (size_t i = 0; i < n_rules; i++) {
                bool matches = numbers[i] == data->nr && rule_is_on(&rules[i], groups);

                for (unsigned j = 0; matches && j < rule_count_arguments(&rules[i]); j++) {
                        const PolicyArgument *a = &rules[i].arguments[j];
                        matches = (data->args[a->index] & a->mask) == a->value;
                }
                if (matches)
                        return rule_to_scmp(&rules[i]);
                if (numbers[i] == data->nr && !call_is_on(i, groups))
                        return SCMP_ACT_NOTIFY;
        }
        return SCMP_ACT_ERRNO(POLICY_UNKNOWN_CALL_ERROR);
}

static int program_check_call(const Program *program, const struct seccomp_data *data, unsigned groups) {
        uint32_t expected = table_decide(data, groups), decided;

        int r = policy_run(&(struct sock_fprog){ (unsigned short) program->n,
                                                 (struct sock_filter *) (uintptr_t) program->insns },
                           data, &decided);
        if (r >= 0 && decided == expected)
                return 0;
        fprintf(stderr,
                "groups %#x, call %d(%#llx, %#llx, %#llx, %#llx): the table says %#x, the program %#x\n",
                groups, data->nr, data->args[0], data->args[1], data->args[2], data->args[3], expected,
                r < 0 ? 0 : decided);
        return -EBADMSG;
}

/* Is the same tested of the same call by a rule before this one? */
static bool argument_seen_before(size_t rule, const PolicyArgument *a) {
        for (size_t i = 0; i < rule; i++)
                for (unsigned j = 0; numbers[i] == numbers[rule] && j < rule_count_arguments(&rules[i]);
                     j++) {
                        const PolicyArgument *b = &rules[i].arguments[j];
                        if (a->index == b->index && a->mask == b->mask && a->value == b->value)
                                return true;
                }
        return false;
}

static int program_check_arguments(const Program *program, struct seccomp_data *data, unsigned groups,
                                   unsigned index);

/* Set the argument to what passes a test, what just fails it, and what differs only in bits that are not
 * tested. */
static int program_check_around(const Program *program, struct seccomp_data *data, unsigned groups,
                                const PolicyArgument *a) {
        const uint64_t values[] = { a->value,
                                    a->value | ~a->mask,
                                    a->value ^ a->mask,
                                    a->value + 1,
                                    a->value - 1,
                                    a->value ^ (uint64_t) 1 << 32,
                                    0,
                                    UINT64_MAX };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(values); i++) {
                data->args[a->index] = values[i];
                r = program_check_arguments(program, data, groups, a->index + 1);
        }
        /* Flags one by one; a whole number has been done with the above. */
        for (unsigned bit = 0; r >= 0 && bit < 32 && a->mask < UINT32_MAX; bit++) {
                data->args[a->index] = a->value ^ (uint64_t) 1 << bit;
                r = program_check_arguments(program, data, groups, a->index + 1);
        }
        return r;
}

/* Go through what tells rules apart in the arguments from index on. */
static int program_check_arguments(const Program *program, struct seccomp_data *data, unsigned groups,
                                   unsigned index) {
        bool is_tested = false;

        if (index == ELEMENTSOF(data->args))
                return program_check_call(program, data, groups);

        for (size_t i = 0; i < n_rules; i++)
                for (unsigned j = 0; numbers[i] == data->nr && j < rule_count_arguments(&rules[i]); j++) {
                        const PolicyArgument *a = &rules[i].arguments[j];
                        if (a->index != index || argument_seen_before(i, a))
                                continue;
                        is_tested = true;
                        int r = program_check_around(program, data, groups, a);
                        if (r < 0)
                                return r;
                }
        data->args[index] = 0;
        return is_tested ? 0 : program_check_arguments(program, data, groups, index + 1);
}

static int program_check(const Program *program, unsigned groups) {
        const int others[] = { -1, INT32_MAX, INT32_MIN, X32_CALL_BIT - 1, X32_CALL_BIT, X32_CALL_BIT | 59 };
        struct seccomp_data data = { .arch = seccomp_arch_native() };

        for (data.nr = 0; data.nr < NUMBERS_END; data.nr++) {
                int r = program_check_arguments(program, &data, groups, 0);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                data.nr = others[i];
                int r = program_check_call(program, &data, groups);
                if (r < 0)
                        return r;
        }
        data.arch ^= 1;
        data.nr = 0;
        return program_check_call(program, &data, groups);
}

static void program_print(const Program *program, const char *name) {
        printf("static const struct sock_filter %s[] = {\n", name);
        for (size_t i = 0; i < program->n; i++)
                printf("        { %#x, %u, %u, %#x },\n", program->insns[i].code, program->insns[i].jt,
                       program->insns[i].jf, program->insns[i].k);
        printf("};\n\n");
}

/* One call of the supervisor's filter. A call may be named twice: by the table and by a list. */
static int supervisor_add(scmp_filter_ctx context, uint32_t action, const char *syscall, bool *seen) {
        int number = seccomp_syscall_resolve_name(syscall), r = 0;

        if (number == __NR_SCMP_ERROR)
                r = -EINVAL;
        else if (number >= 0 && number < NUMBERS_END && !seen[number]) {
                seen[number] = true;
                r = seccomp_rule_add_exact(context, action, number, 0);
        }
        if (r < 0)
                fprintf(stderr, "policy-supervisor.c: cannot add a rule for '%s': %s\n", syscall,
                        strerror(-r));
        return r;
}

/* No layers: numbers alone decide. */
static int supervisor_compile(Program *ret) {
        scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(POLICY_UNKNOWN_CALL_ERROR));
        const PolicySupervisorCalls *calls;
        const PolicyNever *never;
        size_t n_calls = policy_supervisor_calls(&calls), n_never = policy_never(&never);
        bool seen[NUMBERS_END] = {};
        int r = context ? seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -ENOMEM;

        if (r >= 0)
                r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        for (size_t i = 0; r >= 0 && i < n_never; i++)
                r = supervisor_add(context, SCMP_ACT_ERRNO(EPERM), never[i].syscall, seen);
        for (size_t i = 0; r >= 0 && i < n_rules; i++)
                if (rules[i].action != POLICY_REFUSE)
                        r = supervisor_add(context, SCMP_ACT_ALLOW, rules[i].syscall, seen);
        for (size_t i = 0; r >= 0 && i < n_calls; i++)
                for (const char *const *s = calls[i].syscalls; r >= 0 && *s; s++)
                        r = supervisor_add(context, SCMP_ACT_ALLOW, *s, seen);
        if (r >= 0)
                r = layer_export(context, ret->insns, PROGRAM_MAX, &ret->n);
        seccomp_release(context);
        return r;
}

/* The calls that the groups which are always on do not have. */
static void opt_in_calls_print(void) {
        printf("const PolicyOptInCall policy_opt_in_calls[] = {\n");
        for (size_t i = 0; i < n_rules; i++) {
                unsigned groups = 0;

                if (numbers[i] < 0 || call_seen_before(i) || call_is_on(i, 0))
                        continue;
                for (size_t j = i; j < n_rules; j++)
                        if (streq(rules[j].syscall, rules[i].syscall))
                                groups |= rules[j].groups;
                printf("        { %d, \"%s\", %#x },\n", numbers[i], rules[i].syscall,
                       groups & POLICY_OPT_IN);
        }
        printf("        { -1, NULL, 0 },\n};\n");
}

static void call_names_print(void) {
        printf("\nconst char policy_call_names[POLICY_CALL_NAMES][POLICY_CALL_NAME_SIZE] = {\n");
        for (int number = 0; number < POLICY_CALL_NAMES; number++) {
                _cleanup_free_ char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

                if (name)
                        printf("        [%d] = \"%s\",\n", number, name);
        }
        printf("};\n");
}

int main(void) {
        static Program program;

        /* SCMP_ACT_NOTIFY and the raw errors, whatever kernel the build runs on. */
        if (seccomp_api_set(6) < 0 || table_load() < 0)
                return EXIT_FAILURE;

        printf("/* Written by policy-generate.c from policy-table.c. */\n\n"
               "#include \"policy-filters.h\"\n\n");
        for (unsigned groups = 0; groups < POLICY_COMBINATIONS; groups++) {
                char name[32];
                int r = program_compile(groups, &program);
                if (r >= 0)
                        r = program_check(&program, groups);
                if (r < 0) {
                        fprintf(stderr, "policy-generate: groups %#x: %s\n", groups, strerror(-r));
                        return EXIT_FAILURE;
                }
                snprintf(name, sizeof(name), "filter_%u", groups);
                program_print(&program, name);
        }

        if (supervisor_compile(&program) < 0)
                return EXIT_FAILURE;
        program_print(&program, "filter_supervisor");

        /* The kernel reads the program and no more; struct sock_fprog has no const for it. */
        printf("#define FILTER(name) \\\n"
               "        { sizeof(name) / sizeof(name[0]), (struct sock_filter *) (uintptr_t) name }\n\n"
               "const struct sock_fprog policy_filters[POLICY_COMBINATIONS] = {\n");
        for (unsigned groups = 0; groups < POLICY_COMBINATIONS; groups++)
                printf("        FILTER(filter_%u),\n", groups);
        printf("};\n\nconst struct sock_fprog policy_supervisor_program = FILTER(filter_supervisor);\n\n");
        opt_in_calls_print();
        call_names_print();
        return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}
