/** Talking to the block's handlers and, for reads, straight to the service with the page's read token. */
import { t } from "./i18n";
import type { Args, Bundle, Runtime } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Record<string, string> = {},
  ) {
    super(message);
  }

  /** True when asking again later may help and nothing is wrong with the request. */
  get temporary(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429 || this.code === "idempotency_in_flight";
  }
}

export function asError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, "network", t("No connection. Your work is safe; try again in a moment."));
}

interface ErrorBody {
  error?: string | { code?: string; message?: string; errors?: { field: string; message: string }[] };
  code?: string; detail?: string; errors?: { field: string; message: string }[];
}

function errorFrom(status: number, body: ErrorBody | null): ApiError {
  const inner = typeof body?.error === "object" ? body.error : null;
  const message = inner?.message ?? (typeof body?.error === "string" ? body.error : undefined) ?? body?.detail ?? fallbackSentence(status);
  const fields: Record<string, string> = {};
  for (const each of inner?.errors ?? body?.errors ?? []) fields[each.field] = each.message;
  return new ApiError(status, inner?.code ?? body?.code ?? `http_${status}`, message, fields);
}

function fallbackSentence(status: number): string {
  if (status === 401 || status === 403) return t("You are signed out, or you have no access to this exercise. Reload the page and sign in again.");
  if (status === 404) return t("This is not there any more. Reload the page.");
  if (status === 413) return t("This is too large to send.");
  if (status === 429) return t("Too many requests at once. Try again in a moment.");
  return t("The training service does not answer. Your work is safe; try again in a moment.");
}

function csrfToken(): string | null {
  const found = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie);
  return found?.[1] ? decodeURIComponent(found[1]) : null;
}

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    body = null;
  }
  if (!response.ok) throw errorFrom(response.status, body as ErrorBody | null);
  return body as T;
}

export type Query = Record<string, string | number | undefined>;

export class Api {
  private token = "";
  private expires = 0;
  private base = "";
  stream = "";
  /** Until when the service is taken to be out of the browser's reach, so that reads go through the block. */
  private unreachableUntil = 0;
  private opening: Promise<Bundle> | null = null;
  onOpen: ((bundle: Bundle) => void) | null = null;

  constructor(private readonly args: Args, private readonly runtime: Runtime, private readonly element: unknown) {}

  private handlerUrl(name: string): string {
    const url = this.args.handlers?.[name] ?? this.runtime.handlerUrl?.(this.element, name);
    if (!url) throw new ApiError(0, "no_handler", t("This page cannot do that. Reload it."));
    return url;
  }

  async handler<T>(name: string, body: unknown = {}, seconds = 30): Promise<T> {
    const headers: Record<string, string> = { "Content-Type": "application/json", Accept: "application/json" };
    const csrf = csrfToken();
    if (csrf) headers["X-CSRFToken"] = csrf;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), seconds * 1000);
    try {
      const response = await fetch(this.handlerUrl(name), {
        method: "POST", body: JSON.stringify(body), headers, credentials: "same-origin", signal: abort.signal,
      });
      return await answer<T>(response);
    } catch (error) {
      throw asError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens the project, or opens it again for a fresh token; calls at the same time share one request. */
  open(): Promise<Bundle> {
    this.opening ??= this.handler<Bundle>("open", this.args.opening ?? {})
      .then((bundle) => {
        this.token = bundle.read_token;
        this.expires = new Date(bundle.read_token_expires_at).getTime();
        this.base = (bundle.api_url ?? "").replace(/\/$/, "");
        this.stream = bundle.stream_url ?? "";
        this.onOpen?.(bundle);
        return bundle;
      })
      .finally(() => {
        this.opening = null;
      });
    return this.opening;
  }

  /** The read token, renewed when less than a minute of it is left. */
  async readToken(): Promise<string> {
    if (!this.token || this.expires - Date.now() < 60_000) await this.open();
    return this.token;
  }

  expireToken(): void {
    this.expires = 0;
  }

  get direct(): boolean {
    return this.base !== "" && Date.now() >= this.unreachableUntil;
  }

  markUnreachable(milliseconds = 60_000): void {
    this.unreachableUntil = Date.now() + milliseconds;
  }

  async read<T>(path: string, query: Query = {}): Promise<T> {
    if (this.direct) {
      try {
        return await this.readDirect<T>(path, query);
      } catch (error) {
        if (asError(error).status !== 0) throw error;
        this.markUnreachable();
      }
    }
    return this.handler<T>("read", { path, query });
  }

  /** A plain text of the service, such as a job's log; through the block it comes as a JSON string. */
  async readText(path: string): Promise<string> {
    if (this.direct) {
      try {
        return await this.readDirect<string>(path, {}, true, true);
      } catch (error) {
        if (asError(error).status !== 0) throw error;
        this.markUnreachable();
      }
    }
    return (await this.handler<string | null>("read", { path })) ?? "";
  }

  private async readDirect<T>(path: string, query: Query, again = true, plain = false): Promise<T> {
    const token = await this.readToken();
    const url = new URL(this.base + path);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 8000);
    try {
      const response = await fetch(url, { headers: { Authorization: `Bearer ${token}`, Accept: "application/json" }, signal: abort.signal, credentials: "omit" });
      if (response.status === 401 && again) {
        this.expireToken();
        return await this.readDirect<T>(path, query, false, plain);
      }
      if (plain && response.ok) return (await response.text()) as T;
      return await answer<T>(response);
    } catch (error) {
      throw asError(error);
    } finally {
      clearTimeout(timer);
    }
  }
}
