/* Dates, times and UUIDs from and to the text of JSON's formats. */
#ifndef KGEN_JSON_TIMES_H
#define KGEN_JSON_TIMES_H

#include "_native.h"

#include <stdint.h>

/* `offset` is in minutes, and there if `zoned`. */
typedef struct {
    int year, month, day, hour, minute, second, micro, offset, zoned;
} kgen_moment;

/* Two digits as a number, or a negative one. */
KGEN_STATIC inline int kgen_two(const uint8_t *p) {
    unsigned tens = (unsigned)p[0] - '0', ones = (unsigned)p[1] - '0';
    return tens <= 9 && ones <= 9 ? (int)(tens * 10 + ones) : -1;
}

/* Put two digits. */
KGEN_STATIC inline void kgen_put_two(uint8_t *out, int number) {
    out[0] = (uint8_t)('0' + number / 10);
    out[1] = (uint8_t)('0' + number % 10);
}

KGEN_STATIC inline int kgen_month_days(int year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : days[month - 1];
}

/* The date in ten bytes: -1 where they are none. */
KGEN_STATIC inline int kgen_read_date(const uint8_t *p, kgen_moment *m) {
    int century = kgen_two(p), years = kgen_two(p + 2);
    m->month = kgen_two(p + 5);
    m->day = kgen_two(p + 8);
    m->year = century * 100 + years;
    if (century < 0 || years < 0 || p[4] != '-' || p[7] != '-' || m->year < 1) return -1;
    if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > kgen_month_days(m->year, m->month)) return -1;
    return 0;
}

/* The time of day that is all of the text, maybe with an offset: -1 where it is none. */
KGEN_STATIC inline int kgen_read_time(const uint8_t *p, const uint8_t *end, kgen_moment *m) {
    int unit = 100000, hours, minutes;
    m->micro = m->offset = m->zoned = 0;
    if (end - p < 8 || p[2] != ':' || p[5] != ':') return -1;
    m->hour = kgen_two(p);
    m->minute = kgen_two(p + 3);
    m->second = kgen_two(p + 6);
    if ((unsigned)m->hour > 23 || (unsigned)m->minute > 59 || (unsigned)m->second > 59) return -1;
    p += 8;
    if (p < end && *p == '.') {
        const uint8_t *from = ++p;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
            m->micro += unit * (*p - '0');
            unit /= 10; /* zero after six digits: the others are cut */
        }
        if (p == from) return -1;
    }
    if (p == end) return 0;
    m->zoned = 1;
    if (*p == 'Z' || *p == 'z') return p + 1 == end ? 0 : -1;
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') return -1;
    hours = kgen_two(p + 1);
    minutes = kgen_two(p + 4);
    if ((unsigned)hours > 23 || (unsigned)minutes > 59) return -1;
    m->offset = *p == '-' ? -(hours * 60 + minutes) : hours * 60 + minutes;
    return 0;
}

/* Microseconds from 1970-01-01 to the date and time as they stand. */
KGEN_STATIC inline long long kgen_moment_micros(const kgen_moment *m) {
    long long y = m->year - (m->month <= 2);
    long long era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (unsigned)(m->month > 2 ? m->month - 3 : m->month + 9) + 2) / 5 + (unsigned)m->day - 1;
    long long days = era * 146097 + (long long)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
    return ((days * 24 + m->hour) * 60 + m->minute) * 60000000LL + m->second * 1000000LL + m->micro;
}

KGEN_STATIC inline PyObject *kgen_make_date(const kgen_moment *m) {
    return PyDateTimeAPI->Date_FromDate(m->year, m->month, m->day, PyDateTimeAPI->DateType);
}

KGEN_STATIC inline PyObject *kgen_make_utc(const kgen_moment *m) {
    return PyDateTimeAPI->DateTime_FromDateAndTime(
        m->year, m->month, m->day, m->hour, m->minute, m->second, m->micro, PyDateTimeAPI->TimeZone_UTC,
        PyDateTimeAPI->DateTimeType);
}

KGEN_STATIC PyObject *kgen_make_time(const kgen_moment *m) {
    PyObject *zone = Py_None, *delta, *out;
    Py_INCREF(zone);
    if (m->zoned) {
        Py_DECREF(zone);
        delta = PyDateTimeAPI->Delta_FromDelta(0, m->offset * 60, 0, 1, PyDateTimeAPI->DeltaType);
        if (delta == NULL) return NULL;
        zone = PyDateTimeAPI->TimeZone_FromTimeZone(delta, NULL);
        Py_DECREF(delta);
        if (zone == NULL) return NULL;
    }
    out = PyDateTimeAPI->Time_FromTime(m->hour, m->minute, m->second, m->micro, zone, PyDateTimeAPI->TimeType);
    Py_DECREF(zone);
    return out;
}

