/* What the native codec needs of C: datetime's C API, and the slots of objects. */
#ifndef KGEN_NATIVE_H
#define KGEN_NATIVE_H

#include <Python.h>
#include <datetime.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

/* CPython 3.12 gave the members of structmember.h their names in Python.h. */
#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#define Py_T_OBJECT_EX T_OBJECT_EX
#endif

/* Each Cython module uses a part of this file only. */
#ifdef __GNUC__
#define KGEN_STATIC static __attribute__((unused))
#else
#define KGEN_STATIC static
#endif

/* Half a unit in the last place above the largest float of 32 bits: what rounds to infinity. */
#define KGEN_FLT_LIMIT 0x1.ffffffp127
#define KGEN_SLOT(object, offset) ((PyObject **)((char *)(object) + (offset)))
#define KGEN_TYPE(object) ((PyObject *)Py_TYPE(object))
#define KGEN_IS_A(value, type) PyObject_TypeCheck(value, (PyTypeObject *)(type))
/* Only objects of classes with slots are visited by garbage collection: without one field a class has none. */
#define KGEN_UNTRACK(object) do { if (PyObject_IS_GC(object)) PyObject_GC_UnTrack(object); } while (0)
#define KGEN_ALLOC(type) (((PyTypeObject *)(type))->tp_alloc((PyTypeObject *)(type), 0))

KGEN_STATIC int kgen_datetime_import(void) { PyDateTime_IMPORT; return PyDateTimeAPI ? 0 : -1; }

/* The offset of a __slots__ member in the objects of this class, or -1 where the descriptor is something else. */
KGEN_STATIC Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) {
    if (Py_TYPE(descriptor) != &PyMemberDescr_Type) return -1;
    if (!PyType_IsSubtype((PyTypeObject *)cls, PyDescr_TYPE(descriptor))) return -1;
    PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
    return member->type == Py_T_OBJECT_EX ? member->offset : -1;
}

/* The C function of a method without arguments of this class, or NULL if the descriptor is something else. */
KGEN_STATIC PyCFunction kgen_no_arguments(PyObject *cls, PyObject *descriptor) {
    if (Py_TYPE(descriptor) != &PyMethodDescr_Type) return NULL;
    if (!PyType_IsSubtype((PyTypeObject *)cls, PyDescr_TYPE(descriptor))) return NULL;
    PyMethodDef *method = ((PyMethodDescrObject *)descriptor)->d_method;
    int calls = METH_VARARGS | METH_KEYWORDS | METH_NOARGS | METH_O | METH_FASTCALL | METH_METHOD;
    return (method->ml_flags & calls) == METH_NOARGS ? method->ml_meth : NULL;
}

/* Days since 1970-01-01 to year, month, day: those of the years that Python has (Neri and Schneider, "Euclidean affine functions
 * and their application to calendar algorithms", 2022). */
KGEN_STATIC inline void kgen_civil(long long days, int *year, int *month, int *day) {
    uint32_t whole = 4 * (uint32_t)(days + 719468) + 3; /* from 0000-03-01, which is day 3 of quarters */
    uint32_t century = whole / 146097;
    uint32_t of_century = (whole % 146097) | 3;
    uint64_t product = 2939745ULL * of_century; /* 2^32 / 1461, so its upper half is the year */
    uint32_t of_year = (uint32_t)product / 2939745 / 4;
    uint32_t months = 2141 * of_year + 197913;
    int next = of_year >= 306; /* January and February */
    *year = (int)(100 * century + (uint32_t)(product >> 32)) + next;
    *month = (int)(months >> 16) - (next ? 12 : 0);
    *day = (int)((months & 0xFFFF) / 2141) + 1;
}

KGEN_STATIC PyObject *kgen_date(long long days) {
    int year, month, day;
    kgen_civil(days, &year, &month, &day);
    return PyDateTimeAPI->Date_FromDate(year, month, day, PyDateTimeAPI->DateType);
}

KGEN_STATIC PyObject *kgen_time(long long micros) {
    int seconds = (int)(micros / 1000000);
    return PyDateTimeAPI->Time_FromTime(
        seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(micros % 1000000), Py_None, PyDateTimeAPI->TimeType);
}

