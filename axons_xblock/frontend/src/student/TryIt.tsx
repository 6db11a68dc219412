/** Step 4, and all of an inference-only exercise: the model's answer to a picture of one's own. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { duration, number, percent } from "../core/format";
import { t } from "../core/i18n";
import { useAsk } from "../core/session";
import { isTerminal } from "../core/store";
import { figure, hasMasks, marked, measureOf, measureTitle } from "../core/task";
import type { Model, Prediction } from "../core/types";
import type { Source } from "../core/sources";
import { UploadQueue, type Totals, type Upload } from "../core/uploads";
import { architectureTitle, modelName } from "../core/words";
import { queueSentence } from "../core/waiting";
import { Button, Empty, Notice, Picture, Problem, ProgressBar, Time } from "../ui/basics";
import { FileDrop } from "../ui/filedrop";
import { useUid } from "../ui/uid";
import { useDesk } from "./context";
import { ManyPictures } from "./ManyPictures";
import { MaskAnswer } from "./MaskAnswer";
import { ModelChoice } from "./ModelChoice";

export function TryIt() {
  const { session, project, model, go } = useDesk();
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [totals, setTotals] = useState<Totals | null>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const queue = useMemo(
    () => new UploadQueue({ service: session.uploads("prediction"), onChange: (all, sums) => { setUploads(all); setTotals(sums); } }),
    [session],
  );
  useEffect(() => () => queue.close(), [queue]);
  const ask = useAsk(async (upload: string) => {
    if (!model) return;
    setJobId((await session.predict(model.id, upload)).id);
  });
  const upload = uploads[uploads.length - 1] ?? null;
  useEffect(() => {
    if (upload?.state === "sent" && upload.uploadId) void ask.run(upload.uploadId);
  }, [upload?.state, upload?.uploadId]);

  const job = project.jobs.find((each) => each.id === jobId) ?? null;
  const fresh = jobId ? project.predictions.find((each) => each.job === jobId || each.id === job?.prediction) : null;
  useEffect(() => {
    // The prediction comes with the project's next state; ask for that as soon as the job is over.
    if (job?.state === "succeeded" && !fresh) session.refreshSoon();
    if (fresh) setShown(fresh.id);
  }, [job?.state, fresh?.id]);

  if (!model) {
    return (
      <Empty icon="camera" title={t("No model to try yet.")}>
        <p>{t("Train one first, then show it a picture it has never seen.")}</p>
        <Button look="primary" onClick={() => go("train")}>{t("Go to Train")}</Button>
      </Empty>
    );
  }
  const start = (files: Source[]) => {
    queue.forget();
    ask.clear();
    setJobId(null);
    queue.add(files, "");
  };
  const masked = hasMasks(project.spec);
  const waiting = upload && ["waiting", "sending"].includes(upload.state);
  const thinking = ask.busy || (job !== null && (!isTerminal(job.state) || (job.state === "succeeded" && !fresh)));
  const prediction = waiting || thinking ? null : (project.predictions.find((each) => each.id === shown) ?? (jobId ? null : project.predictions[0]) ?? null);
  const lost = upload && (upload.state === "failed" || upload.state === "refused") ? upload.message : null;
  return (
    <>
      {project.spec.kind === "inference" ? <ModelCard model={model} /> : <p class="ax-lead">{masked ? t("Show the model something it has never seen. What does it mark, and what does it miss?") : t("Show the model something it has never seen. Where does it look?")}</p>}
      <ModelChoice />
      <div class="ax-try">
        <div class="ax-try-in">
          <FileDrop multiple={false} label={t("Drop a picture here")} onFiles={start} />
          {lost ? (
            <Notice kind="error"><p><bdi>{lost}</bdi></p>{upload?.state === "failed" ? <Button small onClick={() => queue.retry()}>{t("Send again")}</Button> : null}</Notice>
          ) : null}
          <Problem error={ask.error} />
          {ask.error?.temporary && upload?.uploadId ? <Button small busy={ask.busy} onClick={() => void ask.run(upload.uploadId ?? "")}>{t("Try again")}</Button> : null}
          {job?.state === "failed" ? <Notice kind="error"><p>{job.failure?.message ?? t("The picture could not be looked at through our fault. Try again.")}</p></Notice> : null}
        </div>
        <div class="ax-try-out" aria-live="polite">
          {waiting ? <div class="ax-wash"><p>{totals && totals.connection.mode !== "open" ? t("The connection is broken. The picture goes on by itself when it is back.") : t("Sending the picture…")}</p><ProgressBar value={upload.progress} label={t("Sending the picture")} /></div> : null}
          {thinking && !waiting ? <div class="ax-wash"><p>{(job && queueSentence(job)) || t("The model is looking at your picture…")}</p><ProgressBar value={null} label={t("Waiting for the answer")} /></div> : null}
          {prediction ? (masked ? <MaskAnswer prediction={prediction} modelWords={answerer(prediction)} /> : <Answer prediction={prediction} modelWords={answerer(prediction)} />) : null}
          {!prediction && !waiting && !thinking ? (
            <Empty title={t("The answer appears here.")}><p>{masked ? t("You will see every pixel in the colour of the class that the model gives it.") : t("You will see how sure the model is of each class, and which parts of the picture it looked at.")}</p></Empty>
          ) : null}
        </div>
      </div>
      {project.predictions.length > 0 ? (
        <section>
          <h4>{t("Pictures tried")}</h4>
          <ul class="ax-grid">
            {project.predictions.map((each) => (
              <li key={each.id}>
                <button type="button" class="ax-tile ax-pickable" aria-pressed={prediction?.id === each.id} onClick={() => { setJobId(null); queue.forget(); setShown(each.id); }}>
                  <Picture src={each.picture_url} alt={each.file} />
                  <span class="ax-tile-label"><TileWords prediction={each} /></span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <ManyPictures />
    </>
  );

  function answerer(each: Prediction): string {
    const by = project.models.find((one) => one.id === each.model);
    return by ? modelName(project, by) : model?.source === "supplied" ? model.name : "";
  }
}

function TileWords({ prediction }: { prediction: Prediction }) {
  const share = marked(prediction);
  const [best] = prediction.probabilities;
  const label = share?.label ?? best?.label;
  return <><bdi>{label}</bdi> {percent(share?.share ?? best?.probability ?? 0, 0)}</>;
}

export function Answer({ prediction, modelWords }: { prediction: Prediction; modelWords: string }) {
  const [strength, setStrength] = useState(50);
  const id = useUid();
  const [best, second] = prediction.probabilities;
  const top = best?.probability ?? 0;
  const words = top >= 0.9 ? t("quite sure") : top >= 0.6 ? t("fairly sure") : t("unsure");
  return (
    <article class="ax-answer">
      <div class="ax-answer-picture">
        <Picture src={prediction.picture_url} alt={prediction.file} />
        {prediction.overlay_url ? <img class="ax-overlay" src={prediction.overlay_url} alt="" style={{ opacity: strength / 100 }} /> : null}
      </div>
      <div class="ax-answer-words">
        <p class="ax-answer-headline"><bdi>{best?.label ?? "–"}</bdi></p>
        <p>{t("The model is {words}: {probability}.", { words, probability: percent(top) })}{" "}
          {second && top < 0.6 ? t("Next it thinks of “{label}” ({probability}).", { label: second.label, probability: percent(second.probability) }) : null}</p>
        <ul class="ax-probabilities">
          {prediction.probabilities.slice(0, 6).map((each, i) => (
            <li key={each.label} class={i === 0 ? "ax-first" : ""}>
              <span class="ax-prob-name"><bdi>{each.label}</bdi></span>
              <span class="ax-bar-track" aria-hidden="true"><span style={{ inlineSize: `${each.probability * 100}%` }} /></span>
              <span class="ax-num">{percent(each.probability)}</span>
            </li>
          ))}
        </ul>
        {prediction.overlay_url ? (
          <div class="ax-overlay-control">
            <label for={id}>{t("Where it looked")}</label>
            <input id={id} type="range" min={0} max={100} value={strength} aria-valuetext={percent(strength / 100, 0)} onInput={(event) => setStrength(Number(event.currentTarget.value))} />
            <p class="ax-help">{t("Warm colours mark what spoke most for “{label}” (Grad-CAM).", { label: best?.label ?? "" })}</p>
          </div>
        ) : null}
        <p class="ax-hint">
          <bdi>{prediction.file}</bdi>{modelWords ? <> · <bdi>{modelWords}</bdi></> : null} · <Time value={prediction.created_at} />
          {prediction.seconds !== null && prediction.seconds !== undefined ? <> · {duration(prediction.seconds)}</> : null}
        </p>
      </div>
    </article>
  );
}

function ModelCard({ model }: { model: Model }) {
  const { project: { spec } } = useDesk();
  const value = figure(spec, model.metrics?.validation);
  return (
    <section class="ax-model-card">
      <h3 class="ax-step-title">{model.name}</h3>
      <dl class="ax-facts">
        <div><dt>{t("Network")}</dt><dd>{architectureTitle(model.architecture)}</dd></div>
        <div><dt>{t("Classes")}</dt><dd>{number(model.classes.length)}</dd></div>
        {value === null ? null : <div><dt>{measureTitle(measureOf(spec))}</dt><dd>{percent(value)}</dd></div>}
      </dl>
      <p>{hasMasks(spec) ? t("It marks these, and nothing else. Every pixel you show it will be given one of them:") : t("It tells these apart, and nothing else. Anything you show it will be called one of them:")}</p>
      <ul class="ax-words">{model.classes.map((each) => <li key={each}><bdi>{each}</bdi></li>)}</ul>
    </section>
  );
}
