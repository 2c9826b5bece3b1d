#include <criterion/criterion.h>

#include "lifecycle.h"

Test(lifecycle, every_state_and_event_has_a_name_of_its_own) {
        for (LifecycleState a = 0; a < _LIFECYCLE_STATE_MAX; a++) {
                cr_assert_not_null(lifecycle_state_to_string(a));
                cr_assert_eq(lifecycle_state_from_string(lifecycle_state_to_string(a)), (int) a);
        }
        for (LifecycleEvent a = 0; a < _LIFECYCLE_EVENT_MAX; a++) {
                cr_assert_not_null(lifecycle_event_to_string(a));
                for (LifecycleEvent b = 0; b < a; b++)
                        cr_assert_str_neq(lifecycle_event_to_string(a), lifecycle_event_to_string(b));
        }
        cr_assert_eq(lifecycle_state_from_string("nonsense"), -EINVAL);
}

Test(lifecycle, every_valid_step_leads_to_a_state) {
        for (LifecycleState s = 0; s < _LIFECYCLE_STATE_MAX; s++)
                for (LifecycleEvent e = 0; e < _LIFECYCLE_EVENT_MAX; e++) {
                        LifecycleStep step = lifecycle_step(s, e);

                        if (step.valid)
                                cr_assert_lt(step.state, _LIFECYCLE_STATE_MAX);
                        else
                                cr_assert_eq(step.actions, 0u, "%s/%s", lifecycle_state_to_string(s),
                                             lifecycle_event_to_string(e));
                }
}

Test(lifecycle, stop_is_possible_from_everywhere_and_closes_the_sockets) {
        for (LifecycleState s = 0; s < _LIFECYCLE_STATE_MAX; s++) {
                LifecycleStep step = lifecycle_step(s, LIFECYCLE_STOP_REQUEST);

                cr_assert(step.valid, "%s", lifecycle_state_to_string(s));
                cr_assert(step.state == LIFECYCLE_STOPPING || step.state == LIFECYCLE_STOPPED);
                if (s != LIFECYCLE_STOPPED && s != LIFECYCLE_FAILED && s != LIFECYCLE_STOPPING)
                        cr_assert(step.actions & LIFECYCLE_CLOSE_SOCKETS);
        }
}

Test(lifecycle, the_sockets_stay_open_over_every_failure_that_is_not_final) {
        for (LifecycleState s = 0; s < _LIFECYCLE_STATE_MAX; s++)
                for (LifecycleEvent e = LIFECYCLE_NEXT_READY; e <= LIFECYCLE_LIVE_EXITED; e++)
                        cr_assert(!(lifecycle_step(s, e).actions & LIFECYCLE_CLOSE_SOCKETS));
}

Test(lifecycle, a_failed_replacement_or_configuration_leaves_the_server_running) {
        cr_assert_eq(lifecycle_step(LIFECYCLE_REPLACING, LIFECYCLE_NEXT_FAILED).state, LIFECYCLE_RUNNING);
        cr_assert_eq(lifecycle_step(LIFECYCLE_RELOADING, LIFECYCLE_CONFIGTEST_FAILED).state,
                     LIFECYCLE_RUNNING);
        cr_assert_eq(lifecycle_step(LIFECYCLE_RELOADING, LIFECYCLE_CONFIGTEST_FAILED).actions,
                     LIFECYCLE_REPLY_FAILED);
}

Test(lifecycle, the_exit_of_the_live_one_is_always_answered) {
        for (LifecycleState s = 0; s < _LIFECYCLE_STATE_MAX; s++)
                if (lifecycle_state_serves(s)) {
                        LifecycleStep step = lifecycle_step(s, LIFECYCLE_LIVE_EXITED);

                        cr_assert(step.valid);
                        cr_assert(step.state == LIFECYCLE_WAITING || step.state == LIFECYCLE_STARTING);
                        cr_assert(lifecycle_step(s, LIFECYCLE_GAVE_UP).state == LIFECYCLE_FAILED);
                }
}

Test(lifecycle, who_asked_is_answered_when_it_is_final) {
        cr_assert(lifecycle_step(LIFECYCLE_STARTING, LIFECYCLE_NEXT_READY).actions & LIFECYCLE_REPLY_DONE);
        cr_assert(lifecycle_step(LIFECYCLE_STARTING, LIFECYCLE_GAVE_UP).actions & LIFECYCLE_REPLY_FAILED);
        cr_assert(lifecycle_step(LIFECYCLE_STOPPING, LIFECYCLE_ALL_EXITED).actions & LIFECYCLE_REPLY_DONE);
        cr_assert(lifecycle_step(LIFECYCLE_RELOADING, LIFECYCLE_CONFIGTEST_FAILED).actions &
                  LIFECYCLE_REPLY_FAILED);
        cr_assert(lifecycle_step(LIFECYCLE_REPLACING, LIFECYCLE_NEXT_FAILED).actions &
                  LIFECYCLE_REPLY_FAILED);
}
