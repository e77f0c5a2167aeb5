"""The project on disk: kgen.toml, kgen.lock, paths, and the writes that change all or nothing."""
