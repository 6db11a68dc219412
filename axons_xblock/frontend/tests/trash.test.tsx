import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/main";
import { runName } from "../src/core/words";
import type { ProjectState } from "../src/core/types";
import * as f from "../gallery/fixtures";

type Body = Record<string, unknown>;
let project: ProjectState;
let entries: typeof f.TRASH;
let refusal: { status: number; body: unknown } | null;
let calls: [string, Body][];
let host: HTMLElement;
let block: { destroy: () => void } | null;

const wait = async (milliseconds = 30) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const text = () => host.textContent ?? "";
const button = (words: string) => [...host.querySelectorAll("button")].find((each) => each.textContent?.includes(words))!;
const until = async (condition: () => boolean) => { for (let i = 0; i < 300 && !condition(); i += 1) await wait(10); };
const press = async (words: string) => { await until(() => button(words) !== undefined); button(words).click(); await wait(); };
const says = async (words: string) => { await until(() => text().includes(words)); expect(text()).toContain(words); };
const lines = () => [...host.querySelectorAll(".ax-trash-list > li")].map((line) => line.textContent);
const sent = (name: string) => calls.filter(([handler]) => handler === name).map(([, body]) => body);
const unfold = async () => {
  const panel = host.querySelector<HTMLDetailsElement>(".ax-trash")!;
  panel.open = true;
  panel.dispatchEvent(new Event("toggle"));
  await until(() => host.querySelector(".ax-trash-list") !== null || text().includes("The trash is empty."));
};

function answer(name: string, body: Body): unknown {
  if (name === "open") return { ...f.bundle(), project };
  if (name === "read" && String(body["path"]).endsWith("/trash")) return { entries, next: null };
  if (name === "read" && String(body["path"]) === "/projects/project-1") return project;
  if (name === "trash_put") {
    const object = body["object"];
    const entry = { ...f.TRASH[1]!, id: "t-9", kind: body["kind"] as "job", object: String(object), by_learner: true };
    project = { ...project, jobs: project.jobs.filter((job) => job.id !== object), models: project.models.filter((model) => model.job !== object) };
    entries = [entry, ...entries];
    return entry;
  }
  if (name === "trash_restore") project = { ...project, jobs: [f.DONE, f.DONE_1], models: [f.MODEL, f.MODEL_1] };
  if (name === "trash_restore" || name === "trash_purge") {
    entries = entries.filter((entry) => entry.id !== body["entry"]);
    return { ...f.TRASH[0]!, id: String(body["entry"]) };
  }
  return { events: [], cursor: 0, train: [], validation: [], resources: [], images: [], next: null };
}

async function show() {
  const names = ["open", "read", "trash_put", "trash_restore", "trash_purge"];
  block = mount({}, host, { view: "student", static_base: "/", locale: "en", display_name: "Test", handlers: Object.fromEntries(names.map((name) => [name, `/handler/${name}`])) });
  await until(() => host.querySelector(".ax-trash") !== null);
}

beforeEach(() => {
  calls = [];
  refusal = null;
  entries = [...f.TRASH];
  project = f.project({ jobs: [f.DONE, f.DONE_1], models: [f.MODEL, f.MODEL_1], runs: [f.DONE_1.id, "job-2", f.DONE.id], storage: f.storage("ok", 900_000_000) });
  host = document.createElement("div");
  document.body.appendChild(host);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const name = String(url).split("/handler/")[1] ?? "";
    const body = JSON.parse(String(init.body)) as Body;
    calls.push([name, body]);
    if (refusal && name.startsWith("trash_")) return new Response(JSON.stringify(refusal.body), { status: refusal.status });
    return new Response(JSON.stringify(answer(name, body)), { status: 200 });
  });
});
afterEach(() => {
  block?.destroy();
  host.remove();
  vi.unstubAllGlobals();
});

