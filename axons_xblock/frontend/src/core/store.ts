/** One store per page: a project's snapshot plus numbered events, in whatever order they come. */
import type { AxonsEvent, Bundle, Failure, Grade, Job, JobState, MetricPoint, ProjectState, Progress, ResourcePoint, Submission, TrainingSet } from "./types";

export type Connection =
  | { mode: "loading" }
  | { mode: "live" }
  | { mode: "polling" }
  | { mode: "down"; message: string; retryAt: number };

export interface Curves {
  train: MetricPoint[];
  validation: MetricPoint[];
  resources: ResourcePoint[];
  log: string[];
  complete: boolean;
}

export interface State {
  project: ProjectState | null;
  title: string;
  weight: number;
  grade: Grade | null;
  canGrade: boolean;
  /** The course's due date for whoever looks, or null. */
  due: string | null;
  /** How far the LMS's clock is ahead of this browser's, in milliseconds. */
  ahead: number;
  connection: Connection;
  /** Highest event id seen: where a stream or a poll resumes. */
  cursor: number;
  curves: Record<string, Curves>;
  /** Ids of events already taken, so that an overlap or a replay changes nothing. */
  seen: ReadonlySet<number>;
  /** Highest sequence number of a state and of a progress event per job. */
  order: Record<string, { state: number; progress: number }>;
}

export type Action =
  | { type: "opened"; bundle: Bundle }
  | { type: "snapshot"; project: ProjectState }
  | { type: "events"; events: AxonsEvent[]; cursor?: number }
  | { type: "connection"; connection: Connection }
  | { type: "job"; job: Job }
  | { type: "training_set"; set: TrainingSet }
  | { type: "submission"; submission: Submission }
  | { type: "metrics"; job: string; train: MetricPoint[]; validation: MetricPoint[]; resources: ResourcePoint[]; complete: boolean };

export const EMPTY_CURVES: Curves = { train: [], validation: [], resources: [], log: [], complete: false };
const TERMINAL: ReadonlySet<JobState> = new Set(["succeeded", "failed", "cancelled"]);
const REMEMBERED = 4000;
const LOG_LINES = 500;
const RESOURCES = 600;

export function isTerminal(state: JobState): boolean {
  return TERMINAL.has(state);
}

export function initialState(title = "", weight = 1): State {
  return {
    project: null, title, weight, grade: null, canGrade: false, due: null, ahead: 0, connection: { mode: "loading" },
    cursor: 0, curves: {}, seen: new Set(), order: {},
  };
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "opened": {
      const { bundle } = action;
      const next = takeSnapshot(state, bundle.project);
      return {
        ...next,
        title: bundle.block?.display_name ?? state.title,
        weight: bundle.block?.weight ?? state.weight,
        grade: bundle.grade === undefined ? state.grade : bundle.grade,
        canGrade: bundle.user?.can_grade ?? state.canGrade,
        due: bundle.block?.due ?? null,
        ahead: bundle.now ? bundle.now * 1000 - Date.now() : state.ahead,
      };
    }
    case "snapshot":
      return takeSnapshot(state, action.project);
    case "events": {
      const start = action.cursor && action.cursor > state.cursor ? { ...state, cursor: action.cursor } : state;
      const fresh = action.events.filter((event) => !state.seen.has(event.id));
      if (fresh.length === 0) return start;
      // One copy for the whole batch: a page that was away may get thousands of events at once.
      const seen = new Set(state.seen);
      const next = fresh.reduce((sum, event) => takeEvent(sum, event, seen), start);
      return { ...next, seen: trimmed(seen) };
    }
    case "connection":
      return { ...state, connection: action.connection };
    case "job":
      return withProject(state, (project) => ({ ...project, jobs: upsert(project.jobs, action.job, mergeJob) }));
    case "training_set":
      return withProject(state, (project) => takeSet(project, action.set));
    case "submission":
      return withProject(state, (project) => ({ ...project, submissions: upsert(project.submissions, action.submission) }));
    case "metrics": {
      const earlier = state.curves[action.job] ?? EMPTY_CURVES;
      return withCurves(state, action.job, {
        train: mergePoints(earlier.train, action.train),
        validation: mergePoints(earlier.validation, action.validation),
        resources: action.resources.length > earlier.resources.length ? action.resources.slice(-RESOURCES) : earlier.resources,
        log: earlier.log,
        complete: action.complete,
      });
    }
  }
}

