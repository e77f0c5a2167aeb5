/* What the native JSON codec needs of C: scanning text, numbers, dates, lists.
 *
 * The text is always that of a bytes object, which has a zero byte at its end: so the byte at `end` may be read, and loops that
 * stop at a zero byte stop there. Nothing reads further.
 */
#ifndef KGEN_JSON_H
#define KGEN_JSON_H

#include "_native.h"
#include "_utf8.h"

#include <float.h>
#include <math.h>
#include <stdint.h>

#if defined(__GNUC__)
#define KGEN_LIKELY(x) __builtin_expect(!!(x), 1)
#define KGEN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define KGEN_LIKELY(x) (x)
#define KGEN_UNLIKELY(x) (x)
#endif

/* The place of the lowest byte of a word with a mark, where that is the first in memory and the machine can say it. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define KGEN_LOWEST(marks) (__builtin_ctzll(marks) >> 3)
#endif

#define KGEN_ONES 0x0101010101010101ULL
#define KGEN_TOPS 0x8080808080808080ULL

/* Strings. */

#define KGEN_ESCAPED 1 /* a string has a backslash */
#define KGEN_WIDE 2    /* a string has bytes that are not ASCII */

/* A mark at each byte of `word` below 0x20, a quote, a backslash: exact for the lowest mark, and so is its absence. */
KGEN_STATIC inline uint64_t kgen_special(uint64_t word) {
    uint64_t quote = word ^ (KGEN_ONES * '"'), slash = word ^ (KGEN_ONES * '\\');
    return ((word - KGEN_ONES * 0x20) | (quote - KGEN_ONES) | (slash - KGEN_ONES)) & ~word & KGEN_TOPS;
}

