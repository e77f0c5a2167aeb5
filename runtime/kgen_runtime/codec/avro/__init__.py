"""Avro: its schemas, how one reads what another wrote, and the nodes made from that."""
