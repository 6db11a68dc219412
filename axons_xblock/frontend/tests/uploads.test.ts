import { describe, expect, it } from "vitest";
import { ApiError } from "../src/core/api";
import { PermanentUploadError, UploadQueue, type Put, type Ticket } from "../src/core/uploads";

const file = (name: string, size = 10) => new File([new Uint8Array(size)], name, { type: "image/jpeg" });
const tickets = (names: string[]): Ticket[] => names.map((name) => ({ id: `id-${name}`, name, url: `https://store/${name}`, method: "PUT" }));
const settled = async (queue: UploadQueue) => {
  for (let i = 0; i < 200 && queue.busy; i += 1) await new Promise((resolve) => setTimeout(resolve, 1));
};

function make(put: Put, more: Partial<ConstructorParameters<typeof UploadQueue>[0]> = {}) {
  return new UploadQueue({ requestTickets: async (files) => ({ uploads: tickets(files.map((each) => each.name)) }), put, wait: async () => undefined, onChange: () => undefined, ...more });
}

describe("the upload queue", () => {
  it("sends every file, at most four at a time", async () => {
    let now = 0;
    let most = 0;
    const queue = make(async (_ticket, _file, progress) => {
      now += 1;
      most = Math.max(most, now);
      progress(0.5);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now -= 1;
    });
    queue.add(Array.from({ length: 12 }, (_, i) => file(`${i}.jpg`)), "cat");
    await settled(queue);
    expect(queue.items.map((each) => each.state)).toEqual(Array.from({ length: 12 }, () => "sent"));
    expect(queue.items[3]!.uploadId).toBe("id-3.jpg");
    expect(most).toBe(4);
  });

  it("tries a broken transfer again, and gives up after three times with a sentence", async () => {
    let calls = 0;
    const queue = make(async (ticket) => {
      calls += 1;
      if (ticket.name === "bad.jpg" || calls === 1) throw new Error("network");
    });
    queue.add([file("good.jpg"), file("bad.jpg")], "cat");
    await settled(queue);
    expect(queue.items.map((each) => each.state)).toEqual(["sent", "failed"]);
    expect(queue.items[1]!.message).toContain("bad.jpg");
    expect(calls).toBe(2 + 3);
  });

  it("asks for a fresh address when a failed file is sent again", async () => {
    let asked = 0;
    let broken = true;
    const queue = make(async () => {
      if (broken) throw new PermanentUploadError("403");
    }, { requestTickets: async (files) => { asked += 1; return { uploads: tickets(files.map((each) => each.name)) }; } });
    queue.add([file("a.jpg")], "cat");
    await settled(queue);
    expect(queue.items[0]!.state).toBe("failed");
    broken = false;
    queue.retry();
    await settled(queue);
    expect(queue.items[0]!.state).toBe("sent");
    expect(asked).toBe(2);
  });

  it("asks for at most a hundred addresses at once", async () => {
    const sizes: number[] = [];
    const queue = make(async () => undefined, { requestTickets: async (files) => { sizes.push(files.length); return { uploads: tickets(files.map((each) => each.name)) }; } });
    queue.add(Array.from({ length: 150 }, (_, i) => file(`${i}.jpg`)), "cat");
    await settled(queue);
    expect(sizes).toEqual([100, 50]);
  });

  it("refuses empty and oversized files without sending them, and keeps the rest", async () => {
    const sent: string[] = [];
    const queue = make(async (ticket) => { sent.push(ticket.name); });
    const large = file("large.jpg");
    Object.defineProperty(large, "size", { value: 30_000_000 });
    queue.add([file("empty.jpg", 0), large, file("ok.jpg")], "cat");
    await settled(queue);
    expect(sent).toEqual(["ok.jpg"]);
    expect(queue.items[0]!.message).toBe("“empty.jpg” is empty.");
    expect(queue.items[1]!.message).toContain("30 MB");
  });

  it("says the service's reason for a refused file", async () => {
    const queue = make(async () => undefined, { requestTickets: async () => ({ uploads: [], rejected: [{ name: "a.gif", reason: "“a.gif” is an animation." }] }) });
    queue.add([file("a.gif")], "cat");
    await settled(queue);
    expect(queue.items[0]).toMatchObject({ state: "refused", message: "“a.gif” is an animation." });
  });

  it("does not hammer a service that says no", async () => {
    let asked = 0;
    const queue = make(async () => undefined, { requestTickets: async () => { asked += 1; throw new ApiError(403, "forbidden", "You may not add pictures."); } });
    queue.add([file("a.jpg")], "cat");
    await settled(queue);
    expect(asked).toBe(1);
    expect(queue.items[0]).toMatchObject({ state: "failed", message: "You may not add pictures." });
  });

  it("keeps two files of the same name apart", async () => {
    let counter = 0;
    const queue = make(async () => undefined, { requestTickets: async (files) => ({ uploads: files.map(({ name }) => ({ id: `t${(counter += 1)}`, name, url: "u", method: "PUT" })) }) });
    queue.add([file("same.jpg"), file("same.jpg")], "cat");
    await settled(queue);
    expect(new Set(queue.items.map((each) => each.uploadId)).size).toBe(2);
  });
});
