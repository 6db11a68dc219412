/** Words and small rules that the desk's parts share. */
import { points } from "../core/format";
import { t } from "../core/i18n";
import type { Submission } from "../core/types";
import { parse } from "../student/Hyper";

/** A sentence when the points are no points between 0 and the most; empty means "none given". */
export function pointsMistake(text: string, most: number): string | null {
  if (text.trim() === "") return null;
  const value = parse(text);
  if (!Number.isFinite(value) || value < 0 || value > most) return t("Points must be a number between 0 and {weight}.", { weight: points(most) });
  return null;
}

export function overridden(submission: Submission): boolean {
  return submission.overridden ?? (submission.score !== null && submission.automatic_score !== null && submission.score !== submission.automatic_score);
}

export function personOf(someone: { name?: string | null; username?: string | null }): string {
  return someone.name || someone.username || t("A student who left the course");
}

export function stateWords(submission: Submission): string {
  if (submission.returned_at) return t("Returned");
  if (submission.needs_review) return t("Needs review");
  return { scoring: t("Being scored"), scored: t("Scored"), failed: t("Failed") }[submission.state];
}

export function twinWords(kinds: string[]): string {
  const words: Record<string, string> = { set: t("same training set"), weights: t("same weights"), curve: t("same curve") };
  return kinds.map((kind) => words[kind] ?? kind).join(", ");
}
