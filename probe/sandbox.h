#pragma once

/* From here on the process can use the descriptors that it has, and its memory, and nothing else: no file, no new
 * connection, no program, no other process. Returns 0, -EPERM where it still has privileges, or an errno. */
int sandbox_enter(void);
