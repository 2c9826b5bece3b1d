/* An httpd module that tries, from inside of a worker, what the room must deny: GET /probe lists the probes, GET
 * /probe?NAME runs one and says "refused: ERRNO" or "WORKED". */

#include <httpd.h>

#include <http_config.h>
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

static void register_hooks(apr_pool_t *pool) {
        ap_hook_handler(on_request, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(probe) = {
        STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0,
};