/* The first byte from `at` that a string does not hold as it stands, or `end`; adds to `flags` what is on the way. */
KGEN_STATIC inline const uint8_t *kgen_plain(const uint8_t *at, const uint8_t *end, int *flags) {
    uint64_t word, marks, wide = 0;
    while (end - at >= 8) {
        memcpy(&word, at, 8);
        marks = kgen_special(word);
        if (marks) {
#ifdef KGEN_LOWEST
            wide |= word & (((marks & (~marks + 1)) >> 7) - 1); /* the bytes before the lowest mark */
            if (wide & KGEN_TOPS) *flags |= KGEN_WIDE;
            return at + KGEN_LOWEST(marks);
#else
            break;
#endif
        }
        wide |= word;
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') wide |= *at++;
    if (wide & KGEN_TOPS) *flags |= KGEN_WIDE;
    return at;
}

KGEN_STATIC inline PyObject *kgen_ascii(const uint8_t *text, Py_ssize_t size) {
    PyObject *out = PyUnicode_New(size, 127);
    if (out != NULL) memcpy(PyUnicode_1BYTE_DATA(out), text, (size_t)size);
    return out;
}

/* A hash of a short text, of which every byte counts up to 16, and the first and last 8 of a longer one. */
KGEN_STATIC inline uint64_t kgen_hash(const uint8_t *text, Py_ssize_t size) {
    uint64_t first = 0, last = 0;
    if (size >= 8) {
        memcpy(&first, text, 8);
        memcpy(&last, text + size - 8, 8);
    } else {
        for (Py_ssize_t i = 0; i < size; i++) first = first << 8 | text[i];
    }
    first = (first * 0x9E3779B97F4A7C15ULL ^ last ^ (uint64_t)size) * 0xD6E8FEB86659FD93ULL;
    return first >> 40 ^ first >> 32;
}

/* What a hexadecimal digit is, with a mark; 0 for any other byte. */
#define KGEN_HEX 0x10
static const uint8_t kgen_hex[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15, ['6'] = 0x16, ['7'] = 0x17,
    ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1A, ['b'] = 0x1B, ['c'] = 0x1C, ['d'] = 0x1D, ['e'] = 0x1E, ['f'] = 0x1F,
    ['A'] = 0x1A, ['B'] = 0x1B, ['C'] = 0x1C, ['D'] = 0x1D, ['E'] = 0x1E, ['F'] = 0x1F,
};

/* Four hexadecimal digits, or -1. */
KGEN_STATIC inline int kgen_hex4(const uint8_t *at, const uint8_t *end) {
    int a, b, c, d;
    if (end - at < 4) return -1;
    a = kgen_hex[at[0]], b = kgen_hex[at[1]], c = kgen_hex[at[2]], d = kgen_hex[at[3]];
    if (!(a & b & c & d & KGEN_HEX)) return -1;
    return (a & 15) << 12 | (b & 15) << 8 | (c & 15) << 4 | (d & 15);
}

/* Behind the escape at `at`, as far as it is one: a quote is never passed that ends the string. May be past `end`. */
KGEN_STATIC inline const uint8_t *kgen_behind_escape(const uint8_t *at, const uint8_t *end) {
    return at[1] == 'u' && kgen_hex4(at + 2, end) >= 0 ? at + 6 : at + 2;
}

#define KGEN_BAD_ESCAPE (-1)
#define KGEN_LONE (-2)

/* The character of the escape at `*at` (a backslash), past which it moves; or KGEN_BAD_ESCAPE, or KGEN_LONE for half a pair of
 * surrogates. */
KGEN_STATIC inline int kgen_escape(const uint8_t **at, const uint8_t *end) {
    const uint8_t *p = *at + 1;
    int value, low;
    if (p >= end) return KGEN_BAD_ESCAPE;
    switch (*p++) {
    case '"': value = '"'; break;
    case '\\': value = '\\'; break;
    case '/': value = '/'; break;
    case 'b': value = '\b'; break;
    case 'f': value = '\f'; break;
    case 'n': value = '\n'; break;
    case 'r': value = '\r'; break;
    case 't': value = '\t'; break;
    case 'u':
        value = kgen_hex4(p, end);
        if (value < 0) return KGEN_BAD_ESCAPE;
        p += 4;
        if (value >= 0xD800 && value < 0xE000) {
            if (value >= 0xDC00 || end - p < 6 || p[0] != '\\' || p[1] != 'u') return KGEN_LONE;
            low = kgen_hex4(p + 2, end);
            if (low < 0xDC00 || low > 0xDFFF) return KGEN_LONE;
            value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
        break;
    default: return KGEN_BAD_ESCAPE;
    }
    *at = p;
    return value;
}

/* Put a character as UTF-8 where there is room for 4 bytes: how many it takes. */
KGEN_STATIC inline int kgen_put_utf8(uint8_t *out, int c) {
    if (c < 0x80) { out[0] = (uint8_t)c; return 1; }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xC0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xE0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (c & 0x3F));
    return 4;
}

/* Numbers. */

typedef struct {
    const uint8_t *end;  /* after the number; where it is wrong, the byte that is */
    uint64_t mantissa;   /* its digits as one whole number, if these are no more than 19 */
    Py_ssize_t digits;   /* how many, but for zeros in front */
    Py_ssize_t written;  /* how many digits are before the exponent, with zeros */
    int64_t exponent;    /* the power of ten that the mantissa is multiplied by, up to about 2^36 */
    int negative;
    int real;            /* it has a point or an exponent */
} kgen_number;

#define KGEN_DIGIT(c) ((unsigned)(c) - '0' <= 9)

/* Add the digits from `p` to `mantissa`: where they end. */
KGEN_STATIC inline const uint8_t *kgen_digits(const uint8_t *p, uint64_t *mantissa) {
    uint64_t value = *mantissa;
    while (KGEN_DIGIT(*p)) value = value * 10 + (uint64_t)(*p++ - '0');
    *mantissa = value;
    return p;
}

/* The number of RFC 8259 at `p`: -1 where there is none, with the place where a digit is missing. */
KGEN_STATIC inline int kgen_number_at(const uint8_t *p, kgen_number *n) {
    const uint8_t *from, *first;
    n->negative = *p == '-';
    p += n->negative;
    first = p;
    n->mantissa = 0;
    n->exponent = 0;
    n->real = 0;
    n->end = p;
    if (!KGEN_DIGIT(*p)) return -1;
    if (*p == '0') p++;
    else p = kgen_digits(p, &n->mantissa);
    n->digits = n->written = p - first;
    if (*p == '.') {
        from = ++p;
        n->end = p;
        if (!KGEN_DIGIT(*p)) return -1;
        if (n->mantissa == 0) { /* zeros in front do not count */
            while (*p == '0') p++;
            n->digits = 0;
            first = p;
        } else {
            first = from - n->digits;
        }
        p = kgen_digits(p, &n->mantissa);
        n->digits = p - first;
        n->exponent = from - p;
        n->written += p - from;
        n->real = 1;
    }
    if (*p == 'e' || *p == 'E') {
        int64_t power = 0;
        int minus = *++p == '-';
        p += *p == '-' || *p == '+';
        n->end = p;
        if (!KGEN_DIGIT(*p)) return -1;
        for (; KGEN_DIGIT(*p); p++)
            if (power < (int64_t)1 << 36) power = power * 10 + (*p - '0');
        n->exponent += minus ? -power : power;
        n->real = 1;
    }
    n->end = p;
    return 0;
}

/* The powers of five of which a double is made, their upper 128 bits, high word first: see `kgen_fill_powers`. */
#define KGEN_LEAST_POWER (-342)
#define KGEN_MOST_POWER 308
static uint64_t kgen_powers[2 * (KGEN_MOST_POWER - KGEN_LEAST_POWER + 1)];

KGEN_STATIC void kgen_set_power(int power, uint64_t high, uint64_t low) {
    kgen_powers[2 * (power - KGEN_LEAST_POWER)] = high;
    kgen_powers[2 * (power - KGEN_LEAST_POWER) + 1] = low;
}

/* mantissa * 10^power as the nearest double, in most cases; -1 where another way has to be taken.
 * Lemire, "Number Parsing at a Gigabyte per Second" (2021), as in fast_float. */
KGEN_STATIC int kgen_fast_double(uint64_t mantissa, int64_t power, double *out) {
#if defined(__SIZEOF_INT128__)
    unsigned __int128 product;
    uint64_t high, low, bits, second;
    int zeros, upper, binary;
    if (mantissa == 0) { *out = 0; return 0; }
    if (power < KGEN_LEAST_POWER || power > KGEN_MOST_POWER) return -1;
    zeros = __builtin_clzll(mantissa);
    mantissa <<= zeros;
    const uint64_t *five = kgen_powers + 2 * (power - KGEN_LEAST_POWER);
    product = (unsigned __int128)mantissa * five[0];
    high = (uint64_t)(product >> 64);
    low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) {
        second = (uint64_t)(((unsigned __int128)mantissa * five[1]) >> 64);
        low += second;
        if (second > low) high++;
    }
    if (low == UINT64_MAX && (power < -27 || power > 55)) return -1;
    upper = (int)(high >> 63);
    bits = high >> (upper + 9);
    binary = (int)((217706 * power) >> 16) + 63 + upper - zeros + 1023;
    if (binary <= 0) return -1; /* below the normal numbers */
    if (low <= 1 && power >= -4 && power <= 23 && (bits & 3) == 1 && bits << (upper + 9) == high)
        bits &= ~(uint64_t)1; /* half way between two: to the even one */
    bits += bits & 1;
    bits >>= 1;
    if (bits >= (uint64_t)1 << 53) {
        bits = (uint64_t)1 << 52;
        binary++;
    }
    if (binary >= 0x7FF) return -1;
    bits = (bits & ~((uint64_t)1 << 52)) | (uint64_t)binary << 52;
    memcpy(out, &bits, 8);
    return 0;
#else
    (void)mantissa; (void)power; (void)out;
    return -1;
#endif
}

