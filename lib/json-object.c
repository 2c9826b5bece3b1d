#include "json-object.h"

#include "strv.h"

/* json-c takes the value, so that a failed addition must free it. */
int json_add(json_object *o, const char *key, json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(o, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_append(json_object *array, json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_strv(json_object *o, const char *key, char *const *values) {
        json_object *array = json_object_new_array();
        int r = json_add(o, key, array);

        for (; r >= 0 && values && *values; values++)
                r = json_append(array, json_object_new_string(*values));
        return r;
}

int json_get_string(json_object *o, const char *key, const char **ret) {
        json_object *value;

        if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_string))
                return -EBADMSG;
        *ret = json_object_get_string(value);
        return 0;
}

int json_get_copy(json_object *o, const char *key, char **ret) {
        const char *s;
        int r = json_get_string(o, key, &s);

        if (r < 0)
                return r;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

int json_get_int(json_object *o, const char *key, int64_t min, int64_t max, int64_t *ret) {
        json_object *value;

        if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_int))
                return -EBADMSG;
        *ret = json_object_get_int64(value);
        return *ret < min || *ret > max ? -EBADMSG : 0;
}

int json_get_array(json_object *o, const char *key, json_object **ret) {
        if (!json_object_object_get_ex(o, key, ret) || !json_object_is_type(*ret, json_type_array))
                return -EBADMSG;
        return 0;
}

int json_get_strv(json_object *o, const char *key, char ***ret) {
        json_object *array;
        int r = json_get_array(o, key, &array);

        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++) {
                json_object *value = json_object_array_get_idx(array, i);

                if (!json_object_is_type(value, json_type_string))
                        return -EBADMSG;
                r = strv_extend(ret, json_object_get_string(value));
        }
        return r;
}

int json_write(json_object *o, FILE *f) {
        errno = 0;
        fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE),
              f);
        fputc('\n', f);
        if (fflush(f) != 0 || ferror(f))
                return errno > 0 ? -errno : -EIO;
        return 0;
}
