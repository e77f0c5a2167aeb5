# The `DecodeError` of a payload, made of what stands in its cursor.


cdef object refuse(Cursor *c, object error):
    """None. The error is in the cursor, not among the values: a value may be an exception, too."""
    Py_INCREF(error)
    c.error = <PyObject *>error
    return None


cdef object take_error(Cursor *c):
    """The error that is in the cursor, which holds it no more."""
    cdef object error = <object>c.error
    Py_DECREF(c.error)
    c.error = NULL
    return error


cdef object failure(Cursor *c, Py_ssize_t position):
    """The `DecodeError` for what stands in the cursor or is set as a Python exception. Out of memory and such pass through."""
    cdef list parts = []
    cdef object cause = None
    cdef object beyond = None
    try:
        if PyErr_Occurred() != NULL:
            reraise()
    except MemoryError:
        raise
    except BeyondError as error:
        beyond = error
    except Exception as error:  # of a constructor of the user's
        cause = error
    finally:
        if c.path != NULL:
            parts = <list>c.path
            Py_DECREF(c.path)
    if beyond is not None:
        return DecodeError(beyond.what, position=position, path=field_path(parts), hint=beyond.hint)
    what = refusal_text(cause) if cause is not None else reason(c)
    made = DecodeError(what, position=position, path=field_path(parts))
    made.__cause__ = cause
    return made


cdef object reason(Cursor *c):
    return "out of memory" if c.what == NULL else <object>c.what


cdef int reraise() except -1:
    """Let the exception that is set take its course."""
    return -1
