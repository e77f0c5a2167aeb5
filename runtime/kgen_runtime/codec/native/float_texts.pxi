"""Floats as their shortest texts."""

cdef extern from "_json.h":
    enum:
        KGEN_LEAST_TEN
        KGEN_MOST_TEN
    void kgen_set_ten(int power, uint64_t high, uint64_t low) noexcept
    int kgen_put_float(uint8_t *out, double value) noexcept


cdef int fill_tens() except -1:
    """The table for `kgen_put_float`: the upper 128 bits of each power of ten, rounded up."""
    cdef object power, ten, size, bits
    for power in range(KGEN_LEAST_TEN, KGEN_MOST_TEN + 1):
        ten = pow(<object>10, abs(power))
        size = ten.bit_length()
        if power < 0:
            bits = ((<object>1) << (size + 127)) // ten + 1
        else:
            bits = -(-(ten << 128) >> size)
        kgen_set_ten(power, bits >> 64, bits & 0xFFFFFFFFFFFFFFFF)
    return 0


fill_tens()
