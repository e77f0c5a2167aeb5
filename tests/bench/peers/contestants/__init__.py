"""The programs: `python -m tests.bench.peers.contestants.NAME`, with a `Job` as JSON in the environment.
Those of peers import nothing of kgen.
"""
