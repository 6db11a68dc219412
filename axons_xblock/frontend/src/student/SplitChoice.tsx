/** How many pictures are kept back to check the model, and which: chosen by chance, the same for the same number. */
import { number, percent } from "../core/format";
import { t } from "../core/i18n";
import type { TrainingSet } from "../core/types";
import { Button } from "../ui/basics";
import { useUid } from "../ui/uid";

export interface SplitWish { validation: number; seed: number }

export function SplitChoice({ set, wish, onChange }: { set: TrainingSet; wish: SplitWish | null; onChange: (wish: SplitWish | null) => void }) {
  const id = useUid();
  const held = Object.values(set.counts).reduce((sum, each) => sum + (each.validation ?? 0), 0);
  const now = set.image_count > 0 ? held / set.image_count : 0.2;
  const share = wish?.validation ?? Math.min(0.5, Math.max(0.05, Math.round(now * 20) / 20));
  return (
    <section>
      <h4>{t("Kept back to check the model")}</h4>
      <p class="ax-help" id={`${id}-help`}>{t("The model never learns from these. With more of them the check is surer, but less is left to learn from. Look-alikes stay together.")}</p>
      <div class="ax-row ax-split">
        <label class="ax-grow">
          <span class="ax-visually-hidden">{t("Share kept back")}</span>
          <input
            type="range" min={0.05} max={0.5} step={0.05} value={share} aria-describedby={`${id}-help`} aria-valuetext={percent(share, 0)}
            onInput={(event) => onChange({ validation: Number(event.currentTarget.value), seed: wish?.seed ?? 0 })}
          />
        </label>
        <output>{t("{share} · about {n} of {total}", { share: percent(share, 0), n: number(Math.round(share * set.image_count)), total: number(set.image_count) })}</output>
        <Button small onClick={() => onChange({ validation: share, seed: (wish?.seed ?? 0) + 1 })}>{t("Draw others")}</Button>
        {wish ? <Button small look="quiet" icon="undo" onClick={() => onChange(null)}>{t("As it was")}</Button> : null}
      </div>
      {wish ? <p class="ax-note">{t("All pictures are drawn anew (draw {n}). Results of earlier versions can no longer be compared with this one.", { n: wish.seed })}</p> : null}
    </section>
  );
}
