"""Every change of a collection is in its history, with who made it and when."""

import getpass
import time

import pytest

from registry.errors import MissingCollectionError, OrphanedRecordError
from registry.timespan import Timespan


def actions(registry, name):
    return [(edit.action, dict(edit.detail)) for edit in registry.collections.history(name)]


def test_every_edit_is_recorded_in_order(two_run_registry):
    registry = two_run_registry
    c = registry.collections
    c.register("chain", "CHAINED", "what for")
    c.set_chain("chain", ["first"])
    c.prepend_chain("chain", "second")
    c.extend_chain("chain", ["second"])
    c.remove_from_chain("chain", ["first"])
    c.set_doc("chain", "new")
    c.remove("chain")
    assert actions(registry, "chain") == [
        ("register", {"kind": "CHAINED", "doc": "what for"}),
        ("set chain", {"children": ["first"]}),
        ("set chain", {"children": ["second", "first"]}),
        ("set chain", {"children": ["first", "second"]}),
        ("set chain", {"children": ["second"]}),
        ("set doc", {"doc": "new"}),
        ("remove", {"kind": "CHAINED"}),
    ]


def test_edits_of_members_say_how_many_of_which_type(two_run_registry):
    registry = two_run_registry
    biases = registry.query_datasets("bias", "first")
    calexps = registry.query_datasets("calexp", "first")
    c = registry.collections
    c.register("tag", "TAGGED")
    c.register("cal", "CALIBRATION")
    c.associate("tag", [*biases, *calexps])
    c.disassociate("tag", biases[:1])
    c.certify("cal", biases, Timespan.from_ns(10, 20))
    c.decertify("cal", "bias", Timespan.from_ns(15, 30))
    assert actions(registry, "tag")[1:] == [
        ("associate", {"datasets": {"bias": len(biases), "calexp": len(calexps)}}),
        ("disassociate", {"datasets": {"bias": 1}}),
    ]
    assert actions(registry, "cal")[1:] == [
        ("certify", {"datasets": {"bias": 2}, "timespan_ns": [10, 20]}),
        ("decertify", {"datasets": {"bias": 2}, "timespan_ns": [15, 30]}),
    ]


def test_edits_say_who_and_when(empty_registry):
    before = time.time_ns()
    empty_registry.collections.register("run")
    (edit,) = empty_registry.collections.history("run")
    assert edit.collection == "run"
    assert edit.who.split("@")[0] == getpass.getuser()
    assert before <= edit.edit_ns - 37_000_000_000 <= time.time_ns()


def test_what_fails_or_changes_nothing_is_not_recorded(two_run_registry):
    registry = two_run_registry
    registry.collections.register("first")
    with pytest.raises(OrphanedRecordError):
        registry.collections.remove("first")
    assert [action for action, _ in actions(registry, "first")] == ["register"]


def test_a_name_that_never_was_has_no_history(two_run_registry):
    with pytest.raises(MissingCollectionError, match="did you mean 'first'"):
        two_run_registry.collections.history("frst")
