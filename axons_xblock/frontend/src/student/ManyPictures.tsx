/** Many pictures at once: a zip or single ones in, a table out. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError } from "../core/api";
import { bytes, number, percent } from "../core/format";
import { t, tn } from "../core/i18n";
import { randomId } from "../core/keys";
import { saveFrom } from "../core/save";
import { useAsk } from "../core/session";
import type { Source } from "../core/sources";
import { isTerminal } from "../core/store";
import { hasMasks } from "../core/task";
import { putWithXhr, TransferError } from "../core/transfer";
import type { Job } from "../core/types";
import { UploadQueue, type Totals, type Upload } from "../core/uploads";
import { queueSentence } from "../core/waiting";
import { stateWord } from "../core/words";
import { Announce, Button, Notice, Problem, ProgressBar, Time } from "../ui/basics";
import { FileDrop } from "../ui/filedrop";
import { useDesk } from "./context";
import { UploadPanel } from "./UploadPanel";

export const MAX_PICTURES = 500;
export const MAX_BYTES = 256 * 1024 * 1024;
const SHOWN = 5;

export function ManyPictures() {
  const { session, project, model } = useDesk();
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [totals, setTotals] = useState<Totals | null>(null);
  const [problems, setProblems] = useState<string[]>([]);
  const [share, setShare] = useState<number | null>(null);
  const [archive, setArchive] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const stop = useRef<AbortController | null>(null);
  const place = useRef<HTMLElement>(null);
  const queue = useMemo(
    () => new UploadQueue({ service: session.uploads("prediction"), onChange: (all, sums) => { setUploads(all); setTotals(sums); } }),
    [session],
  );
  useEffect(() => () => {
    queue.close();
    stop.current?.abort();
  }, [queue]);
  const order = useAsk(async (shown: { archive: string } | { pictures: string[] }) => {
    if (!model) return;
    await session.predictMany(model.id, shown);
    setArchive(null);
    if ("pictures" in shown) queue.forget();
  });
  const bring = useAsk(async (file: File) => {
    setArchive(null);
    setShare(0);
    stop.current = new AbortController();
    try {
      const offer = { client_id: randomId(), name: file.name, bytes: file.size, content_type: "application/zip" };
      const { uploads: tickets, rejected } = await session.uploads("prediction_archive").declare([offer]);
      const ticket = tickets[0];
      if (!ticket) throw new ApiError(422, "rejected", rejected?.[0]?.reason ?? t("This file cannot be sent."));
      await putWithXhr(ticket, file, (sent) => setShare(file.size ? sent / file.size : 0), stop.current.signal);
      setArchive(ticket.id);
      await order.run({ archive: ticket.id });
    } catch (error) {
      if (error instanceof TransferError && error.trouble === "stopped") return;
      if (error instanceof TransferError) throw new ApiError(503, "not_sent", t("The zip did not arrive. Check your connection and choose it again."));
      throw error;
    } finally {
      setShare(null);
    }
  });

  const take = (files: Source[], found: string[]) => {
    order.clear();
    bring.clear();
    const more = [...uploads.filter((each) => each.state !== "refused"), ...files];
    const size = more.reduce((sum, each) => sum + each.size, 0);
    if (more.length > MAX_PICTURES) return setProblems([...found, t("These would be {n} pictures; at most {limit} can be looked at in one go. Choose fewer, or make several tables.", { n: number(more.length), limit: number(MAX_PICTURES) })]);
    if (size > MAX_BYTES) return setProblems([...found, t("These pictures would be {size} together; at most {limit} can be looked at in one go. Choose fewer or smaller ones.", { size: bytes(size), limit: bytes(MAX_BYTES) })]);
    setProblems(found);
    queue.add(files, "");
  };
  const sent = uploads.filter((each) => each.state === "sent" && each.uploadId).map((each) => each.uploadId ?? "");
  const moving = (totals?.moving ?? 0) > 0;
  const tables = project.jobs.filter((job) => job.batch);
  const batches = all ? tables : tables.slice(0, SHOWN);
  const cancel = () => {
    stop.current?.abort();
    place.current?.focus();
  };
  return (
    <section class="ax-many" ref={place} tabIndex={-1}>
      <h4>{t("Many pictures at once")}</h4>
      <p class="ax-help">{hasMasks(project.spec)
        ? t("Choose a zip or up to {n} pictures, {size} in all. You get a table with how much of each picture every class covers, and the masks as a zip.", { n: number(MAX_PICTURES), size: bytes(MAX_BYTES) })
        : t("Choose a zip or up to {n} pictures, {size} in all. You get a table with the model's answer to each, and why one could not be read.", { n: number(MAX_PICTURES), size: bytes(MAX_BYTES) })}</p>
      {share === null ? (
        <FileDrop compact label={t("Drop a zip or pictures here")} onFiles={take} onZip={(file) => { setProblems([]); order.clear(); void bring.run(file); }} />
      ) : (
        <div class="ax-wash">
          <ProgressBar value={share} label={t("Sending the zip")} />
          <div class="ax-row ax-spread">
            <p class="ax-facts-line">{share < 1 ? t("{share} sent", { share: percent(share, 0) }) : t("Being put in line…")}</p>
            {share < 1 ? <Button small look="quiet" onClick={cancel}>{t("Cancel")}</Button> : null}
          </div>
        </div>
      )}
      {problems.length > 0 ? <Notice kind="warning" live>{problems.map((each) => <p key={each}><bdi>{each}</bdi></p>)}</Notice> : null}
      <Problem error={bring.error} />
      {totals ? <UploadPanel totals={totals} uploads={uploads} queue={queue} /> : null}
      {sent.length > 0 ? (
        <div class="ax-row">
          <Button look="primary" busy={order.busy} disabled={moving} onClick={() => void order.run({ pictures: sent })}>{tn("Look at {n} picture", "Look at {n} pictures", sent.length)}</Button>
          {moving ? <span class="ax-hint">{t("As soon as all have arrived.")}</span> : null}
        </div>
      ) : null}
      <Problem error={order.error} />
      {archive && order.error?.temporary ? <div class="ax-row"><Button small busy={order.busy} onClick={() => void order.run({ archive })}>{t("Try again")}</Button></div> : null}
      {batches.length > 0 ? <ul class="ax-batches" aria-label={t("Tables of many pictures")}>{batches.map((job) => <li key={job.id}><BatchJob job={job} /></li>)}</ul> : null}
      {tables.length > batches.length ? <Button small look="quiet" onClick={() => setAll(true)}>{tn("Show {n} older table", "Show {n} older tables", tables.length - batches.length)}</Button> : null}
    </section>
  );
}

function BatchJob({ job }: { job: Job }) {
  const { session, project } = useDesk();
  const cancel = useAsk(() => session.cancel(job.id));
  const save = useAsk(async (name: string) => {
    const { files } = await session.batchFiles(job.id);
    const file = files.find((each) => each.name === name);
    if (!file) throw new ApiError(404, "not_found", t("This is not there any more. Reload the page."));
    saveFrom(file.url, file.name);
  });
  const batch = job.batch;
  if (!batch) return null;
  const over = isTerminal(job.state);
  const sentence = over ? outcome(job) : working(job);
  return (
    <article class="ax-wash">
      <div class="ax-row ax-spread">
        <p><strong><bdi>{batch.name || t("Single pictures")}</bdi></strong> <span class={`ax-badge ax-badge-${job.state}`}>{stateWord(job)}</span> <span class="ax-hint"><Time value={job.created_at} /></span></p>
        {over ? null : <Button small look="danger" busy={cancel.busy || job.cancel_requested} onClick={() => void cancel.run()}>{job.cancel_requested ? t("Stopping…") : t("Cancel")}</Button>}
      </div>
      {over ? null : <ProgressBar value={part(job)} label={t("Progress of the pictures")} />}
      {job.state === "failed" ? <Notice kind="error"><p><bdi>{sentence}</bdi></p></Notice> : <p>{sentence}</p>}
      {job.state === "succeeded" ? (
        <>
          <Counts classes={batch.classes ?? {}} />
          <div class="ax-row">
            <Button small look="primary" icon="download" busy={save.busy} onClick={() => void save.run("predictions.csv")}>{t("Save the table (CSV)")}</Button>
            {hasMasks(project.spec) ? <Button small icon="download" busy={save.busy} onClick={() => void save.run("masks.zip")}>{t("Save the masks (zip)")}</Button> : null}
          </div>
        </>
      ) : null}
      <Problem error={cancel.error} />
      <Problem error={save.error} />
      <Announce text={sentence} />
    </article>
  );
}

function Counts({ classes }: { classes: Record<string, number> }) {
  const found = Object.entries(classes).sort(([, a], [, b]) => b - a);
  if (found.length === 0) return null;
  const shown = found.slice(0, 6);
  return (
    <p class="ax-facts-line">
      {shown.map(([label, count]) => <span key={label}><bdi>{label}</bdi> <span class="ax-num">{number(count)}</span></span>)}
      {found.length > shown.length ? <span>{tn("{n} more class", "{n} more classes", found.length - shown.length)}</span> : null}
    </p>
  );
}

function part(job: Job): number | null {
  const { progress } = job;
  return progress && progress.unit === "images" && progress.total > 0 ? progress.done / progress.total : null;
}

function working(job: Job): string {
  const { progress } = job;
  if (progress && progress.unit === "images") return t("{done} of {total} pictures looked at", { done: number(progress.done), total: number(progress.total) });
  return queueSentence(job) || (job.state === "queued" || job.state === "dispatched" ? t("A place will be free in a moment.") : t("Getting everything ready…"));
}

function outcome(job: Job): string {
  if (job.state === "failed") return job.failure?.message || t("The pictures could not be looked at through our fault. Try again.");
  if (job.state === "cancelled") return t("Cancelled. Nothing was counted against you.");
  const { pictures, predicted, refused } = job.batch ?? {};
  if (typeof pictures !== "number" || typeof predicted !== "number" || typeof refused !== "number") return t("Finished.");
  if (predicted === 0) return tn("{n} file, and it could not be read. The table says why.", "{n} files, and none could be read. The table says why of each.", pictures);
  const read = tn("{n} picture looked at.", "{n} pictures looked at.", predicted);
  return refused > 0 ? `${read} ${tn("{n} file could not be read; the table says why.", "{n} files could not be read; the table says why.", refused)}` : read;
}
