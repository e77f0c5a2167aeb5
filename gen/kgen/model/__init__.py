"""The schema model: a snapshot of a registry becomes a frozen `Project`, from which the templates render.

    subjects            what the registry holds (`Snapshot`)
    library             schemas parsed, references resolved
    settings            what the configuration asks for (`Settings`)
    given               the names and places given so far (`Names`)
    topic_plans         which subjects make which topics
    module_assignment   which module each subject's types live in
    modules             names, classes and the topic of each module (with `classes`, `members`, `types`, …)
    project             the result

Pure: takes and returns values, and knows neither files, HTTP nor templates.
"""

from .given import Names
from .project import Project
from .project_builder import build
from .settings import Settings, TopicSettings

__all__ = ["Names", "Project", "Settings", "TopicSettings", "build"]
