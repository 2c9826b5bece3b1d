#include "health.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "config-paths.h"
#include "fence.h"
#include "helper.h"
#include "log.h"
#include "probe-result.h"

/* Made by sysusers.d/jaild.conf; a system without it has at least this one. */
#define PROBE_USER          "jaild-probe"
#define PROBE_USER_FALLBACK "nobody"
#define PROBE_MEMORY_MAX    (512 * 1024 * 1024ULL)
/* Beyond its own timeout, to start and to end. */
#define PROBE_EXTRA_USEC (5 * USEC_PER_SEC)

struct Health {
        sd_event *event;
        const JailConfig *config;
        HealthHandler handler;
        void *userdata;
        uid_t uid;
        gid_t gid;

        /* While a server serves. */
        bool is_on;
        Address address;
        uint64_t grace_end_usec;
        sd_event_source *timer;

        /* While a probe runs. */
        Helper *probe;
        int result_fd;

        unsigned failures;
        char summary[256];

        bool has_load;
        HealthLoad load;
        uint64_t load_usec;
};

static uint64_t now_usec(const Health *h) {
        uint64_t t = 0;

        (void) sd_event_now(h->event, CLOCK_MONOTONIC, &t);
        return t;
}

/* How long after the end of a check the next one begins. */
static void health_arm(Health *h) {
        if (!h->is_on)
                return;
        (void) sd_event_source_set_time_relative(h->timer, h->config->health.interval_usec);
        (void) sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

static void describe(const Health *h, const ProbeResult *result, char *buf, size_t size) {
        const ConfigHealth *c = &h->config->health;

        switch (result->outcome) {
        case PROBE_HEALTHY:
                snprintf(buf, size, "status %u in %u ms", result->status, result->msec);
                break;
        case PROBE_NOT_CONNECTED:
                snprintf(buf, size, "cannot connect: %s", result->detail);
                break;
        case PROBE_TIMED_OUT:
                snprintf(buf, size, "no answer within %llu ms",
                         (unsigned long long) c->timeout_usec / USEC_PER_MSEC);
                break;
        case PROBE_NO_ANSWER:
                snprintf(buf, size, "no whole answer: %s", result->detail);
                break;
        case PROBE_WRONG_STATUS:
                snprintf(buf, size, "status %u instead of %u-%u", result->status, c->status_min,
                         c->status_max);
                break;
        case PROBE_WRONG_BODY:
                snprintf(buf, size, "the answer is without the text of ExpectBody=");
                break;
        default:
                snprintf(buf, size, "the check itself failed: %s", result->detail);
        }
}

static void health_keep_load(Health *h, const ProbeResult *result) {
        uint64_t now = now_usec(h);
        double rate = -1;

        if (h->has_load && result->has_load && result->requests >= h->load.requests && now > h->load_usec)
                rate = (double) (result->requests - h->load.requests) * (double) USEC_PER_SEC /
                       (double) (now - h->load_usec);
        h->has_load = result->has_load;
        h->load_usec = now;
        h->load = (HealthLoad){
                .requests = result->requests,
                .busy_workers = result->busy_workers,
                .idle_workers = result->idle_workers,
                .request_rate = rate,
        };
}

static void health_judge(Health *h, const ProbeResult *result) {
        char text[192], reason[256];

        describe(h, result, text, sizeof(text));
        health_keep_load(h, result);
        if (result->outcome == PROBE_HEALTHY) {
                h->failures = 0;
                snprintf(h->summary, sizeof(h->summary), "%s", text);
                h->handler(HEALTH_GOOD, text, h->userdata);
                return;
        }
        /* What is no fault of the server's is shown, and does not count; nor does what a server that has just begun
         * cannot do yet. */
        if (result->outcome >= PROBE_BROKEN || now_usec(h) < h->grace_end_usec) {
                snprintf(h->summary, sizeof(h->summary), "%s", text);
                return;
        }
        h->failures++;
        snprintf(h->summary, sizeof(h->summary), "%u failure%s in a row: %s", h->failures,
                 h->failures > 1 ? "s" : "", text);
        if (h->failures < h->config->health.failures)
                return;
        snprintf(reason, sizeof(reason), "%s (%u health checks in a row)", text, h->failures);
        h->failures = 0;
        h->handler(HEALTH_BAD, reason, h->userdata);
}

static void health_broken(Health *h, const char *detail) {
        ProbeResult result = { .outcome = PROBE_BROKEN };

        snprintf(result.detail, sizeof(result.detail), "%s", detail);
        health_judge(h, &result);
}

static void on_probe_done(int status, bool timed_out, void *userdata) {
        Health *h = userdata;
        ProbeResult result;
        ssize_t k = read(h->result_fd, &result, sizeof(result));

        h->result_fd = close_fd(h->result_fd);
        h->probe = helper_free(h->probe);
        /* Before the verdict, which may be the end of all checks. */
        health_arm(h);
        if (k != sizeof(result)) {
                health_broken(h,
                              timed_out ? "jaild-probe did not end in time" : "jaild-probe cannot be run");
                return;
        }
        result.detail[sizeof(result.detail) - 1] = '\0';
        log_sanitize(result.detail);
        health_judge(h, &result);
}

/* Connecting, and not waited for: that is the probe's. */
static int open_connection(const Address *a) {
        _cleanup_close_ int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = fence_connection(fd, a);
        if (r < 0)
                return r;
        if (connect(fd, &a->sa, address_length(a)) < 0 && errno != EINPROGRESS)
                return -errno;
        return TAKE_FD(fd);
}

static int health_spawn(Health *h, int connection_fd) {
        const ConfigHealth *c = &h->config->health;
        const char *program = getenv("JAILD_PROBE") ?: JAILD_PROBE;
        _cleanup_free_ char *path = strdup(program), *url = strdup(c->url),
                            *text = c->text ? strdup(c->text) : NULL;
        char timeout[24], min[8], max[8];
        char *environment[] = { NULL };
        char *argv[] = { path, url, timeout, min, max, text, NULL };
        _cleanup_close_ int write_fd = -EBADF;
        int fd[2];

        if (!path || !url || (c->text && !text))
                return -ENOMEM;
        snprintf(timeout, sizeof(timeout), "%llu", (unsigned long long) c->timeout_usec / USEC_PER_MSEC);
        snprintf(min, sizeof(min), "%u", c->status_min);
        snprintf(max, sizeof(max), "%u", c->status_max);
        if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        h->result_fd = fd[0];
        write_fd = fd[1];
        return helper_start(h->event,
                            &(HelperSpec){
                                            .argv = argv,
                                            .environment = environment,
                                            .uid = h->uid,
                                            .gid = h->gid,
                                            .in_fd = connection_fd,
                                            .out_fd = write_fd,
                                            .timeout_usec = c->timeout_usec + PROBE_EXTRA_USEC,
                                            .limit_memory_bytes = PROBE_MEMORY_MAX,
                            },
                            on_probe_done, h, &h->probe);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Health *h = userdata;
        _cleanup_close_ int fd = open_connection(&h->address);
        int r = fd < 0 ? fd : health_spawn(h, fd);

        if (r < 0) {
                h->result_fd = close_fd(h->result_fd);
                health_arm(h);
                health_broken(h, strerror(-r));
        }
        return 0;
}

int health_new(sd_event *event, const JailConfig *config, HealthHandler handler, void *userdata,
               Health **ret) {
        _cleanup_(health_freep) Health *h = NULL;
        int r;

        *ret = NULL;
        if (!config->health.url)
                return 0;
        h = calloc(1, sizeof(Health));
        if (!h)
                return -ENOMEM;
        *h = (Health){
                .event = sd_event_ref(event),
                .config = config,
                .handler = handler,
                .userdata = userdata,
                .result_fd = -EBADF,
        };
        if (helper_user(PROBE_USER, &h->uid, &h->gid) < 0 &&
            (r = helper_user(PROBE_USER_FALLBACK, &h->uid, &h->gid)) < 0)
                return r;
        /* A tenth of the interval late does not matter, and many jails wake the machine once. */
        r = sd_event_add_time(event, &h->timer, CLOCK_MONOTONIC, 0, config->health.interval_usec / 10,
                              on_timer, h);
        if (r < 0 || (r = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF)) < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

Health *health_free(Health *h) {
        if (!h)
                return NULL;
        helper_free(h->probe);
        close_fd(h->result_fd);
        sd_event_source_disable_unref(h->timer);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}

void health_begin(Health *h, const ListenPair *pairs, size_t n) {
        if (!h)
                return;
        health_end(h);
        if (listen_pairs_reach(pairs, n, h->config->health.port, &h->address) < 0) {
                snprintf(h->summary, sizeof(h->summary),
                         "no checks: port %u of Url= is none that the jail listens on",
                         h->config->health.port);
                log_event(EVENT_JAIL_REFUSED, "%s; correct Url= in [Health]", h->summary);
                return;
        }
        h->is_on = true;
        h->grace_end_usec = now_usec(h) + h->config->health.grace_usec;
        health_arm(h);
}

void health_end(Health *h) {
        if (!h)
                return;
        h->is_on = false;
        h->failures = 0;
        h->summary[0] = '\0';
        h->has_load = false;
        h->probe = helper_free(h->probe);
        h->result_fd = close_fd(h->result_fd);
        (void) sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
}

const char *health_summary(const Health *h) {
        return h ? h->summary : "";
}

bool health_load(const Health *h, HealthLoad *ret) {
        if (!h || !h->has_load)
                return false;
        *ret = h->load;
        return true;
}
