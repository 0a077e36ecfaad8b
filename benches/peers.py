#!/usr/bin/env python3
"""Compares rolecall with what one would use instead, on labelled postings of yours.

    cargo build --release --bins --examples
    python3 benches/peers.py TRAIN.csv TEST.csv --json OUT.json

TRAIN and TEST are CSV, plain or gzipped, with columns title, description and label. Models are trained and tested
on the rows whose column label_from says `reading` and whose column language says `en`, where there are such
columns. The peers (Vowpal Wabbit, fastText, scikit-learn) are installed from their packages into a virtual
environment of their own. They predict text that was extracted for them, from memory or from files of their own
format, with their models loaded; rolecall is timed as a whole process, from CSV to CSV. Contestants take turns,
run after run; given are the median and half the distance between fastest and slowest.

Parts (--only): speed, formats, start, train, accuracy, curve. With --json, parts measured earlier are kept.
"""

import argparse
import contextlib
import csv
import gzip
import html
import json
import os
import pickle
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ["numpy<2", "scikit-learn", "fasttext-wheel", "vowpalwabbit"]
ROOT = Path(__file__).resolve().parent.parent
PARTS = ["speed", "formats", "start", "train", "accuracy", "curve"]
MB = 1_000_000
csv.field_size_limit(1 << 30)


# ---- data ----------------------------------------------------------------------------


def rows_of(path):
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def is_english(row):
    return row.get("language", "") in ("en", "")


def labelled(rows):
    """The English rows whose text was read to label them, where rows say such things."""
    rows = [row for row in rows if is_english(row)]
    read = [row for row in rows if row.get("label_from") == "reading"]
    return read or rows


