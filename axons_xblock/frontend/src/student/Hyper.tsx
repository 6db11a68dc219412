/** The knobs of a training run, within the author's bounds. */
import { number, significant } from "../core/format";
import { t } from "../core/i18n";
import type { Bound, Hyperparameters, Spec } from "../core/types";
import { furtherDefaults, furtherMistakes } from "../core/further";
import { Field } from "../ui/basics";
import { ForExperts, Variations, WhatLearns } from "./Further";
import { parse } from "./parse";

export { parse };

type Numeric = "epochs" | "learning_rate" | "batch_size";

interface Knob { name: Numeric; label: () => string; help: () => string; whole: boolean; logarithmic: boolean }

const KNOBS: Knob[] = [
  { name: "epochs", label: () => t("Epochs"), help: () => t("How often the network goes through all pictures. More is slower, and too many make it learn by heart."), whole: true, logarithmic: false },
  { name: "learning_rate", label: () => t("Learning rate"), help: () => t("How big each correction is. Too big and the loss jumps about; too small and nothing seems to happen."), whole: false, logarithmic: true },
  { name: "batch_size", label: () => t("Batch size"), help: () => t("How many pictures it looks at before each correction."), whole: true, logarithmic: true },
];

const FALLBACK: Record<Numeric, Required<Bound>> = {
  epochs: { min: 1, max: 40, default: 15 },
  learning_rate: { min: 0.0001, max: 0.1, default: 0.003 },
  batch_size: { min: 8, max: 128, default: 32 },
};

export function boundOf(spec: Spec, name: Numeric): Required<Bound> {
  return { ...FALLBACK[name], ...spec.hyperparameters?.[name] };
}

export function defaults(spec: Spec): Hyperparameters {
  return {
    architecture: spec.architectures[0] ?? "small_cnn",
    epochs: boundOf(spec, "epochs").default,
    learning_rate: boundOf(spec, "learning_rate").default,
    batch_size: boundOf(spec, "batch_size").default,
    augmentation: spec.hyperparameters?.augmentation?.default ?? true,
    seed: spec.hyperparameters?.seed?.default ?? 0,
    ...furtherDefaults(spec),
  };
}

/** The values of an earlier run, as far as they can still be chosen. */
export function continued(spec: Spec, earlier: Partial<Hyperparameters> | null | undefined): Hyperparameters {
  const usual = defaults(spec);
  const known = Object.entries(earlier ?? {}).filter(([name]) => name in usual);
  return { ...usual, ...Object.fromEntries(known) };
}

/** A sentence for every value outside the author's bounds. */
export function mistakesIn(spec: Spec, values: Hyperparameters): Partial<Record<string, string>> & { epochs?: string; learning_rate?: string } {
  const wrong: Partial<Record<string, string>> = { ...furtherMistakes(spec, values) };
  for (const knob of KNOBS) {
    const { min, max } = boundOf(spec, knob.name);
    const value = values[knob.name];
    const range = { label: knob.label(), min: significant(min, 6), max: significant(max, 6), value: significant(value, 6) };
    if (!Number.isFinite(value)) wrong[knob.name] = t("{label} must be a number between {min} and {max}.", range);
    else if (value < min || value > max) wrong[knob.name] = t("{label} must be between {min} and {max}. You asked for {value}.", range);
    else if (knob.whole && !Number.isInteger(value)) wrong[knob.name] = t("{label} must be a whole number.", range);
  }
  if (!Number.isInteger(values.seed) || values.seed < 0) wrong.seed = t("The seed must be a whole number, 0 or more.");
  return wrong;
}

/** A slider of 0 to 1000 over a range that may span decades. */
export function toSlider(value: number, min: number, max: number, logarithmic: boolean): number {
  if (max <= min || !Number.isFinite(value)) return 0;
  const kept = Math.min(max, Math.max(min, value));
  return Math.round(1000 * (logarithmic && min > 0 ? Math.log(kept / min) / Math.log(max / min) : (kept - min) / (max - min)));
}

