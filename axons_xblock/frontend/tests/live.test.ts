import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type Api } from "../src/core/api";
import { backoff, Live } from "../src/core/stream";
import type { Connection } from "../src/core/store";
import type { AxonsEvent } from "../src/core/types";

const event = (id: number): AxonsEvent => ({ id, job: "j", seq: id, attempt: 1, kind: "log", time: "", data: { text: String(id) } });

/** A stream that stays open until it is told to end. */
function stream(...ids: number[]) {
  let end = () => undefined as void;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const id of ids) controller.enqueue(new TextEncoder().encode(`id: ${id}\nevent: job\ndata: ${JSON.stringify(event(id))}\n\n`));
      end = () => controller.close();
    },
  });
  return { response: new Response(body, { status: 200 }), end: () => end() };
}

function make(read: () => Promise<unknown>) {
  const seen: number[] = [];
  const modes: Connection["mode"][] = [];
  let gaps = 0;
  const api = { direct: true, stream: "https://service/stream", readToken: async () => "token", expireToken: () => undefined, read } as unknown as Api;
  const live = new Live({
    api, projectId: () => "p", cursor: () => Math.max(0, ...seen), busy: () => true, onGap: () => { gaps += 1; },
    onEvents: (events) => seen.push(...events.map((each) => each.id)), onConnection: ({ mode }) => { if (modes.at(-1) !== mode) modes.push(mode); },
  });
  return { live, seen, modes, gaps: () => gaps };
}

beforeEach(() => {
  vi.useFakeTimers();
  // The longest waits that the jitter gives: what holds with them holds with all.
  vi.spyOn(Math, "random").mockReturnValue(0.999);
});
afterEach(() => { vi.useRealTimers(); vi.restoreAllMocks(); });

describe("keeping up to date", () => {
  it("reads the stream while there is one, resuming after the last event, and does not poll", async () => {
    const first = stream(1, 2);
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: URL) => { asked.push(String(url)); return asked.length === 1 ? first.response : new Promise(() => undefined); });
    const read = vi.fn(async () => ({ events: [], cursor: 0 }));
    const { live, seen, modes } = make(read);
    live.start();
    await vi.advanceTimersByTimeAsync(5000);
    expect(seen).toEqual([1, 2]);
    expect(modes).toEqual(["live"]);
    expect(read).not.toHaveBeenCalled();
    first.end();
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked[1]).toContain("after=2");
    live.stop();
  });

  it("polls when the stream breaks, and goes back to it by itself", async () => {
    let tries = 0;
    vi.stubGlobal("fetch", async () => {
      tries += 1;
      if (tries < 3) throw new TypeError("refused");
      return stream(9).response;
    });
    const { live, seen, modes } = make(async () => ({ events: seen.includes(5) ? [] : [event(5)], cursor: 5 }));
    live.start();
    await vi.advanceTimersByTimeAsync(4000);
    expect(seen).toEqual([5]);
    expect(modes).toEqual(["polling"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seen).toEqual([5, 9]);
    expect(modes.at(-1)).toBe("live");
    live.stop();
  });

  it("says when nothing answers, tries ever less often, and asks for the whole state afterwards", async () => {
    vi.stubGlobal("fetch", async () => { throw new TypeError("refused"); });
    let down = true;
    const read = vi.fn(async () => {
      if (down) throw new ApiError(503, "service_unavailable", "Your work is safe.");
      return { events: [], cursor: 0 };
    });
    const { live, modes, gaps } = make(read);
    live.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(modes).toEqual(["down"]);
    expect(read.mock.calls.length).toBeLessThan(8);
    down = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(modes.at(-1)).toBe("polling");
    expect(gaps()).toBe(1);
    live.stop();
  });

  it("gives a silent stream up", async () => {
    const signals: AbortSignal[] = [];
    vi.stubGlobal("fetch", (_url: URL, init: RequestInit) => new Promise((_resolve, reject) => {
      signals.push(init.signal!);
      init.signal!.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    }));
    const { live } = make(async () => ({ events: [], cursor: 0 }));
    live.start();
    await vi.advanceTimersByTimeAsync(39_000);
    expect(signals[0]!.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(2000);
    expect(signals[0]!.aborted).toBe(true);
    live.stop();
  });

  it("waits longer each time, up to half a minute", () => {
    expect([0, 1, 2, 5, 50].map((n) => backoff(n, () => 0.5))).toEqual([2000, 4000, 8000, 30_000, 30_000]);
  });
});
