#include "directives.h"

bool directive_is(const ApacheDirective *d, const char *name) {
        return strcasecmp(d->name, name) == 0;
}

const char *directive_argument(const ApacheDirective *d, size_t i) {
        return i < strv_length(d->arguments) ? d->arguments[i] : "";
}

bool directive_has_argument(const ApacheDirective *d, const char *word) {
        for (char **s = d->arguments; s && *s; s++)
                if (strcasecmp(*s, word) == 0)
                        return true;
        return false;
}

const ApacheDirective *directive_section(const Apache *a, const ApacheDirective *d, const char *name) {
        for (ssize_t i = d->section; i >= 0; i = a->directives[i].section)
                if (directive_is(&a->directives[i], name))
                        return &a->directives[i];
        return NULL;
}

const ApacheDirective *directive_last(const Apache *a, ssize_t section, const char *name) {
        const ApacheDirective *found = NULL;

        for (size_t i = 0; i < a->n_directives; i++)
                if (a->directives[i].section == section && directive_is(&a->directives[i], name))
                        found = &a->directives[i];
        return found;
}

ssize_t directive_next_server(const Apache *a, ssize_t server) {
        for (size_t i = (size_t) (server + 1); i < a->n_directives; i++)
                if (a->directives[i].is_section && directive_is(&a->directives[i], "VirtualHost"))
                        return (ssize_t) i;
        return -1;
}

const ApacheDirective *directive_of_server(const Apache *a, ssize_t server, const char *name) {
        const ApacheDirective *own = server < 0 ? NULL : directive_last(a, server, name);

        return own ?: directive_last(a, -1, name);
}
