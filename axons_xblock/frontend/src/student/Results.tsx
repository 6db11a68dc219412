/** Step 3: how good the model is, class by class, and the pictures it gets wrong. */
import { useEffect, useState } from "preact/hooks";
import { bytes, number, percent } from "../core/format";
import { t, tn } from "../core/i18n";
import type { ClassMetrics, Mistake, Model } from "../core/types";
import { hasMasks } from "../core/task";
import { hyperparameterSummary, modelName } from "../core/words";
import { Button, Empty, Picture } from "../ui/basics";
import { Confusion, type Cell } from "../ui/confusion";
import { useDesk } from "./context";
import { IouBars, MaskHeadline, WorstPictures } from "./MaskResults";
import { ModelChoice } from "./ModelChoice";
import { Discard } from "./Trash";

export function Results() {
  const { session, project, model: chosen, go } = useDesk();
  const [full, setFull] = useState<Model | null>(null);
  const [cell, setCell] = useState<Cell | null>(null);
  // Links to pictures run out: the model is asked for anew each time it is shown.
  useEffect(() => {
    setCell(null);
    if (!chosen) return;
    let current = true;
    session.model(chosen.id).then((model) => current && setFull(model), () => undefined);
    return () => {
      current = false;
    };
  }, [chosen?.id]);

  if (!chosen) {
    return (
      <Empty icon="flag" title={t("No model yet.")}>
        <p>{t("Train one first; what it gets right and wrong is shown here.")}</p>
        <Button look="primary" onClick={() => go("train")}>{t("Go to Train")}</Button>
      </Empty>
    );
  }
  const model = full?.id === chosen.id ? full : chosen;
  const result = model.metrics?.validation;
  if (!result) return <Empty icon="flag" title={t("This model has no results.")} />;
  const masked = hasMasks(project.spec);
  const sheet = model.artifacts?.find((file) => file.name === "augmentation.jpg");
  const matrix = result.confusion_matrix ?? [];
  const tested = matrix.flat().reduce((sum, count) => sum + count, 0);
  const wrong = matrix.reduce((sum, row, i) => sum + row.reduce((rest, count, j) => rest + (i === j ? 0 : count), 0), 0);
  const mistakes = [...(result.mistakes ?? [])].sort((a, b) => b.probability - a.probability);
  const behind = cell ? mistakes.filter((each) => each.label === model.classes[cell.row] && each.predicted === model.classes[cell.column]) : [];
  return (
    <>
      <ModelChoice label={t("Results of")} />
      {masked ? (
        <>
          <MaskHeadline model={model} result={result} />
          <IouBars values={result.iou_per_class ?? {}} />
          <WorstPictures mistakes={result.mistakes ?? []} />
        </>
      ) : (
      <>
      <div class="ax-headline">
        <p class="ax-headline-number">{percent(result.accuracy)}</p>
        <div>
          <p class="ax-headline-sentence">{tested > 0
            ? t("{model} was right on {right} of {all} pictures it had not trained on.", { model: modelName(project, model), right: number(tested - wrong), all: number(tested) })
            : t("{model} was right on {accuracy} of the pictures it had not trained on.", { model: modelName(project, model), accuracy: percent(result.accuracy) })}</p>
          {result.accuracy_interval ? <p class="ax-hint">{t("On many more pictures like these it would be right between {low} and {high} of the time (95 % confidence).", { low: percent(result.accuracy_interval[0]), high: percent(result.accuracy_interval[1]) })}</p> : null}
          <p class="ax-hint"><bdi>{hyperparameterSummary(model.hyperparameters)}</bdi></p>
          <p class="ax-hint">{t("These pictures were kept back from your own set. The pictures behind your grade are others, so the two figures can differ.")}</p>
        </div>
      </div>

      {matrix.length > 0 ? (
        <section>
          <h4>{t("What it takes for what")}</h4>
          <p class="ax-help">{t("A row is what the picture shows, a column what the model said. The diagonal is right. Press a number.")}</p>
          <div class="ax-confusion-layout">
          <Confusion matrix={matrix} classes={model.classes} chosen={cell} onChoose={setCell} />
          <div aria-live="polite">{cell ? <CellWords model={model} cell={cell} count={matrix[cell.row]?.[cell.column] ?? 0} row={matrix[cell.row] ?? []} pictures={behind} onClose={() => setCell(null)} /> : null}</div>
          </div>
        </section>
      ) : null}

      {result.per_class && result.per_class.length > 0 ? <PerClass classes={result.per_class} /> : null}

      <section>
        <h4>{t("Sure of itself, and wrong")}</h4>
        {mistakes.length === 0 ? <p>{t("No mistakes on the held-back pictures. Try harder ones of your own.")}</p> : (
          <>
            <p class="ax-help">{t("The mistakes it was most certain about often show what the pictures taught it by accident: a background, a colour, a wrong label.")}</p>
            <MistakeGrid mistakes={mistakes.slice(0, 12)} />
          </>
        )}
      </section>
      </>
      )}
      {sheet?.url ? (
        <details class="ax-details">
          <summary>{t("How its pictures were varied")}</summary>
          <p class="ax-help">{t("Each row begins with one of your pictures; beside it, what the network saw instead, each time another.")}</p>
          <img src={sheet.url} alt={t("Training pictures, each beside five varied copies")} loading="lazy" style={{ maxInlineSize: "100%" }} />
        </details>
      ) : null}
      {model.artifacts && model.artifacts.length > 0 ? (
        <details class="ax-details">
          <summary>{t("Take the model with you")}</summary>
          <ul>{model.artifacts.map((file) => <li key={file.name}>{file.url ? <a href={file.url} download={file.name}>{file.name}</a> : file.name} <span class="ax-hint">{bytes(file.bytes)}</span></li>)}</ul>
        </details>
      ) : null}
      {model.source === "trained" ? <div class="ax-details ax-row"><Discard kind="model" object={model.id}>{t("Delete this model")}</Discard></div> : null}
    </>
  );
}

