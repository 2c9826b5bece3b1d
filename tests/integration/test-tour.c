/* The tour of the README, word for word: each command does what it says there, and says what it says there. Numbers, versions
 * and dates may be others. */

#include <criterion/criterion.h>
#include <ctype.h>

#include "jailtest.h"

TestSuite(tour, .init = jailtest_setup, .fini = jailtest_teardown, .timeout = 120);

/* What the word at s stands for, whatever day, kernel or version it is; *ret_n is its length. NULL: for itself. */
static const char *stands_for(const char *s, size_t *ret_n) {
        static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
                                             "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
                                             "Aug", "Sep", "Oct", "Nov", "Dec" };
        static const char number[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+~:/-";

        *ret_n = strspn(s, number);
        if (isdigit((unsigned char) *s)) {
                if (strncmp(s + *ret_n, " ago", 4) != 0)
                        return "0";
                *ret_n += 4;
                return "now";
        }
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strncmp(s, names[i], 3) == 0 && !isalpha((unsigned char) s[3])) {
                        *ret_n = 3;
                        return "Day";
                }
        /* Kernels differ in what they can. */
        if (strncmp(s, "Landlock ABI", 12) == 0) {
                *ret_n = strcspn(s, "\n");
                return "Landlock";
        }
        *ret_n = strncmp(s, ", time\n", 7) == 0 ? 6 : 0;
        return *ret_n > 0 ? "" : NULL;
}

/* With one blank for many, as columns are as wide as what is in them. */
static char *plain(const char *text) {
        char *plain = calloc(1, 2 * strlen(text) + 1), *to = plain;

        while (*text) {
                size_t n;
                const char *word = stands_for(text, &n);

                if (word) {
                        to = stpcpy(to, word);
                        text += n;
                } else if (*text == ' ') {
                        *to++ = ' ';
                        text += strspn(text, " ");
                } else
                        *to++ = *text++;
        }
        return plain;
}

static void check_command(const char *command, const char *expected) {
        RunResult r = run("bash", "-c", path("exec 2>&1; %s", command), NULL);

        cr_assert_eq(r.status, 0, "%s: %s%s", command, r.out, r.err);
        cr_assert_str_eq(plain(r.out), plain(expected), "%s\nsays\n%s\nand not\n%s", command, r.out,
                         expected);
}

/* The commands of one block, each with what follows it. Returns how many. */
static unsigned check_block(char *block) {
        unsigned n = 0;

        while (strncmp(block, "# ", 2) == 0) {
                char *command = block + 2, *output = strchr(block, '\n'), *next;

                cr_assert_not_null(output);
                *output++ = '\0';
                next = strncmp(output, "# ", 2) == 0 ? output : strstr(output, "\n# ");
                if (next && next != output)
                        next++;
                check_command(command, next ? strndup(output, (size_t) (next - output)) : output);
                n++;
                if (!next)
                        break;
                block = next;
        }
        return n;
}

Test(tour, readme) {
        char *text = file_read(README), *block, *end;
        unsigned n = 0;

        apache_make_private();
        cr_assert_eq(setenv("PATH",
                            path("%.*s:%s", (int) (strrchr(jailctl_path(), '/') - jailctl_path()),
                                 jailctl_path(), getenv("PATH")),
                            1),
                     0);
        cr_assert(setenv("LC_ALL", "C.UTF-8", 1) == 0 && setenv("TERM", "dumb", 1) == 0);
        text = strstr(text, "\n## A tour of two minutes\n");
        cr_assert_not_null(text);
        end = strstr(text + 1, "\n## ");
        cr_assert_not_null(end);
        *end = '\0';
        while ((block = strstr(text, "\n```\n"))) {
                block += 5;
                end = strstr(block, "```\n");
                cr_assert_not_null(end);
                *end = '\0';
                n += check_block(block);
                text = end + 4;
        }
        cr_assert_gt(n, 10);
}
