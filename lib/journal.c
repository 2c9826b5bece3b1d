#include "journal.h"

#include <sys/stat.h>
#include <sys/uio.h>

/* No place in the code: an administrator looks for the event, not for the line that reported it. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX     8

bool journal_is_stderr(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long device, inode;
        struct stat st;

        return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
               st.st_dev == device && st.st_ino == inode;
}

typedef struct Fields {
        struct iovec iov[FIELDS_MAX];
        int n;
        bool failed;
} Fields;

static void fields_done(Fields *f) {
        for (int i = 0; i < f->n; i++)
                free(f->iov[i].iov_base);
}

static void fields_add(Fields *f, const char *name, const char *value) {
        char *s = NULL;
        int k;

        if (!value || f->failed)
                return;
        k = asprintf(&s, "%s=%s", name, value);
        if (k < 0) {
                f->failed = true;
                return;
        }
        f->iov[f->n++] = (struct iovec){ .iov_base = s, .iov_len = (size_t) k };
}

static void fields_add_number(Fields *f, const char *name, unsigned n) {
        char text[16];

        snprintf(text, sizeof(text), "%u", n);
        fields_add(f, name, text);
}

int journal_send(const JournalContext *c, int event, int level, const char *message) {
        _cleanup_(fields_done) Fields f = {};

        fields_add(&f, "MESSAGE", message);
        fields_add_number(&f, "PRIORITY", (unsigned) level);
        fields_add(&f, "SYSLOG_IDENTIFIER", c->program);
        fields_add(&f, "JAIL", c->jail);
        fields_add(&f, "JAIL_STATE", c->state);
        if (c->generation > 0)
                fields_add_number(&f, "JAIL_GENERATION", c->generation);
        if (event >= 0) {
                fields_add(&f, "MESSAGE_ID", event_message_id((Event) event));
                fields_add(&f, "JAIL_EVENT", event_name((Event) event));
        }
        if (f.failed)
                return -ENOMEM;
        /* The library says 0 where there is no journal to send to. */
        if (access(JOURNAL_SOCKET, F_OK) < 0)
                return -errno;
        return sd_journal_sendv(f.iov, f.n);
}
