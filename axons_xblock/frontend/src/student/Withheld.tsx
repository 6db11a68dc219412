/** Scores that the author keeps back: what the student reads instead, and the moment at which they appear. */
import { useEffect } from "preact/hooks";
import { absolute } from "../core/format";
import { t } from "../core/i18n";
import type { Session } from "../core/session";
import type { State } from "../core/store";
import type { ProjectState } from "../core/types";
import { Notice } from "../ui/basics";

const LONGEST_TIMER = 2 ** 31 - 1;
const AFTER = 1000;
const SPREAD = 30_000; // a class must not ask in one second

/** Asks for everything anew a moment after scores may be seen. */
export function useAppearance(session: Session, state: State): void {
  const at = state.project?.results_withheld ? state.project.results_at : null;
  useEffect(() => {
    if (!at) return undefined;
    const wait = Math.max(0, Date.parse(at) - (Date.now() + state.ahead)) + AFTER + Math.random() * SPREAD;
    if (wait > LONGEST_TIMER) return undefined;
    const timer = setTimeout(() => void session.api.open().catch(() => undefined), wait);
    return () => clearTimeout(timer);
  }, [at, state.ahead]);
}

/** In the header, in place of the grade. */
export function withheldGrade(project: ProjectState): string {
  return project.results_at ? t("shown from {time}", { time: absolute(project.results_at) }) : t("not shown here");
}

/** In place of the newest score. */
export function WithheldNotice({ project }: { project: ProjectState }) {
  return (
    <Notice kind="info" live title={t("Your model is handed in")}>
      <p>{project.results_at
        ? t("Your educator shows scores from {time}. Until then the course staff alone see yours.", { time: absolute(project.results_at) })
        : t("Your educator does not show scores in this exercise. The course staff see yours.")}</p>
    </Notice>
  );
}
