#include "utf8.h"

/* The length of the valid UTF-8 sequence at s, or 0. */
static size_t utf8_sequence(const char *s) {
        const unsigned char *u = (const unsigned char *) s;
        size_t n = u[0] < 0x80   ? 1
                   : u[0] < 0xc2 ? 0
                   : u[0] < 0xe0 ? 2
                   : u[0] < 0xf0 ? 3
                   : u[0] < 0xf5 ? 4
                                 : 0;

        for (size_t i = 1; i < n; i++)
                if ((u[i] & 0xc0) != 0x80)
                        return 0;
        if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
            (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
                return 0;
        return n;
}

char *utf8_copy(const char *s) {
        char *copy = strdup(s ? s : "");

        for (char *p = copy; p && *p;) {
                size_t n = utf8_sequence(p);

                if (n == 0)
                        *p = '?';
                p += n ? n : 1;
        }
        return copy;
}
