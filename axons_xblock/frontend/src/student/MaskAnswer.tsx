/** A model's answer as marks on the picture: a slider between the two, the classes' colours, and their shares. */
import { useState } from "preact/hooks";
import { duration, percent } from "../core/format";
import { t } from "../core/i18n";
import { marked } from "../core/task";
import type { Prediction } from "../core/types";
import { Picture, Time } from "../ui/basics";
import { ColourDot } from "../ui/masked";
import { useUid } from "../ui/uid";

export function MaskAnswer({ prediction, modelWords }: { prediction: Prediction; modelWords: string }) {
  const [strength, setStrength] = useState(100);
  const id = useUid();
  const shares = prediction.shares ?? [];
  const first = marked(prediction);
  return (
    <article class="ax-answer">
      <div class="ax-answer-picture">
        <Picture src={prediction.picture_url} alt={prediction.file} />
        {prediction.overlay_url ? <img class="ax-overlay" src={prediction.overlay_url} alt="" style={{ opacity: strength / 100 }} /> : null}
      </div>
      <div class="ax-answer-words">
        <p class="ax-answer-headline">{first ? t("{share} {label}", { share: percent(first.share, 0), label: first.label }) : "–"}</p>
        {prediction.overlay_url ? (
          <div class="ax-overlay-control">
            <label for={id}>{t("Picture or marks")}</label>
            <input id={id} type="range" min={0} max={100} value={strength} aria-valuetext={percent(strength / 100, 0)} onInput={(event) => setStrength(Number(event.currentTarget.value))} />
            <p class="ax-help">{t("To the start: the picture alone. To the end: every pixel in the colour of the class that the model gives it.")}</p>
          </div>
        ) : null}
        <ul class="ax-probabilities" aria-label={t("How much of the picture each class covers")}>
          {shares.map((each) => (
            <li key={each.label}>
              <span class="ax-prob-name"><ColourDot colour={prediction.colours?.[each.label]} /> <bdi>{each.label}</bdi></span>
              <span class="ax-bar-track" aria-hidden="true"><span style={{ inlineSize: `${each.share * 100}%` }} /></span>
              <span class="ax-num">{percent(each.share)}</span>
            </li>
          ))}
        </ul>
        <p class="ax-hint">
          <bdi>{prediction.file}</bdi>{modelWords ? <> · <bdi>{modelWords}</bdi></> : null} · <Time value={prediction.created_at} />
          {prediction.seconds !== null && prediction.seconds !== undefined ? <> · {duration(prediction.seconds)}</> : null}
        </p>
      </div>
    </article>
  );
}
