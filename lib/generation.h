#pragma once

/* The generations of a jail: JAILD_STATE_DIR/NAME/generations/N/{root/,launch,manifest,origins,directives}, and the link
 * current that says which one counts. A generation appears by one rename and is made current by another, so that whoever looks sees
 * the old one or the new one, whole. */

#include "plan.h"
#include "stage.h"

/* In a generation's folder. */
#define GENERATION_ROOT     "root"
#define GENERATION_LAUNCH   "launch"
#define GENERATION_MANIFEST "manifest"
#define GENERATION_ORIGINS  "origins"
/* As httpd -D DUMP_CONFIG prints them. */
#define GENERATION_DIRECTIVES "directives"

/* A jail's state folder, locked against others who build or switch. */
typedef struct GenerationStore GenerationStore;

/* Open a jail's state folder, making it where it is missing, take the lock, and remove what builds that were killed
 * have left. Returns 0 and a store that generation_store_close() releases; -EBUSY when another holds the lock; or an
 * errno; *reterr is set. */
int generation_store_open(const char *jail_name, GenerationStore **ret, char **reterr);
GenerationStore *generation_store_close(GenerationStore *s);
DEFINE_CLEANUP(GenerationStore *, generation_store_close)

/* Have generation_write() tell how far it is: see StageOptions. */
void generation_store_on_progress(GenerationStore *s,
                                  void (*progress)(size_t done, size_t total, void *userdata),
                                  void *userdata);

/* Write the plan as the next generation, without making it current. What is as in the current one shares its blocks where the
 * file system can. On failure nothing is left; nor is it where SIGINT, SIGTERM or SIGHUP ends the program, which wait for that.
 * Returns 0 with its number, from 1, and what is in it; or an errno, *reterr set. */
int generation_write(GenerationStore *s, const Plan *plan, unsigned *ret_number, StageStats *ret_stats,
                     char **reterr);

/* Make a generation current. Returns 0, -ENOENT when there is none of that number, or an errno; *reterr is set. */
int generation_switch(GenerationStore *s, unsigned number, char **reterr);

/* Remove a generation that is not current. It is gone by one rename. Returns 0, -ENOENT, -EBUSY for the current one, or an
 * errno; *reterr is set. */
int generation_remove(GenerationStore *s, unsigned number, char **reterr);

/* Remove the oldest until keep are left; the current one and running (0: none) are never removed. Returns how many were
 * removed, or an errno; *reterr is set. */
int generation_prune(GenerationStore *s, unsigned keep, unsigned running, char **reterr);

/* A generation's number as people write it, or 0. */
unsigned generation_parse(const char *name);

/* Without a lock: the number of the current generation. Returns 0; -ENOENT when nothing was built; or an errno. */
int generation_current(const char *jail_name, unsigned *ret);

/* Without a lock: all numbers, ascending. Returns how many, with an array that the caller frees, or an errno. */
int generation_list(const char *jail_name, unsigned **ret);

/* Without a lock: open GENERATION_ROOT (O_DIRECTORY) or one of the files. Returns a descriptor or an errno. */
int generation_open(const char *jail_name, unsigned number, const char *what, int flags);
