# cython: language_level=3, boundscheck=False, wraparound=False
"""The native `BatchFunctions`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    FEW = 8  # prefixes that are compared one after the other, before they are looked up
    MOST_PREFIXES = 64
    MOST_BYTES = 8  # of each


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


def by_prefix(payloads, list prefixes):
    """See `codec.BatchFunctions.by_prefix`."""
    cdef uint64_t wanted[MOST_PREFIXES]
    cdef uint64_t masks[MOST_PREFIXES]
    cdef Py_ssize_t sizes[MOST_PREFIXES]
    cdef Py_ssize_t k, size, count = len(prefixes), index = -1
    cdef uint64_t word
    cdef list found
    if count > MOST_PREFIXES:
        raise ValueError(f"{count} prefixes: the most is {MOST_PREFIXES}")
    for k in range(count):
        prefix = prefixes[k]
        if not PyBytes_Check(prefix) or PyBytes_GET_SIZE(prefix) > MOST_BYTES:
            raise ValueError(f"a prefix must be at most {MOST_BYTES} bytes")
        sizes[k] = PyBytes_GET_SIZE(prefix)
        wanted[k] = masks[k] = 0
        memcpy(&wanted[k], PyBytes_AS_STRING(prefix), sizes[k])
        memcpy(&masks[k], b"\xff\xff\xff\xff\xff\xff\xff\xff", sizes[k])
    found = [[] for _ in range(count + 1)]
    for payload in payloads:
        index += 1
        if payload is None:
            continue
        if not PyBytes_Check(payload):
            raise TypeError(f"a payload must be bytes, not {type(payload).__name__}")
        size = PyBytes_GET_SIZE(payload)
        word = 0
        memcpy(&word, PyBytes_AS_STRING(payload), min(size, MOST_BYTES))
        for k in range(count):
            if word & masks[k] == wanted[k] and size >= sizes[k]:
                (<list> found[k]).append(index)
                break
        else:
            (<list> found[count]).append(index)
    return found


def picked(items, list where):
    """See `codec.BatchFunctions.picked`."""
    cdef list given = items if type(items) is list else list(items)
    cdef Py_ssize_t k, i, length = len(given), count = len(where)
    cdef list made = [None] * count
    for k in range(count):
        i = where[k]
        if not 0 <= i < length:
            raise IndexError(i)
        made[k] = given[i]
    return made


def spread(list items, list where, list into):
    """See `codec.BatchFunctions.spread`."""
    cdef Py_ssize_t k, i, length = len(into), count = len(where)
    if len(items) != count:
        raise ValueError("as many items as places")
    for k in range(count):
        i = where[k]
        if not 0 <= i < length:
            raise IndexError(i)
        into[i] = items[k]
