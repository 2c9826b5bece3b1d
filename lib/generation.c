#include "generation.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "config.h"
#include "folder.h"
#include "manifest.h"
#include "origins.h"
#include "reterr.h"

#define GENERATIONS "generations"
#define CURRENT     "current"
#define LOCK        "lock"
/* Of a generation that is being written; and of the link, before it takes its place. */
#define TEMPORARY     ".tmp-"
#define TEMPORARY_MAX sizeof(TEMPORARY "0123456789abcdef")

struct GenerationStore {
        /* JAILD_STATE_DIR/NAME, and generations in it. */
        int fd;
        int generations_fd;
        int lock_fd;
        char *name;
        StageOptions options;
};

GenerationStore *generation_store_close(GenerationStore *s) {
        if (!s)
                return NULL;
        (void) close_fd(s->generations_fd);
        (void) close_fd(s->fd);
        (void) close_fd(s->lock_fd);
        free(s->name);
        free(s);
        return NULL;
}

/* By which people, terminals and service managers end a program. */
static const int ends[] = { SIGINT, SIGTERM, SIGHUP };

static bool is_ended(void) {
        sigset_t pending;

        if (sigpending(&pending) < 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (sigismember(&pending, ends[i]) > 0)
                        return true;
        return false;
}

/* Until signals_release() they wait, so that there is time to leave nothing behind; then they do what they do. One that is
 * ignored (nohup(1)) still is. */
static sigset_t signals_hold(void) {
        sigset_t set, before = {};
        struct sigaction action;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                        sigaddset(&set, ends[i]);
        (void) sigprocmask(SIG_BLOCK, &set, &before);
        return before;
}

static void signals_release(sigset_t *before) {
        (void) sigprocmask(SIG_SETMASK, before, NULL);
}

/* Make a folder, root's, and open it. */
static int make_folder(int parent_fd, const char *name, mode_t mode) {
        bool is_new = mkdirat(parent_fd, name, 0700) == 0;
        _cleanup_close_ int fd = -EBADF;

        if (!is_new && errno != EEXIST)
                return -errno;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (is_new && fchmod(fd, mode) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static void temporary_name(char buf[static TEMPORARY_MAX]) {
        uint64_t random = 0;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                random = (uint64_t) getpid();
        snprintf(buf, TEMPORARY_MAX, TEMPORARY "%016llx", (unsigned long long) random);
}

/* Remove what builds that were killed have left; the lock says that none is running. */
static int remove_leftovers(int fd) {
        _cleanup_strv_free_ char **names = NULL;
        int r = folder_list(fd, &names);

        for (char **n = names; r >= 0 && n && *n; n++)
                if (strncmp(*n, TEMPORARY, strlen(TEMPORARY)) == 0)
                        r = folder_remove(fd, *n);
        return r;
}

static int take_lock(GenerationStore *s, char **reterr) {
        s->lock_fd = openat(s->fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (s->lock_fd < 0)
                return -errno;
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
                return 0;
        if (errno != EWOULDBLOCK)
                return -errno;
        return reterr_set(reterr, -EBUSY, "another build is under way: wait for it to end");
}

static int open_folders(GenerationStore *s) {
        _cleanup_close_ int state_fd = make_folder(AT_FDCWD, JAILD_STATE_DIR, 0755);

        if (state_fd < 0)
                return state_fd;
        s->fd = make_folder(state_fd, s->name, 0755);
        if (s->fd < 0)
                return s->fd;
        s->generations_fd = make_folder(s->fd, GENERATIONS, 0755);
        return s->generations_fd < 0 ? s->generations_fd : 0;
}

int generation_store_open(const char *jail_name, GenerationStore **ret, char **reterr) {
        _cleanup_(generation_store_closep) GenerationStore *s = calloc(1, sizeof(GenerationStore));
        int r;

        if (!s)
                return -ENOMEM;
        s->fd = s->generations_fd = s->lock_fd = -EBADF;
        s->options.is_cancelled = is_ended;
        if (!jail_name_is_valid(jail_name))
                return reterr_set(reterr, -EINVAL, "'%s' cannot be the name of a jail", jail_name);
        s->name = strdup(jail_name);
        if (!s->name)
                return -ENOMEM;
        if ((r = open_folders(s)) >= 0)
                r = take_lock(s, reterr);
        if (r >= 0 && (r = remove_leftovers(s->generations_fd)) >= 0)
                r = remove_leftovers(s->fd);
        if (r == -EBUSY && *reterr)
                return r;
        if (r < 0)
                return reterr_set(reterr, r, "%s/%s: %s", JAILD_STATE_DIR, jail_name, strerror(-r));
        *ret = TAKE_PTR(s);
        return 0;
}

void generation_store_on_progress(GenerationStore *s,
                                  void (*progress)(size_t done, size_t total, void *userdata),
                                  void *userdata) {
        s->options.progress = progress;
        s->options.userdata = userdata;
}

unsigned generation_parse(const char *name) {
        unsigned long n;
        char *end;

        if (name[0] < '1' || name[0] > '9')
                return 0;
        n = strtoul(name, &end, 10);
        return *end || n > INT32_MAX ? 0 : (unsigned) n;
}

static int number_compare(const void *a, const void *b) {
        const unsigned x = *(const unsigned *) a, y = *(const unsigned *) b;

        return (x > y) - (x < y);
}

static int list_numbers(int fd, unsigned **ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ unsigned *numbers = NULL;
        int r = folder_list(fd, &names), n = 0;

        if (r < 0)
                return r;
        numbers = calloc(strv_length(names) + 1, sizeof(unsigned));
        if (!numbers)
                return -ENOMEM;
        for (char **name = names; name && *name; name++) {
                numbers[n] = generation_parse(*name);
                n += numbers[n] > 0;
        }
        qsort(numbers, (size_t) n, sizeof(unsigned), number_compare);
        *ret = TAKE_PTR(numbers);
        return n;
}

static int write_directives(const Plan *plan, FILE *f) {
        return fputs(plan->directives ?: "", f) < 0 ? -EIO : 0;
}

static int write_text(const Plan *plan, PackageSearch *packages, const StageStats *stats, int fd,
                      int root_fd, const char *name, char **reterr) {
        _cleanup_close_ int file_fd = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        FILE *f = file_fd < 0 ? NULL : fdopen(file_fd, "w");
        int r;

        if (!f)
                return reterr_set(reterr, -errno, "%s: %s", name, strerror(errno));
        TAKE_FD(file_fd);
        r = streq(name, GENERATION_MANIFEST)     ? manifest_write(plan, root_fd, f, reterr)
            : streq(name, GENERATION_ORIGINS)    ? origins_write(plan, packages, stats, root_fd, f, reterr)
            : streq(name, GENERATION_DIRECTIVES) ? write_directives(plan, f)
                                                 : launch_write(plan->launch, f);
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        return r < 0 && !*reterr ? reterr_set(reterr, r, "%s: %s", name, strerror(-r)) : r;
}

/* Everything of a generation, in the folder fd. */
static int write_all(const Plan *plan, int fd, const StageOptions *options, StageStats *ret, char **reterr) {
        static const char *const texts[] = { GENERATION_MANIFEST, GENERATION_ORIGINS, GENERATION_DIRECTIVES,
                                             GENERATION_LAUNCH };
        _cleanup_close_ int root_fd = make_folder(fd, GENERATION_ROOT, 0755);
        _cleanup_(package_search_freep) PackageSearch *packages = NULL;
        int r;

        if (root_fd < 0)
                return reterr_set(reterr, root_fd, "%s: %s", GENERATION_ROOT, strerror(-root_fd));
        if ((r = origins_begin(plan, &packages, reterr)) >= 0)
                r = stage_write(plan, root_fd, options, ret, reterr);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = write_text(plan, packages, ret, fd, root_fd, texts[i], reterr);
        if (r < 0)
                return r;
        /* Once for all files, and before the rename that makes them a generation. */
        if (syncfs(fd) < 0)
                return reterr_set(reterr, -errno, "cannot write to the disk: %s", strerror(errno));
        return 0;
}

static int next_number(const GenerationStore *s, unsigned *ret) {
        _cleanup_free_ unsigned *numbers = NULL;
        int n = list_numbers(s->generations_fd, &numbers);

        if (n < 0)
                return n;
        *ret = n > 0 ? numbers[n - 1] + 1 : 1;
        return 0;
}

int generation_write(GenerationStore *s, const Plan *plan, unsigned *ret_number, StageStats *ret_stats,
                     char **reterr) {
        /* Released last, when the folder is gone or a generation. */
        _cleanup_(signals_release) sigset_t before = signals_hold();
        char temporary[TEMPORARY_MAX], name[sizeof("4294967295")];
        _cleanup_close_ int fd = -EBADF, previous_fd = -EBADF;
        const char *written = temporary;
        unsigned number = 0;
        int r = next_number(s, &number);

        temporary_name(temporary);
        snprintf(name, sizeof(name), "%u", number);
        if (r < 0 || (r = fd = make_folder(s->generations_fd, temporary, 0700)) < 0)
                return reterr_set(reterr, r, "%s/%s: %s", JAILD_STATE_DIR, s->name, strerror(-r));
        s->options.previous_fd = previous_fd =
                        openat(s->fd, CURRENT "/" GENERATION_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = write_all(plan, fd, &s->options, ret_stats, reterr);
        s->options.previous_fd = -EBADF;
        /* The disk may have taken its time. */
        if (r >= 0 && is_ended())
                r = reterr_set(reterr, -ECANCELED, "given up");
        if (r >= 0 && renameat(s->generations_fd, temporary, s->generations_fd, name) < 0)
                r = reterr_set(reterr, -errno, "generation %u: %s", number, strerror(errno));
        else if (r >= 0) {
                written = name;
                if (fsync(s->generations_fd) < 0)
                        r = reterr_set(reterr, -errno, "generation %u: %s", number, strerror(errno));
        }
        if (r < 0) {
                (void) folder_remove(s->generations_fd, written);
                return r;
        }
        *ret_number = number;
        return 0;
}

int generation_switch(GenerationStore *s, unsigned number, char **reterr) {
        _cleanup_(signals_release) sigset_t before = signals_hold();
        char temporary[TEMPORARY_MAX], target[sizeof(GENERATIONS "/4294967295")];
        struct stat st;

        snprintf(target, sizeof(target), GENERATIONS "/%u", number);
        if (fstatat(s->fd, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return reterr_set(reterr, -errno, "generation %u: %s", number, strerror(errno));
        temporary_name(temporary);
        if (symlinkat(target, s->fd, temporary) < 0)
                return reterr_set(reterr, -errno, "%s: %s", temporary, strerror(errno));
        if (renameat(s->fd, temporary, s->fd, CURRENT) < 0 || fsync(s->fd) < 0) {
                int r = reterr_set(reterr, -errno, "cannot make generation %u current: %s", number,
                                   strerror(errno));

                (void) unlinkat(s->fd, temporary, 0);
                return r;
        }
        return 0;
}

int generation_remove(GenerationStore *s, unsigned number, char **reterr) {
        _cleanup_(signals_release) sigset_t before = signals_hold();
        char temporary[TEMPORARY_MAX], name[sizeof("4294967295")];
        unsigned current;
        int r = generation_current(s->name, &current);

        if (r >= 0 && current == number)
                return reterr_set(reterr, -EBUSY, "generation %u is the current one", number);
        temporary_name(temporary);
        snprintf(name, sizeof(name), "%u", number);
        /* From here on it is a leftover, for the next build if not for us. */
        if (renameat(s->generations_fd, name, s->generations_fd, temporary) < 0)
                r = -errno;
        else
                r = folder_remove(s->generations_fd, temporary);
        return r < 0 ? reterr_set(reterr, r, "cannot remove generation %u: %s", number, strerror(-r)) : 0;
}

int generation_prune(GenerationStore *s, unsigned keep, unsigned running, char **reterr) {
        _cleanup_free_ unsigned *numbers = NULL;
        unsigned current = 0;
        int n = list_numbers(s->generations_fd, &numbers), removed = 0, r = 0;

        if (n < 0)
                return reterr_set(reterr, n, "%s/%s: %s", JAILD_STATE_DIR, s->name, strerror(-n));
        (void) generation_current(s->name, &current);
        for (int i = 0; r >= 0 && i < n && (unsigned) (n - removed) > keep; i++)
                if (numbers[i] != current && numbers[i] != running &&
                    (r = generation_remove(s, numbers[i], reterr)) >= 0)
                        removed++;
        return r < 0 ? r : removed;
}

static int open_state(const char *jail_name, const char *more) {
        char path[PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "%s/%s%s", JAILD_STATE_DIR, jail_name, more);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int generation_current(const char *jail_name, unsigned *ret) {
        _cleanup_close_ int fd = open_state(jail_name, "");
        char target[sizeof(GENERATIONS "/4294967295")];
        ssize_t n;

        if (fd < 0)
                return fd;
        n = readlinkat(fd, CURRENT, target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        if (strncmp(target, GENERATIONS "/", strlen(GENERATIONS "/")) != 0)
                return -EBADMSG;
        *ret = generation_parse(target + strlen(GENERATIONS "/"));
        return *ret > 0 ? 0 : -EBADMSG;
}

int generation_list(const char *jail_name, unsigned **ret) {
        _cleanup_close_ int fd = open_state(jail_name, "/" GENERATIONS);

        return fd < 0 ? fd : list_numbers(fd, ret);
}

int generation_open(const char *jail_name, unsigned number, const char *what, int flags) {
        char path[PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "%s/%s/" GENERATIONS "/%u/%s", JAILD_STATE_DIR, jail_name, number,
                 what);
        fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}
