#include "policy-run.h"

int policy_run(const struct sock_fprog *program, const struct seccomp_data *data, uint32_t *ret) {
        uint32_t a = 0;

        for (size_t pc = 0; pc < program->len; pc++) {
                const struct sock_filter *f = &program->filter[pc];
                bool is_true;

                switch (f->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        if (f->k % sizeof(a) != 0 || f->k + sizeof(a) > sizeof(*data))
                                return -EINVAL;
                        memcpy(&a, (const uint8_t *) data + f->k, sizeof(a));
                        continue;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= f->k;
                        continue;
                case BPF_RET | BPF_K:
                        *ret = f->k;
                        return 0;
                case BPF_JMP | BPF_JA:
                        pc += f->k;
                        continue;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        is_true = a == f->k;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        is_true = a >= f->k;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        is_true = a > f->k;
                        break;
                default:
                        return -EINVAL;
                }
                pc += is_true ? f->jt : f->jf;
        }
        return -EINVAL;
}
