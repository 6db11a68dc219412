import { describe, expect, it } from "vitest";
import { fromFiles, sortByFolder } from "../src/core/picking";

interface Member { path: string; content?: string; stored?: boolean; flags?: number; method?: number; promised?: number }

async function deflated(raw: Uint8Array): Promise<Uint8Array> {
  const packing = new CompressionStream("deflate-raw");
  const writer = packing.writable.getWriter();
  void writer.write(raw as BufferSource);
  void writer.close();
  const parts: number[] = [];
  for (const reader = packing.readable.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(parts);
    for (const byte of value) parts.push(byte);
  }
}

/** A zip file by hand, so that it can be wrong on purpose. */
async function zip(members: Member[], name = "set.zip"): Promise<File> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { path, content = "", stored = false, flags = 0, method, promised } of members) {
    const raw = new TextEncoder().encode(content);
    const packed = stored ? raw : await deflated(raw);
    const title = new TextEncoder().encode(path);
    const how = method ?? (stored ? 0 : 8);
    const head = new DataView(new ArrayBuffer(30));
    head.setUint32(0, 0x04034b50, true);
    head.setUint16(26, title.length, true);
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, 0x02014b50, true);
    central.setUint16(8, flags, true);
    central.setUint16(10, how, true);
    central.setUint32(20, packed.length, true);
    central.setUint32(24, promised ?? raw.length, true);
    central.setUint16(28, title.length, true);
    central.setUint32(42, offset, true);
    parts.push(new Uint8Array(head.buffer), title, packed);
    directory.push(new Uint8Array(central.buffer), title);
    offset += 30 + title.length + packed.length;
  }
  const size = directory.reduce((sum, each) => sum + each.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, members.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new File([...parts, ...directory, new Uint8Array(end.buffer)] as BlobPart[], name, { type: "application/zip" });
}

const inFolder = (path: string): File => {
  const file = new File([path], path.split("/").pop()!, { type: "image/jpeg" });
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
};

describe("what was chosen", () => {
  it("takes the pictures out of a zip file, packed or not, with the folder each lies in", async () => {
    const { sources, problems } = await fromFiles([await zip([{ path: "pets/cat/a.jpg", content: "the cat ".repeat(50) }, { path: "pets/dog/b.png", content: "a dog", stored: true }, { path: "pets/dog/", content: "" }])]);
    expect(problems).toEqual([]);
    expect(sources.map(({ name, folder, type, size }) => [name, folder, type, size])).toEqual([["a.jpg", "cat", "image/jpeg", 400], ["b.png", "dog", "image/png", 5]]);
    expect(await (await sources[0]!.open()).text()).toBe("the cat ".repeat(50));
    expect(await (await sources[1]!.open()).text()).toBe("a dog");
    expect((await sources[0]!.open()).type).toBe("image/jpeg");
  });

  it("leaves out what systems put into folders and archives", async () => {
    const archive = await zip([{ path: "__MACOSX/cat/._a.jpg", content: "x" }, { path: "cat/.DS_Store", content: "x" }, { path: "cat/Thumbs.db", content: "x" }, { path: "cat/a.jpg", content: "x" }]);
    const { sources } = await fromFiles([archive, inFolder("set/cat/.hidden.jpg"), inFolder("set/cat/b.jpg")]);
    expect(sources.map((each) => each.name)).toEqual(["a.jpg", "b.jpg"]);
  });

  it("never unpacks more than the directory promised", async () => {
    const { sources } = await fromFiles([await zip([{ path: "bomb.jpg", content: "0".repeat(5_000_000), promised: 1000 }])]);
    await expect(sources[0]!.open()).rejects.toThrow();
  });

  it.each([
    ["a password", async () => zip([{ path: "a.jpg", content: "x", flags: 1 }]), "is locked with a password"],
    ["an unusual method", async () => zip([{ path: "a.jpg", content: "x", method: 14 }]), "is packed in an unusual way"],
    ["half a file", async () => { const whole = await zip([{ path: "a.jpg", content: "x" }]); return new File([whole.slice(0, whole.size - 10)], "set.zip"); }, "is not a complete zip file"],
    ["something else", async () => new File(["not a zip"], "set.zip"), "is not a complete zip file"],
    ["a lying directory", async () => { const whole = await zip([{ path: "a.jpg", content: "x" }]); return new File([whole.slice(30)], "set.zip"); }, "is not a complete zip file"],
    ["nothing", async () => zip([]), "There is no picture in"],
  ])("says what is wrong with a zip file: %s", async (_name, make, sentence) => {
    const { sources, problems } = await fromFiles([await make()]);
    expect(sources).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(sentence);
  });

  it("takes a folder for the class that it is called like, and asks about the others", async () => {
    const { sources } = await fromFiles(["set/Cat/1.jpg", "set/guide_dog/2.jpg", "set/puppies/3.jpg", "set/loose.jpg"].map(inFolder));
    const { placed, unknown } = sortByFolder(sources, ["cat", "guide dog", "train"]);
    expect(placed.map(([name, inside]) => [name, inside.map((each) => each.name)])).toEqual([["cat", ["1.jpg"]], ["guide dog", ["2.jpg"]]]);
    expect(unknown.map(([name]) => name)).toEqual(["puppies", "set"]);
  });
});
