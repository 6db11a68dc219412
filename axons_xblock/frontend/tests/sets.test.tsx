/** Sorting a training set by hand, its history, and the zip: what the student does and what is sent. */
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { reduce, initialState } from "../src/core/store";
import { mount } from "../src/main";
import { wishes } from "../src/student/Curate";
import { renamed } from "../src/student/Classes";
import { changeWords } from "../src/student/History";
import * as f from "../gallery/fixtures";

type Body = Record<string, unknown>;
let calls: [string, Body][];
let host: HTMLElement;
let block: { destroy: () => void } | null;
let answers: Record<string, (body: Body) => { status?: number; body: unknown }>;

const wait = async (milliseconds = 30) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const text = () => host.textContent ?? "";
const button = (words: string) => [...host.querySelectorAll("button")].find((each) => each.textContent?.includes(words))!;
const until = async (condition: () => boolean) => { for (let i = 0; i < 300 && !condition(); i += 1) await wait(10); };
const press = async (words: string) => { button(words).click(); await wait(); };
const tiles = () => [...host.querySelectorAll<HTMLButtonElement>(".ax-pickable")];
const key = async (name: string, more = {}) => { tiles()[0]!.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more })); await wait(5); };
const sent = (name: string) => calls.filter(([handler]) => handler === name).map(([, body]) => body);

const FREE = { ...f.SPEC, starter_set: null, hidden_test_set: null, grading: null };
const MINE = { ...f.CHANGED, classes: ["cat", "dog"], counts: { cat: { train: 8, validation: 2 }, dog: { train: 8, validation: 2 } }, image_count: 20 };
const SHOTS = Array.from({ length: 6 }, (_, i) => ({ sha256: `h${i}`, label: i % 2 ? "dog" : "cat", split: "train", name: `${i}.jpg`, width: 64, height: 64, url: "x:", thumbnail_url: "x:" }));

async function show() {
  const handlers = ["open", "read", "training_set_change", "training_set_revert", "export_create"];
  block = mount({}, host, { view: "student", static_base: "/", locale: "en", display_name: "Test", handlers: Object.fromEntries(handlers.map((name) => [name, `/handler/${name}`])) });
  await until(() => Boolean(button("Sort and split")));
}
async function sort() {
  await press("Sort and split");
  await until(() => tiles().length > 0);
}

beforeEach(() => {
  calls = [];
  answers = {
    open: () => ({ body: f.bundle({ starter_set: null, spec: FREE, training_sets: [MINE, f.OWN], jobs: [], models: [] }) }),
    read: (body) => ({ body: String(body["path"]).endsWith("/images") ? { images: (body["query"] as Body)["label"] === "dog" ? [] : SHOTS, next: null } : { results: [], events: [], cursor: 0, next: null } }),
    training_set_change: () => ({ status: 202, body: { ...f.PREPARING, id: "set-new", version: 4 } }),
    training_set_revert: () => ({ status: 202, body: { ...f.PREPARING, id: "set-new", version: 4 } }),
  };
  host = document.createElement("div");
  document.body.appendChild(host);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const name = String(url).split("/handler/")[1] ?? "";
    const body = JSON.parse(String(init.body)) as Body;
    calls.push([name, body]);
    const answer = answers[name]?.(body) ?? { status: 503, body: null };
    return new Response(JSON.stringify(answer.body), { status: answer.status ?? 200 });
  });
});
afterEach(() => {
  block?.destroy();
  host.remove();
  vi.unstubAllGlobals();
});

