import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "../src/core/api";
import type { Source } from "../src/core/sources";
import { TransferError, type Put } from "../src/core/transfer";
import { UploadQueue, type Offer, type QueueOptions, type Totals, type Upload, type UploadService, type Waiting } from "../src/core/uploads";

/** The service and its store in little: what they know outlives any answer that gets lost. */
class Far implements UploadService {
  uploads = new Map<string, { id: string; offer: Offer; arrived: boolean }>();
  private given = 0;
  puts: string[] = [];
  declared: number[] = [];
  confirmed: string[][] = [];
  discarded: string[] = [];
  rejecting = new Map<string, string>();
  /** Runs before a request is carried out; what it throws, nobody carried out. */
  before: (what: string) => void = () => undefined;
  /** Runs after it was carried out; what it throws loses the answer. */
  after: (what: string) => void = () => undefined;
  expired = new Set<string>();

  declare = async (files: Offer[]) => {
    this.before("declare");
    this.declared.push(files.length);
    const uploads = [];
    const rejected = [];
    for (const offer of files) {
      const reason = this.rejecting.get(offer.name);
      if (reason) {
        rejected.push({ client_id: offer.client_id, name: offer.name, reason });
        continue;
      }
      const twin = [...this.uploads.values()].find((each) => each.arrived && offer.sha256 && each.offer.sha256 === offer.sha256);
      const known = this.uploads.get(offer.client_id) ?? twin ?? { id: `id-${(this.given += 1)}`, offer, arrived: false };
      if (!twin) this.uploads.set(offer.client_id, known);
      this.expired.delete(known.id);
      uploads.push({ id: known.id, client_id: offer.client_id, name: offer.name, state: known.arrived ? "arrived" as const : "waiting" as const, url: known.id, method: "PUT", expires_in: 900 });
    }
    this.after("declare");
    return { uploads, rejected };
  };

  put: Put = async (ticket, _body, progress) => {
    this.before(`put ${ticket.name}`);
    if (this.expired.has(ticket.id)) throw new TransferError("expired");
    progress(1);
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.puts.push(ticket.name);
    const known = [...this.uploads.values()].find((each) => each.id === ticket.id);
    if (known) known.arrived = true;
    this.after(`put ${ticket.name}`);
  };

  confirm = async (ids: string[]) => {
    this.before("confirm");
    this.confirmed.push(ids);
    const all = new Map([...this.uploads.values()].map((each) => [each.id, each]));
    this.after("confirm");
    return { arrived: ids.filter((id) => all.get(id)?.arrived), missing: ids.filter((id) => !all.get(id)?.arrived).map((id) => ({ id, reason: `${id} has not arrived.` })) };
  };

  discard = async (ids: string[]) => {
    this.discarded.push(...ids);
    for (const [key, each] of this.uploads) if (ids.includes(each.id)) this.uploads.delete(key);
  };
}

let far: Far;
let queue: UploadQueue;
let totals: Totals | null;
let waits: number[];
let queues: UploadQueue[];
const file = (name: string, content = name) => new File([content], name, { type: "image/jpeg", lastModified: 1 });
const files = (count: number) => Array.from({ length: count }, (_, i) => file(`${i}.jpg`));
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 1500; i += 1) {
    if (condition()) return;
    await sleep(2);
  }
  throw new Error(`never came: ${condition.toString()}`);
};
const settled = async () => { await until(() => !queue.busy); await sleep(120); };
const states = () => queue.items.reduce<Record<string, number>>((sum, each) => ({ ...sum, [each.state]: (sum[each.state] ?? 0) + 1 }), {});
const named = (name: string): Upload => queue.items.find((each) => each.name === name)!;

function make(more: Partial<QueueOptions> = {}): UploadQueue {
  queue = new UploadQueue({
    service: far, put: (...all) => far.put(...all), hash: async (blob) => `hash of ${await blob.text()}`,
    wait: async (milliseconds) => { waits.push(milliseconds); await sleep(1); }, onChange: (_all, sums) => { totals = sums; }, ...more,
  });
  queues.push(queue);
  return queue;
}

