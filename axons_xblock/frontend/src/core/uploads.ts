/** Sends files straight to the object store by presigned URL: a few at a time, each with its own progress and retries. */
import { t } from "./i18n";
import { bytes } from "./format";

export const MAX_BYTES = 20 * 1024 * 1024;
export const MAX_BATCH = 100;

export interface Ticket { id: string; name: string; url: string; method: string; headers?: Record<string, string> }
export type UploadState = "waiting" | "sending" | "sent" | "failed" | "refused";
export interface Upload {
  key: string; file: File; label: string; state: UploadState; progress: number; uploadId: string | null; message: string | null;
}

export type Put = (ticket: Ticket, file: File, onProgress: (share: number) => void, signal: AbortSignal) => Promise<void>;
export type RequestTickets = (files: { name: string; bytes: number; content_type: string }[]) => Promise<{ uploads: Ticket[]; rejected?: { name: string; reason: string }[] }>;

/** Thrown by a `Put` when sending again cannot help. */
export class PermanentUploadError extends Error {}

export const putWithXhr: Put = (ticket, file, onProgress, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(ticket.method || "PUT", ticket.url);
    for (const [name, value] of Object.entries(ticket.headers ?? {})) if (!/^(host|content-length)$/i.test(name)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else if (request.status >= 400 && request.status < 500 && request.status !== 408 && request.status !== 429) reject(new PermanentUploadError(String(request.status)));
      else reject(new Error(String(request.status)));
    };
    request.onerror = () => reject(new Error("network"));
    request.ontimeout = () => reject(new Error("timeout"));
    request.onabort = () => reject(new PermanentUploadError("aborted"));
    request.timeout = 120_000;
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });

/** A sentence when the file cannot be sent at all, else null. What is inside is for the service to judge. */
export function refusal(file: File): string | null {
  if (file.size === 0) return t("“{name}” is empty.", { name: file.name });
  if (file.size > MAX_BYTES) {
    return t("“{name}” is {size}; a picture may have at most {limit}.", { name: file.name, size: bytes(file.size), limit: bytes(MAX_BYTES) });
  }
  return null;
}

export interface QueueOptions {
  requestTickets: RequestTickets;
  put?: Put;
  parallel?: number;
  attempts?: number;
  wait?: (milliseconds: number) => Promise<void>;
  onChange: (uploads: Upload[]) => void;
}

export class UploadQueue {
  private uploads: Upload[] = [];
  private tickets = new Map<string, Ticket>();
  private running = 0;
  private asking = false;
  private counter = 0;
  private readonly aborts = new Map<string, AbortController>();

  constructor(private readonly options: QueueOptions) {}

  get items(): Upload[] {
    return this.uploads;
  }

  get busy(): boolean {
    return this.uploads.some((each) => each.state === "waiting" || each.state === "sending");
  }

  add(files: Iterable<File>, label: string): void {
    for (const file of files) {
      this.counter += 1;
      const message = refusal(file);
      this.uploads = [...this.uploads, { key: `u${this.counter}`, file, label, state: message ? "refused" : "waiting", progress: 0, uploadId: null, message }];
    }
    this.changed();
    void this.pump();
  }

  relabel(key: string, label: string): void {
    this.update(key, { label });
  }

  remove(key: string): void {
    this.aborts.get(key)?.abort();
    this.uploads = this.uploads.filter((each) => each.key !== key);
    this.changed();
  }

  retry(): void {
    this.uploads = this.uploads.map((each) => (each.state === "failed" ? { ...each, state: "waiting", progress: 0, message: null } : each));
    this.changed();
    void this.pump();
  }

  clear(): void {
    for (const abort of this.aborts.values()) abort.abort();
    this.uploads = [];
    this.changed();
  }

  private async pump(): Promise<void> {
    const without = this.uploads.filter((each) => each.state === "waiting" && !this.tickets.has(each.key)).slice(0, MAX_BATCH);
    if (without.length > 0 && !this.asking) {
      this.asking = true;
      try {
        await this.ask(without);
      } finally {
        this.asking = false;
      }
      void this.pump();
      return;
    }
    for (const each of this.uploads) {
      if (this.running >= (this.options.parallel ?? 4)) return;
      if (each.state === "waiting" && this.tickets.has(each.key)) void this.send(each);
    }
  }

  private async ask(batch: Upload[]): Promise<void> {
    let wait = 1000;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.options.requestTickets(batch.map(({ file }) => ({ name: file.name, bytes: file.size, content_type: file.type || "application/octet-stream" })));
        const tickets = [...answer.uploads];
        const rejected = [...(answer.rejected ?? [])];
        for (const each of batch) {
          const no = rejected.findIndex((one) => one.name === each.file.name);
          const yes = tickets.findIndex((one) => one.name === each.file.name);
          if (yes >= 0) this.tickets.set(each.key, tickets.splice(yes, 1)[0]!);
          else this.update(each.key, { state: "refused", message: (no >= 0 ? rejected.splice(no, 1)[0]?.reason : null) ?? t("“{name}” was not accepted.", { name: each.file.name }) });
        }
        return;
      } catch (error) {
        const temporary = (error as { temporary?: boolean }).temporary ?? true;
        if (!temporary || attempt >= (this.options.attempts ?? 3)) {
          for (const each of batch) this.update(each.key, { state: "failed", message: error instanceof Error ? error.message : t("This did not arrive.") });
          return;
        }
        await this.pause(wait);
        wait *= 2;
      }
    }
  }

  private async send(upload: Upload): Promise<void> {
    const ticket = this.tickets.get(upload.key)!;
    const abort = new AbortController();
    this.aborts.set(upload.key, abort);
    this.running += 1;
    this.update(upload.key, { state: "sending" });
    let wait = 1000;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await (this.options.put ?? putWithXhr)(ticket, upload.file, (progress) => this.update(upload.key, { progress }), abort.signal);
          this.update(upload.key, { state: "sent", progress: 1, uploadId: ticket.id });
          return;
        } catch (error) {
          if (error instanceof PermanentUploadError || attempt >= (this.options.attempts ?? 3)) {
            // A presigned URL may have run out: the next try asks for a new one.
            this.tickets.delete(upload.key);
            this.update(upload.key, { state: "failed", message: t("“{name}” did not arrive. Check your connection and try again.", { name: upload.file.name }) });
            return;
          }
          this.update(upload.key, { progress: 0 });
          await this.pause(wait);
          wait *= 2;
        }
      }
    } finally {
      this.running -= 1;
      this.aborts.delete(upload.key);
      void this.pump();
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return this.options.wait ? this.options.wait(milliseconds) : new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  private update(key: string, change: Partial<Upload>): void {
    this.uploads = this.uploads.map((each) => (each.key === key ? { ...each, ...change } : each));
    this.changed();
  }

  private changed(): void {
    this.options.onChange(this.uploads);
  }
}
