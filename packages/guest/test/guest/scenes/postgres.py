#!/usr/bin/python3
"""Checks that a replica that was cut off for an hour gets the rows that it has missed."""
import os
import subprocess
import time

start = time.monotonic()


def sql(host, text):
    command = ["psql", "--host", host, "--username", "postgres", "--no-align", "--tuples-only", "--command", text]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def wire(spec):
    link = f"{os.environ['VNET_LAB']}:primary/replica"
    subprocess.run(["vnet", "wire", link, spec], check=True, stdout=subprocess.DEVNULL)


def report(text):
    print(f"{time.monotonic() - start:6.0f} s: {text}", flush=True)


def wait_for(host, text, expected):
    while sql(host, text) != expected:
        time.sleep(5)


ROWS, SENDERS = "select count(*) from numbers", "select count(*) from pg_stat_replication"
wait_for("primary", SENDERS, "1")
sql("primary", "create table numbers as select generate_series(1, 1000)")
wait_for("replica", ROWS, "1000")
report("the replica has 1000 rows")
wire("loss 100%")
sql("primary", "insert into numbers select generate_series(1, 50000)")
wait_for("primary", SENDERS, "0")
report("the primary has given the replica up")
time.sleep(3600)
wire("delay 1ms")
report("the link is back")
wait_for("primary", SENDERS, "1")
wait_for("primary", "select count(*) from pg_stat_replication where replay_lsn = pg_current_wal_lsn()", "1")
assert sql("replica", ROWS) == "51000"
report("the replica has 51000 rows")
