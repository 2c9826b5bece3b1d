/* What is written for people names what the code knows: all of it, and nothing else. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <syslog.h>

#include "config.h"
#include "events.h"
#include "info.h"

static char *read_text(const char *file) {
        _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
        char *text = calloc(1, 256 * 1024);
        ssize_t k;

        cr_assert(fd >= 0 && text, "%s: %s", file, strerror(errno));
        k = read(fd, text, 256 * 1024 - 1);
        cr_assert(k > 0 && k < 256 * 1024 - 1, "%s", file);
        return text;
}

/* The example with its keys no longer behind a '#'. */
static char *uncommented(const char *example) {
        char *text = calloc(1, strlen(example) + 1), *to = text;

        for (const char *from = example; *from; from++)
                if (*from != '#' || (from > example && from[-1] != '\n') || from[1] == ' ' ||
                    from[1] == '\n')
                        *to++ = *from;
        return text;
}

/* Reads text as the configuration of a jail. */
static void assert_loads(const char *text) {
        char folder[] = "/tmp/test-documentation-XXXXXX";
        _cleanup_(jail_config_freep) JailConfig *config = NULL;
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        ConfigError error = {};
        int r;

        cr_assert_not_null(mkdtemp(folder));
        dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd = openat(dir_fd, "web.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        r = jail_config_load_at(dir_fd, folder, "web", &config, &error);
        cr_expect_eq(unlinkat(dir_fd, "web.conf", 0), 0);
        cr_expect_eq(rmdir(folder), 0);
        cr_assert_eq(r, 0, "%s", error.message);
}

/* Whether the section of the example has the key, behind a '#'. */
static bool has_key(const char *example, const char *section, const char *key) {
        _cleanup_free_ char *head = NULL, *line = NULL;
        const char *begin, *end, *found;

        cr_assert(asprintf(&head, "\n[%s]\n", section) > 0 && asprintf(&line, "\n#%s=", key) > 0);
        begin = strstr(example, head);
        if (!begin)
                return false;
        end = strstr(begin + 1, "\n[");
        found = strstr(begin, line);
        return found && (!end || found < end);
}

Test(documentation, the_example_has_every_key) {
        _cleanup_free_ char *example = read_text(EXAMPLE_CONF);
        size_t n;
        const ConfigKey *keys = config_keys(&n);

        for (size_t i = 0; i < n; i++)
                cr_expect(has_key(example, keys[i].section, keys[i].key),
                          "%s= of [%s] is not in " EXAMPLE_CONF, keys[i].key, keys[i].section);
}

Test(documentation, the_example_is_a_configuration) {
        _cleanup_free_ char *example = read_text(EXAMPLE_CONF), *bare = uncommented(example);

        assert_loads(example);
        assert_loads(bare);
}

/* A set of words. */
typedef struct Words {
        char *word[256];
        size_t n;
} Words;

static void words_done(Words *w) {
        for (size_t i = 0; i < w->n; i++)
                free(w->word[i]);
}

static bool words_have(const Words *w, const char *word) {
        for (size_t i = 0; i < w->n; i++)
                if (streq(w->word[i], word))
                        return true;
        return false;
}

static void words_add(Words *w, const char *word, size_t n) {
        cr_assert_lt(w->n, ELEMENTSOF(w->word));
        w->word[w->n++] = strndup(word, n);
}

static void assert_same(const Words *known, const Words *told, const char *where) {
        for (size_t i = 0; i < known->n; i++)
                cr_expect(words_have(told, known->word[i]), "%s is not in %s", known->word[i], where);
        for (size_t i = 0; i < told->n; i++)
                cr_expect(words_have(known, told->word[i]), "there is no %s, which %s has", told->word[i],
                          where);
        cr_expect_gt(known->n, 0u);
}

/* The words between asterisks at the beginning of a line, such as "*-n*, *--lines=*_N_", of one section or, if NULL, of
 * all; prefix goes before each. */
static void words_of_page(Words *w, const char *page, const char *section, bool with_subsections) {
        _cleanup_free_ char *text = NULL, *file = NULL, *head = strdup("");

        cr_assert(asprintf(&file, MAN_DIR "/%s.scd", page) > 0);
        text = read_text(file);
        for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                static char sub[64];

                if (line[0] == '#' && line[1] == ' ') {
                        free(head);
                        head = strdup(line + 2);
                        sub[0] = '\0';
                }
                if (strncmp(line, "## ", 3) == 0)
                        snprintf(sub, sizeof(sub), "%s", line + 3);
                if ((section && !streq(head, section)) || (with_subsections && sub[0] != '['))
                        continue;
                while (line[0] == '*') {
                        size_t n = strcspn(line + 1, "*");
                        char word[128];

                        snprintf(word, sizeof(word), "%s%.*s", with_subsections ? sub : "", (int) n,
                                 line + 1);
                        words_add(w, word, strlen(word));
                        line += n + 2;
                        line += strncmp(line, ", *", 3) == 0 ? 2 : 0;
                }
        }
}

