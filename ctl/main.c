#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "config-paths.h"
#include "config.h"
#include "format.h"
#include "output.h"
#include "strv.h"
#include "verbs.h"

typedef enum NameRule {
        /* May be left out where there is exactly one jail. */
        NAME_ONE,
        /* Left out where there are several: all. */
        NAME_ALL,
        /* The same, and what is printed is of all jails together. */
        NAME_TOGETHER,
        /* It may be of a jail that is not there yet. */
        NAME_GIVEN,
} NameRule;

enum {
        OPTION_JSON = 1 << 0,
        OPTION_NO_LEGEND = 1 << 1,
        OPTION_DRY_RUN = 1 << 2,
        OPTION_GENERATIONS = 1 << 3,
        OPTION_TREE = 1 << 4,
        OPTION_LIVE = 1 << 5,
        OPTION_QUIET = 1 << 6,
        OPTION_FIX = 1 << 7,
        OPTION_FOLLOW = 1 << 8,
        OPTION_LINES = 1 << 9,
        OPTION_ERROR = 1 << 10,
        OPTION_ACCESS = 1 << 11,
        OPTION_APPLY = 1 << 12,
        OPTION_URL = 1 << 13,
        /* "-- PROGRAM…" */
        OPTION_COMMAND = 1 << 14,
        OPTION_OUTPUT = 1 << 15,
        OPTION_RW = 1 << 16,
        OPTION_AS_ROOT = 1 << 17,
        OPTION_UPDATE = 1 << 18,
        OPTION_OPENMETRICS = 1 << 19,
        OPTION_HTTP = 1 << 20,
};

/* Each takes what is behind the option, or NULL, and the field. Returns 0, -EINVAL or -ENOMEM. */

static int set_true(const char *argument, void *field) {
        *(bool *) field = true;
        return 0;
}

static int set_false(const char *argument, void *field) {
        *(bool *) field = false;
        return 0;
}

static int set_number(const char *argument, void *field) {
        unsigned long n;
        char *end;

        n = strtoul(argument, &end, 10);
        if (argument[0] < '0' || argument[0] > '9' || *end || n >= UINT32_MAX)
                return -EINVAL;
        *(unsigned *) field = (unsigned) n;
        return 0;
}

static int set_text(const char *argument, void *field) {
        *(const char **) field = argument;
        return argument[0] ? 0 : -EINVAL;
}

/* Of a web server; "http" needs not be said. */
static int add_url(const char *argument, void *field) {
        bool has_scheme = strncmp(argument + strcspn(argument, ":/?#"), "://", strlen("://")) == 0;

        if (!argument[0] || (has_scheme && strncasecmp(argument, "http:", strlen("http:")) != 0 &&
                             strncasecmp(argument, "https:", strlen("https:")) != 0))
                return -EINVAL;
        return strv_extend(field, argument);
}

