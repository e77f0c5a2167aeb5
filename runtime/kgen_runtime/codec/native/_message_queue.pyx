# cython: language_level=3, boundscheck=False, wraparound=False
"""A queue of librdkafka's for what a consumer fetches: messages become columns without a Python object for each.

Its functions are called by their addresses: this module is linked with no librdkafka, so there is no second copy of it.
"""

import os
import time

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t
from libc.string cimport strlen

cdef extern from "_native.h":
    PyObject *PyBytes_FromStringAndSize(const char *data, Py_ssize_t size) except NULL
    PyObject *PyLong_FromLongLong(long long number) except NULL
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)

include "arrival_columns.pxi"

# Of rdkafka.h, whose binary interface is kept.
ctypedef struct KafkaMessage:
    int err
    void *topic
    int32_t partition
    void *payload
    size_t size
    void *key
    size_t key_size
    int64_t offset
    void *private_

ctypedef void *(*NewQueue)(void *client) noexcept
ctypedef void (*DestroyQueue)(void *queue) noexcept nogil
ctypedef void *(*PartitionQueue)(void *client, const char *topic, int32_t partition) noexcept
ctypedef void (*Forward)(void *queue, void *to) noexcept
ctypedef Py_ssize_t (*Consume)(void *queue, int milliseconds, KafkaMessage **found, size_t most) noexcept nogil
ctypedef void (*DestroyMessage)(KafkaMessage *message) noexcept
ctypedef int64_t (*TimeOf)(const KafkaMessage *message, int *kind) noexcept
ctypedef int (*HeadersOf)(const KafkaMessage *message, void **headers) noexcept
ctypedef int (*HeaderAt)(const void *headers, size_t index, const char **name, const void **value, size_t *size) noexcept
ctypedef const char *(*ErrorText)(const KafkaMessage *message) noexcept

cdef object sleep = time.sleep
cdef object own_process = os.getpid  # modules are taken apart before their last objects


cdef size_t address(dict functions, str name) except 0:
    return functions[name]


