"""Runners' reports as rows: one event a second for every running job, each in a transaction of its own.

`python -m tests.benchmarks.service.writing SHARE OF`: the jobs of this share, until standard input closes. The protocol
of locks is that of `services.events`: the job's number, then the project's row, then the event.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time

import psycopg

JOBS = "SELECT id, project_id FROM axons_jobs_job WHERE state = 'running' ORDER BY id"
WRITE = """
    WITH numbered AS (
        UPDATE axons_jobs_job SET event_seq = event_seq + 1 WHERE id = %(job)s RETURNING event_seq, attempt
    ), held AS (
        SELECT id FROM axons_exercises_project WHERE id = %(project)s FOR NO KEY UPDATE
    )
    INSERT INTO axons_jobs_event (project_id, job_id, seq, attempt, kind, data, created_at)
    SELECT held.id, %(job)s, numbered.event_seq, numbered.attempt, 'metrics', %(data)s, now() FROM numbered, held
"""


def main() -> None:
    share, of = int(sys.argv[1]), int(sys.argv[2])
    closed = selectors.DefaultSelector()
    closed.register(sys.stdin, selectors.EVENT_READ)
    with psycopg.connect(os.environ["AXONS_DATABASE_URL"], autocommit=True) as connection:
        jobs = connection.execute(JOBS).fetchall()[share::of]
        turn, began, behind = 0, time.time(), 0.0
        while not closed.select(timeout=0):
            for number, (job, project) in enumerate(jobs):
                due = began + turn + number / len(jobs)
                pause = due - time.time()
                if pause > 0.002:
                    time.sleep(pause)
                behind = max(behind, -pause)
                text = f'{{"sent":{time.time():.6f},"step":{turn},"split":"train","loss":0.5,"accuracy":0.8}}'
                connection.execute(WRITE, {"job": job, "project": project, "data": text})
            turn += 1
    print(json.dumps({"events": turn * len(jobs), "behind": behind}), flush=True)


if __name__ == "__main__":
    main()
