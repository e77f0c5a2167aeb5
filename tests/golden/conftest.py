"""The committed output holds tests of its own, which are not ours to run."""

collect_ignore_glob = ["*/expected/*"]
