#include <criterion/criterion.h>

#include "backoff.h"

static const BackoffLimits limits = {
        .min_usec = 100 * USEC_PER_MSEC,
        .max_usec = 2 * USEC_PER_SEC,
        .burst = 8,
        .interval_usec = 60 * USEC_PER_SEC,
};

/* The middle of the spread. */
#define NO_JITTER (UINT32_MAX / 2 + 1)

Test(backoff, the_first_failure_is_answered_at_once_and_then_the_delay_doubles_to_the_limit) {
        static const uint64_t expected_msec[] = { 0, 100, 200, 400, 800, 1600, 2000, 2000 };
        Backoff b = {};
        uint64_t delay;

        for (size_t i = 0; i < ELEMENTSOF(expected_msec); i++) {
                cr_assert(backoff_failed(&b, &limits, 1000 + i, NO_JITTER, &delay));
                cr_assert_eq(delay, expected_msec[i] * USEC_PER_MSEC, "failure %zu: %lu", i,
                             (unsigned long) delay);
        }
        cr_assert(!backoff_failed(&b, &limits, 2000, NO_JITTER, &delay));
}

Test(backoff, jitter_stays_within_a_quarter) {
        uint64_t delay;

        for (uint64_t chance = 0; chance <= UINT32_MAX; chance += UINT32_MAX / 64) {
                Backoff b = { .failures = 3, .first_usec = 0 };

                cr_assert(backoff_failed(&b, &limits, 1, (uint32_t) chance, &delay));
                cr_assert_geq(delay, 300 * USEC_PER_MSEC);
                cr_assert_leq(delay, 500 * USEC_PER_MSEC);
        }
}

Test(backoff, a_healthy_period_or_a_long_time_makes_the_next_failure_the_first) {
        Backoff b = {};
        uint64_t delay = 1;

        for (unsigned i = 0; i < limits.burst; i++)
                cr_assert(backoff_failed(&b, &limits, i, NO_JITTER, &delay));
        backoff_reset(&b);
        cr_assert(backoff_failed(&b, &limits, 100, NO_JITTER, &delay));
        cr_assert_eq(delay, 0u);

        b.failures = limits.burst;
        cr_assert(backoff_failed(&b, &limits, 101 + limits.interval_usec, NO_JITTER, &delay));
        cr_assert_eq(delay, 0u);
}
