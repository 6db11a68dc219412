/** How the class gets on: who has not begun, who is stuck, how the scores lie, and what it took. */
import { useEffect, useState } from "preact/hooks";
import { asError, type ApiError } from "../core/api";
import { safeCell, writeCsv } from "../core/csv";
import { number, percent, significant } from "../core/format";
import { t, tn } from "../core/i18n";
import { save } from "../core/save";
import { useAsk, type Session } from "../core/session";
import type { ClassLearner, ClassOverview, NotStarted, Standing } from "../core/types";
import { Button, Empty, Problem, Skeleton, Time } from "../ui/basics";

type Shown = Standing | "all" | "not_started";
interface Page { results: ClassLearner[]; next: string | null }

const ORDER: Standing[] = ["handed_in", "working", "opened", "no_run", "failing"];

function standingWord(standing: Shown): string {
  return {
    all: t("All who opened it"), handed_in: t("Handed in"), working: t("At work"), opened: t("Just opened"),
    no_run: t("No run for a day"), failing: t("Last run failed"), not_started: t("Not opened"),
  }[standing];
}

function opened(seen: ClassOverview): number {
  return ORDER.reduce((sum, each) => sum + seen.standings[each], 0);
}

export function failureWord(name: string): string {
  return ({
    infrastructure: t("our fault"), no_capacity: t("no machine was free"), out_of_memory: t("not enough memory"), invalid_input: t("unusable pictures or settings"),
    time_limit: t("time limit reached"), held_back: t("held back by a limit"),
  } as Record<string, string>)[name] ?? name;
}

export function Overview({ session }: { session: Session }) {
  const [seen, setSeen] = useState<ClassOverview | null>(null);
  const [missing, setMissing] = useState<NotStarted | null>(null);
  const [shown, setShown] = useState<Shown>("all");
  const summary = useAsk(async () => setSeen(await session.api.handler<ClassOverview>("staff_overview", {})));
  const absent = useAsk(async () => setMissing(await session.api.handler<NotStarted>("staff_not_started", {})));
  const load = () => {
    void summary.run();
    void absent.run();
  };
  useEffect(load, []);
  return (
    <section class="ax-card ax-staff" aria-label={t("The class")}>
      <div class="ax-row ax-spread">
        <h3 class="ax-step-title">{t("The class")}</h3>
        {summary.error ? null : <Button small busy={summary.busy} onClick={load}>{t("Refresh")}</Button>}
      </div>
      <Problem error={summary.error} />
      {summary.error ? <Button small onClick={load}>{t("Try again")}</Button> : null}
      {seen === null && !summary.error ? <Skeleton rows={8} /> : null}
      {seen ? <Glance seen={seen} missing={missing} shown={shown} show={setShown} /> : null}
      {seen ? <Problem error={absent.error} /> : null}
      {seen ? shown === "not_started" ? <Absent missing={missing} /> : <Learners key={shown} session={session} shown={shown} /> : null}
      {seen && (opened(seen) > 0 || missing?.count) ? <Export session={session} seen={seen} missing={missing} /> : null}
    </section>
  );
}

