#include "stage.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "folder.h"
#include "reterr.h"
#include "rootpath.h"
#include "strip.h"

/* For file systems that cannot copy by themselves. */
#define BUFFER_SIZE (128 * 1024)

/* What the file system copies in one go: between two of them the build can be given up. */
#define COPY_SIZE (64 * 1024 * 1024)

/* Blocks are shared whole. */
#define SHARED_SIZE_MIN 4096

/* What is made has no time of its own; the same plan gives the same tree. */
static const struct timespec made_time = { .tv_sec = 0 };

typedef struct Stage {
        const Plan *plan;
        int root_fd;
        const StageOptions *options;
        StageStats stats;
        /* Why an entry failed, where its errno does not say all. */
        char *reason;
} Stage;

/* Open the folder that an entry is in: only folders that the stage made are on the way. */
static int open_parent(const Stage *s, const char *path) {
        const char *slash = strrchr(path, '/');
        const struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        _cleanup_free_ char *folder =
                        slash == path ? strdup(".") : strndup(path + 1, (size_t) (slash - path - 1));
        long fd;

        if (!folder)
                return -ENOMEM;
        fd = syscall(SYS_openat2, s->root_fd, folder, &how, sizeof(how));
        return fd < 0 ? -errno : (int) fd;
}

static bool stage_is_cancelled(const Stage *s) {
        return s->options->is_cancelled && s->options->is_cancelled();
}

static int copy_by_buffer(const Stage *s, int from_fd, int to_fd, uint64_t *left) {
        _cleanup_free_ char *buffer = malloc(BUFFER_SIZE);

        if (!buffer)
                return -ENOMEM;
        while (*left > 0) {
                ssize_t n = read(from_fd, buffer, BUFFER_SIZE), done = 0;

                if (n < 0)
                        return -errno;
                if (stage_is_cancelled(s))
                        return -ECANCELED;
                if (n == 0 || (uint64_t) n > *left)
                        return -EIO;
                while (done < n) {
                        ssize_t k = write(to_fd, buffer + done, (size_t) (n - done));

                        if (k < 0)
                                return -errno;
                        done += k;
                }
                *left -= (uint64_t) n;
        }
        return 0;
}

/* Copy size bytes: shared with the source where the file system can, as one request where it can, else by hand. Returns 1
 * where they are shared. */
static int copy_content(const Stage *s, int from_fd, int to_fd, uint64_t size) {
        uint64_t left = size;

        if (ioctl(to_fd, FICLONE, from_fd) == 0)
                return 1;
        while (left > 0) {
                ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, left < COPY_SIZE ? left : COPY_SIZE,
                                            0);

                if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
                        return copy_by_buffer(s, from_fd, to_fd, &left);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO;
                if (stage_is_cancelled(s))
                        return -ECANCELED;
                left -= (uint64_t) n;
        }
        return 0;
}

/* Share the blocks of a finished file with those of the generation before, as far as the kernel finds them equal. That it
 * cannot costs space and nothing else. */
static void share_with_previous(Stage *s, const PlanEntry *e, int fd, uint64_t size) {
        _cleanup_free_ struct file_dedupe_range *range =
                        calloc(1, sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info));
        _cleanup_close_ int previous_fd = -EBADF;
        uint64_t done = 0;
        struct stat st;

        if (!range || s->options->previous_fd < 0 || size < SHARED_SIZE_MIN)
                return;
        previous_fd = rootpath_open_regular(s->options->previous_fd, e->path, &st);
        if (previous_fd < 0 || (uint64_t) st.st_size != size)
                return;
        while (done < size) {
                range->src_offset = range->info[0].dest_offset = done;
                range->src_length = size - done;
                range->dest_count = 1;
                range->info[0].dest_fd = fd;
                range->info[0].bytes_deduped = 0;
                if (ioctl(previous_fd, FIDEDUPERANGE, range) < 0 ||
                    range->info[0].status != FILE_DEDUPE_RANGE_SAME || range->info[0].bytes_deduped == 0)
                        break;
                done += range->info[0].bytes_deduped;
        }
        s->stats.shared_bytes += done;
}

/* The source must be the same file of the same size and time after it was read, or the copy is of no known state. */
static int check_unchanged(int fd, const struct stat *before, uint64_t copied) {
        struct stat after;

        if (fstat(fd, &after) < 0)
                return -errno;
        return after.st_size == before->st_size && copied == (uint64_t) before->st_size &&
                                               after.st_mtim.tv_sec == before->st_mtim.tv_sec &&
                                               after.st_mtim.tv_nsec == before->st_mtim.tv_nsec
                               ? 0
                               : -EIO;
}

static int create_file(int parent_fd, const char *name) {
        int fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : fd;
}

/* Owner before mode: chown(2) may clear bits. The time last. */
static int finish_file(int fd, const PlanEntry *e, const struct timespec *mtime) {
        const struct timespec times[2] = { *mtime, *mtime };

        if (fchown(fd, e->uid, e->gid) < 0 || fchmod(fd, e->mode & 01777) < 0 || futimens(fd, times) < 0)
                return -errno;
        return 0;
}

