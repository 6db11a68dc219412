import { describe, expect, it } from "vitest";
import { SseParser, type ServerSentEvent } from "../src/core/sse";

function parse(...chunks: string[]): ServerSentEvent[] {
  const out: ServerSentEvent[] = [];
  const parser = new SseParser((event) => out.push(event));
  for (const chunk of chunks) parser.push(chunk);
  return out;
}

const STREAM = 'id: 7\nevent: job\ndata: {"a":"ü€"}\n\n: ping\n\nid: 8\ndata: one\ndata: two\n\n';
const EXPECTED = [
  { id: "7", event: "job", data: '{"a":"ü€"}' },
  { id: "8", event: "message", data: "one\ntwo" },
];

describe("the stream parser", () => {
  it("gives the same events wherever the stream is cut", () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) expect(parse(STREAM.slice(0, cut), STREAM.slice(cut))).toEqual(EXPECTED);
    expect(parse(...STREAM)).toEqual(EXPECTED);
  });

  it("takes all three kinds of line ends, also when CR and LF come apart", () => {
    for (const end of ["\r\n", "\r", "\n"]) {
      const text = STREAM.replaceAll("\n", end);
      expect(parse(text)).toEqual(EXPECTED);
      expect(parse(...text)).toEqual(EXPECTED);
    }
  });

  it("keeps what has not been ended to itself", () => {
    expect(parse("data: half")).toEqual([]);
    expect(parse("data: whole\n")).toEqual([]);
  });

  it("ignores comments and unknown fields", () => {
    expect(parse(": ping\n\nretry: 10\nfoo: bar\ndata:x\n\n")).toEqual([{ id: null, event: "message", data: "x" }]);
  });
});
