#pragma once

/* What systemd does for a supervisor that may die: keep its descriptors (FDSTORE=1, sd_pid_notify_with_fds(3)) and hand
 * them to the next. Here it is the test, so that no boot is needed; tests/boot has the real one. */

#include <sys/types.h>

#include "base.h"

typedef struct Keeper Keeper;

/* Start jaild for JAILTEST_NAME. What it says goes to KEEPER_LOG. */
Keeper *keeper_start(void);

#define KEEPER_LOG JAILD_RUN_DIR "/keeper.log"

pid_t keeper_pid(const Keeper *k);

/* End jaild by a signal, and wait until it is gone. Returns its wait status. */
int keeper_end(Keeper *k, int sig);
/* The next jaild, with what the last one left. */
void keeper_begin(Keeper *k);

/* Wait until jaild has said that it is ready. */
bool keeper_wait_ready(Keeper *k, unsigned timeout_seconds);

/* How many descriptors are kept under names that begin so. */
unsigned keeper_count(Keeper *k, const char *prefix);

/* Put a descriptor of the test's own among them. */
void keeper_put(Keeper *k, const char *name, int fd);

/* Forget what has such a name. */
void keeper_forget(Keeper *k, const char *prefix);
