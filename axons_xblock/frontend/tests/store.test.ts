import { describe, expect, it } from "vitest";
import { initialState, mergePoints, reduce, type State } from "../src/core/store";
import type { AxonsEvent, EventKind, JobState, MetricPoint } from "../src/core/types";
import { bundle, project, RUNNING, SCORED, STARTER, OWN, PREPARING } from "../gallery/fixtures";

const JOB = RUNNING.id;

function opened(): State {
  return reduce(initialState(), { type: "opened", bundle: bundle({ jobs: [{ ...RUNNING, progress: null }] }) });
}
function event(id: number, kind: EventKind, data: Record<string, unknown>, more: Partial<AxonsEvent> = {}): AxonsEvent {
  return { id, job: JOB, seq: id, attempt: 1, kind, time: "2026-01-01T00:00:00Z", data, ...more };
}
const take = (state: State, ...events: AxonsEvent[]) => reduce(state, { type: "events", events });
const point = (step: number, loss = 1): MetricPoint => ({ step, epoch: step / 10, split: "train", loss, accuracy: 0.5 });
const metric = (id: number, step: number, loss = 1) => event(id, "metrics", { ...point(step, loss) });
const state = (id: number, name: JobState, more: Partial<AxonsEvent> = {}) => event(id, "state", { state: name, failure: null }, more);
const job = (from: State) => from.project!.jobs.find((each) => each.id === JOB)!;

describe("the store", () => {
  it("takes an event once, however often it comes", () => {
    const log = event(101, "log", { text: "hello" });
    const once = take(opened(), log);
    expect(take(once, log, log)).toBe(once);
    expect(once.curves[JOB]!.log).toEqual(["hello"]);
  });

  it("keeps points in order of their steps when events overtake each other", () => {
    const after = take(opened(), metric(103, 30), metric(101, 10), metric(102, 20));
    expect(after.curves[JOB]!.train.map((each) => each.step)).toEqual([10, 20, 30]);
    expect(job(after).metrics?.train?.step).toBe(30);
  });

  it("fills a gap: an event with a lower id than the cursor still counts", () => {
    const after = take(opened(), metric(110, 20), metric(105, 10));
    expect(after.curves[JOB]!.train).toHaveLength(2);
    expect(after.cursor).toBe(110);
  });

  it("resumes at the highest id seen, and at the answer's cursor when that is higher", () => {
    expect(take(opened(), metric(104, 1)).cursor).toBe(104);
    expect(reduce(opened(), { type: "events", events: [], cursor: 140 }).cursor).toBe(140);
    expect(reduce(opened(), { type: "events", events: [], cursor: 3 }).cursor).toBe(100);
  });

  it("never takes a finished job back", () => {
    let after = take(opened(), state(105, "succeeded"));
    after = take(after, state(106, "running"), event(107, "progress", { phase: "training", done: 1, total: 9, unit: "epochs" }));
    expect(job(after).state).toBe("succeeded");
    expect(job(after).progress).toBeNull();
    after = reduce(after, { type: "snapshot", project: project({ jobs: [RUNNING], cursor: 200 }) });
    expect(job(after).state).toBe("succeeded");
    after = reduce(after, { type: "job", job: RUNNING });
    expect(job(after).state).toBe("succeeded");
  });

  it("lets a lost attempt go back to the queue and on from there", () => {
    let after = take(opened(), state(101, "running"), state(102, "queued"));
    expect(job(after).state).toBe("queued");
    after = take(after, state(103, "preparing", { attempt: 2 }));
    expect(job(after)).toMatchObject({ state: "preparing", attempt: 2 });
  });

  it("ignores a state that was overtaken by a later one", () => {
    const after = take(opened(), state(110, "finishing"), state(108, "running"));
    expect(job(after).state).toBe("finishing");
  });

  it("is not undone by a snapshot older than the events it has", () => {
    let after = take(opened(), state(110, "finishing"));
    after = reduce(after, { type: "snapshot", project: project({ jobs: [RUNNING], cursor: 105 }) });
    expect(job(after).state).toBe("finishing");
    expect(after.cursor).toBe(110);
  });

  it("keeps a job that an older snapshot does not know yet", () => {
    let after = reduce(opened(), { type: "job", job: { ...RUNNING, id: "new", state: "queued" } });
    after = take(after, state(110, "running"));
    after = reduce(after, { type: "snapshot", project: project({ jobs: [RUNNING], cursor: 105 }) });
    expect(after.project!.jobs.map((each) => each.id)).toContain("new");
  });

  it("replaces a repeated step by the resumed attempt's word", () => {
    expect(mergePoints([point(1), point(2, 9)], [point(2, 5), point(3)]).map((each) => each.loss)).toEqual([1, 5, 1]);
  });

  it("drops what a lost attempt drew beyond the point where the next one resumed", () => {
    const drawn = take(opened(), metric(101, 10), metric(102, 20), metric(103, 30));
    const after = take(drawn, event(104, "metrics", { ...point(15, 7) }, { attempt: 2 }));
    expect(after.curves[JOB]!.train.map((each) => each.step)).toEqual([10, 15]);
  });

  it("is not taken back by an answer that events have overtaken", () => {
    let after = take(opened(), state(101, "running"));
    after = reduce(after, { type: "job", job: { ...RUNNING, state: "queued", cancel_requested: true } });
    expect(job(after)).toMatchObject({ state: "running", cancel_requested: true });
  });

  it("puts a training set's verdict where the set is, and a stale one nowhere", () => {
    let after = reduce(initialState(), { type: "opened", bundle: bundle({ training_sets: [PREPARING] }) });
    after = take(after, event(101, "training_set", { training_set: { ...OWN, id: PREPARING.id } }, { job: null }));
    expect(after.project!.training_sets[0]!.state).toBe("ready");
    after = take(after, event(102, "training_set", { training_set: PREPARING }, { job: null }));
    expect(after.project!.training_sets[0]!.state).toBe("ready");
    after = take(after, event(103, "training_set", { training_set: { ...STARTER, image_count: 7 } }, { job: null }));
    expect(after.project!.starter_set!.image_count).toBe(7);
  });

  it("takes a submission's score from its event", () => {
    let after = reduce(opened(), { type: "submission", submission: { ...SCORED, state: "scoring", score: null } });
    after = take(after, event(101, "submission", { submission: SCORED }));
    expect(after.project!.submissions).toHaveLength(1);
    expect(after.project!.submissions[0]!.score).toBe(0.8);
  });

  it("joins fetched curves with the live ones without doubling points", () => {
    let after = take(opened(), metric(101, 20), metric(102, 30));
    after = reduce(after, { type: "metrics", job: JOB, train: [point(10), point(20)], validation: [], resources: [], complete: false });
    expect(after.curves[JOB]!.train.map((each) => each.step)).toEqual([10, 20, 30]);
  });

  it("holds a bounded memory of what it saw", () => {
    const many = Array.from({ length: 4500 }, (_, i) => event(200 + i, "resources", { cpu_percent: 1 }));
    const after = take(opened(), ...many);
    expect(after.seen.size).toBeLessThanOrEqual(4000);
    expect(after.curves[JOB]!.resources.length).toBeLessThanOrEqual(600);
  });
});
