#include "store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "strv.h"

#define SETTLE_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* "PID:FD" of the list of what we keep, for the program that we become. */
#define LIST_VARIABLE "JAILD_KEPT"

typedef struct Kept {
        char *name;
        /* Negative where systemd keeps it. */
        int fd;
        bool is_lent;
} Kept;

static bool is_open, is_there;
/* How much systemd keeps at most, and whether that was said to be too little. */
static size_t max = SIZE_MAX;
static bool is_full;
static Kept *kept;
static size_t n_kept;

void store_open(void) {
        const char *most = getenv("FDSTORE");

        is_open = true;
        is_there = most && atoi(most) > 0 && getenv("NOTIFY_SOCKET");
        if (is_there)
                max = (size_t) atoi(most);
}

bool store_is_there(void) {
        return is_there;
}

/* Consumes fd. */
static int remember(const char *name, int fd, bool is_lent) {
        Kept *more = reallocarray(kept, n_kept + 1, sizeof(Kept));
        char *copy = more ? strdup(name) : NULL;

        if (more)
                kept = more;
        if (!copy) {
                close_fd(fd);
                return -ENOMEM;
        }
        kept[n_kept++] = (Kept){ .name = copy, .fd = fd, .is_lent = is_lent };
        return 0;
}

/* systemd refuses what is too much, and tells nobody but its log. */
static bool has_room(void) {
        if (n_kept < max)
                return true;
        if (!is_full)
                log_warning("systemd keeps %zu descriptors at most, and this jail has more (each log is one): it would not outlive "
                            "its supervisor; raise FileDescriptorStoreMax= and FDSTORE= by systemctl edit jaild@",
                            max);
        is_full = true;
        return false;
}

static int keep_by_systemd(const char *name, int fd) {
        char message[STORE_NAME_MAX + 32];
        int r;

        if (!has_room())
                return 0;
        /* FDPOLL=0: a pidfd or a notification descriptor that is done is for us to find out, not for systemd to
         * throw away. */
        snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
        r = sd_pid_notify_with_fds(0, false, message, &fd, 1);
        return r > 0 ? remember(name, -EBADF, false) : r < 0 ? r : -ENOTCONN;
}

static int keep_ourselves(const char *name, int fd) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

        return copy < 0 ? -errno : remember(name, copy, false);
}

void store_put(const char *name, int fd) {
        int r = !is_open ? 0 : is_there ? keep_by_systemd(name, fd) : keep_ourselves(name, fd);

        if (r < 0)
                log_warning("cannot keep %s for the next supervisor: %s", name, strerror(-r));
}

void store_lend(const char *name, int fd) {
        if (is_open && !is_there)
                (void) remember(name, fd, true);
}

