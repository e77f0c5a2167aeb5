"""Dataflow for the topic `parcels`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run post.flows.parcels:flow --recovery .recovery/parcels
"""

from __future__ import annotations

from datetime import timedelta

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import parcels, routed_parcels
from ..depots import Depots


def route(parcel: parcels.Parcel, depots: Depots) -> routed_parcels.RoutedParcel:
    """One parcel, with the depot that the service names. What it raises goes to `errs`."""
    depot = depots.of(parcel.postcode)
    return routed_parcels.RoutedParcel(
        parcel_id=parcel.parcel_id,
        postcode=parcel.postcode,
        weight_kg=parcel.weight_kg,
        depot=depot.name,
        days=depot.days,
    )


def build(kafka: rt.Kafka, depots: Depots) -> Dataflow:
    """The dataflow, on the given broker and service."""
    flow = Dataflow("parcels")
    read = rt.source("parcels", flow, parcels.topic, kafka)
    routed = rt.map_value("route", read.oks, lambda parcel: route(parcel, depots))
    unsent = rt.sink("routed", routed.oks, routed_parcels.topic, kafka)
    # A moment of weakness of the service is tried away; what lasts is put aside, to be replayed.
    letters = rt.DeadLetter("parcels.dlq", kafka)
    patient = rt.Retry(4, timedelta(milliseconds=50), on=(ConnectionError, TimeoutError), then=letters)
    rt.route("errs", read.errs, routed.errs, unsent, policy=patient)
    return rt.check(flow)


flow = build(rt.Kafka.from_env(), Depots.from_env())