# Collecting garbage must not take the consumer from it: the queue goes first.
@cython.no_gc_clear
@cython.final
cdef class MessageQueue:
    """See `codec.MessageQueue`."""

    cdef object consumer  # librdkafka's client lives as long as it
    cdef void *client
    cdef void *queue
    cdef dict partitions  # the addresses of their own queues
    cdef set again  # the partitions that were assigned more than once
    cdef KafkaMessage **found
    cdef size_t room
    cdef long process
    cdef bint fetching  # by another thread than one that closes it
    cdef DestroyQueue destroy_queue
    cdef PartitionQueue partition_queue
    cdef Forward forward_queue
    cdef Consume consume
    cdef DestroyMessage destroy
    cdef TimeOf time_of
    cdef HeadersOf headers_of
    cdef HeaderAt header_at
    cdef ErrorText error_text

    def __cinit__(self, consumer, size_t client, dict functions not None):
        self.queue = NULL
        self.found = NULL
        self.room = 0
        self.fetching = False
        self.partitions = {}
        self.again = set()
        self.process = own_process()
        self.consumer = consumer
        self.client = <void *>client
        self.destroy_queue = <DestroyQueue>address(functions, "rd_kafka_queue_destroy")
        self.partition_queue = <PartitionQueue>address(functions, "rd_kafka_queue_get_partition")
        self.forward_queue = <Forward>address(functions, "rd_kafka_queue_forward")
        self.consume = <Consume>address(functions, "rd_kafka_consume_batch_queue")
        self.destroy = <DestroyMessage>address(functions, "rd_kafka_message_destroy")
        self.time_of = <TimeOf>address(functions, "rd_kafka_message_timestamp")
        self.headers_of = <HeadersOf>address(functions, "rd_kafka_message_headers")
        self.header_at = <HeaderAt>address(functions, "rd_kafka_header_get_all")
        self.error_text = <ErrorText>address(functions, "rd_kafka_message_errstr")
        self.queue = (<NewQueue>address(functions, "rd_kafka_queue_new"))(self.client)

    def __dealloc__(self):
        if self.process == own_process():  # librdkafka does not outlive a fork
            self.let_go()
        PyMem_RawFree(self.found)

    def close(self):
        """See `codec.MessageQueue.close`."""
        while self.fetching:
            sleep(0.001)
        self.let_go()

    cdef int let_go(self) except -1:
        cdef size_t each
        cdef void *queue = self.queue
        self.queue = NULL
        for each in self.partitions.values():
            self.destroy_queue(<void *>each)
        self.partitions.clear()
        self.again.clear()
        if queue != NULL:
            with nogil:
                self.destroy_queue(queue)
        return 0

    def forward(self, str topic not None, int32_t partition):
        """See `codec.MessageQueue.forward`."""
        cdef bytes name = topic.encode()
        cdef void *own
        if self.queue == NULL:
            raise ValueError("the queue is closed")
        own = self.partition_queue(self.client, name, partition)
        if own == NULL:
            return
        known = self.partitions.pop(partition, None)
        if known is not None:
            self.destroy_queue(<void *><size_t>known)
            # librdkafka ends the forwarding when it has stopped to fetch the partition, at a time of its own.
            self.again.add(partition)
        self.partitions[partition] = <size_t>own
        self.forward_queue(own, self.queue)

    def fetch(self, size_t most, Py_ssize_t together, double seconds=0):
        """See `codec.MessageQueue.fetch`."""
        cdef Py_ssize_t count, i, begin = 0
        cdef int milliseconds = <int>(min(max(seconds, 0), 60) * 1000)
        cdef int32_t number
        cdef list runs = []
        cdef KafkaMessage **found = self.found
        if self.queue == NULL:
            raise ValueError("the queue is closed")
        for partition in self.again:
            self.forward_queue(<void *><size_t>self.partitions[partition], self.queue)
        if most > self.room:
            found = <KafkaMessage **>PyMem_RawRealloc(self.found, most * sizeof(KafkaMessage *))
            if found == NULL:
                raise MemoryError
            self.found, self.room = found, most
        self.fetching = True
        with nogil:
            count = self.consume(self.queue, 0, found, most)
            if count == 0 and milliseconds > 0:  # it would wait until there are as many as it is asked for
                count = self.consume(self.queue, milliseconds, found, 1)
                if count == 1 and most > 1:
                    count += max(self.consume(self.queue, 0, found + 1, most - 1), 0)
        try:
            while begin < count:
                i = begin + 1
                if found[begin].err:
                    runs.append((-1, self.event(found[begin])))
                    self.drop(begin)
                else:
                    number = found[begin].partition
                    while i < count and i - begin < together and not found[i].err and found[i].partition == number:
                        i += 1
                    runs.append((number, self.columns(begin, i)))
                begin = i
        finally:
            for i in range(begin, count):  # what an exception has left
                self.drop(i)
            self.fetching = False
        return runs

    cdef int drop(self, Py_ssize_t i) except -1:
        cdef KafkaMessage *message = self.found[i]
        if message != NULL:
            self.found[i] = NULL
            self.destroy(message)
        return 0

    cdef tuple event(self, KafkaMessage *message):
        cdef const char *text = self.error_text(message)
        shown = PyUnicode_DecodeUTF8(text, strlen(text), "replace") if text != NULL else ""
        return message.err, shown, message.partition, message.offset

    cdef tuple columns(self, Py_ssize_t begin, Py_ssize_t end):
        cdef Py_ssize_t i, size = 0, count = end - begin
        cdef list keys = [None] * count, values = [None] * count, headers = [None] * count
        cdef list times = [None] * count, offsets = [None] * count, origins = [None] * count, bad = []
        cdef KafkaMessage *message
        cdef PyObject *key
        cdef PyObject *value
        cdef PyObject *time = None_  # most have the time of the one before them
        cdef int64_t last = 0, now
        cdef int kind = 0
        cdef object found, held = None
        for i in range(count):
            message = self.found[begin + i]
            key = put(keys, i, payload(<const char *>message.key, message.key_size))
            value = put(values, i, payload(<const char *>message.payload, message.size))
            size += message.key_size + message.size
            put(offsets, i, PyLong_FromLongLong(message.offset))
            now = self.time_of(message, &kind)
            if kind == 0:  # it has none
                held = None
            elif held is None or now != last:
                held, last = now, now
            time = <PyObject *>held
            Py_INCREF(time)
            put(times, i, time)
            try:
                found = self.headers(message)
            except UnicodeDecodeError:
                bad.append(i)
                found = ()
            Py_INCREF(<PyObject *>found)
            put(headers, i, <PyObject *>found)
            put(origins, i, origin(key, value, <PyObject *>found, time))
            self.drop(begin + i)  # while the processor has it at hand
        return keys, values, headers, times, offsets, origins, size, bad

    cdef tuple headers(self, KafkaMessage *message):
        cdef void *all_ = NULL
        cdef const char *name = NULL
        cdef const void *value = NULL
        cdef size_t size = 0, index = 0
        cdef list made
        if self.headers_of(message, &all_) != 0:
            return ()
        made = []
        while self.header_at(all_, index, &name, &value, &size) == 0:
            text = PyUnicode_DecodeUTF8(name, strlen(name), NULL)
            made.append((text, None if value == NULL else (<const char *>value)[:size]))
            index += 1
        return tuple(made)


cdef inline PyObject *payload(const char *data, size_t size) except NULL:
    if data == NULL:
        Py_INCREF(None_)
        return None_
    return PyBytes_FromStringAndSize(data, <Py_ssize_t>size)
