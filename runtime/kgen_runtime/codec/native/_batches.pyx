# cython: language_level=3, boundscheck=False, wraparound=False
"""The native `BatchFunctions`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from libc.string cimport memcmp

cdef enum:
    FEW = 8  # prefixes that are compared one after the other, before they are looked up


def groups(payloads, Py_ssize_t size):
    """See `codec.BatchFunctions.groups`."""
    cdef list prefixes = []
    cdef list places = []
    cdef dict known = {}
    cdef Py_ssize_t length, k, at, index = -1
    cdef object place
    for payload in payloads:
        index += 1
        if payload is None:
            continue
        if not PyBytes_Check(payload):
            raise TypeError(f"a payload must be bytes, not {type(payload).__name__}")
        length = min(size, PyBytes_GET_SIZE(payload))
        at = -1
        for k in range(min(FEW, len(prefixes))):
            place = prefixes[k]
            if PyBytes_GET_SIZE(place) == length and (
                memcmp(PyBytes_AS_STRING(place), PyBytes_AS_STRING(payload), length) == 0
            ):
                at = k
                break
        if at < 0:
            prefix = payload[:length]
            place = known.get(prefix)
            if place is None:
                at = len(prefixes)
                known[prefix] = at
                prefixes.append(prefix)
                places.append([])
            else:
                at = place
        (<list> places[at]).append(index)
    return list(zip(prefixes, places))


def picked(items, list where):
    """See `codec.BatchFunctions.picked`."""
    cdef list made = []
    cdef Py_ssize_t i, length = len(items)
    for i in where:
        if not 0 <= i < length:
            raise IndexError(i)
        made.append(items[i])
    return made


def spread(list items, list where, list into):
    """See `codec.BatchFunctions.spread`."""
    cdef Py_ssize_t k, i, length = len(into)
    if len(items) != len(where):
        raise ValueError("as many items as places")
    for k in range(len(where)):
        i = where[k]
        if not 0 <= i < length:
            raise IndexError(i)
        into[i] = items[k]
