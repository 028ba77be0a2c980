"""adjustQuantum in both of its forms, and the rules on the number of datasets."""

import pytest

import pipetask as pt
from pipetask import connectionTypes as ct
from pipetask.errors import InvalidQuantumError, MissingPrerequisiteError, NoWorkFound, ScalarError
from pipetask.task.adjust import adjust, check_counts, overrides_adjust_quantum

DETECTOR = ("visit", "detector")


class Plain(pt.PipelineTaskConnections, dimensions=("visit",)):
    exposures = ct.Input("calexp", "ExposureF", multiple=True, dimensions=DETECTOR, deferLoad=True)
    catalogs = ct.Input("src", "SourceCatalog", multiple=True, dimensions=DETECTOR, minimum=2)
    masks = ct.PrerequisiteInput("mask", "Mask", multiple=True, dimensions=DETECTOR)
    camera = ct.PrerequisiteInput("camera", "Mask", dimensions=("instrument",), minimum=0)
    out = ct.Output("out", "SourceCatalog", dimensions=("visit",))


class GuideForm(Plain):
    """Keeps the detectors that have everything, as the guide does."""

    def adjustQuantum(self, datasetRefMap):
        common = set.intersection(
            *({ref.dataId for ref in getattr(datasetRefMap, n)} for n in ("exposures", "catalogs", "masks"))
        )
        for name, refs in datasetRefMap:
            if name != "camera":
                setattr(datasetRefMap, name, [ref for ref in refs if ref.dataId in common])
        return datasetRefMap


class ReferenceForm(Plain):
    """The same in the form of the reference."""

    def adjustQuantum(self, inputs, outputs, label, data_id):
        common = set.intersection(
            *({ref.dataId for ref in inputs[n][1]} for n in ("exposures", "catalogs", "masks"))
        )
        changed = {
            name: (connection, [ref for ref in refs if ref.dataId in common])
            for name, (connection, refs) in inputs.items()
            if name != "camera"
        }
        super().adjustQuantum({**inputs, **changed}, outputs, label, data_id)
        return changed, {}


@pytest.fixture
def inputs(detector_refs):
    return {
        "exposures": detector_refs("calexp", "ExposureF", 0, 1, 2),
        "catalogs": detector_refs("src", "SourceCatalog", 0, 1, 2),
        "masks": detector_refs("mask", "Mask", 0, 2),
        "camera": [],
    }


@pytest.fixture
def outputs(refs):
    return {"out": refs("out", "SourceCatalog", ("visit",), {"instrument": "Cam", "visit": 7})}


@pytest.fixture
def data_id(outputs):
    return outputs["out"][0].dataId


def adjusted(hook, inputs, outputs, data_id):
    """Adjust with connections that have this hook."""
    cls = type(pt.PipelineTaskConnections)("Hooked", (Plain,), {"adjustQuantum": hook})
    return adjust(cls(), inputs, outputs, "phot", data_id)


def test_only_own_hooks_count_as_overrides():
    assert not overrides_adjust_quantum(Plain())
    assert overrides_adjust_quantum(GuideForm())


def test_without_a_hook_nothing_changes(inputs, outputs, data_id):
    assert adjust(Plain(), inputs, outputs, "phot", data_id) == (inputs, outputs)


@pytest.mark.parametrize("form", [GuideForm, ReferenceForm])
def test_both_forms_thin_out_the_inputs(form, inputs, outputs, data_id):
    before = {name: list(refs) for name, refs in inputs.items()}
    new, kept = adjust(form(), inputs, outputs, "phot", data_id)
    for name in ("exposures", "catalogs", "masks"):
        assert [ref.dataId["detector"] for ref in new[name]] == [0, 2]
        assert all(isinstance(ref, pt.DatasetRef) for ref in new[name])
    assert new["camera"] == []
    assert kept == outputs
    assert inputs == before


@pytest.mark.parametrize("form", [GuideForm, ReferenceForm])
def test_minimum_is_applied_again_after_the_hook(form, inputs, outputs, data_id, detector_refs):
    inputs["masks"] = detector_refs("mask", "Mask", 1)
    with pytest.raises(NoWorkFound, match=r"'phot'.*visit: 7.*'catalogs' needs at least 2 'src', found 1"):
        adjust(form(), inputs, outputs, "phot", data_id)


def test_guide_form_may_call_super(inputs, outputs, data_id):
    class Super(Plain):
        def adjustQuantum(self, datasetRefMap):
            return super().adjustQuantum(datasetRefMap)

    assert adjust(Super(), inputs, outputs, "phot", data_id) == (inputs, outputs)


def test_a_guide_hook_may_delete_a_connection(inputs, outputs, data_id):
    def hook(self, refs):
        del refs.masks
        return refs

    with pytest.raises(MissingPrerequisiteError, match="'masks' needs at least 1 'mask', found 0"):
        adjusted(hook, inputs, outputs, data_id)


