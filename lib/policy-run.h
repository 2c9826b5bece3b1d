#pragma once

/* A filter run here instead of in the kernel: what would it say of this call? Used when the filters are made, to check
 * them, and by whoever answers in a filter's stead. */

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base.h"

/* The part of classic BPF that libseccomp writes. Returns 0 with the SECCOMP_RET_ value in *ret, or -EINVAL for any other
 * program. */
int policy_run(const struct sock_fprog *program, const struct seccomp_data *data, uint32_t *ret);
