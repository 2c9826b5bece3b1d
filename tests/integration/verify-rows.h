#pragma once

/* How each rule of verify is broken, and nothing else with it. */

#include "base.h"

typedef struct BreakRow {
        /* The rule. */
        const char *id;
        /* Run by sh with the root of the jail as its working folder; the generation is "..". What it starts in the background
         * is noted with the function later. */
        const char *script;
        /* Puts back what is outside of the generation; NULL: nothing. */
        const char *undo;
        /* In the place of a script. */
        void (*run)(void);
} BreakRow;

/* They end with a row without id. */
extern const BreakRow tree_rows[];
extern const BreakRow host_rows[];
/* On the record of Apache's directives, by the function say. What Debian's configuration is noted for anyway is mended. */
extern const BreakRow apache_rows[];
