/** The steps as nodes on one line, the way a signal runs along an axon. Every step can be reached at any time. */
import { t } from "../core/i18n";
import { Icon } from "../ui/basics";
import type { Step } from "./context";

export interface RailStep { id: Step; title: string; status: string; done: boolean; active: boolean; share?: number | null }

export function Rail({ steps, current, go }: { steps: RailStep[]; current: Step; go: (step: Step) => void }) {
  return (
    <nav class="ax-rail" aria-label={t("Steps of this exercise")}>
      <ol>
        {steps.map((step, index) => (
          <li key={step.id} class={`${step.done ? "ax-done" : ""}${step.active ? " ax-active" : ""}`}>
            <button type="button" aria-current={step.id === current ? "step" : undefined} onClick={() => go(step.id)}>
              <span class="ax-node" aria-hidden="true" style={step.share !== null && step.share !== undefined ? { "--share": String(step.share) } : undefined}>
                {step.done && !step.active ? <Icon name="check" size={16} /> : <span>{index + 1}</span>}
              </span>
              <span class="ax-rail-words">
                <span class="ax-rail-title">{step.title}</span>
                <span class="ax-rail-status">{step.status}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
