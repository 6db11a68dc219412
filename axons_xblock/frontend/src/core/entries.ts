/** The files in the upload queue: what the page sees of each, what the queue knows, and their sums. */
import { t } from "./i18n";
import type { Connection, Line } from "./line";
import { typeOf, type Source } from "./sources";
import type { Ticket } from "./transfer";

/** `missing`: declared on an earlier visit, and this page does not have the file. */
export type UploadState = "missing" | "waiting" | "sending" | "sent" | "failed" | "refused" | "duplicate";

export interface Upload {
  key: string; name: string; size: number; label: string; state: UploadState; progress: number;
  uploadId: string | null; message: string | null; source: Source | null;
}

export interface Offer { client_id: string; name: string; bytes: number; content_type: string; sha256?: string; label?: string }
export interface Rejected { client_id?: string; name: string; reason: string }
export interface Waiting { id: string; client_id: string; name: string; bytes: number; sha256: string; label: string; state: "waiting" | "arrived" }

/** What the queue asks of the service. */
export interface UploadService {
  declare: (files: Offer[]) => Promise<{ uploads: Ticket[]; rejected?: Rejected[] }>;
  confirm: (ids: string[]) => Promise<{ arrived: string[]; missing: { id: string; reason: string }[] }>;
  discard: (ids: string[]) => Promise<unknown>;
}

export interface Totals {
  files: number; bytes: number; sentFiles: number; sentBytes: number;
  moving: number; failed: number; missing: number;
  /** Files chosen again that had arrived already. */
  skipped: number;
  connection: Connection;
  bytesPerSecond: number | null; secondsLeft: number | null;
}

export type Step = "hash" | "declare" | "put" | "confirm" | "rest";
/** `step`: what is to be done next; `seen`: how many had got through when this one last broke. */
export interface Entry extends Upload { step: Step; hash: string; ticket: Ticket | null; until: number; tries: number; seen: number; abort: AbortController | null; restored: boolean }

export function totalsOf(all: Entry[], skipped: number, line: Line): Totals {
  const real = all.filter((each) => each.state !== "refused" && each.state !== "duplicate");
  const size = real.reduce((sum, each) => sum + each.size, 0);
  const sent = real.reduce((sum, each) => sum + each.size * each.progress, 0);
  const moving = all.filter((each) => each.step !== "rest");
  const left = moving.reduce((sum, each) => sum + each.size * (1 - each.progress), 0);
  const speed = moving.length > 0 ? line.speed() : null;
  return {
    files: real.length, bytes: size, sentFiles: real.filter((each) => each.state === "sent").length, sentBytes: sent,
    moving: moving.length, failed: all.filter((each) => each.state === "failed").length, missing: all.filter((each) => each.state === "missing").length,
    skipped, connection: line.state,
    bytesPerSecond: speed, secondsLeft: speed ? left / speed : null,
  };
}

export function offer(entry: Entry): Offer {
  return { client_id: entry.key, name: entry.name, bytes: entry.size, content_type: entry.source?.type ?? typeOf(entry.name), ...(entry.hash ? { sha256: entry.hash } : {}), ...(entry.label ? { label: entry.label } : {}) };
}

export function unreadable(name: string): string {
  return t("“{name}” cannot be read: it was moved, is locked or damaged. Choose it again.", { name });
}

export async function readable(entry: Entry): Promise<boolean> {
  try {
    await (await entry.source!.open()).slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
