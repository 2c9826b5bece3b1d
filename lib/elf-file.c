#include "elf-file.h"

#include <endian.h>
#include <gelf.h>
#include <limits.h>
#include <sys/stat.h>

DEFINE_CLEANUP(Elf *, elf_end)

/* More than any real file has, and little enough that a lying header costs nothing: libelf reads a chunk whole. */
#define DYNAMIC_BYTES_MAX  ((size_t) 256 * 1024)
#define STRINGS_BYTES_MAX  ((size_t) 32 * 1024 * 1024)
#define VERSIONS_BYTES_MAX ((size_t) 1024 * 1024)
#define NEEDS_MAX          1024

/* The dynamic segment and where its parts are. */
typedef struct Dynamic {
        Elf_Data *entries;
        size_t n_entries;
        Elf_Data *strings;
} Dynamic;

static int damaged(const char *what, const char **reterr) {
        *reterr = what;
        return -EBADMSG;
}

ElfFile *elf_file_free(ElfFile *f) {
        if (!f)
                return NULL;
        for (size_t i = 0; i < f->n_needs; i++)
                free(f->needs[i].name);
        free(f->needs);
        free(f->interpreter);
        free(f->soname);
        free(f->rpath);
        free(f->runpath);
        free(f);
        return NULL;
}

/* libelf allocates a structure for each section that the header claims; so the claim is looked at before. */
static int check_header(int fd, const char **reterr) {
        union {
                unsigned char ident[EI_NIDENT];
                Elf32_Ehdr h32;
                Elf64_Ehdr h64;
        } h = {};
        ssize_t n;
        bool wide, is_numbered_elsewhere;

        n = pread(fd, &h, sizeof(h), 0);
        if (n < 0)
                return -errno;
        if (n < SELFMAG || memcmp(h.ident, ELFMAG, SELFMAG) != 0)
                return damaged("not an ELF file", reterr);
        wide = h.ident[EI_CLASS] == ELFCLASS64;
        if ((size_t) n < (wide ? sizeof(h.h64) : sizeof(h.h32)))
                return damaged("the file is cut off within its ELF header", reterr);
        if (h.ident[EI_DATA] != (BYTE_ORDER == LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
                return damaged("its byte order is not that of this machine", reterr);
        is_numbered_elsewhere =
                        wide ? (h.h64.e_shoff != 0 && h.h64.e_shnum == 0) || h.h64.e_phnum == PN_XNUM
                             : (h.h32.e_shoff != 0 && h.h32.e_shnum == 0) || h.h32.e_phnum == PN_XNUM;
        if (is_numbered_elsewhere)
                return damaged("its header claims more sections or segments than a program has", reterr);
        return 0;
}

static int open_elf(int fd, Elf **ret, GElf_Ehdr *ret_header, const char **reterr) {
        _cleanup_(elf_endp) Elf *elf = NULL;
        int r;

        r = check_header(fd, reterr);
        if (r < 0)
                return r;
        (void) elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_READ, NULL);
        if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, ret_header))
                return damaged("its ELF header is damaged", reterr);
        if (ret_header->e_type != ET_EXEC && ret_header->e_type != ET_DYN)
                return damaged("neither a program nor a shared object", reterr);

        *ret = TAKE_PTR(elf);
        return 0;
}

/* A part of the file, from its program headers. NULL where they lie. */
static Elf_Data *chunk(Elf *elf, uint64_t offset, uint64_t size, Elf_Type type) {
        return offset > INT64_MAX || size > INT64_MAX
                               ? NULL
                               : elf_getdata_rawchunk(elf, (int64_t) offset, (size_t) size, type);
}

