/** Numbers, times and sizes as people read them, in the page's language. */
import { getLocale, t } from "./i18n";

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(getLocale(), { maximumFractionDigits: digits }).format(value);
}

/** 0.9637 → "96.4 %": one decimal below 100 %, none when it is whole. */
export function percent(share: number, digits = 1): string {
  return new Intl.NumberFormat(getLocale(), { style: "percent", maximumFractionDigits: digits }).format(share);
}

/** Three significant digits, as a loss or a learning rate needs them: 0.0031, 1.23, 12.3. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "–";
  const small = value !== 0 && Math.abs(value) < 1e-4;
  return new Intl.NumberFormat(getLocale(), small ? { notation: "scientific", maximumSignificantDigits: digits } : { maximumSignificantDigits: digits }).format(value);
}

/** In the binary units that the service's own sentences and the operator's limits use. */
export function bytes(size: number): string {
  let value = size;
  let place = 0;
  while (value >= 1024 && place < 4) {
    value /= 1024;
    place += 1;
  }
  const n = number(value, value >= 100 || place === 0 ? 0 : 1);
  switch (place) {
    case 0: return new Intl.NumberFormat(getLocale(), { style: "unit", unit: "byte", unitDisplay: "long", maximumFractionDigits: 0 }).format(value);
    case 1: return t("{n} KiB", { n });
    case 2: return t("{n} MiB", { n });
    case 3: return t("{n} GiB", { n });
    default: return t("{n} TiB", { n });
  }
}

function unit(value: number, name: "second" | "minute" | "hour" | "millisecond", digits = 0): string {
  return new Intl.NumberFormat(getLocale(), { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits }).format(value);
}

/** Seconds as "340 ms", "8.2 sec", "2 min 5 sec" or "1 hr 20 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 1) return unit(Math.round(seconds * 1000), "millisecond");
  if (seconds < 10) return unit(seconds, "second", 1);
  const whole = Math.round(seconds);
  if (whole < 60) return unit(whole, "second");
  if (whole < 3600) {
    const rest = whole % 60;
    return rest ? `${unit(Math.floor(whole / 60), "minute")} ${unit(rest, "second")}` : unit(whole / 60, "minute");
  }
  const minutes = Math.round((whole % 3600) / 60);
  return minutes ? `${unit(Math.floor(whole / 3600), "hour")} ${unit(minutes, "minute")}` : unit(Math.floor(whole / 3600), "hour");
}

/** A spread of seconds as "2–4 min": in the unit of its end, rounded outwards; one value where both ends are the same. */
export function span(low: number, high: number): string {
  const [name, size] = high < 90 ? (["second", 1] as const) : high < 5400 ? (["minute", 60] as const) : (["hour", 3600] as const);
  const digits = name === "hour" ? 1 : 0;
  const from = digits ? Math.floor((low / size) * 10) / 10 : Math.floor(low / size);
  const to = digits ? Math.ceil((high / size) * 10) / 10 : Math.ceil(high / size);
  return from >= to ? unit(to, name, digits) : `${number(from, digits)}–${unit(to, name, digits)}`;
}

/** A day such as "1 December", which is a date of the calendar and of no time zone. */
export function day(date: string): string {
  const parsed = new Date(`${date}T00:00:00Z`);
  return Number.isNaN(parsed.getTime()) ? date : new Intl.DateTimeFormat(getLocale(), { day: "numeric", month: "long", timeZone: "UTC" }).format(parsed);
}

/** "in" or "ago" in words: "3 minutes ago"; under 45 seconds: "just now". */
export function relative(time: string, now: number = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (Math.abs(seconds) < 45) return t("just now");
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [["minute", 60], ["hour", 3600], ["day", 86400], ["month", 2629800], ["year", 31557600]];
  let chosen = steps[0]!;
  for (const step of steps) if (Math.abs(seconds) >= step[1] * 0.95) chosen = step;
  return new Intl.RelativeTimeFormat(getLocale(), { numeric: "auto", style: "short" }).format(Math.round(seconds / chosen[1]), chosen[0]);
}

export function absolute(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(getLocale(), { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** Points as the grade book writes them: at most two decimals. */
export function points(value: number): string {
  return number(value, 2);
}
