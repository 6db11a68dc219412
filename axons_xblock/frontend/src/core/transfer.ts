/** One PUT to the object store by presigned URL, and what its failure means. */

export interface Ticket {
  id: string; client_id: string; name: string; state: "waiting" | "arrived"; url: string; method: string;
  headers?: Record<string, string>; expires_in?: number;
}

/**
 * Why a file did not arrive: `network` the connection broke, `busy` the store asks for a pause, `expired` the URL is no
 * longer valid, `refused` the store says no, `stopped` we broke it off ourselves.
 */
export type Trouble = "network" | "busy" | "expired" | "refused" | "stopped";

export class TransferError extends Error {
  constructor(readonly trouble: Trouble, message: string = trouble) {
    super(message);
  }
}

export type Put = (ticket: Ticket, body: Blob, onProgress: (sent: number) => void, signal: AbortSignal) => Promise<void>;

/** A transfer that has not moved for this long is taken for broken; a slow one may take as long as it needs. */
const STALLED_MILLISECONDS = 30_000;
/** After the last byte the store writes to its disks. */
const ANSWER_MILLISECONDS = 60_000;

export function troubleOf(status: number): Trouble {
  if (status === 403) return "expired";
  if (status === 408 || status === 429 || status >= 500) return "busy";
  return "refused";
}

export const putWithXhr: Put = (ticket, body, onProgress, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = (milliseconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        reject(new TransferError("network", "stalled"));
        request.abort();
      }, milliseconds);
    };
    const stop = () => request.abort();
    const end = (error?: TransferError) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      if (error) reject(error);
      else resolve();
    };
    request.open(ticket.method || "PUT", ticket.url);
    for (const [name, value] of Object.entries(ticket.headers ?? {})) if (!/^(host|content-length)$/i.test(name)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      watch(STALLED_MILLISECONDS);
      onProgress(event.loaded);
    };
    request.upload.onload = () => watch(ANSWER_MILLISECONDS);
    request.onload = () => end(request.status >= 200 && request.status < 300 ? undefined : new TransferError(troubleOf(request.status), String(request.status)));
    request.onerror = () => end(new TransferError("network"));
    request.onabort = () => end(new TransferError("stopped"));
    signal.addEventListener("abort", stop, { once: true });
    watch(STALLED_MILLISECONDS);
    request.send(body);
  });
