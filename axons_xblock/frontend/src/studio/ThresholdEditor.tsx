/** The grading rule as rows of "from … %, … % of the points", with its staircase. */
import { number } from "../core/format";
import { t } from "../core/i18n";
import type { Grading, Threshold } from "../core/types";
import { parse } from "../student/Hyper";
import { Button, Field, Icon } from "../ui/basics";
import { Thresholds } from "../ui/thresholds";

interface Props { grading: Grading; weight: number; errors: Record<string, string>; onChange: (grading: Grading) => void }

function shown(share: number): string {
  return Number.isFinite(share) ? String(Number((share * 100).toFixed(4))) : "";
}

export function ThresholdEditor({ grading, weight, errors, onChange }: Props) {
  const change = (place: number, fresh: Partial<Threshold>) => onChange({ ...grading, thresholds: grading.thresholds.map((each, i) => (i === place ? { ...each, ...fresh } : each)) });
  const masks = grading.metric === "miou";
  const wrong = Object.entries(errors).filter(([field]) => /^(spec\.)?grading(\.thresholds|\.metric|\.between|\.feedback|$)/.test(field));
  return (
    <fieldset class="ax-threshold-editor">
      <legend>{t("What the score means")}</legend>
      <Thresholds grading={{ ...grading, thresholds: grading.thresholds.filter((each) => Number.isFinite(each.at_least) && Number.isFinite(each.score)) }} weight={weight} />
      {grading.thresholds.map((each, i) => (
        <div key={i} class="ax-row ax-threshold-row">
          <label>{t("From")} <input type="text" inputMode="decimal" class="ax-number" data-field={`grading.thresholds.${i}.at_least`} aria-label={masks ? t("Step {n}: percent of mean IoU", { n: i + 1 }) : t("Step {n}: percent right", { n: i + 1 })}
            aria-invalid={wrong.some(([field]) => field.endsWith(`thresholds.${i}.at_least`))} value={shown(each.at_least)} onChange={(event) => change(i, { at_least: parse(event.currentTarget.value) / 100 })} /> {masks ? t("% mean IoU:") : t("% right:")}</label>
          <label><input type="text" inputMode="decimal" class="ax-number" data-field={`grading.thresholds.${i}.score`} aria-label={t("Step {n}: percent of the points", { n: i + 1 })}
            aria-invalid={wrong.some(([field]) => field.endsWith(`thresholds.${i}.score`))} value={shown(each.score)} onChange={(event) => change(i, { score: parse(event.currentTarget.value) / 100 })} /> {t("% of the points")}</label>
          <label class="ax-threshold-feedback"><input type="text" maxLength={1000} data-field={`grading.thresholds.${i}.feedback`} aria-label={t("Step {n}: what the student reads", { n: i + 1 })} placeholder={t("What the student reads (optional)")}
            value={each.feedback ?? ""} onChange={(event) => change(i, { feedback: event.currentTarget.value || undefined })} /></label>
          <button type="button" class="ax-disclose" aria-label={t("Remove step {n}", { n: number(i + 1) })} disabled={grading.thresholds.length < 2} onClick={() => onChange({ ...grading, thresholds: grading.thresholds.filter((_each, j) => j !== i) })}><Icon name="cross" size={16} /></button>
        </div>
      ))}
      <Button small icon="plus" onClick={() => {
        const last = grading.thresholds[grading.thresholds.length - 1];
        onChange({ ...grading, thresholds: [...grading.thresholds, { at_least: Math.min(1, (last?.at_least ?? 0.5) + 0.05), score: 1 }] });
      }}>{t("Add a step")}</Button>
      <label class="ax-switch">
        <input type="checkbox" checked={grading.between === "line"} onChange={(event) => onChange({ ...grading, between: event.currentTarget.checked ? "line" : undefined })} />
        <span><strong>{t("Points rise evenly between two steps")}</strong><span class="ax-help">{t("Without it, each step brings its points at once. Below the first step there are none either way.")}</span></span>
      </label>
      <Field label={t("Below the first step the student reads")}>
        {({ id, describedBy }) => <input id={id} type="text" maxLength={1000} aria-describedby={describedBy} data-field="grading.feedback" value={grading.feedback ?? ""} onChange={(event) => onChange({ ...grading, feedback: event.currentTarget.value || undefined })} />}
      </Field>
      {wrong.map(([field, message]) => <p key={field} class="ax-field-error" role="alert" data-field={field}>{message}</p>)}
    </fieldset>
  );
}
