/** Training sets that hold pictures of the hidden test set: for course staff alone. */
import { useEffect, useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { useAsk, type Session } from "../core/session";
import type { Leakage } from "../core/types";
import { Button, Picture, Problem, Skeleton, Time } from "../ui/basics";

export function Leaks({ session }: { session: Session }) {
  const [list, setList] = useState<Leakage[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const load = useAsk(async (after: string | null) => {
    const page = await session.api.handler<{ results: Leakage[]; next: string | null }>("staff_leakage", after === null ? {} : { cursor: after });
    setList((old) => (after === null ? page.results : [...(old ?? []), ...page.results]));
    setNext(page.next);
  });
  useEffect(() => {
    void load.run(null);
  }, []);
  return (
    <section class="ax-card ax-staff" aria-label={t("Hidden pictures in training sets")}>
      <h3 class="ax-step-title">{t("Hidden pictures in training sets")}</h3>
      <p class="ax-help">{t("A model that has learned from pictures of the hidden test set gets a score that says too much. Students see nothing of this.")}</p>
      {list === null && !load.error ? <Skeleton rows={3} /> : null}
      {list?.length === 0 ? <p>{t("No training set holds a picture of the hidden test set.")}</p> : null}
      {(list ?? []).map((each) => (
        <details key={each.training_set} class="ax-details">
          <summary>
            <bdi class="ax-person">{each.name || each.username || t("A student who left the course")}</bdi>{" "}
            <span class="ax-leak-words"><bdi>{each.title}</bdi> · {[
              each.exact > 0 ? tn("{n} picture is in the hidden test set", "{n} pictures are in the hidden test set", each.exact) : "",
              each.near > 0 ? tn("{n} picture looks like one in it", "{n} pictures look like one in it", each.near) : "",
            ].filter(Boolean).join(" · ")}</span>
          </summary>
          <p class="ax-hint">{tn("Of {n} picture, checked", "Of {n} pictures, checked", each.image_count)} <Time value={each.checked_at} /></p>
          <ul class="ax-grid ax-grid-large">
            {each.matches.map((match) => (
              <li key={match.sha256} class="ax-mistake">
                <Picture src={match.url} alt={match.name} />
                <p>
                  <span class={match.kind === "exact" ? "ax-bad" : "ax-alike"}>{match.kind === "exact" ? t("the same picture") : t("looks alike")}</span>
                  <bdi title={match.name}>{match.name}</bdi>
                  <span class="ax-hint">{t("hidden:")} <bdi title={match.hidden_name}>{match.hidden_name}</bdi></span>
                </p>
              </li>
            ))}
          </ul>
        </details>
      ))}
      <Problem error={load.error} />
      {load.error ? <Button small onClick={() => void load.run(next)}>{t("Try again")}</Button> : null}
      {next ? <Button small busy={load.busy} onClick={() => void load.run(next)}>{t("Load more")}</Button> : null}
    </section>
  );
}
