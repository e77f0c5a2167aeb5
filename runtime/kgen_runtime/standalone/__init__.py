"""Reading and writing topics in scripts and notebooks, without a dataflow and without Bytewax.

| module | holds |
|---|---|
| `topic_reader.py` | `rt.read`: typed messages |
| `table.py` | `rt.read_table`, and its record batches one by one |
| `value_columns.py` | keys and values on their way into Arrow's arrays |
| `json_columns.py`, `proto_columns.py` | JSON values and Protobuf messages as columns |
| `topic_writer.py` | `rt.Writer`: what it takes |
| `writer_deliveries.py` | what became of what it sent |
| `topic_rows.py` | the raw messages behind it, in batches of one partition |
| `plain_values.py` | `rt.to_dict`, `rt.to_json` |
| `arrow_arrays.py` | columns as Arrow's arrays |
| `call_checks.py` | wrong arguments, reported at the user's line |
| `announced_wait.py` | a wait that says what it waits for |
"""