/* The 16 bytes of a UUID in 36 characters: whether they are one. */
KGEN_STATIC int kgen_read_uuid(const uint8_t *p, uint8_t *raw) {
    for (int i = 0; i < 16; i++) {
        int value = 0;
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') return 0;
        for (int half = 0; half < 2; half++, p++) {
            int digit = *p - '0';
            if (digit < 0 || digit > 9) {
                digit = (*p | 0x20) - 'a' + 10;
                if (digit < 10 || digit > 15) return 0;
            }
            value = value << 4 | digit;
        }
        raw[i] = (uint8_t)value;
    }
    return 1;
}

static const char kgen_base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64 of whole quartets, the last maybe padded, to as many bytes as they hold: -1 where it is not of the standard alphabet. */
KGEN_STATIC int kgen_read_base64(const uint8_t *p, Py_ssize_t size, uint8_t *out) {
    static uint8_t values[256];
    const uint8_t *end = p + size;
    if (!values['B']) { /* 0 for what is not in it, else one more than the value */
        for (int i = 63; i >= 0; i--) values[(uint8_t)kgen_base64[i]] = (uint8_t)(i + 1);
    }
    for (; p < end; p += 4) {
        int a = values[p[0]], b = values[p[1]], c = values[p[2]], d = values[p[3]];
        int padding = 0;
        if (p + 4 == end && p[3] == '=') {
            d = 1;
            padding = 1;
            if (p[2] == '=') {
                c = 1;
                padding = 2;
            }
        }
        if (!a || !b || !c || !d) return -1;
        *out++ = (uint8_t)((a - 1) << 2 | (b - 1) >> 4);
        if (padding < 2) *out++ = (uint8_t)((b - 1) << 4 | (c - 1) >> 2);
        if (padding < 1) *out++ = (uint8_t)((c - 1) << 6 | (d - 1));
    }
    return 0;
}

/* For the writer: each puts text where there is room for 40 bytes, and returns how many it takes. */

KGEN_STATIC int kgen_put_date(uint8_t *out, PyObject *date) {
    int year = PyDateTime_GET_YEAR(date);
    kgen_put_two(out, year / 100);
    kgen_put_two(out + 2, year % 100);
    out[4] = out[7] = '-';
    kgen_put_two(out + 5, PyDateTime_GET_MONTH(date));
    kgen_put_two(out + 8, PyDateTime_GET_DAY(date));
    return 10;
}

KGEN_STATIC int kgen_put_clock_of(uint8_t *out, int hour, int minute, int second, int micro) {
    kgen_put_two(out, hour);
    kgen_put_two(out + 3, minute);
    kgen_put_two(out + 6, second);
    out[2] = out[5] = ':';
    if (micro == 0) return 8;
    out[8] = '.';
    kgen_put_two(out + 9, micro / 10000);
    kgen_put_two(out + 11, micro / 100 % 100);
    kgen_put_two(out + 13, micro % 100);
    return 15;
}

KGEN_STATIC int kgen_put_clock(uint8_t *out, PyObject *t) {
    return kgen_put_clock_of(out, PyDateTime_TIME_GET_HOUR(t), PyDateTime_TIME_GET_MINUTE(t),
        PyDateTime_TIME_GET_SECOND(t), PyDateTime_TIME_GET_MICROSECOND(t));
}

/* A datetime in UTC. */
KGEN_STATIC int kgen_put_datetime(uint8_t *out, PyObject *t) {
    int size = kgen_put_date(out, t);
    out[size++] = 'T';
    size += kgen_put_clock_of(out + size, PyDateTime_DATE_GET_HOUR(t), PyDateTime_DATE_GET_MINUTE(t),
        PyDateTime_DATE_GET_SECOND(t), PyDateTime_DATE_GET_MICROSECOND(t));
    out[size++] = 'Z';
    return size;
}

/* 36 characters. */
KGEN_STATIC void kgen_put_uuid(uint8_t *out, const uint8_t *raw) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = (uint8_t)digits[raw[i] >> 4];
        *out++ = (uint8_t)digits[raw[i] & 15];
    }
}

/* Four characters for each three bytes, padded. */
KGEN_STATIC void kgen_put_base64(uint8_t *out, const uint8_t *data, Py_ssize_t size) {
    for (; size >= 3; size -= 3, data += 3, out += 4) {
        out[0] = (uint8_t)kgen_base64[data[0] >> 2];
        out[1] = (uint8_t)kgen_base64[(data[0] & 3) << 4 | data[1] >> 4];
        out[2] = (uint8_t)kgen_base64[(data[1] & 15) << 2 | data[2] >> 6];
        out[3] = (uint8_t)kgen_base64[data[2] & 63];
    }
    if (size == 0) return;
    out[0] = (uint8_t)kgen_base64[data[0] >> 2];
    out[1] = (uint8_t)kgen_base64[(data[0] & 3) << 4 | (size > 1 ? data[1] >> 4 : 0)];
    out[2] = (uint8_t)(size > 1 ? kgen_base64[(data[1] & 15) << 2] : '=');
    out[3] = '=';
}

#endif