describe("the trash", () => {
  it("takes a run off the page, keeps the numbers of the others, and gives it back", async () => {
    await show();
    await press("Train");
    expect(host.querySelector(".ax-job h4")!.textContent).toContain("Run 3");
    await press("Delete this run");
    expect(sent("trash_put")).toEqual([{ kind: "job", object: f.DONE.id }]);
    await says("“Run 3” is in the trash.");
    expect(host.querySelector(".ax-job h4")!.textContent).toContain("Run 1");
    expect(document.activeElement?.textContent).toContain("Undo");
    await press("Undo");
    await until(() => !text().includes("is in the trash."));
    expect(sent("trash_restore")).toEqual([{ entry: "t-9" }]);
    expect(text()).not.toContain("is in the trash.");
    await says("Run 3");
  });

  it("says in the service's words why something stays", async () => {
    refusal = { status: 409, body: { error: { code: "in_use", message: "The model of this run is handed in: your grade stands on it, so the run stays." } } };
    await show();
    await press("Train");
    await press("Delete this run");
    await until(() => host.querySelector("[role='alert']") !== null);
    expect(host.querySelector("[role='alert']")!.textContent).toContain("your grade stands on it");
    expect(host.querySelector(".ax-job h4")!.textContent).toContain("Run 3");
    expect(text()).not.toContain("is in the trash.");
  });

  it("lists what can come back, by whom it went and for how long", async () => {
    await show();
    expect(calls.some(([, body]) => String(body["path"]).endsWith("/trash"))).toBe(false);
    await unfold();
    const [first, second, third] = lines();
    expect(first).toContain("Ten everyday things, version 2");
    expect(first).toContain("14 days left");
    expect(second).toContain("by course staff");
    expect(third).toContain("Everything from before the course ended");
    expect(third).toContain("1 day left");
    expect(text()).toContain("Used here: 858 MiB of 2 GiB.");
    await press("Restore");
    await until(() => lines().length === 2);
    expect(sent("trash_restore")).toEqual([{ entry: "t-3" }]);
    expect(lines()).toHaveLength(2);
  });

  it("deletes for good only when asked twice", async () => {
    await show();
    await unfold();
    await press("Delete now");
    expect(sent("trash_purge")).toEqual([]);
    await press("Keep");
    expect(text()).not.toContain("This cannot be undone.");
    await press("Delete now");
    await press("Delete for good");
    await until(() => lines().length === 2);
    expect(sent("trash_purge")).toEqual([{ entry: "t-3" }]);
    expect(lines()).toHaveLength(2);
  });

  it("says that it is empty, and offers to delete everything", async () => {
    entries = [];
    await show();
    await unfold();
    expect(text()).toContain("The trash is empty.");
    await press("Delete everything here");
    await until(() => lines().length === 1);
    expect(sent("trash_put")).toEqual([{ kind: "project", object: "project-1" }]);
    expect(lines()).toHaveLength(1);
  });

  it("offers no deletion of the author's pictures", async () => {
    await show();
    expect(button("Delete this version")).toBeUndefined();
  });
});

describe("the room", () => {
  it.each([["near", "The room is getting short", "1.7 GiB of 2 GiB"], ["full", "There is no room left", "2 GiB of 2 GiB"]] as const)("is said when it is %s", async (level, title, figure) => {
    project = { ...project, storage: f.storage(level, 1) };
    await show();
    expect(text()).toContain(title);
    expect(text()).toContain(figure);
  });

  it("is not spoken of while there is enough, nor by an older service", async () => {
    delete project.storage;
    await show();
    expect(host.querySelector(".ax-notice")).toBeNull();
    await unfold();
    expect(text()).not.toContain("Used here");
  });
});

describe("a run's name", () => {
  it("is its number among all that ever were", () => {
    expect(runName(project, f.DONE.id)).toBe("Run 3");
    expect(runName(project, f.DONE_1.id)).toBe("Run 1");
    expect(runName({ ...project, jobs: [f.QUEUED, ...project.jobs] }, f.QUEUED.id)).toBe("Run 4");
    expect(runName(project, "nowhere")).toBe("Earlier run");
    expect(runName({ ...project, runs: undefined }, f.DONE.id)).toBe("Run 2");
  });
});
