/** What a change reaches, and what it does not, once students have begun. */
import { t, tn } from "../core/i18n";
import type { Spec, StudioData } from "../core/types";
import { Notice } from "../ui/basics";

type Name = keyof Spec;
const PICTURES: Name[] = ["starter_set", "own_pictures"];
const TRAINING: Name[] = ["architectures", "hyperparameters", "pool", "fallback_pools", "time_limit_minutes", "compute_minutes_per_learner"];

/** JSON with its keys in order: what is not there and what is undefined are the same. */
function text(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(text).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => `${key}:${text(each)}`).join()}}`;
}

/** A sentence for each kind of change between what is saved and what is in the form. */
export function affected(before: Spec, after: Spec): string[] {
  const differs = (...names: Name[]) => names.some((name) => text(before[name]) !== text(after[name]));
  const sentences: string[] = [];
  if (differs("kind", "task")) sentences.push(t("What students do is another thing: models of the earlier kind can no longer be handed in."));
  if (differs(...PICTURES)) sentences.push(t("Pictures: training sets that students made stay theirs; runs name the version they learned from."));
  if (differs(...TRAINING)) sentences.push(t("Training: runs that were made stay as they are; new ones keep to the new limits."));
  if (differs("hidden_test_set")) sentences.push(t("Hidden test set: scores that were given were measured on the earlier set, and stay; they cannot be regraded on the new one."));
  if (differs("grading")) sentences.push(t("Points: scores that were given stay. To score what was handed in by the new rule, press Regrade all at the graders’ desk; it shows first what would change."));
  if (differs("max_tries")) sentences.push(t("Tries: the new number counts at once, for everyone; tries that were used stay used."));
  if (differs("leaderboard")) sentences.push(t("Leaderboard: it counts what was handed in before, too."));
  return sentences;
}

export function Affects({ begun, before, after }: { begun: StudioData["begun"]; before: Spec; after: Spec }) {
  if (!begun || begun.runs + begun.handed_in === 0) return null;
  const sentences = affected(before, after);
  return (
    <Notice kind={sentences.length > 0 ? "warning" : "info"} live title={t("Students have begun")}>
      <p>
        {tn("{n} run was made,", "{n} runs were made,", begun.runs)}{" "}
        {tn("and {n} student has handed a model in.", "and {n} students have handed a model in.", begun.handed_in)}{" "}
        {sentences.length > 0 ? t("If you save this:") : t("Here it is said what a change affects, before you save it.")}
      </p>
      {sentences.length > 0 ? <ul>{sentences.map((each) => <li key={each}>{each}</li>)}</ul> : null}
    </Notice>
  );
}