def write_csv(path, names, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def line(text):
    return " ".join(text.split())


def vowpal_line(text, label=""):
    return f"{label} |t {line(text).lower().replace('|', ' ').replace(':', ' ')}\n"


def marked_up(text):
    """An ad as a web page has it."""
    items = (f"<li><b>{html.escape(part)}</b></li>" for part in text.splitlines() if part.strip())
    return "<div><ul>" + "\n".join(items) + "</ul></div>"


def prepare(train, test, work, megabytes):
    """Writes every file that a contestant reads. Runs in a process of its own, for a child's
    peak memory begins with its parent's."""
    everything, size = [], 0
    for row in [*rows_of(train), *rows_of(test)]:
        if size < megabytes * MB:
            everything.append(row)
            size += len(row["description"].encode())
    names = ["title", "description"]
    write_csv(work / "ads.csv", names, everything)
    with open(work / "ads.csv", "rb") as plain, gzip.open(work / "ads.csv.gz", "wb", 6) as packed:
        shutil.copyfileobj(plain, packed)
    with open(work / "ads.jsonl", "w", encoding="utf-8") as file:
        for row in everything:
            file.write(json.dumps({n: row[n] for n in names}, ensure_ascii=False) + "\n")
    marked = ({"title": r["title"], "description": marked_up(r["description"])} for r in everything)
    write_csv(work / "html.csv", names, marked)
    with open(work / "ads.vw", "w", encoding="utf-8") as file:
        file.writelines(vowpal_line(row["description"]) for row in everything)
    texts = [line(row["description"]) for row in everything]
    pickle.dump(texts, open(work / "texts.pickle", "wb"))
    is_middling = lambda row: 3600 <= len(row["description"].encode()) <= 4400
    middling = [row for row in everything if is_middling(row) and is_english(row)]
    write_csv(work / "middling.csv", names, middling)
    if middling:
        closest = min(middling, key=lambda row: abs(len(row["description"].encode()) - 4096))
        (work / "ad.txt").write_text(closest["description"], encoding="utf-8")
    for name, rows in [("train", labelled(rows_of(train))), ("test", labelled(rows_of(test)))]:
        write_csv(work / f"{name}.csv", list(rows[0]), rows)
    sizes = {
        "text": sum(len(text.encode()) for text in texts),
        "ads": len(texts),
        "middling": len(middling),
        "middling_bytes": sum(len(row["description"].encode()) for row in middling),
    }
    (work / "sizes.json").write_text(json.dumps(sizes))


def grow(work, megabytes):
    """Writes the ads over and over, to about so many megabytes in all; gives how many."""
    head, _, body = (work / "ads.csv").read_bytes().partition(b"\n")
    with open(work / "grown.csv", "wb") as file:
        file.write(head + b"\n")
        left = int(megabytes * MB)
        while left > len(body):
            left -= file.write(body)
        file.write(body[: end_of_record(body, left)])
        return file.tell() / MB


def end_of_record(body, about):
    """The end of the last whole record within the first `about` bytes."""
    end = body.rfind(b"\n", 0, about)
    while end > 0 and body.count(b'"', 0, end) % 2:
        end = body.rfind(b"\n", 0, end)
    return end + 1


# ---- the peers, each in a process of the virtual environment ---------------------------


def pipeline(words):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(
        ngram_range=(1, words),
        min_df=3,
        max_df=0.5,
        sublinear_tf=True,
        max_features=50_000,
        token_pattern=r"[A-Za-z0-9][A-Za-z0-9+#./\-]*",
    )
    return make_pipeline(vectorizer, LogisticRegression(C=10, class_weight="balanced", max_iter=3000))


def fit_sklearn(work, words, out=None):
    import sklearn.linear_model  # noqa: F401  importing is not timed

    begun = time.perf_counter()
    rows = list(rows_of(work / "train.csv"))
    fitted = pipeline(words).fit([r["description"] for r in rows], [r["label"] for r in rows])
    with open(out or os.devnull, "wb") as file:
        pickle.dump(fitted, file)
    return time.perf_counter() - begun


def fit_fasttext(work):
    import fasttext

    with open(work / "train.ft", "w", encoding="utf-8") as file:
        for row in rows_of(work / "train.csv"):
            file.write(f"__label__{row['label']} {line(row['description']).lower()}\n")
    settings = {"dim": 100, "wordNgrams": 2, "epoch": 25, "lr": 0.5, "thread": 1, "seed": 0, "verbose": 0}
    fasttext.train_supervised(str(work / "train.ft"), **settings).save_model(str(work / "model.ft"))


def fit_vowpal(work):
    import vowpalwabbit

    rows = list(rows_of(work / "train.csv"))
    labels = sorted({row["label"] for row in rows})
    counts = {label: sum(row["label"] == label for row in rows) for label in labels}
    weight = {label: len(rows) / (len(labels) * counts[label]) for label in labels}
    random.Random(0).shuffle(rows)
    learner = vowpalwabbit.Workspace(f"--oaa {len(labels)} -b 22 --ngram t2 --loss_function logistic --quiet")
    for _ in range(5):
        for row in rows:
            label = row["label"]
            learner.learn(vowpal_line(row["description"], f"{labels.index(label) + 1} {weight[label]:.4f}"))
    learner.save(str(work / "model.vw"))
    learner.finish()
    (work / "labels.json").write_text(json.dumps(labels))


def texts_of(work, megabytes):
    texts, size = [], 0
    for text in pickle.load(open(work / "texts.pickle", "rb")):
        texts.append(text)
        size += len(text.encode())
        if size >= megabytes * MB:
            break
    return texts, size


def predict(work, peer, megabytes):
    """Seconds a megabyte of text."""
    if peer == "vowpal":
        import vowpalwabbit

        size = json.loads((work / "sizes.json").read_text())["text"]
        settings = f"-t -i {work}/model.vw -d {work}/ads.vw -p {work}/predictions.vw --quiet"
        begun = time.perf_counter()
        vowpalwabbit.Workspace(settings).finish()
    elif peer == "fasttext":
        import fasttext

        model = fasttext.load_model(str(work / "model.ft"))
        texts, size = texts_of(work, megabytes)
        texts = [text.lower() for text in texts]
        begun = time.perf_counter()
        model.predict(texts)
    else:
        model = pickle.load(open(work / f"model.{peer}", "rb"))
        texts, size = texts_of(work, megabytes)
        begun = time.perf_counter()
        for at in range(0, len(texts), 1000):
            model.predict(texts[at : at + 1000])
    return (time.perf_counter() - begun) / (size / MB)


def macro_f1(truth, predicted):
    labels = sorted(set(truth))
    scores = []
    for label in labels:
        both = sum(t == label == p for t, p in zip(truth, predicted))
        either = sum((t == label) + (p == label) for t, p in zip(truth, predicted))
        scores.append(2 * both / either if either else 0.0)
    return sum(scores) / len(scores)


def peers_accuracy(work):
    import fasttext
    import vowpalwabbit

    rows = list(rows_of(work / "test.csv"))
    truth, texts = [r["label"] for r in rows], [r["description"] for r in rows]
    scores = {}
    for words, name in [(1, "scikit-learn, words"), (2, "scikit-learn, words and pairs")]:
        model = pickle.load(open(work / f"model.sklearn{words}", "rb"))
        scores[name] = macro_f1(truth, list(model.predict(texts)))
    model = fasttext.load_model(str(work / "model.ft"))
    predicted = [model.predict(line(text).lower())[0][0].removeprefix("__label__") for text in texts]
    scores["fastText, words and pairs"] = macro_f1(truth, predicted)
    labels = json.loads((work / "labels.json").read_text())
    learner = vowpalwabbit.Workspace(f"-t -i {work}/model.vw --quiet")
    predicted = [labels[int(learner.predict(vowpal_line(text))) - 1] for text in texts]
    scores["Vowpal Wabbit, words and pairs"] = macro_f1(truth, predicted)
    return scores


def objective():
    """The optimum of the matrix that the tests of src/training/logistic.rs make, as
    scikit-learn finds it: what is recorded there."""
    import numpy
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    columns, rows, state = 20_000, 1000, 1
    indices, values, starts, targets = [], [], [0], []

    def draw():
        nonlocal state
        state = (state * 0x5851F42D4C957F2D + 1) % 2**64
        return state >> 33

    for _ in range(rows):
        draws = [draw() for _ in range(120)]
        ids = sorted({(columns * d // 2**31) * d // 2**31 for d in draws})
        votes = [0] * 4
        for at in ids:
            votes[(at * 2_654_435_761) % 2**32 >> 30] += 1
        indices += ids
        values += [1 / len(ids) ** 0.5] * len(ids)
        starts.append(len(indices))
        most = max(range(4), key=lambda label: (votes[label], label))
        targets.append(draw() % 4 if draw() % 5 == 0 else most)
    matrix = csr_matrix((values, indices, starts), shape=(rows, columns))
    fitted = LogisticRegression(C=1.0, tol=1e-12, max_iter=100_000).fit(matrix, targets)
    logits = fitted.decision_function(matrix)
    largest = logits.max(axis=1, keepdims=True)
    normaliser = numpy.log(numpy.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    loss = (normaliser - logits[numpy.arange(rows), targets]).sum()
    return float(loss + 0.5 * (fitted.coef_**2).sum())


def worker(name, work, arguments):
    """What a process of the virtual environment does; its answer is printed as JSON."""
    if name == "fit":
        peer = arguments[0]
        if peer == "fasttext":
            return fit_fasttext(work)
        if peer == "vowpal":
            return fit_vowpal(work)
        return fit_sklearn(work, int(peer[-1]), work / f"model.{peer}")
    if name == "time-fit":
        return fit_sklearn(work, 1)
    if name == "predict":
        return predict(work, arguments[0], float(arguments[1]))
    if name == "accuracy":
        return peers_accuracy(work)
    if name == "grow":
        return grow(work, float(arguments[0]))
    if name == "objective":
        return objective()
    if name == "versions":
        from importlib.metadata import version

        return {package: version(package) for package in ["scikit-learn", "fasttext-wheel", "vowpalwabbit"]}
    prepare(Path(arguments[0]), Path(arguments[1]), work, float(arguments[2]))
    return None


# ---- running and timing ------------------------------------------------------------------


@contextlib.contextmanager
def cores(n):
    """Children started within run on the first `n` cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:n]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(command, okay=(0,)):
    """Seconds and peak megabytes of a process."""
    begun = time.perf_counter()
    child = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, close_fds=False
    )
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in okay:
        sys.exit(f"{' '.join(map(str, command))} ended with {child.returncode}:\n{errors.decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024


class Bench:
    def __init__(self, options):
        self.options, self.work = options, options.work
        self.python = options.venv / "bin" / "python"
        self.results = {}
        if options.json and options.json.exists():
            self.results = json.loads(options.json.read_text())

    def ask(self, name, *arguments):
        command = [self.python, __file__, "--worker", name, "--work", self.work, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        answer = subprocess.run(
            [str(part) for part in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if answer.returncode:
            sys.exit(f"{name} {arguments}:\n{answer.stderr.decode()[-2000:]}")
        return json.loads(answer.stdout.splitlines()[-1])

    def set_up(self):
        if not self.python.exists():
            print(f"installing {', '.join(PACKAGES)} into {self.options.venv}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", self.options.venv], check=True)
            subprocess.run([self.python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        self.work.mkdir(parents=True, exist_ok=True)
        if not (self.work / "sizes.json").exists():
            print("preparing the data", file=sys.stderr)
            self.ask("prepare", self.options.train, self.options.test, str(self.options.megabytes))
        if not (self.work / "ads.parquet").exists():
            # With labels of an earlier labelling under other names, which cost nothing to read past.
            packed = self.work / "ads.parquet"
            self.rolecall("label", self.work / "ads.csv", "-o", packed, "--prefix", "earlier_", "-q")
        for peer in ["sklearn1", "sklearn2", "fasttext", "vowpal"]:
            name = {"fasttext": "model.ft", "vowpal": "model.vw"}.get(peer, f"model.{peer}")
            if not (self.work / name).exists():
                print(f"training {peer}", file=sys.stderr)
                self.ask("fit", peer)
        self.sizes = json.loads((self.work / "sizes.json").read_text())

    def rolecall(self, *arguments, okay=(0, 1)):
        """Seconds and peak megabytes of the command; rows that it rejects are no failure."""
        return run([self.options.rolecall, *arguments], okay)

    def bare(self, kind, name):
        with cores(1):
            answer = subprocess.run([self.options.bare, kind, self.work / name], check=True, stdout=subprocess.PIPE)
        return json.loads(answer.stdout)

    def take_turns(self, contestants, runs):
        """{name: work that gives a number} → {name: {median, least, most, runs}}."""
        times = {name: [] for name in contestants}
        for _ in range(runs):
            for name, work in contestants.items():
                times[name].append(work())
        return {name: summary(values) for name, values in times.items()}

    def keep(self, part, results):
        self.results[part] = results
        if self.options.json:
            self.options.json.write_text(json.dumps(self.results, indent=1) + "\n")

    # ---- the parts ----

    def label(self, name, out, threads=1):
        """Seconds of a whole labelling."""
        out = self.work / out
        out.unlink(missing_ok=True)
        with cores(threads):
            return self.rolecall("label", self.work / name, "-o", out, "-q", "--threads", threads)[0]

    def speed(self):
        megabytes = self.sizes["text"] / MB
        predict = lambda peer, mb: lambda: self.pinned_predict(peer, mb)
        seconds = self.take_turns(
            {
                "rolecall label": lambda: self.label("ads.csv", "out.csv") / megabytes,
                "Vowpal Wabbit": predict("vowpal", 0),
                "fastText": predict("fasttext", 20),
                "scikit-learn, words": predict("sklearn1", 10),
                "scikit-learn, words and pairs": predict("sklearn2", 5),
                "the csv crate, bare": lambda: self.bare("csv", "ads.csv")["seconds"] / megabytes,
                "rolecall label, 2 threads": lambda: self.label("ads.csv", "out.csv", 2) / megabytes,
            },
            self.options.runs,
        )
        self.keep("speed", {"text_mb": megabytes, "ads": self.sizes["ads"], "seconds_per_mb": seconds})

    def pinned_predict(self, peer, megabytes):
        with cores(1):
            return self.ask("predict", peer, str(megabytes))

    def formats(self):
        kinds = [
            ("CSV", "ads.csv", "csv", "out.csv"),
            ("JSON Lines", "ads.jsonl", "jsonl", "out.jsonl"),
            ("CSV, gzipped", "ads.csv.gz", "csv-gz", "out.csv"),
            ("CSV of HTML", "html.csv", "csv", "out.csv"),
            ("Parquet", "ads.parquet", "parquet", "out.parquet"),
        ]
        contestants = {}
        for kind, name, bare, out in kinds:
            contestants[f"{kind}, label"] = lambda name=name, out=out: self.label(name, out)
            contestants[f"{kind}, bare"] = lambda name=name, bare=bare: self.bare(bare, name)["seconds"]
        seconds = self.take_turns(contestants, self.options.runs)
        sizes = {kind: (self.work / name).stat().st_size / MB for kind, name, _, _ in kinds}
        self.keep("formats", {"file_mb": sizes, "seconds": seconds})

    def start(self):
        ad = self.work / "ad.txt"
        milliseconds = self.take_turns(
            {
                "rolecall --version": lambda: self.rolecall("--version")[0] * 1e3,
                "rolecall classify, one ad of 4 KB": lambda: self.rolecall("classify", ad)[0] * 1e3,
            },
            200,
        )
        with cores(1):
            command = [self.options.rolecall, "bench", self.work / "middling.csv", "--json", "--threads", "1"]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        measured = json.loads(answer.stdout)["inputs"][0]
        language = next(s["us_per_posting"] for s in measured["stages"] if s["stage"] == "language")
        bare = [self.bare("csv-memory", "middling.csv") for _ in range(9)]
        microseconds = {
            "classify an ad of 4 KB": measured["next_ad"]["median_us"],
            "of it, telling the language": language,
            "the csv crate reading the same": statistics.median(b["seconds"] / b["records"] for b in bare) * 1e6,
        }
        self.keep("start", {"milliseconds": milliseconds, "microseconds": microseconds})

    def train(self):
        def ours():
            model = self.work / "own.model"
            model.unlink(missing_ok=True)
            return self.rolecall("train", self.work / "train.csv", "--fixed", "-o", model)[0]

        runs = min(self.options.runs, 3)
        seconds = self.take_turns(
            {"rolecall train --fixed": ours, "scikit-learn, words, logistic": lambda: self.ask("time-fit")}, runs
        )
        self.keep("train", {"seconds": seconds, "objective": self.ask("objective")})

    def accuracy(self):
        model, metrics = self.work / "own.model", self.work / "metrics.json"
        if not model.exists():
            self.rolecall("train", self.work / "train.csv", "--fixed", "-o", model)
        scores = self.ask("accuracy")
        self.rolecall("evaluate", self.work / "test.csv", "--model", model, "--metrics", metrics)
        for kind in json.loads(metrics.read_text())["summaries"]:
            scores[f"rolecall, {kind['name']}"] = kind["macro_f1"]["value"]
        self.keep("accuracy", scores)

    def curve(self):
        points, megabytes = [], 1
        while megabytes <= self.options.curve_mb:
            size = self.ask("grow", str(megabytes))
            seconds, peak = self.rolecall("label", self.work / "grown.csv", "-o", os.devnull, "-q")
            points.append({"mb": size, "seconds": seconds, "peak_mb": peak})
            megabytes *= 4
        (self.work / "grown.csv").unlink(missing_ok=True)
        self.keep("curve", points)


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "runs": len(values)}


# ---- the table -----------------------------------------------------------------------------


def spread(s):
    return f"±{(s['most'] - s['least']) / 2 / s['median'] * 100:.0f} %"


def table(results):
    out = []
    if speed := results.get("speed"):
        seconds = speed["seconds_per_mb"]
        ours = seconds["rolecall label"]["median"]
        out.append(f"One core, {speed['ads']} ads, {speed['text_mb']:.1f} MB of text")
        out.append(f"{'':34}{'MB/s':>8}{'':>8}{'rolecall is … times as fast':>30}")
        for name, s in seconds.items():
            out.append(f"{name:34}{1 / s['median']:8.1f}{spread(s):>8}{s['median'] / ours:30.2f}")
        out.append(f"two threads against one: {ours / seconds['rolecall label, 2 threads']['median']:.2f}")
    if formats := results.get("formats"):
        out.append(f"\n{'label, one thread':18}{'file MB':>8}{'MB/s':>8}{'':>8}{'bare MB/s':>11}{'':>8}{'share':>7}")
        for kind, size in formats["file_mb"].items():
            ours, bare = (formats["seconds"][f"{kind}, {w}"] for w in ("label", "bare"))
            rates = f"{size / ours['median']:8.1f}{spread(ours):>8}{size / bare['median']:11.1f}{spread(bare):>8}"
            out.append(f"{kind:18}{size:8.1f}{rates}{bare['median'] / ours['median']:7.2f}")
    if start := results.get("start"):
        version, classify = start["milliseconds"].values()
        beyond = classify["median"] - version["median"]
        out.append(f"\nclassify, one ad of 4 KB, whole process: {classify['median']:.2f} ms {spread(classify)}")
        out.append(f"  beyond --version ({version['median']:.2f} ms): {beyond:.2f} ms")
        whole, language, bare = start["microseconds"].values()
        out.append(f"in process: {whole:.1f} µs, {language:.1f} of them for the language; the csv crate: {bare:.2f} µs")
        out.append(f"  without the language, times the csv crate: {(whole - language) / bare:.1f}")
    if train := results.get("train"):
        ours, theirs = train["seconds"].values()
        out.append(f"\ntrain --fixed: {ours['median']:.1f} s {spread(ours)}")
        out.append(f"scikit-learn, TF-IDF of words, logistic: {theirs['median']:.1f} s {spread(theirs)}")
        out.append(f"  rolecall is {theirs['median'] / ours['median']:.2f} times as fast")
        out.append(f"objective of scikit-learn on the matrix of the tests: {train['objective']:.9f}")
    if accuracy := results.get("accuracy"):
        out.append("\nmacro-F1")
        out += [f"  {name:40}{score:.3f}" for name, score in sorted(accuracy.items(), key=lambda kv: kv[1])]
    if curve := results.get("curve"):
        out.append(f"\n{'label, MB':>10}{'s':>9}{'MB/s':>8}{'peak MB':>9}")
        for p in curve:
            out.append(f"{p['mb']:10.0f}{p['seconds']:9.2f}{p['mb'] / p['seconds']:8.1f}{p['peak_mb']:9.1f}")
    return "\n".join(out)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, nargs="?")
    parser.add_argument("test", type=Path, nargs="?")
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    parser.add_argument("--venv", type=Path, default=ROOT / "target/peers", help="the virtual environment")
    parser.add_argument("--work", type=Path, default=ROOT / "target/peers-work", help="prepared data and models")
    parser.add_argument("--rolecall", type=Path, default=built / "rolecall")
    parser.add_argument("--bare", type=Path, default=built / "examples/bare")
    parser.add_argument("--runs", type=int, default=5, help="runs of every contestant")
    parser.add_argument("--megabytes", type=float, default=100, help="at most so much text")
    parser.add_argument("--curve-mb", type=float, default=4096, help="the largest file of the curve")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to measure, joined by commas; `none`: show")
    parser.add_argument("--json", type=Path, help="keep all results in this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    return parser


def main():
    if "--worker" in sys.argv:
        at = sys.argv.index("--worker")
        _, name, _, work, *rest = sys.argv[at:]
        print(json.dumps(worker(name, Path(work), rest)))
        return
    parser = arguments()
    options = parser.parse_args()
    parts = [] if options.only == "none" else options.only.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; the parts are {', '.join(PARTS)}")
    bench = Bench(options)
    if parts:
        if not (options.train and options.test):
            parser.error("give the labelled files TRAIN and TEST")
        for program in (options.rolecall, options.bare):
            if not program.exists():
                parser.error(f"{program} is not there; cargo build --release --bins --examples")
        bench.set_up()
        bench.results["versions"] = bench.ask("versions")
    for part in parts:
        print(f"measuring: {part}", file=sys.stderr)
        getattr(bench, part)()
    print(table(bench.results))


if __name__ == "__main__":
    main()
