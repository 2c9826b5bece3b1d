#include <criterion/criterion.h>
#include <ctype.h>
#include <syslog.h>

#include "events.h"

/* "journalctl -x" has something to say of each event, and nothing of what does not exist. */

static char *catalog_read(void) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = fopen(JAILD_CATALOG, "re");

        cr_assert(f && getdelim(&text, &size, '\0', f) > 0, "%s: %s", JAILD_CATALOG, strerror(errno));
        fclose(f);
        return text;
}

Test(events, are_complete_and_different) {
        for (Event e = 0; e < _EVENT_MAX; e++) {
                const char *id = event_message_id(e), *name = event_name(e);
                int level = event_level(e);

                cr_assert(id && name, "event %d", e);
                cr_assert_eq(strlen(id), 32, "%s", name);
                cr_assert_eq(strspn(id, "0123456789abcdef"), 32, "%s", name);
                cr_assert_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name), "%s", name);
                cr_assert(level == LOG_ERR || level == LOG_WARNING || level == LOG_NOTICE, "%s", name);
                for (Event other = 0; other < e; other++) {
                        cr_assert_str_neq(event_message_id(other), id);
                        cr_assert_str_neq(event_name(other), name);
                }
        }
}

Test(events, each_has_a_catalog_entry) {
        _cleanup_free_ char *text = catalog_read();

        for (Event e = 0; e < _EVENT_MAX; e++) {
                char head[64];
                const char *entry, *body, *next;

                snprintf(head, sizeof(head), "\n-- %s\nSubject: ", event_message_id(e));
                entry = strstr(text, head);
                cr_assert(entry, "%s has no entry", event_name(e));
                body = strstr(entry, "\n\n");
                next = strstr(entry + 4, "\n-- ");
                cr_assert(body && (!next || body < next) && isgraph(body[2]), "%s has no explanation",
                          event_name(e));
                cr_assert(strstr(entry, "@JAIL@") < body, "%s does not say which jail", event_name(e));
        }
}

Test(events, each_catalog_entry_has_an_event) {
        _cleanup_free_ char *text = catalog_read();
        unsigned n = 0;

        for (const char *entry = text; (entry = strstr(entry, "\n-- ")); entry += 4, n++) {
                Event e = 0;

                while (e < _EVENT_MAX && strncmp(entry + 4, event_message_id(e), 32) != 0)
                        e++;
                cr_assert(e < _EVENT_MAX, "%.32s is no event", entry + 4);
        }
        cr_assert_eq(n, _EVENT_MAX);
}
