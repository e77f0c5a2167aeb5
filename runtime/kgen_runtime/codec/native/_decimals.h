/* Decimals of up to 16 bytes, between Avro's bytes and the text that `Decimal` takes and gives. */
#ifndef KGEN_DECIMALS_H
#define KGEN_DECIMALS_H

#include "_native.h"
#include <stdint.h>

#define KGEN_DECIMAL_BYTES 16
#define KGEN_DECIMAL_DIGITS 38 /* all numbers of so many digits fit those bytes */
#define KGEN_DECIMAL_TEXT 64   /* a sign, digits, E, and the scale */
#define KGEN_MOST_SCALE 9999

KGEN_STATIC void kgen_negate(uint32_t *limbs) {
    uint64_t carry = 1;
    for (int i = 3; i >= 0; i--) { carry += (uint32_t)~limbs[i]; limbs[i] = (uint32_t)carry; carry >>= 32; }
}

/* How many bytes at the front of a two's complement number only repeat its sign. */
KGEN_STATIC Py_ssize_t kgen_repeated_sign(const unsigned char *data, Py_ssize_t size) {
    Py_ssize_t at = 0;
    while (at + 1 < size && (data[at] == 0 || data[at] == 0xFF) && (data[at] ^ data[at + 1]) < 0x80) at++;
    return at;
}

/* The text of a big-endian two's complement number with so many digits below the point. 0: the number is empty, or too
   long for this, or has more digits than `precision`. */
KGEN_STATIC int kgen_decimal_text(
    const unsigned char *data, Py_ssize_t size, Py_ssize_t precision, int scale, char *out) {
    unsigned char raw[KGEN_DECIMAL_BYTES];
    char digits[45];
    uint32_t limbs[4];
    int first = 0, at = 45, length = 0, negative;
    if (size < 1) return 0;
    Py_ssize_t repeated = kgen_repeated_sign(data, size);
    data += repeated;
    size -= repeated;
    if (size > KGEN_DECIMAL_BYTES) return 0;
    negative = data[0] >> 7;
    memset(raw, negative ? 0xFF : 0, sizeof raw);
    memcpy(raw + KGEN_DECIMAL_BYTES - size, data, (size_t)size);
    for (int i = 0; i < 4; i++)
        limbs[i] = (uint32_t)raw[4 * i] << 24 | (uint32_t)raw[4 * i + 1] << 16 | (uint32_t)raw[4 * i + 2] << 8 | raw[4 * i + 3];
    if (negative) kgen_negate(limbs);
    while (1) { /* nine digits a turn, from the last on */
        uint64_t rest = 0;
        while (first < 4 && limbs[first] == 0) first++;
        if (first == 4) break;
        for (int i = first; i < 4; i++) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / 1000000000u);
            rest %= 1000000000u;
        }
        uint32_t nine = (uint32_t)rest;
        for (int i = 0; i < 9; i++) { digits[--at] = (char)('0' + nine % 10); nine /= 10; }
    }
    while (at < 45 && digits[at] == '0') at++;
    if (45 - at > precision) return 0;
    if (negative) out[length++] = '-';
    if (at == 45) out[length++] = '0';
    memcpy(out + length, digits + at, (size_t)(45 - at));
    length += 45 - at;
    return scale ? length + sprintf(out + length, "E-%d", scale) : length;
}

/* The 16 bytes of the whole number that stands for a Decimal, given as its text, at this scale. 0: the text is none of a
   finite number, or what it says is too long, or has digits below the scale. */
KGEN_STATIC int kgen_decimal_bytes(PyObject *text, Py_ssize_t precision, int scale, unsigned char *raw) {
    unsigned char digits[KGEN_DECIMAL_TEXT];
    uint32_t limbs[4] = {0, 0, 0, 0};
    int count = 0, below = 0, point = 0, exponent = 0, negative, shift;
    if (!PyUnicode_IS_COMPACT_ASCII(text) || PyUnicode_GET_LENGTH(text) > KGEN_DECIMAL_TEXT) return 0;
    const unsigned char *at = (const unsigned char *)PyUnicode_1BYTE_DATA(text), *end = at + PyUnicode_GET_LENGTH(text);
    negative = at < end && *at == '-';
    at += negative;
    for (; at < end && *at != 'E' && *at != 'e'; at++) {
        if (*at == '.') { point = 1; continue; }
        if (*at < '0' || *at > '9') return 0;
        if (count || *at != '0') digits[count++] = *at - '0';
        below += point;
    }
    if (at < end) {
        int minus;
        at++;
        if (end - at < 2 || end - at > 5) return 0;
        minus = *at++ == '-';
        for (; at < end; at++) exponent = exponent * 10 + (*at - '0');
        if (minus) exponent = -exponent;
    }
    shift = exponent - below + scale;
    for (; shift < 0 && count && digits[count - 1] == 0; shift++) count--;
    if (count && (shift < 0 || count + shift > precision || count + shift > KGEN_DECIMAL_DIGITS)) return 0;
    if (!count) shift = 0;
    for (; shift > 0; shift--) digits[count++] = 0;
    for (int done = 0; done < count;) { /* nine digits a turn, from the first on */
        uint64_t power = 1, carry = 0;
        for (int i = 0; i < 9 && done < count; i++) { carry = carry * 10 + digits[done++]; power *= 10; }
        for (int i = 3; i >= 0; i--) { carry += limbs[i] * power; limbs[i] = (uint32_t)carry; carry >>= 32; }
    }
    if (negative) kgen_negate(limbs);
    for (int i = 0; i < KGEN_DECIMAL_BYTES; i++) raw[i] = (unsigned char)(limbs[i / 4] >> (24 - 8 * (i % 4)));
    return 1;
}

#endif