function CellWords({ model, cell, count, row, pictures, onClose }: { model: Model; cell: Cell; count: number; row: number[]; pictures: Mistake[]; onClose: () => void }) {
  const truth = model.classes[cell.row] ?? "";
  const said = model.classes[cell.column] ?? "";
  const all = row.reduce((sum, each) => sum + each, 0);
  const sentence = cell.row === cell.column
    ? t("{count} of {all} pictures of “{truth}” were recognised.", { count: number(count), all: number(all), truth })
    : tn("{n} of {all} pictures of “{truth}” was taken for “{said}”.", "{n} of {all} pictures of “{truth}” were taken for “{said}”.", count, { all: number(all), truth, said });
  return (
    <div class="ax-inset">
      <div class="ax-row ax-spread">
        <p><strong>{sentence}</strong></p>
        <Button small look="quiet" onClick={onClose}>{t("Close")}</Button>
      </div>
      {cell.row !== cell.column && count > 0 ? (pictures.length > 0 ? <MistakeGrid mistakes={pictures} /> : <p class="ax-hint">{t("The pictures behind this number were not kept.")}</p>) : null}
    </div>
  );
}

function MistakeGrid({ mistakes }: { mistakes: Mistake[] }) {
  return (
    <ul class="ax-grid ax-grid-large">
      {mistakes.map((each) => (
        <li key={`${each.sha256}-${each.predicted}`} class="ax-mistake">
          <Picture src={each.url} alt={t("A picture of {label}, taken for {predicted}", { label: each.label, predicted: each.predicted })} />
          <p>
            <span class="ax-bad"><bdi>{each.predicted}</bdi> <span class="ax-num">{percent(each.probability, 0)}</span></span>
            <span class="ax-hint">{t("really:")} <bdi>{each.label}</bdi></span>
          </p>
        </li>
      ))}
    </ul>
  );
}

function PerClass({ classes }: { classes: ClassMetrics[] }) {
  const [worst, setWorst] = useState(true);
  const sorted = worst ? [...classes].sort((a, b) => a.f1 - b.f1) : classes;
  const weak = [...classes].sort((a, b) => a.recall - b.recall)[0];
  return (
    <section>
      <div class="ax-row ax-spread">
        <h4>{t("Class by class")}</h4>
        <label class="ax-check"><input type="checkbox" checked={worst} onChange={(event) => setWorst(event.currentTarget.checked)} /> {t("weakest first")}</label>
      </div>
      {weak && weak.recall < 1 ? <p>{t("“{label}” is the hardest: the model finds {recall} of its pictures.", { label: weak.label, recall: percent(weak.recall, 0) })}</p> : null}
      <div class="ax-table-scroll">
        <table class="ax-table ax-per-class">
          <thead>
            <tr>
              <th scope="col">{t("Class")}</th>
              <th scope="col" title={t("Of the pictures of this class, how many the model finds")}>{t("Found (recall)")}</th>
              <th scope="col" title={t("Of the pictures the model calls so, how many really are")}>{t("Trustworthy (precision)")}</th>
              <th scope="col" class="ax-num ax-wide">{t("Pictures")}</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((each) => (
              <tr key={each.label}>
                <th scope="row"><bdi>{each.label}</bdi></th>
                <td><Bar value={each.recall} /></td>
                <td><Bar value={each.precision} tone="second" /></td>
                <td class="ax-num ax-wide">{number(each.support)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Bar({ value, tone = "first" }: { value: number; tone?: "first" | "second" }) {
  return (
    <span class={`ax-bar ax-bar-${tone}`}>
      <span class="ax-bar-track" aria-hidden="true"><span style={{ inlineSize: `${value * 100}%` }} /></span>
      <span class="ax-num">{percent(value, 0)}</span>
    </span>
  );
}
