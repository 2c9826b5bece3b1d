/* The verb top: all jails, again and again on a terminal; elsewhere once. */

#include <signal.h>
#include <systemd/sd-event.h>
#include <termios.h>
#include <time.h>

#include "config.h"
#include "format.h"
#include "info.h"
#include "output.h"
#include "verbs.h"

#define INTERVAL_USEC (2 * USEC_PER_SEC)

enum {
        COLUMN_NAME,
        COLUMN_STATE,
        COLUMN_CPU,
        COLUMN_MEMORY,
        COLUMN_TASKS,
        COLUMN_REQUESTS,
        COLUMN_BUSY,
        COLUMN_RESTARTS,
        COLUMN_HEALTH,
        COLUMN_FAILURE,
        _COLUMN_MAX,
};

typedef struct Row {
        char cpu[16];
        char memory[FORMAT_MAX];
        char tasks[16];
        char requests[24];
        char busy[32];
        char restarts[16];
        char failure[FORMAT_MAX];
} Row;

/* What CPU time is a difference of. */
typedef struct Top {
        JailInfo **infos;
        JailInfo **before;
        uint64_t usec;
        uint64_t before_usec;
        int error;
} Top;

static void top_done(Top *t) {
        jail_infos_free(t->infos);
        jail_infos_free(t->before);
}

static int top_look(Top *t) {
        jail_infos_free(t->before);
        t->before = TAKE_PTR(t->infos);
        t->before_usec = t->usec;
        t->usec = monotonic_usec();
        return jail_infos_load(&t->infos);
}

/* Of one CPU, since the look before; negative where there was none at the same server. */
static double cpu_percent(const Top *t, const JailInfo *info) {
        for (JailInfo **i = t->before; i && *i; i++)
                if (streq((*i)->name, info->name) && (*i)->main_pid == info->main_pid &&
                    info->main_pid > 0 && info->cpu_usec >= (*i)->cpu_usec)
                        return 100.0 * (double) (info->cpu_usec - (*i)->cpu_usec) /
                               (double) (t->usec - t->before_usec);
        return -1;
}

static void fill_row(const Top *t, const JailInfo *info, Row *ret, TableCell cells[static _COLUMN_MAX]) {
        double cpu = cpu_percent(t, info);
        Row *row = ret;

        if (cpu >= 0)
                snprintf(row->cpu, sizeof(row->cpu), "%.1f", cpu);
        if (info->n_processes > 0) {
                format_bytes(info->memory_bytes, row->memory);
                snprintf(row->tasks, sizeof(row->tasks), "%u", info->n_tasks);
        }
        if (jail_info_has_load(info)) {
                if (info->request_rate >= 0)
                        snprintf(row->requests, sizeof(row->requests), "%.1f", info->request_rate);
                snprintf(row->busy, sizeof(row->busy), "%u/%u", info->busy_workers,
                         info->busy_workers + info->idle_workers);
        }
        snprintf(row->restarts, sizeof(row->restarts), "%u", info->restarts);
        if (info->last_failure_usec > 0)
                format_relative(info->last_failure_usec, now_usec(), row->failure);

        for (size_t i = 0; i < _COLUMN_MAX; i++)
                cells[i] = (TableCell){ "-", COLOUR_NONE };
        cells[COLUMN_NAME].text = info->name;
        cells[COLUMN_STATE] = (TableCell){ info->state, jail_info_colour(info) };
        if (row->cpu[0])
                cells[COLUMN_CPU].text = row->cpu;
        if (row->memory[0])
                cells[COLUMN_MEMORY].text = row->memory;
        if (row->tasks[0])
                cells[COLUMN_TASKS].text = row->tasks;
        if (row->requests[0])
                cells[COLUMN_REQUESTS].text = row->requests;
        if (row->busy[0])
                cells[COLUMN_BUSY].text = row->busy;
        cells[COLUMN_RESTARTS].text = row->restarts;
        if (info->health && *info->health)
                cells[COLUMN_HEALTH].text = info->health;
        if (row->failure[0])
                cells[COLUMN_FAILURE].text = row->failure;
}

