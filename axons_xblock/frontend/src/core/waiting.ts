/** What the page says about waiting: the place in line, when it starts, what it waits for, and what is left to compute. */
import { day, duration, number, span } from "./format";
import { t, tn } from "./i18n";
import type { Budget, Job, Queue, QueueReason } from "./types";

export function queueSentence(job: Job): string {
  const queue = job.queue;
  if (!queue || queue.position === null) return "";
  const parts = [queue.position <= 1 ? t("You are next in line.") : tn("{n} job is ahead of yours.", "{n} jobs are ahead of yours.", queue.position - 1)];
  if (queue.reason) parts.push(reasonSentence(queue.reason));
  const start = startSentence(queue);
  if (start) parts.push(start);
  return parts.join(" ");
}

function startSentence(queue: Queue): string {
  const { eta_seconds: eta, eta_low_seconds: low, eta_high_seconds: high } = queue;
  if (eta === null || eta === undefined) return "";
  if (low === null || low === undefined || high === null || high === undefined) {
    return eta < 2 ? t("It should start any moment.") : t("It should start in about {time}.", { time: duration(eta) });
  }
  if (high < 5) return t("It should start any moment.");
  return t("It starts in about {time}.", { time: span(low, high) });
}

function reasonSentence(reason: QueueReason): string {
  switch (reason.code) {
    case "course_limit":
      if (typeof reason.limit !== "number" || typeof reason.running !== "number") return reason.message;
      return `${tn("Your course may run {n} job at once;", "Your course may run {n} jobs at once;", reason.limit)} ${tn("{n} is running.", "{n} are running.", reason.running)}`;
    case "no_runner": return t("No machine is connected at the moment. It starts when one is.");
    case "not_measured": return t("Nobody can say yet when it starts: work like this was never measured here.");
    default: return reason.message;
  }
}

/** What is left of the scarcest budget; with the day of its renewal. */
export function budgetLeft(budget: Budget): string {
  const values = { left: number(Math.floor(budget.left_minutes)), limit: number(budget.limit_minutes) };
  switch (budget.scope) {
    case "course": return t("Your course has {left} of {limit} compute minutes left.", values);
    case "learner": return t("You have {left} of {limit} compute minutes left in this course.", values);
    case "exercise": return t("You have {left} of {limit} compute minutes left in this exercise.", values);
  }
}

/** Said from 80 % on after what is left: when it is renewed, and at the end what to do; empty while there is enough. */
export function budgetWarning(budget: Budget): string {
  if (budget.state === "ok") return "";
  const renewed = budget.renewed_on ? t("They are renewed on {day}.", { day: day(budget.renewed_on) }) : "";
  const used = budget.state === "used_up"
    ? t("No new training starts now; one that runs is finished. No try was used.")
    : "";
  const raised = budget.state !== "used_up" ? "" : budget.scope === "exercise"
    ? t("Your educator can raise the limit.")
    : t("The administrator of the training service can raise the limit.");
  return [renewed, used, raised].filter(Boolean).join(" ");
}
