import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/main";
import type { Job, ProjectState } from "../src/core/types";
import * as f from "../gallery/fixtures";

type Body = Record<string, unknown>;
type Handler = (body: Body) => { status?: number; body: unknown };

const wait = async (milliseconds = 30) => act(async () => { await new Promise((resolve) => setTimeout(resolve, milliseconds)); });
const until = async (condition: () => boolean) => { for (let i = 0; i < 200 && !condition(); i += 1) await wait(10); };
let handlers: Record<string, Handler>;
let calls: [string, Body][];
let puts: string[];
let host: HTMLElement;
let block: { destroy: () => void };
let saved: [string, string][];
let status = 200;

const panel = () => host.querySelector<HTMLElement>(".ax-many")!;
const text = () => panel().textContent ?? "";
const button = (words: string) => [...panel().querySelectorAll("button")].find((each) => each.textContent?.includes(words))!;
const press = async (words: string) => { await until(() => Boolean(button(words))); button(words).click(); await wait(); };
const sent = (name: string) => calls.filter(([handler]) => handler === name).map(([, body]) => body);
const ticket = (file: Body) => ({ id: `up-${String(file["name"])}`, client_id: file["client_id"], name: file["name"], state: "waiting", url: `https://store/${String(file["name"])}`, method: "PUT", headers: {} });

class FakePut {
  upload: { onprogress: unknown; onload: unknown } = { onprogress: null, onload: null };
  status = 0;
  onload: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onabort: (() => void) | null = null;
  private url = "";
  open(_: string, url: string) { this.url = url; }
  setRequestHeader() { /* the store's affair */ }
  abort() { this.onabort?.(); }
  send() {
    puts.push(this.url);
    setTimeout(() => { this.status = status; if (status) this.onload?.(); else this.onerror?.(); }, 5);
  }
}

async function show(change: Partial<ProjectState> = {}, more: Record<string, Handler> = {}) {
  const bundle = f.bundle({ spec: { ...f.SPEC, kind: "inference", grading: null }, supplied_model: f.SUPPLIED, ...change });
  handlers = {
    open: () => ({ body: bundle }),
    read: (body) => ({ body: String(body["path"]).endsWith("/events") ? { events: [], cursor: 0 } : bundle.project }),
    uploads: (body) => ({ body: { uploads: (body["files"] as Body[]).map(ticket), rejected: [] } }),
    uploads_confirm: (body) => ({ body: { arrived: body["uploads"], missing: [] } }),
    uploads_discard: () => ({ body: {} }),
    job_create: () => ({ body: f.BATCH_RUNNING }),
    job_cancel: () => ({ body: { ...f.BATCH_RUNNING, cancel_requested: true } }),
    ...more,
  };
  block = mount({}, host, { view: "student", static_base: "/", locale: "en", display_name: "Test", handlers: Object.fromEntries(Object.keys(handlers).map((name) => [name, `/handler/${name}`])) });
  await until(() => panel() !== null);
}
async function choose(...files: File[]) {
  const input = panel().querySelector<HTMLInputElement>("input[type=file]")!;
  Object.defineProperty(input, "files", { configurable: true, value: files });
  await act(async () => { input.dispatchEvent(new Event("change", { bubbles: true })); });
  await wait(60);
}
const jpg = (name: string, content = name) => new File([content], name, { type: "image/jpeg" });
const zip = (name = "holiday.zip") => new File(["PK\x03\x04"], name, { type: "application/zip" });

