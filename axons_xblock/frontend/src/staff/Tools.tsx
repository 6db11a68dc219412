/** What is done with all submissions at once: regrade, table, zip; and the way to the full page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { withNames } from "../core/csv";
import { save } from "../core/save";
import type { DeskApi, DeskTask, Preview } from "../core/desk";
import { bytes, number } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import { Button, Field, Problem, ProgressBar, Time } from "../ui/basics";
import { PreviewWords } from "./Beside";

export function FullPage({ api }: { api: DeskApi }) {
  const [url, setUrl] = useState<string | null>(null);
  const ask = useAsk(async () => setUrl(await api.link()));
  if (url) return <a class="ax-button ax-small" href={url} target="_blank" rel="noopener" onClick={() => setTimeout(() => setUrl(null), 0)}><span>{t("Open it now (works once)")}</span></a>;
  return <><Button small busy={ask.busy} onClick={() => void ask.run()}>{t("Full page")}</Button><Problem error={ask.error} /></>;
}

export function Tools({ api, weight, onChanged }: { api: DeskApi; weight: number; onChanged: () => void }) {
  const [tasks, setTasks] = useState<DeskTask[]>([]);
  const alive = useRef(true);
  const take = (task: DeskTask) => setTasks((old) => [task, ...old.filter((each) => each.id !== task.id)].sort((a, b) => b.created_at.localeCompare(a.created_at)));
  const follow = (task: DeskTask) => {
    void api.follow(task, (found) => { take(found); if (found.state !== "running" && found.kind === "regrade") onChanged(); }, () => alive.current);
  };
  useEffect(() => {
    alive.current = true;
    api.tasks().then(({ results }) => {
      setTasks(results.slice(0, 5));
      results.filter((task) => task.state === "running").forEach(follow);
    }, () => undefined); // the list above says that nothing answers
    return () => { alive.current = false; };
  }, []);
  return (
    <details class="ax-details">
      <summary>{t("All submissions: regrade, table, zip")}</summary>
      <div class="ax-stack">
        <RegradeAll api={api} weight={weight} onStart={follow} />
        <Exports api={api} onStart={follow} />
        {tasks.length > 0 ? <ul class="ax-tasks">{tasks.map((task) => <TaskLine key={task.id} api={api} task={task} onChange={take} />)}</ul> : null}
      </div>
    </details>
  );
}

function RegradeAll({ api, weight, onStart }: { api: DeskApi; weight: number; onStart: (task: DeskTask) => void }) {
  const [preview, setPreview] = useState<Preview | null>(null);
  const [reason, setReason] = useState("");
  const look = useAsk(async () => setPreview(await api.preview(null)));
  const start = useAsk(async () => {
    onStart(await api.start("regrade", null, reason.trim()));
    setPreview(null);
    setReason("");
  });
  return (
    <section class="ax-stack">
      <h3 class="ax-small-title">{t("Regrade all")}</h3>
      <p class="ax-help">{t("Stored results are scored anew by the exercise as it is now. Overrides stay, and nothing is trained or evaluated again.")}</p>
      <Button small busy={look.busy} onClick={() => void look.run()}>{t("Show what would change")}</Button>
      {preview ? <PreviewWords preview={preview} weight={weight} /> : null}
      {preview && preview.changed > 0 ? (
        <>
          <Field label={t("Reason")}>{({ id }) => <input id={id} type="text" maxLength={2000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}</Field>
          <Button small look="primary" busy={start.busy} disabled={reason.trim() === ""} onClick={() => void start.run()}>{t("Regrade all")}</Button>
        </>
      ) : null}
      <Problem error={look.error ?? start.error} />
    </section>
  );
}

function Exports({ api, onStart }: { api: DeskApi; onStart: (task: DeskTask) => void }) {
  const start = useAsk(async (kind: "csv" | "zip") => onStart(await api.start(kind, null, "")));
  return (
    <section class="ax-stack">
      <h3 class="ax-small-title">{t("Take along")}</h3>
      <p class="ax-help">{t("The table gets names as you fetch it. The zip has results and reviews of each submission, under anonymous ids.")}</p>
      <div class="ax-row">
        <Button small icon="download" busy={start.busy} onClick={() => void start.run("csv")}>{t("Make a table (CSV)")}</Button>
        <Button small icon="download" busy={start.busy} onClick={() => void start.run("zip")}>{t("Make a zip")}</Button>
      </div>
      <Problem error={start.error} />
    </section>
  );
}

function TaskLine({ api, task, onChange }: { api: DeskApi; task: DeskTask; onChange: (task: DeskTask) => void }) {
  const kinds = { regrade: t("Regrade"), csv: t("Table"), zip: t("Zip") };
  const states = { running: t("running"), done: t("done"), stopped: t("stopped"), failed: t("failed") };
  const [fetched, setFetched] = useState("");
  const stop = useAsk(async () => onChange(await api.stop(task.id)));
  const fetchTable = useAsk(async () => {
    const fresh = await api.task(task.id); // its link runs out
    if (!fresh.url) throw new Error(t("The table is no longer there. Make it again."));
    const text = await (await fetch(fresh.url, { credentials: "omit" })).text();
    const named = await withNames(text, (ids) => api.names(ids), (done, total) => setFetched(t("Names: {done} of {total}", { done: number(done), total: number(total) })));
    save(new Blob([named], { type: "text/csv" }), "submissions.csv");
    setFetched(t("Saved to your downloads."));
  });
  return (
    <li>
      <p>
        <strong>{kinds[task.kind]}</strong> <span class="ax-badge">{states[task.state]}</span>{" "}
        <span class="ax-hint">{t("{done} of {total}", { done: number(task.done), total: number(task.total) })}{task.kind === "regrade" ? ` · ${tn("{n} changed", "{n} changed", task.changed)}` : ""}{task.bytes ? ` · ${bytes(task.bytes)}` : ""} · <bdi>{task.grader_name}</bdi> · <Time value={task.created_at} /></span>
      </p>
      {task.state === "running" ? <ProgressBar value={task.total > 0 ? task.done / task.total : null} label={kinds[task.kind]} /> : null}
      {task.state === "running" ? <Button small busy={stop.busy} onClick={() => void stop.run()}>{t("Stop")}</Button> : null}
      {task.message ? <p class="ax-bad">{task.message}</p> : null}
      {task.kind === "csv" && task.url ? <Button small icon="download" busy={fetchTable.busy} onClick={() => void fetchTable.run()}>{t("Fetch with names")}</Button> : null}
      {task.kind === "zip" && task.url ? <a class="ax-link" href={task.url} download>{t("Fetch the zip")}</a> : null}
      <Problem error={stop.error ?? fetchTable.error} />
      <p role="status" class="ax-hint">{fetched}</p>
    </li>
  );
}
