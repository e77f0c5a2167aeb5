"""Runs the flow of the topic `parcels` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

import requests
from kgen_runtime import testing

from post._generated import parcels, routed_parcels
from post.depots import Depot, Depots
from post.flows.parcels import build


class Session(requests.Session):
    """A service in memory: how often it fails for a postcode before it answers, and which are unknown."""

    def __init__(self, failing: dict[str, int], missing: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.failing, self.missing, self.asked = failing, missing, 0

    def get(self, url: str | bytes, **_: object) -> requests.Response:
        self.asked += 1
        postcode = str(url).rpartition("/")[2]
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"name": "North 10", "days": 2}'
        if self.failing.get(postcode, 0):
            self.failing[postcode] -= 1
            answer.status_code = 503
        elif postcode in self.missing:
            answer.status_code = 404
        return answer


def parcel(number: int, postcode: str = "1000") -> parcels.Parcel:
    return parcels.Parcel(parcel_id=f"P-{number}", postcode=postcode, weight_kg=1.5)


def run(session: Session, *given: parcels.Parcel) -> tuple[list[str], list[bytes | None]]:
    """The ids that came out, and the classes of the failures of the others."""
    kafka = testing.Memory({parcels.topic: given})
    testing.run(build(kafka, Depots("http://depots", session)))
    out = [each.parcel_id for each in kafka.values(routed_parcels.topic) if each is not None]
    return out, [dict(letter.headers)["__kgen.error.class"] for letter in kafka.dead_letters]


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory({parcels.topic: testing.samples(parcels.topic, n=20)})
    testing.run(build(kafka, Depots("http://depots", Session({}))))
    assert not kafka.dead_letters


def test_a_parcel_gets_the_depot_of_its_postcode() -> None:
    assert Depots("http://depots", Session({})).of("1000") == Depot("North 10", 2)


def test_a_postcode_is_asked_for_once() -> None:
    session = Session({})
    assert run(session, *(parcel(number) for number in range(5))) == ([f"P-{n}" for n in range(5)], [])
    assert session.asked == 1


def test_what_passes_when_tried_again_is_out() -> None:
    assert run(Session({"1000": 3}), parcel(0)) == (["P-0"], [])


def test_what_lasts_is_put_aside_and_what_is_unknown_at_once() -> None:
    session = Session({"1000": 99}, missing=("9000",))
    out, letters = run(session, parcel(0), parcel(1, "9000"), parcel(2, "2000"))
    assert out == ["P-2"]
    assert sorted(map(str, letters)) == [str(b"ConnectionError"), str(b"LookupError")]
    assert session.asked == 4 + 1 + 1