/* The nearest double of the number at `text`: infinite where it is too large; -1 and an exception where memory runs out. */
KGEN_STATIC int kgen_double(const uint8_t *text, const kgen_number *n, double *out) {
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#if FLT_EVAL_METHOD == 0
    if (n->digits <= 15 && n->exponent >= -22 && n->exponent <= 22) { /* Clinger: both are exact, so one rounding */
        double value = (double)n->mantissa;
        value = n->exponent < 0 ? value / tens[-n->exponent] : value * tens[n->exponent];
        *out = n->negative ? -value : value;
        return 0;
    }
#endif
    if (n->digits <= 19 && kgen_fast_double(n->mantissa, n->exponent, out) == 0) {
        if (n->negative) *out = -*out;
        return 0;
    }
    *out = PyOS_string_to_double((const char *)text, (char **)&text, NULL);
    return *out == -1.0 && PyErr_Occurred() ? -1 : 0;
}

/* Lists. */

/* Append to a list that nothing else refers to; takes the reference to the item. */
KGEN_STATIC inline int kgen_append(PyObject *list, PyObject *item) {
    PyListObject *items = (PyListObject *)list;
    Py_ssize_t size = Py_SIZE(items);
    int status;
#ifndef Py_GIL_DISABLED
    if (size < items->allocated) {
        PyList_SET_ITEM(list, size, item);
        Py_SET_SIZE(items, size + 1);
        return 0;
    }
#endif
    status = PyList_Append(list, item);
    Py_DECREF(item);
    return status;
}

