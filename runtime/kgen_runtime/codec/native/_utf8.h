/* Whether bytes are UTF-8 (RFC 3629: no surrogates, nothing overlong), as Python has it. */
#ifndef KGEN_UTF8_H
#define KGEN_UTF8_H

#include "_native.h"

#include <stdint.h>

#define KGEN_CONTINUES(byte) (((byte) & 0xC0) == 0x80)

/* Sixteen bytes at once, in the instructions that every machine of a kind has: gcc and clang make them of this. Each byte is
 * judged by the three before it.
 */
#if defined(__GNUC__)
typedef uint8_t kgen_bytes __attribute__((vector_size(16)));
typedef uint64_t kgen_pair __attribute__((vector_size(16)));

KGEN_STATIC inline kgen_bytes kgen_load_bytes(const unsigned char *at) {
    kgen_bytes out;
    memcpy(&out, at, 16);
    return out;
}

KGEN_STATIC inline int kgen_any_byte(kgen_bytes bytes) {
    kgen_pair pair = (kgen_pair)bytes;
    return (pair[0] | pair[1]) != 0;
}

/* A mark at each byte that cannot follow those before it. */
KGEN_STATIC inline kgen_bytes kgen_wrong_bytes(const unsigned char *at) {
    kgen_bytes here = kgen_load_bytes(at), one = kgen_load_bytes(at - 1);
    kgen_bytes two = kgen_load_bytes(at - 2), three = kgen_load_bytes(at - 3);
    kgen_bytes continues = (kgen_bytes)((here & 0xC0) == 0x80);
    kgen_bytes due = (kgen_bytes)(one >= 0xC0) | (kgen_bytes)(two >= 0xE0) | (kgen_bytes)(three >= 0xF0);
    kgen_bytes never = (kgen_bytes)((here & 0xFE) == 0xC0) | (kgen_bytes)(here >= 0xF5);
    kgen_bytes above = (kgen_bytes)(here >= 0xA0), middle = (kgen_bytes)(here >= 0x90);
    kgen_bytes second = ((kgen_bytes)(one == 0xE0) & ~above) | ((kgen_bytes)(one == 0xED) & above) |
        ((kgen_bytes)(one == 0xF0) & ~middle) | ((kgen_bytes)(one == 0xF4) & middle);
    return (continues ^ due) | never | second;
}

/* Move from `at`, where a character begins and three bytes of UTF-8 are before it, past whole blocks that are right: to where
 * a character begins again. Blocks of ASCII behind ASCII, which are most, are not judged. */
KGEN_STATIC const unsigned char *kgen_right_blocks(const unsigned char *at, const unsigned char *end) {
    for (; end - at >= 64; at += 64) {
        kgen_bytes any = kgen_load_bytes(at - 3) | kgen_load_bytes(at) | kgen_load_bytes(at + 16) | kgen_load_bytes(at + 32) |
            kgen_load_bytes(at + 48);
        if (kgen_any_byte(any & 0x80) &&
            kgen_any_byte(kgen_wrong_bytes(at) | kgen_wrong_bytes(at + 16) | kgen_wrong_bytes(at + 32) | kgen_wrong_bytes(at + 48)))
            break;
    }
    for (; end - at >= 16; at += 16) {
        kgen_bytes any = kgen_load_bytes(at - 3) | kgen_load_bytes(at);
        if (kgen_any_byte(any & 0x80) && kgen_any_byte(kgen_wrong_bytes(at))) break;
    }
    while (at[-1] >= 0x80) { /* back to the start of a character, as more of it may be missing */
        at--;
        if (at[0] >= 0xC0) break;
    }
    return at;
}

/* How many of the bytes go on with a character, in whole blocks of sixteen. */
KGEN_STATIC Py_ssize_t kgen_continuations(const unsigned char *at, const unsigned char *end) {
    Py_ssize_t count = 0;
    while (end - at >= 16) {
        kgen_bytes each = {0};
        for (int rounds = 0; rounds < 255 && end - at >= 16; rounds++, at += 16)
            each -= (kgen_bytes)((kgen_load_bytes(at) & 0xC0) == 0x80);
        for (int i = 0; i < 16; i++) count += each[i];
    }
    return count;
}

