"""kgen beside the frameworks that a user would take instead: `make bench-peers`.

Each contestant is a program in the form that its documentation shows, run in a process of its own, in turns,
on one broker. The peers live in an environment of their own: `requirements.txt`.
"""
