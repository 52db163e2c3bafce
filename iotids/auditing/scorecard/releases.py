"""Known issues of named releases, each with its source; a release is recognised by columns, classes or the file's name."""

from __future__ import annotations

from typing import NamedTuple

from iotids.auditing.scorecard.finding import Finding
from iotids.auditing.scorecard.roles import normalised
from iotids.auditing.scorecard.tables import Labelled


class Release(NamedTuple):
    """A published table.

    Attributes
    ----------
    names : normalised parts of file names
    columns : normalised columns that only this release has; all must be there
    classes : normalised classes of which two must be there
    issues : (what, source)
    checked : whether the issues were compared with their sources
    """

    name: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    issues: tuple[tuple[str, str], ...]
    checked: bool = True


RELEASES = (
    Release(
        "CIC-IDS2017",
        ("cicids2017",),
        (),
        ("heartbleed", "doshulk", "dosgoldeneye", "ftppatator", "sshpatator", "infiltration", "portscan"),
        (
            (
                "TCP flows end at the first FIN, so one connection gives several rows, and some attacks are not labelled",
                "Engelen, Rimmer and Joosen, IEEE SPW (WTMC) 2021",
            ),
            (
                "the port scan is mislabelled, and duplicated packets change features",
                "Lanvin et al., CRiSIS 2022",
            ),
            ("6.67 % of the labels are wrong, above 75 % in some classes", "Liu et al., IEEE CNS 2022"),
            (
                "several features are computed wrongly; corrected as LYCOS-IDS2017",
                "Rosay et al., ICISSP 2022",
            ),
        ),
    ),
    Release(
        "CSE-CIC-IDS2018",
        ("cicids2018", "csecic"),
        (),
        ("ddosattackhoic", "ddosattackloichttp", "infilteration", "bruteforceweb", "dosattackshulk"),
        (
            ("7.53 % of the labels are wrong, above 75 % in some classes", "Liu et al., IEEE CNS 2022"),
            (
                "dates of some rows lie in 1970, and headers repeat in the middle of files",
                "observed in the release of the AWS bucket; published with many re-uses",
            ),
        ),
    ),
    Release(
        "IoTID20",
        ("iotid20", "iotnetworkintrusion", "iot2020b"),
        ("cat", "subcat"),
        (
            "mitmarpspoofing",
            "miraiackflooding",
            "miraihttpflooding",
            "miraihostbruteforceg",
            "dossynflooding",
            "scanportos",
        ),
        (
            (
                "26.2 % of the rows repeat another in full; 293,696 distinct vectors of 625,783 rows",
                "counted on the release of Ullah and Mahmoud, Canadian AI 2020",
            ),
            (
                "the longest flow lasts 99,984 µs: connections were cut every 100 ms, which multiplies rows that look alike",
                "counted on the release of Ullah and Mahmoud, Canadian AI 2020",
            ),
            (
                "Mirai was played by a laptop in its place, not by infected devices",
                "description of Kang et al., IEEE DataPort 2019",
            ),
        ),
    ),
    Release(
        "Bot-IoT",
        ("botiot",),
        ("pkseqid",),
        (),
        (
            (
                "477 benign rows among 3.67 million of the 5 % release: accuracy says nothing about normal traffic",
                "Koroniotis et al., FGCS 2019; Peterson, Leevy and Khoshgoftaar, IEEE SOSE 2021",
            ),
            (
                "six features of the 5 % subset are invalid, and several name the environment",
                "Peterson, Leevy and Khoshgoftaar, IEEE SOSE 2021",
            ),
        ),
    ),
    Release(
        "IoT-23",
        ("iot23", "ctuiotmalware"),
        ("detailedlabel",),
        ("partofahorizontalportscan", "okiru", "ccheartbeat"),
        (
            (
                "scenario 34-1: 15,267 of 23,145 connections are equal but for time and identifier",
                "counted on the release of Garcia, Parmisano and Erquiaga, Zenodo 2020",
            ),
            (
                "labels come from rules; in 42-1 connections to one host and port that look like command and control are labelled benign",
                "counted on the release of Garcia, Parmisano and Erquiaga, Zenodo 2020",
            ),
        ),
    ),
    Release(
        "UNSW-NB15",
        ("unswnb15",),
        ("attackcat", "ctsrvsrc"),
        ("fuzzers", "shellcode", "reconnaissance", "worms"),
        (
            (
                "redistributions have the files of training and test exchanged (82,332 and 175,341 rows)",
                "compare with Moustafa and Slay, MilCIS 2015, Table 9",
            ),
            ("classes overlap and are unbalanced", "Zoghi and Serpen, arXiv 2101.05067"),
            (
                "sttl and ct_state_ttl separate attack from normal by the test bed's hosts",
                "Sarhan, Layeghy and Portmann, arXiv 2104.07183",
            ),
        ),
    ),
    Release(
        "NSL-KDD and KDD Cup 99",
        ("nslkdd", "kdd"),
        ("srvdifferror", "dsthostsrvcount"),
        (),
        (
            (
                "traffic of 1998; the test set has 17 attacks that training lacks, on purpose",
                "Tavallaee et al., IEEE CISDA 2009",
            ),
        ),
    ),
    Release(
        "ToN-IoT",
        ("toniot",),
        ("srcipbytes", "missedbytes", "weirdnotice"),
        ("injection", "ransomware", "xss", "backdoor"),
        (
            (
                "its versions disagree with each other; a rectified one is published as ToN-IoT-R",
                "Investigation and rectification of NIDS datasets (graph neural networks), 2022, abstract",
            ),
        ),
    ),
    Release(
        "CICIoT2023",
        ("ciciot2023",),
        ("magnitue",),
        ("ddosicmpflood", "miraigreethflood", "ddosudpflood"),
        (
            (
                "2.4 % of the rows are benign (1,098,195 of 46,686,579), and benign traffic was recorded "
                "apart, on 7 and 8 October 2022",
                "Goldschmidt and Chudá, arXiv 2502.06688, notebook on CIC-IoT23",
            ),
            (
                "the tables have no column of times although their description names one, so time cannot be split",
                "Goldschmidt and Chudá, arXiv 2502.06688, notebook on CIC-IoT23",
            ),
        ),
    ),
    Release(
        "N-BaIoT",
        ("nbaiot",),
        ("midirl5weight",),
        (),
        (
            (
                "rows are running statistics of one recording per attack: neighbours share packets, and a random split repeats them",
                "Meidan et al., IEEE Pervasive Computing 2018, on the features' decay",
            ),
        ),
        checked=False,
    ),
)


def recognise(table: Labelled) -> list[tuple[Release, str]]:
    """The releases that a table may be of, and by what they were recognised."""
    name, columns = normalised(table.name), set(map(normalised, table.columns))
    classes = set(map(normalised, table.classes))
    found = []
    for release in RELEASES:
        if any(part in name for part in release.names):
            found.append((release, "the file's name"))
        elif release.columns and columns.issuperset(release.columns):
            found.append((release, "its columns"))
        elif len(classes & set(release.classes)) >= 2:
            found.append((release, "its classes"))
    return found


def check_release(table: Labelled) -> Finding:
    """What is published about the release that a table seems to be of."""
    found = recognise(table)
    if not found:
        return Finding("known issues of the release", False, "no release of the list is recognised.", {})
    said = " ".join(
        f"This may be {release.name} (by {how}): "
        + "; ".join(f"{what} ({source})" for what, source in release.issues)
        + ("." if release.checked else "; not compared with the source.")
        for release, how in found
    )
    details = {
        release.name: {
            "by": how,
            "issues": [list(issue) for issue in release.issues],
            "checked": release.checked,
        }
        for release, how in found
    }
    return Finding("known issues of the release", True, said, details)