static int write_copy(Stage *s, const PlanEntry *e, int parent_fd, const char *name) {
        _cleanup_close_ int from_fd = -EBADF, to_fd = -EBADF;
        struct stat st, copy;
        int r, shared = 0, stripped = 0;

        from_fd = rootpath_open_regular(s->plan->source_fd, e->source, &st);
        if (from_fd < 0)
                return from_fd;
        to_fd = create_file(parent_fd, name);
        if (to_fd < 0)
                return to_fd;
        if (s->plan->strip && (stripped = strip_copy(from_fd, to_fd, &s->reason)) < 0)
                return stripped;
        if (!stripped && (shared = copy_content(s, from_fd, to_fd, (uint64_t) st.st_size)) < 0)
                return shared;
        if (fstat(to_fd, &copy) < 0)
                return -errno;
        if ((r = check_unchanged(from_fd, &st, (uint64_t) (stripped ? st.st_size : copy.st_size))) < 0)
                return r;
        if (shared)
                s->stats.shared_bytes += (uint64_t) st.st_size;
        else
                share_with_previous(s, e, to_fd, (uint64_t) copy.st_size);
        s->stats.n_files++;
        s->stats.bytes += (uint64_t) copy.st_size;
        return finish_file(to_fd, e, &st.st_mtim);
}

static int write_made(Stage *s, const PlanEntry *e, int parent_fd, const char *name) {
        _cleanup_close_ int fd = create_file(parent_fd, name);
        size_t done = 0;

        if (fd < 0)
                return fd;
        while (done < e->content_size) {
                ssize_t n = write(fd, e->content + done, e->content_size - done);

                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        s->stats.n_files++;
        s->stats.bytes += e->content_size;
        return finish_file(fd, e, &made_time);
}

/* What is no regular file is made under its name, with owner and mode set by name: nobody else reaches this folder. */
static int finish_special(int parent_fd, const char *name, const PlanEntry *e) {
        const struct timespec times[2] = { made_time, made_time };

        if (fchownat(parent_fd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            (e->type != PLAN_SYMLINK && fchmodat(parent_fd, name, e->mode & 01777, 0) < 0) ||
            utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int write_entry(Stage *s, const PlanEntry *e) {
        _cleanup_close_ int parent_fd = -EBADF;
        const char *name = strrchr(e->path, '/') + 1;
        int r;

        parent_fd = open_parent(s, e->path);
        if (parent_fd < 0)
                return parent_fd;
        switch (e->type) {
        case PLAN_FOLDER:
        case PLAN_MOUNT_POINT:
                r = mkdirat(parent_fd, name, 0700);
                break;
        case PLAN_COPY:
                return write_copy(s, e, parent_fd, name);
        case PLAN_MADE:
                return write_made(s, e, parent_fd, name);
        case PLAN_SYMLINK:
                r = symlinkat(e->content, parent_fd, name);
                break;
        case PLAN_DEVICE:
                r = mknodat(parent_fd, name, S_IFCHR | 0600, e->device);
                break;
        case PLAN_FIFO:
                r = mkfifoat(parent_fd, name, 0600);
                break;
        default:
                return -EINVAL;
        }
        return r < 0 ? -errno : finish_special(parent_fd, name, e);
}

/* A folder's time changes with each entry in it: set again when all are there. */
static int finish_folders(Stage *s, const PlanEntry **entries, size_t n) {
        const struct timespec times[2] = { made_time, made_time };

        for (size_t i = 0; i < n; i++) {
                if (entries[i]->type != PLAN_FOLDER && entries[i]->type != PLAN_MOUNT_POINT)
                        continue;
                if (utimensat(s->root_fd, entries[i]->path + 1, times, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
        }
        if (fchmod(s->root_fd, 0755) < 0 || futimens(s->root_fd, times) < 0)
                return -errno;
        return 0;
}

/* Last: from here on nothing in the root can be made, changed or removed. */
static int seal(const Stage *s, const PlanEntry **entries, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                const PlanType type = entries[i]->type;
                _cleanup_close_ int fd = -EBADF;

                if (type != PLAN_COPY && type != PLAN_MADE && type != PLAN_FOLDER &&
                    type != PLAN_MOUNT_POINT)
                        continue;
                fd = openat(s->root_fd, entries[i]->path + 1, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                r = fd < 0 ? -errno : folder_set_immutable(fd, true);
        }
        return r < 0 ? r : folder_set_immutable(s->root_fd, true);
}

int stage_write(const Plan *plan, int root_fd, const StageOptions *options, StageStats *ret, char **reterr) {
        _cleanup_free_ const PlanEntry **entries = NULL;
        Stage s = { .plan = plan, .root_fd = root_fd, .options = options };
        int r = plan_list(plan, &entries);

        if (r < 0)
                return r;
        for (size_t i = 0; i < plan->n_entries; i++) {
                r = stage_is_cancelled(&s) ? -ECANCELED : write_entry(&s, entries[i]);
                if (r == -ECANCELED)
                        return reterr_set(reterr, r, "given up");
                if (r == -EIO)
                        return reterr_set(reterr, r,
                                          "%s: cannot be read, or changed while it was copied (%s)",
                                          entries[i]->path, entries[i]->why);
                if (r < 0) {
                        _cleanup_free_ char *reason = TAKE_PTR(s.reason);

                        return reterr_set(reterr, r, "%s: %s (%s)", entries[i]->path, reason ?: strerror(-r),
                                          entries[i]->why);
                }
                if (options->progress)
                        options->progress(i + 1, plan->n_entries, options->userdata);
        }
        r = finish_folders(&s, entries, plan->n_entries);
        if (r >= 0 && plan->immutable)
                r = seal(&s, entries, plan->n_entries);
        if (r < 0)
                return reterr_set(reterr, r, "cannot finish the new root: %s", strerror(-r));
        *ret = s.stats;
        return 0;
}
