#include "tree.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <gelf.h>
#include <limits.h>
#include <sys/stat.h>

void tree_open(Tree *t) {
        strcpy(t->folder, "/tmp/jaild-tree.XXXXXX");
        cr_assert_not_null(mkdtemp(t->folder));
        t->fd = open(t->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(t->fd, 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void tree_close(Tree *t) {
        close_fd(t->fd);
        (void) nftw(t->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *tree_host_path(const Tree *t, const char *path) {
        static char host[PATH_MAX];

        snprintf(host, sizeof(host), "%s%s", t->folder, path);
        return host;
}

/* The host's path, with its parent folders made. */
static const char *prepare(const Tree *t, const char *path) {
        static char host[PATH_MAX];

        snprintf(host, sizeof(host), "%s%s", t->folder, path);
        for (char *slash = host + strlen(t->folder) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                cr_assert(mkdir(host, 0755) == 0 || errno == EEXIST, "%s: %m", host);
                *slash = '/';
        }
        return host;
}

void tree_folder(const Tree *t, const char *path) {
        const char *host = prepare(t, path);

        cr_assert(mkdir(host, 0755) == 0 || errno == EEXIST, "%s: %m", host);
}

void tree_file(const Tree *t, const char *path, const void *data, size_t size) {
        _cleanup_fclose_ FILE *f = fopen(prepare(t, path), "we");

        cr_assert_not_null(f, "%s: %m", path);
        cr_assert_eq(fwrite(data, 1, size, f), size);
}

void tree_text(const Tree *t, const char *path, const char *text) {
        tree_file(t, path, text, strlen(text));
}

void tree_link(const Tree *t, const char *path, const char *target) {
        cr_assert_eq(symlink(target, prepare(t, path)), 0, "%s: %m", path);
}

void tree_fifo(const Tree *t, const char *path) {
        cr_assert_eq(mkfifo(prepare(t, path), 0644), 0, "%s: %m", path);
}

/* The parts of a file that is being made; an address is the offset with the same number. */
typedef struct Maker {
        char strings[2048];
        size_t strings_size;
        GElf_Dyn entries[32];
        size_t n_entries;
} Maker;

static uint64_t add_string(Maker *m, const char *s) {
        uint64_t at = m->strings_size;

        cr_assert_leq(at + strlen(s) + 1, sizeof(m->strings));
        strcpy(m->strings + at, s);
        m->strings_size += strlen(s) + 1;
        return at;
}

static void add_entry(Maker *m, int64_t tag, uint64_t value) {
        cr_assert_lt(m->n_entries, ELEMENTSOF(m->entries));
        m->entries[m->n_entries++] = (GElf_Dyn){ .d_tag = tag, .d_un.d_val = value };
}

static void add_string_entry(Maker *m, int64_t tag, const char *s) {
        if (s)
                add_entry(m, tag, add_string(m, s));
}

#define STRINGS_AT  ((uint64_t) 0x200)
#define DYNAMIC_AT  ((uint64_t) 0xa00)
#define VERSIONS_AT ((uint64_t) 0xd00)
#define SECTIONS_AT ((uint64_t) 0xe00)

/* One section with its data at a fixed offset. */
static Elf_Data *add_section(Elf *elf, uint32_t type, uint64_t offset, uint64_t size, void *data,
                             Elf_Type data_type) {
        Elf_Scn *scn = elf_newscn(elf);
        Elf_Data *d = elf_newdata(scn);
        GElf_Shdr header;

        cr_assert(gelf_getshdr(scn, &header));
        header.sh_type = type;
        header.sh_offset = header.sh_addr = offset;
        header.sh_size = size;
        header.sh_entsize = data_type == ELF_T_DYN ? gelf_fsize(elf, ELF_T_DYN, 1, EV_CURRENT) : 0;
        header.sh_addralign = 8;
        cr_assert(gelf_update_shdr(scn, &header));
        d->d_buf = data;
        d->d_size = size;
        d->d_type = data_type;
        d->d_align = 8;
        d->d_version = EV_CURRENT;
        return d;
}

/* DT_VERDEF with the base version and one more. */
static void add_versions(Elf *elf, Maker *m, const ElfSpec *spec, void *buffer) {
        const size_t step = sizeof(GElf_Verdef) + sizeof(GElf_Verdaux);
        const char *names[] = { spec->soname ?: "base", spec->defines };
        Elf_Data *d = add_section(elf, SHT_GNU_verdef, VERSIONS_AT, 2 * step, buffer, ELF_T_VDEF);

        for (size_t i = 0; i < 2; i++) {
                GElf_Verdef definition = { .vd_version = VER_DEF_CURRENT,
                                           .vd_ndx = (uint16_t) (i + 1),
                                           .vd_cnt = 1,
                                           .vd_aux = sizeof(GElf_Verdef),
                                           .vd_next = i == 0 ? (uint32_t) step : 0 };
                GElf_Verdaux name = { .vda_name = (uint32_t) add_string(m, names[i]) };

                cr_assert(gelf_update_verdef(d, (int) (i * step), &definition));
                cr_assert(gelf_update_verdaux(d, (int) (i * step + sizeof(GElf_Verdef)), &name));
        }
        add_entry(m, DT_VERDEF, VERSIONS_AT);
        add_entry(m, DT_VERDEFNUM, 2);
}

void tree_elf(const Tree *t, const char *path, const ElfSpec *spec) {
        _cleanup_close_ int fd = open(prepare(t, path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
        int class = spec->class ?: ELFCLASS64;
        char dynamic[0x300] = "", versions[0x100] = "";
        Maker m = { .strings_size = 1 };
        Elf_Data *d;
        GElf_Ehdr header = {};
        GElf_Phdr segment;
        uint64_t interpreter, dynamic_size;
        Elf *elf;

        cr_assert_geq(fd, 0, "%s: %m", path);
        (void) elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_WRITE, NULL);
        cr_assert_not_null(elf);
        cr_assert(gelf_newehdr(elf, class) && gelf_newphdr(elf, 3));
        (void) elf_flagelf(elf, ELF_C_SET, ELF_F_LAYOUT);

        if (spec->defines)
                add_versions(elf, &m, spec, versions);
        for (size_t i = 0; i < ELF_NEEDS_MAX && spec->needs[i]; i++)
                add_string_entry(&m, DT_NEEDED, spec->needs[i]);
        add_string_entry(&m, DT_AUXILIARY, spec->auxiliary);
        add_string_entry(&m, DT_FILTER, spec->filter);
        add_string_entry(&m, DT_SONAME, spec->soname);
        add_string_entry(&m, DT_RPATH, spec->rpath);
        add_string_entry(&m, DT_RUNPATH, spec->runpath);
        interpreter = spec->interpreter ? add_string(&m, spec->interpreter) : 0;
        add_entry(&m, DT_FLAGS_1, spec->flags);
        add_entry(&m, DT_STRTAB, STRINGS_AT);
        add_entry(&m, DT_STRSZ, m.strings_size);
        add_entry(&m, DT_NULL, 0);

        dynamic_size = gelf_fsize(elf, ELF_T_DYN, m.n_entries, EV_CURRENT);
        add_section(elf, SHT_STRTAB, STRINGS_AT, m.strings_size, m.strings, ELF_T_BYTE);
        d = add_section(elf, SHT_DYNAMIC, DYNAMIC_AT, dynamic_size, dynamic, ELF_T_DYN);
        for (size_t i = 0; i < m.n_entries; i++)
                cr_assert(gelf_update_dyn(d, (int) i, m.entries + i));

        cr_assert(gelf_getehdr(elf, &header));
        header.e_type = (uint16_t) (spec->type ?: ET_DYN);
        header.e_machine = (uint16_t) (spec->machine ?: EM_X86_64);
        header.e_version = EV_CURRENT;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_phoff = gelf_fsize(elf, ELF_T_EHDR, 1, EV_CURRENT);
        header.e_shoff = SECTIONS_AT;
        cr_assert(gelf_update_ehdr(elf, &header));

        segment = (GElf_Phdr){
                .p_type = PT_LOAD, .p_filesz = SECTIONS_AT, .p_memsz = SECTIONS_AT, .p_flags = PF_R
        };
        cr_assert(gelf_update_phdr(elf, 0, &segment));
        segment = (GElf_Phdr){ .p_type = spec->no_dynamic ? PT_NULL : PT_DYNAMIC,
                               .p_offset = DYNAMIC_AT,
                               .p_vaddr = DYNAMIC_AT,
                               .p_filesz = dynamic_size,
                               .p_memsz = dynamic_size };
        cr_assert(gelf_update_phdr(elf, 1, &segment));
        segment = (GElf_Phdr){ .p_type = spec->interpreter ? PT_INTERP : PT_NULL,
                               .p_offset = STRINGS_AT + interpreter,
                               .p_filesz = spec->interpreter ? strlen(spec->interpreter) + 1 : 0 };
        cr_assert(gelf_update_phdr(elf, 2, &segment));

        cr_assert_geq(elf_update(elf, ELF_C_WRITE), 0, "%s: %s", path, elf_errmsg(-1));
        elf_end(elf);
}

void tree_glibc(const Tree *t) {
        tree_elf(t, "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", TREE_LIBRARY("ld-linux-x86-64.so.2"));
        tree_link(t, TREE_LD_SO, "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
}

size_t cache_make(const CacheEntry *entries, size_t n_entries, char **ret) {
        const size_t header_size = 48, entry_size = 24;
        size_t at = header_size + n_entries * entry_size, size = at;
        char *data;

        for (size_t i = 0; i < n_entries; i++)
                size += strlen(entries[i].name) + strlen(entries[i].path) + 2;
        data = calloc(1, size);
        cr_assert_not_null(data);
        memcpy(data, "glibc-ld.so.cache1.1", 20);
        memcpy(data + 20, &(uint32_t){ (uint32_t) n_entries }, 4);
        memcpy(data + 24, &(uint32_t){ (uint32_t) (size - at) }, 4);
        for (size_t i = 0; i < n_entries; i++) {
                char *entry = data + header_size + i * entry_size;

                memcpy(entry, &(int32_t){ 0x0303 }, 4);
                memcpy(entry + 4, &(uint32_t){ (uint32_t) at }, 4);
                strcpy(data + at, entries[i].name);
                at += strlen(entries[i].name) + 1;
                memcpy(entry + 8, &(uint32_t){ (uint32_t) at }, 4);
                strcpy(data + at, entries[i].path);
                at += strlen(entries[i].path) + 1;
                memcpy(entry + 16, &entries[i].hwcap, 8);
        }
        *ret = data;
        return size;
}

void tree_cache(const Tree *t, const CacheEntry *entries, size_t n_entries) {
        _cleanup_free_ char *data = NULL;
        size_t size = cache_make(entries, n_entries, &data);

        tree_file(t, "/etc/ld.so.cache", data, size);
}
