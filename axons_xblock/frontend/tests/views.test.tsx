import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/main";
import type { Args } from "../src/core/types";
import * as f from "../gallery/fixtures";

type Body = Record<string, unknown>;
type Handler = (body: Body) => { status?: number; body: unknown };

let handlers: Record<string, Handler>;
let calls: [string, Body][];
let host: HTMLElement;
let block: { destroy: () => void } | null;
const DOWN = { status: 503, body: { error: { code: "service_unavailable", message: "The training service does not answer. Your work is safe; try again in a moment." } } };

const wait = async (milliseconds = 30) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const until = async (condition: () => boolean) => { for (let i = 0; i < 200 && !condition(); i += 1) await wait(10); };
const text = () => host.textContent ?? "";
const button = (words: string) => [...host.querySelectorAll("button")].find((each) => each.textContent?.includes(words))!;
const press = async (words: string) => { await until(() => Boolean(button(words))); button(words).click(); await wait(); };
const sent = (name: string) => calls.filter(([handler]) => handler === name).map(([, body]) => body);
async function type(input: HTMLInputElement | HTMLSelectElement, value: string, kind = "change") {
  input.value = value;
  input.dispatchEvent(new Event(kind, { bubbles: true }));
  await wait(5);
}

async function show(view: Args["view"], more: Record<string, Handler> = {}, args: Partial<Args> = {}, runtime = {}) {
  handlers = { read: () => ({ body: { events: [], cursor: 0, train: [], validation: [], resources: [], images: [], next: null } }), ...more };
  const names = ["open", "read", "uploads", "uploads_confirm", "uploads_discard", "training_set_create", "job_create", "job_cancel", "submission_create", "trash_put", "trash_restore", "trash_purge", "staff_submissions", "staff_review", "staff_desk", "staff_hidden", "studio_load", "studio_save"];
  block = mount(runtime, host, { view, static_base: "/", locale: "en", display_name: "Test", handlers: Object.fromEntries(names.map((name) => [name, `/handler/${name}`])), ...args });
  await wait(60);
}
const history = { jobs: [f.DONE, f.DONE_1], models: [f.MODEL, f.MODEL_1] };

beforeEach(() => {
  calls = [];
  host = document.createElement("div");
  document.body.appendChild(host);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const name = String(url).split("/handler/")[1] ?? "";
    const body = JSON.parse(String(init.body)) as Body;
    calls.push([name, body]);
    const answer = handlers[name]?.(body) ?? DOWN;
    return new Response(JSON.stringify(answer.body), { status: answer.status ?? 200 });
  });
});
afterEach(() => {
  block?.destroy();
  host.remove();
  vi.unstubAllGlobals();
});

