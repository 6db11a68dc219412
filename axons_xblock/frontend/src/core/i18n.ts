/** Translations: the fragment's catalogue first, then the page's gettext, then the English source. */

type Catalogue = Record<string, string | string[]>;
type Values = Record<string, string | number>;

interface Gettext { gettext?: (id: string) => string; ngettext?: (one: string, many: string, n: number) => string }

let locale = "en";
let catalogue: Catalogue = {};

export function setLocale(name: string | undefined, messages: Catalogue | undefined): void {
  locale = validLocale(name) ?? "en";
  catalogue = messages ?? {};
}

export function getLocale(): string {
  return locale;
}

function validLocale(name: string | undefined): string | undefined {
  if (!name) return undefined;
  try {
    return Intl.getCanonicalLocales(name.replace("_", "-"))[0];
  } catch {
    return undefined;
  }
}

function fill(text: string, values?: Values): string {
  return values ? text.replace(/\{(\w+)\}/g, (whole, key: string) => (key in values ? String(values[key]) : whole)) : text;
}

/** The sentence in the reader's language; `{name}` is replaced by `values.name`. */
export function t(id: string, values?: Values): string {
  const own = catalogue[id];
  const text = typeof own === "string" && own ? own : ((globalThis as Gettext).gettext?.(id) ?? id);
  return fill(text, values);
}

/**
 * Which plural form `n` takes: the place of its CLDR category among those that whole numbers use, in CLDR's order.
 * That is the order of gettext's forms in nearly all languages.
 */
export function pluralIndex(n: number, language: string = locale): number {
  const rules = new Intl.PluralRules(language);
  const order = ["zero", "one", "two", "few", "many", "other"];
  const used = new Set<string>();
  for (let i = 0; i <= 200; i += 1) used.add(rules.select(i));
  const forms = order.filter((category) => used.has(category));
  return Math.max(0, forms.indexOf(rules.select(n)));
}

/** Like `t`, for a counted thing; `{n}` is the number written in the reader's language. */
export function tn(one: string, many: string, n: number, values?: Values): string {
  const all = { n: new Intl.NumberFormat(locale).format(n), ...values };
  const own = catalogue[one];
  if (Array.isArray(own) && own.length > 0) return fill(own[Math.min(pluralIndex(n), own.length - 1)] || (n === 1 ? one : many), all);
  const page = (globalThis as Gettext).ngettext;
  return fill(page ? page(one, many, n) : n === 1 ? one : many, all);
}
