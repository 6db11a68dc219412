import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/main";
import * as f from "../gallery/fixtures";

type Body = Record<string, unknown>;
const wait = async (milliseconds = 40) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const until = async (condition: () => boolean) => { for (let i = 0; i < 200 && !condition(); i += 1) await wait(10); };
let host: HTMLElement;
let block: { destroy: () => void };
let calls: [string, Body][];
let answers: Record<string, (body: Body) => unknown>;
const button = (words: string) => [...host.querySelectorAll("button")].find((each) => each.textContent?.includes(words))!;
const press = async (words: string) => { await until(() => Boolean(button(words))); button(words).click(); await wait(); };

beforeEach(async () => {
  host = document.body.appendChild(document.createElement("div"));
  calls = [];
  answers = {
    open: () => f.bundle({}, { user: { role: "grader", can_grade: true } }),
    read: () => ({ events: [], cursor: 0 }),
    staff_overview: () => f.CLASS,
    staff_not_started: () => f.NOT_STARTED,
    staff_overview_learners: (body) => ({ results: f.LEARNERS.filter((each) => !body["standing"] || each.standing === body["standing"]), next: null }),
  };
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const name = String(url).split("/handler/")[1] ?? "";
    const body = JSON.parse(String(init.body)) as Body;
    calls.push([name, body]);
    return new Response(JSON.stringify(answers[name]?.(body) ?? {}), { status: 200 });
  });
  const names = ["open", "read", "staff_overview", "staff_overview_learners", "staff_not_started", "staff_submissions", "staff_leakage"];
  block = mount({}, host, { view: "student", static_base: "/", locale: "en", display_name: "Test", can_grade: true, handlers: Object.fromEntries(names.map((name) => [name, `/handler/${name}`])) });
  await until(() => Boolean(button("Class")));
  await press("Class");
  await until(() => host.querySelectorAll("table tbody tr").length === f.LEARNERS.length && Boolean(button("Not opened")));
});
afterEach(() => {
  block.destroy();
  host.remove();
  vi.unstubAllGlobals();
});

describe("the class", () => {
  it("shows how many stand where, and a learner's last failure in the service's words", () => {
    expect(button("Handed in").textContent).toContain("14");
    expect(button("Not opened").textContent).toContain("4");
    expect(host.textContent).toContain("Add pictures of a second class");
    expect(host.querySelectorAll(".ax-columns li")).toHaveLength(10);
  });

  it("asks the service for one standing alone", async () => {
    await press("Last run failed");
    expect(calls.filter(([name]) => name === "staff_overview_learners").at(-1)?.[1]).toMatchObject({ standing: "failing" });
    await until(() => host.querySelectorAll("table tbody tr").length === 1);
    expect(host.querySelectorAll("table tbody tr")).toHaveLength(1);
  });

  it("names those who have not opened the exercise", async () => {
    await press("Not opened");
    expect(host.textContent).toContain("Édouard Lefèvre");
  });

  it("hands out every page as a file", async () => {
    const texts: Blob[] = [];
    vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: (blob: Blob) => (texts.push(blob), "blob:x"), revokeObjectURL: () => undefined }));
    answers["staff_overview_learners"] = (body) => (body["cursor"] ? { results: [f.LEARNERS[1]], next: null } : { results: [f.LEARNERS[0]], next: "c2" });
    await press("Download as CSV");
    await until(() => texts.length > 0);
    const rows = (await texts[0]!.text()).trim().split("\r\n");
    expect(rows).toHaveLength(1 + 2 + f.NOT_STARTED.count);
    expect(rows[1]).toContain("Ada Okafor");
  });
});
