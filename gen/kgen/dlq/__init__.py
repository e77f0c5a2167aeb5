"""Dead letters on a broker: read, grouped by cause, looked into, put back.

letters.py          the letters of a topic, to its ends as of the start
letter_filter.py    which of them a command is about
letter_groups.py    counted by fingerprint, in bounded memory
"""
