/** Mounts one view in one state: gallery.html?case=train-running&dir=rtl. Without a case: the list of them. */
import { mount } from "../src/main";
import type { Args, AxonsEvent, Bundle, Picture, ProjectState } from "../src/core/types";
import * as f from "./fixtures";
import * as masks from "./masks";

type Answer = { status?: number; body: unknown; never?: boolean };
interface Case { view: Args["view"]; open?: () => Answer; more?: Record<string, (body: Record<string, unknown>) => Answer>; args?: Partial<Args>; events?: AxonsEvent[] }

const ok = (body: unknown): Answer => ({ body });
const down: Answer = { status: 503, body: { error: { code: "service_unavailable", message: "The training service does not answer. Your work is safe; try again in a moment." } } };
const student = (bundle: Bundle, more: Case["more"] = {}, args: Partial<Args> = {}): Case => ({ view: "student", open: () => ok(bundle), more, args });

const history = { jobs: [f.DONE, f.FAILED, f.DONE_1], models: [f.MODEL, f.MODEL_1] };
/** Due in so many minutes, and closed in so many. */
const due = (minutes: number, closes = minutes, more: Partial<ProjectState> = {}): Bundle =>
  f.bundle({ ...history, closes_at: f.ago(-closes), ...more }, { block: { display_name: "Teach a network to see", weight: 10, due: f.ago(-minutes) } });
const tried = [f.prediction("p1", 4, 0.94, "my cat on the sofa.jpg", 2), f.prediction("p2", 7, 0.55, "guitar-in-the-dark.jpg", 5), f.prediction("p3", 1, 0.99, "IMG_20260412_081530.jpg", 9)];
const LONG = "Donaudampfschifffahrtsgesellschaftskapitän und Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz: train a classifier with an exceptionally long exercise title that never seems to end";
const running = f.curve(8, 0.85, 1.7);

