"""The data of topics, for `kgen cat`, `kgen produce` and `kgen topics`.

- `topic_range`: where reading begins and ends, from the words of the command line;
- `listed_offsets`: ends and newest times of many partitions, asked at once; `topic_ends`: by a fetch;
- `part_formats`: how keys and values are read, a class for each way: with the project's code, with the schema
  that a payload names, or as a plain format;
- `proto_files`: Protobuf messages without generated code, by protoc;
- `message_views`: messages as lines of JSON, and as records of Python's values;
- `message_filter`: the expression of `--where`; `row_filter`: which messages of a batch it is true of;
- `record_fields`: the columns of records, for tables and CSV; `cells`: their texts;
- `line_inputs`: lines of JSON as messages, for `kgen produce`; `part_inputs` checks and writes their parts,
  `message_limits` what the topic takes of them; `typed_value`: values of topics of several types;
- `topic_facts`: what brokers, registry and project know of topics, for `kgen topics`.
"""
