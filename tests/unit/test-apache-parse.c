#include <criterion/criterion.h>

#include "apache-parse.h"

static char **words_of(const char *text) {
        char **words = NULL;

        cr_assert_eq(apache_parse_words(text, &words), 0);
        cr_assert_not_null(words);
        return words;
}

static Apache *directives_of(const char *text) {
        Apache *a = calloc(1, sizeof(Apache));

        cr_assert_not_null(a);
        a->root_fd = -EBADF;
        cr_assert_eq(apache_parse_directives(text, a), 0);
        return a;
}

Test(apache_parse, words_are_unquoted) {
        _cleanup_strv_free_ char **words =
                        words_of("one \"two three\" 'fo\\'ur' back\\\\slash \"not closed");

        cr_assert_eq(strv_length(words), 5u);
        cr_assert_str_eq(words[0], "one");
        cr_assert_str_eq(words[1], "two three");
        cr_assert_str_eq(words[2], "fo'ur");
        cr_assert_str_eq(words[3], "back\\slash");
        cr_assert_str_eq(words[4], "not closed");
}

/* A form feed divides the pages of many an old file. */
Test(apache_parse, whatever_ends_a_word_is_no_word, .timeout = 5) {
        _cleanup_strv_free_ char **words = words_of("\f\v one\ftwo\vthree\r\nfour\t\f");

        cr_assert_eq(strv_length(words), 4u);
        cr_assert_str_eq(words[0], "one");
        cr_assert_str_eq(words[1], "two");
        cr_assert_str_eq(words[2], "three");
        cr_assert_str_eq(words[3], "four");
}

Test(apache_parse, a_page_of_a_configuration_file_ends, .timeout = 5) {
        Apache a = {};

        cr_assert_eq(apache_parse_file("/f", "# one\n\f\n\f# two\n\fDefaultRuntimeDir /run/x\n", &a), 0);
        cr_assert_str_eq(a.runtime_folder, "/run/x");
        cr_assert_str_eq(a.runtime_folder_where, "/f:4");
        free(a.runtime_folder);
        free(a.runtime_folder_where);
}

Test(apache_parse, no_word_is_an_empty_array) {
        _cleanup_strv_free_ char **words = words_of(" \t");
        _cleanup_(apache_freep) Apache *a =
                        directives_of("# In file: /f\n# 1:\nPerlSwitches\n<IfModule>\n</IfModule>\n");

        cr_assert_null(words[0]);
        cr_assert_eq(a->n_directives, 2u);
        for (size_t i = 0; i < a->n_directives; i++) {
                cr_assert_not_null(a->directives[i].arguments);
                cr_assert_null(a->directives[i].arguments[0]);
        }
}

Test(apache_parse, a_complaint_is_one_line_without_noise) {
        _cleanup_free_ char *complaint = NULL;

        cr_assert_eq(apache_parse_complaint(
                                     "[Mon Jan 01 10:00:00.1 2024] [so:debug] [pid 1] mod_so.c(1): x\n"
                                     "[Mon Jan 01 10:00:00.1 2024] [core:error] [pid 1:tid 2] \n"
                                     "\nAH00526: Syntax error on line 1 of /f:  \n"
                                     "[Mon Jan 01 10:00:00.1 2024] [core:error] [pid 1:tid 2] Nonsense\n",
                                     &complaint),
                     0);
        cr_assert_str_eq(complaint, "AH00526: Syntax error on line 1 of /f: Nonsense");
}

/* A tree that is taken from elsewhere may make it as long as it likes. Each of these took minutes, where the time went with the
 * square of the length. */
Test(apache_parse, the_time_goes_with_the_length) {
        static const char *const patterns[] = { "x ", "x\n", "${", "x\\\n" };
        const size_t size = 1024 * 1024;
        _cleanup_free_ char *text = malloc(size + 1);

        cr_assert_not_null(text);
        alarm(30);
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                _cleanup_(apache_freep) Apache *a = calloc(1, sizeof(Apache));
                _cleanup_strv_free_ char **words = NULL;
                _cleanup_free_ char *complaint = NULL;

                cr_assert_not_null(a);
                a->root_fd = -EBADF;
                for (size_t k = 0; k < size; k++)
                        text[k] = patterns[i][k % strlen(patterns[i])];
                text[size] = '\0';
                cr_assert_eq(apache_parse_words(text, &words), 0);
                cr_assert_eq(apache_parse_complaint(text, &complaint), 0);
                cr_assert_eq(apache_parse_file("/f", text, a), 0);
        }
}
