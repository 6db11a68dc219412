/** An exercise about masks: what is shown over pictures, which controls are there, and what an author's choice changes. */
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fitting, figure, withTask } from "../src/core/task";
import type { Args, Model, Prediction, Spec, TrainingSet } from "../src/core/types";
import { mount } from "../src/main";
import { lines } from "../src/student/Curves";
import { templated } from "../src/studio/Studio";
import * as f from "../gallery/fixtures";

type Body = Record<string, unknown>;
let calls: [string, Body][];
let host: HTMLElement;
let block: { destroy: () => void } | null;
let answers: Record<string, (body: Body) => { status?: number; body: unknown }>;

const wait = async (milliseconds = 30) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const until = async (condition: () => boolean) => { for (let i = 0; i < 300 && !condition(); i += 1) await wait(10); };
const text = () => host.textContent ?? "";
const button = (words: string) => [...host.querySelectorAll("button")].find((each) => each.textContent?.includes(words));
const press = async (words: string) => { await until(() => Boolean(button(words))); button(words)!.click(); await wait(); };
const sent = (name: string) => calls.filter(([handler]) => handler === name).map(([, body]) => body);

const CLASSES = ["background", "leaf", "berry"];
const COLOURS = { background: "#000000", leaf: "#800000", berry: "#008000" };
const SPEC: Spec = { ...f.SPEC, task: "segmentation", architectures: ["lite0_lraspp", "small_unet"], grading: { metric: "miou", thresholds: [{ at_least: 0.3, score: 0.5 }] } };
const SET: TrainingSet = { ...f.STARTER, task: "segmentation", classes: CLASSES, colours: COLOURS, image_count: 20, counts: { background: { train: 0, validation: 0 }, leaf: { train: 12, validation: 4 }, berry: { train: 4, validation: 0 } } };
const SHOTS = Array.from({ length: 4 }, (_, i) => ({ sha256: `h${i}`, label: "leaf", split: "train", name: `${i}.jpg`, width: 64, height: 64, url: "x:", thumbnail_url: `x:small-${i}`, mask_url: `x:mask-${i}` }));
const VALIDATION = { miou: 0.612, accuracy: 0.981, count: 32, iou_per_class: { background: 0.97, leaf: 0.7, berry: 0.166, stone: null }, mistakes: [{ sha256: "a", iou: 0.4, url: "x:a" }, { sha256: "b", iou: 0.12, url: "x:b" }] };
const MODEL = { ...f.MODEL, task: "segmentation", classes: CLASSES, architecture: "lite0_lraspp", metrics: { validation: VALIDATION } } as unknown as Model;
const ANSWER: Prediction = { ...f.prediction("p1", 4, 0.9, "bed.jpg", 2), probabilities: [], shares: [{ label: "background", share: 0.7 }, { label: "leaf", share: 0.3 }], colours: COLOURS, overlay_url: "x:overlay", mask_url: "x:mask" };

const bundle = (change = {}) => f.bundle({ spec: SPEC, starter_set: SET, training_sets: [], jobs: [], models: [], predictions: [], ...change });
async function show(view: Args["view"], first: unknown, opens = "open") {
  answers[opens] = () => ({ body: first });
  const names = ["open", "read", "training_set_change", "studio_load", "studio_save"];
  block = mount({}, host, { view, static_base: "/", locale: "en", display_name: "Test", handlers: Object.fromEntries(names.map((name) => [name, `/handler/${name}`])) });
  await wait(60);
}

beforeEach(() => {
  calls = [];
  answers = {
    read: (body) => ({ body: String(body["path"]).endsWith("/images") ? { images: (body["query"] as Body)["label"] === "berry" ? [] : SHOTS, next: null } : String(body["path"]).startsWith("/models") ? MODEL : { results: [], events: [], train: [], validation: [], resources: [], cursor: 0, next: null } }),
    training_set_change: () => ({ status: 202, body: { ...f.PREPARING, id: "set-new", version: 2 } }),
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

describe("the pictures", () => {
  it("lie under their masks, with the colours of the classes, until the masks are taken away", async () => {
    await show("student", bundle());
    await until(() => host.querySelectorAll(".ax-mask").length > 0);
    expect(host.querySelector<HTMLImageElement>(".ax-mask")!.getAttribute("src")).toBe("x:mask-0");
    const legend = [...host.querySelectorAll(".ax-colours li")].map((each) => each.textContent?.trim());
    expect(legend).toEqual(CLASSES);
    const toggle = [...host.querySelectorAll<HTMLInputElement>(".ax-mask-tools input")][0]!;
    toggle.click();
    await wait();
    expect(host.querySelectorAll(".ax-mask")).toHaveLength(0);
    expect(host.querySelectorAll(".ax-tile img").length).toBeGreaterThan(0);
  });

  it("are added by zip alone: no camera, no drop zone, no labels", async () => {
    await show("student", bundle());
    await until(() => Boolean(button("Leave out and split")));
    for (const words of ["Make my own version", "Start from nothing", "Sort and split", "Add pictures"]) expect(button(words)).toBeUndefined();
    expect(text()).toContain("Pictures of your own need masks, so they come as a zip");
    expect(text()).not.toContain("The classes are uneven");
    expect(sent("read").some((body) => body["path"] === "/uploads")).toBe(false);
  });

  it("are left out without a word of classes", async () => {
    await show("student", bundle());
    await press("Leave out and split");
    await until(() => host.querySelectorAll(".ax-pickable").length > 0);
    expect([...host.querySelectorAll("option")].map((each) => each.textContent)).not.toContain("Move to…");
    const tile = host.querySelector<HTMLButtonElement>(".ax-pickable")!;
    tile.click();
    await wait(5);
    tile.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true, cancelable: true }));
    tile.dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true, cancelable: true }));
    await wait(5);
    await press("Save as a new version");
    expect(sent("training_set_change")[0]!["changes"] ?? sent("training_set_change")[0]).toMatchObject({ exclusions: ["h0"], relabels: {}, renames: {} });
  });

  it("of a set with labels have no masks to show", async () => {
    const plain = SHOTS.map(({ mask_url: _mask, ...each }) => each);
    answers["read"] = () => ({ body: { images: plain, results: [], next: null } });
    await show("student", f.bundle());
    await until(() => host.querySelectorAll(".ax-tile img").length > 0);
    expect(host.querySelector(".ax-mask-tools")).toBeNull();
    expect(button("Sort and split")).toBeDefined();
  });
});