static int top_print(const Top *t, const CtlOptions *options) {
        static const char *const heads[_COLUMN_MAX] = { "NAME",   "STATE",       "CPU%", "MEMORY",
                                                        "TASKS",  "REQ/S",       "BUSY", "RESTARTS",
                                                        "HEALTH", "LAST FAILURE" };
        _cleanup_free_ TableCell *cells = NULL;
        _cleanup_free_ Row *rows = NULL;
        size_t n = 0;

        while (t->infos[n])
                n++;
        cells = calloc((n + 1) * _COLUMN_MAX, sizeof(TableCell));
        rows = calloc(n + 1, sizeof(Row));
        if (!cells || !rows)
                return -ENOMEM;
        for (size_t i = 0; i < _COLUMN_MAX; i++)
                cells[i].text = heads[i];
        for (size_t i = 0; i < n; i++)
                fill_row(t, t->infos[i], rows + i, cells + (i + 1) * _COLUMN_MAX);
        if (n == 0)
                puts("No jails.");
        else
                print_table(cells, _COLUMN_MAX, n + 1, options->legend);
        return fflush(stdout) != 0 ? -errno : 0;
}

typedef struct Screen {
        Top top;
        const CtlOptions *options;
        sd_event *event;
        struct termios before;
} Screen;

static int screen_draw(Screen *s) {
        char stamp[FORMAT_MAX];
        int r = top_look(&s->top);

        if (r < 0)
                return r;
        printf("\033[H\033[2J%s    q ends\n\n", format_timestamp(now_usec(), stamp));
        return top_print(&s->top, s->options);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Screen *s = userdata;
        int r = screen_draw(s);

        if (r < 0)
                return r;
        r = sd_event_source_set_time_relative(source, INTERVAL_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* q, the end of input, or the terminal is gone. */
static int on_key(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Screen *s = userdata;
        char key;
        ssize_t k = read(fd, &key, 1);

        return k <= 0 || key == 'q' || key == 'Q' ? sd_event_exit(s->event, 0) : 0;
}

static int screen_run(Screen *s) {
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        if ((r = sd_event_new(&s->event)) < 0 ||
            (r = sd_event_add_signal(s->event, NULL, SIGINT, NULL, NULL)) < 0 ||
            (r = sd_event_add_signal(s->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
            (r = sd_event_add_io(s->event, NULL, STDIN_FILENO, EPOLLIN, on_key, s)) < 0 ||
            (r = sd_event_add_time_relative(s->event, NULL, CLOCK_MONOTONIC, INTERVAL_USEC, 0, on_timer,
                                            s)) < 0 ||
            (r = screen_draw(s)) < 0)
                return r;
        return sd_event_loop(s->event);
}

/* The screen of the terminal, with its keys; afterwards everything is as it was. */
static int show_screen(const CtlOptions *options) {
        _cleanup_(top_done) Top top = {};
        Screen s = { .options = options };
        struct termios keys;
        int r;

        if (tcgetattr(STDIN_FILENO, &s.before) < 0)
                return -errno;
        keys = s.before;
        keys.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        if (tcsetattr(STDIN_FILENO, TCSANOW, &keys) < 0)
                return -errno;
        fputs("\033[?1049h\033[?25l", stdout);
        r = screen_run(&s);
        fputs("\033[?25h\033[?1049l", stdout);
        (void) fflush(stdout);
        (void) tcsetattr(STDIN_FILENO, TCSANOW, &s.before);
        sd_event_unref(s.event);
        top = s.top;
        return r;
}

static int show_once(const CtlOptions *options) {
        _cleanup_(top_done) Top top = {};
        int r = top_look(&top);

        if (r < 0)
                return r;
        /* CPU time has to pass. */
        (void) nanosleep(&(struct timespec){ .tv_sec = INTERVAL_USEC / USEC_PER_SEC }, NULL);
        r = top_look(&top);
        return r < 0 ? r : top_print(&top, options);
}

int verb_top(const CtlOptions *options, const char *name) {
        int r = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? show_screen(options) : show_once(options);

        if (r < 0)
                print_error("jailctl", "cannot show the jails: %s", strerror(-r));
        return r < 0 ? CTL_EXIT_FAILED : CTL_EXIT_DONE;
}
