#pragma once

/* A client with a slow line: it asks for a page of many megabytes, and reads when it is told to. */

#include "base.h"

typedef struct Download Download;

/* Make JAILTEST_URL "big" a page of DOWNLOAD_BYTES for this test case, which sees a private document root. Before the jail
 * starts. */
void download_prepare(void);
#define DOWNLOAD_BYTES (64 * 1024 * 1024)

/* Ask for it, and read the beginning. */
Download *download_begin(void);
/* Read the rest. Returns whether all of it came. Frees it. */
bool download_end(Download *d);