function withProject(state: State, change: (project: ProjectState) => ProjectState): State {
  return state.project ? { ...state, project: change(state.project) } : state;
}

function withCurves(state: State, job: string, curves: Curves): State {
  return { ...state, curves: { ...state.curves, [job]: curves } };
}

/** Puts `item` in the place of its namesake, or first: lists are newest first. */
function upsert<T extends { id: string }>(items: T[], item: T, merge: (old: T, fresh: T) => T = (_old, fresh) => fresh): T[] {
  const found = items.some((each) => each.id === item.id);
  return found ? items.map((each) => (each.id === item.id ? merge(each, item) : each)) : [item, ...items];
}

const RANK: Record<JobState, number> = { queued: 0, dispatched: 1, preparing: 2, running: 3, finishing: 4, succeeded: 5, failed: 5, cancelled: 5 };

/** A terminal job is final, and an answer that events have overtaken takes nothing back. */
function mergeJob(old: Job, fresh: Job): Job {
  if (fresh.attempt < old.attempt || (isTerminal(old.state) && !isTerminal(fresh.state))) return old;
  if (fresh.attempt === old.attempt && RANK[fresh.state] < RANK[old.state]) return { ...old, cancel_requested: old.cancel_requested || fresh.cancel_requested };
  return { ...old, ...fresh };
}

function takeSet(project: ProjectState, set: TrainingSet): ProjectState {
  if (project.starter_set?.id === set.id) return { ...project, starter_set: { ...project.starter_set, ...set } };
  return { ...project, training_sets: upsert(project.training_sets, set, (old, fresh) => (isBehind(old, fresh) ? old : { ...old, ...fresh })) };
}

/** A frozen set is final, and the check of one that is being prepared only goes forward. */
function isBehind(old: TrainingSet, fresh: TrainingSet): boolean {
  if (fresh.state !== "preparing") return false;
  return old.state !== "preparing" || (old.progress?.done ?? 0) > (fresh.progress?.done ?? 0);
}

function takeSnapshot(state: State, project: ProjectState): State {
  const old = state.project;
  if (!old || old.id !== project.id) return { ...state, project, cursor: project.cursor, order: {} };
  const behind = project.cursor < state.cursor;
  const known = new Map(old.jobs.map((job) => [job.id, job]));
  const jobs = project.jobs.map((job) => {
    const mine = known.get(job.id);
    if (!mine) return job;
    if (isTerminal(mine.state) && !isTerminal(job.state)) return mine;
    // A snapshot taken before events that are already here must not undo them.
    return behind && !isTerminal(job.state) ? { ...job, state: mine.state, attempt: mine.attempt, progress: mine.progress, metrics: mine.metrics } : job;
  });
  if (behind) for (const job of old.jobs) if (!project.jobs.some((each) => each.id === job.id)) jobs.unshift(job);
  return { ...state, project: { ...project, jobs }, cursor: Math.max(state.cursor, project.cursor) };
}

