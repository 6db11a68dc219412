import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/main";
import { versionOf } from "../src/studio/versions";
import * as f from "../gallery/fixtures";
import type { LibrarySet, TrainingSet } from "../src/core/types";

type Body = Record<string, unknown>;
type Handler = (body: Body) => { status?: number; body: unknown };

const HASH = "a".repeat(64);
const OWN: LibrarySet = { id: "lib-own", name: `garden@${HASH}`, version: 2, is_own: true, title: "Garden birds", description: "At the feeder.", classes: ["tit", "sparrow"], count: 40 };
const SHARED: LibrarySet = { id: "lib-shared", name: "things-10", version: 1, is_own: false, title: "Ten everyday things", classes: f.CLASSES, count: 1358 };
const LIBRARY = { ...f.LIBRARY, starter_sets: [SHARED, OWN] };
const DRAFT: TrainingSet = { ...f.OWN, id: "draft-1", version: 1, name: "My pictures, version 1", kind: "project", state: "ready", task: "classification", parent: null };
const PUBLISHED = { id: "lib-new", name: `winter@${HASH}`, title: "Winter birds", kind: "starter", version: 1, state: "ready", image_count: 40, progress: null, message: null };

let handlers: Record<string, Handler>;
let calls: [string, Body][];
let host: HTMLElement;
let block: { destroy: () => void };

const wait = async (milliseconds = 30) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const until = async (condition: () => boolean) => { for (let i = 0; i < 200 && !condition(); i += 1) await wait(10); };
const text = () => host.textContent ?? "";
const button = (words: string) => [...host.querySelectorAll("button")].find((each) => each.textContent?.includes(words))!;
const press = async (words: string) => { await until(() => Boolean(button(words))); button(words).click(); await wait(); };
const sent = (name: string) => calls.filter(([handler]) => handler === name).map(([, body]) => body);
const field = (label: string) => host.querySelector<HTMLInputElement>(`#${[...host.querySelectorAll("label")].find((each) => each.textContent === label)!.htmlFor}`)!;
async function type(input: HTMLInputElement | HTMLSelectElement, value: string, kind = "input") {
  input.value = value;
  input.dispatchEvent(new Event(kind, { bubbles: true }));
  await wait(5);
}
const workshop = (sets: TrainingSet[]) => {
  const bundle = f.bundle();
  return { ...bundle, api_url: "", stream_url: "", project: { ...bundle.project, spec: { ...f.SPEC, kind: "workshop", starter_set: null, hidden_test_set: null, grading: null }, starter_set: null, training_sets: sets, jobs: [], models: [] } };
};

async function show(more: Record<string, Handler> = {}, spec: Partial<typeof f.SPEC> = {}) {
  handlers = {
    "studio_load": () => ({ body: { ...f.STUDIO, library: LIBRARY, spec: { ...f.SPEC, starter_set: "things-10", ...spec } } }),
    "studio_save": () => ({ body: { spec_hash: "h" } }),
    "studio_workshop/open": () => ({ body: workshop([DRAFT]) }),
    "studio_workshop/read": () => ({ body: { events: [], cursor: 0, images: [], uploads: [], entries: [], results: [], lines: [], next: null } }),
    ...more,
  };
  const actions = ["open", "read", "uploads", "uploads_confirm", "training_set_create", "training_set_change", "training_set_import", "fork", "publish", "publication"];
  block = mount({ notify: () => undefined }, host, {
    view: "studio", static_base: "/", locale: "en", display_name: "Test",
    handlers: { studio_load: "/handler/studio_load", studio_save: "/handler/studio_save" },
    workshop: Object.fromEntries(actions.map((action) => [action, `/handler/studio_workshop/${action}`])),
  });
  await until(() => host.querySelector("form") !== null);
}

beforeEach(() => {
  calls = [];
  host = document.createElement("div");
  document.body.appendChild(host);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const name = String(url).split("/handler/")[1] ?? "";
    const body = JSON.parse(String(init.body)) as Body;
    calls.push([name, body]);
    const answer = handlers[name]?.(body) ?? { status: 503, body: { error: { code: "down", message: "The training service does not answer." } } };
    return new Response(JSON.stringify(answer.body), { status: answer.status ?? 200 });
  });
});
afterEach(() => {
  block.destroy();
  host.remove();
  vi.unstubAllGlobals();
});