def test_a_prerequisite_below_its_minimum_is_a_hard_error_that_names_the_type(inputs, outputs, data_id):
    inputs["masks"] = []
    with pytest.raises(MissingPrerequisiteError, match="'mask'") as caught:
        adjust(Plain(), inputs, outputs, "phot", data_id)
    assert isinstance(caught.value, FileNotFoundError)


def test_no_work_found_from_the_hook_passes(inputs, outputs, data_id):
    def hook(self, refs):
        raise NoWorkFound("too cloudy")

    with pytest.raises(NoWorkFound, match="too cloudy"):
        adjusted(hook, inputs, outputs, data_id)


def test_any_other_exception_names_label_and_data_id(inputs, outputs, data_id):
    def hook(self, refs):
        return refs.exposures[17]

    with pytest.raises(
        InvalidQuantumError, match=r"'phot', \{instrument: 'Cam', visit: 7\}.*IndexError"
    ) as caught:
        adjusted(hook, inputs, outputs, data_id)
    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize(
    "hook",
    [lambda self, refs: None, lambda self, inputs, outputs, label, data_id: None],
    ids=["guide", "reference"],
)
def test_none_returned_names_label_and_data_id(hook, inputs, outputs, data_id):
    with pytest.raises(InvalidQuantumError, match=r"'phot'.*visit: 7.*returned None"):
        adjusted(hook, inputs, outputs, data_id)


def test_datasets_cannot_be_invented(inputs, outputs, data_id, detector_refs):
    def hook(self, refs):
        refs.masks = detector_refs("mask", "Mask", 9)
        return refs

    with pytest.raises(InvalidQuantumError, match="connection 'masks', where it was not before"):
        adjusted(hook, inputs, outputs, data_id)


def test_reference_hook_must_not_return_unknown_connections(inputs, outputs, data_id):
    def hook(self, inputs, outputs, label, data_id):
        return {"mask": inputs["masks"]}, {}

    with pytest.raises(InvalidQuantumError, match="unknown connection 'mask'; did you mean 'masks'"):
        adjusted(hook, inputs, outputs, data_id)


def test_reference_hook_may_drop_outputs(inputs, outputs, data_id):
    def hook(self, inputs, outputs, label, data_id):
        return {}, {"out": (outputs["out"][0], [])}

    assert adjusted(hook, inputs, outputs, data_id) == (inputs, {"out": []})


def test_reference_hook_receives_connections_with_refs(inputs, outputs, data_id):
    seen = {}

    def hook(self, inputs, outputs, label, data_id):
        seen.update(inputs | outputs, label=label, data_id=data_id)
        return {}, {}

    adjusted(hook, inputs, outputs, data_id)
    assert seen["catalogs"] == (Plain.catalogs, tuple(inputs["catalogs"]))
    assert seen["out"][0] is Plain.out or seen["out"][0] == Plain.out
    assert (seen["label"], seen["data_id"]) == ("phot", data_id)


def test_single_dataset_rule_holds_for_inputs_and_outputs(inputs, outputs, data_id, refs):
    two = [{"instrument": "A"}, {"instrument": "B"}]
    inputs["camera"] = refs("camera", "Mask", ("instrument",), *two)
    with pytest.raises(ScalarError, match="'camera'"):
        check_counts(Plain(), inputs, outputs, "phot", data_id)
    inputs["camera"] = []
    outputs["out"] = outputs["out"] * 2
    with pytest.raises(ScalarError, match="'out'"):
        check_counts(Plain(), inputs, outputs, "phot", data_id)


def test_the_reference_form_sees_refs_as_the_connections_declare_them(refs, data_id):
    class Components(pt.PipelineTaskConnections, dimensions=("visit",)):
        wcs = ct.Input("calexp.wcs", "Wcs", dimensions=("visit",))
        table = ct.Input("table", "ArrowAstropy", dimensions=("visit",))
        out = ct.Output("out", "ArrowAstropy", dimensions=("visit",))

        def adjustQuantum(self, inputs, outputs, label, data_id):
            seen.update({name: list(refs) for name, (_, refs) in (inputs | outputs).items()})
            return {"wcs": inputs["wcs"]}, {}

    seen = {}
    one = {"instrument": "Cam", "visit": 7}
    stored = {
        "wcs": refs("calexp", "ExposureF", ("visit",), one),
        "table": refs("table", "DataFrame", ("visit",), one),
    }
    made = {"out": refs("out", "DataFrame", ("visit",), one)}
    assert adjust(Components(), stored, made, "phot", data_id) == (stored, made)
    kinds = {name: (ref.datasetType.name, ref.datasetType.storageClass) for name, (ref,) in seen.items()}
    assert kinds == {
        "wcs": ("calexp.wcs", "Wcs"),
        "table": ("table", "ArrowAstropy"),
        "out": ("out", "ArrowAstropy"),
    }
