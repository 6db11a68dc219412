/** The versions of the student's sets: what changed in each, and the way back. */
import { useEffect, useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import type { TrainingSet } from "../core/types";
import { Button, Problem, Skeleton, Time } from "../ui/basics";
import { useDesk } from "./context";

/** What changed, in words; empty when the service is too old to say. */
export function changeWords(set: TrainingSet): string {
  const { changes } = set;
  if (!changes) return "";
  if (changes.kind === "reverted") return t("as version {n} was", { n: changes.reverted_to ?? 0 });
  if (changes.kind === "forked") return t("a copy of a starter set");
  const counts = changes.counts;
  const many = (code: string) => counts[code] ?? 0;
  const words = [
    many("added") ? tn("{n} picture added", "{n} pictures added", many("added")) : "",
    many("excluded") ? tn("{n} left out", "{n} left out", many("excluded")) : "",
    many("included") ? tn("{n} taken in", "{n} taken in", many("included")) : "",
    many("relabelled") ? tn("{n} moved", "{n} moved", many("relabelled")) : "",
    ...Object.entries(changes.renames).map(([from, to]) => t("“{from}” is now “{to}”", { from, to })),
    many("split") ? t("split anew") : many("moved") ? tn("{n} changed sides", "{n} changed sides", many("moved")) : "",
  ].filter(Boolean);
  return [changes.kind === "imported" ? t("from a zip") : "", ...words].filter(Boolean).join(" · ");
}

export function History({ current, onSaved }: { current: TrainingSet; onSaved: (id: string) => void }) {
  const { session, project } = useDesk();
  const [older, setOlder] = useState<TrainingSet[]>([]);
  const [next, setNext] = useState<string | null | undefined>(undefined);
  const [open, setOpen] = useState(false);
  const load = useAsk(async (after?: string) => {
    const page = await session.history(after);
    setOlder((old) => (after === undefined ? page.results : [...old, ...page.results]));
    setNext(page.next);
  });
  const back = useAsk(async (id: string) => onSaved((await session.revertTo(id)).id));
  useEffect(() => {
    if (open) void load.run();
  }, [open]);
  // The page's own sets are the freshest; what it does not know comes from the service.
  const known = new Map([...older, ...project.training_sets].map((set) => [set.id, set]));
  const versions = [...known.values()].sort((a, b) => b.version - a.version);
  return (
    <details class="ax-details" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("History")}</summary>
      <ol class="ax-versions">
        {versions.map((set) => (
          <li key={set.id} class={set.id === current.id ? "ax-version-here" : ""} aria-current={set.id === current.id ? "true" : undefined}>
            <div class="ax-grow">
              <p><strong>{t("Version {n}", { n: set.version })}</strong> <span class="ax-hint">{set.created_at ? <Time value={set.created_at} /> : null} · {set.state === "failed" ? t("not usable") : tn("{n} picture", "{n} pictures", set.image_count)}</span></p>
              <p class="ax-hint"><bdi>{changeWords(set)}</bdi></p>
            </div>
            {set.state === "ready" && set.id !== versions[0]?.id ? (
              <Button small icon="undo" busy={back.busy} aria-label={t("Back to version {n}", { n: set.version })} onClick={() => void back.run(set.id)}>{t("Back to this")}</Button>
            ) : null}
          </li>
        ))}
      </ol>
      {load.busy && next === undefined ? <Skeleton rows={2} /> : null}
      {next ? <Button small busy={load.busy} onClick={() => void load.run(next)}>{t("Show older versions")}</Button> : null}
      <Problem error={load.error ?? back.error} />
    </details>
  );
}
