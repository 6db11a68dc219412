/** The connection as the upload queue sees it: open, broken, busy or paused; how wide it may be used and how fast it is. */

export type Connection = { mode: "open" } | { mode: "paused" } | { mode: "broken" | "busy"; failures: number; retryAt: number };

/** What is at the other end: the service that gives places and confirms, or the store that takes the bytes. */
export type Door = "service" | "store";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;
const WINDOW = 8000;

export class Line {
  state: Connection = { mode: "open" };
  /** How many transfers may run at once now. */
  width: number;
  /** How wide it is used after the next success: a busy store gets half of what it had. */
  private next: number;
  private failures = 0;
  private broken: Door = "store";
  private hold = 0;
  private samples: { time: number; size: number }[] = [];
  private readonly onOnline = () => this.nudge();

  constructor(
    private readonly widest: number,
    private readonly onOpen: () => void,
    private readonly wait: (milliseconds: number) => Promise<void> = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  ) {
    this.width = widest;
    this.next = widest;
    globalThis.addEventListener?.("online", this.onOnline);
  }

  get held(): boolean {
    return this.state.mode !== "open";
  }

  /** Something got through. After a break one transfer tries the line; its success opens the rest. */
  works(door: Door): void {
    // A service that answers says nothing about a store that does not.
    if (this.failures > 0 && door !== this.broken) return;
    this.width = this.failures > 0 ? this.next : Math.min(this.widest, this.width + 1);
    this.failures = 0;
  }

  /** A transfer broke: wait, ever longer, with chance mixed in so that a class does not come back all at once. */
  broke(trouble: "network" | "busy", door: Door): void {
    if (this.held) return;
    this.broken = door;
    this.next = trouble === "busy" ? Math.max(1, Math.floor(this.width / 2)) : this.widest;
    this.width = 1;
    const milliseconds = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.hold += 1;
    const mine = this.hold;
    this.state = { mode: trouble === "busy" ? "busy" : "broken", failures: this.failures, retryAt: Date.now() + milliseconds };
    this.samples = [];
    void this.wait(milliseconds).then(() => {
      if (mine === this.hold) this.open();
    });
  }

  /** Try at once. */
  nudge(): void {
    if (this.state.mode === "broken" || this.state.mode === "busy") this.open();
  }

  pause(): void {
    this.hold += 1;
    this.samples = [];
    this.state = { mode: "paused" };
  }

  resume(): void {
    if (this.state.mode === "paused") this.open();
  }

  close(): void {
    this.hold += 1;
    globalThis.removeEventListener?.("online", this.onOnline);
  }

  private open(): void {
    this.hold += 1;
    this.state = { mode: "open" };
    this.onOpen();
  }

  /** So many bytes have arrived. */
  moved(size: number): void {
    this.samples.push({ time: Date.now(), size });
  }

  /** Bytes a second over the last seconds; null while nobody can tell. */
  speed(): number | null {
    const now = Date.now();
    this.samples = this.samples.filter((each) => each.time > now - WINDOW);
    const first = this.samples[0];
    if (!first || now - first.time < 1000) return null;
    return (this.samples.reduce((sum, each) => sum + each.size, 0) / (now - first.time)) * 1000;
  }
}
