#pragma once

/* A jail has a copy of Apache's configuration: who has edited the host's, and asks for a reload as ever, is told so. */

/* Print a line where Apache's configuration has changed since the current generation was built. Says nothing of what cannot
 * be looked at. */
void print_if_stale(const char *name);
