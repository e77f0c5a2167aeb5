"""A dataflow as a picture: `flow_graph.py` finds its nodes and edges, `edge_types.py` what passes along them,
`mermaid.py` and `svg.py` draw them (`pictures.py`); `layers.py` places the boxes of the latter.
"""
