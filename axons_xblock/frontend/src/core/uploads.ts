/**
 * Sends files straight to the object store: hashed, declared, put and confirmed, a few at a time.
 *
 * A file is known by an id made here, so that every step may be repeated after a lost answer. A broken connection is
 * nobody's fault: everything waits, one file tries the line, and the rest follows. Nothing is ever sent twice that has
 * arrived once.
 */
import { asError } from "./api";
import { t } from "./i18n";
import { randomId } from "./keys";
import { Line } from "./line";
import { offer, readable, totalsOf, unreadable, type Entry, type Rejected, type Step, type Totals, type Upload, type UploadService, type UploadState, type Waiting } from "./entries";
import { refusal, sha256, sourceOf, type Source } from "./sources";
import { putWithXhr, TransferError, type Put, type Ticket } from "./transfer";

export type { Offer, Totals, Upload, UploadService, UploadState, Waiting } from "./entries";

export const MAX_BATCH = 100;
const PARALLEL = 6;
const AHEAD = 200;
const LOW = 48;
const TRIES = 4;
const CONFIRM_AFTER = 1500;
const EMIT_EVERY = 100;

export interface QueueOptions {
  service: UploadService;
  put?: Put;
  hash?: (blob: Blob) => Promise<string>;
  parallel?: number;
  wait?: (milliseconds: number) => Promise<void>;
  onChange: (uploads: Upload[], totals: Totals) => void;
}

