#include <criterion/criterion.h>
#include <sys/socket.h>

#include "output.h"

/* What fn prints on standard output; the caller frees. */
static char *printed(void (*fn)(void)) {
        FILE *before = stdout;
        char *text = NULL;
        size_t size;

        stdout = open_memstream(&text, &size);
        fn();
        fclose(stdout);
        stdout = before;
        return text;
}

static void print_hostile_table(void) {
        const TableCell cells[] = {
                { "NAME", COLOUR_NONE },
                { "WHAT", COLOUR_NONE },
                { "a\033]0;title\a", COLOUR_RED },
                { "two\nlines", COLOUR_NONE },
                { "c1\xc2\x9b"
                  "31m",
                  COLOUR_NONE },
                { "gr\xc3\xbc\xc3\x9f", COLOUR_NONE },
        };

        print_table(cells, 2, 3, true);
}

/* Names of files and messages are chosen by others, and must not steer the terminal. */
Test(output, tables_have_no_control_characters) {
        _cleanup_free_ char *text = printed(print_hostile_table);
        size_t lines = 0;

        for (const char *p = text; *p; p++) {
                cr_expect((unsigned char) *p >= 0x20 || *p == '\n', "%#x in %s", (unsigned char) *p, text);
                lines += *p == '\n';
        }
        cr_expect_eq(lines, 3);
        cr_expect_null(strstr(text, "\xc2\x9b"));
        cr_expect_not_null(strstr(text, "gr\xc3\xbc\xc3\x9f\n"));
        cr_expect_not_null(strstr(text, "two?lines\n"));
}

/* Two that run at once write to one terminal. */
Test(output, an_error_is_written_as_one) {
        int pair[2], before = dup(STDERR_FILENO);
        char text[128] = "";

        /* Each write(2) is a message of its own. */
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        cr_assert_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
        print_error("web", "%s\033[31m is not there", "a file");
        cr_assert_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
        cr_assert_gt(read(pair[0], text, sizeof(text) - 1), 0);
        cr_assert_str_eq(text, "web: a file?[31m is not there\n");
}
