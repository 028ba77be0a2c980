"""Connections objects: names from the configuration, changes in __init__."""

import pickle
from dataclasses import replace

import pytest
from lsst.pex.config import Field

import pipetask as pt
from pipetask import connectionTypes as ct
from pipetask.errors import ConnectionsError


def made_by(edit):
    """Make connections whose __init__ calls ``edit(self)``."""

    class Edited(pt.PipelineTaskConnections, dimensions=("visit",), defaultTemplates={"name": "cat"}):
        image = ct.Input("calexp", "ExposureF", dimensions=("visit",))
        out = ct.Output("{name}", "SourceCatalog", dimensions=("visit",))

        def __init__(self, *, config=None):
            super().__init__(config=config)
            edit(self)

    class EditedConfig(pt.PipelineTaskConfig, pipelineConnections=Edited):
        pass

    return Edited, EditedConfig()


def test_templates_are_filled_with_their_defaults(task_api):
    connections = task_api.connections()
    assert connections.outputCatalog.name == "customAperture"
    assert connections.outputSchema.name == "customAperture_schema"


def test_one_template_override_names_all_its_connections(task_api):
    config = task_api.config()
    config.connections.outputName = "localBg"
    connections = task_api.connections(config=config)
    assert connections.outputCatalog.name == "localBg"
    assert connections.outputSchema.name == "localBg_schema"


def test_a_direct_name_beats_a_template(task_api):
    config = task_api.config()
    config.connections.outputName = "localBg"
    config.connections.outputSchema = "different_name_schema"
    connections = task_api.connections(config=config)
    assert connections.outputSchema.name == "different_name_schema"
    assert connections.outputCatalog.name == "localBg"


def test_a_direct_name_may_use_templates_but_no_unknown_ones(task_api):
    config = task_api.config()
    config.connections.outputSchema = "{outputName}_x"
    assert task_api.connections(config=config).outputSchema.name == "customAperture_x"
    config.connections.outputSchema = "{outputNam}_x"
    with pytest.raises(
        ConnectionsError, match="'outputSchema' uses the unknown template 'outputNam'; did you mean"
    ):
        task_api.connections(config=config)


def test_a_removed_input_is_gone_and_says_so(task_api):
    connections = task_api.connections(config=task_api.config())
    assert "backgrounds" not in connections.inputs
    assert "backgrounds" not in connections.allConnections
    with pytest.raises(AttributeError, match="'backgrounds' of FocalPlaneConnections was removed"):
        connections.backgrounds  # noqa: B018


def test_configuration_decides_what_is_removed(task_api):
    config = task_api.config(doLocalBackground=True)
    assert task_api.connections(config=config).backgrounds.name == "calexpBackground"


def test_removing_a_misspelt_name_suggests_the_right_one():
    cls, config = made_by(lambda self: self.inputs.remove("imge"))
    with pytest.raises(ConnectionsError, match="No 'imge' among the inputs of Edited; did you mean 'image'"):
        cls(config=config)


def test_del_removes_a_connection():
    cls, config = made_by(lambda self: delattr(self, "image"))
    assert list(cls(config=config).allConnections) == ["out"]


def test_an_unknown_connection_suggests_the_nearest(task_api):
    with pytest.raises(AttributeError, match="no connection 'exposure'; did you mean 'exposures'"):
        task_api.connections().exposure  # noqa: B018


def test_init_may_add_a_connection_whose_name_uses_templates():
    def add(self):
        self.extra = ct.PrerequisiteInput("{name}_extra", "Mask", dimensions=("visit",))

    cls, config = made_by(add)
    config.connections.name = "mine"
    connections = cls(config=config)
    assert connections.extra.name == "mine_extra"
    assert list(connections.prerequisiteInputs) == ["extra"]


def test_init_may_replace_a_connection_and_a_name_override_still_holds():
    def widen(self):
        self.image = replace(self.image, dimensions=("visit", "detector"), multiple=True)

    cls, config = made_by(widen)
    config.connections.image = "postISR"
    image = cls(config=config).image
    assert (image.name, image.dimensions, image.multiple) == ("postISR", ("visit", "detector"), True)


def test_init_may_replace_a_connection_by_one_of_another_kind():
    def turn(self):
        self.image = ct.PrerequisiteInput(self.image.name, "ExposureF", dimensions=("visit",), minimum=0)

    cls, config = made_by(turn)
    connections = cls(config=config)
    assert list(connections.inputs) == []
    assert list(connections.prerequisiteInputs) == ["image"]


def test_init_may_change_dimensions_without_touching_the_class():
    cls, config = made_by(lambda self: self.dimensions.update({"detector"}))
    assert cls(config=config).dimensions == {"visit", "detector"}
    assert cls.dimensions == {"visit"}


def test_mistakes_in_init_name_class_and_connection():
    def bad(self):
        self.extra = ct.Input("x", "Mask", dimensions=("visit",), minimum=0)

    cls, config = made_by(bad)
    with pytest.raises(ConnectionsError, match="class Edited: connection 'extra'"):
        cls(config=config)


