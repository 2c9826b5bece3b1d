#include "verify-check.h"

#include <criterion/criterion.h>

#include "jailtest.h"
#include "strv.h"

static const char functions[] =
                "later() { echo $1 >>/media/later; }\n"
                "say() { printf '# In file: /etc/apache2/said.conf\\n#   1:\\n%b\\n' \"$1\" >>../directives; }\n"
                "end() { kill $(cat /media/later); rm /media/later; }\n"
                /* Make the manifest say that this is as built. */
                "know() { sed -i \"\\\\|^./$1 |d\" ../manifest; echo \"./$1 mode=$(stat -c %a $1) gid=0 uid=0 type=file "
                "size=$(stat -c %s $1) sha256digest=$(sha256sum $1 | cut -d' ' -f1)\" >>../manifest; }\n";

void run_script(const char *id, const char *script) {
        RunResult r = run("sh", "-c", path("cd %s && set -e\n%s%s", jail_root(), functions, script), NULL);

        cr_assert_eq(r.status, 0, "%s: %s", id, r.err);
}

json_object *verify_findings_of(RunResult r) {
        json_object *o = json_tokener_parse(r.out), *array;

        cr_assert(o && json_object_object_get_ex(o, "findings", &array), "%s%s", r.out, r.err);
        return array;
}

/* The ids of what is found, each once, sorted. */
char **found_ids(const char *part) {
        json_object *array = verify_findings_of(part ? jailctl("--json", part, "verify", JAILTEST_NAME)
                                                     : jailctl("--json", "verify", JAILTEST_NAME));
        char **ids = NULL;

        for (size_t i = 0; i < json_object_array_length(array); i++) {
                json_object *o = json_object_array_get_idx(array, i);
                const char *id = json_object_get_string(json_object_object_get(o, "rule"));
                bool known = false;

                for (char **s = ids; s && *s; s++)
                        known |= streq(*s, id);
                cr_assert(known || strv_extend(&ids, id) == 0);
        }
        return ids;
}

bool contains(char *const *ids, const char *id) {
        for (; ids && *ids; ids++)
                if (streq(*ids, id))
                        return true;
        return false;
}

/* Those that are in one only, as text. */
static char *difference(char *const *a, char *const *b) {
        char *text = path("%s", "");

        for (char *const *s = a; s && *s; s++)
                if (!contains(b, *s))
                        text = path("%s%s%s", text, *text ? " " : "", *s);
        for (char *const *s = b; s && *s; s++)
                if (!contains(a, *s))
                        text = path("%s%s%s", text, *text ? " " : "", *s);
        return text;
}

void expect_only(const char *id, char *const *clean, const char *part) {
        char *text = difference(clean, found_ids(part));

        cr_expect_str_eq(text, id, "%s was broken, and found was: %s", id, text);
}

/* The jail as it was built. */
void restore(const char *whole) {
        RunResult r = run("sh", "-ec",
                          path("rm -rf %s/generations; cp -a %s/generations %s/",
                               JAILD_STATE_DIR "/" JAILTEST_NAME, whole, JAILD_STATE_DIR "/" JAILTEST_NAME),
                          NULL);

        cr_assert_eq(r.status, 0, "%s", r.err);
}

void break_each(const BreakRow *rows, const char *part) {
        char **clean;

        jail_use_built();
        cr_assert_eq(run("cp", "-p", JAILD_CONF_DIR "/web.conf", "/media", NULL).status, 0);
        clean = found_ids(part);
        for (; rows->id; rows++) {
                if (rows->run) {
                        cr_assert_eq(chdir(jail_root()), 0);
                        rows->run();
                        cr_assert_eq(chdir("/"), 0);
                } else
                        run_script(rows->id, rows->script);
                expect_only(rows->id, clean, part);
                if (rows->undo)
                        run_script(rows->id, rows->undo);
                restore("/media/" JAILTEST_NAME);
        }
        cr_assert_str_eq(difference(clean, found_ids(part)), "", "something was not put back");
}
