"""The database's own guard: a row of a job that has ended keeps its state, its attempt and its failure.

The services never change one (`services.moves`); this stops whatever goes around them, a shell included. The triggers
are put after every `migrate`, because SQLite forgets a table's triggers when a migration makes the table anew.
"""

from typing import Any

from django.db import connections

from axons_service.jobs.states import TERMINAL

TABLE = "axons_jobs_job"
FROZEN = ("state", "attempt", "kind", "project_id", "failure_class", "failure_message")
SENTENCE = "a job that has ended does not change"
_ENDED = ", ".join(f"'{state}'" for state in sorted(TERMINAL))

SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS job_ended_frozen BEFORE UPDATE OF {", ".join(FROZEN)} ON {TABLE}
WHEN OLD.state IN ({_ENDED}) AND ({" OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FROZEN)})
BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END
"""
# The condition stands in the function, so that no column depends on the trigger and migrations may change them.
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION axons_job_ended_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ({_ENDED}) AND ({" OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in FROZEN)}) THEN
        RAISE EXCEPTION '{SENTENCE}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER job_ended_frozen BEFORE UPDATE ON {TABLE}
FOR EACH ROW EXECUTE FUNCTION axons_job_ended_frozen();
"""
STATEMENTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


def guards_put(*, using: str, **signal: Any) -> None:
    """Receiver of `post_migrate`: put the triggers, where the table is there and the database knows them."""
    connection = connections[using]
    statement = STATEMENTS.get(connection.vendor)
    if statement is None or TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        cursor.execute(statement)
