#include "diagnosis-rules.h"

#include <fnmatch.h>

static const DiagnosisRule rules[] = {
        /* the loader and the C library */
        { "/etc/ld.so.preload", FINDING_HARMLESS,
          "the loader asks for it at each start; it is for debugging" },
        { "/etc/ld.so.cache", FINDING_HARMLESS,
          "the loader's index: without it, it searches its folders, and all that the jail has is in them" },
        { "*/glibc-hwcaps*", FINDING_HARMLESS, "the loader looks for a variant for this processor first" },
        { "*/tls/*", FINDING_HARMLESS, "the loader looks for a variant for this processor first" },
        { "*/locale/*", FINDING_HARMLESS, "translations; the locale C is built in" },
        { "*/locale-archive", FINDING_HARMLESS, "translations; the locale C is built in" },
        { "*/gconv-modules*", FINDING_HARMLESS, "an index of character sets; UTF-8 is built in" },
        { "*/gconv/*", FINDING_WANTED, "a character set that a program converts to or from" },
        { "/etc/localtime", FINDING_WANTED, "the local time zone: without it times are in UTC" },
        { "/usr/share/zoneinfo/*", FINDING_WANTED, "a time zone" },
        { "*/nscd/socket", FINDING_HARMLESS, "a cache of names that is asked first where there is one" },
        { "*/systemd/userdb*", FINDING_HARMLESS, "accounts of systemd; the jail has the one it needs" },
        { "*/libnss_*.so*", FINDING_NEEDED, "a source of names for the C library: nsswitch.conf names it" },
        { "/etc/nsswitch.conf", FINDING_NEEDED, "says where names of users and hosts come from" },
        { "/etc/passwd", FINDING_NEEDED, "Apache looks its user up by name" },
        { "/etc/group", FINDING_NEEDED, "Apache looks its group up by name" },
        { "/etc/shadow", FINDING_HARMLESS, "passwords have no place in a jail" },
        { "/etc/gshadow", FINDING_HARMLESS, "passwords have no place in a jail" },
        { "/etc/resolv.conf", FINDING_HARMLESS,
          "name servers: there is no network to ask them in; Connect= takes addresses" },
        { "/etc/host.conf", FINDING_HARMLESS, "how names of hosts are looked up; the default does" },
        { "/etc/gai.conf", FINDING_HARMLESS, "which address of a host is preferred; the default does" },
        { "/etc/services", FINDING_WANTED, "names of ports" },
        { "/etc/protocols", FINDING_WANTED, "names of protocols" },

        /* what the room has not, on purpose */
        { "/proc", FINDING_HARMLESS, "the room has no /proc, on purpose; who looks there has a default" },
        { "/proc/*", FINDING_HARMLESS, "the room has no /proc, on purpose; who looks there has a default" },
        { "/sys", FINDING_HARMLESS, "the room has no /sys, on purpose; who looks there has a default" },
        { "/sys/*", FINDING_HARMLESS, "the room has no /sys, on purpose; who looks there has a default" },
        { "/dev/log", FINDING_HARMLESS, "syslog, which is outside; logs leave the jail through pipes" },
        { "/dev/*", FINDING_HARMLESS,
          "the room has null, zero and urandom, and no other device, on purpose" },
        { "*/suexec", FINDING_HARMLESS, "a set-id program, which has no place in a jail with one user" },

        /* Apache and what lives in it */
        { "*/.ht*", FINDING_HARMLESS,
          "Apache asks for it in each folder of a document, where AllowOverride= lets it" },
        { "*/.user.ini", FINDING_HARMLESS, "PHP asks for it in each folder of a script" },
        { "*/mime.types", FINDING_NEEDED, "the types of documents: without it, browsers are told none" },
        { "*/apache2/magic", FINDING_NEEDED, "the types of documents, by content" },
        { "*/httpd/conf/magic", FINDING_NEEDED, "the types of documents, by content" },
        { "*/php*.ini", FINDING_NEEDED, "PHP's settings: without it, its defaults are in force" },
        { "*/php/*.ini", FINDING_NEEDED,
          "PHP's settings: without it, an extension is not loaded or has its defaults" },
        { "*/openssl.cnf", FINDING_WANTED, "OpenSSL's settings: the oldest protocol, the providers" },
        { "/etc/ssl/certs/*", FINDING_NEEDED, "certificates, to check those of others by" },
        { "/etc/pki/*", FINDING_NEEDED, "certificates, to check those of others by" },
        { "*/ca-certificates.crt", FINDING_NEEDED, "certificates, to check those of others by" },
        { "*/cacert.pem", FINDING_NEEDED, "certificates, to check those of others by" },
        { "*.pm", FINDING_NEEDED, "a module of Perl" },
        { "*.pl", FINDING_NEEDED, "a file of Perl" },
        { "*/python*", FINDING_WANTED, "a part of Python" },
};

const DiagnosisRule *diagnosis_rule(const char *path) {
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (fnmatch(rules[i].pattern, path, 0) == 0)
                        return &rules[i];
        return NULL;
}
