/* Writes jaild-rules(7) from the table of rules, when jaild is built: what verify prints and what the page says cannot
 * differ. */

#include "config-paths.h"
#include "rules.h"

/* Text for troff: a hyphen that stays one, no request at the beginning of a line. */
static void print_text(const char *s) {
        if (*s == '.' || *s == '\'')
                fputs("\\&", stdout);
        for (; *s; s++)
                if (*s == '-')
                        fputs("\\-", stdout);
                else if (*s == '\\')
                        fputs("\\e", stdout);
                else
                        putchar(*s);
        putchar('\n');
}

static void print_rule(const Rule *r) {
        fputs(".TP\n.B ", stdout);
        print_text(r->id);
        print_text(r->title);
        puts(".br");
        printf("(%s%s) ", rule_severity_to_string(r->severity), r->fix ? "; mended by \\-\\-fix" : "");
        print_text(r->why);
        puts(".br");
        fputs("What to do: ", stdout);
        print_text(r->action);
}

static void print_part(const Rule *const *rules, int n, RulePart part, const char *title, const char *text) {
        printf(".SH %s\n", title);
        print_text(text);
        for (int i = 0; i < n; i++)
                if (rules[i]->part == part)
                        print_rule(rules[i]);
}

static void print_benchmarks(const Rule *const *rules, int n) {
        puts(".SH BENCHMARKS");
        print_text("Items of the CIS Apache HTTP Server 2.4 Benchmark, version 2.3.0 (CIS), and of the DISA Apache Server 2.4 UNIX "
                   "STIG (STIG) that a rule answers, fully or in part. Much of them takes it for granted that a "
                   "master runs as root to open ports, logs and keys; in a jail no process does, so that CIS 3.8 to "
                   "3.10 (lock, pid and scoreboard file in folders of root's) are met by other means: these files "
                   "are on a memory file system of the jail's own that nobody outside sees. Apache's directives are judged as "
                   "the build recorded them, for each server, so that one that changed since counts after the next build. "
                   "Not judged, because a tool cannot know what is meant: CIS 5.13 (which file names are served), 5.14 "
                   "(requests by address), 6.2 (syslog), 6.6 and 6.7 (ModSecurity), 7.2 (who signed the certificate), 7.9 "
                   "(pages without TLS), 7.12 (forward secrecy of each cipher), and 11 and 12 (SELinux, AppArmor).");
        for (int i = 0; i < n; i++)
                if (rules[i]->benchmark) {
                        fputs(".TP\n.B ", stdout);
                        print_text(rules[i]->benchmark);
                        print_text(rules[i]->id);
                }
}

int main(void) {
        _cleanup_free_ const Rule *const *rules = NULL;
        int n = rules_list(&rules);

        if (n < 0)
                return EXIT_FAILURE;
        puts(".TH JAILD\\-RULES 7 \"\" \"jaild " JAILD_VERSION "\"");
        puts(".SH NAME\njaild\\-rules \\- what jailctl verify proves, and what to do when it does not hold");
        puts(".SH DESCRIPTION");
        printf(".BR \"jailctl verify\" (1)\nproves %d rules. ", n);
        print_text("Each has an id that does not change, for programs that read what --json prints. A finding of "
                   "severity error breaks a promise, and the exit status is 1 then; a warning is worth an "
                   "administrator's time; a note is to be known. Who looks changes nothing: not even access times.");
        puts(".PP");
        print_text("A file may be wrong in several ways. Where one rule explains what the manifest would say as "
                   "well, only that one speaks: a shell that was copied in is content-shell, and not tree-extra, "
                   "too.");
        puts(".PP");
        print_text("With --fix, modes, owners, lists and flags are set to what the manifest has; no file is ever "
                   "removed, opened or given away. What is left, and the exit status, are of a second look.");
        print_part(rules, n, RULE_TREE, "THE TREE",
                   "The root of the generation in force. With --tree these only.");
        print_part(rules, n, RULE_HOST, "THE HOST", "What is around the jail.");
        print_part(rules, n, RULE_LIVE, "WHAT RUNS",
                   "The processes, as the kernel shows them from outside. With --live these only. What does not "
                   "run is not looked at.");
        print_benchmarks(rules, n);
        puts(".SH SEE ALSO\n.BR jailctl (1),\n.BR jaild (8),\n.BR jaild.conf (5)");
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
