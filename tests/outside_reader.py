"""Labels files in every format and reads the outputs with Python's own csv, json and pyarrow.

usage: outside_reader.py ROLECALL [CSV…]

Row count, order and every original value must come back. Further CSV files (plain or gzipped) are checked the same way.
Parquet is left out, saying so, where pyarrow is missing. Exit code 0: all the same.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import pathlib
import subprocess
import sys
import tempfile

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    pyarrow = None

csv.field_size_limit(1 << 30)
ROLECALL = sys.argv[1]
NAMES = ["id", "title", "description", "note", "Größe"]
TEXTS = [
    "You run A/B tests, frame business questions and build regression models in Python and SQL, with solid statistics.",
    "You train deep learning models in PyTorch and deploy them for ranking, with feature engineering and TensorFlow.",
    "You run the Kubernetes clusters, the feature store and the model registry, and automate deployment with CI/CD.",
    "Care for patients on the ward,\nat night; a \"registered\" nurse\r\nwith a licence.",
    "",
]
NOTES = ["", "a,b;c|d\te", 'says "yes"', "línea – 日本語 😀", " spaces ", "'", "1e400", "null", "\\n", "=1+1"]
ROWS = [
    [str(i), f"Title {i}", TEXTS[i % 5], NOTES[i % 10], NOTES[(i * 7 + 3) % 10]] for i in range(500)
]
PACKED = {"": lambda b: b, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
OPENED = {"": lambda b: b, ".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
failures = 0


def check(what, found, expected):
    global failures
    if found == expected:
        print(f"ok      {what}")
        return
    failures += 1
    print(f"DIFFERS {what}: {len(found)} rows, expected {len(expected)}")
    for i, (f, e) in enumerate(zip(found, expected)):
        if f != e:
            print(f"  row {i}: {f!r}\n  not   {e!r}")
            break


def label(source, target, *options):
    command = [ROLECALL, "label", str(source), "-o", str(target), "--quiet", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")


def read_csv(data, delimiter=","):
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=delimiter))


def originals(rows, width):
    for row in rows[1:]:
        assert row[-2] in ("ok", "short", "foreign", "title-only", "unsure"), row
    return [row[:width] for row in rows]


def as_csv(delimiter=",", line_end="\r\n"):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows([NAMES, *ROWS])
    return out.getvalue()


def delimited(here):
    for delimiter, extension in [(",", "csv"), ("\t", "tsv"), (";", "csv"), ("|", "csv")]:
        for packing in PACKED:
            for line_end in ["\n", "\r\n"]:
                source, target = here / f"in.{extension}{packing}", here / f"out.{extension}{packing}"
                source.write_bytes(PACKED[packing](as_csv(delimiter, line_end).encode()))
                label(source, target, *(["--format", extension] if delimiter in ";|" else []))
                rows = read_csv(OPENED[packing](target.read_bytes()), "\t" if extension == "tsv" else ",")
                name = f"{extension}{packing} with {delimiter!r} and {line_end!r}"
                check(name, originals(rows, len(NAMES)), [NAMES, *ROWS])
    for encoding in ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]:
        source, target = here / "in.csv", here / "out.csv"
        source.write_bytes(as_csv().encode(encoding))
        label(source, target)
        check(encoding, originals(read_csv(target.read_bytes()), len(NAMES)), [NAMES, *ROWS])
    source.write_bytes(as_csv().replace("日本語 😀", "é").encode("cp1252"))
    label(source, target)
    expected = [[v.replace("日本語 😀", "é") for v in row] for row in [NAMES, *ROWS]]
    check("windows-1252", originals(read_csv(target.read_bytes()), len(NAMES)), expected)


OBJECTS = [
    dict(zip(NAMES, row), number=i * 1.5, nested={"a": [i, None, {"b": "\u2028\"\\"}]}, empty=None, yes=True)
    for i, row in enumerate(ROWS)
]


def objects(text):
    kept = []
    for line in text.decode("utf-8").split("\n")[:-1]:
        row = json.loads(line)
        at = list(row).index("role")
        kept.append({key: row[key] for key in list(row)[:at]})
    return kept


def json_formats(here):
    lines = "".join(json.dumps(o, ensure_ascii=i % 2 == 0) + "\n" for i, o in enumerate(OBJECTS))
    for packing in PACKED:
        source, target = here / f"in.jsonl{packing}", here / f"out.jsonl{packing}"
        source.write_bytes(PACKED[packing](lines.encode()))
        label(source, target)
        check(f"jsonl{packing}", objects(OPENED[packing](target.read_bytes())), OBJECTS)
    source, target = here / "in.jsonl", here / "out.csv"
    label(source, target)
    as_text = lambda v: "" if v is None else v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
    rows = originals(read_csv(target.read_bytes()), len(OBJECTS[0]))
    found = [[*r[: len(NAMES)], float(r[5]), json.loads(r[6]), *r[7:]] for r in rows[1:]]
    expected = [[*list(o.values())[:7], as_text(None), "true"] for o in OBJECTS]
    check("jsonl to csv", found, expected)
    csv_in, lines_out = here / "in.csv", here / "out2.jsonl"
    csv_in.write_text(as_csv(), encoding="utf-8", newline="")
    label(csv_in, lines_out)
    check("csv to jsonl", objects(lines_out.read_bytes()), [dict(zip(NAMES, row)) for row in ROWS])
    postings = [{"@type": "JobPosting", **o} for o in OBJECTS]
    lever = [{"text": o["title"], "descriptionPlain": o["description"], "lists": [{"content": "x"}]} for o in OBJECTS]
    feeds = {
        "array": (OBJECTS, OBJECTS),
        "schema.org @graph": ({"@graph": [{"@type": "Organization"}, *postings]}, postings),
        "schema.org object": (postings[0], postings[:1]),
        "greenhouse": ({"jobs": [{"title": "a", "content": t} for t in TEXTS]}, [{"title": "a", "content": t} for t in TEXTS]),
        "lever": (lever, lever),
        "ashby": (
            {"jobs": [{"title": "a", "descriptionPlain": t, "isListed": bool(t)} for t in TEXTS], "apiVersion": "1"},
            [{"title": "a", "descriptionPlain": t, "isListed": True} for t in TEXTS if t],
        ),
    }
    for name, (document, expected) in feeds.items():
        for indent in [None, 2]:
            source, target = here / "feed.json", here / "feed.jsonl"
            source.write_text(json.dumps(document, indent=indent), encoding="utf-8")
            label(source, target)
            check(f"{name}, indent {indent}", objects(target.read_bytes()), expected)
    jobs = "".join(f"<job><title><![CDATA[{o['title']}]]></title><description><![CDATA[{o['description']}]]></description></job>" for o in OBJECTS)
    (here / "feed.xml").write_text(f"<?xml version='1.0'?><source>{jobs}</source>", encoding="utf-8", newline="")
    label(here / "feed.xml", here / "xml.jsonl")
    expected = [{"title": o["title"], "description": o["description"]} for o in OBJECTS]
    check("indeed xml", objects((here / "xml.jsonl").read_bytes()), expected)


def parquet(here):
    if pyarrow is None:
        print("skipped Parquet: pyarrow is not installed")
        return
    typed = [{**o, "nested": {"a": [i, None], "b": {"c": "x"}}} for i, o in enumerate(OBJECTS)]
    table = pyarrow.Table.from_pylist(typed)
    source, target = here / "in.parquet", here / "out.parquet"
    pyarrow.parquet.write_table(table, source, row_group_size=130)
    label(source, target)
    back = pyarrow.parquet.read_table(target)
    check("parquet", back.select(table.column_names).to_pylist(), typed)
    check("parquet types", back.select(table.column_names).schema.types, table.schema.types)
    label(source, here / "from.jsonl")
    check("parquet to jsonl", objects((here / "from.jsonl").read_bytes()), typed)
    label(here / "in.csv", here / "from.parquet")
    back = pyarrow.parquet.read_table(here / "from.parquet").select(NAMES).to_pylist()
    check("csv to parquet", back, [dict(zip(NAMES, row)) for row in ROWS])
    label(here / "in.jsonl", here / "from2.parquet")
    back = pyarrow.parquet.read_table(here / "from2.parquet").select(NAMES).to_pylist()
    check("jsonl to parquet", back, [dict(zip(NAMES, row)) for row in ROWS])


def given(here, path):
    data = pathlib.Path(path).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    expected = read_csv(data)
    for name in ["given.csv", "given.csv.gz", "given.jsonl"]:
        label(path, here / name)
        out = (here / name).read_bytes()
        if name.endswith("jsonl"):
            found = [expected[0], *([*o.values()] for o in objects(out))]
        else:
            found = originals(read_csv(gzip.decompress(out) if name.endswith("gz") else out), len(expected[0]))
        check(f"{path} to {name}", found, expected)


with tempfile.TemporaryDirectory() as directory:
    here = pathlib.Path(directory)
    delimited(here)
    json_formats(here)
    parquet(here)
    for path in sys.argv[2:]:
        given(here, path)
sys.exit(1 if failures else 0)
