#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PATH_SIZE 64

static const char *proc_path(pid_t pid, const char *file, char buf[static PATH_SIZE]) {
        snprintf(buf, PATH_SIZE, "/proc/%d/%s", pid, file);
        return buf;
}

int process_for_each(int (*fn)(pid_t pid, void *userdata), void *userdata) {
        DIR *proc = opendir("/proc");
        int r = 0;

        if (!proc)
                return -errno;
        for (struct dirent *d; r >= 0 && (d = readdir(proc));) {
                char *end;
                long pid = strtol(d->d_name, &end, 10);

                if (pid > 0 && *end == '\0')
                        r = fn((pid_t) pid, userdata);
        }
        closedir(proc);
        return r < 0 ? r : 0;
}

ino_t process_namespace(pid_t pid, const char *type) {
        char path[PATH_SIZE], file[24];
        struct stat st;

        snprintf(file, sizeof(file), "ns/%s", type);
        return stat(proc_path(pid, file, path), &st) < 0 ? 0 : st.st_ino;
}

int process_exe(pid_t pid, char *buf, size_t size) {
        char path[PATH_SIZE];
        ssize_t n = readlink(proc_path(pid, "exe", path), buf, size - 1);

        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return 0;
}

int process_read_lines(pid_t pid, const char *file, bool (*fn)(const char *line, void *userdata),
                       void *userdata) {
        char path[PATH_SIZE];
        _cleanup_fclose_ FILE *f = fopen(proc_path(pid, file, path), "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t n;

        if (!f)
                return -errno;
        errno = 0;
        while ((n = getline(&line, &size, f)) > 0) {
                if (line[n - 1] == '\n')
                        line[n - 1] = '\0';
                if (!fn(line, userdata))
                        return 0;
        }
        return ferror(f) ? -errno : 0;
}

void process_unescape(char *s) {
        char *to = s;

        for (const char *from = s; *from; to++)
                if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
                        *to = (char) ((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
                        from += 4;
                } else
                        *to = *from++;
        *to = '\0';
}

typedef struct Field {
        const char *name;
        char value[32];
} Field;

static bool find_field(const char *line, void *userdata) {
        Field *f = userdata;
        size_t n = strlen(f->name);

        if (strncmp(line, f->name, n) != 0 || line[n] != ':')
                return true;
        line += n + 1;
        snprintf(f->value, sizeof(f->value), "%s", line + strspn(line, " \t"));
        return false;
}

/* The field of status, or "" */
static const char *read_field(pid_t pid, Field *f) {
        return process_read_lines(pid, "status", find_field, f) < 0 ? "" : f->value;
}

uid_t process_uid(pid_t pid) {
        Field f = { .name = "Uid" };
        unsigned real, effective;

        return sscanf(read_field(pid, &f), "%u %u", &real, &effective) == 2 ? effective : (uid_t) -1;
}

pid_t process_parent(pid_t pid) {
        Field f = { .name = "PPid" };

        return (pid_t) strtol(read_field(pid, &f), NULL, 10);
}

bool process_parent_has_exe(pid_t pid, const char *exe) {
        pid_t parent = process_parent(pid);
        char buf[PATH_MAX];

        return parent > 0 && process_exe(parent, buf, sizeof(buf)) >= 0 && streq(buf, exe);
}

void process_name(pid_t pid, char buf[static 16]) {
        Field f = { .name = "Name" };
        const char *name = read_field(pid, &f);

        snprintf(buf, 16, "%.15s", *name ? name : "?");
}