void store_drop(const char *name) {
        size_t left = 0;

        for (size_t i = 0; i < n_kept; i++) {
                if (!streq(kept[i].name, name)) {
                        kept[left++] = kept[i];
                        continue;
                }
                close_fd(kept[i].fd);
                free(kept[i].name);
        }
        n_kept = left;
        if (is_there)
                (void) sd_notifyf(false, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* Whether it is closed when we become another program. */
static int set_close_on_exec(int fd, bool on) {
        return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

static int set_all_close_on_exec(bool on) {
        int r = 0;

        for (size_t i = 0; i < n_kept && r >= 0; i++)
                r = set_close_on_exec(kept[i].fd, on);
        return r;
}

/* A line for each: descriptor, whether it is lent, name. Returns a file, at its beginning. */
static FILE *write_list(void) {
        _cleanup_close_ int fd = memfd_create("kept", 0);
        _cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");

        if (!f)
                return NULL;
        (void) TAKE_FD(fd);
        for (size_t i = 0; i < n_kept; i++)
                fprintf(f, "%d %d %s\n", kept[i].fd, kept[i].is_lent, kept[i].name);
        if (fflush(f) != 0 || fseek(f, 0, SEEK_SET) < 0)
                return NULL;
        return TAKE_PTR(f);
}

int store_execute(char *const *argv) {
        _cleanup_fclose_ FILE *list = write_list();
        char value[32];
        int r;

        if (!list)
                return -errno;
        snprintf(value, sizeof(value), "%d:%d", getpid(), fileno(list));
        r = set_all_close_on_exec(false);
        if (r >= 0) {
                r = setenv(LIST_VARIABLE, value, true) < 0 ? -errno : 0;
                if (r >= 0)
                        (void) execv(argv[0], argv);
                r = -errno;
                (void) unsetenv(LIST_VARIABLE);
        }
        (void) set_all_close_on_exec(true);
        return r;
}

int store_settle(void) {
        int r = is_there ? sd_notify_barrier(false, SETTLE_TIMEOUT_USEC) : -ENOTCONN;

        return r == 0 ? -ENOTCONN : r;
}

static void *map(int fd, size_t size) {
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (memory == MAP_FAILED)
                return NULL;
        /* The child that becomes httpd has no use for it. */
        if (madvise(memory, size, MADV_DONTFORK) < 0) {
                (void) munmap(memory, size);
                return NULL;
        }
        return memory;
}

void *store_memory_new(const char *name, size_t size) {
        _cleanup_close_ int fd = memfd_create(name ?: "jaild", MFD_CLOEXEC);
        void *memory;

        if (fd < 0 || ftruncate(fd, (off_t) size) < 0)
                return NULL;
        memory = map(fd, size);
        if (!memory)
                return NULL;
        ((StoreHeader *) memory)->layout = STORE_LAYOUT;
        if (name)
                store_put(name, fd);
        return memory;
}

void *store_memory_adopt(int fd_, size_t size) {
        _cleanup_close_ int fd = fd_;
        struct stat st;
        void *memory;

        if (fstat(fd, &st) < 0)
                return NULL;
        if (!S_ISREG(st.st_mode) || (size_t) st.st_size < sizeof(StoreHeader)) {
                errno = EPROTO;
                return NULL;
        }
        if ((size_t) st.st_size < size && ftruncate(fd, (off_t) size) < 0)
                return NULL;
        memory = map(fd, size);
        if (memory && ((StoreHeader *) memory)->layout != STORE_LAYOUT) {
                store_memory_free(memory, size);
                errno = EPROTO;
                return NULL;
        }
        return memory;
}

void store_memory_free(void *memory, size_t size) {
        if (memory)
                (void) munmap(memory, size);
}

static int inherited_add(Inherited *in, const char *name, int fd) {
        struct InheritedItem *more = reallocarray(in->item, in->n + 1, sizeof(in->item[0]));

        if (!more)
                return -ENOMEM;
        in->item = more;
        more[in->n] = (struct InheritedItem){ .name = strdup(name), .fd = fd };
        return more[in->n].name ? (in->n++, 0) : -ENOMEM;
}

/* One line of the list: it is kept on, and what is not lent is inherited as a descriptor of its own. */
static int inherited_add_kept(Inherited *in, char *line) {
        char name[STORE_NAME_MAX];
        int fd, is_lent, copy, r;

        if (sscanf(line, "%d %d %127[^\n]", &fd, &is_lent, name) != 3)
                return -EBADMSG;
        r = set_close_on_exec(fd, true);
        if (r < 0)
                return r;
        copy = is_lent ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (copy < 0)
                return -errno;
        r = remember(name, fd, is_lent);
        return r < 0 ? r : inherited_add(in, name, copy);
}

/* What we kept as the program that we were. Returns 0 or an errno. */
static int inherited_collect_own(Inherited *ret) {
        const char *value = getenv(LIST_VARIABLE);
        _cleanup_fclose_ FILE *list = NULL;
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int pid, fd, r = 0;

        /* As with $LISTEN_PID, what others got is not for us. */
        if (!value || sscanf(value, "%d:%d", &pid, &fd) != 2 || pid != getpid())
                return 0;
        (void) unsetenv(LIST_VARIABLE);
        list = fdopen(fd, "r");
        if (!list)
                return -errno;
        while (r >= 0 && getline(&line, &size, list) > 0)
                r = inherited_add_kept(ret, line);
        return r;
}

int inherited_collect(Inherited *ret) {
        _cleanup_strv_free_ char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names), r = 0;

        *ret = (Inherited){};
        if (n < 0)
                return n;
        if (!is_there)
                r = inherited_collect_own(ret);
        for (int i = 0; i < n && r >= 0; i++) {
                r = inherited_add(ret, names[i], SD_LISTEN_FDS_START + i);
                /* That of the socket units are counted with the rest. */
                if (r >= 0 && is_there)
                        r = remember(names[i], -EBADF, false);
        }
        return r;
}

void inherited_done(Inherited *in) {
        for (size_t i = 0; i < in->n; i++) {
                free(in->item[i].name);
                close_fd(in->item[i].fd);
        }
        free(in->item);
        *in = (Inherited){};
}

static struct InheritedItem *find(const Inherited *in, const char *name) {
        for (size_t i = 0; i < in->n; i++)
                if (in->item[i].fd >= 0 && streq(in->item[i].name, name))
                        return &in->item[i];
        return NULL;
}

int inherited_find(const Inherited *in, const char *name) {
        const struct InheritedItem *item = find(in, name);

        return item ? item->fd : -ENOENT;
}

int inherited_take(Inherited *in, const char *name) {
        struct InheritedItem *item = find(in, name);

        return item ? TAKE_FD(item->fd) : -ENOENT;
}

void inherited_discard(Inherited *in) {
        for (size_t i = 0; i < in->n; i++) {
                if (in->item[i].fd < 0)
                        continue;
                log_event(EVENT_ADOPTION_REFUSED, "systemd handed us '%s', which is of no use here: closed",
                          in->item[i].name);
                store_drop(in->item[i].name);
                in->item[i].fd = close_fd(in->item[i].fd);
        }
}
