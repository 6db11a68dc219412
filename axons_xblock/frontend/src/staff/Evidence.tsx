/** What a submission came from: mistakes, pictures, predictions, files and the spec. */
import { bytes, number, percent } from "../core/format";
import { t, tn } from "../core/i18n";
import { marked } from "../core/task";
import type { Model, Prediction, Spec, TrainingSet } from "../core/types";
import { architectureTitle, hyperparameterSummary, metricName, setTitle } from "../core/words";
import { Picture } from "../ui/basics";
import { Masked } from "../ui/masked";

export function Mistakes({ model }: { model: Model }) {
  const mistakes = [...(model.metrics?.validation?.mistakes ?? [])].sort((a, b) => b.probability - a.probability).slice(0, 8);
  return (
    <section>
      <h4>{t("Sure of itself, and wrong")}</h4>
      {mistakes.length === 0 ? <p class="ax-hint">{t("No mistakes on the held-back pictures were kept.")}</p> : (
        <ul class="ax-grid ax-grid-large">
          {mistakes.map((each) => (
            <li key={`${each.sha256}-${each.predicted}`} class="ax-mistake">
              <Picture src={each.url} alt={t("A picture of {label}, taken for {predicted}", { label: each.label, predicted: each.predicted })} />
              <p><span class="ax-bad"><bdi>{each.predicted}</bdi> <span class="ax-num">{percent(each.probability, 0)}</span></span><span class="ax-hint">{t("really:")} <bdi>{each.label}</bdi></span></p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function TrainingSetFacts({ set }: { set: TrainingSet | null }) {
  if (!set) return <section><h4>{t("Training set")}</h4><p class="ax-hint">{t("The training set was deleted.")}</p></section>;
  const most = Math.max(1, ...set.classes.map((name) => sum(set, name)));
  return (
    <section>
      <h4>{t("Training set")}</h4>
      <p><bdi>{setTitle(set)}</bdi> · {set.kind === "starter" ? t("the starter set") : t("the student’s own")} · {tn("{n} picture", "{n} pictures", set.image_count)}</p>
      <dl class="ax-class-bars">
        {set.classes.map((name) => (
          <div key={name}><dt><bdi>{name}</bdi></dt><dd><span class="ax-bar-track" aria-hidden="true"><span style={{ inlineSize: `${(sum(set, name) / most) * 100}%` }} /></span> {number(sum(set, name))}</dd></div>
        ))}
      </dl>
    </section>
  );
}

function sum(set: TrainingSet, name: string): number {
  return (set.counts[name]?.train ?? 0) + (set.counts[name]?.validation ?? 0);
}

export function Predictions({ predictions }: { predictions: Prediction[] }) {
  return (
    <section>
      <h4>{t("Pictures tried")}</h4>
      {predictions.length === 0 ? <p class="ax-hint">{t("The student tried no picture with this model.")}</p> : (
        <ul class="ax-grid ax-grid-large">
          {predictions.map((each) => (
            <li key={each.id} class="ax-mistake">
              <Masked src={each.picture_url} mask={each.shares?.length ? each.overlay_url : null} alt={each.file} strength={1} />
              <p><span><bdi>{marked(each)?.label ?? each.probabilities[0]?.label ?? "–"}</bdi> <span class="ax-num">{percent(marked(each)?.share ?? each.probabilities[0]?.probability ?? 0, 0)}</span></span></p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function Artifacts({ model }: { model: Model }) {
  return (
    <section>
      <h4>{t("Files of the model")}</h4>
      <p class="ax-hint">{architectureTitle(model.architecture)} · <bdi>{hyperparameterSummary(model.hyperparameters)}</bdi></p>
      {model.artifacts && model.artifacts.length > 0
        ? <ul>{model.artifacts.map((file) => <li key={file.name}>{file.url ? <a class="ax-link" href={file.url} download={file.name}>{file.name}</a> : file.name} <span class="ax-hint">{bytes(file.bytes)}</span></li>)}</ul>
        : <p class="ax-hint">{t("There are no files.")}</p>}
    </section>
  );
}

export function SpecFacts({ spec, hash }: { spec: Spec; hash: string }) {
  const rules: Record<string, string> = { automatic: t("automatic, by thresholds"), rubric: t("by a grader’s rubric"), mixed: t("thresholds and rubric mixed") };
  return (
    <details class="ax-details">
      <summary>{t("The spec it was scored by")}</summary>
      <dl class="ax-small-facts">
        <div><dt>{t("Hidden test set")}</dt><dd><bdi>{spec.hidden_test_set ?? "–"}</bdi></dd></div>
        <div><dt>{t("Metric")}</dt><dd>{metricName(spec.grading?.metric ?? "")}</dd></div>
        <div><dt>{t("Grading")}</dt><dd>{rules[spec.grading?.rule ?? "automatic"]}</dd></div>
        <div><dt>{t("Tries")}</dt><dd>{spec.max_tries || t("no limit")}</dd></div>
        <div><dt>{t("Spec")}</dt><dd><code dir="ltr" title={hash}>{hash.slice(0, 12)}</code></dd></div>
      </dl>
      {spec.grading ? <ul>{spec.grading.thresholds.map((each) => <li key={each.at_least}>{t("{metric} of {value} or more: {score} of the points", { metric: metricName(spec.grading?.metric ?? ""), value: percent(each.at_least), score: percent(each.score, 0) })}</li>)}</ul> : null}
      {spec.grading?.between === "line" ? <p class="ax-hint">{t("Between two of them the points rise evenly.")}</p> : null}
    </details>
  );
}
