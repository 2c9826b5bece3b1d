#include "json-print.h"

#include <stdio.h>

#include "utf8.h"

/* A key may be added; whoever takes one away or gives it another meaning raises the number. */
#define SCHEMA 1

static void add_schema(json_object *o) {
        json_object_object_add(o, "schema", json_object_new_int(SCHEMA));
}

void json_print(json_object *o) {
        _cleanup_free_ char *text = NULL;

        if (json_object_is_type(o, json_type_object))
                add_schema(o);
        for (size_t i = 0; json_object_is_type(o, json_type_array) && i < json_object_array_length(o); i++)
                add_schema(json_object_array_get_idx(o, i));
        /* json-c hands bytes on as they are; all that is not a string's is ASCII. */
        text = utf8_copy(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
                                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
        if (text)
                puts(text);
}
