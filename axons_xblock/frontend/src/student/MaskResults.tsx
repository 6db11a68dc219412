/** The results of a model that marks pixels: IoU of every class, and the pictures it marks worst. */
import { number, percent } from "../core/format";
import { t } from "../core/i18n";
import type { Evaluation, Model } from "../core/types";
import { hyperparameterSummary, modelName } from "../core/words";
import { Picture } from "../ui/basics";
import { useDesk } from "./context";

export function MaskHeadline({ model, result }: { model: Model; result: Evaluation }) {
  const { project } = useDesk();
  return (
    <div class="ax-headline">
      <p class="ax-headline-number">{result.miou === undefined ? "–" : percent(result.miou)}</p>
      <div>
        <p class="ax-headline-sentence">{t("Mean IoU of {model} on pictures it had not trained on: how far its marks and the masks overlap, averaged over the classes.", { model: modelName(project, model) })}</p>
        <p class="ax-hint">{result.count
          ? t("{accuracy} of all pixels in {count} pictures have the right class; large areas such as the background decide that figure, so look at the classes.", { accuracy: percent(result.accuracy), count: number(result.count) })
          : t("{accuracy} of all pixels have the right class; large areas such as the background decide that figure, so look at the classes.", { accuracy: percent(result.accuracy) })}</p>
        <p class="ax-hint"><bdi>{hyperparameterSummary(model.hyperparameters)}</bdi></p>
        <p class="ax-hint">{t("These pictures were kept back from your own set. The pictures behind your grade are others, so the two figures can differ.")}</p>
      </div>
    </div>
  );
}

/** Bars, the weakest class first; a class that no picture shows has no value. */
export function IouBars({ values }: { values: Record<string, number | null> }) {
  const classes = Object.entries(values).sort(([, a], [, b]) => (a ?? 2) - (b ?? 2));
  if (classes.length === 0) return null;
  const weakest = classes[0]!;
  return (
    <section>
      <h4>{t("Class by class")}</h4>
      {weakest[1] !== null && weakest[1] < 1 ? <p>{t("“{label}” is the hardest: marks and masks overlap by {iou}.", { label: weakest[0], iou: percent(weakest[1], 0) })}</p> : null}
      <div class="ax-table-scroll">
        <table class="ax-table ax-per-class">
          <thead><tr><th scope="col">{t("Class")}</th><th scope="col" title={t("Pixels that both the model and the mask give this class, of those that either gives it")}>{t("Overlap (IoU)")}</th></tr></thead>
          <tbody>
            {classes.map(([label, value]) => (
              <tr key={label}>
                <th scope="row"><bdi>{label}</bdi></th>
                <td>{value === null ? t("in none of the pictures") : (
                  <span class="ax-bar ax-bar-first">
                    <span class="ax-bar-track" aria-hidden="true"><span style={{ inlineSize: `${value * 100}%` }} /></span>
                    <span class="ax-num">{percent(value, 0)}</span>
                  </span>
                )}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function WorstPictures({ mistakes }: { mistakes: NonNullable<Evaluation["mistakes"]> }) {
  const worst = mistakes.flatMap((each) => (typeof each.iou === "number" ? [{ ...each, iou: each.iou }] : [])).sort((a, b) => a.iou - b.iou).slice(0, 12);
  return (
    <section>
      <h4>{t("The pictures it marks worst")}</h4>
      {worst.length === 0 ? <p>{t("There are no held-back pictures to show.")}</p> : (
        <>
          <p class="ax-help">{t("Look for what they have in common: small things, edges, shadows, or a mask that is wrong itself.")}</p>
          <ul class="ax-grid ax-grid-large">
            {worst.map((each) => (
              <li key={each.sha256} class="ax-mistake">
                <Picture src={each.url} alt={t("A picture of the held-back ones, overlap {iou}", { iou: percent(each.iou, 0) })} />
                <p><span class="ax-bad">{t("overlap {iou}", { iou: percent(each.iou, 0) })}</span></p>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
