#include "apache-parse.h"

#include "strv.h"

/* Deeper sections than any real configuration has. */
#define SECTIONS_MAX 64

/* The next line of *text as a copy without its newline, or NULL at the end. */
static int next_line(const char **text, char **ret) {
        const char *start = *text;
        size_t length = strcspn(start, "\n");

        free(*ret);
        *ret = NULL;
        if (!start[0])
                return 0;
        *ret = strndup(start, length);
        if (!*ret)
                return -ENOMEM;
        *text = start + length + (start[length] == '\n');
        return 1;
}

/* As httpd has them, whatever the locale; and one list for all: where a word ends, the blanks before the next begin. */
static const char blanks[] = " \t\r\n\v\f";

static const char *skip_blanks(const char *s) {
        return s + strspn(s, blanks);
}

static void trim_end(char *s) {
        size_t n = strlen(s);

        while (n > 0 && strchr(blanks, s[n - 1]))
                s[--n] = '\0';
}

/* Copy the next word of *s to word, which has room for all of it. */
static void take_word(const char **s, char *word) {
        const char *p = *s;
        char quote = *p == '"' || *p == '\'' ? *p++ : '\0';

        while (*p && (quote ? *p != quote : !strchr(blanks, *p))) {
                if (*p == '\\' && (p[1] == '\\' || (quote && p[1] == quote)))
                        p++;
                *word++ = *p++;
        }
        *word = '\0';
        *s = p + (quote && *p == quote);
}

