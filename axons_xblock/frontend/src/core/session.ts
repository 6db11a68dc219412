/** A student's page: opens the project, keeps the store current and carries out what the student asks for. */
import { useContext, useEffect, useState } from "preact/hooks";
import { createContext } from "preact";
import { ActionKeys } from "./keys";
import { Api, asError, type ApiError } from "./api";
import { backoff, Live, sleep } from "./stream";
import { initialState, isTerminal, Store, type State } from "./store";
import type { Args, AxonsEvent, Export, Hyperparameters, Job, MetricPoint, Model, Picture, Prediction, ProjectState, ReportLine, ResourcePoint, Runtime, Submission, TrainingSet, TrashEntry, TrashKind } from "./types";
import type { UploadService, Waiting } from "./uploads";

export interface SetRequest {
  base: string | null;
  additions: { upload: string; label: string }[];
  exclusions: string[];
  relabels: Record<string, string>;
}

/** Changes of a version by hand; `renames` to a class that exists merges the two. */
export interface SetChangeRequest {
  exclusions: string[];
  inclusions: string[];
  relabels: Record<string, string>;
  renames: Record<string, string>;
  splits: Record<string, string>;
  split: { validation: number; seed: number } | null;
}

export class Session {
  readonly store: Store;
  readonly api: Api;
  private readonly keys = new ActionKeys();
  private live: Live | null = null;
  private openFailures = 0;
  private refreshTimer: ReturnType<typeof setTimeout> | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | null = null;
  private queueTimer: ReturnType<typeof setInterval> | null = null;
  protected stopped = false;
  private readonly asked = new Set<string>();

  constructor(readonly args: Args, runtime: Runtime, element: unknown) {
    this.store = new Store(initialState(args.display_name ?? "", args.weight ?? 1));
    this.api = new Api(args, runtime, element);
    this.api.onOpen = (bundle) => this.store.dispatch({ type: "opened", bundle });
  }

  /** Opens the project; while the service does not answer, tries again by itself, ever less often. */
  async start(): Promise<void> {
    if (this.retryTimer) clearTimeout(this.retryTimer);
    try {
      await this.api.open();
      this.openFailures = 0;
      if (this.stopped) return;
      this.store.dispatch({ type: "connection", connection: { mode: "polling" } });
      this.live = new Live({
        api: this.api,
        projectId: () => this.store.state.project?.id ?? null,
        cursor: () => this.store.state.cursor,
        busy: () => isBusy(this.store.state),
        onEvents: (events, cursor) => this.take(events, cursor),
        onConnection: (connection) => this.store.dispatch({ type: "connection", connection }),
        onGap: () => this.refreshSoon(),
      });
      this.live.start();
      this.queueTimer = setInterval(() => void this.lookAtQueue(), 5000);
    } catch (error) {
      const wait = backoff(this.openFailures);
      this.openFailures += 1;
      this.store.dispatch({ type: "connection", connection: { mode: "down", message: asError(error).message, retryAt: Date.now() + wait } });
      this.retryTimer = setTimeout(() => void this.start(), wait);
    }
  }

  retryNow(): void {
    if (this.live) this.live.nudge();
    else void this.start();
  }

  stop(): void {
    this.stopped = true;
    this.live?.stop();
    if (this.retryTimer) clearTimeout(this.retryTimer);
    if (this.refreshTimer) clearTimeout(this.refreshTimer);
    if (this.queueTimer) clearInterval(this.queueTimer);
  }

  /** A place in the queue changes without an event of its own. */
  private async lookAtQueue(): Promise<void> {
    if (document.hidden || this.store.state.connection.mode === "down") return;
    for (const { id, state } of this.store.state.project?.jobs ?? []) {
      if (state !== "queued" && state !== "dispatched") continue;
      try {
        this.store.dispatch({ type: "job", job: await this.api.read<Job>(`/jobs/${id}`) });
      } catch {
        return; // the live loop says when nothing answers
      }
    }
  }

  private take(events: AxonsEvent[], cursor?: number): void {
    this.store.dispatch({ type: "events", events, cursor });
    const known = new Set(this.store.state.project?.jobs.map((job) => job.id));
    for (const event of events) {
      // What a finished job left (model, prediction, report) is in the project, not in the event.
      const ended = event.kind === "state" && isTerminal((event.data["state"] as Job["state"]) ?? "queued");
      const stranger = event.job !== null && event.job !== undefined && !known.has(event.job);
      const frozen = event.kind === "training_set" && (event.data["training_set"] as TrainingSet | undefined)?.state !== "preparing";
      if (ended || stranger || frozen || event.kind === "submission" || event.kind === "trash") this.refreshSoon();
      if (event.kind === "submission") void this.followGrade();
    }
  }

