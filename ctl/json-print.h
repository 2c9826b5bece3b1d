#pragma once

/* What --json writes: conf/jailctl.schema.json describes it, verb by verb. */

#include <json-c/json.h>

/* Write an object, or an array of objects, each with the number of the schema. */
void json_print(json_object *o);