beforeEach(() => {
  far = new Far();
  waits = [];
  totals = null;
  queues = [];
});
afterEach(() => queues.forEach((each) => each.close()));

describe("the upload queue", () => {
  it("sends every file once, at most six at a time, and asks for at most a hundred places at once", async () => {
    let now = 0;
    let most = 0;
    const put = far.put;
    make({ put: async (...all) => { now += 1; most = Math.max(most, now); await put(...all); now -= 1; } });
    queue.add(files(250), "cat");
    await settled();
    expect(states()).toEqual({ sent: 250 });
    expect(far.puts.length).toBe(250);
    expect(most).toBe(6);
    expect(Math.max(...far.declared)).toBeLessThanOrEqual(100);
    expect(far.declared.reduce((a, b) => a + b)).toBe(250);
    expect(Math.max(...far.confirmed.map((each) => each.length))).toBeLessThanOrEqual(100);
    expect(totals).toMatchObject({ files: 250, sentFiles: 250, moving: 0, failed: 0 });
  });

  it("tells the page of two thousand files a few times a second, not at every byte", async () => {
    let told = 0;
    make({ onChange: (_all, sums) => { told += 1; totals = sums; } });
    const start = Date.now();
    queue.add(files(2000), "cat");
    await settled();
    expect(states()).toEqual({ sent: 2000 });
    expect(told).toBeLessThanOrEqual((Date.now() - start) / 100 + 2);
  }, 30_000);

  it("never holds more than two files open for hashing", async () => {
    let open = 0;
    let most = 0;
    make({ hash: async (blob) => { open += 1; most = Math.max(most, open); const text = await blob.text(); await sleep(0); open -= 1; return text; } });
    queue.add(files(60), "cat");
    await settled();
    expect(most).toBe(2);
  });

  it("waits out a cut without blaming any file, tries with one, and goes on", async () => {
    let cut = false;
    let trying = 0;
    let most = 0;
    const put = far.put;
    make({
      put: async (...all) => {
        if (cut) {
          trying += 1;
          most = Math.max(most, trying);
          await sleep(2);
          trying -= 1;
          throw new TransferError("network");
        }
        await put(...all);
        if (far.puts.length === 40) { cut = true; setTimeout(() => { cut = false; }, 120); }
      },
    });
    far.before = (what) => { if (cut && what === "declare") throw new ApiError(0, "network", "No connection."); };
    queue.add(files(100), "cat");
    await until(() => waits.length > 4);
    await settled();
    expect(states()).toEqual({ sent: 100 });
    expect(new Set(far.puts).size).toBe(100);
    expect(far.uploads.size).toBe(100);
    // Each wait is longer than the one before, with chance mixed in.
    expect(waits[3]!).toBeGreaterThan(waits[0]! * 3);
    expect(Math.max(...waits)).toBeLessThanOrEqual(15_000 * 1.25);
  });

  it("does not send again what arrived although its answer was lost", async () => {
    make();
    let lost = 0;
    far.after = (what) => { if (what.startsWith("put") && lost < 3) { lost += 1; throw new TransferError("network"); } };
    queue.add(files(10), "cat");
    await settled();
    expect(states()).toEqual({ sent: 10 });
    expect(far.puts.length).toBe(10);
  });

  it("makes no second place when the answer with the places was lost", async () => {
    make();
    let lost = 0;
    far.after = (what) => { if (what === "declare" && lost < 2) { lost += 1; throw new TypeError("Failed to fetch"); } };
    queue.add(files(30), "cat");
    await settled();
    expect(lost).toBe(2);
    expect(states()).toEqual({ sent: 30 });
    expect(far.uploads.size).toBe(30);
    expect(far.puts.length).toBe(30);
  });

  it("asks again when the confirmation was lost", async () => {
    make();
    let lost = 0;
    far.after = (what) => { if (what === "confirm" && lost < 2) { lost += 1; throw new ApiError(503, "service_unavailable", "Later."); } };
    queue.add(files(5), "cat");
    await settled();
    expect(states()).toEqual({ sent: 5 });
    expect(far.puts.length).toBe(5);
  });

  it("sends again what the store turns out not to have, and gives up with the service's sentence", async () => {
    make();
    far.after = (what) => { if (what === "put 0.jpg") [...far.uploads.values()].forEach((each) => { if (each.offer.name === "0.jpg") each.arrived = false; }); };
    queue.add(files(3), "cat");
    await settled();
    expect(states()).toEqual({ sent: 2, failed: 1 });
    expect(named("0.jpg").message).toContain("has not arrived");
    expect(far.puts.filter((name) => name === "0.jpg").length).toBe(4);
  });

  it("asks for a fresh address when one has run out", async () => {
    make();
    let first = true;
    far.after = (what) => { if (what === "declare" && first) { first = false; for (const each of far.uploads.values()) far.expired.add(each.id); } };
    queue.add(files(4), "cat");
    await settled();
    expect(states()).toEqual({ sent: 4 });
    expect(waits).toEqual([]);
  });

  it("fails a file that the store refuses again and again, with its name, and sends it when asked", async () => {
    make();
    let no = true;
    far.before = (what) => { if (no && what === "put 1.jpg") throw new TransferError("expired"); };
    queue.add(files(3), "cat");
    await settled();
    expect(states()).toEqual({ sent: 2, failed: 1 });
    expect(named("1.jpg").message).toContain("“1.jpg” did not arrive");
    no = false;
    queue.retry();
    await settled();
    expect(states()).toEqual({ sent: 3 });
  });

  it("gives a busy store a pause and comes back narrower", async () => {
    let now = 0;
    let most = 0;
    let busy = true;
    const put = far.put;
    make({
      put: async (...all) => {
        now += 1;
        most = Math.max(most, now);
        await sleep(1);
        now -= 1;
        if (busy) { busy = false; most = 0; throw new TransferError("busy"); }
        await put(...all);
      },
    });
    queue.add(files(8), "cat");
    await settled();
    expect(states()).toEqual({ sent: 8 });
    expect(waits.length).toBe(1);
  });

  it("goes on at once when the browser says that it is online", async () => {
    make({ wait: () => new Promise(() => undefined) });
    let cut = true;
    far.before = (what) => { if (cut && what.startsWith("put")) throw new TransferError("network"); };
    queue.add(files(3), "cat");
    await until(() => totals?.connection.mode === "broken");
    cut = false;
    window.dispatchEvent(new Event("online"));
    await settled();
    expect(states()).toEqual({ sent: 3 });
  });

  it("says which file can no longer be read, and sends the others", async () => {
    make();
    const gone: Source = { name: "gone.jpg", size: 9, type: "image/jpeg", modified: 1, folder: "", open: async () => { throw new DOMException("gone", "NotReadableError"); } };
    queue.add([gone, file("here.jpg")], "cat");
    await settled();
    expect(named("here.jpg").state).toBe("sent");
    expect(named("gone.jpg")).toMatchObject({ state: "failed" });
    expect(named("gone.jpg").message).toContain("cannot be read");
  });

  it("does not try a poisonous file forever while the others go through", async () => {
    make();
    far.before = (what) => { if (what === "put 1.jpg") throw new TransferError("network"); };
    queue.add(files(40), "cat");
    await settled();
    expect(states()).toEqual({ sent: 39, failed: 1 });
  });

  it("sends the same content once, and says so by name", async () => {
    make();
    queue.add([file("a.jpg", "same"), file("b.jpg", "same"), file("c.jpg", "other")], "cat");
    await settled();
    expect(far.puts.sort()).toEqual(["a.jpg", "c.jpg"]);
    expect(named("b.jpg")).toMatchObject({ state: "duplicate", message: "“b.jpg” is the same picture as “a.jpg”; it counts once." });
    expect(totals).toMatchObject({ files: 2, sentFiles: 2 });
  });

  it("finds the same file chosen twice where the browser cannot hash", async () => {
    make({ hash: async () => "" });
    queue.add([file("a.jpg"), file("b.jpg")], "cat");
    queue.add([file("a.jpg")], "cat");
    await settled();
    expect(states()).toEqual({ sent: 2 });
    expect(totals?.skipped).toBe(1);
  });

  it("keeps two different files of the same name apart", async () => {
    make();
    queue.add([file("same.jpg", "one"), file("same.jpg", "two")], "cat");
    await settled();
    expect(states()).toEqual({ sent: 2 });
    expect(new Set(queue.items.map((each) => each.uploadId)).size).toBe(2);
  });

  it("refuses empty, oversized and foreign files without sending them, and keeps the rest", async () => {
    make();
    const large = file("large.jpg");
    Object.defineProperty(large, "size", { value: 30_000_000 });
    queue.add([file("empty.jpg", ""), large, new File(["x"], "notes.txt", { type: "text/plain" }), new File(["y"], "bare.PNG")], "cat");
    await settled();
    expect(far.puts).toEqual(["bare.PNG"]);
    expect(named("empty.jpg").message).toBe("“empty.jpg” is empty.");
    expect(named("large.jpg").message).toContain("28.6 MiB; a picture may have at most");
    expect(named("notes.txt").message).toBe("“notes.txt” is not a JPEG, PNG or WebP picture.");
  });

  it("says the service's reason for a refused file", async () => {
    make();
    far.rejecting.set("a.jpg", "a.jpg is too large.");
    queue.add([file("a.jpg"), file("b.jpg")], "cat");
    await settled();
    expect(named("a.jpg")).toMatchObject({ state: "refused", message: "a.jpg is too large." });
    expect(named("b.jpg").state).toBe("sent");
  });

  it("does not hammer a service that says no", async () => {
    make();
    let asked = 0;
    far.before = (what) => { if (what === "declare") { asked += 1; throw new ApiError(422, "too_many_uploads", "At most 2,500 pictures may wait."); } };
    queue.add(files(3), "cat");
    await settled();
    expect(asked).toBeLessThanOrEqual(3);
    expect(waits).toEqual([]);
    expect(states()).toEqual({ failed: 3 });
    expect(named("0.jpg").message).toBe("At most 2,500 pictures may wait.");
  });

  it("pauses, loses nothing, and goes on", async () => {
    const put = far.put;
    make({
      put: (ticket, body, progress, signal) => new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new TransferError("stopped")));
        setTimeout(() => { if (!signal.aborted) put(ticket, body, progress, signal).then(resolve, reject); }, 3);
      }),
    });
    queue.add(files(40), "cat");
    await until(() => far.puts.length > 5);
    queue.pause();
    await sleep(30);
    const before = far.puts.length;
    await sleep(150);
    expect(far.puts.length).toBe(before);
    expect(totals?.connection.mode).toBe("paused");
    queue.resume();
    await settled();
    expect(states()).toEqual({ sent: 40 });
    expect(new Set(far.puts).size).toBe(40);
  });

  it("throws everything away when cancelled, in the store too", async () => {
    make();
    queue.add(files(30), "cat");
    await until(() => far.puts.length > 3);
    queue.cancel();
    await settled();
    expect(queue.items).toEqual([]);
    expect(far.uploads.size).toBe(0);
    const before = far.puts.length;
    await sleep(20);
    expect(far.puts.length).toBeLessThanOrEqual(before + 6);
  });

  it("throws away what was declared while it was cancelled", async () => {
    make();
    let answered: () => void = () => undefined;
    const declare = far.declare;
    far.declare = async (offers) => { const answer = await declare(offers); await new Promise<void>((resolve) => { answered = resolve; }); return answer; };
    queue.add(files(3), "cat");
    await until(() => far.uploads.size > 0);
    queue.cancel();
    answered();
    await sleep(10);
    expect(far.uploads.size).toBe(0);
  });

  it("waits ever longer for a store that does not answer, although the service does", async () => {
    make();
    let down = true;
    far.before = (what) => { if (down && what.startsWith("put")) throw new TransferError("network"); };
    queue.add(files(60), "cat");
    await until(() => waits.length >= 6);
    down = false;
    await settled();
    expect(states()).toEqual({ sent: 60 });
    expect(waits[5]!).toBeGreaterThan(11_000);
  });

  it("tells the service when a picture that was sent moves to another class", async () => {
    make();
    queue.add(files(1), "cat");
    await settled();
    queue.relabel(named("0.jpg").key, "dog");
    await sleep(5);
    expect(far.declared).toEqual([1, 1]);
    expect(named("0.jpg")).toMatchObject({ label: "dog", state: "sent" });
  });

  it("removes one file and discards it", async () => {
    make();
    queue.add(files(2), "cat");
    await settled();
    const { key, uploadId } = named("0.jpg");
    queue.remove(key);
    await sleep(5);
    expect(far.discarded).toEqual([uploadId]);
    queue.add([file("0.jpg")], "cat");
    await settled();
    expect(states()).toEqual({ sent: 2 });
  });
});

