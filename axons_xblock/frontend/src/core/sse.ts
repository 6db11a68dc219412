/** An incremental parser of server-sent events (HTML standard, 9.2.6), for streams read with fetch. */

export interface ServerSentEvent { id: string | null; event: string; data: string }

export class SseParser {
  private buffer = "";
  private data: string[] = [];
  private event = "";
  private id: string | null = null;
  private afterCarriageReturn = false;

  constructor(private readonly onEvent: (event: ServerSentEvent) => void) {}

  /** Feed any piece of the stream; pieces may end in the middle of a line or between CR and LF. */
  push(chunk: string): void {
    let text = chunk;
    if (this.afterCarriageReturn && text !== "") {
      this.afterCarriageReturn = false;
      if (text.startsWith("\n")) text = text.slice(1);
    }
    if (text !== "") this.afterCarriageReturn = text.endsWith("\r");
    this.buffer += text;
    const lines = this.buffer.split(/\r\n|\n|\r/);
    this.buffer = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length > 0) this.onEvent({ id: this.id, event: this.event || "message", data: this.data.join("\n") });
      this.data = [];
      this.event = "";
      return;
    }
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
  }
}
