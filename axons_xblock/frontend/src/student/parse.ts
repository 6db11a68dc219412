/** Reads "0,003" as well as "0.003". */
export function parse(text: string): number {
  const clean = text.trim().replace(",", ".");
  return clean === "" ? Number.NaN : Number(clean);
}
