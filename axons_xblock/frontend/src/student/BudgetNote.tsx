/** What is left to compute: a quiet line, a warning from 80 % on, and at the end who can raise the limit. */
import { t } from "../core/i18n";
import type { Budget } from "../core/types";
import { budgetLeft, budgetWarning } from "../core/waiting";
import { Notice } from "../ui/basics";

export function BudgetNote({ budget }: { budget: Budget | null | undefined }) {
  if (!budget) return null;
  if (budget.state === "ok") return <p class="ax-help ax-budget">{budgetLeft(budget)}</p>;
  return (
    <Notice kind="warning" live title={budget.state === "used_up" ? t("The compute minutes are used up") : t("The compute minutes run short")}>
      <p>{budgetLeft(budget)} {budgetWarning(budget)}</p>
    </Notice>
  );
}