describe("the student's page", () => {
  it("says that the work is safe while the service is down, and opens when asked again", async () => {
    let down = true;
    await show("student", { open: () => (down ? DOWN : { body: f.bundle() }) });
    expect(text()).toContain("Your work is safe");
    down = false;
    await press("Try now");
    expect(text()).toContain("Pictures to train with".slice(0, 8));
    expect(text()).toContain("Connected again");
  });

  it("lets students choose what the author allows, shows what then matters, and sends only that", async () => {
    const hyperparameters = { ...f.SPEC.hyperparameters, fine_tuning: { allowed: ["frozen", "partial"], default: "frozen" }, trainable_blocks: { min: 1, max: 6, default: 2 }, class_weights: { default: false } };
    const bundle = f.bundle();
    bundle.project.spec = { ...bundle.project.spec, hyperparameters };
    await show("student", { open: () => ({ body: bundle }), job_create: (body) => ({ status: 201, body: { ...f.QUEUED, hyperparameters: body["hyperparameters"] } }) });
    await press("Train");
    expect(text()).not.toContain("Blocks that learn");
    expect(text()).not.toContain("Optimizer");
    await type(host.querySelector<HTMLSelectElement>("select")!, "partial");
    expect(text()).toContain("Blocks that learn");
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    const values = sent("job_create")[0]!["hyperparameters"] as Body;
    expect(values).toMatchObject({ fine_tuning: "partial", trainable_blocks: 2, class_weights: false });
    expect("optimizer" in values).toBe(false);
  });

  it("keeps what was typed through an error and repeats the same wish with the same key", async () => {
    let answers = 0;
    await show("student", { open: () => ({ body: f.bundle() }), job_create: (body) => { answers += 1; return answers === 1 ? DOWN : { status: 201, body: { ...f.QUEUED, hyperparameters: body["hyperparameters"] } }; } });
    await press("Train");
    const epochs = host.querySelector<HTMLInputElement>("input.ax-number")!;
    await type(epochs, "7");
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    expect(text()).toContain("The training service does not answer. Your work is safe");
    expect(host.querySelector<HTMLInputElement>("input.ax-number")!.value).toBe("7");
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    const [first, second] = sent("job_create");
    expect(first!["idempotency_key"]).toBe(second!["idempotency_key"]);
    expect(second!["hyperparameters"]).toMatchObject({ epochs: 7 });
    expect(text()).toContain("3 jobs are ahead of yours.");
  });

  it("says the allowed range at a wrong value and does not send it", async () => {
    await show("student", { open: () => ({ body: f.bundle() }) });
    await press("Train");
    await type(host.querySelectorAll<HTMLInputElement>("input.ax-number")[1]!, "5");
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    expect(text()).toContain("Learning rate must be between 0.0001 and 0.1. You asked for 5.");
    expect(sent("job_create")).toEqual([]);
    expect((document.activeElement as HTMLElement).getAttribute("aria-invalid")).toBe("true");
  });

  it("turns a cell of the confusion matrix into a sentence with its pictures", async () => {
    await show("student", { open: () => ({ body: f.bundle(history) }), read: (body) => ({ body: String(body["path"]).startsWith("/models") ? f.MODEL : { train: [], validation: [], resources: [] } }) });
    await press("Results");
    await until(() => host.querySelector("[data-cell]") !== null);
    host.querySelector<HTMLElement>('[data-cell="4-5"]')!.click();
    await wait();
    expect(text()).toContain("3 of 18 pictures of “cat” were taken for “dog”.");
    expect(host.querySelectorAll(".ax-inset .ax-mistake")).toHaveLength(3);
  });

  it("goes on with the pictures of an earlier visit and says which are missing", async () => {
    const waiting = f.EARLIER.slice(0, 20).map((each, i) => ({ ...each, state: i < 18 ? "arrived" : "waiting" }));
    await show("student", {
      open: () => ({ body: f.bundle() }),
      read: (body) => ({ body: body["path"] === "/uploads" ? { uploads: waiting, next: null } : { events: [], cursor: 0, images: [], next: null } }),
      uploads_confirm: (body) => ({ body: { arrived: [], missing: (body["uploads"] as string[]).map((id) => ({ id, reason: "It has not arrived. Send it again." })) } }),
      training_set_create: () => ({ status: 202, body: f.PREPARING }),
    });
    await until(() => text().includes("18 of 20 pictures have arrived and wait for you"));
    await press("Go on");
    await until(() => text().includes("2 pictures of an earlier visit are still missing"));
    expect(sent("uploads_confirm")).toEqual([{ uploads: ["up-18", "up-19"] }]);
    await press("Go on without them");
    await until(() => text().includes("18 pictures have arrived"));
    await press("Check and save as a new version");
    const [request] = sent("training_set_create");
    expect(request!["additions"]).toHaveLength(18);
    expect((request!["additions"] as unknown[])[0]).toEqual({ upload: "up-0", label: "bicycle" });
    expect(sent("uploads_discard")).toEqual([{ uploads: ["up-18", "up-19"] }]);
  });

  it("moves in the matrix with the arrow keys, with one stop for the tab key", async () => {
    await show("student", { open: () => ({ body: f.bundle(history) }), read: () => ({ body: f.MODEL }) });
    await press("Results");
    await until(() => host.querySelector("[data-cell]") !== null);
    const cells = () => [...host.querySelectorAll<HTMLElement>("[data-cell]")];
    expect(cells().filter((each) => each.tabIndex === 0)).toHaveLength(1);
    cells()[0]!.focus();
    cells()[0]!.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    await wait();
    expect((document.activeElement as HTMLElement).dataset["cell"]).toBe("1-0");
  });

  it("asks before a try is used, and hands in the chosen model", async () => {
    await show("student", { open: () => ({ body: f.bundle({ ...history, tries: { used: 2, max: 3, left: 1 } }) }), submission_create: () => ({ status: 201, body: { ...f.SCORED, state: "scoring", score: null, value: null } }) });
    await press("Hand in");
    await press("Hand in this model");
    expect(text()).toContain("This uses your last try");
    expect(sent("submission_create")).toEqual([]);
    host.querySelector<HTMLElement>(".ax-inset .ax-primary")!.click();
    await wait();
    expect(sent("submission_create")[0]).toMatchObject({ model: "model-3" });
    expect(text()).toContain("Your model is being scored");
  });

  it("tells a student what the author says of such a result", async () => {
    await show("student", { open: () => ({ body: f.bundle({ ...history, submissions: [{ ...f.SCORED, feedback: "Look at the cats." }] }) }) });
    await press("Hand in");
    expect(host.querySelector(".ax-feedback")!.textContent).toBe("Look at the cats.");
  });

  describe("a leaderboard", () => {
    const board = { metric: "accuracy", results_withheld: false, learners: 57, own: { place: 12, value: 0.81 }, places: [{ place: 1, value: 0.97, is_own: false }, { place: 2, value: 0.95, is_own: false }] };
    const open = () => ({ body: f.bundle({ ...history, submissions: [f.SCORED], spec: { ...f.SPEC, leaderboard: true } }) });
    const read = (answer: unknown) => (body: Body) => ({ body: body["path"] === "/leaderboard" ? answer : { events: [], cursor: 0, train: [], validation: [], resources: [], images: [], next: null } });

    it("shows the first places and one's own below them, and nobody's name", async () => {
      await show("student", { open, read: read(board) });
      await press("Hand in");
      await until(() => text().includes("Leaderboard"));
      expect(text()).toContain("You are in place 12 of 57.");
      expect([...host.querySelectorAll(".ax-leaderboard tbody tr")].map((row) => row.textContent)).toEqual(["197%", "295%", "1281%you"]);
    });

    it("is not there while scores are kept back, nor where the author wants none", async () => {
      await show("student", { open, read: read({ ...board, results_withheld: true, learners: 0, own: null, places: [] }) });
      await press("Hand in");
      expect(text()).not.toContain("Leaderboard");
      block!.destroy();
      await show("student", { open: () => ({ body: f.bundle({ ...history, submissions: [f.SCORED] }) }), read: read(board) });
      await press("Hand in");
      expect(text()).not.toContain("Leaderboard");
    });
  });

  describe("scores that the author keeps back", () => {
    const opened = (change: object) => f.bundle({ ...history, ...change }, { grade: null });

    it("are nowhere on the page, which says from when on they are", async () => {
      await show("student", { open: () => ({ body: opened(f.withheld(60)) }) });
      await until(() => host.querySelector(".ax-facts") !== null);
      expect(host.querySelector(".ax-facts")!.textContent).toContain("shown from");
      await press("Hand in");
      expect(text()).toContain("Your educator shows scores from");
      expect(host.querySelector(".ax-headline-number")).toBeNull();
      expect(text()).not.toContain("A grader will look at it");
      expect(button("Hand in this model").disabled).toBe(false);
    });

    it("have no date where they are never shown", async () => {
      await show("student", { open: () => ({ body: opened(f.withheld(null)) }) });
      await until(() => host.querySelector(".ax-facts") !== null);
      expect(host.querySelector(".ax-facts")!.textContent).toContain("not shown here");
      await press("Hand in");
      expect(text()).toContain("Your educator does not show scores in this exercise.");
    });

    it("do not keep back what is to be done anew", async () => {
      const reviews = [{ id: "r", score: null, comment: "Add pictures by night.", returns: true, rubric: {}, created_at: f.ago(1) }];
      await show("student", { open: () => ({ body: opened(f.withheld(60, { returned_at: f.ago(1), reviews })) }) });
      await press("Hand in");
      expect(text()).toContain("Your grader gave this back for revision");
      expect(text()).toContain("Add pictures by night.");
    });

    it("appear by themselves at their moment", async () => {
      const dice = vi.spyOn(Math, "random").mockReturnValue(0); // each page waits a little longer, by chance
      let now = false;
      const soon = f.withheld(-0.01);
      const shown = f.bundle({ ...history, submissions: [f.SCORED], best_score: 0.8 }, { grade: { earned: 8, possible: 10 } });
      await show("student", { open: () => ({ body: now ? shown : opened(soon) }) });
      now = true;
      await until(() => Boolean(host.querySelector(".ax-facts")?.textContent?.includes("8 / 10")));
      dice.mockRestore();
      expect(host.querySelector(".ax-facts")!.textContent).toContain("8 / 10");
    });
  });

  describe("a due date", () => {
    const at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
    const opened = (due: string | null, change = {}, more = {}) => ({ open: () => ({ body: f.bundle({ ...history, closes_at: due, ...change }, { block: { display_name: "Test", weight: 10, due }, ...more }) }) });

    it("is shown with the time that is left, on every step, and leaves handing in open", async () => {
      await show("student", opened(at(29.5)));
      expect(host.querySelector(".ax-facts")!.textContent).toContain("Due");
      expect(host.querySelector(".ax-facts")!.textContent).toContain("30 min left");
      await press("Hand in");
      expect(text()).toContain("Hand in by");
      expect(button("Hand in this model").disabled).toBe(false);
    });

    it("has a grace period", async () => {
      await show("student", opened(at(-5), { closes_at: at(5.5) }));
      await press("Hand in");
      expect(text()).toContain("The due date has passed. You can still hand in until");
      expect(text()).toContain("6 min left");
      expect(button("Hand in this model")).toBeTruthy();
    });

    it("ends handing in and nothing else", async () => {
      await show("student", opened(at(-1)));
      expect(host.querySelector(".ax-facts")!.textContent).toContain("Was due");
      await press("Hand in");
      expect(text()).toContain("Handing in has ended");
      expect(text()).toContain("You can go on training and trying for practice");
      expect(button("Hand in this model")).toBeUndefined();
      await press("Train");
      expect([...host.querySelectorAll("button")].some((each) => each.textContent?.trim() === "Train" && !each.disabled)).toBe(true);
    });

    it("is a later one for a student whom a grader gave more time", async () => {
      await show("student", opened(at(-60), { closes_at: at(120), extended_until: at(120) }));
      await press("Hand in");
      expect(host.querySelector(".ax-facts")!.textContent).toContain("in 2 hr");
      expect(button("Hand in this model")).toBeTruthy();
    });

    it("lets one more be handed in when the last was given back", async () => {
      await show("student", opened(at(-60), { reopened: true }));
      await press("Hand in");
      expect(text()).toContain("you may hand in once more");
      expect(button("Hand in this model")).toBeTruthy();
    });

    it("goes by the clock of the LMS, not by the browser's", async () => {
      await show("student", opened(at(30), {}, { now: Date.now() / 1000 + 3600 }));
      await press("Hand in");
      expect(text()).toContain("Handing in has ended");
    });

    it("is not spoken of where there is none", async () => {
      await show("student", opened(null));
      await press("Hand in");
      expect(text()).not.toMatch(/due|Hand in by/i);
    });

    it("shows the service's sentence when it refuses all the same", async () => {
      const detail = "Handing in ended on 27 November 2026 at 12:00 UTC.";
      await show("student", { ...opened(at(0.5)), submission_create: () => ({ status: 409, body: { error: { code: "hand_in_closed", message: detail } } }) });
      await press("Hand in");
      await press("Hand in this model");
      host.querySelector<HTMLElement>(".ax-inset .ax-primary")!.click();
      await until(() => text().includes(detail));
      expect(text()).toContain(detail);
    });
  });

  it("shows an inference-only exercise without steps or grade", async () => {
    await show("student", { open: () => ({ body: f.bundle({ spec: { ...f.SPEC, kind: "inference", grading: null }, supplied_model: f.SUPPLIED }) }) });
    expect(host.querySelector(".ax-rail")).toBeNull();
    expect(text()).toContain(f.SUPPLIED.name);
    expect(text()).not.toContain("Tries left");
  });

  it("hides the graders' list from students", async () => {
    await show("student", { open: () => ({ body: f.bundle() }) });
    expect(text()).not.toContain("Submissions");
  });
});

