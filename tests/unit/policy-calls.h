#pragma once

/* Filters asked by real calls. A child installs a copy of a filter whose own errors are moved up by MARK, where no error of the
 * kernel is, so that an answer tells who gave it: the filter, the listener, or the kernel, which means that the call was
 * allowed. The child has an unprivileged user, should a call get through that must not. */

#include <sys/syscall.h>

#include "policy.h"

#define MARK          2000
#define LISTENER_SAID 3500

/* What became of a call. */
#define REFUSED(error) (MARK + (error))
#define NOTIFIED       LISTENER_SAID
#define ALLOWED        (-1)
#define UNANSWERED     (-2)

typedef struct Call {
        const char *name;
        long number;
        unsigned long args[6];
        int expected;
        int outcome;
} Call;

#define CALL(call, expect, ...)                                                                             \
        { .name = #call, .number = SYS_##call, .args = { __VA_ARGS__ }, .expected = (expect) }

#define HIGH      (1UL << 32)
#define HIGH_ONES (0xffffffffUL << 32)

/* Make the calls under the filter of these opt-in groups, and note the outcomes. Returns the child's wait status. */
int calls_make(unsigned groups, Call *calls, size_t n);

/* The same, with a failure of the test for each that has another outcome than expected. */
void calls_expect(unsigned groups, Call *calls, size_t n);

/* Run in a child under the filter as it is, its notified calls let go on. Returns its wait status. */
int run_under_filter(unsigned groups, int (*check)(void));
