/** What an author lets students choose beyond the usual knobs. */
import { CHOICES, choiceNames, FURTHER_KNOBS, knobNames, matters, SWITCHES, switchNames, type FurtherChoice, type FurtherKnob, type FurtherSwitch } from "../core/further";
import { significant } from "../core/format";
import { t } from "../core/i18n";
import type { Hyperparameters, Spec } from "../core/types";
import { Field } from "../ui/basics";
import { parse } from "./parse";

interface Props {
  spec: Spec; values: Hyperparameters; onChange: (values: Hyperparameters) => void;
  mistakes: Partial<Record<string, string>>; server: Record<string, string>; onBlur: () => void;
}

/** What learns, in plain sight: it decides what a run is. */
export function WhatLearns(props: Props) {
  const names: FurtherChoice[] = ["fine_tuning"];
  const knobs: FurtherKnob[] = ["trainable_blocks"];
  return <>{names.map((name) => <Choice key={name} name={name} {...props} />)}{knobs.map((name) => <Numeric key={name} name={name} {...props} />)}</>;
}

/** How pictures are varied, below the switch that turns it on. */
export function Variations(props: Props) {
  const shown = switchNames.filter((name) => name !== "class_weights");
  return <>{shown.map((name) => <Switch key={name} name={name} {...props} />)}</>;
}

/** Everything else, folded away. */
export function ForExperts(props: Props) {
  return (
    <>
      {choiceNames.filter((name) => name !== "fine_tuning").map((name) => <Choice key={name} name={name} {...props} />)}
      {knobNames.filter((name) => name !== "trainable_blocks").map((name) => <Numeric key={name} name={name} {...props} />)}
      <Switch name="class_weights" {...props} />
    </>
  );
}

function Choice({ name, spec, values, onChange, server }: Props & { name: FurtherChoice }) {
  const offer = spec.hyperparameters?.[name];
  if (!offer || offer.allowed.length < 2 || !matters(name, values)) return null;
  const words = CHOICES[name];
  return (
    <Field label={words.label()} help={words.help()} error={server[`hyperparameters.${name}`]}>
      {({ id, describedBy, invalid }) => (
        <select id={id} aria-describedby={describedBy} aria-invalid={invalid} value={values[name] ?? offer.default} onChange={(event) => onChange({ ...values, [name]: event.currentTarget.value })}>
          {offer.allowed.map((value) => <option key={value} value={value}>{words.values[value]?.() ?? value}</option>)}
        </select>
      )}
    </Field>
  );
}

function Numeric({ name, spec, values, onChange, mistakes, server, onBlur }: Props & { name: FurtherKnob }) {
  const bound = spec.hyperparameters?.[name];
  if (!bound || !matters(name, values)) return null;
  const words = FURTHER_KNOBS[name];
  const { min, max, default: usual } = { ...words.usual, ...bound };
  if (min === max) return null;
  const value = values[name] ?? Number.NaN;
  return (
    <Field
      label={words.label()} help={words.help()} error={mistakes[name] ?? server[`hyperparameters.${name}`]}
      hint={t("{min} to {max}, suggested {usual}", { min: significant(min, 6), max: significant(max, 6), usual: significant(usual, 6) })}
    >
      {({ id, describedBy, invalid }) => (
        <input
          id={id} type="text" inputMode="decimal" class="ax-number" autocomplete="off" value={Number.isFinite(value) ? String(value) : ""}
          aria-describedby={describedBy} aria-invalid={invalid} onBlur={onBlur} onChange={(event) => onChange({ ...values, [name]: parse(event.currentTarget.value) })}
        />
      )}
    </Field>
  );
}

function Switch({ name, spec, values, onChange }: Props & { name: FurtherSwitch }) {
  const offer = spec.hyperparameters?.[name];
  if (!offer || !matters(name, values)) return null;
  return (
    <label class="ax-switch">
      <input type="checkbox" checked={values[name] ?? offer.default} onChange={(event) => onChange({ ...values, [name]: event.currentTarget.checked })} />
      <span><strong>{SWITCHES[name].label()}</strong><span class="ax-help">{SWITCHES[name].help()}</span></span>
    </label>
  );
}
