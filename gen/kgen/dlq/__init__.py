"""Dead letters on a broker: read, grouped by cause, looked into, put back.

letters.py             the letters of a topic, to its ends as of the start
letter_filter.py       which of them a command is about
letter_groups.py       counted by fingerprint, in bounded memory
letter_brief.py        the few things about a letter that a replay needs
letter_schemas.py      the schema that a letter's payload names
letter_topics.py       the topics of the project's generated package
partial_decode.py      the fields of a payload up to the byte that is wrong
partial_proto.py       the same of Protobuf
moment_text.py         the numbers of dates and times as ISO 8601 has them
replayed_record.py     what a letter becomes when it is put back
replay_targets.py      the topics that letters are put back to
replay_positions.py    which letters were put back, by filter
replay_transaction.py  sends letters and notes that in one transaction
letter_samples.py      single ones, by partition and offset
timeline.py            counted by stage and time, in bounded memory
timeline_chart.py      those counts as the geometry of a chart
report_page.py         groups, chart and samples as a page
"""