Test(documentation, the_manual_has_every_key) {
        _cleanup_(words_done) Words known = {}, told = {};
        size_t n;
        const ConfigKey *keys = config_keys(&n);

        for (size_t i = 0; i < n; i++) {
                char word[128];

                snprintf(word, sizeof(word), "[%s]%s=", keys[i].section, keys[i].key);
                words_add(&known, word, strlen(word));
        }
        words_of_page(&told, "jaild.conf.5", "DESCRIPTION", true);
        assert_same(&known, &told, "jaild.conf(5)");
}

/* What a command prints. */
static char *output_of(const char *command) {
        char *text = calloc(1, 65536);
        FILE *f = popen(command, "re");

        cr_assert(f && text);
        cr_assert_gt(fread(text, 1, 65535, f), 0u, "%s", command);
        cr_assert_eq(pclose(f), 0, "%s", command);
        return text;
}

/* What --help of jailctl has: the verbs with their other names, the options, or the exit statuses. */
static void words_of_help(Words *w, const char *section) {
        _cleanup_free_ char *text = output_of(JAILCTL " --help");
        char *save;
        bool is_inside = false;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *also = strstr(line, "(also: "), *word = line + 2;

                if (line[0] != ' ') {
                        is_inside = streq(line, section);
                        continue;
                }
                if (!is_inside)
                        continue;
                if (streq(section, "Exit status")) {
                        for (char *inner, *part = strtok_r(line, ";", &inner); part;
                             part = strtok_r(NULL, ";", &inner)) {
                                part += strspn(part, " ");
                                words_add(w, part, strspn(part, "0123456789"));
                        }
                        continue;
                }
                do {
                        word += strspn(word, ", ");
                        words_add(w, word,
                                  strcspn(word, "=, ") + (word[strcspn(word, "=, ")] == '=' ? 1 : 0));
                        word += strcspn(word, " ,");
                } while (*word == ',');
                if (also)
                        words_add(w, also + 7, strcspn(also + 7, ")"));
        }
}

Test(documentation, the_manual_has_every_verb) {
        _cleanup_(words_done) Words known = {}, told = {};

        words_of_help(&known, "Verbs");
        words_of_page(&told, "jailctl.1", "VERBS", false);
        assert_same(&known, &told, "jailctl(1)");
}

Test(documentation, the_manual_has_every_option) {
        _cleanup_(words_done) Words known = {}, told = {};

        words_of_help(&known, "Options");
        words_of_page(&told, "jailctl.1", "OPTIONS", false);
        assert_same(&known, &told, "jailctl(1)");
}

Test(documentation, the_manual_has_every_exit_status) {
        _cleanup_(words_done) Words known = {}, told = {}, jaild = {}, supervisor = {};

        words_of_help(&known, "Exit status");
        words_of_page(&told, "jailctl.1", "EXIT STATUS", false);
        assert_same(&known, &told, "jailctl(1)");

        /* A supervisor that runs, or does not, is its own state: it has no 3. */
        for (size_t i = 0; i < known.n; i++)
                if (!streq(known.word[i], "3"))
                        words_add(&jaild, known.word[i], strlen(known.word[i]));
        words_of_page(&supervisor, "jaild.8", "EXIT STATUS", false);
        assert_same(&jaild, &supervisor, "jaild(8)");
}

