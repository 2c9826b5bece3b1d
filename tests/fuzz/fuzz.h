#pragma once

#include "base.h"

/* What libFuzzer calls with each input, and replay.c with each file of the corpus. Returns 0; a fault ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
