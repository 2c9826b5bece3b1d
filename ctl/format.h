#pragma once

/* Times and sizes as systemctl(1) writes them. */

#include "strv.h"

#define FORMAT_MAX 64

/* "Tue 2026-11-24 02:10:00 UTC", in the local zone; usec is CLOCK_REALTIME. Writes to buf and returns it. */
const char *format_timestamp(uint64_t usec, char buf[static FORMAT_MAX]);

/* "5min ago", "1h 20min ago", "in 12s", "now": two units as long as the first is a small number. */
const char *format_relative(uint64_t usec, uint64_t now_usec, char buf[static FORMAT_MAX]);

/* CPU time: "1.234s", "2min 3.4s", "5h 20min". Writes to buf and returns it. */
const char *format_span(uint64_t usec, char buf[static FORMAT_MAX]);

/* "512B", "1.5K", "23.4M", … to the base of 1024. */
const char *format_bytes(uint64_t bytes, char buf[static FORMAT_MAX]);

/* "127.0.0.1:8080 (Apache: [::]:80)" of "127.0.0.1:8080 [::]:80"; an address alone stays as it is. The caller frees;
 * NULL: out of memory. */
char **format_listens(char *const *listens);

/* "A, B"; v may be NULL. The caller frees; NULL: out of memory. */
char *format_list(char *const *v);

/* CLOCK_REALTIME. */
uint64_t now_usec(void);