/* "server-died (err)", as the pages have it. */
Test(documentation, the_manual_has_every_event) {
        static const char *const levels[] = {
                [LOG_ERR] = "err", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice"
        };
        _cleanup_free_ char *page = read_text(MAN_DIR "/jaild.8.scd");
        const char *begin = strstr(page, "\n# JOURNAL\n"), *end = begin ? strstr(begin + 3, "\n# ") : NULL;
        unsigned told = 0;

        cr_assert(begin && end);
        for (Event e = 0; e < _EVENT_MAX; e++) {
                _cleanup_free_ char *text = NULL;
                const char *found;

                cr_assert_gt(asprintf(&text, "*%s* (%s)", event_name(e), levels[event_level(e)]), 0);
                found = strstr(begin, text);
                cr_expect(found && found < end, "%s is not in jaild(8)", text);
        }
        for (const char *c = begin; (c = strstr(c, "* (")) && c < end; c++)
                told++;
        cr_expect_eq(told, _EVENT_MAX, "there are %d events, and jaild(8) has %u", _EVENT_MAX, told);
}

Test(documentation, the_manual_has_every_option_of_the_supervisor) {
        _cleanup_(words_done) Words known = {}, told = {};
        _cleanup_free_ char *text = output_of(JAILD " --help");
        char *save;

        /* "Usage: jaild [--help] [--version] NAME" */
        for (char *word = strtok_r(strtok_r(text, "\n", &save), " []", &save); word;
             word = strtok_r(NULL, " []\n", &save))
                if (strncmp(word, "--", 2) == 0 && !words_have(&known, word))
                        words_add(&known, word, strlen(word));
        words_of_page(&told, "jaild.8", "OPTIONS", false);
        assert_same(&known, &told, "jaild(8)");
}

Test(documentation, the_manual_has_every_key_of_the_json) {
        static char nothing[] = "";
        json_object *o = jail_info_to_json(&(JailInfo){ .name = nothing, .state = nothing });
        _cleanup_(words_done) Words known = {}, told = {};

        json_object_object_foreach(o, key, value) {
                (void) value;
                words_add(&known, key, strlen(key));
        }
        /* That is of everything that is printed (json-print.c). */
        words_add(&known, "schema", strlen("schema"));
        words_of_page(&told, "jailctl.1", "JSON", false);
        assert_same(&known, &told, "jailctl(1)");
        json_object_put(o);
}

/* What the shell offers behind the words, one a line. */
static char *completed_by_bash(const char *words) {
        _cleanup_free_ char *command = NULL;

        cr_assert(asprintf(&command,
                           "PATH=$(dirname " JAILCTL "):$PATH bash --norc -c '. " BASH_COMPLETION
                           "; compopt() { :; }; "
                           "_jailctl_names() { echo web; echo shop; }; "
                           "COMP_WORDS=(jailctl %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _jailctl; "
                           "echo; printf \"%%s\\n\" \"${COMPREPLY[@]}\"'",
                           words) > 0);
        return output_of(command);
}

static char *completed_by_zsh(const char *words) {
        _cleanup_free_ char *command = NULL;

        cr_assert(asprintf(&command,
                           "PATH=$(dirname " JAILCTL "):$PATH zsh -f -c '"
                           "_describe() { [[ $1 == -o ]] && shift; echo; print -l -- ${${(P)2}%%%%:*}; }; "
                           "words=(jailctl %s); CURRENT=$#words; . " ZSH_COMPLETION "'",
                           words) > 0);
        return output_of(command);
}

/* Consumes offer. */
static void assert_offers(char *offer, const char *word, bool expected) {
        _cleanup_free_ char *line = NULL, *offered = offer;

        cr_assert(asprintf(&line, "\n%s\n", word) > 0);
        cr_expect((strstr(offered, line) != NULL) == expected, "%s is %soffered: %s", word,
                  expected ? "not " : "", offered);
}

