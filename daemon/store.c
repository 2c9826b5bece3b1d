#include "store.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "strv.h"

#define SETTLE_TIMEOUT_USEC (5 * USEC_PER_SEC)

static bool is_there;

void store_open(void) {
        const char *max = getenv("FDSTORE");

        is_there = max && atoi(max) > 0 && getenv("NOTIFY_SOCKET");
}

bool store_is_there(void) {
        return is_there;
}

void store_put(const char *name, int fd) {
        char message[STORE_NAME_MAX + 32];
        int r;

        if (!is_there)
                return;
        /* FDPOLL=0: a pidfd or a notification descriptor that is done is for us to find out, not for systemd to
         * throw away. */
        snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
        r = sd_pid_notify_with_fds(0, false, message, &fd, 1);
        if (r <= 0)
                log_warning("systemd does not keep %s: %s", name, strerror(-r));
}

void store_drop(const char *name) {
        if (is_there)
                (void) sd_notifyf(false, "FDSTOREREMOVE=1\nFDNAME=%s", name);
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

int inherited_collect(Inherited *ret) {
        _cleanup_strv_free_ char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names);

        *ret = (Inherited){};
        if (n <= 0)
                return n;
        ret->item = calloc((size_t) n, sizeof(ret->item[0]));
        if (!ret->item)
                return -ENOMEM;
        for (; ret->n < (size_t) n; ret->n++) {
                ret->item[ret->n].name = TAKE_PTR(names[ret->n]);
                ret->item[ret->n].fd = SD_LISTEN_FDS_START + (int) ret->n;
        }
        return 0;
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
