/** The grader's list: who handed in what, what it scored, and the override. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { absolute, number, percent, points } from "../core/format";
import { t, tn } from "../core/i18n";
import { ActionKeys } from "../core/keys";
import { asError } from "../core/api";
import { useAsk, type Session } from "../core/session";
import type { State } from "../core/store";
import type { Submission } from "../core/types";
import { Button, Empty, Icon, Problem, Skeleton, Time } from "../ui/basics";
import { ReviewPanel } from "./ReviewPanel";

type Filter = "all" | "scored" | "scoring" | "failed" | "changed";

export function overridden(submission: Submission): boolean {
  return submission.score !== null && submission.automatic_score !== null && submission.score !== submission.automatic_score;
}

export function matches(submission: Submission, filter: Filter, text: string): boolean {
  if (filter === "changed" ? !overridden(submission) : filter !== "all" && submission.state !== filter) return false;
  const words = text.trim().toLocaleLowerCase();
  return words === "" || `${submission.name ?? ""} ${submission.username ?? ""}`.toLocaleLowerCase().includes(words);
}

export function Submissions({ session, state }: { session: Session; state: State }) {
  const [list, setList] = useState<Submission[] | null>(null);
  const [next, setNext] = useState<string | number | null>(null);
  const [filter, setFilter] = useState<Filter>("all");
  const [text, setText] = useState("");
  const [open, setOpen] = useState<string | null>(null);
  const keys = useMemo(() => new ActionKeys(), []);
  const load = useAsk(async (cursor: string | number | null) => {
    const page = await session.api.handler<{ results: Submission[]; next: string | number | null }>("staff_submissions", cursor === null ? {} : { cursor });
    setList((old) => (cursor === null ? page.results : [...(old ?? []), ...page.results]));
    setNext(page.next ?? null);
  });
  useEffect(() => {
    void load.run(null);
  }, []);

  const review = async (submission: string, body: { score: number | null; comment: string; clear?: boolean }) => {
    const request = { submission, ...body };
    try {
      const fresh = await session.api.handler<Submission>("staff_review", { ...request, idempotency_key: keys.take(submission, request) });
      keys.settle(submission);
      setList((old) => (old ?? []).map((each) => (each.id === submission ? { ...each, ...fresh, name: fresh.name ?? each.name, username: fresh.username ?? each.username } : each)));
    } catch (failure) {
      const error = asError(failure);
      if (!error.temporary) keys.settle(submission);
      throw error;
    }
  };

  const classes = state.project?.starter_set?.classes ?? state.project?.training_sets[0]?.classes ?? [];
  const shown = (list ?? []).filter((each) => matches(each, filter, text));
  const filters: [Filter, string][] = [["all", t("All")], ["scored", t("Scored")], ["scoring", t("Being scored")], ["failed", t("Failed")], ["changed", t("Changed by hand")]];
  return (
    <section class="ax-card ax-staff" aria-label={t("Submissions")}>
      <div class="ax-row ax-spread">
        <h3 class="ax-step-title">{t("Submissions")}</h3>
        {load.error ? null : <Button small busy={load.busy} onClick={() => void load.run(null)}>{t("Refresh")}</Button>}
      </div>
      {list && list.length > 0 ? (
        <div class="ax-row ax-filter-bar">
          <div class="ax-chips" role="group" aria-label={t("Filter")}>
            {filters.map(([name, words]) => {
              const count = (list ?? []).filter((each) => matches(each, name, "")).length;
              return <button type="button" key={name} aria-pressed={filter === name} onClick={() => setFilter(name)}>{words} <span class="ax-chip-count">{number(count)}</span></button>;
            })}
          </div>
          <label class="ax-search">
            <span class="ax-visually-hidden">{t("Search by name")}</span>
            <Icon name="search" size={16} />
            <input type="search" value={text} placeholder={t("Search by name")} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
        </div>
      ) : null}
      <Problem error={load.error} />
      {load.error ? <Button small onClick={() => void load.run(null)}>{t("Try again")}</Button> : null}
      {list === null && !load.error ? <Skeleton rows={8} /> : null}
      {list?.length === 0 ? <Empty icon="flag" title={t("Nobody has handed in yet.")}><p>{t("Submissions appear here as soon as students hand in a model.")}</p></Empty> : null}
      {list && list.length > 0 && shown.length === 0 ? <Empty icon="search" title={t("No submission matches.")}><Button small onClick={() => { setFilter("all"); setText(""); }}>{t("Show all")}</Button></Empty> : null}
      {shown.length > 0 ? (
        <div class="ax-table-scroll">
          <table class="ax-table ax-submissions">
            <caption class="ax-visually-hidden">{tn("{n} submission", "{n} submissions", shown.length)}</caption>
            <thead>
              <tr>
                <th scope="col">{t("Student")}</th>
                <th scope="col" class="ax-num">{t("Result")}</th>
                <th scope="col" class="ax-num ax-wide">{t("Automatic")}</th>
                <th scope="col" class="ax-num">{t("Points")}</th>
                <th scope="col">{t("Handed in")}</th>
                <th scope="col" class="ax-open-cell"><span class="ax-visually-hidden">{t("Details")}</span></th>
              </tr>
            </thead>
            {shown.map((each) => (
              <Row
                key={each.id} submission={each} weight={state.weight} open={open === each.id} classes={each.classes ?? classes}
                onToggle={() => setOpen(open === each.id ? null : each.id)} review={(body) => review(each.id, body)}
              />
            ))}
          </table>
        </div>
      ) : null}
      {next !== null ? <Button small busy={load.busy} onClick={() => void load.run(next)}>{t("Load more")}</Button> : null}
    </section>
  );
}

interface RowProps {
  submission: Submission; weight: number; open: boolean; classes: string[]; onToggle: () => void;
  review: (body: { score: number | null; comment: string; clear?: boolean }) => Promise<void>;
}

function Row({ submission, weight, open, classes, onToggle, review }: RowProps) {
  const name = submission.name || submission.username || t("A student who left the course");
  const state = { scoring: t("Being scored"), scored: t("Scored"), failed: t("Failed") }[submission.state];
  return (
    <tbody class={open ? "ax-open" : ""}>
      <tr>
        <th scope="row">
          <bdi class="ax-person">{name}</bdi>
          {submission.username && submission.name ? <span class="ax-hint"><bdi>{submission.username}</bdi></span> : null}
        </th>
        <td class="ax-num">{submission.value === null ? <span class={`ax-badge ax-badge-${submission.state}`}>{state}</span> : percent(submission.value)}</td>
        <td class="ax-num ax-wide">{submission.automatic_score === null ? "–" : points(submission.automatic_score * weight)}</td>
        <td class="ax-num">
          {submission.score === null ? "–" : <bdi dir="ltr"><strong>{points(submission.score * weight)}</strong> / {points(weight)}</bdi>}
          {overridden(submission) ? <span class="ax-badge ax-badge-changed">{t("by hand")}</span> : null}
        </td>
        <td><Time value={submission.created_at} /><span class="ax-hint ax-wide">{absolute(submission.created_at)}</span></td>
        <td class="ax-open-cell">
          <button type="button" class="ax-disclose" aria-expanded={open} aria-label={t("Details of {name}", { name })} onClick={onToggle}><Icon name="chevron" size={18} /></button>
        </td>
      </tr>
      {open ? <tr class="ax-detail"><td colSpan={6}><ReviewPanel submission={submission} weight={weight} classes={classes} review={review} /></td></tr> : null}
    </tbody>
  );
}
