/** What the things of the service are called on the page. */
import { duration, number, percent, significant } from "./format";
import { CHOICES } from "./further";
import { t, tn } from "./i18n";
import { fromScratch } from "./task";
import type { Grading, Hyperparameters, Job, Model, ProjectState, Progress, TrainingSet } from "./types";

export function architectureTitle(name: string): string {
  if (name === "efficientnet_lite0") return t("EfficientNet-Lite0");
  if (name === "small_cnn") return t("Small network from scratch");
  if (name === "lite0_lraspp") return t("EfficientNet-Lite0 with LR-ASPP");
  if (name === "small_unet") return t("Small U-Net from scratch");
  const plain = name.replace(/_/g, " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

export function architectureDescription(name: string): string {
  if (name === "efficientnet_lite0") return t("Has already seen a million photographs. Usually only a new last layer learns your classes: fast, and good with few pictures.");
  if (name === "small_cnn") return t("Knows nothing yet and learns everything from your pictures: slower, needs many pictures, and shows what training really takes.");
  if (name === "lite0_lraspp") return t("Has already seen a million photographs, and learns from your masks to mark every pixel. Good with few pictures.");
  if (name === "small_unet") return t("Knows nothing yet and learns everything from your pictures and masks: slower, and shows what training really takes.");
  return "";
}

export function setTitle(set: TrainingSet): string {
  if (set.kind === "starter") return set.name;
  // The service's own title ends with the version, in English.
  return t("{name}, version {version}", { name: set.name.replace(/, version \d+$/, ""), version: set.version });
}

export function trainingJobs(project: ProjectState): Job[] {
  return project.jobs.filter((job) => job.kind === "training");
}

/** Runs are numbered from the first one, so that a number keeps its meaning. */
export function runName(project: ProjectState, job: string | null): string {
  const listed = trainingJobs(project).map((each) => each.id).reverse();
  // The service knows all that ever were; what began since it was asked follows them.
  const known = project.runs ?? listed;
  const all = [...known, ...listed.filter((id) => !known.includes(id))];
  const place = job ? all.indexOf(job) : -1;
  return place < 0 ? t("Earlier run") : t("Run {n}", { n: place + 1 });
}

export function modelName(project: ProjectState, model: Model): string {
  return model.source === "supplied" ? model.name : runName(project, model.job);
}

export function hyperparameterSummary(values: Partial<Hyperparameters> | null | undefined): string {
  if (!values) return "";
  const parts: string[] = [];
  if (values.architecture) parts.push(architectureTitle(values.architecture));
  if (values.epochs !== undefined) parts.push(tn("{n} epoch", "{n} epochs", values.epochs));
  if (values.learning_rate !== undefined) parts.push(t("learning rate {rate}", { rate: significant(values.learning_rate) }));
  if (values.batch_size !== undefined) parts.push(t("batches of {n}", { n: number(values.batch_size) }));
  if (values.fine_tuning && !fromScratch(values.architecture)) parts.push(CHOICES.fine_tuning.values[values.fine_tuning as string]?.() ?? values.fine_tuning);
  return parts.join(" · ");
}

export function metricName(metric: string): string {
  if (metric === "accuracy") return t("accuracy");
  if (metric === "miou") return t("mean IoU");
  if (metric === "macro_f1") return t("macro F1");
  return metric.replace(/_/g, " ");
}

export function stateWord(job: Job): string {
  if (job.cancel_requested && !["succeeded", "failed", "cancelled"].includes(job.state)) return t("Stopping");
  switch (job.state) {
    case "queued": return t("Waiting in line");
    case "dispatched": return t("A machine is on its way");
    case "preparing": return t("Getting ready");
    case "running": return t("Training");
    case "finishing": return t("Saving the model");
    case "succeeded": return t("Finished");
    case "failed": return t("Failed");
    case "cancelled": return t("Cancelled");
  }
}

function phaseWord(phase: string): string {
  switch (phase) {
    case "fetching": return t("Fetching pictures");
    case "embedding": return t("Looking at every picture");
    case "training": return t("Training");
    case "evaluating": return t("Checking on pictures it has not trained on");
    case "exporting": return t("Saving the model");
    default: return phase;
  }
}

/** How many epochs a running training has behind it, a part of one included; null before the first, and if it counts otherwise. */
export function epochsOf(job: Job): { done: number; total: number } | null {
  if (job.progress?.unit === "epochs") return job.progress;
  // Between two epochs it counts the pictures that it is checked on: the last figures say how far it is.
  const [done, total] = [job.metrics?.train?.epoch, job.hyperparameters?.epochs];
  return job.kind === "training" && done !== undefined && total ? { done, total } : null;
}

/** The epoch that is under way, counted from 1. */
export function epochWords({ done, total }: { done: number; total: number }): string {
  return t("epoch {done} of {total}", { done: number(Math.min(total, Math.max(1, Math.ceil(done)))), total: number(total) });
}

export function progressSentence(progress: Progress): string {
  // One shard of one says nothing about how far it is.
  if (progress.total <= 1) return `${phaseWord(progress.phase)}…`;
  const amount = progress.unit === "bytes"
    ? percent(progress.total ? progress.done / progress.total : 0, 0)
    : progress.unit === "epochs"
      ? epochWords(progress)
      : progress.unit === "images"
        ? t("{done} of {total} pictures", { done: number(progress.done), total: number(progress.total) })
        : t("{done} of {total}", { done: number(progress.done), total: number(progress.total) });
  return `${phaseWord(progress.phase)}: ${amount}`;
}

/** The share of the points that a value earns: the best threshold it reaches, or with a line a part of the way to the next. */
export function scoreFor(grading: Grading, value: number): number {
  const steps = [...grading.thresholds].sort((a, b) => a.at_least - b.at_least);
  const place = steps.filter((each) => value >= each.at_least).length - 1;
  const low = steps[place];
  const high = steps[place + 1];
  if (!low) return 0;
  if (grading.between !== "line" || !high) return low.score;
  return low.score + ((value - low.at_least) / (high.at_least - low.at_least)) * (high.score - low.score);
}

export function took(job: Job): string {
  if (!job.started_at || !job.finished_at) return "";
  return duration((new Date(job.finished_at).getTime() - new Date(job.started_at).getTime()) / 1000);
}