int apache_parse_words(const char *s, char ***ret) {
        size_t length = strlen(s), n = 0;
        _cleanup_free_ char *word = malloc(length + 1);
        /* A word and what ends it are two characters at least; so there is room for all, and for the NULL. */
        _cleanup_strv_free_ char **words = calloc(length / 2 + 2, sizeof(char *));

        if (!word || !words)
                return -ENOMEM;
        for (s = skip_blanks(s); *s; s = skip_blanks(s)) {
                take_word(&s, word);
                words[n] = strdup(word);
                if (!words[n++])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

/* The text between the first and the last quote of line behind prefix: returns 1, 0 for another line, or -ENOMEM. */
static int take_quoted(const char *line, const char *prefix, char **ret) {
        const char *start, *end;
        char *value;

        if (strncmp(line, prefix, strlen(prefix)) != 0)
                return 0;
        start = strchr(line + strlen(prefix), '"');
        if (!start)
                return 0;
        end = strrchr(++start, '"');
        if (!end)
                return 0;
        value = strndup(start, (size_t) (end - start));
        if (!value)
                return -ENOMEM;
        free(*ret);
        *ret = value;
        return 1;
}

int apache_parse_compiled(const char *text, const char *name, char **ret) {
        _cleanup_free_ char *line = NULL, *prefix = NULL, *value = NULL;
        int r;

        if (asprintf(&prefix, "-D %s=", name) < 0)
                return -ENOMEM;
        while ((r = next_line(&text, &line)) > 0) {
                r = take_quoted(skip_blanks(line), prefix, &value);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                *ret = TAKE_PTR(value);
                return 0;
        }
        return r < 0 ? r : -ENOENT;
}

typedef struct Dump {
        char *file;
        unsigned line;
        ssize_t sections[SECTIONS_MAX];
        size_t depth;
} Dump;

static void dump_done(Dump *d) {
        free(d->file);
}

/* "# In file: PATH" or "# LINE:". */
static int take_comment(const char *line, Dump *d) {
        static const char in_file[] = "# In file: ";

        if (strncmp(line, in_file, strlen(in_file)) != 0) {
                d->line = (unsigned) strtoul(line + 1, NULL, 10);
                return 0;
        }
        free(d->file);
        d->file = strdup(line + strlen(in_file));
        return d->file ? 0 : -ENOMEM;
}

static int add_directive(Apache *a, Dump *d, char *line) {
        bool is_section = line[0] == '<';
        ApacheDirective *bigger, directive = {
                .line = d->line,
                .is_section = is_section,
                .section = d->depth > 0 ? d->sections[d->depth - 1] : -1,
        };
        size_t n;
        int r;

        if (is_section) {
                line++;
                n = strlen(line);
                if (n > 0 && line[n - 1] == '>')
                        line[n - 1] = '\0';
                if (d->depth >= SECTIONS_MAX)
                        return -EBADMSG;
        }
        bigger = reallocarray(a->directives, a->n_directives + 1, sizeof(ApacheDirective));
        if (!bigger)
                return -ENOMEM;
        a->directives = bigger;

        n = strcspn(line, " \t");
        r = apache_parse_words(line + n, &directive.arguments);
        if (r < 0)
                return r;
        directive.name = strndup(line, n);
        directive.file = strdup(d->file);
        if (is_section)
                d->sections[d->depth++] = (ssize_t) a->n_directives;
        a->directives[a->n_directives++] = directive;
        return directive.name && directive.file ? 0 : -ENOMEM;
}

static int end_section(Dump *d) {
        if (d->depth == 0)
                return -EBADMSG;
        d->depth--;
        return 0;
}

int apache_parse_directives(const char *text, Apache *a) {
        _cleanup_(dump_done) Dump dump = {};
        _cleanup_free_ char *line = NULL;
        int r;

        while ((r = next_line(&text, &line)) > 0) {
                char *s = line + strspn(line, " \t");

                trim_end(s);
                if (!s[0])
                        continue;
                if (s[0] == '#')
                        r = take_comment(s, &dump);
                else if (!dump.file)
                        r = -EBADMSG;
                else if (strncmp(s, "</", 2) == 0)
                        r = end_section(&dump);
                else
                        r = add_directive(a, &dump, s);
                if (r < 0)
                        return r;
        }
        return r;
}

/* "(LINE) PATH" or "(*) PATH", one file as often as it is included. */
static int take_include(const char *line, Apache *a) {
        const char *path = strstr(line, ") ");

        if (line[0] != '(' || !path)
                return 0;
        path += 2;
        for (char **i = a->includes; i && *i; i++)
                if (streq(*i, path))
                        return 0;
        return strv_extend(&a->includes, path);
}

/* "… (FILE:LINE)". */
static int take_vhost(const char *line, Apache *a) {
        const char *open = strrchr(line, '('), *colon = strrchr(line, ':');
        ApacheVhost *bigger;

        if (!open || !colon || colon < open || line[strlen(line) - 1] != ')')
                return 0;
        bigger = reallocarray(a->vhosts, a->n_vhosts + 1, sizeof(ApacheVhost));
        if (!bigger)
                return -ENOMEM;
        a->vhosts = bigger;
        a->vhosts[a->n_vhosts] = (ApacheVhost){
                .file = strndup(open + 1, (size_t) (colon - open - 1)),
                .line = (unsigned) strtoul(colon + 1, NULL, 10),
        };
        return a->vhosts[a->n_vhosts++].file ? 0 : -ENOMEM;
}

/* 'User: name="www-data" id=33' */
static int take_identity(const char *line, const char *prefix, char **ret_name, unsigned *ret_id) {
        int r = take_quoted(line, prefix, ret_name);
        const char *id = strstr(line, " id=");

        if (r <= 0)
                return r;
        if (!id)
                return -EBADMSG;
        *ret_id = (unsigned) strtoul(id + strlen(" id="), NULL, 10);
        return 1;
}

static int take_mutex(const char *line, Apache *a) {
        _cleanup_free_ char *folder = NULL;
        const char *dir = strstr(line, "dir=\"");
        size_t n;

        /* The default mechanism of Linux has no files. */
        if (strncmp(line, "Mutex ", strlen("Mutex ")) != 0 || !dir || strstr(line, "mechanism=default"))
                return 0;
        dir += strlen("dir=\"");
        n = strcspn(dir, "\"");
        folder = strndup(dir, n);
        return folder ? strv_extend(&a->mutex_folders, folder) : -ENOMEM;
}

static int take_setting(const char *line, Apache *a) {
        static const char define[] = "Define: ";
        int r;

        if ((r = take_quoted(line, "ServerRoot:", &a->server_root)) != 0 ||
            (r = take_quoted(line, "PidFile:", &a->pid_file)) != 0 ||
            (r = take_quoted(line, "Main DocumentRoot:", &a->document_root)) != 0 ||
            (r = take_quoted(line, "Main ErrorLog:", &a->error_log)) != 0 ||
            (r = take_identity(line, "User:", &a->user, &a->uid)) != 0 ||
            (r = take_identity(line, "Group:", &a->group, &a->gid)) != 0)
                return r;
        if (strncmp(line, define, strlen(define)) == 0 && strchr(line, '='))
                return strv_extend(&a->defines, line + strlen(define));
        return take_mutex(line, a);
}

int apache_parse_settings(const char *text, Apache *a) {
        static const struct {
                const char *header;
                int (*take)(const char *line, Apache *a);
        } parts[] = {
                { "Loaded Modules:", NULL },
                { "Included configuration files:", take_include },
                { "VirtualHost configuration:", take_vhost },
                { "ServerRoot:", take_setting },
        };
        int (*take)(const char *line, Apache *a) = NULL;
        _cleanup_free_ char *line = NULL;
        int r;

        while ((r = next_line(&text, &line)) > 0) {
                for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                        if (strncmp(line, parts[i].header, strlen(parts[i].header)) == 0)
                                take = parts[i].take;
                trim_end(line);
                if (take && line[0] && (r = take(skip_blanks(line), a)) < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return a->server_root && a->pid_file && a->user && a->group && a->includes ? 0 : -EBADMSG;
}

static int add_module(Apache *a, const char *name, size_t name_length, const char *path) {
        ApacheModule *bigger = reallocarray(a->modules, a->n_modules + 1, sizeof(ApacheModule)), m;

        if (!bigger)
                return -ENOMEM;
        a->modules = bigger;
        m = (ApacheModule){
                .name = name ? strndup(name, name_length) : NULL,
                .path = strdup(path),
                .where = strdup(""),
        };
        a->modules[a->n_modules++] = m;
        return (name && !m.name) || !m.path || !m.where ? -ENOMEM : 0;
}

int apache_parse_loaded(const char *text, Apache *a) {
        static const char module[] = "AH01575: loaded module ", file[] = "AH01576: loaded file ";
        _cleanup_free_ char *line = NULL;
        int r;

        while ((r = next_line(&text, &line)) > 0) {
                const char *m = strstr(line, module), *f = strstr(line, file);
                const char *from = m ? strstr(m, " from ") : NULL;

                if (m && from) {
                        m += strlen(module);
                        r = add_module(a, m, (size_t) (from - m), from + strlen(" from "));
                } else if (f)
                        r = add_module(a, NULL, 0, f + strlen(file));
                if (r < 0)
                        return r;
        }
        return r;
}

static const char *variable_value(const Apache *a, const char *name) {
        const char *value = strv_env_get(a->defines, name);

        return value ?: strv_env_get(a->environment, name);
}

/* Replace ${NAME} as httpd does; what is not set stays. */
static int expand_variables(const Apache *a, const char *s, char **ret) {
        _cleanup_free_ char *out = NULL;
        size_t size;
        _cleanup_fclose_ FILE *f = open_memstream(&out, &size);

        if (!f)
                return -ENOMEM;
        while (*s) {
                char name[256];
                const char *value, *end = NULL;
                size_t n;

                if (strncmp(s, "${", 2) == 0)
                        end = memchr(s, '}', strnlen(s, sizeof(name) + 2));
                if (!end) {
                        fputc(*s++, f);
                        continue;
                }
                n = (size_t) (end - s);
                memcpy(name, s + 2, n - 2);
                name[n - 2] = '\0';
                value = variable_value(a, name);
                if (value)
                        fputs(value, f);
                else
                        fwrite(s, 1, n + 1, f);
                s += n + 1;
        }
        if (fflush(f) != 0)
                return -ENOMEM;
        /* The stream's buffer moves when it is closed, never after it was flushed. */
        *ret = strdup(out);
        return *ret ? 0 : -ENOMEM;
}

static int replace_where(char **where, const char *file, unsigned line) {
        char *s;

        if (asprintf(&s, "%s:%u", file, line) < 0)
                return -ENOMEM;
        free(*where);
        *where = s;
        return 0;
}

static int take_file_line(const char *file, unsigned line, char *const *words, Apache *a) {
        size_t n = strv_length(words);

        if (n >= 3 && strcasecmp(words[0], "LoadModule") == 0) {
                for (size_t i = 0; i < a->n_modules; i++)
                        if (a->modules[i].name && streq(a->modules[i].name, words[1]))
                                return replace_where(&a->modules[i].where, file, line);
        } else if (n >= 2 && strcasecmp(words[0], "LoadFile") == 0) {
                for (size_t i = 0; i < a->n_modules; i++)
                        if (!a->modules[i].name && streq(a->modules[i].path, words[1]))
                                return replace_where(&a->modules[i].where, file, line);
        } else if (n == 2 && strcasecmp(words[0], "DefaultRuntimeDir") == 0) {
                char *folder = strdup(words[1]);

                if (!folder)
                        return -ENOMEM;
                free(a->runtime_folder);
                a->runtime_folder = folder;
                return replace_where(&a->runtime_folder_where, file, line);
        } else if (n == 2 && strncasecmp(words[0], "Include", strlen("Include")) == 0 &&
                   !strpbrk(words[1], "*?["))
                return strv_extend(&a->include_folders, words[1]);
        return 0;
}

int apache_parse_file(const char *file, const char *text, Apache *a) {
        _cleanup_free_ char *line = NULL, *whole = NULL;
        unsigned number = 0, first = 0;
        size_t before = 0, room = 0;
        int r;

        while ((r = next_line(&text, &line)) > 0) {
                _cleanup_free_ char *expanded = NULL;
                _cleanup_strv_free_ char **words = NULL;
                size_t n = strlen(line);
                bool continues;
                char *longer;

                number++;
                if (!whole)
                        first = number;
                continues = n > 0 && line[n - 1] == '\\';
                if (continues)
                        line[--n] = '\0';
                /* Twice as much as is needed: not every realloc(3) leaves in place what may grow there. */
                if (before + n + 1 > room) {
                        room = 2 * (before + n + 1);
                        longer = realloc(whole, room);
                        if (!longer)
                                return -ENOMEM;
                        whole = longer;
                }
                memcpy(whole + before, line, n + 1);
                before += n;
                if (continues && *text)
                        continue;

                if (*skip_blanks(whole) != '#' && *skip_blanks(whole) != '<') {
                        if ((r = expand_variables(a, whole, &expanded)) < 0 ||
                            (r = apache_parse_words(expanded, &words)) < 0 ||
                            (r = take_file_line(file, first, words, a)) < 0)
                                return r;
                }
                free(TAKE_PTR(whole));
                before = room = 0;
        }
        return r;
}

/* Without "[time] [module:level] [pid …] " of the log. */
static const char *skip_log_prefix(const char *line) {
        const char *pid = line[0] == '[' ? strstr(line, "] [pid ") : NULL;
        const char *end = pid ? strchr(pid + 2, ']') : NULL;

        return end ? skip_blanks(end + 1) : line;
}

static bool is_noise(const char *line) {
        static const char *const noise[] = { ":debug]", ":info]", "AH00558:", "Syntax OK" };

        for (size_t i = 0; i < ELEMENTSOF(noise); i++)
                if (strstr(line, noise[i]))
                        return true;
        return !line[0];
}

int apache_parse_complaint(const char *text, char **ret) {
        _cleanup_free_ char *line = NULL, *all = NULL;
        const char *blank = "";
        size_t size;
        FILE *f = open_memstream(&all, &size);
        int r;

        if (!f)
                return -ENOMEM;
        while ((r = next_line(&text, &line)) > 0) {
                const char *words = skip_log_prefix(line);

                trim_end(line);
                if (is_noise(line) || !words[0])
                        continue;
                fprintf(f, "%s%s", blank, words);
                blank = " ";
        }
        if (fclose(f) != 0 || r < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(all);
        return 0;
}
