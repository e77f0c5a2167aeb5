"""Flows as Kubernetes, Docker Compose and systemd run them: settings become texts. Writes nothing.

flow_source     whether a project has the flow that a table names, read without importing it
deployment      a table of kgen.toml with all that follows from it
quoting         text in YAML, in Compose's YAML and in units of systemd
manifests       the files of a platform, through the templates
"""
