/** A project about masks for the gallery: a garden bed whose leaves and berries are marked. */
import type { Bundle, Job, Model, Prediction, Spec, TrainingSet } from "../src/core/types";
import * as f from "./fixtures";

const CLASSES = ["background", "leaf", "berry", "stone"];
const COLOURS = { background: "#000000", leaf: "#800000", berry: "#008000", stone: "#808000" };
const SPEC: Spec = { ...f.SPEC, task: "segmentation", architectures: ["lite0_lraspp", "small_unet"], grading: { metric: "miou", thresholds: [{ at_least: 0.5, score: 0.5 }, { at_least: 0.7, score: 1 }] } };
const SET: TrainingSet = {
  ...f.STARTER, name: "Garden bed", task: "segmentation", classes: CLASSES, colours: COLOURS, image_count: 160,
  counts: Object.fromEntries(CLASSES.map((name, i) => [name, i === 0 ? { train: 0, validation: 0 } : { train: 40 + i, validation: 10 }])),
};
const VALIDATION = {
  miou: 0.612, accuracy: 0.931, loss: 0.21, count: 32, iou_per_class: { background: 0.97, leaf: 0.72, berry: 0.166, stone: null },
  mistakes: Array.from({ length: 6 }, (_, i) => ({ sha256: `worst-${i}`, iou: 0.12 + i * 0.07, url: f.shot(i, i) })),
};
const JOB = { ...f.DONE, hyperparameters: { ...f.DONE.hyperparameters, architecture: "lite0_lraspp" }, metrics: { validation: VALIDATION } } as unknown as Job;
const MODEL = { ...f.MODEL, task: "segmentation", classes: CLASSES, architecture: "lite0_lraspp", metrics: { validation: VALIDATION } } as unknown as Model;
const ANSWER: Prediction = {
  ...f.prediction("p-mask", 4, 0.9, "my garden.jpg", 2), probabilities: [], colours: COLOURS, overlay_url: mask(3), mask_url: mask(3),
  shares: [{ label: "background", share: 0.712 }, { label: "leaf", share: 0.204 }, { label: "berry", share: 0.08 }, { label: "stone", share: 0.004 }],
};

export const PICTURES: Bundle = f.bundle({ spec: SPEC, starter_set: SET });
export const TRAINED: Bundle = f.bundle({ spec: SPEC, starter_set: SET, jobs: [JOB], models: [MODEL], predictions: [ANSWER] });

export function read(path: string, query: Record<string, unknown>): unknown {
  if (path.endsWith("/images")) {
    const label = String(query["label"] ?? "leaf");
    const images = Array.from({ length: 24 }, (_, i) => ({ sha256: `${label}-${i}`, label, split: "train", name: `bed-${i}.jpg`, width: 224, height: 224, near_group: null, url: f.shot(i, i), thumbnail_url: f.shot(i, i), mask_url: mask(i) }));
    return { images, next: null };
  }
  if (path.startsWith("/models/")) return MODEL;
  if (path.endsWith("/metrics")) {
    const { train, validation } = f.curve(15, 0.9);
    const scored = (rows: typeof train) => rows.map((row) => ({ ...row, miou: (row.accuracy ?? 0) * 0.7 }));
    return { train: scored(train), validation: scored(validation), resources: [] };
  }
  if (path.endsWith("/events")) return { events: [], cursor: 0 };
  if (path.startsWith("/projects/")) return TRAINED.project;
  return { results: [], lines: [], uploads: [], entries: [], next: null };
}

/** What is marked in the picture of this number. */
function mask(number: number): string {
  const [x, y, turn] = [90 + (number * 13) % 40, 110 + (number * 7) % 25, (number * 31) % 50 - 25];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 224 224"><rect width="224" height="224" fill="#000"/><g transform="translate(${x},${y}) rotate(${turn})"><rect x="-50" y="-45" width="92" height="88" rx="14" fill="${COLOURS.leaf}"/><circle cx="-14" cy="-14" r="18" fill="${COLOURS.berry}"/></g></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
