/** What an author may let students choose beyond the usual knobs: words and bounds, for Studio and for students. */
import { significant } from "./format";
import { t } from "./i18n";
import type { Bound, Further, Hyperparameters, Spec } from "./types";
import { fromScratch } from "./task";

export type FurtherKnob = "trainable_blocks" | "warmup_epochs" | "weight_decay" | "patience" | "label_smoothing" | "gradient_clip";
export type FurtherChoice = "fine_tuning" | "optimizer" | "schedule";
export type FurtherSwitch = "flip" | "crop" | "colour" | "class_weights";

interface Words { label: () => string; help: () => string }

export const CHOICES: Record<FurtherChoice, Words & { values: Record<string, () => string>; usual: string }> = {
  fine_tuning: {
    label: () => t("What learns"), help: () => t("The more of the network learns, the longer it takes and the more pictures it needs. From random weights it starts without having seen a photograph."), usual: "frozen",
    values: { frozen: () => t("Only a new last layer"), partial: () => t("The last blocks too"), full: () => t("The whole network"), scratch: () => t("The whole network, from random weights") },
  },
  optimizer: {
    label: () => t("Optimizer"), help: () => t("How corrections are made from gradients. AdamW works well almost always; SGD needs a larger learning rate."), usual: "adamw",
    values: { adamw: () => "AdamW", adam: () => "Adam", sgd: () => "SGD" },
  },
  schedule: {
    label: () => t("Schedule"), help: () => t("How the learning rate falls during the run."), usual: "cosine",
    values: { cosine: () => t("Smoothly to zero (cosine)"), constant: () => t("Stays the same"), step: () => t("In steps, a tenth after each third") },
  },
};

export const FURTHER_KNOBS: Record<FurtherKnob, Words & { whole: boolean; usual: Required<Bound> }> = {
  trainable_blocks: { label: () => t("Blocks that learn"), help: () => t("How many of the network's 18 blocks learn, counted from the end."), whole: true, usual: { min: 1, max: 18, default: 3 } },
  patience: { label: () => t("Patience"), help: () => t("Stops after so many epochs without a better validation, and keeps the best one. 0 goes through all epochs."), whole: true, usual: { min: 0, max: 20, default: 0 } },
  warmup_epochs: { label: () => t("Warm-up epochs"), help: () => t("The learning rate rises from nothing during the first epochs."), whole: false, usual: { min: 0, max: 5, default: 0 } },
  weight_decay: { label: () => t("Weight decay"), help: () => t("Pulls weights towards zero, against learning by heart."), whole: false, usual: { min: 0, max: 0.2, default: 0.01 } },
  label_smoothing: { label: () => t("Label smoothing"), help: () => t("Keeps the network from being too sure of itself."), whole: false, usual: { min: 0, max: 0.3, default: 0 } },
  gradient_clip: { label: () => t("Gradient clipping"), help: () => t("The largest correction that is allowed. 0 allows any."), whole: false, usual: { min: 0, max: 10, default: 0 } },
};

export const SWITCHES: Record<FurtherSwitch, Words & { usual: boolean }> = {
  flip: { label: () => t("Mirror"), help: () => t("Left and right change places in half of the pictures."), usual: true },
  crop: { label: () => t("Crop"), help: () => t("A part of each picture fills the frame."), usual: true },
  colour: { label: () => t("Tint"), help: () => t("Brightness, contrast and colours change a little."), usual: true },
  class_weights: { label: () => t("Rare classes count more"), help: () => t("Useful when some classes have far fewer pictures than others."), usual: false },
};

export const choiceNames = Object.keys(CHOICES) as FurtherChoice[];
export const knobNames = Object.keys(FURTHER_KNOBS) as FurtherKnob[];
export const switchNames = Object.keys(SWITCHES) as FurtherSwitch[];

/** The author's suggestions, for what the author lets students choose and nothing else. */
export function furtherDefaults(spec: Spec): Further {
  const offered = spec.hyperparameters ?? {};
  const values: Record<string, unknown> = {};
  for (const name of [...choiceNames, ...knobNames, ...switchNames]) {
    const offer = offered[name];
    if (offer) values[name] = offer.default;
  }
  return values as Further;
}

/** Whether a choice means anything for the values chosen so far. */
export function matters(name: string, values: Hyperparameters): boolean {
  if (name === "fine_tuning") return !fromScratch(values.architecture);
  if (name === "trainable_blocks") return !fromScratch(values.architecture) && values.fine_tuning === "partial";
  if (name === "flip" || name === "crop" || name === "colour") {
    return values.augmentation && (fromScratch(values.architecture) || (values.fine_tuning ?? "frozen") !== "frozen");
  }
  return true;
}

/** A sentence for every value outside the author's bounds. */
export function furtherMistakes(spec: Spec, values: Hyperparameters): Partial<Record<FurtherKnob, string>> {
  const wrong: Partial<Record<FurtherKnob, string>> = {};
  for (const name of knobNames) {
    const bound = spec.hyperparameters?.[name];
    if (!bound) continue;
    const { min, max } = { ...FURTHER_KNOBS[name].usual, ...bound };
    const value = values[name] ?? Number.NaN;
    const range = { label: FURTHER_KNOBS[name].label(), min: significant(min, 6), max: significant(max, 6), value: significant(value, 6) };
    if (!Number.isFinite(value)) wrong[name] = t("{label} must be a number between {min} and {max}.", range);
    else if (value < min || value > max) wrong[name] = t("{label} must be between {min} and {max}. You asked for {value}.", range);
    else if (FURTHER_KNOBS[name].whole && !Number.isInteger(value)) wrong[name] = t("{label} must be a whole number.", range);
  }
  return wrong;
}
