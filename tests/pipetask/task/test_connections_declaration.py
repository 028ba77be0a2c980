"""Declaring connections: what a class collects, and the mistakes found when it is made."""

import pytest

import pipetask as pt
from pipetask import connectionTypes as ct
from pipetask.errors import ConnectionsError


def test_connections_are_class_attributes(task_api):
    assert task_api.connections.exposures.name == "calexp"
    with pytest.raises(AttributeError, match="nothing"):
        task_api.connections.nothing  # noqa: B018


def test_missing_template_default_is_a_type_error_that_names_class_and_template():
    with pytest.raises(
        TypeError, match=r"class Broken.*'\{outputNme\}_x'.*'outputNme'.*did you mean 'outputName'"
    ):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",), defaultTemplates={"outputName": "a"}):
            out = ct.Output("{outputNme}_x", "Mask", dimensions=("visit",))


def test_dimensions_are_asked_for():
    with pytest.raises(ConnectionsError, match=r"class Broken: .*dimensions"):

        class Broken(pt.PipelineTaskConnections):
            pass


def test_dimensions_in_one_string_are_refused():
    with pytest.raises(ConnectionsError, match=r"class Broken.*not the string 'visit'"):

        class Broken(pt.PipelineTaskConnections, dimensions="visit"):
            pass

    with pytest.raises(ConnectionsError, match=r"class Broken.*'out'.*not the string 'visit'"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            out = ct.Output("x", "Mask", dimensions="visit")


@pytest.mark.parametrize("kind", [ct.InitInput, ct.InitOutput])
def test_dimensions_on_init_connections_are_refused(kind):
    with pytest.raises(ConnectionsError, match=r"class Broken: connection 'schema'.*has no dimensions"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            schema = kind("x_schema", "SourceCatalog", dimensions=("visit",))


def test_minimum_of_zero_is_for_prerequisites_only():
    with pytest.raises(
        ConnectionsError, match=r"class Broken: connection 'image'.*PrerequisiteInput\(minimum=0\)"
    ):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            image = ct.Input("x", "Mask", dimensions=("visit",), minimum=0)

    class Fine(pt.PipelineTaskConnections, dimensions=("visit",)):
        image = ct.PrerequisiteInput("x", "Mask", dimensions=("visit",), minimum=0)

    assert Fine().image.minimum == 0


@pytest.mark.parametrize(("minimum", "words"), [(-1, "minimum is -1"), (2, "needs multiple=True")])
def test_impossible_minima_are_refused(minimum, words):
    with pytest.raises(ConnectionsError, match=words):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            image = ct.PrerequisiteInput("x", "Mask", dimensions=("visit",), minimum=minimum)


@pytest.mark.parametrize("name", ["inputs", "dimensions", "adjustQuantum", "allConnections"])
def test_names_of_built_in_attributes_are_refused(name):
    with pytest.raises(ConnectionsError, match=f"connection '{name}' has the name of a built-in"):
        type(pt.PipelineTaskConnections)(
            "Broken", (pt.PipelineTaskConnections,), {name: ct.Output("x", "Mask")}, dimensions=("visit",)
        )


def test_a_template_and_a_connection_of_one_name_are_refused():
    with pytest.raises(ConnectionsError, match="'out' is both a connection and a template"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",), defaultTemplates={"out": "a"}):
            out = ct.Output("{out}", "Mask", dimensions=("visit",))


def test_a_base_of_the_connection_types_is_no_connection():
    with pytest.raises(ConnectionsError, match="'image' is a BaseInput"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            image = ct.BaseInput("x", "Mask")


def test_subclasses_inherit_connections_dimensions_and_templates(task_api):
    class More(task_api.connections, defaultTemplates={"extra": "e"}):
        extraOutput = ct.Output("{extra}_{outputName}", "Mask", dimensions=("visit",))

    connections = More()
    assert connections.dimensions == {"visit"}
    assert connections.extraOutput.name == "e_customAperture"
    assert list(connections.outputs) == ["outputCatalog", "masks", "extraOutput"]


def test_a_subclass_replaces_dimensions_and_drops_a_connection(task_api):
    class Other(task_api.connections, dimensions=("tract",)):
        masks = None

    assert Other().dimensions == {"tract"}
    assert list(Other().outputs) == ["outputCatalog"]
    assert "masks" in task_api.connections().outputs


def test_the_five_sets_hold_names_in_the_order_of_declaration(task_api):
    connections = task_api.connections()
    assert list(connections.initInputs) == ["inputSchema"]
    assert list(connections.initOutputs) == ["outputSchema"]
    assert list(connections.inputs) == ["exposures", "inputCatalogs", "backgrounds"]
    assert list(connections.prerequisiteInputs) == ["areaMasks", "camera"]
    assert list(connections.outputs) == ["outputCatalog", "masks"]


def test_a_connection_type_without_its_call_is_refused():
    with pytest.raises(
        ConnectionsError, match=r"class Broken: 'image' is the type Input; write Input\(name="
    ):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            image = ct.Input


@pytest.mark.parametrize("name", ["{outputName_x", "outputName}_x", "{"])
def test_a_name_with_a_lone_brace_is_refused(name):
    with pytest.raises(ConnectionsError, match=r"class Broken: connection 'out': .*opens or closes no"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",), defaultTemplates={"outputName": "a"}):
            out = ct.Output(name, "Mask", dimensions=("visit",))


@pytest.mark.parametrize("minimum", ["2", 1.5, None])
def test_a_minimum_that_is_no_whole_number_is_refused(minimum):
    with pytest.raises(ConnectionsError, match=r"class Broken: connection 'a': minimum is .*whole number"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            a = ct.Input("a", "Mask", multiple=True, dimensions=("visit",), minimum=minimum)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": 3}, "name is 3; it takes a string"),
        ({"storageClass": pt.Mask}, "storageClass is <class .*Mask'>; it takes a string"),
        ({"dimensions": "visit"}, "dimensions must be names in a tuple, not the string 'visit'"),
        ({"dimensions": 3}, "dimensions must be names in a tuple, not 3"),
        ({"dimensions": (3,)}, r"dimensions must be names in a tuple, not \(3,\)"),
        ({"lookupFunction": "find"}, "lookupFunction is 'find', which is no function"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused_with_class_and_connection(arguments, words):
    given = {"name": "x", "storageClass": "Mask", "dimensions": ("visit",)} | arguments
    with pytest.raises(ConnectionsError, match=f"^class Broken: connection 'image': {words}$"):

        class Broken(pt.PipelineTaskConnections, dimensions=("visit",)):
            image = ct.PrerequisiteInput(**given)
