#include "visitors.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS_MAX 16

typedef struct Visitor {
        const Visitors *all;
        pthread_t thread;
        VisitorsCount count;
} Visitor;

struct Visitors {
        const char *const *urls;
        atomic_bool is_over;
        unsigned n;
        Visitor visitor[THREADS_MAX];
};

static size_t ignore(char *data, size_t size, size_t n, void *userdata) {
        return size * n;
}

static size_t see_header(char *data, size_t size, size_t n, void *userdata) {
        static const char name[] = "content-encoding: gzip";

        if (n > strlen(name) && strncasecmp(data, name, strlen(name)) == 0)
                *(bool *) userdata = true;
        return size * n;
}

/* A connection that was kept may be closed by the server at the instant in which the next request is sent: then that is sent
 * anew, as every client does (RFC 9112, 9.3.1). libcurl does so only where nothing of it was sent. */
static CURLcode ask(CURL *curl) {
        CURLcode code = curl_easy_perform(curl);
        long n_connections = 0;

        curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &n_connections);
        return code == CURLE_SEND_ERROR && n_connections == 0 ? curl_easy_perform(curl) : code;
}

static void visit(Visitor *v, CURL *curl, const char *url) {
        bool is_compressed = false;
        long status = 0, version = 0;
        CURLcode code;

        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, &is_compressed);
        code = ask(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
        if (code != CURLE_OK || status != 200) {
                if (v->count.other++ == 0)
                        snprintf(v->count.first_other, sizeof(v->count.first_other), "%s: %ld %s", url,
                                 status, curl_easy_strerror(code));
                return;
        }
        if (version == CURL_HTTP_VERSION_2_0)
                v->count.http2++;
        else
                v->count.http1++;
        v->count.compressed += is_compressed;
}

static void *visitor_thread(void *userdata) {
        Visitor *v = userdata;
        CURL *curl = curl_easy_init();

        if (!curl)
                return NULL;
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, see_header);
        while (!v->all->is_over)
                for (const char *const *url = v->all->urls; *url; url++)
                        visit(v, curl, *url);
        curl_easy_cleanup(curl);
        return NULL;
}

Visitors *visitors_start(const char *const *urls, unsigned n_threads) {
        Visitors *v = calloc(1, sizeof(Visitors));

        cr_assert(v && n_threads <= THREADS_MAX);
        curl_global_init(CURL_GLOBAL_DEFAULT);
        v->urls = urls;
        for (; v->n < n_threads; v->n++) {
                v->visitor[v->n].all = v;
                cr_assert_eq(pthread_create(&v->visitor[v->n].thread, NULL, visitor_thread,
                                            &v->visitor[v->n]),
                             0);
        }
        return v;
}

VisitorsCount visitors_stop(Visitors *v) {
        VisitorsCount sum = {};

        v->is_over = true;
        for (unsigned i = 0; i < v->n; i++) {
                const VisitorsCount *c = &v->visitor[i].count;

                cr_assert_eq(pthread_join(v->visitor[i].thread, NULL), 0);
                sum.http1 += c->http1;
                sum.http2 += c->http2;
                sum.compressed += c->compressed;
                sum.other += c->other;
                if (c->first_other[0])
                        memcpy(sum.first_other, c->first_other, sizeof(sum.first_other));
        }
        free(v);
        return sum;
}
