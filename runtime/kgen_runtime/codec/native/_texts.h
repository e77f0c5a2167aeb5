/* Strings of payloads: those of few bytes, which most are, and those that messages repeat. */
#ifndef KGEN_TEXTS_H
#define KGEN_TEXTS_H

#include "_native.h"

#include <stdint.h>

#define KGEN_HIGH 0x8080808080808080ULL

/* A str of these bytes, or NULL with an exception. */
KGEN_STATIC inline PyObject *kgen_text(const unsigned char *data, Py_ssize_t size) {
    unsigned char high = 0;
    Py_ssize_t i = 0;
    uint64_t word;
    if (size > 64) return PyUnicode_DecodeUTF8((const char *)data, size, NULL);
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, data + i, 8);
        if (word & KGEN_HIGH) return PyUnicode_DecodeUTF8((const char *)data, size, NULL);
    }
    for (; i < size; i++) high |= data[i];
    if (high & 0x80 || size < 2) return PyUnicode_DecodeUTF8((const char *)data, size, NULL);
    PyObject *out = PyUnicode_New(size, 127);
    if (out != NULL) memcpy(PyUnicode_1BYTE_DATA(out), data, (size_t)size);
    return out;
}

/* The strings of a place in the schema: many of them are the same few in message after message, as statuses and countries are.
 * Those that were met last are kept, and given again instead of new ones. Where few are met again, looking for them is paused.
 */
#define KGEN_KEPT 64
#define KGEN_KEPT_SIZE 16
#define KGEN_LOOKS 256
#define KGEN_LEAST_HITS 64
#define KGEN_PAUSE 16384

typedef struct {
    uint64_t first, last; /* its bytes, see `kgen_text_ends` */
    Py_ssize_t size;
    PyObject *text; /* or NULL */
} kgen_kept_entry;

typedef struct {
    kgen_kept_entry *entries; /* or NULL */
    unsigned looks;
    unsigned hits;
    unsigned pause; /* so many strings are made without a look */
} kgen_kept;

KGEN_STATIC void kgen_release_kept(kgen_kept *kept) {
    if (kept->entries == NULL) return;
    for (int i = 0; i < KGEN_KEPT; i++) Py_XDECREF(kept->entries[i].text);
    PyMem_Free(kept->entries);
    kept->entries = NULL;
}

/* The first and the last bytes of a text of 2 to 16, which are all of it. */
KGEN_STATIC inline void kgen_text_ends(const unsigned char *data, Py_ssize_t size, uint64_t *first, uint64_t *last) {
    if (size >= 8) {
        memcpy(first, data, 8);
        memcpy(last, data + size - 8, 8);
    } else if (size >= 4) {
        uint32_t low, high;
        memcpy(&low, data, 4);
        memcpy(&high, data + size - 4, 4);
        *first = low;
        *last = high;
    } else {
        *first = (uint64_t)data[0] << 8 | data[1];
        *last = data[size - 1];
    }
}

/* After so many looks: whether it is worth while to go on. A pause holds no strings. */
KGEN_STATIC void kgen_review_kept(kgen_kept *kept) {
    if (kept->hits < KGEN_LEAST_HITS) {
        kgen_release_kept(kept);
        kept->pause = KGEN_PAUSE;
    }
    kept->looks = kept->hits = 0;
}

KGEN_STATIC PyObject *kgen_keep_text(kgen_kept *kept, const unsigned char *data, unsigned slot, kgen_kept_entry made) {
    PyObject *old;
    if (kept->entries == NULL) {
        kept->entries = (kgen_kept_entry *)PyMem_Calloc(KGEN_KEPT, sizeof(kgen_kept_entry));
        if (kept->entries == NULL) return PyErr_NoMemory();
    }
    made.text = PyUnicode_New(made.size, 127);
    if (made.text == NULL) return NULL;
    memcpy(PyUnicode_1BYTE_DATA(made.text), data, (size_t)made.size);
    old = kept->entries[slot].text;
    Py_INCREF(made.text);
    kept->entries[slot] = made;
    Py_XDECREF(old);
    return made.text;
}

/* `kgen_text`, which may be a str that was given before. */
KGEN_STATIC inline PyObject *kgen_kept_text(kgen_kept *kept, const unsigned char *data, Py_ssize_t size) {
    kgen_kept_entry wanted;
    unsigned slot;
    if (size > KGEN_KEPT_SIZE || size < 2) return kgen_text(data, size);
    if (kept->pause) {
        kept->pause--;
        return kgen_text(data, size);
    }
    kgen_text_ends(data, size, &wanted.first, &wanted.last);
    if ((wanted.first | wanted.last) & KGEN_HIGH) return PyUnicode_DecodeUTF8((const char *)data, size, NULL);
    wanted.size = size;
    slot = (unsigned)(((wanted.first * 0x9E3779B97F4A7C15ULL ^ wanted.last ^ (uint64_t)size) * 0xD6E8FEB86659FD93ULL) >> 58);
    if (++kept->looks > KGEN_LOOKS) kgen_review_kept(kept);
    if (kept->entries != NULL) {
        kgen_kept_entry *entry = &kept->entries[slot];
        if (entry->first == wanted.first && entry->last == wanted.last && entry->size == size) {
            kept->hits++;
            Py_INCREF(entry->text);
            return entry->text;
        }
    }
    return kgen_keep_text(kept, data, slot, wanted);
}

#endif
