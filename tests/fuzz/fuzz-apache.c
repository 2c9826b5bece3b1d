#include "apache-parse.h"
#include "directives.h"
#include "fuzz.h"

/* All that httpd may have printed, and a file of its configuration, of the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(apache_freep) Apache *printed = calloc(1, sizeof(Apache)),
                                       *dumped = calloc(1, sizeof(Apache));
        _cleanup_free_ char *text = strndup((const char *) data, size), *compiled = NULL, *complaint = NULL;
        _cleanup_strv_free_ char **words = NULL;

        if (!printed || !dumped || !text)
                abort();
        printed->root_fd = dumped->root_fd = -EBADF;
        if (apache_parse_words(text, &words) < 0 || !words || apache_parse_complaint(text, &complaint) < 0 ||
            strchr(complaint, '\n') || apache_parse_loaded(text, printed) < 0 ||
            apache_parse_file("/f", text, printed) < 0)
                abort();
        (void) apache_parse_compiled(text, "SERVER_CONFIG_FILE", &compiled);
        (void) apache_parse_settings(text, printed);
        if (apache_parse_directives(text, dumped) < 0)
                return 0;
        for (size_t i = 0; i < dumped->n_directives; i++) {
                const ApacheDirective *d = &dumped->directives[i];

                if (!d->arguments || d->section >= (ssize_t) i || !directive_argument(d, 0))
                        abort();
                (void) directive_of_server(dumped, directive_next_server(dumped, -1), d->name);
        }
        return 0;
}