/* The string at an offset of a chunk, if it ends within it and holds nothing that could forge a line of a report. */
static int copy_string(const Elf_Data *data, uint64_t offset, char **ret, const char **reterr) {
        const char *s, *end;

        if (offset >= data->d_size)
                return damaged("a string offset is outside of its string table", reterr);
        s = (const char *) data->d_buf + offset;
        end = memchr(s, '\0', data->d_size - offset);
        if (!end || end - s >= PATH_MAX)
                return damaged("a string in it has no end", reterr);
        for (const char *p = s; p < end; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        return damaged("a name in it has control characters", reterr);

        free(*ret);
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

/* Where the loader maps an address from. Returns 0 for an address that no segment loads; *ret_left is what the file
 * has behind it in that segment. */
static uint64_t offset_of(Elf *elf, uint64_t address, uint64_t *ret_left) {
        size_t n = 0;

        (void) elf_getphdrnum(elf, &n);
        for (size_t i = 0; i < n; i++) {
                GElf_Phdr p;

                if (!gelf_getphdr(elf, (int) i, &p) || p.p_type != PT_LOAD || address < p.p_vaddr ||
                    address - p.p_vaddr >= p.p_filesz ||
                    __builtin_add_overflow(p.p_offset, p.p_filesz, &(uint64_t){ 0 }))
                        continue;
                *ret_left = p.p_filesz - (address - p.p_vaddr);
                return p.p_offset + (address - p.p_vaddr);
        }
        *ret_left = 0;
        return 0;
}

/* The value of the last entry with this tag, as the loader takes it. */
static bool dynamic_value(const Dynamic *d, int64_t tag, uint64_t *ret) {
        bool found = false;

        for (size_t i = 0; i < d->n_entries; i++) {
                GElf_Dyn entry;

                if (!gelf_getdyn(d->entries, (int) i, &entry))
                        break;
                if (entry.d_tag == tag) {
                        *ret = entry.d_un.d_val;
                        found = true;
                }
        }
        return found;
}

/* Find the entries of the dynamic segment and their strings. */
static int read_dynamic(Elf *elf, const GElf_Phdr *segment, Dynamic *ret, const char **reterr) {
        uint64_t address = 0, size = 0, left;
        Dynamic d = {};

        if (segment->p_filesz > DYNAMIC_BYTES_MAX)
                return damaged("its dynamic segment is too large to be true", reterr);
        d.entries = chunk(elf, segment->p_offset, segment->p_filesz, ELF_T_DYN);
        if (!d.entries)
                return damaged("its dynamic segment is outside of the file", reterr);
        for (;; d.n_entries++) {
                GElf_Dyn entry;

                if (!gelf_getdyn(d.entries, (int) d.n_entries, &entry))
                        return damaged("its dynamic segment has no end", reterr);
                if (entry.d_tag == DT_NULL)
                        break;
        }

        if (!dynamic_value(&d, DT_STRTAB, &address) || !dynamic_value(&d, DT_STRSZ, &size))
                return damaged("its dynamic segment has no string table", reterr);
        address = offset_of(elf, address, &left);
        if (size == 0 || size > left || size > STRINGS_BYTES_MAX)
                return damaged("its string table is outside of the file", reterr);
        d.strings = chunk(elf, address, size, ELF_T_BYTE);
        if (!d.strings)
                return damaged("its string table is outside of the file", reterr);

        *ret = d;
        return 0;
}

static int add_need(ElfFile *f, const Dynamic *d, uint64_t offset, bool optional, const char **reterr) {
        ElfNeed *needs;
        int r;

        if (f->n_needs >= NEEDS_MAX)
                return damaged("it needs more libraries than can be true", reterr);
        needs = reallocarray(f->needs, f->n_needs + 1, sizeof(ElfNeed));
        if (!needs)
                return -ENOMEM;
        f->needs = needs;
        needs[f->n_needs] = (ElfNeed){ .optional = optional };
        r = copy_string(d->strings, offset, &needs[f->n_needs].name, reterr);
        if (r < 0)
                return r;
        if (!needs[f->n_needs++].name[0])
                return damaged("it needs a library without a name", reterr);
        return 0;
}

static int read_entries(ElfFile *f, const Dynamic *d, uint64_t *ret_flags, const char **reterr) {
        int r = 0;

        for (size_t i = 0; i < d->n_entries && r >= 0; i++) {
                GElf_Dyn entry;

                if (!gelf_getdyn(d->entries, (int) i, &entry))
                        break;
                switch (entry.d_tag) {
                case DT_NEEDED:
                case DT_FILTER:
                case DT_AUXILIARY:
                        r = add_need(f, d, entry.d_un.d_val, entry.d_tag == DT_AUXILIARY, reterr);
                        break;
                case DT_SONAME:
                        r = copy_string(d->strings, entry.d_un.d_val, &f->soname, reterr);
                        break;
                case DT_RPATH:
                        r = copy_string(d->strings, entry.d_un.d_val, &f->rpath, reterr);
                        break;
                case DT_RUNPATH:
                        r = copy_string(d->strings, entry.d_un.d_val, &f->runpath, reterr);
                        break;
                case DT_FLAGS_1:
                        *ret_flags = entry.d_un.d_val;
                        break;
                }
        }
        return r;
}

/* The segment of this type, the first if there are more. */
static bool find_segment(Elf *elf, uint32_t type, GElf_Phdr *ret) {
        size_t n = 0;

        (void) elf_getphdrnum(elf, &n);
        for (size_t i = 0; i < n; i++)
                if (gelf_getphdr(elf, (int) i, ret) && ret->p_type == type)
                        return true;
        return false;
}

int elf_file_read(int fd, ElfFile **ret, const char **reterr) {
        _cleanup_(elf_endp) Elf *elf = NULL;
        _cleanup_(elf_file_freep) ElfFile *f = NULL;
        GElf_Ehdr header;
        GElf_Phdr segment;
        uint64_t flags = 0;
        int r;

        r = open_elf(fd, &elf, &header, reterr);
        if (r < 0)
                return r;
        f = calloc(1, sizeof(ElfFile));
        if (!f)
                return -ENOMEM;
        f->class = header.e_ident[EI_CLASS];
        f->machine = header.e_machine;

        if (find_segment(elf, PT_INTERP, &segment)) {
                Elf_Data *name = segment.p_filesz > PATH_MAX ? NULL
                                                             : chunk(elf, segment.p_offset, segment.p_filesz,
                                                                     ELF_T_BYTE);

                if (!name)
                        return damaged("the name of its interpreter is outside of the file", reterr);
                r = copy_string(name, 0, &f->interpreter, reterr);
                if (r < 0)
                        return r;
        }
        if (find_segment(elf, PT_DYNAMIC, &segment)) {
                Dynamic d;

                r = read_dynamic(elf, &segment, &d, reterr);
                if (r >= 0)
                        r = read_entries(f, &d, &flags, reterr);
                if (r < 0)
                        return r;
        } else if (header.e_type == ET_DYN)
                return damaged("a shared object without a dynamic segment", reterr);

        if (f->runpath) {
                free(f->rpath);
                f->rpath = NULL;
        }
        f->no_default_libraries = flags & DF_1_NODEFLIB;
        /* libc.so.6 can be executed, and so has an interpreter; old linkers do not mark a position-independent program. */
        f->is_program = header.e_type == ET_EXEC || (flags & DF_1_PIE) || (f->interpreter && !f->soname);

        *ret = TAKE_PTR(f);
        return 0;
}

int elf_file_defines(int fd, const char *version, const char **reterr) {
        _cleanup_(elf_endp) Elf *elf = NULL;
        uint64_t address = 0, count = 0, left, at = 0;
        GElf_Ehdr header;
        GElf_Phdr segment;
        Elf_Data *versions;
        Dynamic d;
        int r;

        r = open_elf(fd, &elf, &header, reterr);
        if (r < 0)
                return r;
        if (!find_segment(elf, PT_DYNAMIC, &segment))
                return 0;
        r = read_dynamic(elf, &segment, &d, reterr);
        if (r < 0)
                return r;
        if (!dynamic_value(&d, DT_VERDEF, &address) || !dynamic_value(&d, DT_VERDEFNUM, &count))
                return 0;
        address = offset_of(elf, address, &left);
        versions = left == 0 ? NULL
                             : chunk(elf, address, left < VERSIONS_BYTES_MAX ? left : VERSIONS_BYTES_MAX,
                                     ELF_T_VDEF);
        if (!versions)
                return damaged("its symbol versions are outside of the file", reterr);

        for (uint64_t i = 0; i < count; i++) {
                _cleanup_free_ char *name = NULL;
                GElf_Verdef definition;
                GElf_Verdaux first;

                if (at > INT_MAX || !gelf_getverdef(versions, (int) at, &definition) ||
                    at + definition.vd_aux > INT_MAX ||
                    !gelf_getverdaux(versions, (int) (at + definition.vd_aux), &first))
                        return damaged("its symbol versions are outside of the file", reterr);
                r = copy_string(d.strings, first.vda_name, &name, reterr);
                if (r < 0)
                        return r;
                if (streq(name, version))
                        return 1;
                if (definition.vd_next == 0)
                        break;
                at += definition.vd_next;
        }
        return 0;
}

bool elf_file_has_symbols(int fd) {
        _cleanup_(elf_endp) Elf *elf = NULL;
        const char *reason;
        GElf_Ehdr header;
        GElf_Shdr section;

        if (open_elf(fd, &elf, &header, &reason) < 0)
                return false;
        for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));)
                if (gelf_getshdr(s, &section) && section.sh_type == SHT_SYMTAB)
                        return true;
        return false;
}
