#include <criterion/criterion.h>
#include <time.h>

#include "format.h"

#define NOW (1800000000 * USEC_PER_SEC)

Test(format, relative_time) {
        static const struct {
                int64_t seconds_ago;
                const char *text;
        } cases[] = {
                { 0, "now" },
                { 1, "1s ago" },
                { 59, "59s ago" },
                { 60, "1min ago" },
                { 61, "1min 1s ago" },
                { 299, "4min 59s ago" },
                { 300, "5min ago" },
                { 330, "5min ago" },
                { 3599, "59min ago" },
                { 3600, "1h ago" },
                { 4 * 3600 + 60 * 20, "4h 20min ago" },
                { 5 * 3600 + 60 * 20, "5h ago" },
                { 86400 + 3600 * 3, "1 day 3h ago" },
                { 2 * 86400, "2 days ago" },
                { 8 * 86400, "1 week 1 day ago" },
                { 2 * 30 * 86400 + 14 * 86400, "2 months 2 weeks ago" },
                { 366 * 86400, "1 year ago" },
                { 800 * 86400, "2 years 2 months ago" },
                { -12, "in 12s" },
                { -90, "in 1min 30s" },
        };
        char buffer[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                cr_expect_str_eq(format_relative((uint64_t) ((int64_t) NOW - cases[i].seconds_ago * 1000000),
                                                 NOW, buffer),
                                 cases[i].text);
        /* Half a second to go is not "now". */
        cr_expect_str_eq(format_relative(NOW + 500 * USEC_PER_MSEC, NOW, buffer), "in 1s");
        cr_expect_str_eq(format_relative(NOW - 999 * USEC_PER_MSEC, NOW, buffer), "now");
}

Test(format, every_length_fits) {
        char buffer[FORMAT_MAX];

        cr_expect_str_eq(format_relative(0, UINT64_MAX, buffer), "584942 years ago");
        cr_expect_str_eq(format_relative(UINT64_MAX, 0, buffer), "in 584942 years");
        cr_expect_str_eq(format_bytes(UINT64_MAX, buffer), "16.0E");
        cr_expect_not_null(format_timestamp(UINT64_MAX, buffer));
}

Test(format, bytes) {
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = {
                { 0, "0B" },
                { 1023, "1023B" },
                { 1024, "1.0K" },
                { 1536, "1.5K" },
                { 1024 * 1024 - 1, "1.0M" },
                { 24536678, "23.4M" },
                { (uint64_t) 5 << 30, "5.0G" },
                { (uint64_t) 7 << 40, "7.0T" },
        };
        char buffer[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                cr_expect_str_eq(format_bytes(cases[i].bytes, buffer), cases[i].text);
}

Test(format, timestamp_is_in_the_local_zone) {
        char buffer[FORMAT_MAX];

        setenv("TZ", "UTC", true);
        tzset();
        cr_expect_str_eq(format_timestamp(1795486200 * USEC_PER_SEC, buffer), "Tue 2026-11-24 02:10:00 UTC");
        setenv("TZ", "EST5", true);
        tzset();
        cr_expect_str_eq(format_timestamp(1795486200 * USEC_PER_SEC, buffer), "Mon 2026-11-23 21:10:00 EST");
}

Test(format, lists) {
        char *const names[] = { (char[]){ "shop" }, (char[]){ "web" }, NULL };
        _cleanup_free_ char *two = format_list(names), *one = format_list(names + 1),
                            *none = format_list(NULL);

        cr_expect_str_eq(two, "shop, web");
        cr_expect_str_eq(one, "web");
        cr_expect_str_eq(none, "");
}

Test(format, listens_say_whose_address_is_whose) {
        char *const listens[] = { (char[]){ "127.0.0.1:8080 [::]:80" }, (char[]){ "[::]:443" }, NULL };
        _cleanup_strv_free_ char **texts = format_listens(listens), **none = format_listens(NULL);

        cr_assert_eq(strv_length(texts), 2);
        cr_expect_str_eq(texts[0], "127.0.0.1:8080 (Apache: [::]:80)");
        cr_expect_str_eq(texts[1], "[::]:443");
        cr_assert_eq(strv_length(none), 0);
}

Test(format, spans) {
        char buffer[FORMAT_MAX];

        cr_expect_str_eq(format_span(0, buffer), "0.000s");
        cr_expect_str_eq(format_span(1234567, buffer), "1.235s");
        cr_expect_str_eq(format_span(63400 * USEC_PER_MSEC, buffer), "1min 3.4s");
        cr_expect_str_eq(format_span(19230 * USEC_PER_SEC, buffer), "5h 20min");
}
