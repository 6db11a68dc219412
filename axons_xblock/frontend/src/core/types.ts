/** Shapes that the service and the XBlock's handlers answer with (docs/openapi.yaml). Optional: an older service may not send it. */

export type JobState = "queued" | "dispatched" | "preparing" | "running" | "finishing" | "succeeded" | "failed" | "cancelled";
export type JobKind = "training" | "inference" | "evaluation";

export interface Failure { class: string; message: string }
export interface Progress { phase: string; done: number; total: number; unit: string; message?: string }
export interface MetricPoint {
  step: number; epoch: number; split?: "train" | "validation"; loss: number; accuracy: number; miou?: number;
  images_per_second?: number; learning_rate?: number; attempt?: number;
}
export interface ResourcePoint {
  cpu_percent?: number; memory_bytes?: number; gpu_percent?: number; gpu_memory_bytes?: number; gpu_power_watts?: number; time?: string;
}

export interface Offer { allowed: string[]; default: string }
export interface Bound { min?: number; max?: number; default: number }
export interface Spec {
  version: number;
  kind: "training" | "inference";
  task: string;
  starter_set: string | null;
  hidden_test_set: string | null;
  model: string | null;
  own_pictures: boolean;
  architectures: string[];
  hyperparameters: {
    epochs?: Bound; learning_rate?: Bound; batch_size?: Bound;
    augmentation?: { default: boolean }; seed?: { default: number };
    fine_tuning?: Offer; optimizer?: Offer; schedule?: Offer;
    trainable_blocks?: Bound; warmup_epochs?: Bound; weight_decay?: Bound; patience?: Bound; label_smoothing?: Bound; gradient_clip?: Bound;
    class_weights?: { default: boolean }; flip?: { default: boolean }; crop?: { default: boolean }; colour?: { default: boolean };
  };
  pool: string;
  time_limit_minutes: number;
  max_tries: number;
  grading: Grading | null;
  leaderboard?: boolean;
  compute_minutes_per_learner?: number | null;
  fallback_pools?: string[];
}
export interface Threshold { at_least: number; score: number; feedback?: string }
export interface Criterion { id: string; title: string; points: number; help?: string }
export type Rule = "automatic" | "rubric" | "mixed";
export interface Grading { metric: string; thresholds: Threshold[]; between?: "steps" | "line"; feedback?: string; rule?: Rule; rubric?: Criterion[]; rubric_share?: number }

export interface ReportLine { file: string; accepted: boolean; reason: string | null; code: string | null }
export interface TrainingSet {
  id: string; name: string; version: number; kind: "starter" | "project" | "hidden"; parent: string | null;
  state: "preparing" | "ready" | "failed";
  classes: string[]; counts: Record<string, { train?: number; validation?: number }>; image_count: number;
  manifest_sha256?: string | null; report?: ReportLine[]; created_at?: string;
  licence?: string | null; credits?: string | null; message?: string | null;
  content_sha256?: string | null; report_counts?: Record<string, number>; warnings?: SetWarning[];
  progress?: { done: number; total: number } | null; changes?: SetChanges;
  task?: string; colours?: Record<string, string>;
}
export interface SetWarning { code: string; label: string; message: string }
export interface SetChanges { kind: "pictures" | "changes" | "reverted" | "imported" | "library" | "forked"; counts: Record<string, number>; renames: Record<string, string>; reverted_to: number | null }
export interface Picture {
  sha256: string; label: string; split: string; name: string; width: number; height: number; url: string;
  thumbnail_url?: string | null; near_group?: number | null;
  /** Its mask in the colours of the classes. */
  mask_url?: string | null;
}
export interface Export {
  id: string; training_set: string; state: "preparing" | "ready" | "failed" | "expired"; done: number; total: number; bytes: number | null;
  url: string | null; message: string | null; created_at: string;
}
export interface LeakageMatch { sha256: string; name: string; label: string; hidden_name: string; hidden_label: string; kind: "exact" | "near"; distance: number; url: string | null }
export interface Leakage {
  training_set: string; title: string; version: number; image_count: number; learner: string | null; exact: number; near: number;
  matches: LeakageMatch[]; checked_at: string; name?: string | null; username?: string | null;
}

