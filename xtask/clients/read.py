"""Reads a run's history with readers nobody here wrote, pandas (PyArrow) and DuckDB, and says what they found.

    read.py RUN_FOLDER

Prints one JSON object: rows by kind as each reader counts them.
"""

import json
import pathlib
import sys

import duckdb
import pandas

history = pathlib.Path(sys.argv[1]) / "stores" / "history"
found = {}
for kind in sorted(path for path in history.iterdir() if path.is_dir()):
    files = sorted(kind.rglob("*.parquet"))
    frame = pandas.concat([pandas.read_parquet(file) for file in files])
    if not str(frame["time"].dtype).startswith("datetime64"):
        sys.exit(f"{kind.name}: time is {frame['time'].dtype}, not a date and time")
    if frame.duplicated(["device", "epoch", "sequence"]).any():
        sys.exit(f"{kind.name}: a record is there twice")
    query = f"select count(*), count(distinct (device, epoch, sequence)) from read_parquet('{kind}/**/*.parquet')"
    rows, distinct = duckdb.sql(query).fetchall()[0]
    if rows != distinct or rows != len(frame):
        sys.exit(f"{kind.name}: pandas has {len(frame)} rows, DuckDB {rows}, distinct {distinct}")
    found[kind.name] = rows
print(json.dumps(found))
