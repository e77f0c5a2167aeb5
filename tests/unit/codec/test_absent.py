"""`rt.ABSENT`: the one object that stands for a property that is not there."""

from __future__ import annotations

import copy
import pickle

import kgen_runtime as rt


def test_absent_is_itself_after_pickling_and_copying() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(rt.ABSENT, protocol)) is rt.ABSENT
    assert copy.deepcopy([rt.ABSENT])[0] is copy.copy(rt.ABSENT) is rt.ABSENT


def test_absent_is_false_and_the_only_one_of_its_type() -> None:
    assert not rt.ABSENT
    assert rt.Absent() is rt.ABSENT
    assert repr(rt.ABSENT) == "ABSENT"
