"""CollectionType: the four types of collections, as an enumeration."""

from enum import StrEnum


class CollectionType(StrEnum):
    """What a collection is; members are texts, and texts are taken wherever a type is asked for."""

    RUN = "RUN"
    TAGGED = "TAGGED"
    CHAINED = "CHAINED"
    CALIBRATION = "CALIBRATION"