KGEN_STATIC PyObject *kgen_datetime(long long micros, int utc) {
    long long days = micros / 86400000000LL, rest = micros % 86400000000LL;
    int year, month, day, seconds;
    if (rest < 0) { rest += 86400000000LL; days -= 1; }
    kgen_civil(days, &year, &month, &day);
    seconds = (int)(rest / 1000000);
    return PyDateTimeAPI->DateTime_FromDateAndTime(
        year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(rest % 1000000),
        utc ? PyDateTimeAPI->TimeZone_UTC : Py_None, PyDateTimeAPI->DateTimeType);
}

/* Whether `text` is the ASCII string of these bytes. */
KGEN_STATIC int kgen_is_text(PyObject *text, const unsigned char *bytes, Py_ssize_t size) {
    return PyUnicode_GET_LENGTH(text) == size && memcmp(PyUnicode_1BYTE_DATA(text), bytes, (size_t)size) == 0;
}

/* For the writer. */

/* Year, month, day to days since 1970-01-01 (Howard Hinnant's days_from_civil). */
KGEN_STATIC long long kgen_days(PyObject *date) {
    long long y = PyDateTime_GET_YEAR(date);
    unsigned m = PyDateTime_GET_MONTH(date), d = PyDateTime_GET_DAY(date);
    y -= m <= 2;
    long long era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + (long long)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

KGEN_STATIC long long kgen_time_micros(PyObject *t) {
    return ((PyDateTime_TIME_GET_HOUR(t) * 60LL + PyDateTime_TIME_GET_MINUTE(t)) * 60 + PyDateTime_TIME_GET_SECOND(t)) * 1000000
        + PyDateTime_TIME_GET_MICROSECOND(t);
}

KGEN_STATIC long long kgen_datetime_micros(PyObject *t) {
    return ((kgen_days(t) * 24 + PyDateTime_DATE_GET_HOUR(t)) * 60 + PyDateTime_DATE_GET_MINUTE(t)) * 60000000LL
        + PyDateTime_DATE_GET_SECOND(t) * 1000000LL + PyDateTime_DATE_GET_MICROSECOND(t);
}

KGEN_STATIC int kgen_naive(PyObject *t) { return PyDateTime_DATE_GET_TZINFO(t) == Py_None; }
KGEN_STATIC int kgen_naive_time(PyObject *t) { return PyDateTime_TIME_GET_TZINFO(t) == Py_None; }
KGEN_STATIC PyObject *kgen_type(PyObject *value) { return (PyObject *)Py_TYPE(value); }

/* The 16 bytes of a UUID's int, big-endian: ValueError where it is negative, OverflowError where it has more bits. */
KGEN_STATIC int kgen_uuid_bytes(PyObject *number, unsigned char *data) {
    if (!PyLong_Check(number)) { PyErr_SetString(PyExc_TypeError, "a UUID holds an int"); return -1; }
#if PY_VERSION_HEX >= 0x030D0000 /* public there; the private function took another argument */
    Py_ssize_t needed = PyLong_AsNativeBytes(number, data, 16,
        Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER | Py_ASNATIVEBYTES_REJECT_NEGATIVE);
    if (needed > 16) { PyErr_SetString(PyExc_OverflowError, "int too big to convert"); return -1; }
    return needed < 0 ? -1 : 0;
#else
    return _PyLong_AsByteArray((PyLongObject *)number, data, 16, 0, 0);
#endif
}

KGEN_STATIC int kgen_is_utc(PyObject *t) { return PyDateTime_DATE_GET_TZINFO(t) == PyDateTimeAPI->TimeZone_UTC; }
KGEN_STATIC int kgen_fold(PyObject *t) { return PyDateTime_DATE_GET_FOLD(t); }
KGEN_STATIC int kgen_time_fold(PyObject *t) { return PyDateTime_TIME_GET_FOLD(t); }
KGEN_STATIC Py_ssize_t kgen_references(PyObject *value) { return Py_REFCNT(value); }

#endif
