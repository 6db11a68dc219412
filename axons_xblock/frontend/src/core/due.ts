/** When the work is due, and what that means now. The service decides; this is what the page says. */
import type { State } from "./store";
import type { ProjectState } from "./types";

export interface Due {
  /** The date that the student was told: the course's, or a later one of their own. */
  due: string;
  /** When handing in ends: the grace period later. */
  closes: string;
  /** `grace`: due, but still taken. `reopened`: ended, but one more is taken. */
  phase: "before" | "grace" | "reopened" | "ended";
}

/** Null without a due date, and where nothing is handed in. `now` in milliseconds. */
export function dueOf(project: ProjectState, state: Pick<State, "due" | "ahead">, now: number): Due | null {
  if (!state.due || !project.closes_at || !project.spec.grading) return null;
  const own = project.extended_until;
  const due = own && Date.parse(own) > Date.parse(state.due) ? own : state.due;
  const closes = project.closes_at;
  const time = now + state.ahead;
  const phase = time <= Date.parse(due) ? "before" : time <= Date.parse(closes) ? "grace" : project.reopened ? "reopened" : "ended";
  return { due, closes, phase };
}