  refreshSoon(): void {
    if (this.refreshTimer) return;
    this.refreshTimer = setTimeout(() => {
      this.refreshTimer = null;
      void this.refresh();
    }, 200);
  }

  async refresh(): Promise<void> {
    const id = this.store.state.project?.id;
    if (!id) return;
    try {
      this.store.dispatch({ type: "snapshot", project: await this.api.read<ProjectState>(`/projects/${id}`) });
    } catch {
      // The live loop tells the reader when nothing answers, and asks for the whole state when it does again.
    }
  }

  /** The grade reaches the LMS a moment after the score: ask for it until it is there. */
  private async followGrade(): Promise<void> {
    if (this.store.state.project?.results_withheld) return;
    const before = this.store.state.grade?.earned;
    for (const wait of [800, 2000, 4000, 8000, 15000]) {
      await sleep(wait);
      if (this.stopped) return;
      try {
        await this.api.open();
      } catch {
        continue;
      }
      const grade = this.store.state.grade;
      if (grade && grade.earned !== before) return;
    }
  }

  protected async act<T>(action: string, handler: string, body: Record<string, unknown>): Promise<T> {
    try {
      const result = await this.api.handler<T>(handler, { ...body, idempotency_key: this.keys.take(action, body) });
      this.keys.settle(action);
      return result;
    } catch (error) {
      const failure = asError(error);
      if (!failure.temporary) this.keys.settle(action);
      throw failure;
    }
  }

  async train(trainingSet: string, hyperparameters: Hyperparameters): Promise<Job> {
    const job = await this.act<Job>("train", "job_create", { kind: "training", training_set: trainingSet, hyperparameters });
    this.store.dispatch({ type: "job", job });
    this.live?.nudge();
    return job;
  }

  async predict(model: string, upload: string): Promise<Job> {
    const job = await this.act<Job>(`predict:${upload}`, "job_create", { kind: "inference", model, upload });
    this.store.dispatch({ type: "job", job });
    this.live?.nudge();
    return job;
  }

  /** The model's answers to many pictures, as a table. */
  async predictMany(model: string, shown: { archive: string } | { pictures: string[] }): Promise<Job> {
    const job = await this.act<Job>("predict-many", "job_create", { kind: "inference", model, ...shown });
    this.store.dispatch({ type: "job", job });
    this.live?.nudge();
    return job;
  }

  /** Where a finished table lies, for a few minutes. */
  batchFiles(job: string): Promise<{ files: { name: string; bytes: number; url: string }[] }> {
    return this.api.read(`/jobs/${job}/batch`);
  }

  async cancel(job: string): Promise<void> {
    this.store.dispatch({ type: "job", job: await this.api.handler<Job>("job_cancel", { job }) });
  }

  async submit(model: string): Promise<Submission> {
    const submission = await this.act<Submission>("submit", "submission_create", { model });
    this.store.dispatch({ type: "submission", submission });
    this.live?.nudge();
    return submission;
  }

  async createSet(request: SetRequest): Promise<TrainingSet> {
    return this.took(await this.act<TrainingSet>("set", "training_set_create", { ...request }));
  }

  /** The newest version of the project that this page has seen: the service refuses a change that has not seen the newest. */
  private get newest(): number {
    return Math.max(0, ...(this.store.state.project?.training_sets ?? []).map((set) => set.version));
  }

  async changeSet(set: string, changes: Partial<SetChangeRequest>): Promise<TrainingSet> {
    return this.took(await this.act<TrainingSet>("change", "training_set_change", { training_set: set, newest: this.newest, ...changes }));
  }

  async revertTo(set: string): Promise<TrainingSet> {
    return this.took(await this.act<TrainingSet>("revert", "training_set_revert", { training_set: set, newest: this.newest }));
  }

  async importZip(upload: string): Promise<TrainingSet> {
    return this.took(await this.act<TrainingSet>("import", "training_set_import", { upload }));
  }

  protected took(set: TrainingSet): TrainingSet {
    this.store.dispatch({ type: "training_set", set });
    this.live?.nudge();
    return set;
  }

  trash(after?: string): Promise<{ entries: TrashEntry[]; next: string | null }> {
    return this.api.read(`/projects/${this.store.state.project?.id ?? ""}/trash`, { cursor: after });
  }

  /** Deletes something; what it takes along is gone from the page when this is done. */
  async discard(kind: TrashKind, object: string): Promise<TrashEntry> {
    const entry = await this.api.handler<TrashEntry>("trash_put", { kind, object });
    await this.refresh();
    return entry;
  }

