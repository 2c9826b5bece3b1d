#include <sys/random.h>

#include "jail-internal.h"
#include "log.h"

#define LAST_LINES 5

/* Said by every Apache whose configuration has no ServerName, and never the cause. */
static bool is_noise(const char *line) {
        return strncmp(line, "AH00557", 7) == 0 || strncmp(line, "AH00558", 7) == 0;
}

/* The reason with the last two different lines of Apache's words: an error of its configuration takes two. */
static void failure_summary(const char *reason, const char *words, char *ret, size_t size) {
        _cleanup_free_ char *copy = strdup(words);
        const char *last = "", *before = "";

        for (char *save, *line = copy ? strtok_r(copy, "\n", &save) : NULL; line;
             line = strtok_r(NULL, "\n", &save)) {
                if (is_noise(line) || streq(line, last))
                        continue;
                before = last;
                last = line;
        }
        snprintf(ret, size, "%s%s%s%s%s", reason, before[0] ? ": " : "", before,
                 before[0] ? " "
                 : last[0] ? ": "
                           : "",
                 last);
}

void jail_record_failure(Jail *j, Event event, const char *what, const char *reason, const char *words) {
        size_t n = strlen(words);

        failure_summary(reason, words, j->kept->last_failure, sizeof(j->kept->last_failure));
        j->kept->last_failure_usec = jail_now(j, CLOCK_REALTIME);
        free(j->message);
        while (n > 0 && words[n - 1] == '\n')
                n--;
        if (asprintf(&j->message, "%s: %s%s%.*s", what, reason, n > 0 ? "\n" : "", (int) n, words) < 0)
                j->message = NULL;
        j->failure_event = event;
        j->failed_what = what;
}

void jail_record_notice(const char *text, void *userdata) {
        Jail *j = userdata;

        snprintf(j->kept->last_notice, sizeof(j->kept->last_notice), "%s", text);
        j->kept->last_notice_usec = jail_now(j, CLOCK_REALTIME);
}

void jail_log_failure(const Jail *j) {
        log_event(j->failure_event, "%s: %s", j->failed_what, j->kept->last_failure);
}

void jail_record_end(Jail *j, Event event, const char *what, Instance *i) {
        _cleanup_free_ char *tail = NULL;

        instance_drain_logs(i);
        /* Apache explains itself on standard error while it starts, and in its log when its workers die. One
         * that served and was killed has nothing to say. */
        if (instance_output(i)[0] == '\0' && (!instance_is_ready(i) || instance_is_sick(i)))
                tail = log_files_tail(j->log_files);
        jail_record_failure(j, event, what, instance_reason(i), tail ?: instance_output(i));
}

/* Whether to try again, after backoff_usec. */
static bool jail_may_restart(Jail *j) {
        uint32_t chance = 0;

        /* What has never served is wrong, not unlucky: say so at once. */
        if (!j->kept->has_served || j->config->restart == CONFIG_RESTART_NO)
                return false;
        if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
                chance = 0;
        return backoff_failed(&j->kept->backoff, &j->config->backoff, jail_now(j, CLOCK_MONOTONIC), chance,
                              &j->kept->backoff_usec);
}

/* Where the last n lines of text begin, or those after the last that is noise. */
static const char *last_lines(const char *text, unsigned n) {
        const char *end = text + strlen(text), *p;

        while (end > text && end[-1] == '\n')
                end--;
        for (p = end; p > text; p--)
                if (p[-1] == '\n' && (is_noise(p) || --n == 0))
                        break;
        if (is_noise(p))
                p = strchr(p, '\n') ? strchr(p, '\n') + 1 : end;
        return p;
}

void jail_give_up(Jail *j) {
        _cleanup_free_ char *tail = NULL;
        const char *message = j->message ?: "out of memory", *words = "";

        /* The last word is a full one: what Apache's error log ends with, unless its own words are there already. */
        if (!strchr(message, '\n') && (tail = log_files_tail(j->log_files)))
                words = last_lines(tail, LAST_LINES);
        /* They would have systemd start it again, and again in vain. */
        if (jail_is_passed_sockets(j))
                listeners_turn_away(j->held);
        log_event(EVENT_GAVE_UP, "giving up: %s%s%s", message, *words ? "\n" : "", words);
        jail_tell(j, EVENT_GAVE_UP, message);
        jail_dispatch(j, LIFECYCLE_GAVE_UP);
}

void jail_failed(Jail *j, LifecycleEvent event) {
        if (event == LIFECYCLE_LIVE_EXITED)
                j->kept->restarts++;
        j->kept->is_down = !j->live;
        if (event == LIFECYCLE_LIVE_EXITED && !j->next && j->standby && instance_is_parked(j->standby)) {
                jail_log_failure(j);
                jail_tell(j, j->failure_event, j->kept->last_failure);
                jail_dispatch(j, LIFECYCLE_LIVE_EXITED_STANDBY);
                return;
        }
        /* While somebody serves, or is about to, there is nothing to give up. */
        if (!j->live && !j->next && !jail_may_restart(j)) {
                jail_give_up(j);
                return;
        }
        jail_log_failure(j);
        if (event == LIFECYCLE_LIVE_EXITED)
                jail_tell(j, j->failure_event, j->kept->last_failure);
        jail_dispatch(j, event);
        /* Clients wait for the one without delay: it need not wait for the event loop's next turn. */
        if (event == LIFECYCLE_LIVE_EXITED && j->kept->state == LIFECYCLE_WAITING &&
            j->kept->backoff_usec == 0)
                jail_dispatch(j, LIFECYCLE_BACKOFF_ELAPSED);
}
