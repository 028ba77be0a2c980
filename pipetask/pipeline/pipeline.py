"""Pipeline: an immutable value made from a document; every change gives a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipetask.butler import suggest
from pipetask.errors import ConfigOverrideError, SubsetExpressionError, described
from pipetask.located_yaml import Place
from pipetask.pipeline.contracts import check_contracts
from pipetask.pipeline.document import (
    Document,
    Override,
    Step,
    Subset,
    TaskEntry,
    anchored,
    anchored_instrument,
    expanded,
    refuse_remote,
)
from pipetask.pipeline.document_reader import read
from pipetask.pipeline.document_writer import to_yaml
from pipetask.pipeline.imports import load, resolve
from pipetask.pipeline.selection import expand_labels, select, split_uri
from pipetask.pipeline.task_import import import_task

if TYPE_CHECKING:
    from pipetask.butler import Butler, Composite, DatasetType, DimensionUniverse, StorageClasses
    from pipetask.observation.instrument import Instrument
    from pipetask.pipeline.pipeline_graph import PipelineGraph
    from pipetask.task.pipeline_task import PipelineTask

_GIVEN = Place("The task given", 0)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Labelled tasks with their configuration overrides, contracts and subsets.

    Parameters
    ----------
    document : `Document`
        The contents, imports taken in.
    defaults : `Instrument`, optional
        The instrument whose configurations the tasks begin with; see `in_repository`.
    """

    document: Document
    defaults: Instrument | None = field(default=None, compare=False)

    @staticmethod
    def from_file(uri: str | Path) -> Pipeline:
        """Read a pipeline file; ``file.yaml#label,subset`` or ``#first..last`` takes a part of it."""
        path, names = split_uri(str(uri))
        refuse_remote(path, "The pipeline")
        return Pipeline(load(Path(expanded(path)))).part(names)

    @staticmethod
    def from_string(text: str, *, file: str = "<text>") -> Pipeline:
        """Read a pipeline from YAML text; relative file names in it start from the working folder."""
        return Pipeline(resolve(read(text, file, Path())))

    @staticmethod
    def from_task(class_name: str, *, label: str = "") -> Pipeline:
        """Make a pipeline of one task; by default its label is the class's ``_DefaultName``, or its name."""
        cls = import_task(class_name, str(_GIVEN))
        label = label or cls._DefaultName or cls.__name__
        tasks = {label: TaskEntry(class_name, (), _GIVEN)}
        return Pipeline(Document(cls.__doc__ or label, tasks, file=label).check())

    @property
    def description(self) -> str:
        """What the pipeline is for."""
        return self.document.description

    @property
    def instrument(self) -> str:
        """Name of the instrument in data IDs, or an empty string."""
        from pipetask.pipeline.instrument_defaults import find_instrument

        named = self.document.instrument
        found = self.defaults or find_instrument(named, None)
        return found.name if found else named

    @property
    def data_id(self) -> dict[str, str]:
        """What the data IDs of all quanta have in common: the instrument, if the pipeline names one."""
        name = self.instrument
        return {"instrument": name} if name else {}

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the tasks, in the order of the document."""
        return tuple(self.document.tasks)

    @property
    def subsets(self) -> Mapping[str, Subset]:
        """Subsets by name."""
        return self.document.subsets

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in order."""
        return self.document.steps

    def subset(self, names: Iterable[str]) -> Pipeline:
        """Return a pipeline of the named tasks and subsets only."""
        labels = expand_labels(self.document, names, "selection")
        return self._with(select(self.document, labels))

    def part(self, names: Sequence[str]) -> Pipeline:
        """Return what names after ``#`` stand for: some tasks, all from one to another, or simply all."""
        if len(names) == 1 and ".." in names[0]:
            return self.between(*names[0].split("..", 1))
        return self.subset(names) if names else self

    def between(self, first: str, last: str) -> Pipeline:
        """Return a pipeline of the tasks that depend on ``first`` and that ``last`` depends on, and these.

        An empty name leaves that end open.
        """
        for label in filter(None, (first, last)):
            self._known(label)
        ends = [f"{sign} T:{label}" for sign, label in ((">=", first), ("<=", last)) if label]
        return self.select_tasks(" & ".join(ends)) if ends else self

    def select_tasks(self, expression: str) -> Pipeline:
        """Return a pipeline of the tasks that a subset expression stands for, as in ``<=calibrate & ~isr``.

        Raises
        ------
        SubsetExpressionError
            If the expression cannot be read, names something unknown, or stands for no task.
        """
        from pipetask.pipeline.dependencies import dependencies
        from pipetask.pipeline.subset_expression import selected_tasks

        subsets = {name: subset.labels for name, subset in self.subsets.items()}
        labels = selected_tasks(expression, dependencies(self.configured()), subsets)
        if not labels:
            raise SubsetExpressionError(
                f"{expression!r} selects no task of {self.document.file} (it has {', '.join(self.labels)})"
            )
        return self._with(select(self.document, labels))

    def with_task(self, class_name: str, *, label: str = "") -> Pipeline:
        """Return a pipeline with one more task, or with another class under an existing label."""
        cls = import_task(class_name, str(_GIVEN))
        label = label or cls._DefaultName or cls.__name__
        tasks = {**self.document.tasks, label: TaskEntry(class_name, (), _GIVEN)}
        return self._with(replace(self.document, tasks=tasks).check())

    def without_task(self, label: str) -> Pipeline:
        """Return a pipeline without a task; subsets keep their others, contracts that speak of it go."""
        self._known(label)
        labels = [other for other in self.labels if other != label]
        return self._with(select(self.document, labels, edit_subsets=True).check())

    def with_instrument(self, name: str) -> Pipeline:
        """Return a pipeline of another instrument: the dotted name of a class, a camera's file, or a name."""
        whole = anchored_instrument(name, Path(), "The instrument given")
        return Pipeline(replace(self.document, instrument=whole))

    def in_repository(self, butler: Butler) -> Pipeline:
        """Return a pipeline whose tasks begin with what the repository's instrument says about them.

        What a pipeline's instrument says is applied without a repository, too, if it is named by its class
        or file.
        """
        from pipetask.pipeline.instrument_defaults import find_instrument

        return Pipeline(self.document, find_instrument(self.document.instrument, butler))

    def _with(self, document: Document) -> Pipeline:
        return replace(self, document=document)

    def with_config_override(
        self, label: str, field: str, value: Any, *, where: str = "override"
    ) -> Pipeline:
        """Return a pipeline with one more override, applied after those there are.

        Parameters
        ----------
        label : `str`
            The task's label, or ``parameters`` to set a parameter of the pipeline.
        field : `str`
            The configuration field, dotted.
        value
            Its value; text is read as the field's type.
        where : `str`, optional
            Where the override comes from, for messages and the history.
        """
        if label == "parameters":
            from pipetask.pipeline.overrides import literal

            if field not in self.document.parameters:
                known = self.document.parameters
                raise ConfigOverrideError(f"The pipeline has no parameter {field!r}{suggest(field, known)}")
            is_text = isinstance(self.document.parameters[field], str)
            plain = literal(value) if isinstance(value, str) and not is_text else value
            parameters = {**self.document.parameters, field: plain}
            return self._with(replace(self.document, parameters=parameters))
        override = Override("value", field, value, Place(where, 0))
        return self._with(self.document.with_override(self._known(label), override))

    def with_config_file(self, label: str, path: str | Path) -> Pipeline:
        """Return a pipeline with one more config file (Python, over ``config``) for a task."""
        where = f"-C {label}:{path}"
        override = Override("file", "", anchored(str(path), Path(), where), Place(where, 0))
        return self._with(self.document.with_override(self._known(label), override))

    def with_config_python(self, label: str, code: str) -> Pipeline:
        """Return a pipeline with one more piece of Python, over ``config``, for a task."""
        return self._with(self.document.with_override(self._known(label), Override("python", "", code)))

    def _known(self, label: str) -> str:
        if label not in self.document.tasks:
            raise ConfigOverrideError(
                f"The pipeline has no task {label!r} (it has {', '.join(self.document.tasks)})"
                f"{suggest(label, self.document.tasks)}"
            )
        return label

    def to_yaml(self) -> str:
        """Return the pipeline as YAML, with imports taken in; it reads back as an equal one."""
        return to_yaml(self.document)

    def configured(self) -> dict[str, tuple[type[PipelineTask], Any]]:
        """Import the tasks, apply the instrument's overrides, then the pipeline's; check the contracts.

        Returns
        -------
        tasks : `dict`
            Class and frozen configuration by label, in the order of the document.
        """
        from pipetask.pipeline.instrument_defaults import find_instrument, instrument_overrides
        from pipetask.pipeline.overrides import apply, validated

        instrument = self.defaults or find_instrument(self.document.instrument, None)
        fixed = self.data_id
        tasks = {}
        for label, entry in self.document.tasks.items():
            cls = import_task(entry.class_name, f"{entry.place}: task {label!r}")
            try:
                config = cls.ConfigClass()
            except Exception as err:  # the task's own code
                raise ConfigOverrideError(
                    f"{entry.place}: task {label!r}: the defaults of {cls.ConfigClass.__qualname__} fail: "
                    f"{described(err)}"
                ) from err
            for override in (*instrument_overrides(instrument, cls._DefaultName), *entry.overrides):
                apply(config, override, self.document.parameters, label, fixed)
            tasks[label] = cls, validated(config, label)
        check_contracts(self.document.contracts, {label: config for label, (_, config) in tasks.items()})
        return tasks

    def to_graph(
        self,
        universe: DimensionUniverse | None = None,
        registered: Mapping[str, DatasetType] | None = None,
        *,
        storage_classes: StorageClasses | None = None,
        composites: Mapping[str, Composite] | None = None,
    ) -> PipelineGraph:
        """Configure the tasks and check that they fit together.

        Parameters
        ----------
        universe : `DimensionUniverse`, optional
            The repository's; by default the built-in one.
        registered : mapping, optional
            The dataset types that the repository has, by name.
        storage_classes : `StorageClasses`, optional
            The repository's; by default the built-in ones.
        composites : mapping, optional
            The repository's definitions of composites, by name of the dataset type.
        """
        from pipetask.butler import DimensionUniverse, StorageClasses
        from pipetask.pipeline.nodes import conform
        from pipetask.pipeline.pipeline_graph import PipelineGraph

        universe = universe or DimensionUniverse.default()
        for step in self.steps:
            conform(universe, step.dimensions, f"{step.place}: step {step.label!r}")
        return PipelineGraph.build(
            self.configured(),
            universe,
            registered or {},
            storage_classes or StorageClasses(),
            composites=composites,
            description=self.description,
            data_id=self.data_id,
            temporary=self.document.temporary,
        )

    def graph_in(self, butler: Butler) -> PipelineGraph:
        """Configure the tasks and check that they fit together and to the types of a repository."""
        registered = {kind.name: kind for kind in butler.registry.query_dataset_types()}
        return self.in_repository(butler).to_graph(
            butler.dimensions,
            registered,
            storage_classes=butler.datastore.storage_classes,
            composites=self.composites_in(butler),
        )

    def composites_in(self, butler: Butler) -> dict[str, Composite]:
        """Return the definitions of a repository, and those that the pipeline brings, by name.

        Raises
        ------
        CompositeDefinitionError
            If a definition file cannot be understood.
        ConflictingDefinitionError
            If the repository has another definition of that name.
        """
        from pipetask.butler import ConflictingDefinitionError
        from pipetask.butler.composites.definition_file import read_definitions

        known = butler.composites.all()
        for path in self.document.composites:
            for made in read_definitions(expanded(path), known):
                if known.setdefault(made.name, made) != made:
                    raise ConflictingDefinitionError(
                        f"{path}: {made.name!r} is a composite with another definition already. Choose "
                        f"another name, or remove that first: butler remove-dataset-type {made.name}"
                    )
        return known