export class UploadQueue {
  private readonly entries = new Map<string, Entry>();
  private readonly lanes: Record<Exclude<Step, "rest">, Entry[]> = { hash: [], declare: [], put: [], confirm: [] };
  private readonly owners = new Map<string, string>();
  private readonly line: Line;
  private hashing = 0;
  private sending = 0;
  private declaring = false;
  private confirming = false;
  private confirmDue = false;
  private successes = 0;
  private skipped = 0;
  private closed = false;
  private emitTimer: ReturnType<typeof setTimeout> | null = null;
  private confirmTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly options: QueueOptions) {
    this.line = new Line(options.parallel ?? PARALLEL, () => { this.changed(); this.pump(); }, options.wait);
  }

  get items(): Upload[] {
    return [...this.entries.values()];
  }

  get busy(): boolean {
    return [...this.entries.values()].some((each) => each.step !== "rest");
  }

  add(files: Iterable<File | Source>, label: string): void {
    const absent = new Map([...this.entries.values()].filter((each) => each.state === "missing").map((each) => [`${each.name}|${each.size}`, each]));
    for (const file of files) {
      const source = file instanceof File ? sourceOf(file) : file;
      const earlier = absent.get(`${source.name.normalize("NFC")}|${source.size}`);
      if (earlier) {
        absent.delete(`${earlier.name}|${earlier.size}`);
        Object.assign(earlier, { source, state: "waiting", label: label || earlier.label });
        this.to(earlier, "hash");
      } else this.enter(source, label);
    }
    this.changed();
    this.pump();
  }

  private enter(source: Source, label: string): void {
    const message = refusal(source);
    const entry: Entry = {
      key: randomId(), name: source.name.normalize("NFC"), size: source.size, label, state: message ? "refused" : "waiting", progress: 0, uploadId: null, message, source,
      step: "rest", hash: "", ticket: null, until: 0, tries: 0, seen: -1, abort: null, restored: false,
    };
    this.entries.set(entry.key, entry);
    if (!message) this.to(entry, "hash");
  }

  /** Takes over what the service knows from an earlier visit. */
  restore(listed: Waiting[]): void {
    for (const each of listed) {
      const key = each.client_id || each.id;
      if (this.entries.has(key)) continue;
      const arrived = each.state === "arrived";
      const entry: Entry = {
        key, name: each.name, size: each.bytes, label: each.label, state: arrived ? "sent" : "waiting", progress: arrived ? 1 : 0, uploadId: each.id, message: null, source: null,
        step: "rest", hash: each.sha256, ticket: null, until: 0, tries: 0, seen: -1, abort: null, restored: true,
      };
      this.entries.set(key, entry);
      this.own(entry);
      if (!arrived) this.to(entry, "confirm");
    }
    this.changed();
    this.pump();
  }

  relabel(key: string, label: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    entry.label = label;
    // For a page that goes on later; this one knows.
    if (entry.state === "sent") this.options.service.declare([offer(entry)]).catch(() => undefined);
    this.changed();
  }

  remove(key: string): void {
    this.drop([...this.entries.values()].filter((each) => each.key === key));
  }

  /** Forgets what has not arrived and keeps the rest. */
  dismiss(states: UploadState[]): void {
    this.drop([...this.entries.values()].filter((each) => states.includes(each.state)));
  }

  /** Throws everything away, here and in the store. */
  cancel(): void {
    this.drop([...this.entries.values()]);
    this.skipped = 0;
    this.line.resume();
  }

  /** Starts anew on this page; what was sent stays where it is, for whoever uses it. */
  forget(): void {
    for (const entry of this.entries.values()) {
      entry.step = "rest";
      entry.abort?.abort();
    }
    this.entries.clear();
    this.owners.clear();
    this.changed();
  }

  retry(): void {
    for (const entry of this.entries.values()) {
      if (entry.state !== "failed") continue;
      Object.assign(entry, { state: "waiting", message: null, tries: 0, seen: -1 });
      this.to(entry, entry.hash ? "declare" : "hash");
    }
    this.line.nudge();
    this.changed();
    this.pump();
  }

  pause(): void {
    this.line.pause();
    for (const entry of this.entries.values()) entry.abort?.abort();
    this.changed();
  }

  resume(): void {
    this.line.resume();
    this.changed();
    this.pump();
  }

  /** Breaks everything off and leaves what has arrived in the store; the queue is not used again. */
  close(): void {
    this.closed = true;
    this.line.close();
    for (const entry of this.entries.values()) entry.abort?.abort();
    if (this.emitTimer) clearTimeout(this.emitTimer);
    if (this.confirmTimer) clearTimeout(this.confirmTimer);
  }

  private drop(doomed: Entry[]): void {
    const ids: string[] = [];
    for (const entry of doomed) {
      this.entries.delete(entry.key);
      entry.step = "rest";
      entry.abort?.abort();
      this.disown(entry);
      const id = entry.uploadId ?? entry.ticket?.id;
      if (id && entry.state !== "duplicate") ids.push(id);
    }
    this.discard(ids);
    this.changed();
    this.pump();
  }

  /** What cannot be thrown away now is swept by the service within a day. */
  private discard(ids: string[]): void {
    for (let i = 0; i < ids.length; i += MAX_BATCH) this.options.service.discard(ids.slice(i, i + MAX_BATCH)).catch(() => undefined);
  }

  private to(entry: Entry, step: Step, first = false): void {
    entry.step = step;
    if (step === "rest") return;
    if (first) this.lanes[step].unshift(entry);
    else this.lanes[step].push(entry);
  }

  private rest(entry: Entry, state: UploadState, message: string | null = null): void {
    Object.assign(entry, { state, message, step: "rest", ticket: null });
    if (state === "failed" || state === "refused") this.disown(entry);
    this.changed();
  }

  private own(entry: Entry): void {
    if (entry.hash) this.owners.set(entry.hash, entry.key);
    if (entry.uploadId) this.owners.set(entry.uploadId, entry.key);
  }

  private disown(entry: Entry): void {
    for (const mark of [entry.hash, entry.uploadId]) if (mark && this.owners.get(mark) === entry.key) this.owners.delete(mark);
  }

  /** The other file that has this content, when there is one. */
  private twin(entry: Entry, mark: string): Entry | null {
    const key = mark ? this.owners.get(mark) : undefined;
    return key && key !== entry.key ? (this.entries.get(key) ?? null) : null;
  }

  private merge(entry: Entry, twin: Entry): void {
    // One of an earlier visit gets its file back, also under another name.
    twin.source ??= entry.source;
    if (twin.state === "missing") {
      twin.state = "waiting";
      this.to(twin, "declare");
    }
    if (twin.name === entry.name) {
      this.skipped += 1;
      this.entries.delete(entry.key);
      entry.step = "rest";
      this.changed();
    } else this.rest(entry, "duplicate", t("“{name}” is the same picture as “{other}”; it counts once.", { name: entry.name, other: twin.name }));
  }

  private take(step: Exclude<Step, "rest">, count: number): Entry[] {
    const taken: Entry[] = [];
    const lane = this.lanes[step];
    while (taken.length < count) {
      const next = lane.shift();
      if (!next) break;
      if (next.step === step && this.entries.has(next.key)) taken.push(next);
    }
    return taken;
  }

  private pump(): void {
    if (this.closed || this.line.held) return;
    while (this.hashing < 2 && this.lanes.hash.length > 0 && this.lanes.declare.length + this.lanes.put.length < AHEAD) {
      const [entry] = this.take("hash", 1);
      if (entry) void this.hash(entry);
    }
    const { declare, put, hash, confirm } = this.lanes;
    const enough = declare.length >= MAX_BATCH || (hash.length === 0 && this.hashing === 0) || (put.length === 0 && this.sending === 0);
    if (!this.declaring && declare.length > 0 && put.length < LOW && enough) void this.declare();
    while (this.sending < this.line.width && put.length > 0) {
      const [entry] = this.take("put", 1);
      if (entry) void this.send(entry);
    }
    const nothingElse = this.sending === 0 && put.length === 0 && declare.length === 0 && !this.declaring;
    if (!this.confirming && confirm.length > 0 && (confirm.length >= MAX_BATCH || nothingElse || this.confirmDue)) void this.confirm();
    else if (confirm.length > 0) {
      this.confirmTimer ??= setTimeout(() => {
        this.confirmTimer = null;
        this.confirmDue = true;
        this.pump();
      }, CONFIRM_AFTER);
    }
  }

  private async hash(entry: Entry): Promise<void> {
    this.hashing += 1;
    try {
      const found = entry.hash && !entry.restored ? entry.hash : await (this.options.hash ?? sha256)(await entry.source!.open());
      if (entry.step !== "hash") return;
      if (entry.restored && entry.hash && found && entry.hash !== found) {
        // Another file that happens to have the name and size of one from an earlier visit.
        const { source, label } = entry;
        Object.assign(entry, { source: null, state: "missing", step: "rest" });
        this.enter(source!, label);
        return;
      }
      entry.hash ||= found;
      const mark = entry.hash || `${entry.name}|${entry.size}|${entry.source?.modified}|${entry.source?.folder}`;
      const twin = this.twin(entry, mark);
      if (twin) return this.merge(entry, twin);
      this.owners.set(mark, entry.key);
      this.to(entry, "declare");
    } catch {
      this.rest(entry, "failed", unreadable(entry.name));
    } finally {
      this.hashing -= 1;
      this.pump();
    }
  }

  private async declare(): Promise<void> {
    this.declaring = true;
    const batch = this.take("declare", MAX_BATCH);
    try {
      if (batch.length > 0) this.placed(batch, await this.options.service.declare(batch.map(offer)));
      this.line.works("service");
    } catch (error) {
      this.asked(batch, "declare", error);
    } finally {
      this.declaring = false;
      this.pump();
    }
  }

  private placed(batch: Entry[], answer: { uploads: Ticket[]; rejected?: Rejected[] }): void {
    const tickets = new Map(answer.uploads.map((each) => [each.client_id, each]));
    const reasons = new Map((answer.rejected ?? []).map((each) => [each.client_id, each.reason]));
    const orphans = batch.filter((each) => !this.entries.has(each.key)).flatMap((each) => tickets.get(each.key)?.id ?? []);
    if (orphans.length > 0) this.discard(orphans.filter((id) => !this.owners.has(id)));
    for (const entry of batch) {
      if (entry.step !== "declare") continue;
      const ticket = tickets.get(entry.key);
      if (!ticket) {
        this.rest(entry, "refused", reasons.get(entry.key) ?? t("“{name}” was not accepted.", { name: entry.name }));
        continue;
      }
      const twin = this.twin(entry, ticket.id);
      if (twin) {
        this.merge(entry, twin);
        continue;
      }
      Object.assign(entry, { uploadId: ticket.id, ticket, until: Date.now() + (ticket.expires_in ?? 900) * 900 });
      this.own(entry);
      if (ticket.state === "arrived") this.arrived(entry);
      else this.to(entry, "put");
    }
    this.changed();
  }

  private async send(entry: Entry): Promise<void> {
    if (!entry.ticket || Date.now() > entry.until) {
      this.to(entry, "declare");
      return this.pump();
    }
    const abort = new AbortController();
    entry.abort = abort;
    this.sending += 1;
    entry.state = "sending";
    try {
      const body = await entry.source!.open().catch(() => { throw new TransferError("refused", "unreadable"); });
      await (this.options.put ?? putWithXhr)(entry.ticket, body, (sent) => { entry.progress = entry.size ? Math.min(1, sent / entry.size) : 0; this.changed(); }, abort.signal);
      if (entry.step !== "put") return;
      entry.progress = 1;
      this.successes += 1;
      this.line.works("store");
      this.to(entry, "confirm");
    } catch (error) {
      if (entry.step === "put") await this.broken(entry, error instanceof TransferError ? error : new TransferError("network"));
    } finally {
      entry.abort = null;
      this.sending -= 1;
      this.changed();
      this.pump();
    }
  }

  private async broken(entry: Entry, error: TransferError): Promise<void> {
    Object.assign(entry, { progress: 0, state: "waiting" });
    if (error.trouble === "stopped") return this.to(entry, "put", true);
    if (error.message === "unreadable" || (error.trouble === "network" && !(await readable(entry)))) return this.rest(entry, "failed", unreadable(entry.name));
    // While others get through, the fault is this file's; while nothing does, it is hardly so.
    const alone = error.trouble === "expired" || error.trouble === "refused" || (entry.seen >= 0 && this.successes > entry.seen);
    entry.seen = this.successes;
    entry.tries += alone ? 1 : 0.5;
    if (entry.tries >= TRIES) return this.rest(entry, "failed", t("“{name}” did not arrive. Check your connection and try again.", { name: entry.name }));
    if (error.trouble === "network" || error.trouble === "busy") this.line.broke(error.trouble, "store");
    // Declaring it again says whether it arrived after all, and gives a fresh URL.
    entry.ticket = null;
    this.to(entry, "declare", true);
  }

  private async confirm(): Promise<void> {
    this.confirming = true;
    this.confirmDue = false;
    const batch = this.take("confirm", MAX_BATCH);
    try {
      const answer = batch.length > 0 ? await this.options.service.confirm(batch.map((each) => each.uploadId!)) : { arrived: [], missing: [] };
      this.line.works("service");
      const here = new Set(answer.arrived);
      const reasons = new Map(answer.missing.map((each) => [each.id, each.reason]));
      for (const entry of batch) {
        if (entry.step !== "confirm") continue;
        if (here.has(entry.uploadId!)) this.arrived(entry);
        else if (!entry.source) this.rest(entry, "missing");
        else if ((entry.tries += 1) >= TRIES) this.rest(entry, "failed", reasons.get(entry.uploadId!) ?? null);
        else {
          Object.assign(entry, { progress: 0, state: "waiting", ticket: null });
          this.to(entry, "declare");
        }
      }
    } catch (error) {
      this.asked(batch, "confirm", error);
    } finally {
      this.confirming = false;
      this.changed();
      this.pump();
    }
  }

  private arrived(entry: Entry): void {
    entry.progress = 1;
    this.line.moved(entry.size);
    this.rest(entry, "sent");
  }

  /** A request to the service failed: ask again when the line is back, or say the service's reason. */
  private asked(batch: Entry[], step: "declare" | "confirm", error: unknown): void {
    const failure = asError(error);
    for (const entry of [...batch].reverse()) {
      if (entry.step !== step) continue;
      if (failure.temporary) this.to(entry, step, true);
      else this.rest(entry, "failed", failure.message);
    }
    if (failure.temporary) this.line.broke(failure.status === 429 ? "busy" : "network", "service");
    this.changed();
  }

  /** Tells the page at most ten times a second, however many files move. */
  private changed(): void {
    if (this.closed) return;
    this.emitTimer ??= setTimeout(() => {
      this.emitTimer = null;
      this.options.onChange(this.items, totalsOf(this.items as Entry[], this.skipped, this.line));
    }, EMIT_EVERY);
  }
}