beforeEach(() => {
  calls = [];
  puts = [];
  saved = [];
  status = 200;
  host = document.createElement("div");
  document.body.appendChild(host);
  vi.stubGlobal("XMLHttpRequest", FakePut);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const name = String(url).split("/handler/")[1] ?? "";
    const body = JSON.parse(String(init.body)) as Body;
    calls.push([name, body]);
    const answer = handlers[name]!(body);
    return new Response(JSON.stringify(answer.body), { status: answer.status ?? 200 });
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) { saved.push([this.href, this.download]); });
});
afterEach(() => {
  block.destroy();
  host.remove();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("many pictures at once", () => {
  it("sends a zip as it is and orders one job for it", async () => {
    await show();
    await choose(zip());
    await until(() => sent("job_create").length > 0);
    expect(sent("uploads")[0]).toMatchObject({ purpose: "prediction_archive", files: [{ name: "holiday.zip", content_type: "application/zip" }] });
    expect(puts).toEqual(["https://store/holiday.zip"]);
    expect(sent("job_create")[0]).toMatchObject({ kind: "inference", model: f.SUPPLIED.id, archive: "up-holiday.zip" });
    await until(() => text().includes("96 of 300 pictures looked at"));
    expect(panel().querySelector("[aria-label='Progress of the pictures']")?.getAttribute("aria-valuenow")).toBe("32");
  });

  it("says the service's reason for a zip that it does not take", async () => {
    await show({}, { uploads: () => ({ body: { uploads: [], rejected: [{ client_id: "", name: "big.zip", code: "too_large", reason: "big.zip is too large: 300.0 MiB. Allowed are 256 MiB per zip file." }] } }) });
    await choose(zip("big.zip"));
    await until(() => text().includes("256 MiB per zip file"));
    expect(puts).toEqual([]);
    expect(sent("job_create")).toEqual([]);
    expect(button("Choose files")).toBeTruthy();
  });

  it("says that a zip did not arrive, and takes it again", async () => {
    status = 0;
    await show();
    await choose(zip());
    await until(() => text().includes("did not arrive"));
    status = 200;
    await choose(zip());
    await until(() => sent("job_create").length > 0);
    expect(text()).not.toContain("did not arrive");
  });

  it("orders again what the service could not take, without sending the zip anew", async () => {
    let down = true;
    await show({}, { job_create: () => (down ? { status: 503, body: { error: { code: "service_unavailable", message: "The training service does not answer." } } } : { body: f.BATCH_RUNNING }) });
    await choose(zip());
    await until(() => text().includes("does not answer"));
    down = false;
    await press("Try again");
    await until(() => text().includes("96 of 300"));
    expect(puts.length).toBe(1);
    const [first, second] = sent("job_create");
    expect(second).toEqual(first);
    expect(button("Try again")).toBeUndefined();
  });

  it("looks at single pictures when all have arrived, leaving out what is none", async () => {
    await show();
    await choose(jpg("a.jpg"), jpg("b.jpg"), new File(["x"], "notes.txt", { type: "text/plain" }));
    await until(() => Boolean(button("Look at 2 pictures")) && button("Look at 2 pictures").getAttribute("aria-disabled") !== "true");
    expect(text()).toContain("“notes.txt” is not a JPEG, PNG or WebP picture.");
    await press("Look at 2 pictures");
    await until(() => sent("job_create").length > 0);
    expect(sent("uploads")[0]).toMatchObject({ purpose: "prediction" });
    expect(sent("job_create")[0]).toMatchObject({ kind: "inference", pictures: ["up-a.jpg", "up-b.jpg"] });
    await until(() => !button("Look at"));
  });

  it("keeps the pictures when the job is refused", async () => {
    await show({}, { job_create: () => ({ status: 409, body: { error: { code: "storage_full", message: "Your pictures fill 2 GiB of 2 GiB." } } }) });
    await choose(jpg("a.jpg"));
    await until(() => Boolean(button("Look at 1 picture")) && button("Look at 1 picture").getAttribute("aria-disabled") !== "true");
    await press("Look at 1 picture");
    await until(() => text().includes("Your pictures fill 2 GiB of 2 GiB."));
    expect(button("Look at 1 picture")).toBeTruthy();
  });

  it("takes no more than 500 and sends none of them", async () => {
    await show();
    await choose(...Array.from({ length: 501 }, (_, i) => jpg(`${i}.jpg`)));
    await until(() => text().includes("These would be 501 pictures; at most 500"));
    expect(sent("uploads")).toEqual([]);
  });

  it("saves a finished table by a fresh link", async () => {
    const files = [{ name: "predictions.csv", bytes: 9, url: "https://store/table?signed", expires_in: 300 }];
    await show({ jobs: [f.BATCH] }, { read: (body) => ({ body: String(body["path"]).endsWith("/batch") ? { job: "job-b1", files } : { events: [], cursor: 0 } }) });
    expect(text()).toContain("209 pictures looked at. 5 files could not be read; the table says why.");
    expect(text()).toContain("cat 96");
    expect(button("Save the masks")).toBeUndefined();
    await press("Save the table (CSV)");
    await until(() => saved.length > 0);
    expect(saved).toEqual([["https://store/table?signed", "predictions.csv"]]);
    expect(sent("read").some((body) => body["path"] === "/jobs/job-b1/batch")).toBe(true);
  });

  it("says why a table cannot be saved", async () => {
    await show({ jobs: [f.BATCH] }, { read: (body) => (String(body["path"]).endsWith("/batch") ? { status: 404, body: { error: { code: "not_found", message: "There is no such job, or it is not yours." } } } : { body: { events: [], cursor: 0 } }) });
    await press("Save the table (CSV)");
    await until(() => text().includes("There is no such job"));
    expect(saved).toEqual([]);
  });

  it("offers the masks beside the table where pictures are marked", async () => {
    await show({ spec: { ...f.SPEC, task: "segmentation", kind: "inference", grading: null }, jobs: [f.BATCH] });
    expect(button("Save the masks (zip)")).toBeTruthy();
  });

  it("shows the reason of a failed one, and that none of the files could be read", async () => {
    const none: Job = { ...f.BATCH, id: "job-b9", batch: { ...f.BATCH.batch!, pictures: 3, predicted: 0, refused: 3, classes: {} } };
    await show({ jobs: [f.BATCH_FAILED, none] });
    expect(panel().querySelector(".ax-notice-error")?.textContent).toContain("holds no pictures.");
    expect(text()).toContain("3 files, and none could be read. The table says why of each.");
  });

  it("can be cancelled while it runs", async () => {
    await show({ jobs: [f.BATCH_RUNNING] });
    await press("Cancel");
    await until(() => text().includes("Stopping…"));
    expect(sent("job_cancel")).toEqual([{ job: "job-b2" }]);
  });

  it("can be reached and used by the keyboard alone", async () => {
    await show({ jobs: [f.BATCH] });
    for (const words of ["Choose files", "Save the table (CSV)"]) expect(button(words).tabIndex).toBe(0);
    expect(panel().querySelector("input[type=file]")?.getAttribute("accept")).toContain(".zip");
  });
});
