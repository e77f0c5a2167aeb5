/* What the native Protobuf codec needs of C besides _native.h: varints, zigzag, floats, text, lists. */
#ifndef KGEN_PROTO_H
#define KGEN_PROTO_H

#include "_native.h"

#ifdef __GNUC__
#define KGEN_RARELY(condition) __builtin_expect(!!(condition), 0)
#else
#define KGEN_RARELY(condition) (condition)
#endif

/* Numbers on the wire are little-endian, whatever the machine is. */
KGEN_STATIC inline uint32_t kgen_get32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

KGEN_STATIC inline uint64_t kgen_get64(const unsigned char *at) {
    return (uint64_t)kgen_get32(at) | (uint64_t)kgen_get32(at + 4) << 32;
}

KGEN_STATIC inline void kgen_set32(unsigned char *at, uint32_t number) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(number >> 8 * i);
}

KGEN_STATIC inline void kgen_set64(unsigned char *at, uint64_t number) {
    kgen_set32(at, (uint32_t)number);
    kgen_set32(at + 4, (uint32_t)(number >> 32));
}

KGEN_STATIC inline double kgen_double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

KGEN_STATIC inline double kgen_float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return (double)value;
}

KGEN_STATIC inline uint64_t kgen_bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

KGEN_STATIC inline uint32_t kgen_bits_of_float(double value) {
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    return bits;
}

KGEN_STATIC inline int64_t kgen_unzigzag(uint64_t n) { return (int64_t)(n >> 1) ^ -(int64_t)(n & 1); }
KGEN_STATIC inline uint64_t kgen_zigzag(int64_t n) { return (uint64_t)n << 1 ^ (n < 0 ? ~(uint64_t)0 : 0); }

/* How many bytes a varint takes. */
KGEN_STATIC inline int kgen_varint_size(uint64_t n) {
    int size = 1;
    while (n >= 0x80) { n >>= 7; size++; }
    return size;
}

/* Put a varint where there is room for ten bytes: how many it takes. */
KGEN_STATIC inline int kgen_put_varint(unsigned char *out, uint64_t n) {
    int size = 0;
    while (n >= 0x80) { out[size++] = (unsigned char)(n | 0x80); n >>= 7; }
    out[size++] = (unsigned char)n;
    return size;
}

/* A span of time, not negative. */
KGEN_STATIC PyObject *kgen_timedelta(int64_t seconds, int micros) {
    return PyDateTimeAPI->Delta_FromDelta((int)(seconds / 86400), (int)(seconds % 86400), micros, 0, PyDateTimeAPI->DeltaType);
}

#endif
