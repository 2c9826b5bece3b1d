#include "privileges.h"

#include <cap-ng.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "policy.h"

static const struct {
        unsigned capability;
        const char *use;
} kept[] = {
        { CAP_SYS_ADMIN, "namespaces, mounts and the host name of the room" },
        { CAP_NET_ADMIN, "loopback up in the jail's network" },
        { CAP_SETPCAP, "empty the bounding set of the child" },
        { CAP_SETUID, "become the jail's user in the child" },
        { CAP_SETGID, "and its group, without others" },
        { CAP_SYS_PTRACE,
          "take the child's notification descriptor, read the address it binds, measure it" },
        { CAP_CHOWN, "give a secret to the group of the jail's user" },
        { CAP_KILL, "signal a process of the jail's user" },
        { CAP_NET_BIND_SERVICE, "listen on ports below 1024" },
        { CAP_SYS_RESOURCE, "hard limits above our own, large pipes" },
        { CAP_DAC_READ_SEARCH, "reach document roots below folders that root may not enter otherwise" },
        { CAP_DAC_OVERRIDE, "logs in a folder that belongs to somebody else" },
};

/* Drop all but those from the bounding set. libcap-ng would do it, but reads /proc/self/status before and after, which in the
 * jail is not there, asks for each capability instead, and drops also what is not in it, each by a new set of credentials. */
static int bounding_set_reduce(uint64_t kept_bits) {
        for (unsigned c = 0;; c++) {
                int has = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

                if (has < 0)
                        /* Past the last one that the kernel knows. */
                        return errno == EINVAL && c > 0 ? 0 : -errno;
                if (has && !(kept_bits & UINT64_C(1) << c) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
                        return -errno;
        }
}

int privileges_drop(void) {
        bool have[ELEMENTSOF(kept)];
        uint64_t bits = 0;
        int r;

        /* In a container root may lack some: what then needs it says so itself. */
        if (capng_get_caps_process() < 0)
                return -EPERM;
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                have[i] = capng_have_capability(CAPNG_PERMITTED, kept[i].capability);
        capng_clear(CAPNG_SELECT_ALL);
        for (size_t i = 0; i < ELEMENTSOF(kept); i++) {
                if (!have[i])
                        continue;
                bits |= UINT64_C(1) << kept[i].capability;
                if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i].capability) < 0)
                        return -EINVAL;
        }
        r = bounding_set_reduce(bits);
        if (r < 0)
                return r;
        if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0)
                return -EPERM;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int privileges_confine(void) {
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG,
                       policy_supervisor_filter()) < 0
                               ? -errno
                               : 0;
}

int privileges_become(uid_t uid, gid_t gid) {
        int r = bounding_set_reduce(0);

        if (r < 0)
                return r;
        capng_clear(CAPNG_SELECT_ALL);
        /* libcap-ng remembers whom it worked on, which was the supervisor. */
        capng_setpid(getpid());
        if (capng_change_id((int) uid, (int) gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_AMBIENT) != 0)
                return errno > 0 ? -errno : -EPERM;
        return 0;
}