describe("the graders' desk", () => {
  const staff = (more: Record<string, Handler> = {}) => show("student", { open: () => ({ body: f.bundle({}, { user: { role: "grader", can_grade: true } }) }), staff_desk: (body) => ({ body: body["action"] === "open" ? { ...(f.desk(body) as object), curves: null } : f.desk(body) }), ...more }); // no canvas here to draw on
  const asked = (action: string) => sent("staff_desk").filter((body) => body["action"] === action);
  const key = (name: string) => {
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    return wait();
  };
  const begin = async (more: Record<string, Handler> = {}) => {
    await staff(more);
    await press("Submissions");
    await until(() => host.querySelector("tbody") !== null);
  };

  it("lets the service search, filter and sort", async () => {
    await begin();
    expect(host.querySelectorAll("tbody")).toHaveLength(8);
    await press("Needs review");
    await until(() => asked("list").some((body) => body["needs_review"] === true));
    await type(host.querySelector<HTMLInputElement>("input[type=search]")!, "okafor", "input");
    await until(() => asked("list").some((body) => body["text"] === "okafor" && body["needs_review"] === true));
    expect(text()).toContain("same training set, same curve");
    expect(text()).toContain("Prof. Li Wei is grading");
  });

  it("shows the hidden test set to who asks, a class at a time", async () => {
    const hidden = { ...f.STARTER, id: "set-hidden", name: "Pets, hidden", kind: "hidden" as const, classes: ["cat", "dog"], image_count: 60 };
    const image = (label: unknown) => ({ sha256: `${label}`, label: label ?? "cat", split: "test", name: `${label}.jpg`, width: 64, height: 64, near_group: null, url: "/p.jpg", thumbnail_url: "/p.jpg", mask_url: null });
    await begin({ staff_hidden: (body) => ({ body: { set: hidden, images: [image(body["label"])], next: null } }) });
    await until(() => Boolean(button("Look at the pictures")));
    expect(sent("staff_hidden")).toHaveLength(0);
    await press("Look at the pictures");
    await until(() => text().includes("Pets, hidden"));
    await until(() => host.querySelectorAll(".ax-gallery img").length === 2);
    await press("dog");
    await until(() => sent("staff_hidden").some((body) => body["label"] === "dog" && body["limit"] === 48));
    expect(text()).toContain("60 pictures");
  });

  it("is walked through by keys", async () => {
    await begin();
    host.querySelector<HTMLElement>(".ax-disclose")!.focus();
    await key("j");
    await key("j");
    await key("k");
    expect(document.activeElement).toBe(host.querySelectorAll(".ax-disclose")[1]);
    await key("?");
    expect(text()).toContain("next submission");
    (document.activeElement as HTMLElement).click();
    await until(() => asked("open").length === 1);
    await until(() => host.querySelector(".ax-review-form") !== null);
    expect(document.activeElement!.className).toBe("ax-detail-title");
    await key("j");
    await until(() => asked("open").length === 2);
    expect(asked("open").map((body) => body["submission"])).toEqual(["s1", "s2"]);
    await key("Escape");
    await until(() => host.querySelector(".ax-submissions") !== null);
  }, 30_000);

  it("sends an override as a share of the weight, with its reason, and rubric points", async () => {
    await begin({ staff_review: () => ({ status: 201, body: { ...f.DESK_LIST[0], score: 0.75 } }) });
    host.querySelector<HTMLElement>(".ax-disclose")!.click();
    await until(() => host.querySelector(".ax-review-form") !== null);
    const submit = async () => {
      host.querySelector(".ax-review-form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
      await wait();
    };
    const numbers = host.querySelectorAll<HTMLInputElement>(".ax-review-form .ax-number");
    await type(numbers[0]!, "5", "input");
    await submit();
    expect(sent("staff_review")).toHaveLength(0);
    expect(text()).toContain("Give points for every criterion.");
    await type(numbers[1]!, "3", "input");
    await type(host.querySelectorAll<HTMLInputElement>(".ax-review-form .ax-number")[2]!, "7.5", "input");
    await submit();
    expect(text()).toContain("Say why the score is changed.");
    const fields = [...host.querySelectorAll<HTMLInputElement>(".ax-review-form input[type=text]")];
    await type(fields[fields.length - 1]!, "A class was mislabelled.", "input");
    await submit();
    await until(() => sent("staff_review").length === 1);
    expect(sent("staff_review")[0]).toMatchObject({ submission: "s0", score: 0.75, reason: "A class was mislabelled.", rubric: { data: { points: 5 }, words: { points: 3 } } });
    expect(asked("lock")[0]).toMatchObject({ submission: "s0", wish: "take" });
  });

  it("shows what a regrade changes before it is started", async () => {
    await begin();
    await press("Show what would change");
    await until(() => text().includes("2 scores would change."));
    expect(asked("start")).toHaveLength(0);
  });
});

describe("the editor", () => {
  it("puts each objection at its field and keeps the form", async () => {
    await show("studio", {
      studio_load: () => ({ body: f.STUDIO }),
      studio_save: () => ({ status: 422, body: { error: { code: "spec_invalid", message: "One setting needs your attention.", errors: [{ field: "hyperparameters.epochs.max", message: "At most 200 epochs are possible." }, { field: "odd", message: "Something else." }] } } }),
    });
    await until(() => host.querySelector("form") !== null);
    await type(host.querySelector<HTMLInputElement>('[data-field="hyperparameters.epochs.max"]')!, "4000");
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    expect(text()).toContain("At most 200 epochs are possible.");
    expect(text()).toContain("Something else.");
    const field = host.querySelector<HTMLInputElement>('[data-field="hyperparameters.epochs.max"]')!;
    expect(field.value).toBe("4000");
    expect(field.getAttribute("aria-invalid")).toBe("true");
  });

  it("offers students nothing more until it is ticked, and forgets it when it is not", async () => {
    await show("studio", { studio_load: () => ({ body: f.STUDIO }), studio_save: () => ({ body: { spec_hash: "h" } }) });
    await until(() => host.querySelector("form") !== null);
    const tick = async (name: string) => { host.querySelector<HTMLInputElement>(`input[data-field="hyperparameters.${name}"]`)!.click(); await wait(5); };
    const save = async () => { host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })); await wait(); };
    await save();
    await tick("patience");
    host.querySelector<HTMLInputElement>('[data-field="hyperparameters.optimizer"] input')!.click();
    await wait(5);
    await save();
    await tick("patience");
    host.querySelector<HTMLInputElement>('[data-field="hyperparameters.optimizer"] input')!.click();
    await wait(5);
    await save();
    const [before, ticked, after] = sent("studio_save").map((body) => (body["spec"] as { hyperparameters: Body }).hyperparameters);
    expect(ticked).toEqual({ ...before, patience: { min: 0, max: 20, default: 0 }, optimizer: { allowed: ["adamw"], default: "adamw" } });
    expect(after).toEqual(before);
  });

  it("says what a change affects once students have begun, and nothing before", async () => {
    await show("studio", { studio_load: () => ({ body: f.STUDIO }), studio_save: () => ({ body: { spec_hash: "h" } }) });
    await until(() => host.querySelector("form") !== null);
    expect(text()).toContain("40 runs were made, and 12 students have handed a model in.");
    expect(text()).not.toContain("If you save this:");
    await type(host.querySelector<HTMLInputElement>('[data-field="max_tries"]')!, "9");
    await type(host.querySelector<HTMLInputElement>('[data-field="max_tries"]')!, "9", "input");
    expect(text()).toContain("If you save this:");
    expect(text()).toContain("Tries: the new number counts at once");
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    expect(text()).not.toContain("If you save this:");
    block!.destroy();
    await show("studio", { studio_load: () => ({ body: { ...f.STUDIO, begun: { runs: 0, handed_in: 0 } } }) });
    await until(() => host.querySelector("form") !== null);
    expect(text()).not.toContain("Students have begun");
  });

  it("tells Studio when it has saved", async () => {
    const notify = vi.fn();
    await show("studio", { studio_load: () => ({ body: f.STUDIO }), studio_save: () => ({ body: { spec_hash: "h" } }) }, {}, { notify });
    await until(() => host.querySelector("form") !== null);
    host.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await wait();
    expect(notify).toHaveBeenLastCalledWith("save", { state: "end" });
  });

  it("can be used without the library", async () => {
    await show("studio", { studio_load: () => ({ body: { ...f.STUDIO, library: null, library_error: "The training service does not answer." } }) });
    await until(() => host.querySelector("form") !== null);
    expect(text()).toContain("The training service does not answer.");
    expect(host.querySelector<HTMLSelectElement>('[data-field="starter_set"]')!.value).toBe("things-10");
  });
});