function takeEvent(state: State, event: AxonsEvent, seen: Set<number>): State {
  if (seen.has(event.id)) return state;
  seen.add(event.id);
  const next: State = { ...state, cursor: Math.max(state.cursor, event.id) };
  const data = event.data;
  if (event.kind === "training_set") return withProject(next, (project) => takeSet(project, data["training_set"] as TrainingSet));
  if (event.kind === "submission") {
    return withProject(next, (project) => ({ ...project, submissions: upsert(project.submissions, data["submission"] as Submission) }));
  }
  const id = event.job;
  if (!id) return next;
  const curves = next.curves[id] ?? EMPTY_CURVES;
  switch (event.kind) {
    case "metrics": {
      const point = { ...(data as unknown as MetricPoint), attempt: event.attempt };
      const split = point.split === "validation" ? "validation" : "train";
      const changed = withCurves(next, id, { ...curves, [split]: mergePoints(curves[split], [point]) });
      return withJob(changed, id, (job) => {
        const last = job.metrics?.[split];
        return last && last.step > point.step ? job : { ...job, metrics: { ...job.metrics, [split]: point } };
      });
    }
    case "resources": {
      const point = { ...(data as ResourcePoint), time: event.time };
      const list = [...curves.resources, point].sort((a, b) => String(a.time).localeCompare(String(b.time)));
      return withCurves(next, id, { ...curves, resources: list.slice(-RESOURCES) });
    }
    case "log":
      return withCurves(next, id, { ...curves, log: [...curves.log, ...String(data["text"] ?? "").replace(/\n$/, "").split("\n")].slice(-LOG_LINES) });
    case "progress": {
      const order = next.order[id] ?? { state: 0, progress: 0 };
      if (event.seq <= order.progress) return next;
      const changed = { ...next, order: { ...next.order, [id]: { ...order, progress: event.seq } } };
      return withJob(changed, id, (job) => (isTerminal(job.state) ? job : { ...job, progress: data as unknown as Progress }));
    }
    case "state": {
      const order = next.order[id] ?? { state: 0, progress: 0 };
      if (event.seq <= order.state) return next;
      const changed = { ...next, order: { ...next.order, [id]: { ...order, state: event.seq } } };
      return withJob(changed, id, (job) => {
        if (isTerminal(job.state)) return job;
        const fresh = data["state"] as JobState;
        return {
          ...job,
          state: fresh,
          attempt: event.attempt ?? job.attempt,
          failure: (data["failure"] as Failure | null | undefined) ?? null,
          started_at: job.started_at ?? (fresh === "preparing" || fresh === "running" ? event.time : null),
          finished_at: isTerminal(fresh) ? (job.finished_at ?? event.time) : null,
          progress: fresh === "queued" || fresh === "dispatched" ? null : job.progress,
          queue: fresh === "queued" || fresh === "dispatched" ? job.queue : null,
        };
      });
    }
  }
  return next;
}

function withJob(state: State, id: string, change: (job: Job) => Job): State {
  return withProject(state, (project) => ({ ...project, jobs: project.jobs.map((job) => (job.id === id ? change(job) : job)) }));
}

function trimmed(seen: Set<number>): ReadonlySet<number> {
  if (seen.size <= REMEMBERED) return seen;
  return new Set([...seen].sort((a, b) => a - b).slice(-REMEMBERED * 0.75));
}

/**
 * Both lists as one, ordered by step; for a step that both have, the later word counts. A resumed attempt starts before the
 * lost one's end: from its first step on, the lost one's points are dropped.
 */
export function mergePoints(before: MetricPoint[], fresh: MetricPoint[]): MetricPoint[] {
  const resumed = fresh[0];
  const old = resumed?.attempt === undefined ? before : before.filter((point) => point.step < resumed.step || point.attempt === undefined || point.attempt >= resumed.attempt!);
  const last = old[old.length - 1];
  if (fresh.length === 1 && fresh[0] && (!last || fresh[0].step > last.step)) return [...old, fresh[0]];
  const byStep = new Map(old.map((point) => [point.step, point]));
  for (const point of fresh) byStep.set(point.step, point);
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

export class Store {
  private listeners = new Set<() => void>();
  constructor(private current: State) {}

  get state(): State {
    return this.current;
  }

  dispatch(action: Action): void {
    const next = reduce(this.current, action);
    if (next === this.current) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