export function fromSlider(place: number, min: number, max: number, logarithmic: boolean, whole: boolean): number {
  const share = place / 1000;
  const value = logarithmic && min > 0 ? min * (max / min) ** share : min + (max - min) * share;
  const rounded = whole ? Math.round(value) : Number(value.toPrecision(2));
  return Math.min(max, Math.max(min, rounded));
}

interface Props {
  spec: Spec; values: Hyperparameters; onChange: (values: Hyperparameters) => void;
  mistakes: Partial<Record<string, string>>; server: Record<string, string>; onBlur: () => void;
}

export function Hyper({ spec, values, onChange, mistakes, server, onBlur }: Props) {
  const further = { spec, values, onChange, mistakes, server, onBlur };
  const fixed = KNOBS.filter((knob) => boundOf(spec, knob.name).min === boundOf(spec, knob.name).max);
  return (
    <div class="ax-knobs">
      <WhatLearns {...further} />
      {KNOBS.filter((knob) => !fixed.includes(knob)).map((knob) => {
        const { min, max, default: usual } = boundOf(spec, knob.name);
        const value = values[knob.name];
        return (
          <Field
            key={knob.name} label={knob.label()} help={knob.help()} error={mistakes[knob.name] ?? server[`hyperparameters.${knob.name}`] ?? server[knob.name]}
            hint={t("{min} to {max}, suggested {usual}", { min: significant(min, 6), max: significant(max, 6), usual: significant(usual, 6) })}
          >
            {({ id, describedBy, invalid }) => (
              <div class="ax-slider-row">
                <input
                  type="range" min={0} max={1000} step="any" value={toSlider(value, min, max, knob.logarithmic)} aria-label={knob.label()}
                  aria-valuetext={significant(value, 6)}
                  onInput={(event) => onChange({ ...values, [knob.name]: fromSlider(Number(event.currentTarget.value), min, max, knob.logarithmic, knob.whole) })}
                  onKeyDown={(event) => {
                    // Arrow keys move by a step one can feel: one for small whole ranges, a twentieth otherwise.
                    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
                    if (!way) return;
                    event.preventDefault();
                    const next = knob.whole && !knob.logarithmic
                      ? Math.min(max, Math.max(min, Math.round(value) + way))
                      : fromSlider(Math.min(1000, Math.max(0, toSlider(value, min, max, knob.logarithmic) + way * 50)), min, max, knob.logarithmic, knob.whole);
                    onChange({ ...values, [knob.name]: next });
                  }}
                />
                <input
                  id={id} type="text" inputMode="decimal" class="ax-number" autocomplete="off" value={Number.isFinite(value) ? String(value) : ""}
                  aria-describedby={describedBy} aria-invalid={invalid} onBlur={onBlur}
                  onChange={(event) => onChange({ ...values, [knob.name]: parse(event.currentTarget.value) })}
                />
              </div>
            )}
          </Field>
        );
      })}
      {fixed.length > 0 ? (
        <p class="ax-help">{t("Set by your educator: {values}", { values: fixed.map((knob) => `${knob.label()} ${number(boundOf(spec, knob.name).min, 6)}`).join(", ") })}</p>
      ) : null}
      <label class="ax-switch">
        <input type="checkbox" checked={values.augmentation} onChange={(event) => onChange({ ...values, augmentation: event.currentTarget.checked })} />
        <span><strong>{t("Vary the pictures")}</strong><span class="ax-help">{t("Mirrors, crops and tints them a little each time, so that the network sees more than there is. Used where the network learns from pixels.")}</span></span>
      </label>
      {values.augmentation ? <Variations {...further} /> : null}
      <details class="ax-details">
        <summary>{t("For experts")}</summary>
        <ForExperts {...further} />
        <Field label={t("Seed")} help={t("The same seed and values give the same run again.")} error={mistakes["seed"] ?? server["hyperparameters.seed"]}>
          {({ id, describedBy, invalid }) => (
            <input
              id={id} type="text" inputMode="numeric" class="ax-number" value={Number.isFinite(values.seed) ? String(values.seed) : ""} aria-describedby={describedBy} aria-invalid={invalid}
              onBlur={onBlur} onChange={(event) => onChange({ ...values, seed: parse(event.currentTarget.value) })}
            />
          )}
        </Field>
      </details>
    </div>
  );
}