const CASES: Record<string, Case> = {
  "loading": { view: "student", open: () => ({ body: null, never: true }) },
  "pictures": student(f.bundle({}, {})),
  "pictures-versions": student(f.bundle({ training_sets: [f.OWN] })),
  "pictures-preparing": student(f.bundle({ training_sets: [f.PREPARING, f.OWN] })),
  "pictures-history": student(f.bundle({ starter_set: null, spec: { ...f.SPEC, starter_set: null, hidden_test_set: null, grading: null }, training_sets: [f.CHANGED, f.OWN] })),
  "pictures-none": student(f.bundle({ starter_set: null, spec: { ...f.SPEC, starter_set: null } }), { uploads: (body) => ok({ uploads: (body["files"] as { client_id: string; name: string }[]).map((each) => ({ id: "zip", client_id: each.client_id, name: each.name, state: "waiting", url: "/slow", method: "PUT" })), rejected: [] }) }),
  "pictures-error": student(f.bundle(), { read: () => ({ status: 500, body: { error: { code: "http_500", message: "The pictures could not be listed through our fault. Try again." } } }) }),
  "upload": student(f.bundle(), { uploads: (body) => ok({ uploads: (body["files"] as { client_id: string; name: string }[]).map((each) => ({ id: `id-${each.client_id}`, client_id: each.client_id, name: each.name, state: "arrived", url: "", method: "PUT" })), rejected: [] }) }),
  "upload-slow": student(f.bundle(), { uploads: (body) => ok({ uploads: (body["files"] as { client_id: string; name: string }[]).map((each) => ({ id: `id-${each.client_id}`, client_id: each.client_id, name: each.name, state: "waiting", url: "/slow", method: "PUT" })), rejected: [] }), uploads_confirm: (body) => ok({ arrived: body["uploads"], missing: [] }) }),
  "upload-broken": student(f.bundle(), { uploads: () => down }),
  "upload-full": student(f.bundle(), { uploads: () => ({ status: 422, body: { error: { code: "too_many_uploads", message: "At most 2,500 pictures may wait to be saved; with these it would be 2,612. Save what you have as a training set first, or throw it away." } } }) }),
  "upload-missing": { ...student(f.bundle(), { uploads_confirm: (body) => ok({ arrived: [], missing: (body["uploads"] as string[]).map((id) => ({ id, reason: "It has not arrived. Send it again." })) }) }), args: { uploads: f.EARLIER } },
  "upload-free": student(f.bundle({ starter_set: null, spec: { ...f.SPEC, starter_set: null, hidden_test_set: null } })),
  "train": student(f.bundle()),
  "train-queued": student(f.bundle({ ...history, jobs: [f.QUEUED, ...history.jobs] })),
  "train-limited": student(f.bundle({ ...history, budget: f.SHORT, jobs: [f.LIMITED, ...history.jobs] })),
  "train-used-up": student(f.bundle({ ...history, budget: f.USED_UP })),
  "train-running": student(f.bundle({ ...history, jobs: [f.RUNNING, ...history.jobs] })),
  "train-failed": student(f.bundle({ jobs: [f.FAILED] })),
  "train-done": student(f.bundle(history)),
  "results": student(f.bundle(history)),
  "try": student(f.bundle(history)),
  "try-answer": student(f.bundle({ ...history, predictions: tried })),
  "try-many": student(f.bundle({ ...history, predictions: tried, jobs: [f.BATCH_RUNNING, f.BATCH, f.BATCH_FAILED, ...history.jobs] })),
  "masks-pictures": student(masks.PICTURES, { read: (body) => ok(masks.read(String(body["path"]), (body["query"] ?? {}) as Record<string, unknown>)) }),
  "masks-trained": student(masks.TRAINED, { read: (body) => ok(masks.read(String(body["path"]), (body["query"] ?? {}) as Record<string, unknown>)) }),
  "hand-in": student(f.bundle(history)),
  "hand-in-due": student(due(60 * 24 * 3)),
  "hand-in-grace": student(due(-5, 25)),
  "hand-in-ended": student(due(-120)),
  "hand-in-reopened": student(due(-120, -120, { reopened: true })),
  "hand-in-withheld": student(f.bundle({ ...history, ...f.withheld(60 * 24 * 3) }, { grade: null })),
  "hand-in-contest": student(
    f.bundle({ ...history, submissions: [{ ...f.SCORED, feedback: "Good. Which two classes does it still take for each other, and what do their pictures share?" }], best_score: 0.8, tries: { used: 1, max: 3, left: 2 }, spec: { ...f.SPEC, leaderboard: true, grading: { ...f.SPEC.grading!, between: "line" } } }, { grade: { earned: 8, possible: 10 } }),
    { read: (body) => ok(body["path"] === "/leaderboard" ? f.LEADERBOARD : read(String(body["path"]), (body["query"] ?? {}) as Record<string, string>)) },
  ),
  "hand-in-rubric": student(f.bundle({ ...history, spec: { ...f.SPEC, grading: { ...f.SPEC.grading, rule: "mixed", rubric_share: 0.4, rubric: [{ id: "c1", title: "Why the model errs where it errs", points: 5, help: "Names two confusions and a cause that the pictures show." }, { id: "c2", title: "The training set", points: 5 }] } } } as never)),
  "hand-in-scoring": student(f.bundle({ ...history, submissions: [{ ...f.SCORED, state: "scoring", value: null, score: null, automatic_score: null }] })),
  "hand-in-reviewed": student(f.bundle({ ...history, submissions: [f.REVIEWED, { ...f.SCORED, id: "sub-0", model: "model-1", value: 0.59, score: 0.5, automatic_score: 0.5, created_at: f.ago(50) }], tries: { used: 2, max: 3, left: 1 }, best_score: 0.9 }, { grade: { earned: 9, possible: 10 } })),
  "hand-in-failed": student(f.bundle({ ...history, submissions: [{ ...f.SCORED, state: "failed", value: null, score: null, automatic_score: null, failure: { class: "infrastructure", message: "The machine was lost while your model was scored. No try was used; hand it in again." } }], tries: { used: 3, max: 3, left: 0 } })),
  "trash": student(f.bundle({ ...history, training_sets: [f.OWN], storage: f.storage("ok", 900_000_000) }), { trash_put: () => ok(f.TRASH[1]) }),
  "storage-near": student(f.bundle({ ...history, storage: f.storage("near", 1_825_000_000) })),
  "storage-full": student(f.bundle({ ...history, storage: f.storage("full", 2 * 1024 ** 3) })),
  "down": { view: "student", open: () => down },
  "down-later": student(f.bundle(history), { read: () => down, job_create: () => down }),
  "inference": student(f.bundle({ spec: { ...f.SPEC, kind: "inference", grading: null, starter_set: null, hidden_test_set: null, model: "things-ready" }, starter_set: null, supplied_model: f.SUPPLIED, predictions: [] }, { block: { display_name: "What does the network look at?", weight: 1 } })),
  "long": student(f.bundle({ ...history, starter_set: { ...f.STARTER, name: LONG, classes: f.CLASSES.map((name, i) => (i % 3 === 0 ? `${name} photographed from an unusual angle in bad light` : name)), counts: Object.fromEntries(f.CLASSES.map((name, i) => [i % 3 === 0 ? `${name} photographed from an unusual angle in bad light` : name, { train: i === 2 ? 3 : 120, validation: 20 }])) } }, { block: { display_name: LONG, weight: 10 } })),
  "class": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_overview: () => ok(f.CLASS), staff_overview_learners: (body) => ok({ results: f.LEARNERS.filter((each) => !body["standing"] || each.standing === body["standing"]), next: null }), staff_not_started: () => ok(f.NOT_STARTED) }),
  "class-empty": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_overview: () => ok({ standings: { handed_in: 0, working: 0, opened: 0, no_run: 0, failing: 0 }, scores: new Array(10).fill(0), runs: 0, failed_runs: 0, failures: {}, compute_minutes: 0 }), staff_overview_learners: () => ok({ results: [], next: null }), staff_not_started: () => ok({ enrolled: null, count: 0, results: [] }) }),
  "class-error": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_overview: () => down, staff_not_started: () => down }),
  "staff": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_desk: (body) => ok(f.desk(body)), staff_leakage: () => ok({ results: [f.LEAK], next: null }), staff_hidden: (body) => ok({ set: { ...f.STARTER, id: "set-hidden", name: "Everyday objects, hidden", kind: "hidden", image_count: 400 }, ...(read("/images", body as Record<string, string>) as object) }) }),
  "staff-empty": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_desk: (body) => ok(f.desk(body, [])), staff_leakage: () => ok({ results: [], next: null }) }),
  "staff-error": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_desk: () => down }),
  "staff-loading": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_desk: () => ({ body: null, never: true }) }),
  "staff-long": student(f.bundle(history, { user: { role: "grader", can_grade: true } }), { staff_desk: (body) => ok(f.desk(body, f.DESK_LIST.map((each) => ({ ...each, name: LONG })))), staff_leakage: () => ok({ results: [], next: null }) }),
  "desk": { view: "desk", open: () => ok(f.bundle(history, { user: { role: "grader", can_grade: true } })), more: { staff_desk: (body) => ok(f.desk(body)), staff_leakage: () => ok({ results: [f.LEAK], next: null }), staff_hidden: (body) => ok({ set: { ...f.STARTER, id: "set-hidden", name: "Everyday objects, hidden", kind: "hidden", image_count: 400 }, ...(read("/images", body as Record<string, string>) as object) }) } },
  "studio": { view: "studio", more: { studio_load: () => ok(f.STUDIO) } },
  "studio-line": { view: "studio", more: { studio_load: () => ok({ ...f.STUDIO, spec: { ...f.SPEC, leaderboard: true, grading: { metric: "accuracy", between: "line", feedback: "Look at the mistakes first.", thresholds: [{ at_least: 0.5, score: 0.5, feedback: "Half way." }, { at_least: 0.9, score: 1, feedback: "Well done." }] } } }) } },
  "studio-rubric": { view: "studio", more: { studio_load: () => ok({ ...f.STUDIO, spec: { ...f.STUDIO.spec, grading: { metric: "accuracy", thresholds: [{ at_least: 0.5, score: 0.5 }, { at_least: 0.9, score: 1 }], rule: "mixed", rubric_share: 0.4, rubric: [{ id: "c1", title: "Why the model errs where it errs", points: 5, help: "Names two confusions and a cause that the pictures show." }, { id: "c2", title: "The training set", points: 5 }] } } }) } },
  "studio-workshop": {
    view: "studio", args: { workshop: Object.fromEntries(["open", "read", "fork", "publish", "publication"].map((each) => [each, `/handler/studio_workshop/${each}`])) },
    open: () => ok(f.bundle({ starter_set: null, training_sets: [f.OWN] })),
    more: {
      "studio_load": () => ok({ ...f.STUDIO, library: { ...f.LIBRARY, starter_sets: f.LIBRARY.starter_sets.map((each, i) => ({ ...each, id: `set-${i}`, version: i + 1, is_own: i === 1 })) } }),
      "studio_workshop/open": () => ok(f.bundle({ starter_set: null, training_sets: [f.OWN] })),
      "studio_workshop/publish": () => ({ status: 409, body: { error: { code: "leakage_found", message: "2 of these pictures are in the hidden test set “Ten everyday things” and 1 looks almost like one in it. Leave them out, then publish.", errors: ["IMG_2041.jpg", "a name of a picture that is much longer than any camera would ever make it.jpg"].map((name) => ({ field: name, message: `${name} (cup) is 0042.jpg of the hidden test set.` })) } } }),
    },
  },
  "studio-errors": {
    view: "studio",
    more: {
      studio_load: () => ok(f.STUDIO),
      studio_save: () => ({ status: 422, body: { error: { code: "spec_invalid", message: "Three settings need your attention.", errors: [{ field: "hyperparameters.epochs.max", message: "At most 200 epochs are possible. You asked for 4,000." }, { field: "hidden_test_set", message: "The hidden test set and the starter set have different classes." }, { field: "grading.thresholds.1.at_least", message: "Each step must be higher than the one before." }, { field: "task", message: "This task is not known to the service." }] } } }),
    },
  },
  "studio-library": { view: "studio", more: { studio_load: () => ok({ ...f.STUDIO, library: null, library_error: "The training service does not answer. Try again in a moment." }) } },
  "studio-inference": { view: "studio", more: { studio_load: () => ok({ ...f.STUDIO, spec: { ...f.SPEC, kind: "inference" } }) } },
  "author": { view: "author", open: () => ok(f.bundle(history)), args: { spec: f.SPEC, weight: 10 } },
  "author-missing": { view: "author", open: () => ok(f.bundle(history)), args: { spec: { ...f.SPEC, starter_set: null, own_pictures: false, hidden_test_set: null } } },
};

