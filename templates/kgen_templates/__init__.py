"""The Jinja2 templates of kgen: layout only; names, types and imports arrive computed."""