describe("what a model leaves", () => {
  it("is measured by mean IoU, class by class, with the pictures it marks worst first", async () => {
    await show("student", bundle({ jobs: [f.DONE], models: [MODEL] }));
    await press("Results");
    await until(() => text().includes("The pictures it marks worst"));
    expect(host.querySelector(".ax-headline-number")!.textContent).toContain("61");
    expect(text()).toContain("“berry” is the hardest: marks and masks overlap by 17%");
    expect([...host.querySelectorAll(".ax-per-class tbody th")].map((each) => each.textContent)).toEqual(["berry", "leaf", "background", "stone"]);
    expect(text()).toContain("in none of the pictures");
    expect([...host.querySelectorAll(".ax-mistake img")].map((each) => each.getAttribute("src"))).toEqual(["x:b", "x:a"]);
    expect(text()).not.toContain("Sure of itself, and wrong");
  });

  it("is shown on a picture with a slider from the picture to its marks", async () => {
    await show("student", bundle({ jobs: [f.DONE], models: [MODEL], predictions: [ANSWER] }));
    await press("Try it");
    await until(() => host.querySelector(".ax-overlay") !== null);
    const overlay = () => host.querySelector<HTMLElement>(".ax-overlay")!.style.opacity;
    expect(overlay()).toBe("1");
    expect([...host.querySelectorAll<HTMLElement>(".ax-probabilities .ax-colour")].map((each) => each.style.background)).toHaveLength(2);
    expect(text()).toContain("30% leaf"); // what is around is not what the answer is about
    expect(text()).not.toContain("Grad-CAM");
    const slider = host.querySelector<HTMLInputElement>(".ax-overlay-control input")!;
    slider.value = "0";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await wait();
    expect(overlay()).toBe("0");
  });

  it("draws mean IoU as the curve, and leaves gaps where a row has none", () => {
    const rows = [{ step: 1, epoch: 1, loss: 1, accuracy: 0.9, miou: 0.2 }, { step: 2, epoch: 2, loss: 0.5, accuracy: 0.95 }];
    const [line] = lines([{ id: "a", name: "Run 1", train: [], validation: rows }], "miou");
    expect(line!.points).toEqual([[1, 0.2], [2, NaN]]);
    expect(figure(SPEC, VALIDATION)).toBe(0.612);
    expect(figure(f.SPEC, VALIDATION)).toBe(0.981);
    expect(figure(SPEC, { accuracy: 1 })).toBeNull();
  });
});

describe("what an author chooses", () => {
  it("takes away with the task what belonged to the other one", () => {
    const change = withTask(f.SPEC, "segmentation");
    expect(change).toMatchObject({ task: "segmentation", starter_set: null, hidden_test_set: null, architectures: ["lite0_lraspp", "small_unet"] });
    expect(change.grading!.metric).toBe("miou");
    expect(withTask(SPEC, "segmentation")).toEqual({});
    expect(withTask({ ...f.SPEC, grading: null }, "segmentation").grading).toBeNull();
  });

  it("keeps the chosen sets with a template of the same task, and drops them with one of another", () => {
    expect(templated(f.SPEC, { task: "classification", max_tries: 5 }).starter_set).toBe("things-10");
    expect(templated(f.SPEC, { task: "segmentation", max_tries: 5 }).starter_set).toBeNull();
  });

  it("is offered the sets and networks of the task alone; an older service knows one task", () => {
    const things = [{ name: "a" }, { name: "b", task: "segmentation" }, { name: "c", task: "classification" }];
    expect(fitting(things, f.SPEC).map((each) => each.name)).toEqual(["a", "c"]);
    expect(fitting(things, SPEC).map((each) => each.name)).toEqual(["b"]);
  });

  it("sees in Studio what the task changes", async () => {
    const library = { ...f.LIBRARY, starter_sets: [...f.LIBRARY.starter_sets, { name: "beds", title: "Garden beds", task: "segmentation" }], architectures: [...f.LIBRARY.architectures, { name: "small_unet", title: "Small U-Net", description: "", task: "segmentation" }] };
    await show("studio", { ...f.STUDIO, library }, "studio_load");
    await until(() => text().includes("What the model learns"));
    expect(text()).not.toContain("Small U-Net");
    const radio = [...host.querySelectorAll<HTMLLabelElement>('[data-field="task"] label')].find((each) => each.textContent?.includes("Mark every pixel"))!;
    radio.querySelector("input")!.click();
    await wait();
    expect(text()).toContain("Small U-Net");
    const options = [...host.querySelectorAll('[data-field="starter_set"] option')].map((each) => each.textContent);
    expect(options).toContain("Garden beds");
    expect(host.querySelector<HTMLSelectElement>('[data-field="grading.metric"]')!.value).toBe("miou");
  });
});