const query = new URLSearchParams(location.search);
const name = query.get("case");
const dir = query.get("dir");
if (dir) document.documentElement.dir = dir;
const stage = document.getElementById("stage")!;
const chosen = name ? CASES[name] : undefined;

function read(path: string, parameters: Record<string, string | number>): unknown {
  if (path.endsWith("/images")) {
    const classes = chosen?.open?.().body ? ((chosen.open().body as Bundle).project.starter_set?.classes ?? f.CLASSES) : f.CLASSES;
    const images: Picture[] = Array.from({ length: 24 }, (_, i) => {
      const label = parameters["label"] ? Math.max(0, classes.indexOf(String(parameters["label"]))) : i % classes.length;
      const after = Number(parameters["after"] ?? 0);
      return { sha256: `${label}-${i + after}`, label: classes[label] ?? "", split: "train", name: `${i + after}.jpg`, width: 224, height: 224, url: i === 17 ? "broken:" : f.shot(label, i + after) };
    });
    return { images, next: "24" };
  }
  if (path.endsWith("/training-sets")) return { results: [f.CHANGED, f.OWN, { ...f.OWN, id: "set-first", version: 1, parent: null, changes: { kind: "pictures", counts: { added: 44 }, renames: {}, reverted_to: null } }], next: null };
  if (path.endsWith("/report")) return { lines: [], next: null };
  if (path.startsWith("/exports/")) return name === "pictures-versions" ? { ...f.EXPORT, state: "ready", done: 1402, bytes: 96_400_000, url: "#" } : f.EXPORT;
  if (path.endsWith("/log")) return Array.from({ length: 15 }, (_, i) => `epoch ${i + 1}: train loss ${(2 / (i + 1)).toFixed(2)}, validation accuracy ${(60 + i * 2.4).toFixed(1)} %`).join("\n");
  if (path.endsWith("/metrics") && path.includes("job-5")) return { train: [], validation: [], resources: [] };
  if (path.endsWith("/metrics")) {
    const curves = path.includes("job-4") ? running : path.includes("job-1") ? f.curve(30, 0.7, 2.2) : f.curve(15, 1.04);
    return { ...curves, resources: [{ cpu_percent: 187 / 2, memory_bytes: 1_840_000_000, ...(path.includes("job-4") ? { gpu_percent: 71, gpu_memory_bytes: 3_200_000_000, gpu_power_watts: 118 } : {}) }] };
  }
  if (path.endsWith("/events")) return { events: name === "train-running" ? [{ id: 101, job: "job-4", seq: 9, attempt: 1, kind: "log", time: f.ago(0), data: { text: "fetched 1 shard, 24.1 MB\nepoch 7: train loss 0.71, validation accuracy 61.2 %\nepoch 8: train loss 0.64, validation accuracy 64.0 %" } }] : [], cursor: 101 };
  if (path === "/uploads") return { uploads: chosen?.args?.["uploads"] ?? [], next: null };
  if (path.startsWith("/models/")) return path.includes("model-1") ? f.MODEL_1 : f.MODEL;
  if (path.endsWith("/trash")) return { entries: f.TRASH, next: null };
  if (path.startsWith("/projects/")) return (chosen?.open?.().body as Bundle).project;
  return null;
}

