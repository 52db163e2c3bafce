"""Run Weka's own HoeffdingTree and NaiveBayes on the same rows in the same order, and compare them with ours
row by row.

    python -m tests.crosscheck.weka --jar weka.jar [--dataset out/dataset/flows.parquet] [--rows 20000] [--out
    table.md]

weka.jar (3.9) lies in the source package of python-weka-wrapper3 on PyPI:
`pip download --no-binary :all: --no-deps python-weka-wrapper3`, then unpack `lib/weka.jar`. It needs Java 11
or later.
Without --dataset, generated rows are used. Exit code 0 also where Java or the jar is missing: then it says so
and stops.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import string
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from iotids.learning.baselines.registry import BASELINES
from iotids.learning.data.flow_columns import feature_matrix, task_truth
from tests.learning.generated_flows import flow_like_features
from tests.learning.given import fitted_scores

WEKA = {
    "vfdt": "weka.classifiers.trees.HoeffdingTree",
    "hoeffding_tree": "weka.classifiers.trees.HoeffdingTree",
    "naive_bayes": "weka.classifiers.bayes.NaiveBayes",
}
Rows = tuple[np.ndarray, np.ndarray]  # features and class numbers
HEAD = "| model | task | rows | Weka acc. | ours | same class | score gap median | 99 % | max | Weka 5-fold | ours 5-fold |"
JAVA_OPTIONS = ["-Xmx4g", "-Dweka.packageManager.offline=true"]


@dataclass(frozen=True)
class Comparison:
    """How far one of our models is from Weka's on the same training order and test rows."""

    model: str
    task: str
    weka_accuracy: float
    accuracy: float
    same_class_share: float
    score_gap_median: float
    score_gap_p99: float
    score_gap_max: float


def weka_scores(jar: Path, weka_class: str, train: Rows, test: Rows, n_classes: int) -> np.ndarray:
    """(n, k) class probabilities of a Weka classifier trained on the rows in their order; nine decimals."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, "train.arff"), Path(folder, "test.arff")]
        for path, (X, y) in zip(paths, (train, test), strict=True):
            write_arff(path, X, y, n_classes)
        out = Path(folder, "scores.csv")
        printer = f"weka.classifiers.evaluation.output.prediction.CSV -distribution -decimals 9 -file {out}"
        run_weka(
            jar, [weka_class, "-t", str(paths[0]), "-T", str(paths[1]), "-classifications", printer], folder
        )
        with out.open() as file:
            rows = [row for row in csv.reader(file) if row][1:]
    return np.array([[float(value.strip("*")) for value in row[-n_classes:]] for row in rows])


def weka_cross_validation(
    jar: Path, weka_class: str, rows: Rows, n_classes: int, *, folds: int = 5, seed: int = 1
) -> float:
    """Accuracy of Weka's own cross-validation (-x folds -s seed)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "all.arff")
        write_arff(path, *rows, n_classes)
        text = run_weka(jar, [weka_class, "-t", str(path), "-x", str(folds), "-s", str(seed), "-o"], folder)
    part = text[text.index("cross-validation") :]
    line = next(line for line in part.splitlines() if line.startswith("Correctly Classified"))
    return float(line.split()[4]) / 100.0


def run_weka(jar: Path, arguments: list[str], home: str) -> str:
    """Run one Weka class and give what it printed."""
    command = ["java", *JAVA_OPTIONS, "-cp", str(jar), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "WEKA_HOME": home}, check=False
    )
    if done.returncode or "exception" in done.stderr.lower():
        raise RuntimeError(f"Weka failed with code {done.returncode}: {done.stderr.strip()[-800:]}")
    return done.stdout


def write_arff(path: Path, X: np.ndarray, y: np.ndarray, n_classes: int) -> None:
    """Write rows as ARFF; doubles keep every bit."""
    names = ordered_names(X.shape[1])
    with path.open("w") as file:
        file.write("@relation flows\n" + "".join(f"@attribute {name} numeric\n" for name in names))
        file.write(f"@attribute class {{{','.join(map(str, range(n_classes)))}}}\n@data\n")
        for row, label in zip(X.tolist(), y.tolist(), strict=True):
            file.write(",".join(map(repr, row)) + f",{label}\n")


def ordered_names(n: int) -> list[str]:
    """Names that Java's HashMap walks through in this order: Weka breaks ties between attributes by it."""
    buckets = 16
    while n > 0.75 * buckets:
        buckets *= 2
    found: dict[int, str] = {}
    for a in string.ascii_letters:
        for b in string.ascii_letters:
            found.setdefault((31 * ord(a) + ord(b)) & (buckets - 1), a + b)
    return [found[i] for i in range(n)]