function Glance({ seen, missing, shown, show }: { seen: ClassOverview; missing: NotStarted | null; shown: Shown; show: (shown: Shown) => void }) {
  const everyone = opened(seen);
  const known = missing !== null && missing.enrolled !== null;
  const parts: [Shown, number][] = [...ORDER.map((each): [Shown, number] => [each, seen.standings[each]]), ...(known ? [["not_started", missing.count] as [Shown, number]] : [])];
  const everybody = parts.reduce((sum, [, count]) => sum + count, 0);
  const scored = seen.scores.reduce((sum, count) => sum + count, 0);
  const average = everyone > 0 ? seen.compute_minutes / everyone : 0;
  return (
    <>
      {everybody > 0 ? (
        <div class="ax-standings" aria-hidden="true">
          {parts.filter(([, count]) => count > 0).map(([name, count]) => <span key={name} class={`ax-standing ax-standing-${name}`} style={{ flexGrow: count }} title={`${standingWord(name)}: ${number(count)}`} />)}
        </div>
      ) : null}
      <div class="ax-chips" role="group" aria-label={t("Show students by where they stand")}>
        {([["all", everyone], ...parts] as [Shown, number][]).map(([name, count]) => (
          <button type="button" key={name} aria-pressed={shown === name} onClick={() => show(name)}>
            {name === "all" ? null : <span class={`ax-standing-mark ax-standing-${name}`} aria-hidden="true" />}
            {standingWord(name)} <span class="ax-chip-count">{number(count)}</span>
          </button>
        ))}
      </div>
      {missing !== null && missing.enrolled === null ? <p class="ax-hint">{t("This LMS does not tell who is enrolled: who never opened the exercise is not listed.")}</p> : null}
      <div class="ax-class-figures">
        <figure class="ax-histogram">
          <figcaption>{t("Best scores, in percent")} <span class="ax-hint">{tn("{n} student", "{n} students", scored)}</span></figcaption>
          {scored > 0 ? <Histogram counts={seen.scores} /> : <p class="ax-hint">{t("Nobody has a score yet.")}</p>}
        </figure>
        <dl class="ax-glance-facts">
          <div><dt>{t("Runs")}</dt><dd>{number(seen.runs)}</dd></div>
          <div><dt>{t("Failed runs")}</dt><dd>{number(seen.failed_runs)}{seen.failed_runs > 0 ? <span class="ax-hint"> {Object.entries(seen.failures).map(([name, count]) => `${failureWord(name)} ${number(count)}`).join(" · ")}</span> : null}</dd></div>
          <div><dt>{t("Compute time")}</dt><dd>{t("{n} min", { n: number(seen.compute_minutes, 1) })}</dd></div>
          <div><dt>{t("For each student, on average")}</dt><dd>{t("{n} min", { n: significant(average, 2) })}</dd></div>
        </dl>
      </div>
    </>
  );
}

/** Columns a tenth wide; each says its range and its count. */
function Histogram({ counts }: { counts: number[] }) {
  const most = Math.max(1, ...counts);
  return (
    <ol class="ax-columns">
      {counts.map((count, i) => (
        <li key={i}>
          <span class="ax-column-space">
            <span class={count === 0 ? "ax-visually-hidden" : ""}>{number(count)}</span>
            <span class="ax-column" style={{ blockSize: `${(count / most) * 80}%` }} aria-hidden="true" />
          </span>
          <span class="ax-visually-hidden">{t("{low} to {high}", { low: percent(i / counts.length, 0), high: percent((i + 1) / counts.length, 0) })}</span>
          <span aria-hidden="true" class="ax-column-name">{number(i * 10)}–{number(i * 10 + 10)}</span>
        </li>
      ))}
    </ol>
  );
}

