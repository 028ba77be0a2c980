"""Two exports written by hand, one of the current format and one as old as can be read."""

import textwrap

import pytest

from pipetask.butler import Butler

REGION = "6361b46c3a039ded3f3b46fac0f2e2c43ff50b8a74a8e3d53f626407a580f6333f399d52a246df913f"

CURRENT = """
description: Butler Data Repository Export
version: 1.0.2
universe_version: 8
universe_namespace: daf_butler
data:
- {type: dimension, element: instrument, records: [{name: Cam, detector_max: 4}]}
- type: dimension
  element: detector
  records:
  - {instrument: Cam, id: 1, full_name: one}
  - {instrument: Cam, id: 2, full_name: two}
- {type: dimension, element: physical_filter, records: [{instrument: Cam, name: r1, band: r}]}
- type: dimension
  element: day_obs
  records:
  - instrument: Cam
    id: 20300101
    datetime_begin: !butler_time/tai/iso '2030-01-01 12:00:00.000000000'
    datetime_end: null
- type: dimension
  element: visit
  records:
  - instrument: Cam
    id: 7
    name: seven
    physical_filter: r1
    day_obs: 20300101
    exposure_time: 30.5
    region: !<lsst.sphgeom.Circle>
      encoded: REGION
    datetime_begin: !butler_time/tai/iso '2030-01-01 20:00:00.000000001'
    datetime_end: !butler_time/tai/iso '2030-01-01 20:00:30.500000000'
- {type: dimension, element: skymap, records: [{name: sky, hash: !!binary AQL/, tract_max: 2}]}
- {type: collection, collection_type: CHAINED, name: all, doc: everything, children: [tag, cal, made/here]}
- {type: collection, collection_type: TAGGED, name: tag}
- {type: collection, collection_type: CALIBRATION, name: cal, doc: valid}
- {type: collection, collection_type: RUN, name: made/here, host: null, timespan_begin: null, timespan_end: null}
- {type: dataset_type, name: dark, dimensions: [instrument, detector], storage_class: StructuredDataDict, is_calibration: true}
- type: dataset
  dataset_type: dark
  run: made/here
  records:
  - dataset_id: [!uuid 'a0000000-0000-4000-8000-000000000001']
    data_id: [{instrument: Cam, detector: 1}]
    path: files/dark_1.yaml
    formatter: lsst.daf.butler.formatters.yaml.YamlFormatter
  - dataset_id: [!uuid 'a0000000-0000-4000-8000-000000000002']
    data_id: [{instrument: Cam, detector: 2}]
    path: files/dark_2.json
    formatter: some.unknown.Formatter
- {type: dataset_type, name: stats, dimensions: [band, instrument, day_obs, physical_filter, visit], storage_class: StructuredDataDict}
- type: dataset
  dataset_type: stats
  run: made/here
  records:
  - dataset_id: [!uuid 'a0000000-0000-4000-8000-000000000003']
    data_id: [{instrument: Cam, visit: 7}]
    path: files/stats.yaml
    formatter: lsst.daf.butler.formatters.yaml.YamlFormatter
- type: associations
  collection: cal
  collection_type: CALIBRATION
  validity_ranges:
  - timespan: !lsst.daf.butler.Timespan
      begin: null
      end: !butler_time/tai/iso '2030-01-01 00:00:00.000000000'
    dataset_ids: [!uuid 'a0000000-0000-4000-8000-000000000001']
  - timespan: !lsst.daf.butler.Timespan
      begin: !butler_time/tai/iso '2030-02-01 00:00:00.000000000'
      end: null
    dataset_ids:
    - !uuid 'a0000000-0000-4000-8000-000000000001'
    - !uuid 'a0000000-0000-4000-8000-000000000002'
- {type: associations, collection: tag, collection_type: TAGGED, dataset_ids: [!uuid 'a0000000-0000-4000-8000-000000000003']}
""".replace("REGION", REGION)

OLD = """
description: Butler Data Repository Export
version: 0
data:
- {type: dimension, element: instrument, records: [{name: Old, visit_max: 9, class_name: gone.Camera}]}
- {type: dimension, element: physical_filter, records: [{instrument: Old, name: i1, abstract_filter: i}]}
- {type: dimension, element: detector, records: [{instrument: Old, id: 0, full_name: zero}]}
- {type: dimension, element: visit_system, records: [{instrument: Old, id: 3, name: by-seq}]}
- type: dimension
  element: exposure
  records:
  - {instrument: Old, id: 11, obs_id: x11, physical_filter: i1, group_name: g11, group_id: 11, day_obs: 20130617,
     datetime_begin: 2013-06-17 13:34:45.775, datetime_end: 2013-06-17 13:35:17.947}
- type: dimension
  element: visit
  records:
  - {instrument: Old, id: 12, name: v12, physical_filter: i1, visit_system: 3, seeing: 0.7,
     datetime_begin: 2013-06-18 13:34:45.775, datetime_end: 2013-06-18 13:35:17.947}
- type: dimension
  element: visit_definition
  records: [{instrument: Old, visit: 12, exposure: 11, visit_system: 3}]
- {type: run, name: old/run}
- {type: collection, collection_type: CHAINED, name: old/chain, children: [[old/run, null], old/cal]}
- {type: collection, collection_type: CALIBRATION, name: old/cal}
- {type: dataset_type, name: dark, dimensions: [instrument, detector], storage_class: StructuredDataDict, is_calibration: true}
- {type: dataset_type, name: sums, dimensions: [instrument, visit, visit_system], storage_class: StructuredDataDict}
- type: dataset
  dataset_type: dark
  run: old/run
  records:
  - {dataset_id: [5], data_id: [{instrument: Old, detector: 0}], path: files/dark_1.yaml, formatter: lsst.daf.butler.formatters.yaml.YamlFormatter}
- type: dataset
  dataset_type: sums
  run: old/run
  records:
  - {dataset_id: [6], data_id: [{instrument: Old, visit: 12, visit_system: 3}], path: files/stats.yaml, formatter: lsst.daf.butler.formatters.yaml.YamlFormatter}
- type: associations
  collection: old/cal
  collection_type: CALIBRATION
  validity_ranges: [{begin: 2013-06-01 00:00:00, end: null, dataset_ids: [5]}]
"""


@pytest.fixture
def folder(tmp_path):
    """An export in ``export.yaml``, an old one in ``old.yaml``, and their files."""
    folder = tmp_path / "exported"
    (folder / "files").mkdir(parents=True)
    for name, text in (
        ("export.yaml", CURRENT),
        ("old.yaml", OLD),
        ("files/dark_1.yaml", "level: 1\n"),
        ("files/dark_2.json", '{"level": 2}\n'),
        ("files/stats.yaml", "mean: 3.5\n"),
    ):
        (folder / name).write_text(textwrap.dedent(text))
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def repo_backend(request):
    """Each kind of database."""
    return request.param


@pytest.fixture
def new(repo_backend, request, tmp_path):
    """An empty repository."""
    if repo_backend == "postgresql":
        with request.getfixturevalue("postgresql_repository")("new") as butler:
            yield butler
        return
    with Butler.makeRepo(tmp_path / "new") as butler:
        yield butler