Test(documentation, bash_completes) {
        assert_offers(completed_by_bash("st"), "status", true);
        assert_offers(completed_by_bash("st"), "stop", true);
        assert_offers(completed_by_bash("st"), "list", false);
        assert_offers(completed_by_bash("graceful\"\""), "graceful-stop", true);
        assert_offers(completed_by_bash("logs \"\""), "web", true);
        assert_offers(completed_by_bash("logs -n 5 s"), "shop", true);
        assert_offers(completed_by_bash("logs web \"\""), "web", false);
        assert_offers(completed_by_bash("logs -"), "--follow", true);
        assert_offers(completed_by_bash("logs -"), "--lines=", true);
        assert_offers(completed_by_bash("logs -"), "--json", false);
        assert_offers(completed_by_bash("status -"), "--json", true);
        assert_offers(completed_by_bash("status -"), "--help", true);
}

Test(documentation, zsh_completes) {
        assert_offers(completed_by_zsh("\"\""), "status", true);
        assert_offers(completed_by_zsh("\"\""), "graceful-stop", true);
        assert_offers(completed_by_zsh("logs -"), "--follow", true);
        assert_offers(completed_by_zsh("logs -"), "-n", true);
        assert_offers(completed_by_zsh("logs -"), "--json", false);
        assert_offers(completed_by_zsh("status -"), "--json", true);
        assert_offers(completed_by_zsh("status -"), "--help", true);
}

/* Whether a file of that name is in the folder, or what its star stands for. */
static bool source_is_there(const char *folder, const char *name) {
        _cleanup_free_ char *pattern = NULL;
        _cleanup_(globfree) glob_t found = {};

        cr_assert(asprintf(&pattern, SOURCE_DIR "/%s%s", folder, name) > 0);
        return glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
}

/* With its folder, or without: then it is in one of them. */
Test(documentation, the_architecture_names_files_that_are_there) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_/.*@", *const folders[] = {
                "lib/", "daemon/", "ctl/", "bridge/", "probe/", "units/", "bench/", "tests/integration/"
        };
        _cleanup_free_ char *text = read_text(SOURCE_DIR "/ARCHITECTURE.md");
        unsigned n = 0;

        for (char *word = text; (word += strcspn(word, letters), *word);) {
                size_t length = strspn(word, letters);
                _cleanup_free_ char *name = strndup(word, length);
                bool is_there = false;

                word += length;
                while (name[0] && name[strlen(name) - 1] == '.')
                        name[strlen(name) - 1] = '\0';
                length = strlen(name);
                /* "x*.c" says what a star is. */
                if (length < 3 || name[length - 2] != '.' || !strchr("ch", name[length - 1]) ||
                    name[0] == 'x')
                        continue;
                if (strchr(name, '/'))
                        is_there = source_is_there("", name);
                else
                        for (size_t i = 0; i < ELEMENTSOF(folders) && !is_there; i++)
                                is_there = source_is_there(folders[i], name);
                cr_expect(is_there, "there is no %s", name);
                n++;
        }
        cr_expect_gt(n, 50u, "%u", n);
}

/* And each folder of the tree has its row. */
Test(documentation, the_architecture_has_every_folder) {
        _cleanup_free_ char *text = read_text(SOURCE_DIR "/ARCHITECTURE.md");
        DIR *dir = opendir(SOURCE_DIR);

        cr_assert_not_null(dir);
        for (struct dirent *de; (de = readdir(dir));) {
                _cleanup_free_ char *file = NULL, *code = NULL;

                cr_assert(asprintf(&file, "%s/meson.build", de->d_name) > 0 &&
                          asprintf(&code, "`%s/`", de->d_name) > 0);
                if (de->d_type == DT_DIR && de->d_name[0] != '.' && source_is_there("", file))
                        cr_expect(strstr(text, code), "%s is no row of ARCHITECTURE.md", code);
        }
        closedir(dir);
}