/* Those that some of the verbs take. */
static const struct {
        const char *name;
        unsigned bit;
        /* Of the field in CtlOptions. */
        size_t offset;
        int (*set)(const char *argument, void *field);
        const char *help;
        /* A short form, or 0. */
        char letter;
        /* What is behind it, or NULL: nothing. */
        const char *argument;
} flags[] = {
        { "json", OPTION_JSON, offsetof(CtlOptions, json), set_true, "Write JSON" },
        { "no-legend", OPTION_NO_LEGEND, offsetof(CtlOptions, legend), set_false,
          "No header and no closing line" },
        { "dry-run", OPTION_DRY_RUN, offsetof(CtlOptions, dry_run), set_true,
          "Print what would be built, and why; change nothing" },
        { "generations", OPTION_GENERATIONS, offsetof(CtlOptions, generations), set_true,
          "Show what was built and is kept" },
        { "update", OPTION_UPDATE, offsetof(CtlOptions, update), set_true,
          "Update those that have AutoUpdate=yes" },
        { "tree", OPTION_TREE, offsetof(CtlOptions, tree), set_true, "Look at the tree only" },
        { "live", OPTION_LIVE, offsetof(CtlOptions, live), set_true, "Look at the running processes only" },
        { "quiet", OPTION_QUIET, offsetof(CtlOptions, quiet), set_true,
          "Print nothing: the exit status tells" },
        { "fix", OPTION_FIX, offsetof(CtlOptions, fix), set_true,
          "Mend modes, owners and flags, and look again" },
        { "follow", OPTION_FOLLOW, offsetof(CtlOptions, follow), set_true, "Go on with what comes", 'f' },
        { "lines", OPTION_LINES, offsetof(CtlOptions, n_lines), set_number,
          "Begin with the last N lines, not with 10", 'n', "N" },
        { "error", OPTION_ERROR, offsetof(CtlOptions, only_error), set_true, "Error logs only" },
        { "access", OPTION_ACCESS, offsetof(CtlOptions, only_access), set_true, "Logs of requests only" },
        { "apply", OPTION_APPLY, offsetof(CtlOptions, apply), set_true,
          "Write what is missed as a drop-in of the configuration" },
        { "url", OPTION_URL, offsetof(CtlOptions, urls), add_url,
          "Ask the copy for this, not for the root of each site", 0, "HTTP-URL" },
        { "output", OPTION_OUTPUT, offsetof(CtlOptions, output), set_text,
          "Write a file that is there as a whole or not at all", 'o', "FILE" },
        { "openmetrics", OPTION_OPENMETRICS, offsetof(CtlOptions, openmetrics), set_true,
          "In the format of OpenMetrics" },
        { "http", OPTION_HTTP, offsetof(CtlOptions, http), set_true,
          "Answer one HTTP request on standard input and output" },
        { "rw", OPTION_RW, offsetof(CtlOptions, rw), set_true, "What the server may write can be written" },
        { "as-root", OPTION_AS_ROOT, offsetof(CtlOptions, as_root), set_true,
          "As root instead of the server's user; journaled" },
};

typedef struct Verb {
        const char *name;
        /* apachectl(8)'s word for it. */
        const char *alias;
        NameRule name_rule;
        /* The options that mean something to it. */
        unsigned options;
        int (*run)(const CtlOptions *options, const char *name);
        const char *help;
        /* What may come behind the name, and how many words it is at least and at most. */
        const char *words;
        unsigned words_min, words_max;
} Verb;

static const Verb verbs[] = {
        { "list", NULL, NAME_TOGETHER, OPTION_JSON | OPTION_NO_LEGEND | OPTION_GENERATIONS, verb_list,
          "Show all jails" },
        { "status", "fullstatus", NAME_ALL, OPTION_JSON, verb_status, "Show how a jail is" },
        { "build", NULL, NAME_ONE, OPTION_JSON | OPTION_NO_LEGEND | OPTION_DRY_RUN, verb_build,
          "Make a new generation from Apache's configuration" },
        { "configtest", NULL, NAME_ONE, 0, verb_configtest,
          "Have Apache read its configuration, as a build would" },
        { "update", NULL, NAME_ONE, OPTION_JSON, verb_update,
          "Make a new generation and switch to it, if it serves" },
        { "rollback", NULL, NAME_ONE, OPTION_JSON, verb_rollback,
          "Switch to an earlier generation, if it serves", "[N]", 0, 1 },
        { "diff", NULL, NAME_ONE, OPTION_JSON | OPTION_NO_LEGEND, verb_diff,
          "Show what differs between two generations", "[A [B]]", 0, 2 },
        { "why", NULL, NAME_ONE, OPTION_JSON, verb_why, "Show who asked for a file of the jail", "PATH", 1,
          1 },
        { "outdated", NULL, NAME_ALL, OPTION_JSON | OPTION_NO_LEGEND | OPTION_UPDATE, verb_outdated,
          "Show what the host has newer than the jail" },
        { "cat", NULL, NAME_ONE, OPTION_JSON, verb_cat,
          "Show the configuration in force, and where each value is from" },
        { "verify", NULL, NAME_ONE, OPTION_JSON | OPTION_TREE | OPTION_LIVE | OPTION_QUIET | OPTION_FIX,
          verb_verify, "Prove that a jail is as built, and that what runs is shut in" },
        { "doctor", NULL, NAME_TOGETHER, OPTION_JSON, verb_doctor,
          "Say whether this host is able to jail, and what it lacks" },
        { "trace", NULL, NAME_ONE, OPTION_JSON | OPTION_APPLY | OPTION_URL | OPTION_COMMAND, verb_trace,
          "Watch a throw-away copy of a jail, and say what it misses", "[-- ...]" },
        { "enter", NULL, NAME_ONE, OPTION_RW | OPTION_AS_ROOT | OPTION_COMMAND, verb_enter,
          "Look at a jail from inside, with a program of the host", "[-- ...]" },
        { "start", NULL, NAME_ONE, 0, verb_start, "Start a jail, and wait until it serves" },
        { "stop", "graceful-stop", NAME_ONE, 0, verb_stop, "Stop it gracefully; no process is left" },
        { "restart", NULL, NAME_ONE, 0, verb_restart,
          "Replace the running server by a new one, without loss" },
        { "reload", "graceful", NAME_ONE, 0, verb_reload, "Check the configuration, then take it over" },
        { "daemon-reexec", NULL, NAME_ONE, 0, verb_daemon_reexec,
          "Without systemd: exchange the supervisor, after an upgrade; the server goes on" },
        { "top", NULL, NAME_TOGETHER, OPTION_NO_LEGEND, verb_top,
          "Show what all jails do, again and again" },
        { "metrics", NULL, NAME_TOGETHER, OPTION_OUTPUT | OPTION_OPENMETRICS | OPTION_HTTP, verb_metrics,
          "Write figures of all jails for Prometheus" },
        { "adopt", NULL, NAME_GIVEN, 0, verb_adopt, "Move what the running Apache serves into a jail" },
        { "unadopt", NULL, NAME_GIVEN, 0, verb_unadopt, "Move it back to the Apache of before" },
        { "logs", NULL, NAME_ONE, OPTION_FOLLOW | OPTION_LINES | OPTION_ERROR | OPTION_ACCESS, verb_logs,
          "Show Apache's logs" },
};