function Learners({ session, shown }: { session: Session; shown: Standing | "all" }) {
  const [list, setList] = useState<ClassLearner[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const load = useAsk(async (cursor: string | null) => {
    const page = await session.api.handler<Page>("staff_overview_learners", { ...(shown === "all" ? {} : { standing: shown }), ...(cursor === null ? {} : { cursor }) });
    setList((old) => (cursor === null ? page.results : [...(old ?? []), ...page.results]));
    setNext(page.next);
  });
  useEffect(() => {
    void load.run(null);
  }, []);
  return (
    <>
      {list === null && !load.error ? <Skeleton rows={5} /> : null}
      {list?.length === 0 ? <Empty icon="search" title={shown === "all" ? t("Nobody has opened the exercise yet.") : t("Nobody stands here.")} /> : null}
      {list && list.length > 0 ? (
        <div class="ax-table-scroll">
          <table class="ax-table">
            <caption class="ax-visually-hidden">{standingWord(shown)}</caption>
            <thead>
              <tr>
                <th scope="col">{t("Student")}</th>
                <th scope="col" class="ax-num">{t("Runs")}</th>
                <th scope="col" class="ax-num">{t("Best score")}</th>
                <th scope="col" class="ax-num ax-wide">{t("Compute time")}</th>
                <th scope="col" class="ax-wide">{t("Last run")}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((each) => (
                <tr key={each.learner}>
                  <th scope="row">
                    <bdi class="ax-person">{each.name || t("A student who left the course")}</bdi>
                    <span class="ax-hint">
                      {each.username && each.name !== each.username ? <><bdi>{each.username}</bdi> · </> : null}
                      <span class={`ax-standing-mark ax-standing-${each.standing}`} aria-hidden="true" /> {standingWord(each.standing)}
                    </span>
                    {each.last_failure ? <span class="ax-hint"><bdi>{each.last_failure}</bdi></span> : null}
                  </th>
                  <td class="ax-num">{number(each.runs)}{each.failed_runs > 0 ? <span class="ax-hint">{t("{n} failed", { n: number(each.failed_runs) })}</span> : null}</td>
                  <td class="ax-num">{each.best_score === null ? "–" : percent(each.best_score, 0)}</td>
                  <td class="ax-num ax-wide">{t("{n} min", { n: number(each.compute_minutes, 1) })}</td>
                  <td class="ax-wide">{each.last_run_at ? <Time value={each.last_run_at} /> : "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      <Problem error={load.error} />
      {load.error ? <Button small onClick={() => void load.run(next)}>{t("Try again")}</Button> : null}
      {next !== null && !load.error ? <Button small busy={load.busy} onClick={() => void load.run(next)}>{t("Load more")}</Button> : null}
    </>
  );
}

function Absent({ missing }: { missing: NotStarted | null }) {
  if (!missing) return <Skeleton rows={5} />;
  if (missing.count === 0) return <Empty icon="check" title={t("Everybody who is enrolled has opened the exercise.")} />;
  return (
    <>
      <ul class="ax-words">{missing.results.map((each) => <li key={each.username}><bdi>{each.name}</bdi></li>)}</ul>
      {missing.count > missing.results.length ? <p class="ax-hint">{tn("and {n} more", "and {n} more", missing.count - missing.results.length)}</p> : null}
    </>
  );
}

/** All rows as a CSV file, read page by page. */
function Export({ session, seen, missing }: { session: Session; seen: ClassOverview; missing: NotStarted | null }) {
  const all = opened(seen);
  const [done, setDone] = useState<number | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const run = async () => {
    setError(null);
    setDone(0);
    const rows: (string | number)[][] = [[t("Student"), t("Username"), t("Stands at"), t("Runs"), t("Failed runs"), t("Best score"), t("Compute time, min"), t("Opened"), t("Last run"), t("What went wrong")]];
    try {
      let cursor: string | null = null;
      do {
        const page: Page = await session.api.handler<Page>("staff_overview_learners", cursor === null ? {} : { cursor });
        for (const each of page.results) rows.push([each.name, each.username, standingWord(each.standing), each.runs, each.failed_runs, each.best_score ?? "", each.compute_minutes, each.opened_at, each.last_run_at ?? "", each.last_failure]);
        setDone(rows.length - 1);
        cursor = page.next;
      } while (cursor !== null);
      for (const each of missing?.results ?? []) rows.push([each.name, each.username, standingWord("not_started"), 0, 0, "", 0, "", "", ""]);
      const cells = rows.map((row) => row.map((each) => (typeof each === "number" ? String(each) : safeCell(each))));
      save(new Blob([writeCsv(cells)], { type: "text/csv;charset=utf-8" }), "class.csv");
    } catch (failure) {
      setError(asError(failure));
    } finally {
      setDone(null);
    }
  };
  return (
    <>
      <div class="ax-row">
        <Button small icon="download" busy={done !== null} onClick={() => void run()}>{t("Download as CSV")}</Button>
        <span role="status" class="ax-hint">{done !== null ? t("{done} of {total} students", { done: number(done), total: number(all) }) : ""}</span>
      </div>
      <Problem error={error} />
    </>
  );
}
