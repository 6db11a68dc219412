/** Idempotency keys: one per thing the person meant, kept over retries, new when the request changes. */

export function randomId(): string {
  const source = globalThis.crypto;
  if (source && typeof source.randomUUID === "function") return source.randomUUID();
  // Plain http pages have no randomUUID; version 4 by hand.
  const bytes = new Uint8Array(16);
  if (source && typeof source.getRandomValues === "function") source.getRandomValues(bytes);
  else for (let i = 0; i < 16; i += 1) bytes[i] = Math.floor(Math.random() * 256);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export class ActionKeys {
  private readonly pending = new Map<string, { body: string; key: string }>();

  /** The key for this action: the earlier one when the same request did not get an answer, else a new one. */
  take(action: string, body: unknown): string {
    const text = JSON.stringify(body);
    const earlier = this.pending.get(action);
    if (earlier && earlier.body === text) return earlier.key;
    const key = randomId();
    this.pending.set(action, { body: text, key });
    return key;
  }

  /** The service answered: the next press of the button is a new wish. */
  settle(action: string): void {
    this.pending.delete(action);
  }
}