describe("after a reload", () => {
  async function cutShort(): Promise<Waiting[]> {
    make();
    queue.add(files(6), "cat");
    await settled();
    const [lost] = [...far.uploads.values()].filter((each) => each.offer.name === "5.jpg");
    lost!.arrived = false;
    queue.close();
    far.puts = [];
    return [...far.uploads.values()].map(({ id, offer, arrived }) => ({ id, client_id: offer.client_id, name: offer.name, bytes: offer.bytes, sha256: offer.sha256 ?? "", label: offer.label ?? "", state: arrived ? "arrived" : "waiting" }));
  }

  it("says what is still missing, takes the same files again and sends only those", async () => {
    const listed = await cutShort();
    make();
    queue.restore(listed);
    await settled();
    expect(states()).toEqual({ sent: 5, missing: 1 });
    expect(totals).toMatchObject({ files: 6, sentFiles: 5, missing: 1 });
    expect(named("5.jpg").label).toBe("cat");
    queue.add(files(6), "");
    await settled();
    expect(states()).toEqual({ sent: 6 });
    expect(far.puts).toEqual(["5.jpg"]);
    expect(far.uploads.size).toBe(6);
    expect(totals?.skipped).toBe(5);
  });

  it("finds that a file arrived although nobody had confirmed it", async () => {
    const listed = (await cutShort()).map((each) => ({ ...each, state: "waiting" as const }));
    for (const each of far.uploads.values()) each.arrived = true;
    make();
    queue.restore(listed);
    await settled();
    expect(states()).toEqual({ sent: 6 });
    expect(far.puts).toEqual([]);
  });

  it("does not take another file of the same name and size for the missing one", async () => {
    const listed = await cutShort();
    make();
    queue.restore(listed);
    await settled();
    queue.add([file("5.jpg", "6.jpg")], "dog");
    await settled();
    expect(states()).toEqual({ sent: 6, missing: 1 });
    queue.dismiss(["missing"]);
    await settled();
    expect(states()).toEqual({ sent: 6 });
  });

  it("takes the files when they are chosen before the service has said what is missing", async () => {
    const listed = await cutShort();
    make();
    queue.restore(listed);
    queue.add(files(6), "cat");
    await settled();
    expect(states()).toEqual({ sent: 6 });
    expect(far.puts).toEqual(["5.jpg"]);
  });

  it("takes a missing picture back under another name", async () => {
    const listed = await cutShort();
    make();
    queue.restore(listed);
    await settled();
    queue.add([file("renamed.jpg", "5.jpg")], "cat");
    await settled();
    expect(named("5.jpg").state).toBe("sent");
    expect(far.uploads.size).toBe(6);
  });
});
