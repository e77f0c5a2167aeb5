"""What the templates need, computed: the frozen result of the model."""

from __future__ import annotations

from dataclasses import dataclass

from ..pycode.expr import Expr, Group
from .given import Names
from .subjects import Skipped


@dataclass(frozen=True)
class Symbol:
    """A member of an enum class: its Python name, and its value as an expression."""

    name: str
    wire: str
    doc: str | None = None


@dataclass(frozen=True)
class EnumClass:
    """A class of an enum. `private` are aliases for classes with a field of the same name, `base` is what it
    derives from.
    """

    name: str
    fullname: str
    doc: str | None
    symbols: tuple[Symbol, ...]
    private: tuple[str, ...] = ()
    base: str = "Enum"


@dataclass(frozen=True)
class FieldDef:
    """A field of a dataclass. `default` is all that stands after the `=`; None: the field is required."""

    name: str
    wire: str
    annotation: Expr
    default: Expr | None
    doc: str | None

    @property
    def required(self) -> bool:
        """Whether a value has to be given."""
        if isinstance(self.default, Group) and self.default.opening.rpartition(".")[2] == "field(":
            return not any(before.startswith("default") for before, _ in self.default.items)
        return self.default is None


@dataclass(frozen=True)
class RecordClass:
    """A dataclass. `private` are aliases for classes with a field of the same name. `frozen`: one whose
    values are given by position and stay.
    """

    name: str
    fullname: str
    doc: str | None
    fields: tuple[FieldDef, ...]
    private: tuple[str, ...] = ()
    frozen: bool = False


@dataclass(frozen=True)
class TypeName:
    """A type alias."""

    name: str
    types: Expr
    private: tuple[str, ...] = ()


@dataclass(frozen=True)
class Import:
    """`from .module import name as local`; the module is another of `_generated`."""

    module: str
    name: str
    local: str
    private: tuple[str, ...] = ()


@dataclass(frozen=True)
class SerdeDef:
    """One half of a topic: the type of its values, and the expression that makes the serde; `note` are lines
    that explain it, `subject` is the one whose schemas it reads, empty if it reads none. Of values of several
    types `types` has the subject of each.
    """

    type: Expr
    serde: Expr
    note: tuple[str, ...] = ()
    subject: str = ""
    types: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects whose schemas it reads."""
        return self.types or ((self.subject,) if self.subject else ())


@dataclass(frozen=True)
class TopicDef:
    """A topic. `value_type` is the value's type as a flow writes it, `parameter` a name for one value,
    `versions` how many versions its key or value has, `flow` whether it has a flow and a test of its own.
    `cases` are the classes of its values, as its module names them, and None if it is one of them, if the
    values are of several classes.
    """

    name: str
    key: SerdeDef
    value: SerdeDef
    value_type: str
    parameter: str
    versions: int
    flow: bool = True
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlowDef:
    """A flow from one topic to another. `source` and `target` are their modules, `subjects` those that these
    are made of. `keys` are the types of the keys on either side as the flow writes them, `stdlib` what it
    imports for them, as pairs of module and name. `nullable`: None is a value of what is written. The rest
    are names in the flow.
    """

    name: str
    source: str
    source_topic: TopicDef
    target: str
    target_topic: TopicDef
    subjects: tuple[str, ...]
    parameter: str
    keys: tuple[str, str]
    nullable: bool
    stdlib: tuple[tuple[str, str], ...]
    rekey: str
    keyed: str
    unsent: str


@dataclass(frozen=True)
class Source:
    """A subject's version that a module is made from."""

    subject: str
    version: int
    id: int


@dataclass(frozen=True)
class Module:
    """A module of `_generated`. `stdlib` and `runtime` are whole import lines; `exports` is there where it
    re-exports. `registered` are calls that register classes of no serde of this module.
    `text` is all of one that another generator made.
    """

    name: str
    doc: str
    sources: tuple[Source, ...]
    stdlib: tuple[str, ...]
    runtime: tuple[str, ...]
    uses_schemas: bool
    imports: tuple[Import, ...]
    exports: tuple[str, ...]
    enums: tuple[EnumClass, ...]
    records: tuple[RecordClass, ...]
    aliases: tuple[TypeName, ...]
    topic: TopicDef | None
    registered: tuple[Expr, ...] = ()
    text: str | None = None

    @property
    def classes(self) -> tuple[EnumClass | RecordClass, ...]:
        """Enums and dataclasses."""
        return (*self.enums, *self.records)


@dataclass(frozen=True)
class SubjectTexts:
    """A subject in `_schemas`: its versions as they are declared there, their texts, whether its data
    contract rules are ignored, and in Protobuf the description of the latest version's messages.
    """

    subject: str
    versions: Expr
    texts: tuple[str, ...]
    ignore_rules: bool = False
    descriptor: str = ""


def package_folder(package: str) -> str:
    """The folder of a package, as a POSIX path: `acme/streams` for `acme.streams`."""
    return package.replace(".", "/")


@dataclass(frozen=True)
class Project:
    """Everything that is rendered. `names` go into the lock, `notes` into the plan; so does
    `model_generator`, the version of datamodel-code-generator that made modules. `unplaced` are the notes on
    subjects that no topic reads, `associated` those on topics that the registry associates with subjects.
    """

    package: str
    kgen_version: str
    modules: tuple[Module, ...]
    schemas: tuple[SubjectTexts, ...]
    names: Names
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    model_generator: str | None = None
    flows: tuple[FlowDef, ...] = ()
    unplaced: tuple[str, ...] = ()
    associated: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where the package stands, as a POSIX path."""
        return package_folder(self.package)

    @property
    def fullnames(self) -> frozenset[str]:
        """The full names of the types that have classes."""
        return frozenset(c.fullname for module in self.modules for c in module.classes)
