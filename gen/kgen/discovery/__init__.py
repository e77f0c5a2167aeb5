"""`kgen discover`: what the messages of a topic are, found out from the messages and the registry.

    message_frames      how a key or value is framed, and which schema it names
    payload_census      the frames of many messages, counted
    registered_types    what the registry has under an id or GUID
    part_findings       what the keys or the values of a topic are
    topic_entry         the table of kgen.toml that says so

All but `registered_types`, which asks the registry, is pure.
"""
