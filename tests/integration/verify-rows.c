#include "verify-rows.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

/* Of include/uapi/linux/capability.h: revision 2, CAP_NET_RAW permitted and effective. */
static void set_file_capability(void) {
        static const uint32_t value[] = { 0x02000001, 1 << 13, 0, 0, 0 };

        cr_assert_eq(setxattr("usr/sbin/apache2", "security.capability", value, sizeof(value), 0), 0, "%s",
                     strerror(errno));
}

/* Of include/uapi/linux/posix_acl_xattr.h: version 2; the owner, user 1000 and the group may read; mask; others. */
static void set_acl(void) {
        static const struct {
                uint32_t version;
                struct {
                        uint16_t tag;
                        uint16_t permissions;
                        uint32_t id;
                } entries[5];
        } value = {
                2,
                { { 1, 4, -1U }, { 2, 4, 1000 }, { 4, 4, -1U }, { 16, 4, -1U }, { 32, 4, -1U } },
        };

        cr_assert_eq(setxattr("etc/hosts", "system.posix_acl_access", &value, sizeof(value), 0), 0, "%s",
                     strerror(errno));
}

static void make_socket(void) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "run/socket" };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        /* Not what this is about. */
        cr_assert_eq(chmod("run/socket", 0600), 0);
}

/* An empty file in the place that PATH says. */
#define PUT(path)       "install -m 444 /dev/null " path
#define PROGRAM(name)   "install -m 555 /bin/true usr/sbin/" name
#define NO_MODULE(name) "rm usr/lib/apache2/modules/" name " && sed -i '/" name "/d' ../manifest"

const BreakRow tree_rows[] = {
        { "tree-set-id", "chmod u+s usr/sbin/apache2" },
        { "tree-capability", .run = set_file_capability },
        { "tree-acl", .run = set_acl },
        { "tree-hard-link", "ln etc/hosts ../outside" },
        { "tree-device", "mknod -m 600 dev/mem c 1 1" },
        { "tree-socket", .run = make_socket },
        { "tree-fifo", "mkfifo -m 600 var/log/fifo" },
        { "tree-world-writable", "chmod o+w etc/hosts" },
        { "tree-jail-writable", "chgrp www-data etc/hosts && chmod g+w etc/hosts" },
        { "tree-jail-owned", "chown www-data etc/hosts" },
        { "tree-foreign-owned", "chown 1000 etc/hosts" },
        { "tree-readable-program", "chmod a+r usr/sbin/apache2" },
        { "tree-mounted", "mount --bind /etc/hostname etc/hosts", "umount etc/hosts" },
        { "tree-file-system", "mount --bind .. /srv", "umount /srv" },
        { "tree-missing", "rm etc/hosts" },
        { "tree-extra", PUT("etc/motd") },
        { "tree-type", "rm etc/hosts && mkdir etc/hosts" },
        { "tree-content", "echo 127.0.0.2 here >>etc/hosts" },
        { "tree-mode", "chmod 400 etc/hosts" },
        { "tree-owner", "chgrp 1000 etc/hosts" },
        { "tree-link-target", "ln -sfn /etc/passwd etc/apache2/conf-enabled/charset.conf" },
        { "tree-device-number", "rm dev/null && mknod -m 666 dev/null c 1 1" },
        { "tree-immutable", "sed -i '/^.\\/etc\\/hosts /s/$/ flags=schg/' ../manifest" },
        { "tree-program", "chmod a+x etc/hosts" },
        { "content-shell", PROGRAM("dash") },
        { "content-interpreter", PROGRAM("python3.11") },
        { "content-compiler", PROGRAM("gcc-12") },
        { "content-development", PUT("usr/lib/libfoo.a") },
        { "content-network-tool", PROGRAM("curl") },
        { "content-system-tool", PROGRAM("mount") },
        { "content-apache-utility", PROGRAM("htpasswd") },
        { "content-sample", PUT("usr/lib/test-cgi") },
        { "content-documentation", "mkdir usr/share/doc" },
        { "content-granted-interpreter",
          PROGRAM("perl") " && sed -i 's|^ *\"/usr/sbin/apache2\",|&\"/usr/sbin/perl\",|' ../launch && know usr/sbin/perl" },
        { "content-private-key",
          "echo '-----BEGIN PRIVATE KEY-----' >etc/server.key; chmod 400 etc/server.key" },
        { "content-module-dav", PUT("usr/lib/apache2/modules/mod_dav.so") },
        { "content-module-status", NO_MODULE("mod_status.so") },
        { "content-module-autoindex", NO_MODULE("mod_autoindex.so") },
        { "content-module-proxy", PUT("usr/lib/apache2/modules/mod_proxy.so") },
        { "content-module-userdir", PUT("usr/lib/apache2/modules/mod_userdir.so") },
        { "content-module-info", PUT("usr/lib/apache2/modules/mod_info.so") },
        { "account-other-user", "echo root:x:0:0::/:/bin/false >>etc/passwd" },
        { "account-password", "sed -i 's/:x:/:$6$salt$hash:/' etc/passwd" },
        { "account-shell", "sed -i 's|[^:]*$|/bin/bash|' etc/passwd" },
        {},
};