/** A line on which three files get through and the others stand still. */
let puts = 0;
class SlowRequest {
  upload: { onprogress: ((event: { loaded: number }) => void) | null; onload: (() => void) | null } = { onprogress: null, onload: null };
  onload: (() => void) | null = null;
  onabort: (() => void) | null = null;
  onerror: (() => void) | null = null;
  status = 200;
  open(): void { /* it goes nowhere */ }
  setRequestHeader(): void { /* nobody reads it */ }
  abort(): void { this.onabort?.(); }
  send(body: Blob): void {
    puts += 1;
    if (puts <= 3) setTimeout(() => this.onload?.(), 300);
    else setTimeout(() => this.upload.onprogress?.({ loaded: body.size * 0.4 }), 400);
  }
}
if (name === "pictures-none") puts = 3;
if (name === "upload-slow" || name === "pictures-none") window.XMLHttpRequest = SlowRequest as unknown as typeof XMLHttpRequest;

window.fetch = async (input, init) => {
  const handler = String(input).split("/handler/")[1] ?? "";
  const body = JSON.parse(String(init?.body ?? "{}")) as Record<string, unknown>;
  const special = chosen?.more?.[handler];
  let answer: Answer;
  if (special) answer = special(body);
  else if (handler === "open") answer = chosen?.open?.() ?? down;
  else if (handler === "read" || handler === "studio_workshop/read") answer = ok(read(String(body["path"]), (body["query"] ?? {}) as Record<string, string>));
  else if (handler === "export_create") answer = ok(f.EXPORT);
  else if (handler === "staff_review") answer = ok({ ...f.REVIEWED, id: String(body["submission"]) });
  else answer = down;
  if (answer.never) await new Promise(() => undefined);
  return new Response(JSON.stringify(answer.body), { status: answer.status ?? 200 });
};

if (chosen) {
  const names = ["open", "read", "uploads", "uploads_confirm", "uploads_discard", "training_set_create", "job_create", "job_cancel", "submission_create", "training_set_change", "training_set_revert", "training_set_import", "export_create", "trash_put", "trash_restore", "trash_purge", "staff_leakage", "staff_hidden", "staff_overview", "staff_overview_learners", "staff_not_started", "staff_submissions", "staff_review", "staff_desk", "studio_load", "studio_save"];
  mount({ notify: () => undefined }, stage, {
    view: chosen.view, static_base: "./", locale: query.get("lang") ?? "en", display_name: "Teach a network to see", weight: 10,
    instructions: "<p>Train a classifier that tells ten everyday things apart. Start with the starter set, look at what it gets wrong, and make it better with pictures of your own. <b>Hand in your best model by Friday.</b></p>",
    handlers: Object.fromEntries(names.map((each) => [each, `/handler/${each}`])), ...chosen.args,
  });
} else {
  stage.innerHTML = Object.keys(CASES).map((each) => `<p><a href="?case=${each}">${each}</a></p>`).join("");
}
Object.assign(window, { axonsCases: Object.keys(CASES) });