static int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line, and where to read on. */
static int usage_error(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        print_error("jailctl", "%s; see jailctl --help", text ? text : "wrong usage");
        return CTL_EXIT_USAGE;
}

/* Completion reads it, too. */
static void print_flag(size_t flag) {
        const char *argument = flags[flag].argument;
        char text[32];

        snprintf(text, sizeof(text), "%s%.1s%s--%s%s%s", flags[flag].letter ? "-" : "", &flags[flag].letter,
                 flags[flag].letter ? ", " : "", flags[flag].name, argument ? "=" : "",
                 argument ? argument : "");
        printf("  %-17s  %s", text, flags[flag].help);
}

static void print_verbs_of_flag(size_t flag) {
        const char *separator = " (";

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (verbs[i].options & flags[flag].bit) {
                        printf("%s%s", separator, verbs[i].name);
                        separator = ", ";
                }
        putchar(')');
}

/* How a jail's name is given to a verb. */
static const char *name_in_usage(const Verb *verb) {
        if (verb->name_rule == NAME_GIVEN)
                return " NAME";
        /* list takes one with --generations. */
        return verb->name_rule == NAME_TOGETHER && !(verb->options & OPTION_GENERATIONS) ? "" : " [NAME]";
}

static int print_verb_help(const Verb *verb) {
        const char *bold = colour_on(stdout, COLOUR_BOLD), *plain = colour_on(stdout, COLOUR_NONE);

        printf("%sjailctl %s%s [OPTIONS]%s%s%s\n\n%s", bold, verb->name, plain, name_in_usage(verb),
               verb->words ? " " : "", verb->words ? verb->words : "", verb->help);
        if (verb->alias)
                printf(" (also: %s)", verb->alias);
        printf(".\n\n%sOptions%s\n", bold, plain);
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (verb->options & flags[i].bit) {
                        print_flag(i);
                        putchar('\n');
                }
        puts("  -h, --help         This text\n\nMore of it: jailctl(1)");
        return CTL_EXIT_DONE;
}

