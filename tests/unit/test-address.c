#include <criterion/criterion.h>

#include "address.h"

static Address parsed(const char *s) {
        Address a;

        cr_assert_eq(address_parse(s, &a), 0, "%s", s);
        return a;
}

Test(address, what_is_parsed_is_what_is_shown) {
        static const struct {
                const char *text, *shown;
        } good[] = {
                { "80", "[::]:80" },
                { "*:443", "[::]:443" },
                { "0.0.0.0:1", "0.0.0.0:1" },
                { "127.0.0.1:65535", "127.0.0.1:65535" },
                { "[::1]:8080", "[::1]:8080" },
                { "[2001:db8::1]:80", "[2001:db8::1]:80" },
        };
        char buf[ADDRESS_STRING_MAX];

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Address a = parsed(good[i].text);

                cr_assert_str_eq(address_to_string(&a, buf), good[i].shown);
        }
}

Test(address, nonsense_is_refused) {
        static const char *const bad[] = {
                "",
                ":",
                "0",
                "65536",
                "99999999999999999999",
                "-1",
                "80x",
                "+80",
                " 80",
                "localhost:80",
                "127.0.0.1",
                "127.0.0.1:",
                "1.2.3:80",
                "::1:80",
                "[::1]",
                "[::1]80",
                "[:80",
                "[127.0.0.1]:80",
                "[]:80",
                "1.2.3.4:0",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80",
        };
        Address a;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_assert_eq(address_parse(bad[i], &a), -EINVAL, "'%s'", bad[i]);
}

Test(address, a_pair_is_one_address_or_two) {
        ListenPair p;
        Address inside = parsed("80");

        cr_assert_eq(listen_pair_parse("127.0.0.1:8080", &p), 0);
        cr_assert(address_equal(&p.inside, &p.outside));
        cr_assert_eq(listen_pair_parse("127.0.0.1:8080 \t 80", &p), 0);
        cr_assert(address_equal(&p.inside, &inside));
        cr_assert_eq(listen_pair_parse("80 80 80", &p), -EINVAL);
        cr_assert_eq(listen_pair_parse("", &p), -EINVAL);
}

Test(address, a_sockaddr_that_lies_about_its_size_is_refused) {
        Address a, from = parsed("127.0.0.1:80");

        cr_assert_eq(address_from_sockaddr(&from, sizeof(struct sockaddr_in), &a), 0);
        cr_assert(address_equal(&a, &from));
        cr_assert_eq(address_from_sockaddr(&from, sizeof(struct sockaddr_in) - 1, &a), -EINVAL);
        cr_assert_eq(address_from_sockaddr(&from, 1, &a), -EINVAL);
        from.sa.sa_family = AF_UNIX;
        cr_assert_eq(address_from_sockaddr(&from, sizeof(from), &a), -EAFNOSUPPORT);
}

Test(address, apache_finds_its_socket_by_the_address_or_by_the_wildcard_of_either_family) {
        ListenPair pairs[3] = {};
        Address asked;

        cr_assert_eq(listen_pair_parse("127.0.0.1:8080 80", &pairs[0]), 0);
        cr_assert_eq(listen_pair_parse("10.0.0.1:81", &pairs[1]), 0);
        cr_assert_eq(listen_pair_parse("0.0.0.0:80", &pairs[2]), 0);

        asked = parsed("[::]:80");
        cr_assert_eq(listen_pairs_find(pairs, 3, &asked), 0);
        asked = parsed("0.0.0.0:80");
        cr_assert_eq(listen_pairs_find(pairs, 3, &asked), 2);
        cr_assert_eq(listen_pairs_find(pairs, 2, &asked), 0);
        asked = parsed("10.0.0.1:81");
        cr_assert_eq(listen_pairs_find(pairs, 3, &asked), 1);
        asked = parsed("10.0.0.1:82");
        cr_assert_eq(listen_pairs_find(pairs, 3, &asked), -ENOENT);
        asked = parsed("10.0.0.2:81");
        cr_assert_eq(listen_pairs_find(pairs, 3, &asked), -ENOENT);
}
