"""The catalog: what a project knows of its subjects, topics and flows, for people and for other tools.

Everything here is pure: from lock and project to a model, from the model to texts. Nothing asks a registry.

    entries          the model: what a catalog holds
    type_names       a type on one line, with what it names
    field_rows       the fields of a schema with their paths
    declared_extras  tags, constraints and other properties of fields that no type says
    history          what changed from version to version
    assembly         lock, model and the reading of the user's code become the entries
    page_names       which file of the site shows what
    site             the entries as a site: pages, style, script, search index
    search_index     what the site's search looks through
    asyncapi         the entries as an AsyncAPI 3 document
    bundled          schemas with what they refer to, as one text
"""