/* Whether a character takes four bytes. */
KGEN_STATIC int kgen_has_wide(const unsigned char *at, const unsigned char *end) {
    for (; end - at >= 16; at += 16)
        if (kgen_any_byte((kgen_bytes)(kgen_load_bytes(at) >= 0xF0))) return 1;
    while (at < end) if (*at++ >= 0xF0) return 1;
    return 0;
}
#else
KGEN_STATIC int kgen_has_wide(const unsigned char *at, const unsigned char *end) { return 0; }
KGEN_STATIC Py_ssize_t kgen_continuations(const unsigned char *at, const unsigned char *end) { return 0; }
KGEN_STATIC const unsigned char *kgen_right_blocks(const unsigned char *at, const unsigned char *end) { return at; }
#endif

/* The first byte that is not of UTF-8 (of a character, its first one), or `end`. */
KGEN_STATIC const unsigned char *kgen_utf8(const unsigned char *at, const unsigned char *end) {
    const unsigned char *blocks = at + 3; /* from there on they may be looked at together */
    uint64_t word;
    while (at < end) {
        if (at >= blocks && end - at >= 16) {
            at = kgen_right_blocks(at, end);
            blocks = end; /* what is left is short, or wrong */
            continue;
        }
        if (end - at >= 8) {
            memcpy(&word, at, 8);
            if (!(word & 0x8080808080808080ULL)) { at += 8; continue; }
        }
        unsigned lead = at[0];
        if (lead < 0x80) { at++; continue; }
        int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
        if (lead < 0xC2 || lead > 0xF4 || end - at <= more) return at;
        unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (at[1] < low || at[1] > high) return at;
        for (int i = 2; i <= more; i++) if (!KGEN_CONTINUES(at[i])) return at;
        at += more + 1;
    }
    return end;
}

/* The str of text that was found to be UTF-8. Python's own decoder is slow where characters take three bytes or more. */
KGEN_STATIC PyObject *kgen_checked_text(const unsigned char *at, Py_ssize_t size) {
    const unsigned char *end = at + size;
    Py_ssize_t count = size < 128 ? -1 : kgen_continuations(at, end);
    /* With more than half, some character takes three bytes or more, so the str is of two or four bytes each. */
    if (count < size / 9 * 5) return PyUnicode_DecodeUTF8((const char *)at, size, NULL);
    for (const unsigned char *p = end - size % 16; p < end; p++) count += KGEN_CONTINUES(*p);
    int wide = kgen_has_wide(at, end);
    PyObject *out = PyUnicode_New(size - count, wide ? 0x10FFFF : 0xFFFF);
    if (out == NULL) return NULL;
    if (!wide) {
        Py_UCS2 *to = PyUnicode_2BYTE_DATA(out);
        while (at < end) {
            if (at[0] >= 0xE0) { *to++ = (Py_UCS2)(at[0] << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F)); at += 3; }
            else if (at[0] < 0x80) *to++ = *at++;
            else { *to++ = (Py_UCS2)((at[0] & 0x1F) << 6 | (at[1] & 0x3F)); at += 2; }
        }
    } else {
        Py_UCS4 *to = PyUnicode_4BYTE_DATA(out);
        while (at < end) {
            if (at[0] >= 0xF0) {
                *to++ = (Py_UCS4)((at[0] & 0x07) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F));
                at += 4;
            } else if (at[0] >= 0xE0) {
                *to++ = (Py_UCS4)((at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F));
                at += 3;
            } else if (at[0] < 0x80) *to++ = *at++;
            else { *to++ = (Py_UCS4)((at[0] & 0x1F) << 6 | (at[1] & 0x3F)); at += 2; }
        }
    }
    return out;
}

KGEN_STATIC int kgen_is_utf8(const unsigned char *at, Py_ssize_t size) { return kgen_utf8(at, at + size) == at + size; }

#endif