  async restore(entry: string): Promise<TrashEntry> {
    const restored = await this.api.handler<TrashEntry>("trash_restore", { entry });
    await this.refresh();
    return restored;
  }

  async purge(entry: string): Promise<TrashEntry> {
    const purged = await this.api.handler<TrashEntry>("trash_purge", { entry });
    await this.refresh();
    return purged;
  }

  /** The set as a zip: asks for it and waits until it is there. `onChange` hears how far it is. */
  async exportSet(set: string, onChange: (found: Export) => void): Promise<Export> {
    let found = await this.api.handler<Export>("export_create", { training_set: set });
    for (let wait = 400; found.state === "preparing" && !this.stopped; wait = Math.min(wait * 1.5, 3000)) {
      onChange(found);
      await sleep(wait);
      found = await this.api.read<Export>(`/exports/${found.id}`);
    }
    onChange(found);
    return found;
  }

  report(set: string, after?: string): Promise<{ lines: ReportLine[]; next: string | null }> {
    return this.api.read(`/training-sets/${set}/report`, after === undefined ? {} : { after });
  }

  history(after?: string): Promise<{ results: TrainingSet[]; next: string | null }> {
    return this.api.read(`/projects/${this.store.state.project?.id ?? ""}/training-sets`, { cursor: after });
  }

  /** The service's side of sending files. */
  uploads(purpose: "training_set" | "prediction" | "archive" | "prediction_archive"): UploadService {
    return {
      declare: (files) => this.api.handler("uploads", { files, purpose }, 60),
      confirm: (uploads) => this.api.handler("uploads_confirm", { uploads }, 60),
      discard: (uploads) => this.api.handler("uploads_discard", { uploads }),
    };
  }

  /** Pictures that were sent on an earlier visit, or were to be, and that no training set has taken. */
  async waitingUploads(): Promise<Waiting[]> {
    const found: Waiting[] = [];
    for (let after: string | undefined; ; ) {
      const page = await this.api.read<{ uploads: Waiting[]; next: string | null }>("/uploads", { purpose: "training_set", cursor: after, limit: 200 });
      found.push(...(page.uploads ?? []));
      if (!page.next) return found;
      after = page.next;
    }
  }

  pictures(set: string, query: { label?: string; after?: string; limit?: number; show?: string }): Promise<{ images: Picture[]; next: string | null }> {
    return this.api.read(`/training-sets/${set}/images`, query);
  }

  /** Everything that the runners of a job logged. */
  log(job: string): Promise<string> {
    return this.api.readText(`/jobs/${job}/log`);
  }

  model(id: string): Promise<Model> {
    return this.api.read(`/models/${id}`);
  }

  prediction(id: string): Promise<Prediction> {
    return this.api.read(`/predictions/${id}`);
  }

  /** Fetches a job's curves once; a job still running is completed by its events. */
  async curves(job: Job): Promise<void> {
    const finished = isTerminal(job.state);
    const mark = `${job.id}:${finished}`;
    if (this.asked.has(mark) || this.store.state.curves[job.id]?.complete) return;
    this.asked.add(mark);
    try {
      const answer = await this.api.read<{ train: MetricPoint[]; validation: MetricPoint[]; resources: ResourcePoint[] }>(`/jobs/${job.id}/metrics`);
      this.store.dispatch({ type: "metrics", job: job.id, train: answer.train ?? [], validation: answer.validation ?? [], resources: answer.resources ?? [], complete: finished });
    } catch {
      this.asked.delete(mark);
    }
  }
}

function isBusy(state: State): boolean {
  const project = state.project;
  if (!project) return false;
  return (
    project.jobs.some((job) => !isTerminal(job.state)) ||
    project.training_sets.some((set) => set.state === "preparing") ||
    project.submissions.some((submission) => submission.state === "scoring")
  );
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("No session around this component.");
  return session;
}

export function useStore(session: Session): State {
  const [state, setState] = useState(session.store.state);
  useEffect(() => {
    setState(session.store.state);
    return session.store.subscribe(() => setState(session.store.state));
  }, [session]);
  return state;
}

export interface Asking<A extends unknown[]> { busy: boolean; error: ApiError | null; run: (...values: A) => Promise<boolean>; clear: () => void }

/** A request behind a button: busy while it lasts, its error in place, what was typed left alone. */
export function useAsk<A extends unknown[]>(action: (...values: A) => Promise<unknown>): Asking<A> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  return {
    busy,
    error,
    clear: () => setError(null),
    run: async (...values: A) => {
      setBusy(true);
      setError(null);
      try {
        await action(...values);
        return true;
      } catch (failure) {
        setError(asError(failure));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
