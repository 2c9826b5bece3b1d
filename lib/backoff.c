#include "backoff.h"

bool backoff_failed(Backoff *b, const BackoffLimits *limits, uint64_t now_usec, uint32_t chance,
                    uint64_t *ret_delay_usec) {
        uint64_t delay, spread;

        if (b->failures == 0 || now_usec - b->first_usec > limits->interval_usec)
                *b = (Backoff){ .first_usec = now_usec };
        b->failures++;
        if (b->failures > limits->burst)
                return false;

        if (b->failures == 1) {
                *ret_delay_usec = 0;
                return true;
        }
        delay = limits->min_usec;
        for (unsigned i = 2; i < b->failures && delay < limits->max_usec; i++)
                delay *= 2;
        if (delay > limits->max_usec)
                delay = limits->max_usec;

        spread = delay / 2;
        *ret_delay_usec = delay - spread / 2 + (spread * chance >> 32);
        return true;
}

void backoff_reset(Backoff *b) {
        *b = (Backoff){};
}
