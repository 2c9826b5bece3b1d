#include "reterr.h"

#include <stdarg.h>

int reterr_set(char **reterr, int error, const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(reterr, format, ap);
        va_end(ap);
        return n < 0 ? -ENOMEM : error;
}
