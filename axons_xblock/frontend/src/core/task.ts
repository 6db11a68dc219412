/** What a model learns: one class for a whole picture, or one for every pixel. Each has the figure that stands for it. */
import { t } from "./i18n";
import type { Library, Prediction, Spec } from "./types";

export type Measure = "accuracy" | "miou";
type Figures = { accuracy?: number; miou?: number } | null | undefined;

export const NETWORKS: Record<string, string[]> = { classification: ["efficientnet_lite0", "small_cnn"], segmentation: ["lite0_lraspp", "small_unet"] };
/** Whether a network begins knowing nothing. */
export const fromScratch = (architecture: string | undefined): boolean => architecture === "small_cnn" || architecture === "small_unet";
const THRESHOLDS: Record<Measure, { at_least: number; score: number }[]> = {
  accuracy: [{ at_least: 0.5, score: 0.5 }, { at_least: 0.9, score: 1 }],
  miou: [{ at_least: 0.3, score: 0.5 }, { at_least: 0.6, score: 1 }],
};

/** Whether pictures come with masks. */
export const hasMasks = (spec: Pick<Spec, "task">): boolean => spec.task === "segmentation";

export const measureOf = (spec: Pick<Spec, "task">): Measure => (hasMasks(spec) ? "miou" : "accuracy");

/** The figure by which runs and models of this exercise are told apart, 0 to 1; null when it is not there. */
export function figure(spec: Pick<Spec, "task">, found: Figures): number | null {
  return found?.[measureOf(spec)] ?? null;
}

export function measureTitle(measure: Measure): string {
  return measure === "miou" ? t("Mean IoU") : t("Accuracy");
}

/** The first class of a set with masks, usually what is around everything, has this colour. */
const AROUND = "#000000";
/** So little of a picture is noise. */
const SPECK = 0.005;

/** The class that an answer in marks is about: the largest, but for what is around it; nothing when there is no mark. */
export function marked(prediction: Pick<Prediction, "shares" | "colours">): { label: string; share: number } | undefined {
  const shares = (prediction.shares ?? []).filter((each) => each.share > 0);
  return shares.find((each) => each.share >= SPECK && prediction.colours?.[each.label] !== AROUND) ?? shares[0];
}

/** The grading that an author begins with. */
export function gradingFor(spec: Pick<Spec, "task">): { metric: Measure; thresholds: { at_least: number; score: number }[] } {
  const metric = measureOf(spec);
  return { metric, thresholds: THRESHOLDS[metric] };
}

/** What changes in a spec with its task: sets, model, networks and metric of the other one do not fit. */
export function withTask(spec: Spec, task: string): Partial<Spec> {
  if (spec.task === task) return {};
  const fresh = { task };
  return {
    ...fresh, starter_set: null, hidden_test_set: null, model: null, architectures: spec.kind === "training" ? NETWORKS[task] ?? [] : [],
    grading: spec.grading ? { ...spec.grading, ...gradingFor(fresh) } : null,
  };
}

/** What of the library fits the task; an older service says no task, and knows one only. */
export function fitting<T extends Pick<Library["models"][number], "name"> & { task?: string }>(things: T[], spec: Pick<Spec, "task">): T[] {
  return things.filter((each) => (each.task ?? "classification") === spec.task);
}

/** What a spec calls a library set, without the hash of its content. */
export function bareName(name: string): string {
  return name.split("@")[0] ?? name;
}