describe("sorting a set", () => {
  it("moves, leaves out and splits by mouse and keyboard, and sends it all at once with the newest version seen", async () => {
    await show();
    await sort();
    expect(tiles()).toHaveLength(6);
    tiles()[0]!.click();
    await wait(5);
    tiles()[2]!.dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
    await wait(5);
    expect(text()).toContain("3 picked");
    await key("2");
    expect(text()).toContain("None picked");
    tiles()[5]!.click();
    await wait(5);
    await key("Delete");
    const slider = host.querySelector<HTMLInputElement>('input[type="range"]')!;
    slider.value = "0.3";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await wait(5);
    const names = [...host.querySelectorAll<HTMLInputElement>(".ax-renames input")];
    names[0]!.value = "dog";
    names[0]!.dispatchEvent(new Event("input", { bubbles: true }));
    await wait(5);
    expect(text()).toContain("“cat” and “dog” become one class.");
    await press("Save as a new version");
    await until(() => text().includes("checked"));
    expect(sent("training_set_change")).toHaveLength(1);
    expect(sent("training_set_change")[0]).toMatchObject({
      training_set: MINE.id, newest: 3, exclusions: ["h5"], inclusions: [], relabels: { h0: "dog", h1: "dog", h2: "dog" },
      renames: { cat: "dog" }, split: { validation: 0.3, seed: 0 },
    });
    expect(text()).toContain("812 of 2,000 checked");
  });

  it("keeps the work and says why when somebody else was faster", async () => {
    answers["training_set_change"] = () => ({ status: 409, body: { error: { code: "version_conflict", message: "Version 4 was made meanwhile, perhaps in another window. Look at it, then make your change again." } } });
    await show();
    await sort();
    await key("a", { ctrlKey: true });
    expect(text()).toContain("6 picked");
    await key("Escape");
    expect(text()).toContain("None picked");
    tiles()[1]!.click();
    await wait(5);
    await press("Leave out");
    await press("Save as a new version");
    await until(() => text().includes("Version 4"));
    expect(text()).toContain("Version 4 was made meanwhile");
    expect(text()).toContain("1 left out");
  });

  it("shows what was left out and takes it in again", async () => {
    await show();
    await sort();
    await press("Left out");
    await until(() => sent("read").some((body) => (body["query"] as Body)?.["show"] === "excluded") && tiles().length > 0);
    tiles()[0]!.click();
    await wait(5);
    await press("Take in again");
    await press("Save as a new version");
    expect(sent("training_set_change")[0]).toMatchObject({ inclusions: ["h0"], exclusions: [] });
  });

  it("offers no renaming where the educator's pictures give the classes", async () => {
    answers["open"] = () => ({ body: f.bundle({ training_sets: [f.OWN], jobs: [], models: [] }) });
    await show();
    await press("Sort and split");
    await until(() => text().includes("Kept back to check the model"));
    expect(host.querySelector(".ax-renames")).toBeNull();
  });

  it("asks for nothing that was undone, and for no label of what goes", () => {
    expect(wishes({ a: { out: true, label: "dog", split: "train" }, b: { split: "validation" }, c: {} })).toEqual({ exclusions: ["a"], inclusions: [], relabels: {}, splits: { b: "validation" } });
    expect(renamed({ cat: "lion" }, "cat", " cat ")).toEqual({});
    expect(renamed({}, "cat", "")).toEqual({});
  });
});

describe("history", () => {
  it("says what changed in each version", () => {
    expect(changeWords(f.CHANGED)).toBe("4 left out · 9 moved · “bike” is now “bicycle” · split anew");
    expect(changeWords({ ...f.CHANGED, changes: { kind: "reverted", counts: {}, renames: {}, reverted_to: 2 } })).toBe("as version 2 was");
    expect(changeWords({ ...f.CHANGED, changes: undefined })).toBe("");
  });

  it("goes back to an older version", async () => {
    await show();
    const details = [...host.querySelectorAll("details")].find((each) => each.textContent?.includes("History"))!;
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    await wait();
    expect(sent("read").some((body) => body["path"] === `/projects/${f.project().id}/training-sets`)).toBe(true);
    await press("Back to this");
    expect(sent("training_set_revert")[0]).toMatchObject({ training_set: f.OWN.id, newest: 3 });
  });
});

describe("the check's progress", () => {
  it("goes forward only, and a frozen set stays frozen", () => {
    const start = reduce(initialState(), { type: "opened", bundle: f.bundle({ training_sets: [f.PREPARING] }) });
    const set = (from: typeof start) => from.project!.training_sets[0]!;
    const late = reduce(start, { type: "training_set", set: { ...f.PREPARING, progress: { done: 500, total: 2000 } } });
    expect(set(late).progress!.done).toBe(812);
    const on = reduce(late, { type: "training_set", set: { ...f.PREPARING, progress: { done: 900, total: 2000 } } });
    expect(set(on).progress!.done).toBe(900);
    const done = reduce(on, { type: "training_set", set: { ...f.PREPARING, state: "ready", progress: null } });
    expect(set(reduce(done, { type: "training_set", set: f.PREPARING })).state).toBe("ready");
  });
});