static int print_help(void) {
        const char *bold = colour_on(stdout, COLOUR_BOLD), *plain = colour_on(stdout, COLOUR_NONE);

        printf("%sjailctl%s [OPTIONS] [VERB [NAME] [ARGUMENTS]]\n\n"
               "Drive jailed Apache servers. NAME may be left out where there is one jail; without a\n"
               "verb it is list.\n\n"
               "%sVerbs%s\n",
               bold, plain, bold, plain);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                printf("  %-13s %-7s  %s", verbs[i].name, verbs[i].words ? verbs[i].words : "",
                       verbs[i].help);
                if (verbs[i].alias)
                        printf(" (also: %s)", verbs[i].alias);
                putchar('\n');
        }
        printf("\n%sOptions%s\n", bold, plain);
        for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
                print_flag(i);
                print_verbs_of_flag(i);
                putchar('\n');
        }
        printf("  -h, --help         This text; after a verb, what it is for and takes\n"
               "  --version          The version\n"
               "\n%sExit status%s\n"
               "  0 done, or running; 1 failed; 2 wrong usage; 3 not running; 4 no such jail\n",
               bold, plain);
        return CTL_EXIT_DONE;
}

/* Returns an exit status, or -1 to go on with the options, the set of those given, whether help is wanted, and the words from
 * optind. */
static int parse_options(int argc, char *argv[], char *const *command, CtlOptions *ret, unsigned *ret_given,
                         bool *ret_help) {
        enum {
                ARG_VERSION = 0x100,
                /* And those behind it: flags. */
                ARG_FLAG,
        };
        struct option options[ELEMENTSOF(flags) + 3] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
        };
        char letters[2 * ELEMENTSOF(flags) + 2] = "h", *letter = letters + 1;

        for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
                options[i + 2] = (struct option){ flags[i].name,
                                                  flags[i].argument ? required_argument : no_argument, NULL,
                                                  ARG_FLAG + (int) i };
                if (flags[i].letter) {
                        *letter++ = flags[i].letter;
                        if (flags[i].argument)
                                *letter++ = ':';
                }
        }
        *ret = (CtlOptions){ .legend = true, .n_lines = 10, .command = command };
        *ret_given = command ? OPTION_COMMAND : 0;
        *ret_help = false;
        opterr = 0;
        for (int c; (c = getopt_long(argc, argv, letters, options, NULL)) >= 0;) {
                size_t flag = ELEMENTSOF(flags);

                for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                        if (c == ARG_FLAG + (int) i || (flags[i].letter && c == flags[i].letter))
                                flag = i;
                if (c == 'h') {
                        *ret_help = true;
                        continue;
                }
                if (c == ARG_VERSION) {
                        puts("jailctl " JAILD_VERSION);
                        return CTL_EXIT_DONE;
                }
                if (flag == ELEMENTSOF(flags)) {
                        /* A long option is behind optind already, a letter may be in the middle of a word. */
                        if (optopt > 0 && optopt < 0x100)
                                return usage_error("wrong option '-%c'", optopt);
                        return usage_error("wrong option '%s'", argv[optind - 1]);
                }
                if (flags[flag].set(optarg, (char *) ret + flags[flag].offset) < 0)
                        return usage_error("--%s takes %s, not '%s'", flags[flag].name, flags[flag].argument,
                                           optarg);
                *ret_given |= flags[flag].bit;
        }
        return -1;
}

static const Verb *find_verb(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(word, verbs[i].name) || (verbs[i].alias && streq(word, verbs[i].alias)))
                        return verbs + i;
        return NULL;
}

static int check_options(const Verb *verb, unsigned given) {
        unsigned wrong = given & ~verb->options;

        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (wrong & flags[i].bit)
                        return usage_error("%s does not take --%s", verb->name, flags[i].name);
        if (wrong & OPTION_COMMAND)
                return usage_error("%s does not take a program to run", verb->name);
        return CTL_EXIT_DONE;
}