/** There only where the author lets students choose it. */
export interface Further {
  fine_tuning?: string; optimizer?: string; schedule?: string;
  trainable_blocks?: number; warmup_epochs?: number; weight_decay?: number; patience?: number; label_smoothing?: number; gradient_clip?: number;
  class_weights?: boolean; flip?: boolean; crop?: boolean; colour?: boolean;
}
export interface Hyperparameters extends Further {
  architecture: string; epochs: number; learning_rate: number; batch_size: number; augmentation: boolean; seed: number;
}
export interface QueueReason { code: string; message: string; limit?: number | null; running?: number | null }
export interface Queue {
  position: number | null; eta_seconds: number | null; eta_low_seconds?: number | null; eta_high_seconds?: number | null;
  measurements?: number; measured_on?: "spec" | "kind" | "pool" | null; reason?: QueueReason | null;
}
export interface Budget {
  scope: "course" | "learner" | "exercise"; limit_minutes: number; used_minutes: number; left_minutes: number;
  period: "day" | "week" | "month" | "always"; renewed_on: string | null; state: "ok" | "short" | "used_up"; message: string;
}
/** Of an inference on many pictures; the counts are null before it is over. */
export interface Batch { name: string; pictures: number | null; predicted: number | null; refused: number | null; classes: Record<string, number> | null; seconds?: number | null }
export interface Job {
  id: string; kind: JobKind; state: JobState; attempt: number;
  training_set: string | null; hyperparameters: Partial<Hyperparameters> | null; model: string | null; prediction: string | null;
  created_at: string; started_at: string | null; finished_at: string | null;
  progress: Progress | null;
  metrics: { train?: MetricPoint | null; validation?: MetricPoint | null } | null;
  failure: Failure | null;
  queue?: Queue | null;
  cancel_requested: boolean;
  batch?: Batch | null;
}
export interface ClassMetrics { label: string; precision: number; recall: number; f1: number; support: number }
/** Of masks: the picture's `iou`, and no label. */
export interface Mistake { sha256: string; label: string; predicted: string; probability: number; iou?: number; url?: string | null }
export interface Evaluation {
  accuracy: number; accuracy_interval?: [number, number]; loss?: number; confusion_matrix?: number[][]; per_class?: ClassMetrics[]; mistakes?: Mistake[]; count?: number;
  miou?: number; iou_per_class?: Record<string, number | null>;
}
export interface Model {
  id: string; name: string; job: string | null; training_set: string | null; architecture: string; classes: string[];
  metrics: { validation?: Evaluation } | null; hyperparameters?: Partial<Hyperparameters> | null; created_at: string;
  artifacts?: { name: string; bytes: number; url: string | null }[]; source: "trained" | "supplied"; task?: string;
}
export interface Prediction {
  id: string; job: string; model: string; created_at: string; file: string;
  probabilities: { label: string; probability: number }[]; picture_url: string | null; overlay_url: string | null; seconds?: number | null;
  mask_url?: string | null; shares?: { label: string; share: number }[]; colours?: Record<string, string>;
}
export interface Review { id: string; grader?: string | null; grader_name?: string | null; score: number | null; comment: string; created_at: string; clear?: boolean; rubric?: Record<string, { points: number; comment?: string }>; reason?: string; returns?: boolean }
export interface Submission {
  id: string; learner?: string; model: string; job: string | null; state: "scoring" | "scored" | "failed"; metric: string;
  value: number | null; automatic_score: number | null; score: number | null; reviews: Review[]; created_at: string;
  failure?: Failure | null; delivered_revision?: number | null; revision?: number | null;
  confusion_matrix?: number[][] | null; iou_per_class?: Record<string, number | null> | null; classes?: string[] | null; per_class?: ClassMetrics[] | null;
  name?: string | null; username?: string | null;
  rubric?: Criterion[]; rule?: Rule; rubric_score?: number | null; returned_at?: string | null; needs_review?: boolean; overridden?: boolean;
  lock?: { grader: string; grader_name?: string; until: string } | null; duplicates?: string[];
  /** What the author tells whoever scores this. */
  feedback?: string;
  /** The author keeps scores back: there are none here, nor in the reviews. */
  results_withheld?: boolean;
}
export interface Tries { used: number; max: number | null; left: number | null }
export interface ProjectState {
  id: string; exercise: { usage: string; course: string }; spec: Spec; spec_hash: string; role: string;
  starter_set: TrainingSet | null; training_sets: TrainingSet[]; jobs: Job[]; models: Model[]; predictions: Prediction[];
  submissions: Submission[]; tries: Tries; best_score: number | null; budget?: Budget | null; cursor: number; supplied_model: Model | null;
  /** Every run ever, oldest first: a run keeps its number when another one is deleted. */
  runs?: string[];
  storage?: Storage;
  /** The learner's own later due date. */
  extended_until?: string | null;
  /** When handing in ends for this learner, grace and extensions included; null for never. */
  closes_at?: string | null;
  /** Whether one more may be handed in after that. */
  reopened?: boolean;
  /** Whether the author keeps scores from this learner now, and until when; null for good. */
  results_withheld?: boolean;
  results_at?: string | null;
}
export interface Leaderboard { metric: string; results_withheld: boolean; learners: number; own: { place: number; value: number } | null; places: { place: number; value: number; is_own: boolean }[] }
export interface Storage { used_bytes: number; quota_bytes: number | null; trash_bytes: number; level: "ok" | "near" | "full"; message: string | null }
export type TrashKind = "training_set" | "job" | "model" | "project";
export interface TrashEntry {
  id: string; kind: TrashKind; object: string; title: string; bytes: number; reason: "person" | "course_ended"; by_learner: boolean;
  created_at: string; expires_at: string; state: "in_trash" | "restored" | "deleted";
}
export interface Grade { earned: number; possible: number }
export interface Bundle {
  project: ProjectState; read_token: string; read_token_expires_at: string; api_url: string; stream_url: string;
  user?: { role: string; can_grade: boolean }; grade?: Grade | null; block?: { display_name: string; weight: number; due?: string | null };
  /** The LMS's clock, in seconds. */
  now?: number;
}