#define DOCUMENTS "/var/www/html/"

const BreakRow host_rows[] = {
        { "host-stale", "echo '# upgraded' >>/etc/apache2/ports.conf",
          "cp -p /media/ports.conf /etc/apache2/ports.conf" },
        { "host-other-apache-installed",
          "mount -t tmpfs tmpfs /usr/local/sbin && " PUT("/usr/local/sbin/httpd"),
          "umount /usr/local/sbin" },
        { "host-other-apache-running", "cp /bin/sleep /media/httpd; /media/httpd 100 & later $!", "end" },
        { "host-other-apache-unit",
          "mkdir -p /etc/systemd/system/x.wants && ln -s /dev/null /etc/systemd/system/x.wants/apache2.service",
          "rm -r /etc/systemd/system/x.wants" },
        { "host-other-apache-script", "echo 'apachectl start' >/etc/rc.local", "rm /etc/rc.local" },
        { "host-shared-user", "setpriv --reuid www-data --clear-groups sleep 100 & later $!", "end" },
        { "host-parent-writable", "chmod o+w /var/lib/jaild", "chmod o-w /var/lib/jaild" },
        { "host-state-open", "chmod 0755 .." },
        { "host-config-readable",
          "printf '[Server]\\nEnvironment=DB_PASSWORD=secret\\n' >>/etc/jaild/web.conf",
          "cp -p /media/web.conf /etc/jaild/web.conf" },
        { "host-config-writable", "chmod g+w /etc/jaild", "chmod g-w /etc/jaild" },
        { "host-run-writable", "mkdir -p -m 0777 /run/jaild/web", "rmdir /run/jaild/web" },
        { "host-log-writable",
          "mkdir /var/log/jaild/web && install -o www-data /dev/null /var/log/jaild/web/error.log",
          "rm -r /var/log/jaild/web" },
        { "host-log-space",
          "mkdir /var/log/jaild/web && mount -t tmpfs -o size=64k,mode=0755 tmpfs /var/log/jaild/web && "
          "head -c 64k /dev/zero >/var/log/jaild/web/error.log",
          "umount /var/log/jaild/web && rmdir /var/log/jaild/web" },
        { "host-key-readable",
          "echo '-----BEGIN RSA PRIVATE KEY-----' >/media/key.pem; chmod 0644 /media/key.pem; "
          "sed -i 's|\"secrets\":\\[|&{\"source\":\"/media/key.pem\",\"name\":\"key.pem\"}|' ../launch" },
        { "host-listen-wildcard", "sed -i 's|127.0.0.1:8080|[::]:8080|' ../launch" },
        { "host-network-mode", "printf '[Network]\\nMode=host\\n' >>/etc/jaild/web.conf",
          "cp -p /media/web.conf /etc/jaild/web.conf" },
        { "host-document-owner", "chown www-data " DOCUMENTS "index.html",
          "chown root " DOCUMENTS "index.html" },
        { "host-document-private", "mkdir " DOCUMENTS ".git", "rmdir " DOCUMENTS ".git" },
        { "host-sample-page", "echo '<h1>It works!</h1>' >" DOCUMENTS "index.html",
          "echo hello >" DOCUMENTS "index.html" },
        { "host-bind-writable", "sed -i 's|\"bind-ro\"|\"bind\"|' ../launch" },
        { "host-account-shell", "sed -i '/^www-data:/s|[^:]*$|/bin/sh|' /etc/passwd",
          "cp -p /media/passwd /etc/passwd" },
        { "host-account-password", "sed -i 's/^www-data:[^:]*:/www-data:$6$salt$hash:/' /etc/shadow",
          "cp -p /media/shadow /etc/shadow" },
        { "host-account-number",
          "sed -i 's/\"uid\":33/\"uid\":1033/' ../launch && sed -i 's/:33:/:1033:/' etc/passwd && know etc/passwd" },
        {},
};

#define SAY(lines) "say '" lines "'"

