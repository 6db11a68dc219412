/** The due date: in the header of every step, and, with what it means, where a model is handed in. */
import { useEffect, useState } from "preact/hooks";
import { dueOf, type Due } from "../core/due";
import { absolute, duration, relative } from "../core/format";
import { t } from "../core/i18n";
import type { State } from "../core/store";
import type { ProjectState } from "../core/types";
import { Notice } from "../ui/basics";

const TICK = 15_000;

/** The due date as it stands now, and the time by the LMS's clock; looked at again while the page is open. */
export function useDue(project: ProjectState | null, state: State): { due: Due | null; now: number } {
  const [now, setNow] = useState(() => Date.now());
  const has = Boolean(state.due);
  useEffect(() => {
    if (!has) return undefined;
    const timer = setInterval(() => setNow(Date.now()), TICK);
    return () => clearInterval(timer);
  }, [has]);
  return { due: project ? dueOf(project, state, now) : null, now: now + state.ahead };
}

/** "in 3 days"; within the last hour in whole minutes, rounded up. */
function left(time: string, now: number): string {
  const seconds = (Date.parse(time) - now) / 1000;
  return seconds > 0 && seconds < 3600 ? t("{time} left", { time: duration(Math.ceil(seconds / 60) * 60) }) : relative(time, now);
}

/** One fact of the header. */
export function DueFact({ due, now }: { due: Due; now: number }) {
  return (
    <div>
      <dt>{due.phase === "before" ? t("Due") : t("Was due")}</dt>
      <dd><time dateTime={due.due}>{absolute(due.due)}</time> <span class="ax-hint">{left(due.due, now)}</span></dd>
    </div>
  );
}

/** What the due date means for handing in. */
export function DueNotice({ due, now }: { due: Due; now: number }) {
  switch (due.phase) {
    case "before":
      return <p class="ax-hint">{t("Hand in by {time} ({left}).", { time: absolute(due.due), left: left(due.due, now) })}</p>;
    case "grace":
      return <Notice kind="warning" live><p>{t("The due date has passed. You can still hand in until {time} ({left}).", { time: absolute(due.closes), left: left(due.closes, now) })}</p></Notice>;
    case "reopened":
      return <Notice kind="info" live><p>{t("The due date has passed, but you may hand in once more.")}</p></Notice>;
    case "ended":
      return (
        <Notice kind="info" live title={t("Handing in has ended")}>
          <p>{t("It ended on {time}. You can go on training and trying for practice; that does not change your grade. If you need more time, ask the course staff.", { time: absolute(due.closes) })}</p>
        </Notice>
      );
  }
}