export type EventKind = "state" | "metrics" | "resources" | "log" | "progress" | "training_set" | "submission" | "trash";
export interface AxonsEvent {
  id: number; job: string | null; seq: number; attempt: number; kind: EventKind; time: string; data: Record<string, unknown>;
}

export interface LibrarySet { id?: string; version?: number; content_sha256?: string; is_own?: boolean; description?: string; name: string; title: string; task?: string; classes?: string[]; count?: number; licence?: string | null }
export interface Library {
  starter_sets: LibrarySet[]; hidden_test_sets: LibrarySet[];
  models: { name: string; title: string; classes?: string[]; architecture?: string; task?: string }[];
  pools: { name: string; title: string }[];
  architectures: { name: string; title: string; description: string; task?: string }[];
}
export interface Template { name: string; title: string; description: string; spec: Partial<Spec> }
export interface StudioData {
  display_name: string; weight: number; instructions: string; spec: Spec; library: Library | null; library_error: string | null; templates?: Template[];
  /** What students have done so far: their trainings, and how many of them have handed something in. */
  begun?: { runs: number; handed_in: number } | null;
}

export interface Args {
  view: "student" | "author" | "studio" | "desk";
  handlers: Record<string, string>;
  static_base: string;
  locale?: string;
  display_name?: string;
  instructions?: string;
  weight?: number;
  spec?: Spec;
  can_grade?: boolean;
  catalogue?: Record<string, string | string[]>;
  /** In Studio: what can be done in the workshop, each with its address. */
  workshop?: Record<string, string>;
  /** What opening the project says. */
  opening?: Record<string, unknown>;
  [extra: string]: unknown;
}
export interface Runtime {
  handlerUrl?: (element: unknown, name: string) => string;
  notify?: (name: string, data: unknown) => void;
}

export type Standing = "handed_in" | "failing" | "working" | "no_run" | "opened";
export interface ClassOverview { standings: Record<Standing, number>; scores: number[]; runs: number; failed_runs: number; failures: Record<string, number>; compute_minutes: number }
export interface ClassLearner {
  learner: string; name: string; username: string; standing: Standing; opened_at: string; runs: number; failed_runs: number; last_run_at: string | null; last_failure: string;
  best_score: number | null; compute_minutes: number;
}
/** `enrolled` is null where the platform does not say who is. */
export interface NotStarted { enrolled: number | null; count: number; results: { name: string; username: string }[] }
