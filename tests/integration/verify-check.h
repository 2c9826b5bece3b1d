#pragma once

/* What verify finds, as ids, and that something broken is found as what it is and as nothing else. */

#include <json-c/json.h>

#include "jailtest.h"
#include "verify-rows.h"

/* Run by sh as a BreakRow is; it must succeed. id: for the message. */
void run_script(const char *id, const char *script);

/* The array of findings in what verify --json wrote. */
json_object *verify_findings_of(RunResult r);

/* The ids of what is found, each once; part: "--tree", "--live" or NULL. NULL for nothing. */
char **found_ids(const char *part);
bool contains(char *const *ids, const char *id);

/* This is found, and otherwise what clean has. */
void expect_only(const char *id, char *const *clean, const char *part);

/* The generations of the jail, as they are in the folder whole. */
void restore(const char *whole);

/* Each row broken alone, and put back. */
void break_each(const BreakRow *rows, const char *part);