/* For the writer. */

/* Put a whole number where there is room for 20 bytes: how many it takes. */
KGEN_STATIC inline int kgen_put_integer(uint8_t *out, long long value) {
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354"
        "55565758596061626364656667686970717273747576777879808182838485868788899091929394959697989900";
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    uint8_t digits[20], *p = digits + 20;
    int size;
    while (rest >= 100) {
        p -= 2;
        memcpy(p, pairs + rest % 100 * 2, 2);
        rest /= 100;
    }
    if (rest >= 10) {
        p -= 2;
        memcpy(p, pairs + rest * 2, 2);
    } else {
        *--p = (uint8_t)('0' + rest);
    }
    size = (int)(digits + 20 - p);
    *out = '-';
    out += value < 0;
    memcpy(out, p, (size_t)size);
    return size + (value < 0);
}

#if defined(__SIZEOF_INT128__)
/* The powers of ten by which the digits of a double are found: 10^power, its upper 128 bits, rounded up; high word first. */
#define KGEN_LEAST_TEN (-292)
#define KGEN_MOST_TEN 324
#else
#define KGEN_LEAST_TEN 0
#define KGEN_MOST_TEN (-1)
#endif
static uint64_t kgen_tens[2 * (KGEN_MOST_TEN - KGEN_LEAST_TEN + 1) + 1];

KGEN_STATIC void kgen_set_ten(int power, uint64_t high, uint64_t low) {
    kgen_tens[2 * (power - KGEN_LEAST_TEN)] = high;
    kgen_tens[2 * (power - KGEN_LEAST_TEN) + 1] = low;
}

