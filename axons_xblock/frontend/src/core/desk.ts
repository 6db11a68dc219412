/** What the graders' desk asks through the block's one handler, and what comes back, with names put in by the LMS. */
import { asError } from "./api";
import { ActionKeys } from "./keys";
import type { Session } from "./session";
import { sleep } from "./stream";
import type { MetricPoint, Model, Prediction, Spec, Submission, TrainingSet } from "./types";

export interface Wish {
  sort: "newest" | "oldest" | "score_high" | "score_low"; state: "" | "scoring" | "scored" | "failed" | "returned";
  needs_review: boolean; overridden: boolean; min_score: number | null; max_score: number | null; text: string; cohort: string; team: string;
}
export const EVERYTHING: Wish = { sort: "newest", state: "", needs_review: false, overridden: false, min_score: null, max_score: null, text: "", cohort: "", team: "" };

export interface AuditEntry {
  id: number; submission: string; grader: string; grader_name?: string; reason: string; created_at: string;
  action: "review" | "lock" | "release" | "take_over" | "allowance" | "note" | "regrade";
  before: Record<string, unknown>; after: Record<string, unknown>;
}
export interface Allowance { extra_tries: number; extended_until: string | null }
export interface Twin { submission: string; learner: string; name?: string; username?: string; kinds: string[] }
export interface DeskSubmission {
  submission: Submission; spec: Spec; spec_hash: string; training_set: TrainingSet | null; model: Model;
  curves: { train: MetricPoint[]; validation: MetricPoint[] } | null; predictions: Prediction[]; history: Submission[];
  allowance: Allowance; closes_at?: string | null; duplicates: Twin[]; audit: AuditEntry[];
}
export interface DeskTask {
  id: string; kind: "regrade" | "csv" | "zip"; state: "running" | "done" | "stopped" | "failed"; done: number; changed: number; total: number;
  bytes: number | null; grader_name?: string; submission: string | null; message: string | null; url: string | null; created_at: string;
}
export interface Preview {
  total: number; changed: number; raised: number; lowered: number; not_comparable: number;
  changes: { submission: string; name?: string; username?: string; before: number | null; after: number | null }[];
}
export interface Page { results: Submission[]; next: string | null }
export interface ReviewBody {
  score: number | null; comment: string; clear?: boolean; reason?: string; returns?: boolean; rubric?: Record<string, { points: number; comment: string }>;
}

export class DeskApi {
  private readonly keys = new ActionKeys();

  constructor(private readonly session: Session) {}

  private ask<T>(action: string, body: Record<string, unknown> = {}): Promise<T> {
    return this.session.api.handler<T>("staff_desk", { action, ...body });
  }

  /** A change: the same wish keeps its idempotency key until it is answered. */
  private async change<T>(handler: string, place: string, body: Record<string, unknown>): Promise<T> {
    try {
      const answer = await this.session.api.handler<T>(handler, { ...body, idempotency_key: this.keys.take(place, body) });
      this.keys.settle(place);
      return answer;
    } catch (failure) {
      const error = asError(failure);
      if (!error.temporary) this.keys.settle(place);
      throw error;
    }
  }

  list(wish: Wish, cursor: string | null): Promise<Page> {
    return this.ask("list", { ...wish, ...(cursor === null ? {} : { cursor }) });
  }
  open(submission: string): Promise<DeskSubmission> {
    return this.ask("open", { submission });
  }
  lock(submission: string, wish: "take" | "take_over" | "release"): Promise<Submission> {
    return this.ask("lock", { submission, wish });
  }
  review(submission: string, body: ReviewBody): Promise<Submission> {
    return this.change("staff_review", `review:${submission}`, { submission, ...body });
  }
  allow(submission: string, body: Allowance & { reason: string }): Promise<DeskSubmission> {
    return this.change("staff_desk", `allowance:${submission}`, { action: "allowance", submission, ...body });
  }
  note(submission: string, text: string): Promise<DeskSubmission> {
    return this.change("staff_desk", `note:${submission}`, { action: "note", submission, text });
  }
  preview(submission: string | null): Promise<Preview> {
    return this.ask("preview", { submission });
  }
  start(kind: DeskTask["kind"], submission: string | null, reason: string): Promise<DeskTask> {
    return this.change("staff_desk", `start:${kind}`, { action: "start", kind, submission, reason });
  }
  tasks(): Promise<{ results: DeskTask[]; next: string | null }> {
    return this.ask("tasks");
  }
  task(task: string): Promise<DeskTask> {
    return this.ask("task", { task });
  }
  stop(task: string): Promise<DeskTask> {
    return this.ask("stop", { task });
  }
  /** By what the LMS groups the course's people. */
  groups(): Promise<{ cohorts: string[]; teams: string[] }> {
    return this.ask("groups");
  }
  async link(): Promise<string> {
    return (await this.ask<{ url: string }>("link")).url;
  }
  async names(learners: string[]): Promise<Record<string, { name: string; username: string }>> {
    return (await this.ask<{ names: Record<string, { name: string; username: string }> }>("names", { learners })).names;
  }

  /** Follows a task until it is over; `onChange` hears how far it is, `goOn` says whether anybody still looks. */
  async follow(task: DeskTask, onChange: (found: DeskTask) => void, goOn: () => boolean): Promise<void> {
    let found = task;
    for (let wait = 500; found.state === "running" && goOn(); wait = Math.min(wait * 1.3, 3000)) {
      onChange(found);
      await sleep(wait);
      found = await this.task(found.id).catch(() => found);
    }
    if (goOn()) onChange(found);
  }
}
