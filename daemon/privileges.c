#include "privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "policy.h"

/* By hand and not by libcap-ng, which reads /proc and asks for each capability again and again: 250 calls of each start
 * against 50. Both functions fail unless the kernel has done all of it. */

static const struct {
        unsigned capability;
        const char *use;
} kept[] = {
        { CAP_SYS_ADMIN, "namespaces, mounts and the host name of the room" },
        { CAP_NET_ADMIN, "loopback up in the room's network" },
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

#define CAPABILITY_WORDS _LINUX_CAPABILITY_U32S_3

typedef struct Capabilities {
        struct __user_cap_data_struct word[CAPABILITY_WORDS];
} Capabilities;

static struct __user_cap_header_struct header(void) {
        return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

static int capabilities_set(const Capabilities *c) {
        struct __user_cap_header_struct h = header();

        return syscall(SYS_capset, &h, c->word) < 0 ? -errno : 0;
}

/* Of all that the kernel knows, only these stay in the bounding set. */
static int bounding_set_reduce(const Capabilities *keep) {
        for (unsigned c = 0; c < CAPABILITY_WORDS * 32; c++) {
                if (keep->word[CAP_TO_INDEX(c)].permitted & CAP_TO_MASK(c))
                        continue;
                if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
                        /* The first that it does not know. */
                        return errno == EINVAL && c > CAP_SETFCAP ? 0 : -errno;
        }
        return 0;
}

int privileges_drop(void) {
        struct __user_cap_header_struct h = header();
        Capabilities have, keep = {};
        int r;

        if (syscall(SYS_capget, &h, have.word) < 0)
                return -errno;
        /* In a container root may lack some: what then needs it says so itself. */
        for (size_t i = 0; i < ELEMENTSOF(kept); i++) {
                unsigned w = CAP_TO_INDEX(kept[i].capability);

                keep.word[w].permitted |= have.word[w].permitted & CAP_TO_MASK(kept[i].capability);
                keep.word[w].effective = keep.word[w].permitted;
        }
        if ((r = bounding_set_reduce(&keep)) < 0 || (r = capabilities_set(&keep)) < 0)
                return r;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

int privileges_confine(void) {
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG,
                       policy_supervisor_filter()) < 0
                               ? -errno
                               : 0;
}

int privileges_become(uid_t uid, gid_t gid) {
        const Capabilities none = {};
        int r = bounding_set_reduce(&none);

        if (r < 0)
                return r;
        /* Each with all three: real, effective, saved. The last takes the capabilities away; what is left is nothing. */
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return -errno;
        return capabilities_set(&none);
}