#if defined(__SIZEOF_INT128__)
/* The upper 64 of 192 bits of a product, rounded to odd. */
KGEN_STATIC inline uint64_t kgen_odd_product(const uint64_t *ten, uint64_t factor) {
    unsigned __int128 low = (unsigned __int128)ten[1] * factor;
    unsigned __int128 high = (unsigned __int128)ten[0] * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The fewest digits, of these the nearest, that read back as a double, which is finite and above zero: digits * 10^power.
 * Giulietti, "The Schubfach way to render doubles" (2021), as in Drachennest. */
KGEN_STATIC uint64_t kgen_shortest(double value, int *power) {
    uint64_t bits, c, fraction, low, mid, high, s;
    int exponent, q, k, h, closer, odd;
    memcpy(&bits, &value, 8);
    fraction = bits & (((uint64_t)1 << 52) - 1);
    exponent = (int)(bits >> 52);
    c = exponent ? fraction | (uint64_t)1 << 52 : fraction;
    q = (exponent ? exponent : 1) - 1075;
    if (q <= 0 && q > -53 && (c & (((uint64_t)1 << -q) - 1)) == 0) { /* a whole number below 2^53 */
        *power = 0;
        return c >> -q;
    }
    odd = (int)(c & 1);
    closer = fraction == 0 && exponent > 1; /* the double below is half as far away */
    k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
    h = q + ((-k * 1741647) >> 19) + 1;
    const uint64_t *ten = kgen_tens + 2 * (-k - KGEN_LEAST_TEN);
    low = kgen_odd_product(ten, (4 * c - 2 + (uint64_t)closer) << h) + (uint64_t)odd;
    mid = kgen_odd_product(ten, (4 * c) << h);
    high = kgen_odd_product(ten, (4 * c + 2) << h) - (uint64_t)odd;
    s = mid / 4;
    if (s >= 10) {
        uint64_t less = s / 10;
        int under = low <= 40 * less, over = 40 * less + 40 <= high;
        if (under != over) {
            *power = k + 1;
            return less + (uint64_t)over;
        }
    }
    *power = k;
    {
        int under = low <= 4 * s, over = 4 * s + 4 <= high;
        if (under != over) return s + (uint64_t)over;
        return s + (mid > 4 * s + 2 || (mid == 4 * s + 2 && (s & 1)));
    }
}
#endif

/* Put the fewest digits that read back the same, as Python's repr has them, where there is room for 40 bytes: how many they take;
 * -1 and an exception where memory runs out. The value is finite. */
KGEN_STATIC int kgen_put_float(uint8_t *out, double value) {
#if defined(__SIZEOF_INT128__)
    uint8_t digits[20];
    int count, power, point, length = 0;
    uint64_t shortest;
    if (signbit(value)) {
        out[length++] = '-';
        value = -value;
    }
    if (value == 0) {
        memcpy(out + length, "0.0", 3);
        return length + 3;
    }
    shortest = kgen_shortest(value, &power);
    while (shortest % 10 == 0) {
        shortest /= 10;
        power++;
    }
    count = kgen_put_integer(digits, (long long)shortest);
    point = count + power; /* where the point is, counted from the first digit */
    if (point > 16 || point < -3) {
        out[length++] = digits[0];
        if (count > 1) {
            out[length++] = '.';
            memcpy(out + length, digits + 1, (size_t)(count - 1));
            length += count - 1;
        }
        out[length++] = 'e';
        out[length++] = point > 0 ? '+' : '-';
        power = point > 0 ? point - 1 : 1 - point;
        if (power < 10) out[length++] = '0';
        return length + kgen_put_integer(out + length, power);
    }
    if (point <= 0) {
        memcpy(out + length, "0.000", 5);
        length += 2 - point;
        memcpy(out + length, digits, (size_t)count);
        return length + count;
    }
    if (point >= count) {
        memcpy(out + length, digits, (size_t)count);
        memset(out + length + count, '0', (size_t)(point - count));
        memcpy(out + length + point, ".0", 2);
        return length + point + 2;
    }
    memcpy(out + length, digits, (size_t)point);
    out[length + point] = '.';
    memcpy(out + length + point + 1, digits + point, (size_t)(count - point));
    return length + count + 1;
#else
    char *text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    int length;
    if (text == NULL) return -1;
    length = (int)strlen(text);
    memcpy(out, text, (size_t)length);
    PyMem_Free(text);
    return length;
#endif
}

#endif
