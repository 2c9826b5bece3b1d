#include <criterion/criterion.h>

#include "process.h"

Test(process, words_of_proc_are_taken_for_what_they_stand) {
        const struct {
                const char *word, *means;
        } cases[] = {
                { "/srv/plain", "/srv/plain" },  { "/srv/my\\040site", "/srv/my site" },
                { "\\011\\012\\134", "\t\n\\" }, { "/end\\", "/end\\" },
                { "/end\\04", "/end\\04" },      { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char word[32];

                snprintf(word, sizeof(word), "%s", cases[i].word);
                process_unescape(word);
                cr_assert_str_eq(word, cases[i].means, "case %zu", i);
        }
}

Test(process, tells_of_ourselves) {
        char name[16];

        process_name(getpid(), name);
        cr_assert_str_eq(name, "test-process");
        cr_assert_eq(process_parent(getpid()), getppid());
        cr_assert_eq(process_uid(getpid()), geteuid());
        cr_assert_gt(process_namespace(getpid(), "pid"), 0);
        cr_assert_eq(process_namespace(getpid(), "none"), 0);
}
