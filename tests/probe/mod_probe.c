/* An httpd module that tries, from inside of a worker, what the room must deny: GET /probe lists the probes, GET
 * /probe?NAME runs one and says "refused: ERRNO" or "WORKED". */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include <httpd.h>

#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>

#include "probe.h"

static void print_name(const Probe *probe, void *userdata) {
        ap_rprintf(userdata, "%s %s\n", probe->area, probe->name);
}

static int on_request(request_rec *r) {
        const Probe *probe;
        int result;

        if (!r->handler || !streq(r->handler, "probe"))
                return DECLINED;
        ap_set_content_type(r, "text/plain");
        if (!r->args) {
                probe_each(print_name, r);
                return OK;
        }
        probe = probe_find(r->args);
        if (!probe)
                return HTTP_NOT_FOUND;
        result = probe_run(probe);
        if (result < 0)
                ap_rprintf(r, "refused: %s\n", strerrorname_np(-result));
        else
                ap_rputs("WORKED\n", r);
        return OK;
}

static void *wait_for_good(void *unused) {
        while (poll(NULL, 0, -1) < 0)
                ;
        return NULL;
}

static void leave_threads(int sig) {
        (void) syscall(SYS_exit, 0);
}

/* With "Define LOST_MASTER": at SIGUSR2 the master ends as far as its first thread goes, and another one stays. */
static int on_configured(apr_pool_t *pool, apr_pool_t *log, apr_pool_t *temporary, server_rec *server) {
        sigset_t all, old;
        pthread_t thread;
        int r;

        /* After the first of the two passes httpd unloads all modules. */
        if (!ap_exists_config_define("LOST_MASTER") ||
            ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
                return DECLINED;
        sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&thread, NULL, wait_for_good, NULL);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return r == 0 && signal(SIGUSR2, leave_threads) != SIG_ERR ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static void register_hooks(apr_pool_t *pool) {
        ap_hook_post_config(on_configured, NULL, NULL, APR_HOOK_MIDDLE);
        ap_hook_handler(on_request, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(probe) = {
        STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0,
};
