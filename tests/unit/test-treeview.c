#include <criterion/criterion.h>
#include <sys/mman.h>

#include "treeview.h"

/* As it is read. */
#define BUFFER_SIZE (256 * 1024)

static const char key[] = "-----BEGIN RSA PRIVATE KEY-----\nabc\n";

static bool has_key(const char *text, size_t at) {
        _cleanup_close_ int fd = memfd_create("text", MFD_CLOEXEC);
        unsigned char digest[TREE_DIGEST_SIZE];
        bool found = false;

        cr_assert_geq(fd, 0);
        cr_assert_eq(pwrite(fd, text, strlen(text), (off_t) at), (ssize_t) strlen(text));
        cr_assert_eq(tree_digest_file(fd, digest, &found), 0);
        return found;
}

Test(treeview, finds_a_private_key_wherever_it_stands) {
        const size_t places[] = {
                0, 1, BUFFER_SIZE - sizeof(key), BUFFER_SIZE, BUFFER_SIZE + 1, 3 * BUFFER_SIZE - 5
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                cr_expect(has_key(key, places[i]), "at %zu", places[i]);
        /* From where it begins in one buffer to where it ends in the next. */
        for (size_t before = 1; before < sizeof(key); before++)
                cr_expect(has_key(key, BUFFER_SIZE - before), "%zu bytes before the next", before);
}

Test(treeview, words_of_a_program_are_no_key) {
        cr_expect(!has_key("-----BEGIN CERTIFICATE-----\n", 0));
        cr_expect(!has_key("-----BEGIN \n is behind PRIVATE KEY-----x", 0));
}
