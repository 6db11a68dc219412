/** One training run: where it stands, its curves, what the machine does, its log. */
import { useEffect } from "preact/hooks";
import { bytes, number, percent } from "../core/format";
import { t } from "../core/i18n";
import { useAsk } from "../core/session";
import { EMPTY_CURVES, isTerminal, type Curves as CurveData } from "../core/store";
import type { Job, Spec } from "../core/types";
import { figure, hasMasks, measureOf } from "../core/task";
import { hyperparameterSummary, progressSentence, runName, stateWord, took } from "../core/words";
import { queueSentence } from "../core/waiting";
import { Announce, Button, Notice, Problem, ProgressBar } from "../ui/basics";
import { Lazy } from "../ui/lazy";
import { useDesk } from "./context";
import { Log } from "./Log";
import { Discard } from "./Trash";

export function JobPanel({ job, curves = EMPTY_CURVES }: { job: Job; curves?: CurveData }) {
  const { session, project, go, chooseModel } = useDesk();
  const cancel = useAsk(() => session.cancel(job.id));
  const over = isTerminal(job.state);
  useEffect(() => {
    void session.curves(job);
  }, [job.id, over]);

  const progress = job.progress;
  const waiting = job.state === "queued" || job.state === "dispatched";
  const share = over ? 1 : waiting || !progress || !progress.total ? null : progress.done / progress.total;
  const sentence = over
    ? outcome(job, curves, project.spec)
    : waiting
      ? queueSentence(job) || t("A place will be free in a moment.")
      : progress ? progress.message || progressSentence(progress) : t("Getting everything ready…");
  const model = project.models.find((each) => each.job === job.id);
  const validation = curves.validation[curves.validation.length - 1] ?? job.metrics?.validation ?? null;
  const value = figure(project.spec, validation);
  const drawn = curves.train.length + curves.validation.length > 0;
  return (
    <section class={`ax-job ax-job-${job.state}`} aria-label={runName(project, job.id)}>
      <div class="ax-row ax-spread">
        <h4>{runName(project, job.id)} <span class={`ax-badge ax-badge-${job.state}`}>{stateWord(job)}</span></h4>
        {over ? null : <Button small look="danger" busy={cancel.busy || job.cancel_requested} onClick={() => void cancel.run()}>{job.cancel_requested ? t("Stopping…") : t("Cancel")}</Button>}
      </div>
      <p class="ax-hint"><bdi>{hyperparameterSummary(job.hyperparameters)}</bdi></p>
      {over ? null : <ProgressBar value={share} label={t("Progress of the training")} />}
      {job.state === "failed" ? (
        <Notice kind="error"><p>{job.failure?.message ?? t("The run failed through our fault. Nothing was counted against you; train again.")}</p></Notice>
      ) : (
        <p class="ax-job-sentence">{sentence}</p>
      )}
      {job.attempt > 1 && !over ? <p class="ax-note">{t("The machine was lost; the run goes on from its last saved point (attempt {n}). This costs you nothing.", { n: job.attempt })}</p> : null}
      <Problem error={cancel.error} />
      <Announce text={value === null || over ? sentence : `${sentence} ${hasMasks(project.spec)
        ? t("Mean IoU on held-back pictures: {iou}.", { iou: percent(value) })
        : t("Accuracy on held-back pictures: {accuracy}.", { accuracy: percent(value) })}`} />
      {drawn ? (
        <Lazy
          load={() => import("./Curves").then((m) => m.Curves)} rows={6}
          measure={measureOf(project.spec)} runs={[{ id: job.id, name: runName(project, job.id), train: curves.train, validation: curves.validation }]}
        />
      ) : over ? null : (
        <div class="ax-curves-wait" aria-hidden="true"><span /><span /></div>
      )}
      {over && !drawn && job.state === "succeeded" && !curves.complete ? <div class="ax-curves-wait" aria-hidden="true"><span /><span /></div> : null}
      <Resources curves={curves} running={!over} />
      {over ? (
        <div class="ax-row ax-actions">
          {job.state === "succeeded" && model ? (
            <>
              <Button look="primary" onClick={() => { chooseModel(model.id); go("results"); }}>{t("See what it gets wrong")}</Button>
              <Button onClick={() => { chooseModel(model.id); go("try"); }}>{t("Try it on a picture")}</Button>
            </>
          ) : null}
          <Discard kind="job" object={job.id}>{t("Delete this run")}</Discard>
        </div>
      ) : null}
      {curves.log.length > 0 || job.started_at ? <Log key={job.id} job={job} over={over} live={curves.log} /> : null}
    </section>
  );
}

function outcome(job: Job, curves: CurveData, spec: Spec): string {
  const last = curves.validation[curves.validation.length - 1] ?? job.metrics?.validation;
  const time = took(job);
  if (job.state === "succeeded") {
    const value = figure(spec, last);
    if (value === null) return t("Finished.");
    if (hasMasks(spec)) {
      return time
        ? t("Finished in {time}: mean IoU {iou} on pictures it had not trained on.", { time, iou: percent(value) })
        : t("Finished: mean IoU {iou} on pictures it had not trained on.", { iou: percent(value) });
    }
    return time
      ? t("Finished in {time}: {accuracy} right on pictures it had not trained on.", { time, accuracy: percent(value) })
      : t("Finished: {accuracy} right on pictures it had not trained on.", { accuracy: percent(value) });
  }
  return job.state === "cancelled" ? t("Cancelled. Nothing was counted against you.") : (job.failure?.message ?? "");
}

function Resources({ curves, running }: { curves: CurveData; running: boolean }) {
  const last = curves.resources[curves.resources.length - 1];
  const speed = [...curves.train].reverse().find((point) => point.images_per_second !== undefined)?.images_per_second;
  if (!last && speed === undefined) return null;
  const cells: [string, string, number | null][] = [];
  if (speed !== undefined) cells.push([t("Speed"), t("{n} images/s", { n: number(speed, speed < 10 ? 1 : 0) }), null]);
  if (last?.cpu_percent !== undefined) cells.push([t("CPU"), percent(last.cpu_percent / 100, 0), last.cpu_percent / 100]);
  if (last?.memory_bytes !== undefined) cells.push([t("Memory"), bytes(last.memory_bytes), null]);
  if (last?.gpu_percent !== undefined && last.gpu_percent !== null) cells.push([t("GPU"), percent(last.gpu_percent / 100, 0), last.gpu_percent / 100]);
  if (last?.gpu_memory_bytes !== undefined && last.gpu_memory_bytes !== null) cells.push([t("GPU memory"), bytes(last.gpu_memory_bytes), null]);
  if (last?.gpu_power_watts !== undefined && last.gpu_power_watts !== null) cells.push([t("GPU power"), t("{n} W", { n: number(last.gpu_power_watts) }), null]);
  return (
    <dl class="ax-resources" aria-label={running ? t("What the machine does now") : t("What the machine did last")}>
      {cells.map(([name, value, share]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {share === null ? null : <span class="ax-meter" aria-hidden="true"><span style={{ inlineSize: `${Math.min(100, share * 100)}%` }} /></span>}
        </div>
      ))}
    </dl>
  );
}