/* A server that speaks TLS as it should, and then says one thing more. */
#define SAY_TLS(header, line)                                                                                                 \
        SAY("<VirtualHost *:443>\\nSSLEngine on\\nSSLProtocol -all +TLSv1.2 +TLSv1.3\\nSSLCipherSuite HIGH:!aNULL:!MEDIUM\\n" \
            "SSLUseStapling On\\n" header line "\\n</VirtualHost>")
#define HSTS "Header always set Strict-Transport-Security max-age=31536000\\n"

const BreakRow apache_rows[] = {
        { "apache-server-tokens", SAY("ServerTokens Prod") },
        { "apache-server-signature", SAY("ServerSignature Off") },
        { "apache-trace", SAY("TraceEnable On") },
        { "apache-trace", SAY("<VirtualHost *:80>\\nTraceEnable extended\\n</VirtualHost>") },
        { "apache-etag", SAY("<Directory /srv>\\nFileETag INode MTime\\n</Directory>") },
        { "apache-timeout", SAY("Timeout 10") },
        { "apache-keep-alive", SAY("KeepAlive Off") },
        { "apache-keep-alive", SAY("MaxKeepAliveRequests 10") },
        { "apache-keep-alive", SAY("KeepAliveTimeout 60") },
        { "apache-request-timeout", SAY("RequestReadTimeout header=20-60,minrate=500") },
        { "apache-request-timeout", SAY("RequestReadTimeout header=20 body=0") },
        { "apache-request-timeout",
          "sed -i '/^ *RequestReadTimeout/d' ../directives && " NO_MODULE("mod_reqtimeout.so") },
        { "apache-request-limits", SAY("LimitRequestLine 100000") },
        { "apache-request-limits", SAY("LimitRequestFields 0") },
        { "apache-request-limits",
          SAY("<VirtualHost *:80>\\nLimitRequestFieldSize 65536\\n</VirtualHost>") },
        { "apache-request-body", SAY("LimitRequestBody 102400") },
        { "apache-log-level", SAY("LogLevel crit") },
        { "apache-core-dump", SAY("CoreDumpDirectory /tmp") },
        { "apache-scoreboard", SAY("ScoreBoardFile /run/apache2/scoreboard") },
        { "apache-password", SAY("<Location /private>\\nAuthType Basic\\n</Location>") },
        { "apache-forward-proxy", SAY("ProxyRequests On") },
        { "apache-tls-protocol", SAY_TLS(HSTS, "SSLProtocol all -SSLv3") },
        { "apache-tls-cipher", SAY_TLS(HSTS, "SSLCipherSuite HIGH:+3DES:!aNULL") },
        { "apache-tls-renegotiation", SAY_TLS(HSTS, "SSLInsecureRenegotiation on") },
        { "apache-tls-compression", SAY_TLS(HSTS, "SSLCompression on") },
        { "apache-tls-stapling", SAY_TLS(HSTS, "SSLUseStapling Off") },
        { "apache-hsts", SAY_TLS("", "SSLCompression Off") },
        { "apache-root-access", SAY("<Directory />\\nRequire all granted\\n</Directory>") },
        { "apache-root-options", SAY("<Directory />\\nOptions None\\n</Directory>") },
        { "apache-override", SAY("<Directory /var/www>\\nAllowOverride All\\n</Directory>") },
        /* What is found in Debian's configuration, and that of javascript-common where it is there, is so no longer. */
        { "apache-options", "sed -i -e 's/Options Indexes/Options/' -e '/Options/s/MultiViews//' ../directives" },
        { "apache-includes", SAY("<Directory /var/www>\\nOptions +Includes\\n</Directory>") },
        { "apache-handler-open", SAY("<Location /open>\\nSetHandler server-status\\n</Location>") },
        { "apache-handler-open",
          SAY("<Location /open>\\nSetHandler server-info\\nRequire all granted\\n</Location>") },
        { "apache-methods",
          SAY("<Directory /var/www>\\n<LimitExcept GET>\\nRequire all denied\\n</LimitExcept>\\n</Directory>") },
        { "apache-old-protocol", SAY("HttpProtocolOptions Strict Require1.0") },
        { "apache-hidden-files", "sed -i '/<FilesMatch.*ht/,/<.FilesMatch>/d' ../directives" },
        { "apache-access-log", "sed -i '/^ *CustomLog/d' ../directives" },
        { "apache-headers", SAY("Header set X-Frame-Options DENY\\nHeader set Referrer-Policy same-origin\\n"
                                "Header set Permissions-Policy geolocation=()") },
        {},
};
