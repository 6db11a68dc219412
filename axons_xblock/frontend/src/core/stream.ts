/** Keeps the page up to date: a stream from the service, polling where there is none, and back to the stream by itself. */
import { asError, type Api } from "./api";
import { SseParser } from "./sse";
import type { Connection } from "./store";
import type { AxonsEvent } from "./types";

export interface LiveOptions {
  api: Api;
  projectId: () => string | null;
  cursor: () => number;
  /** True while a job, a training set or a submission is under way: polls are frequent then. */
  busy: () => boolean;
  onEvents: (events: AxonsEvent[], cursor?: number) => void;
  onConnection: (connection: Connection) => void;
  /** The project could not be followed for a while: fetch its whole state again. */
  onGap: () => void;
}

/** Without even a heartbeat for this long, a stream counts as broken (the service sends one every 15 s). */
const SILENCE = 40_000;
/** Seconds between tries; the page is back at most about half a minute after the service is. */
const RETRIES = [2, 4, 8, 15, 30];

export function backoff(attempt: number, random: () => number = Math.random): number {
  return (RETRIES[Math.min(attempt, RETRIES.length - 1)] ?? 30) * 1000 * (0.8 + 0.4 * random());
}

export class Live {
  private stopped = false;
  private streaming = false;
  private abort: AbortController | null = null;
  private streamFailures = 0;
  private pollFailures = 0;
  private wake: (() => void) | null = null;

  constructor(private readonly options: LiveOptions) {}

  start(): void {
    void this.streamLoop();
    void this.pollLoop();
  }

  stop(): void {
    this.stopped = true;
    this.abort?.abort();
    this.wake?.();
  }

  /** Look now instead of at the next turn. */
  nudge(): void {
    this.pollFailures = 0;
    this.wake?.();
  }

  private async streamLoop(): Promise<void> {
    while (!this.stopped) {
      const began = Date.now();
      if (this.options.projectId() && this.options.api.direct) {
        try {
          await this.streamOnce();
        } catch {
          // Falls through to the polling loop, which says what the reader needs to know.
        }
      }
      if (this.stopped) return;
      if (this.streaming) {
        this.streaming = false;
        this.options.onConnection({ mode: "polling" });
        this.wake?.();
      }
      if (Date.now() - began > 60_000) this.streamFailures = 0;
      await sleep(backoff(this.streamFailures));
      this.streamFailures += 1;
    }
  }

  private async streamOnce(): Promise<void> {
    const token = await this.options.api.readToken();
    this.abort = new AbortController();
    let silence = setTimeout(() => this.abort?.abort(), SILENCE);
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => this.abort?.abort(), SILENCE);
    };
    try {
      const url = new URL(this.options.api.stream);
      url.searchParams.set("after", String(this.options.cursor()));
      const response = await fetch(url, {
        headers: { Authorization: `Bearer ${token}`, Accept: "text/event-stream" },
        signal: this.abort.signal, credentials: "omit", cache: "no-store",
      });
      if (response.status === 401) this.options.api.expireToken();
      if (!response.ok || !response.body) return;
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let batch: AxonsEvent[] = [];
      const parser = new SseParser((message) => {
        try {
          batch.push(JSON.parse(message.data) as AxonsEvent);
        } catch {
          // One unreadable message does not end the stream; the next snapshot carries its content.
          this.options.onGap();
        }
      });
      if (!this.streaming) {
        this.streaming = true;
        this.options.onConnection({ mode: "live" });
      }
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        alive();
        this.streamFailures = 0;
        parser.push(decoder.decode(value, { stream: true }));
        if (batch.length > 0) {
          this.options.onEvents(batch);
          batch = [];
        }
      }
    } finally {
      clearTimeout(silence);
      this.abort = null;
    }
  }

  private async pollLoop(): Promise<void> {
    await sleep(1500);
    while (!this.stopped) {
      const id = this.options.projectId();
      if (id && !this.streaming) {
        try {
          const answer = await this.options.api.read<{ events: AxonsEvent[]; cursor: number }>(`/projects/${id}/events`, { after: this.options.cursor() });
          if (this.pollFailures > 0) this.options.onGap();
          this.pollFailures = 0;
          if (answer.events.length > 0) this.options.onEvents(answer.events, answer.cursor);
          if (!this.streaming) this.options.onConnection({ mode: "polling" });
        } catch (error) {
          const failure = asError(error);
          const wait = backoff(this.pollFailures);
          this.pollFailures += 1;
          if (!this.streaming) this.options.onConnection({ mode: "down", message: failure.message, retryAt: Date.now() + wait });
          await this.pause(wait);
          continue;
        }
      }
      await this.pause(document.hidden ? 30_000 : this.options.busy() ? 2000 : 8000);
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
