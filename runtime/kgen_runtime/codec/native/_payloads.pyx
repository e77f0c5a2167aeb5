# cython: language_level=3, boundscheck=False, wraparound=False
"""The native `PayloadFunctions`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from libc.string cimport memcmp

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)


def common_prefix(payloads, Py_ssize_t size):
    """See `codec.PayloadFunctions.common_prefix`."""
    cdef object first = None
    for payload in payloads:
        if not PyBytes_Check(payload) or PyBytes_GET_SIZE(payload) < size:
            return None
        if first is None:
            first = payload
        elif memcmp(PyBytes_AS_STRING(payload), PyBytes_AS_STRING(first), size) != 0:
            return None
    return None if first is None else first[:size]


def texts(payloads):
    """See `codec.PayloadFunctions.texts`."""
    cdef list made = []
    for payload in payloads:
        if payload is None:
            made.append(None)
        elif PyBytes_Check(payload):
            made.append(PyUnicode_DecodeUTF8(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), NULL))
        else:
            raise TypeError(f"a payload must be bytes, not {type(payload).__name__}")
    return made


def total_size(payloads):
    """See `codec.PayloadFunctions.total_size`."""
    cdef Py_ssize_t total = 0
    for payload in payloads:
        if PyBytes_Check(payload):
            total += PyBytes_GET_SIZE(payload)
        elif payload is not None:
            raise TypeError(f"a payload must be bytes, not {type(payload).__name__}")
    return total


def sizes_by_id(ids, payloads, others):
    """See `codec.PayloadFunctions.sizes_by_id`."""
    cdef dict places = {}
    cdef list found = []
    cdef list one
    cdef Py_ssize_t size
    cdef object place
    if not len(ids) == len(payloads) == len(others):
        raise ValueError("as many ids as payloads")
    for id_, payload, other in zip(ids, payloads, others):
        size = 0
        if PyBytes_Check(payload):
            size += PyBytes_GET_SIZE(payload)
        if PyBytes_Check(other):
            size += PyBytes_GET_SIZE(other)
        place = places.get(id_)
        if place is None:
            places[id_] = len(found)
            found.append([id_, 1, size])
        else:
            one = <list>found[place]
            one[1] += 1
            one[2] += size
    return found
