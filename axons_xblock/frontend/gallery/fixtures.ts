/** Recorded-looking data for the gallery and the tests; nothing of this is shipped. */
import type { Budget, Bundle, Evaluation, Export, Job, Leakage, Library, MetricPoint, Model, Prediction, ProjectState, Spec, Storage, StudioData, Submission, TrainingSet, TrashEntry } from "../src/core/types";

export const NOW = Date.now();
export const ago = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

export const CLASSES = ["bicycle", "bird", "boat", "butterfly", "cat", "dog", "flower", "guitar", "mushroom", "train"];
const HUES = [210, 45, 190, 285, 25, 35, 330, 15, 5, 150];

/** A stand-in photograph: a lit object on a background. */
export function shot(label: number, seed: number): string {
  const hue = HUES[label % HUES.length]!;
  const turn = (seed * 47) % 60;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 224 224"><defs><linearGradient id="b" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="hsl(${(hue + 150 + turn) % 360},35%,${62 + (seed % 4) * 6}%)"/><stop offset=".62" stop-color="hsl(${(hue + 130 + turn) % 360},28%,78%)"/><stop offset=".63" stop-color="hsl(${(hue + 60 + turn) % 360},24%,48%)"/><stop offset="1" stop-color="hsl(${(hue + 60 + turn) % 360},28%,34%)"/></linearGradient></defs><rect width="224" height="224" fill="url(#b)"/><g transform="translate(${90 + (seed * 13) % 40},${110 + (seed * 7) % 25}) rotate(${(seed * 31) % 50 - 25})"><ellipse cx="6" cy="${48}" rx="62" ry="10" fill="#0004"/><rect x="-50" y="-45" width="${80 + (label % 3) * 14}" height="${80 + (label % 4) * 5}" rx="${8 + (label % 5) * 11}" fill="hsl(${hue},62%,46%)"/><circle cx="-14" cy="-14" r="${14 + (label % 4) * 3}" fill="hsl(${hue},75%,68%)"/></g></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
const HEAT = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 224 224"><defs><radialGradient id="g" cx=".45" cy=".48" r=".6"><stop offset="0" stop-color="#d40000"/><stop offset=".35" stop-color="#ffb300"/><stop offset=".6" stop-color="#2fd07f"/><stop offset="1" stop-color="#0b2aa5"/></radialGradient></defs><rect width="224" height="224" fill="url(#g)"/></svg>')}`;

export const SPEC: Spec = {
  version: 1, kind: "training", task: "classification", starter_set: "things-10", hidden_test_set: "things-10-hidden", model: null, own_pictures: true,
  architectures: ["efficientnet_lite0", "small_cnn"],
  hyperparameters: { epochs: { min: 1, max: 40, default: 15 }, learning_rate: { min: 0.0001, max: 0.1, default: 0.003 }, batch_size: { min: 8, max: 128, default: 32 }, augmentation: { default: true }, seed: { default: 0 } },
  pool: "cpu", time_limit_minutes: 20, max_tries: 3,
  grading: { metric: "accuracy", thresholds: [{ at_least: 0.5, score: 0.5 }, { at_least: 0.8, score: 0.8 }, { at_least: 0.9, score: 1 }] },
};

export const STARTER: TrainingSet = {
  id: "set-starter", name: "Ten everyday things", version: 1, kind: "starter", parent: null, state: "ready", classes: CLASSES,
  counts: Object.fromEntries(CLASSES.map((name, i) => [name, { train: 96 + ((i * 17) % 40), validation: 20 + (i % 4) }])), image_count: 1358,
  manifest_sha256: "ab", report: [], created_at: ago(9000), licence: "GPL-3.0-or-later", credits: "Photographs by the Tux Paint contributors; backgrounds CC0 and CC BY 4.0.\nComposed by the recipe in course_content.", message: null,
};
export const OWN: TrainingSet = {
  ...STARTER, id: "set-own", name: "My pictures", version: 2, kind: "project", parent: "set-starter", image_count: 1402, created_at: ago(34),
  report: [
    ...Array.from({ length: 46 }, (_, i) => ({ file: `IMG_${2000 + i}.jpg`, accepted: true, reason: null, code: null })),
    { file: "notes.jpg", accepted: false, code: "not_an_image", reason: "“notes.jpg” is not a picture: it contains text." },
    { file: "half.jpeg", accepted: false, code: "truncated", reason: "“half.jpeg” is cut off: the file ends before the picture does. Copy it again from your camera." },
    { file: "poster.png", accepted: false, code: "too_large", reason: "“poster.png” is 30,000 × 30,000 pixels; at most 40 megapixels are allowed. Make it smaller and send it again." },
  ],
};
export const CHANGED: TrainingSet = {
  ...OWN, id: "set-changed", version: 3, parent: "set-own", image_count: 1398, created_at: ago(4), report: [],
  warnings: [{ code: "few_pictures", label: "boat", message: "boat has only 6 pictures. A model needs at least 10 of each class, better 20." }, { code: "near_duplicates", label: "", message: "14 pictures look almost like another one. They teach a model little; look whether all are needed." }],
  changes: { kind: "changes", counts: { excluded: 4, relabelled: 9, split: 1 }, renames: { bike: "bicycle" }, reverted_to: null },
};
export const LEAK: Leakage = {
  training_set: "set-own", title: "My pictures, version 2", version: 2, image_count: 1402, learner: "a1", exact: 1, near: 1, checked_at: ago(30), name: "Ada Lovelace", username: "ada",
  matches: [
    { sha256: "1", name: "IMG_2001.jpg", label: "cat", hidden_name: "cat-017.jpg", hidden_label: "cat", kind: "exact", distance: 0, url: shot(4, 2) },
    { sha256: "2", name: "IMG_2002.jpg", label: "dog", hidden_name: "dog-003.jpg", hidden_label: "dog", kind: "near", distance: 6, url: shot(5, 3) },
  ],
};
export const EXPORT: Export = { id: "zip-1", training_set: "set-own", state: "preparing", done: 511, total: 1402, bytes: null, url: null, message: null, created_at: ago(0.1) };
export const PREPARING: TrainingSet = { ...OWN, id: "set-prep", version: 3, state: "preparing", report: [], image_count: 0, counts: {}, created_at: ago(0.3), progress: { done: 812, total: 2000 } };

/** What an earlier visit left at the service. */
export const EARLIER = Array.from({ length: 300 }, (_, i) => ({
  id: `up-${i}`, client_id: `client-${i}`, name: `IMG_${4000 + i}.jpg`, bytes: 180_000 + i * 311, sha256: "", label: CLASSES[i % 10]!, state: i < 243 ? "arrived" as const : "waiting" as const, created_at: ago(200),
}));

export function curve(epochs: number, top: number, seed = 1): { train: MetricPoint[]; validation: MetricPoint[] } {
  const wobble = (i: number) => Math.sin(i * 12.9898 * seed) * 0.5 + Math.sin(i * 4.1 * seed) * 0.5;
  const train: MetricPoint[] = [];
  const validation: MetricPoint[] = [];
  for (let i = 1; i <= epochs * 4; i += 1) {
    const e = i / 4;
    const learned = 1 - Math.exp(-e / 2.6);
    train.push({ step: i * 9, epoch: e, split: "train", loss: 2.3 * (1 - learned) + 0.09 + wobble(i) * 0.06, accuracy: Math.min(1, 0.1 + learned * (top - 0.06) + wobble(i) * 0.02), images_per_second: 410 + wobble(i) * 30, learning_rate: 0.003 });
    if (i % 4 === 0) validation.push({ step: i * 9, epoch: e, split: "validation", loss: 2.3 * (1 - learned) + 0.2 + wobble(i + 3) * 0.03, accuracy: Math.min(0.99, 0.1 + learned * (top - 0.1) + wobble(i + 3) * 0.012) });
  }
  return { train, validation };
}

const base = { kind: "training" as const, attempt: 1, training_set: "set-starter", model: null, prediction: null, failure: null, queue: null, cancel_requested: false };
export const HYPER = { architecture: "efficientnet_lite0", epochs: 15, learning_rate: 0.003, batch_size: 32, augmentation: true, seed: 0 };

export const DONE: Job = { ...base, id: "job-3", state: "succeeded", model: "model-3", hyperparameters: HYPER, created_at: ago(12), started_at: ago(11.9), finished_at: ago(11.6), progress: null, metrics: { validation: curve(15, 1.04).validation[14]! } };
export const DONE_1: Job = { ...base, id: "job-1", state: "succeeded", model: "model-1", hyperparameters: { ...HYPER, architecture: "small_cnn", epochs: 30 }, created_at: ago(64), started_at: ago(63), finished_at: ago(57), progress: null, metrics: { validation: { ...curve(15, 0.7).validation[14]! } } };
export const FAILED: Job = { ...base, id: "job-2", state: "failed", hyperparameters: { ...HYPER, batch_size: 128 }, created_at: ago(40), started_at: ago(39), finished_at: ago(38), progress: null, metrics: null, failure: { class: "out_of_memory", message: "The machine ran out of memory at batches of 128 pictures. Choose a smaller batch size, such as 64, and train again. Nothing was counted against you." } };
export const RUNNING: Job = { ...base, id: "job-4", state: "running", hyperparameters: { ...HYPER, architecture: "small_cnn", epochs: 20 }, created_at: ago(1.2), started_at: ago(1), finished_at: null, progress: { phase: "training", done: 8, total: 20, unit: "epochs" }, metrics: null };
export const QUEUED: Job = { ...RUNNING, id: "job-5", state: "queued", started_at: null, progress: null, queue: { position: 4, eta_seconds: 170, eta_low_seconds: 125, eta_high_seconds: 235, measurements: 42, measured_on: "spec", reason: null } };
export const LIMITED: Job = { ...QUEUED, queue: { position: 2, eta_seconds: 480, eta_low_seconds: 310, eta_high_seconds: 830, measurements: 12, measured_on: "kind", reason: { code: "course_limit", message: "Your course may run 5 jobs at once; 5 are running.", limit: 5, running: 5 } } };
const many = { ...base, kind: "inference", model: "model-3", hyperparameters: null, metrics: null } as const;
export const BATCH: Job = { ...many, id: "job-b1", state: "succeeded", created_at: ago(6), started_at: ago(6), finished_at: ago(5.8), progress: { phase: "evaluating", done: 214, total: 214, unit: "images" }, batch: { name: "holiday.zip", pictures: 214, predicted: 209, refused: 5, classes: { cat: 96, dog: 61, bird: 30, boat: 12, train: 6, flower: 3, guitar: 1 }, seconds: 11.2 } };
export const BATCH_RUNNING: Job = { ...many, id: "job-b2", state: "running", created_at: ago(0.2), started_at: ago(0.1), finished_at: null, progress: { phase: "evaluating", done: 96, total: 300, unit: "images" }, batch: { name: "", pictures: null, predicted: null, refused: null, classes: null } };
export const BATCH_FAILED: Job = { ...many, id: "job-b3", state: "failed", created_at: ago(9), started_at: ago(9), finished_at: ago(9), progress: null, failure: { class: "invalid_input", message: "“a-very-long-name-of-a-zip-that-somebody-made-on-holiday-in-the-mountains.zip” holds no pictures." }, batch: { name: "a-very-long-name-of-a-zip-that-somebody-made-on-holiday-in-the-mountains.zip", pictures: null, predicted: null, refused: null, classes: null } };
export const SHORT: Budget = { scope: "learner", limit_minutes: 60, used_minutes: 51.4, left_minutes: 8.6, period: "month", renewed_on: "2026-12-01", state: "short", message: "You have used 85 % of your 60 compute minutes of this month in this course." };
export const USED_UP: Budget = { ...SHORT, used_minutes: 61, left_minutes: 0, state: "used_up", message: "You have used up your 60 compute minutes of this month in this course, so no new training starts." };

function evaluation(): Evaluation {
  const confusion = CLASSES.map((_, i) => CLASSES.map((_c, j) => (i === j ? 19 + (i % 4) - (i === 4 ? 4 : 0) : (i === 4 && j === 5 ? 3 : i === 5 && j === 4 ? 1 : i === 1 && j === 3 ? 2 : i === 8 && j === 6 ? 1 : 0))));
  const all = confusion.flat().reduce((a, b) => a + b, 0);
  const right = confusion.reduce((sum, row, i) => sum + row[i]!, 0);
  return {
    accuracy: right / all, loss: 0.19, confusion_matrix: confusion,
    per_class: CLASSES.map((label, i) => {
      const tp = confusion[i]![i]!;
      const support = confusion[i]!.reduce((a, b) => a + b, 0);
      const said = confusion.reduce((sum, row) => sum + row[i]!, 0);
      const precision = tp / said;
      const recall = tp / support;
      return { label, precision, recall, f1: (2 * precision * recall) / (precision + recall), support };
    }),
    mistakes: [[4, 5, 0.97], [4, 5, 0.91], [1, 3, 0.88], [5, 4, 0.8], [4, 5, 0.74], [1, 3, 0.61], [8, 6, 0.52]].map(([a, b, p], i) => ({ sha256: `m${i}`, label: CLASSES[a!]!, predicted: CLASSES[b!]!, probability: p!, url: shot(a!, 40 + i) })),
  };
}

export const MODEL: Model = {
  id: "model-3", name: "efficientnet_lite0 3", job: "job-3", training_set: "set-starter", architecture: "efficientnet_lite0", classes: CLASSES, metrics: { validation: evaluation() }, hyperparameters: HYPER, created_at: ago(11.6), source: "trained",
  artifacts: [{ name: "model.safetensors", bytes: 51_320, url: "#" }, { name: "model.onnx", bytes: 13_800_000, url: "#" }],
};
export const MODEL_1: Model = { ...MODEL, id: "model-1", name: "small_cnn 1", job: "job-1", architecture: "small_cnn", hyperparameters: DONE_1.hyperparameters, created_at: ago(57), metrics: { validation: { ...evaluation(), accuracy: 0.612 } } };
export const SUPPLIED: Model = { ...MODEL, id: "model-s", name: "Ten everyday things, ready-made", job: null, source: "supplied" };

export function prediction(id: string, label: number, top: number, file: string, minutes: number): Prediction {
  const rest = (1 - top) / 3;
  return {
    id, job: `job-p-${id}`, model: "model-3", created_at: ago(minutes), file, seconds: 0.031,
    probabilities: [{ label: CLASSES[label]!, probability: top }, { label: CLASSES[(label + 1) % 10]!, probability: rest * 2 }, { label: CLASSES[(label + 3) % 10]!, probability: rest * 0.7 }, { label: CLASSES[(label + 5) % 10]!, probability: rest * 0.3 }, { label: CLASSES[(label + 6) % 10]!, probability: 0.0004 }],
    picture_url: shot(label, label + 60), overlay_url: HEAT,
  };
}

export const SCORED: Submission = {
  id: "sub-1", learner: "anon", model: "model-3", job: "job-e", state: "scored", metric: "accuracy", value: 0.886, automatic_score: 0.8, score: 0.8, reviews: [], created_at: ago(8), delivered_revision: 1, revision: 1,
  confusion_matrix: evaluation().confusion_matrix!,
};
export const REVIEWED: Submission = {
  ...SCORED, id: "sub-2", score: 0.9,
  reviews: [
    { id: "r1", grader: "g", grader_name: "Dr. Ada Moreau", score: null, comment: "Look at the cats: three of them are on sofas, and all your dogs are on sofas too. What did the network learn?", created_at: ago(6) },
    { id: "r2", grader: "g", grader_name: "Dr. Ada Moreau", score: 0.9, comment: "Good explanation in the forum. I raised the score.", created_at: ago(3) },
  ],
};

export const LEADERBOARD = {
  metric: "accuracy", results_withheld: false, learners: 57, own: { place: 12, value: 0.886 },
  places: [0.975, 0.96, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.905, 0.9].map((value, i) => ({ place: i === 2 ? 2 : i + 1, value, is_own: false })),
};

/** What a learner gets while the author keeps scores back: until so many minutes from now, or for good. */
export function withheld(minutes: number | null, change: Partial<Submission> = {}): Partial<ProjectState> {
  const submission: Submission = { ...SCORED, value: null, automatic_score: null, score: null, reviews: [], results_withheld: true, ...change };
  return { submissions: [submission], best_score: null, results_withheld: true, results_at: minutes === null ? null : ago(-minutes) };
}

export function project(change: Partial<ProjectState> = {}): ProjectState {
  return {
    id: "project-1", exercise: { usage: "block-v1:demo", course: "course-v1:demo" }, spec: SPEC, spec_hash: "h", role: "learner", starter_set: STARTER, training_sets: [], jobs: [], models: [], predictions: [],
    submissions: [], tries: { used: 0, max: 3, left: 3 }, best_score: null, cursor: 100, supplied_model: null, ...change,
  };
}

export function bundle(change: Partial<ProjectState> = {}, more: Partial<Bundle> = {}): Bundle {
  return {
    project: project(change), read_token: "t", read_token_expires_at: new Date(NOW + 600_000).toISOString(), api_url: "", stream_url: "",
    user: { role: "learner", can_grade: false }, grade: null, block: { display_name: "Teach a network to see", weight: 10 }, ...more,
  };
}

export const TRASH: TrashEntry[] = [
  { id: "t-3", kind: "training_set", object: "set-x", title: "Ten everyday things, version 2", bytes: 48_300_000, reason: "person", by_learner: true, created_at: ago(4), expires_at: new Date(NOW + 13.9 * 86_400_000).toISOString(), state: "in_trash" },
  { id: "t-2", kind: "job", object: "job-x", title: "Run 2", bytes: 16_900_000, reason: "person", by_learner: false, created_at: ago(3000), expires_at: new Date(NOW + 11.5 * 86_400_000).toISOString(), state: "in_trash" },
  { id: "t-1", kind: "project", object: "project-1", title: "Everything here: the course has ended", bytes: 310_000_000, reason: "course_ended", by_learner: false, created_at: ago(15000), expires_at: new Date(NOW + 0.5 * 86_400_000).toISOString(), state: "in_trash" },
];
export const storage = (level: Storage["level"], used: number): Storage => ({
  used_bytes: used, quota_bytes: 2 * 1024 ** 3, trash_bytes: 375_200_000, level,
  message: level === "ok" ? null : level === "near"
    ? "Your pictures, runs and models here fill 1.7 GiB of 2 GiB (85%). Delete what you no longer need before it is full, and empty the trash, which holds 357.8 MiB of it."
    : "Your pictures, runs and models here fill 2 GiB of 2 GiB. Nothing is lost. Delete training sets, runs or models that you no longer need, and empty the trash, which holds 357.8 MiB of it; then try again.",
});

export const LIBRARY: Library = {
  starter_sets: [{ name: "things-10", title: "Ten everyday things", classes: CLASSES, count: 1358, licence: "GPL-3.0-or-later" }, { name: "fashion", title: "Fashion-MNIST, 28 px", classes: ["T-shirt", "Trouser", "Pullover"], count: 60000, licence: "MIT" }],
  hidden_test_sets: [{ name: "things-10-hidden", title: "Ten everyday things, new photographs", classes: CLASSES, count: 320 }],
  models: [{ name: "things-ready", title: "Ten everyday things, ready-made", classes: CLASSES, architecture: "efficientnet_lite0" }],
  pools: [{ name: "cpu", title: "Processors (free, a few seconds to start)" }, { name: "v100s", title: "GPU V100S (counts against the course's budget)" }],
  architectures: [{ name: "efficientnet_lite0", title: "EfficientNet-Lite0", description: "Pretrained; only the last layer learns. Seconds on a processor." }, { name: "small_cnn", title: "Small network from scratch", description: "Learns everything from the pictures. Minutes." }],
};
export const STUDIO: StudioData = {
  display_name: "Teach a network to see", weight: 10, instructions: "<p>Train a classifier that tells ten things apart.</p>", spec: SPEC, library: LIBRARY, library_error: null,
  begun: { runs: 40, handed_in: 12 },
  templates: [
    { name: "a", title: "Transfer learning in ten minutes", description: "Students teach a network that already knows pictures to tell new classes apart, and hand it in.", spec: {} },
    { name: "b", title: "From scratch, then transfer learning", description: "Students train a small network from nothing, then see how much a pretrained one gains.", spec: {} },
    { name: "c", title: "Try a supplied model", description: "Students try your model on pictures of their own and see what it looks at. Not graded.", spec: { kind: "inference", architectures: [] } },
  ],
};

const PEOPLE: [string, string, number | null, Submission["state"]][] = [
  ["Amara Okafor", "amara", 0.943, "scored"], ["Björn Þórðarson", "bjorn_t", 0.886, "scored"], ["陈思远", "chen.siyuan", 0.912, "scored"], ["Dmytro Kovalenko", "dkovalenko", null, "scoring"], ["فاطمة الزهراء بنعلي", "fatima.z", 0.801, "scored"],
  ["Guadalupe Hernández-Villaseñor de la Torre y Montes", "guadalupe.hernandez-villasenor", 0.478, "scored"], ["Hiroshi Tanaka", "htanaka", null, "failed"], ["Ines Carvalho", "ines", 0.902, "scored"],
];
export const LIST: Submission[] = PEOPLE.map(([name, username, value, state], i) => {
  const automatic = value === null ? null : value >= 0.9 ? 1 : value >= 0.8 ? 0.8 : value >= 0.5 ? 0.5 : 0;
  return {
    ...SCORED, id: `s${i}`, name, username, value, state, automatic_score: automatic, score: i === 1 ? 0.9 : automatic, reviews: i === 1 ? REVIEWED.reviews : [], created_at: ago(5 + i * 97),
    failure: state === "failed" ? { class: "infrastructure", message: "The machine that scored this model was lost three times. It is scored again as soon as one is free." } : null,
  };
});

const learner = (name: string, standing: string, more: object = {}) => ({
  learner: name, name, username: name.toLowerCase().replace(/ .*/, ""), standing, opened_at: ago(3000), runs: 3, failed_runs: 0, last_run_at: ago(90), last_failure: "", best_score: null, compute_minutes: 4.2, ...more,
});
export const LEARNERS = [
  learner("Ada Okafor", "handed_in", { best_score: 1, runs: 7, compute_minutes: 12.8 }),
  learner("Kofi Lindqvist", "failing", { failed_runs: 2, last_failure: "The training set has one class; training needs two. Add pictures of a second class, save the set and start again." }),
  learner("María-José Fernández de la Vega y Domínguez-Rothschild", "working"),
  learner("林小雨", "no_run", { runs: 0, last_run_at: null, compute_minutes: 0 }),
  learner("Zoë", "opened", { runs: 0, last_run_at: null, compute_minutes: 0 }),
];
export const CLASS = { standings: { handed_in: 14, working: 6, opened: 2, no_run: 3, failing: 2 }, scores: [0, 0, 0, 1, 0, 2, 0, 3, 3, 5], runs: 88, failed_runs: 7, failures: { invalid_input: 5, time_limit: 2 }, compute_minutes: 213.4 };
export const NOT_STARTED = { enrolled: 31, count: 4, results: [{ name: "Ben Carter", username: "ben" }, { name: "Noor", username: "noor" }, { name: "Édouard Lefèvre", username: "ed" }, { name: "Priya", username: "priya" }] };
const RUBRIC = [{ id: "data", title: "Choice of pictures", points: 6, help: "Different places, light and backgrounds." }, { id: "words", title: "Explanation in two sentences", points: 4 }];

/** The list as the desk shows it: one waits for a grader, one is locked, two are the same work. */
export const DESK_LIST: Submission[] = LIST.map((each, i) => ({
  ...each, rule: "mixed", rubric: RUBRIC, rubric_score: null, overridden: i === 1, returned_at: i === 5 && each.state === "scored" ? ago(2) : null, needs_review: i === 0,
  score: i === 0 ? null : each.score, lock: i === 2 ? { grader: "g2", grader_name: "Prof. Li Wei", until: new Date(Date.now() + 7 * 3_600_000).toISOString() } : null, duplicates: i === 3 || i === 4 ? ["set", "curve"] : [],
}));

export const TASKS = [
  { id: "t1", kind: "regrade", state: "running", done: 250, changed: 31, total: 1000, bytes: null, grader_name: "Dr. Grace Okafor", submission: null, message: null, url: null, created_at: ago(0.5) },
  { id: "t2", kind: "csv", state: "done", done: 1000, changed: 0, total: 1000, bytes: 182044, grader_name: "Dr. Grace Okafor", submission: null, message: null, url: "/table.csv", created_at: ago(30) },
  { id: "t3", kind: "zip", state: "failed", done: 400, changed: 0, total: 1000, bytes: null, grader_name: "Dr. Grace Okafor", submission: null, message: "It could not be finished. This is our fault; what was done stays done. Please start it again.", url: null, created_at: ago(60) },
];
export const PREVIEW = {
  total: 8, changed: 2, raised: 1, lowered: 1, not_comparable: 1,
  changes: [{ submission: "s2", name: "Amara Okafor", username: "amara", before: 0.5, after: 0.7 }, { submission: "s4", name: "Li Wei", username: "li", before: 0.8, after: 0.5 }],
};

export function deskSubmission(id: string): unknown {
  const submission = DESK_LIST.find((each) => each.id === id) ?? DESK_LIST[0]!;
  const points = curve(12, 0.9, 1.6);
  return {
    submission, spec: { ...SPEC, hidden_test_set: "things-hidden", grading: { ...SPEC.grading!, rule: "mixed", rubric: RUBRIC } }, spec_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    training_set: OWN, model: MODEL, curves: points,
    predictions: [prediction("p1", 4, 0.94, "my cat on the sofa.jpg", 2)], history: [submission, { ...SCORED, id: "old", created_at: ago(300) }],
    allowance: { extra_tries: 1, extended_until: null }, closes_at: new Date(NOW + 3 * 86_400_000).toISOString(),
    duplicates: submission.duplicates?.length ? [{ submission: "s3", learner: "x", name: "Noor Haddad", username: "noor", kinds: ["set", "curve"] }] : [],
    audit: [
      { id: 3, submission: id, grader: "g", grader_name: "Dr. Ada Moreau", action: "note", before: {}, after: {}, reason: "Ask about the night pictures.", created_at: ago(2) },
      { id: 2, submission: id, grader: "g", grader_name: "Dr. Ada Moreau", action: "review", before: { score: 0.8, rubric_score: null, override_score: null, returned: false }, after: { score: 0.9, rubric_score: null, override_score: 0.9, returned: false }, reason: "Typo in the hidden set.", created_at: ago(3) },
      { id: 1, submission: id, grader: "g", grader_name: "Dr. Ada Moreau", action: "allowance", before: { extra_tries: 0, extended_until: null }, after: { extra_tries: 1, extended_until: null }, reason: "Was ill.", created_at: ago(30) },
    ],
  };
}

export function desk(body: Record<string, unknown>, list: Submission[] = DESK_LIST): unknown {
  switch (body["action"]) {
    case "list": return { results: list, next: null };
    case "open": return deskSubmission(String(body["submission"]));
    case "groups": return { cohorts: ["Evening group", "Morning group"], teams: ["Blue", "Red"] };
    case "tasks": return { results: TASKS, next: null };
    case "task": return TASKS[0];
    case "preview": return PREVIEW;
    case "lock": return { ...DESK_LIST.find((each) => each.id === body["submission"]), lock: { grader: "me", grader_name: "Dr. Grace Okafor", until: new Date(Date.now() + 8 * 3_600_000).toISOString() } };
    default: return {};
  }
}
