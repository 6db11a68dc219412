/** The small parts that every view is made of. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { absolute, relative } from "../core/format";
import type { ApiError } from "../core/api";
import { useUid } from "./uid";

const PATHS: Record<string, string> = {
  check: "M4 10.5l4 4 8-9",
  cross: "M5 5l10 10M15 5L5 15",
  picture: "M3 4h14v12H3zM3 13l4-4 3 3 3-2.5 4 3.5M13.5 7.5h.01",
  camera: "M3 6h3l1.5-2h5L14 6h3v10H3zM10 13.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  upload: "M10 13V4M6.5 7L10 3.5 13.5 7M4 16.5h12",
  alert: "M10 3l7.5 13.5h-15zM10 8v4M10 14.4h.01",
  info: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M10 9v5M10 6.3h.01",
  chevron: "M7 4.5l5.5 5.5L7 15.5",
  plus: "M10 4v12M4 10h12",
  play: "M6 4l10 6-10 6z",
  flag: "M5 17V3.5h10l-2.5 3.5 2.5 3.5H5",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M13 13l4 4",
  trash: "M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.8 11h7.4l.8-11M8.5 8.5v5M11.5 8.5v5",
  folder: "M2.5 5h5l2 2h8v9.5h-15zM2.5 9h15",
  download: "M10 3.5V13M6.5 9.5L10 13l3.5-3.5M4 16.5h12",
  pause: "M7 4.5v11M13 4.5v11",
  undo: "M7 4L3.5 7.5 7 11M4 7.5h8a4.5 4.5 0 0 1 0 9H8",
};

export function Icon({ name, size = 20 }: { name: keyof typeof PATHS | string; size?: number }) {
  return (
    <svg class={`ax-icon ax-icon-${name}`} viewBox="0 0 20 20" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={PATHS[name] ?? ""} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

type ButtonProps = Omit<JSX.IntrinsicElements["button"], "icon"> & {
  look?: "primary" | "plain" | "quiet" | "danger";
  busy?: boolean; icon?: string; disabled?: boolean; small?: boolean; children?: ComponentChildren;
};

/** While busy it keeps its place and its focus, and ignores presses. */
export function Button({ look = "plain", busy = false, icon, small, children, onClick, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      class={`ax-button ax-${look}${small ? " ax-small" : ""}${busy ? " ax-busy" : ""}`}
      aria-disabled={busy || disabled ? "true" : undefined}
      aria-busy={busy ? "true" : undefined}
      onClick={(event) => {
        if (!busy && !disabled) (onClick as ((event: unknown) => void) | undefined)?.(event);
      }}
      {...(rest as object)}
    >
      {busy ? <span class="ax-spinner" aria-hidden="true" /> : icon ? <Icon name={icon} size={18} /> : null}
      <span>{children}</span>
    </button>
  );
}

export function Notice({ kind, title, children, live }: { kind: "error" | "warning" | "info" | "success"; title?: string; children?: ComponentChildren; live?: boolean }) {
  return (
    <div class={`ax-notice ax-notice-${kind}`} role={kind === "error" ? "alert" : live ? "status" : undefined}>
      <Icon name={kind === "success" ? "check" : kind === "info" ? "info" : "alert"} />
      <div class="ax-notice-body">
        {title ? <strong>{title}</strong> : null}
        {children}
      </div>
    </div>
  );
}

/** A refused request, in the service's own words. */
export function Problem({ error }: { error: ApiError | null }) {
  if (!error) return null;
  return (
    <Notice kind={error.temporary ? "warning" : "error"} live>
      <p>{error.message}</p>
      {Object.keys(error.fields).length > 0 ? (
        <ul>{Object.entries(error.fields).map(([field, message]) => <li key={field}>{message}</li>)}</ul>
      ) : null}
    </Notice>
  );
}

export function Skeleton({ rows = 3 }: { rows?: number }) {
  return (
    <div class="ax-skeleton" role="status">
      <span class="ax-visually-hidden">{t("Loading…")}</span>
      {Array.from({ length: rows }, (_, i) => <span key={i} class="ax-skeleton-row" style={{ inlineSize: `${[92, 74, 83, 58][i % 4]}%` }} />)}
    </div>
  );
}

export function Empty({ icon = "picture", title, children }: { icon?: string; title: string; children?: ComponentChildren }) {
  return (
    <div class="ax-empty">
      <span class="ax-empty-mark"><Icon name={icon} size={28} /></span>
      <p class="ax-empty-title">{title}</p>
      {children}
    </div>
  );
}

/** `value` between 0 and 1, or null while nobody knows. */
export function ProgressBar({ value, label }: { value: number | null; label: string }) {
  return (
    <div
      class={`ax-progress${value === null ? " ax-progress-unknown" : ""}`}
      role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.round(value * 100)}
    >
      <span style={value === null ? undefined : { inlineSize: `${Math.min(100, Math.max(0, value * 100))}%` }} />
    </div>
  );
}

export function Time({ value }: { value: string }) {
  return <time dateTime={value} title={absolute(value)}>{relative(value)}</time>;
}

export function Field({ label, help, error, children, hint }: {
  label: ComponentChildren; help?: ComponentChildren; error?: string | null; hint?: ComponentChildren;
  children: (ids: { id: string; describedBy: string | undefined; invalid: boolean }) => ComponentChildren;
}) {
  const id = useUid();
  const described = [help ? `${id}-help` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div class={`ax-field${error ? " ax-field-invalid" : ""}`}>
      <div class="ax-field-head">
        <label for={id}>{label}</label>
        {hint ? <span class="ax-hint">{hint}</span> : null}
      </div>
      {children({ id, describedBy: described || undefined, invalid: Boolean(error) })}
      {help ? <p class="ax-help" id={`${id}-help`}>{help}</p> : null}
      {error ? <p class="ax-field-error" id={`${id}-error`} role="alert"><Icon name="alert" size={16} /><span>{error}</span></p> : null}
    </div>
  );
}

/** Says changing text to screen readers at a pace they can follow. */
export function Announce({ text }: { text: string }) {
  const [said, setSaid] = useState(text);
  const last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, 4000 - (Date.now() - last.current));
    const timer = setTimeout(() => {
      last.current = Date.now();
      setSaid(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return <p class="ax-visually-hidden" role="status" aria-live="polite">{said}</p>;
}

export function Picture({ src, alt, label }: { src: string | null | undefined; alt: string; label?: string }) {
  const [broken, setBroken] = useState(false);
  if (!src || broken) {
    return <span class="ax-picture ax-picture-missing" role="img" aria-label={alt}><Icon name="picture" /><span aria-hidden="true">{label ?? t("No preview")}</span></span>;
  }
  return <img class="ax-picture" src={src} alt={alt} loading="lazy" decoding="async" onError={() => setBroken(true)} />;
}