def test_a_name_that_is_no_connection_cannot_join_a_set():
    cls, config = made_by(lambda self: self.outputs.add("outt"))
    with pytest.raises(ConnectionsError, match=r"class Edited: outputs names 'outt'.*did you mean 'out'"):
        cls(config=config)


def test_a_connection_cannot_join_the_set_of_another_kind():
    def swap(self):
        self.inputs.remove("image")
        self.prerequisiteInputs.add("image")

    cls, config = made_by(swap)
    with pytest.raises(
        ConnectionsError, match="'image' is an Input and cannot be one of the prerequisiteInputs"
    ):
        cls(config=config)


def test_dimensions_are_fixed_after_construction(task_api):
    connections = task_api.connections(config=task_api.config())
    with pytest.raises(AttributeError):
        connections.dimensions.add("detector")
    with pytest.raises(ConnectionsError, match=r"dimensions of .* only in its __init__"):
        connections.dimensions = {"detector"}


def test_sets_are_fixed_after_construction(task_api):
    with pytest.raises(ConnectionsError, match="only in its __init__"):
        task_api.connections().inputs.remove("exposures")


def test_class_connections_stay_as_declared(task_api):
    task_api.connections(config=task_api.config())
    assert task_api.connections.outputCatalog.name == "{outputName}"
    assert "backgrounds" in task_api.connections().inputs


def test_connections_survive_pickling(task_api):
    made = pt.PipelineTaskConnections
    connections = task_api.connections()
    # The class lives in a conftest that cannot be imported by name, so only the state makes the trip.
    state = pickle.loads(pickle.dumps(connections.__dict__))
    copy = object.__new__(type(connections))
    copy.__dict__.update(state)
    assert isinstance(copy, made)
    assert copy.exposures == connections.exposures


def test_config_fields_of_connections_tell_their_defaults(task_api):
    config = task_api.config()
    assert config.connections.exposures == "calexp"
    assert config.connections.outputCatalog == "{outputName}"
    assert config.connections.outputName == "customAperture"
    assert task_api.config.ConnectionsClass is task_api.connections


def test_a_config_class_without_connections_is_refused():
    with pytest.raises(ConnectionsError, match=r"class Broken: .*pipelineConnections="):

        class Broken(pt.PipelineTaskConfig):
            apRad = Field(doc="Radius", dtype=int, default=4)


def test_a_config_class_needs_a_connections_class():
    with pytest.raises(ConnectionsError, match="class Broken: pipelineConnections must be a subclass"):

        class Broken(pt.PipelineTaskConfig, pipelineConnections=dict):
            pass


def test_config_subclasses_inherit_or_replace_connections(task_api):
    class More(task_api.config):
        extra = Field(doc="More", dtype=int, default=1)

    class OtherConnections(task_api.connections):
        extraOutput = ct.Output("e", "Mask", dimensions=("visit",))

    class Other(task_api.config, pipelineConnections=OtherConnections):
        pass

    assert More().connections.exposures == "calexp"
    assert Other().connections.extraOutput == "e"
    assert Other().apRad == 4


@pytest.mark.parametrize("name", ["history", "names", "update"])
def test_names_that_every_config_has_are_refused(name):
    cls = type(pt.PipelineTaskConnections)(
        "Clash", (pt.PipelineTaskConnections,), {name: ct.Output("x", "Mask")}, dimensions=("visit",)
    )
    with pytest.raises(ConnectionsError, match=f"class Clash: '{name}'.*choose another name"):

        class Broken(pt.PipelineTaskConfig, pipelineConnections=cls):
            pass


def test_config_source_is_the_class_statement(task_api):
    assert task_api.config._source.filename.endswith("conftest.py")


def test_numbers_are_taken_for_templates_but_not_for_names():
    class Cycled(pt.PipelineTaskConnections, dimensions=("visit",), defaultTemplates={"cycle": "0"}):
        out = ct.Output("x{cycle}", "Mask", dimensions=("visit",))

    class CycledConfig(pt.PipelineTaskConfig, pipelineConnections=Cycled):
        pass

    config = CycledConfig()
    config.connections.cycle = 3
    assert Cycled(config=config).out.name == "x3"
    with pytest.raises(ValueError, match="incorrect type bool"):
        config.connections.cycle = True
    with pytest.raises(ValueError, match="incorrect type int"):
        config.connections.out = 3


def test_deprecated_connections_and_templates_warn_when_they_are_configured():
    class Old(
        pt.PipelineTaskConnections,
        dimensions=("visit",),
        defaultTemplates={"part": "a"},
        deprecatedTemplates={"part": "use another"},
    ):
        out = ct.Output("{part}", "Mask", dimensions=("visit",), deprecated="goes next year")

    class Newer(Old):
        pass

    class OldConfig(pt.PipelineTaskConfig, pipelineConnections=Newer):
        pass

    config = OldConfig()
    with pytest.warns(FutureWarning, match="goes next year"):
        config.connections.out = "b"
    with pytest.warns(FutureWarning, match="use another"):
        config.connections.part = "c"
    with pytest.raises(ConnectionsError, match="class Broken: the deprecated template 'prt' is none"):

        class Broken(Old, deprecatedTemplates={"prt": "gone"}):
            pass
