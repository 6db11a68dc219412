/** What was deleted: a line with Undo at once, and a panel with everything that can still come back. */
import { useEffect, useRef, useState } from "preact/hooks";
import { bytes } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import type { ProjectState, TrashEntry, TrashKind } from "../core/types";
import { runName } from "../core/words";
import { Button, Notice, Problem, Time } from "../ui/basics";
import { useDesk } from "./context";

/** The page's own word for what is in an entry. */
export function trashTitle(project: ProjectState, entry: TrashEntry): string {
  if (entry.kind === "job" && project.runs?.includes(entry.object)) return runName(project, entry.object);
  if (entry.kind === "project") return entry.reason === "course_ended" ? t("Everything from before the course ended") : t("Everything in this exercise");
  return entry.title;
}

/** Deletes one thing. Nothing is asked first: the line that appears takes it back. */
export function Discard({ kind, object, children }: { kind: TrashKind; object: string; children: string }) {
  const { session, discarded } = useDesk();
  const discard = useAsk(async () => discarded(await session.discard(kind, object)));
  return (
    <>
      <Button small look="quiet" icon="trash" busy={discard.busy} onClick={() => void discard.run()}>{children}</Button>
      <Problem error={discard.error} />
    </>
  );
}

/** The last deletion, to be taken back in one press. It stays until it is dismissed. */
export function UndoLine({ entry, onDone }: { entry: TrashEntry; onDone: () => void }) {
  const { session, project } = useDesk();
  const undo = useAsk(async () => {
    await session.restore(entry.id);
    onDone();
  });
  const line = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The button that was pressed is gone: whoever steers by keyboard goes on here.
    line.current?.querySelector("button")?.focus({ preventScroll: true });
  }, [entry.id]);
  return (
    <div ref={line} class="ax-undo">
      <div class="ax-undo-line">
        <p role="status">{t("“{name}” is in the trash.", { name: trashTitle(project, entry) })}</p>
        <Button small icon="undo" busy={undo.busy} onClick={() => void undo.run()}>{t("Undo")}</Button>
        <Button small look="quiet" onClick={onDone}>{t("Dismiss")}</Button>
      </div>
      <Problem error={undo.error} />
    </div>
  );
}

/** How full it is, from 80 % on, in the service's own words. */
export function StorageNotice({ project, onTrash }: { project: ProjectState; onTrash: () => void }) {
  const storage = project.storage;
  if (!storage?.message) return null;
  const empty = storage.trash_bytes <= 0;
  return (
    <div class="ax-room">
      <Notice kind={storage.level === "full" ? "error" : "warning"} title={storage.level === "full" ? t("There is no room left") : t("The room is getting short")}>
        <p>{storage.message}</p>
        {empty ? null : <div class="ax-row"><Button small icon="trash" onClick={onTrash}>{t("Open the trash")}</Button></div>}
      </Notice>
    </div>
  );
}

/** `asked` counts how often something else on the page asked for it to be opened. */
export function TrashPanel({ changes, asked }: { changes: number; asked: number }) {
  const { session, project } = useDesk();
  const [open, setOpen] = useState(false);
  const [entries, setEntries] = useState<TrashEntry[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const load = useAsk(async (after?: string) => {
    const page = await session.trash(after);
    setEntries((old) => (after ? [...(old ?? []), ...page.entries] : page.entries));
    setNext(page.next);
  });
  useEffect(() => {
    if (open) void load.run();
  }, [open, changes]);
  const panel = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (asked === 0 || !panel.current) return;
    panel.current.open = true;
    panel.current.querySelector("summary")?.focus();
    panel.current.scrollIntoView({ block: "start" });
  }, [asked]);
  const filled = project.storage?.trash_bytes ?? 0;
  const quota = project.storage?.quota_bytes ?? null;
  const used = project.storage?.used_bytes ?? 0;
  const something = project.training_sets.length + project.jobs.length + project.models.length > 0;
  return (
    <details ref={panel} class="ax-details ax-trash" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{filled > 0 ? t("Trash: {size}", { size: bytes(filled) }) : t("Trash")}</summary>
      <p class="ax-help">
        {t("What you delete can be brought back for 14 days. Until then it takes up room.")}{" "}
        {quota === null ? null : t("Used here: {used} of {quota}.", { used: bytes(used), quota: bytes(quota) })}
      </p>
      {entries === null ? (load.error ? null : <p class="ax-hint" role="status">{t("Loading…")}</p>) : entries.length === 0 ? <p>{t("The trash is empty.")}</p> : (
        <ul class="ax-trash-list">
          {entries.map((entry) => <Entry key={entry.id} entry={entry} onGone={() => setEntries((old) => (old ?? []).filter((each) => each.id !== entry.id))} />)}
        </ul>
      )}
      {next ? <Button small busy={load.busy} onClick={() => void load.run(next)}>{t("Show more")}</Button> : null}
      <Problem error={load.error} />
      {something ? <Discard kind="project" object={project.id}>{t("Delete everything here")}</Discard> : null}
    </details>
  );
}

function Entry({ entry, onGone }: { entry: TrashEntry; onGone: () => void }) {
  const { session, project } = useDesk();
  const [sure, setSure] = useState(false);
  const restore = useAsk(async () => {
    await session.restore(entry.id);
    onGone();
  });
  const purge = useAsk(async () => {
    await session.purge(entry.id);
    onGone();
  });
  const days = Math.max(0, Math.ceil((new Date(entry.expires_at).getTime() - Date.now()) / 86_400_000));
  const name = trashTitle(project, entry);
  return (
    <li>
      <div class="ax-trash-words">
        <strong><bdi>{name}</bdi></strong>
        <span class="ax-hint">
          {entry.bytes > 0 ? <>{bytes(entry.bytes)} · </> : null}
          {t("deleted")} <Time value={entry.created_at} />{entry.reason === "person" && !entry.by_learner ? <> {t("by course staff")}</> : null} · {tn("{n} day left", "{n} days left", days)}
        </span>
      </div>
      {sure ? (
        <div class="ax-row">
          <span>{t("This cannot be undone.")}</span>
          <Button small look="danger" busy={purge.busy} onClick={() => void purge.run()}>{t("Delete for good")}</Button>
          <Button small look="quiet" onClick={() => setSure(false)}>{t("Keep")}</Button>
        </div>
      ) : (
        <div class="ax-row">
          <Button small icon="undo" busy={restore.busy} aria-label={t("Restore {name}", { name })} onClick={() => void restore.run()}>{t("Restore")}</Button>
          <Button small look="quiet" aria-label={t("Delete {name} now", { name })} onClick={() => setSure(true)}>{t("Delete now")}</Button>
        </div>
      )}
      <Problem error={restore.error ?? purge.error} />
    </li>
  );
}