describe("the workshop", () => {
  it("publishes a draft, chooses it, and saves the exercise with it", async () => {
    let asked = 0;
    await show({
      "studio_workshop/publish": () => ({ status: 202, body: { ...PUBLISHED, state: "preparing", progress: { done: 3, total: 10 } } }),
      "studio_workshop/publication": () => { asked += 1; return { body: asked > 1 ? PUBLISHED : { ...PUBLISHED, state: "preparing" } }; },
    });
    await type(field("Title"), "My own exercise");
    await press("Make a starter set");
    await until(() => text().includes("Publish as a starter set"));
    expect(sent("studio_workshop/open")[0]).toEqual({ task: "classification" });
    expect(host.querySelector("form")!.hidden || [...host.querySelectorAll("form")].some((each) => each.hidden)).toBe(true);
    expect(text()).not.toContain("Train with these pictures");
    await type(field("Title of the set"), "Winter birds");
    await type(field("Licence"), "CC BY 4.0");
    await press("Publish and choose it");
    expect(text()).toContain("being moved into the library");
    await until(() => text().includes("“Winter birds” is published"));
    expect(sent("studio_workshop/publish")[0]).toMatchObject({ training_set: "draft-1", kind: "starter", set: null, title: "Winter birds", licence: "CC BY 4.0", against: f.SPEC.hidden_test_set, despite_leakage: false });
    expect(field("Title").value).toBe("My own exercise");
    await press("Save");
    expect((sent("studio_save")[0]!["spec"] as Body)["starter_set"]).toBe(PUBLISHED.name);
  });

  it("forks the chosen set", async () => {
    const forked: TrainingSet = { ...DRAFT, id: "draft-2", version: 2, name: "Ten everyday things, version 2", licence: "GPL-3.0", credits: "Us.", changes: { kind: "forked", counts: {}, renames: {}, reverted_to: null } };
    await show({ "studio_workshop/fork": () => ({ status: 202, body: forked }) });
    await press("Change a copy of “Ten everyday things”");
    await until(() => sent("studio_workshop/fork").length > 0 && text().includes("Publish as a starter set"));
    expect(sent("studio_workshop/fork")).toHaveLength(1);
    expect(sent("studio_workshop/fork")[0]).toMatchObject({ base: "lib-shared" });
    expect(field("Licence").value).toBe("GPL-3.0");
    expect(field("Publish it as").value).toBe("");
  });

  it("suggests the next version for a copy of the course's own set", async () => {
    await show({ "studio_workshop/fork": () => ({ status: 202, body: { ...DRAFT, id: "draft-3", version: 3 } }) }, { starter_set: OWN.name });
    await press("Change a copy of “Garden birds”");
    await until(() => text().includes("Publish as a starter set"));
    expect(field("Publish it as").value).toBe("lib-own");
  });

  it("names pictures of the hidden test set and leaves them out on request", async () => {
    const refused = { status: 409, body: { error: { code: "leakage_found", message: "1 of these pictures is hidden.", errors: [{ field: "ab12", message: "same.jpg is hidden." }] } } };
    await show({ "studio_workshop/publish": () => refused, "studio_workshop/training_set_change": () => ({ status: 202, body: { ...DRAFT, id: "draft-9", version: 2 } }) });
    await press("Make a starter set");
    await press("Publish and choose it");
    await until(() => text().includes("same.jpg is hidden."));
    await press("Leave these out");
    expect(sent("studio_workshop/training_set_change")[0]).toMatchObject({ training_set: "draft-1", exclusions: ["ab12"] });
    expect(text()).not.toContain("same.jpg is hidden.");
  });

  it("says at the title what is wrong with it, and why a publication failed", async () => {
    let answer: ReturnType<Handler> = { status: 422, body: { error: { code: "publication_invalid", message: "Give a title.", errors: [{ field: "title", message: "Give a title." }] } } };
    await show({ "studio_workshop/publish": () => answer });
    await press("Make a starter set");
    await press("Publish and choose it");
    expect(field("Title of the set").getAttribute("aria-invalid")).toBe("true");
    answer = { status: 202, body: { ...PUBLISHED, state: "failed", message: "Some pictures are gone." } };
    await press("Publish and choose it");
    await until(() => text().includes("Some pictures are gone."));
  });

  it("is empty, then down, and the form is as it was", async () => {
    await show({ "studio_workshop/open": () => ({ body: workshop([]) }) });
    await press("Make a starter set");
    await until(() => text().includes("There is no draft yet."));
    expect(text()).not.toContain("Publish as a starter set");
    await press("Back to the exercise");
    expect(host.querySelector("form")!.hidden).toBe(false);
  });

  it("makes a hidden test set and compares it with the starter set", async () => {
    await show({ "studio_workshop/publish": () => ({ status: 202, body: { ...PUBLISHED, kind: "hidden" } }) });
    await press("Make a hidden test set");
    await press("Publish and choose it");
    await until(() => text().includes("is published"));
    expect(sent("studio_workshop/publish")[0]).toMatchObject({ kind: "hidden", against: "things-10" });
    await press("Save");
    expect((sent("studio_save")[0]!["spec"] as Body)["hidden_test_set"]).toBe(PUBLISHED.name);
  });
});

describe("what a spec names", () => {
  it("knows the newest version, an earlier one and a stranger", () => {
    expect(versionOf([OWN], OWN.name)).toEqual({ set: OWN, isNewest: true });
    expect(versionOf([OWN], `garden@${"b".repeat(64)}`)).toEqual({ set: OWN, isNewest: false });
    expect(versionOf([OWN], "other")).toBeNull();
    const brought = { ...OWN, name: "fruit", is_own: false, content_sha256: "c".repeat(64) };
    expect(versionOf([OWN, brought], `garden@${"c".repeat(64)}`)).toEqual({ set: brought, isNewest: true });
    expect(versionOf([OWN], null)).toBeNull();
  });

  it("is shown as an earlier version, which stays chosen", async () => {
    await show({}, { starter_set: `garden@${"b".repeat(64)}` });
    expect(text()).toContain("Garden birds, an earlier version");
    expect(text()).toContain("There is a newer version, 2.");
    await press("Save");
    expect((sent("studio_save")[0]!["spec"] as Body)["starter_set"]).toBe(`garden@${"b".repeat(64)}`);
  });
});
