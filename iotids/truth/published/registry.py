"""The releases by their names; a new one is a file with a `Release` and a line here."""

from __future__ import annotations

from iotids.truth.published.awid import AWID_CLS_R
from iotids.truth.published.bot_iot import BOT_IOT, BOT_IOT_BEST
from iotids.truth.published.ciciot2023 import CICIOT2023
from iotids.truth.published.contract import Release
from iotids.truth.published.kdd import KDD99, NSL_KDD
from iotids.truth.published.ton_iot import TON_IOT
from iotids.truth.published.unsw_nb15 import UNSW_NB15, UNSW_NB15_RAW

RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        NSL_KDD,
        KDD99,
        UNSW_NB15,
        UNSW_NB15_RAW,
        AWID_CLS_R,
        BOT_IOT,
        BOT_IOT_BEST,
        TON_IOT,
        CICIOT2023,
    )
}


def find_release(name: str) -> Release:
    """The release of this name.

    Raises
    ------
    ValueError
        No such release; the message lists the known ones.
    """
    if name not in RELEASES:
        raise ValueError(f"release {name!r}; known are {', '.join(RELEASES)}")
    return RELEASES[name]