/* The jail that is meant where none is named. Returns an exit status, and a name that the caller frees or NULL: all. */
static int choose_name(const Verb *verb, char **ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *all = NULL;
        int r;

        r = jail_config_list(&names);
        if (r < 0 && r != -ENOENT) {
                print_error("jailctl", "cannot list the jails in " JAILD_CONF_DIR ": %s", strerror(-r));
                return CTL_EXIT_FAILED;
        }
        if (strv_length(names) == 0) {
                print_error("jailctl", "no jail is configured in " JAILD_CONF_DIR);
                return CTL_EXIT_NO_SUCH_JAIL;
        }
        if (strv_length(names) == 1) {
                *ret = TAKE_PTR(names[0]);
                return CTL_EXIT_DONE;
        }
        if (verb->name_rule != NAME_ONE) {
                *ret = NULL;
                return CTL_EXIT_DONE;
        }
        all = format_list(names);
        return usage_error("which jail? There are %s", all ? all : "several");
}

/* Whether a word is a jail's name and not the first of what may come behind one: a path, or a number that no jail has for
 * its name. */
static bool is_name(const Verb *verb, const char *word) {
        _cleanup_strv_free_ char **names = NULL;

        if (verb->words_max == 0)
                return true;
        if (word[0] == '/')
                return false;
        if (word[strspn(word, "0123456789")])
                return true;
        (void) jail_config_list(&names);
        for (char **n = names; n && *n; n++)
                if (streq(*n, word))
                        return true;
        return false;
}

static int run_verb(const Verb *verb, CtlOptions *options, char *const *words) {
        const char *word = words[0] && is_name(verb, words[0]) ? words[0] : NULL;
        _cleanup_free_ char *name = NULL;
        size_t n;
        int r;

        options->words = word ? words + 1 : words;
        n = strv_length(options->words);
        if (n > verb->words_max)
                return usage_error("too many words: '%s'", options->words[verb->words_max]);
        if (n < verb->words_min)
                return usage_error("%s needs %s", verb->name, verb->words);
        if (word && !jail_name_is_valid(word)) {
                print_error("jailctl", "no such jail: '%s' is no name for one", word);
                return CTL_EXIT_NO_SUCH_JAIL;
        }
        if (word && verb->name_rule == NAME_TOGETHER && !options->generations)
                return usage_error("%s takes no name", verb->name);
        if (!word && verb->name_rule == NAME_GIVEN)
                return usage_error("%s needs the name of a jail", verb->name);
        if (!word && verb->name_rule != NAME_TOGETHER) {
                r = choose_name(verb, &name);
                if (r != CTL_EXIT_DONE)
                        return r;
        }
        return verb->run(options, word ? word : name);
}

/* Cut "-- PROGRAM…" off the end. Returns it, or NULL. */
static char *const *take_command(int *argc, char *argv[]) {
        for (int i = 1; i < *argc; i++)
                if (streq(argv[i], "--")) {
                        argv[i] = NULL;
                        *argc = i;
                        return argv + i + 1;
                }
        return NULL;
}

static void options_done(CtlOptions *options) {
        strv_free(options->urls);
}

static int run_command_line(int argc, char *argv[]) {
        char *const *command = take_command(&argc, argv);
        _cleanup_(options_done) CtlOptions options = {};
        const Verb *verb;
        unsigned given;
        bool help;
        int r;

        r = parse_options(argc, argv, command, &options, &given, &help);
        if (r >= 0)
                return r;
        if (help && optind == argc)
                return print_help();
        verb = find_verb(optind < argc ? argv[optind] : "list");
        if (!verb)
                return usage_error("unknown verb '%s'", argv[optind]);
        if (help)
                return print_verb_help(verb);
        r = check_options(verb, given);
        if (r != CTL_EXIT_DONE)
                return r;
        return run_verb(verb, &options, argv + (optind < argc ? optind + 1 : argc));
}

/* Who calls us without one of them would have what we say in the file that we open next. */
static bool ensure_standard_descriptors(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
                        return false;
        return true;
}

int main(int argc, char *argv[]) {
        int r;

        if (!ensure_standard_descriptors())
                return CTL_EXIT_FAILED;
        /* For the character set only: dates and numbers stay the same everywhere. */
        (void) setlocale(LC_CTYPE, "");
        (void) umask(022);

        r = run_command_line(argc, argv);
        errno = 0;
        if (fflush(stdout) != 0 || ferror(stdout)) {
                print_error("jailctl", "cannot write: %s", strerror(errno > 0 ? errno : EIO));
                return CTL_EXIT_FAILED;
        }
        return r;
}