def compare(jar: Path, model: str, task: str, train: Rows, test: Rows, n_classes: int) -> Comparison:
    """Train both on the same rows in the same order, test both on the same rows."""
    theirs = weka_scores(jar, WEKA[model], train, test, n_classes)
    ours = our_scores(model, train, test[0], n_classes)
    gap = np.abs(ours - theirs).max(axis=1)
    return Comparison(
        model,
        task,
        float((theirs.argmax(axis=1) == test[1]).mean()),
        float((ours.argmax(axis=1) == test[1]).mean()),
        float((theirs.argmax(axis=1) == ours.argmax(axis=1)).mean()),
        float(np.median(gap)),
        float(np.quantile(gap, 0.99)),
        float(gap.max()),
    )


def our_scores(model: str, train: Rows, X: np.ndarray, n_classes: int) -> np.ndarray:
    """Our scores after learning the rows in their order, as Weka does."""
    (rows, classes), seed = train, 0
    if BASELINES[model].by_order:
        # shuffles by seed before it learns: dealt out the other way round, the rows come in their order again
        shuffle = np.random.default_rng(seed).permutation(classes.size)
        dealt = np.empty_like(rows), np.empty_like(classes)
        dealt[0][shuffle], dealt[1][shuffle] = rows, classes
        rows, classes = dealt
    return fitted_scores(model, rows, classes, X, n_classes=n_classes, seed=seed)


def available(jar: Path | None) -> str:
    """Why Weka cannot be run here; empty when it can."""
    if shutil.which("java") is None:
        return "no Java on this machine"
    if jar is None or not jar.is_file():
        return f"no weka.jar at {jar}"
    return ""


def generated(n: int, task: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Generated rows like flow features: two or five classes, uneven."""
    k = 2 if task == "binary" else 5
    shares = np.array([0.25, 0.75] if k == 2 else [0.24, 0.02, 0.31, 0.01, 0.42])
    y = np.random.default_rng(5).choice(k, n, p=shares)
    return flow_like_features(y, seed=6), y, k


def dataset_rows(path: Path, n: int, task: str) -> tuple[np.ndarray, np.ndarray, int]:
    """At most n seeded rows of a dataset table."""
    table = pq.read_table(path)
    classes = ["BENIGN", *sorted(set(table.column("label").to_pylist()) - {"BENIGN"})]
    X, y = feature_matrix(table), task_truth(table, task, classes, "BENIGN").astype(np.int64)
    rows = np.random.default_rng(5).permutation(y.size)[:n]
    return X[rows], y[rows], 2 if task == "binary" else len(classes)


def main() -> None:
    """Compare all models on both tasks and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jar", type=Path, default=os.environ.get("WEKA_JAR"))
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if reason := available(arguments.jar):
        print(f"skipped: {reason}; see the first lines of tests/crosscheck/weka.py")
        return
    lines = [HEAD, "|" + "---|" * 11]
    for task in ("binary", "multiclass"):
        X, y, k = (
            dataset_rows(arguments.dataset, arguments.rows, task)
            if arguments.dataset
            else generated(arguments.rows, task)
        )
        for model in WEKA:
            lines.append(table_line(arguments.jar, model, task, (X, y), k))
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print("\n" + text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


def table_line(jar: Path, model: str, task: str, rows: Rows, n_classes: int) -> str:
    """One line of the table: the first four fifths against the rest, and cross-validation over all rows."""
    X, y = rows
    cut = y.size * 4 // 5
    c = compare(jar, model, task, (X[:cut], y[:cut]), (X[cut:], y[cut:]), n_classes)
    weka_cv, our_cv = (
        weka_cross_validation(jar, WEKA[model], rows, n_classes),
        our_cross_validation(model, X, y, n_classes),
    )
    return (
        f"| {model} | {task} | {y.size} | {c.weka_accuracy:.4f} | {c.accuracy:.4f} | {c.same_class_share:.4%} "
        f"| {c.score_gap_median:.1e} | {c.score_gap_p99:.1e} | {c.score_gap_max:.1e} | {weka_cv:.4f} "
        f"| {np.mean(our_cv):.4f} ± {np.std(our_cv, ddof=1):.4f} |"
    )


def our_cross_validation(
    model: str, X: np.ndarray, y: np.ndarray, n_classes: int, *, folds: int = 5, orders: int = 3
) -> list[float]:
    """Accuracy of our 5-fold cross-validation, pooled, for several seeds of folds and order."""
    from iotids.learning.splits.shuffled_folds import stratified_folds

    result = []
    for seed in range(orders):
        test_fold = stratified_folds(y, n_folds=folds, seed=seed)
        hits = 0
        for fold in range(folds):
            train, test = test_fold != fold, test_fold == fold
            scores = fitted_scores(model, X[train], y[train], X[test], n_classes=n_classes, seed=seed)
            hits += int((scores.argmax(axis=1) == y[test]).sum())
        result.append(hits / y.size)
    return result


if __name__ == "__main__":
    main()
