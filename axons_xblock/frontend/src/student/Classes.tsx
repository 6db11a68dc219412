/** Renames and merges classes, where they are the student's own. */
import { t } from "../core/i18n";
import type { TrainingSet } from "../core/types";
import { useUid } from "../ui/uid";

export type Renames = Readonly<Record<string, string>>;

/** The renames with one more; a class that keeps its name is not renamed. */
export function renamed(renames: Renames, from: string, to: string): Renames {
  const { [from]: _old, ...others } = renames;
  const clean = to.trim();
  return clean === "" || clean === from ? others : { ...others, [from]: clean };
}

export function Classes({ set, renames, onChange }: { set: TrainingSet; renames: Renames; onChange: (renames: Renames) => void }) {
  const id = useUid();
  return (
    <section>
      <h4>{t("Classes")}</h4>
      <p class="ax-help">{t("Give a class another name, or the name of another class to merge the two.")}</p>
      <ul class="ax-renames">
        {set.classes.map((name) => {
          const to = renames[name];
          const merges = to !== undefined && set.classes.includes(to);
          return (
            <li key={name}>
              <label>
                <span><bdi>{name}</bdi></span>
                <input
                  type="text" maxLength={60} defaultValue={name} list={id} aria-describedby={merges ? `${id}-${name}` : undefined}
                  onInput={(event) => onChange(renamed(renames, name, event.currentTarget.value))}
                />
              </label>
              {merges ? <p class="ax-note" id={`${id}-${name}`}>{t("“{from}” and “{to}” become one class.", { from: name, to })}</p> : null}
            </li>
          );
        })}
      </ul>
      <datalist id={id}>{set.classes.map((each) => <option key={each} value={each} />)}</datalist>
    </section>
  );
}
