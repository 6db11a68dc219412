/** Folders that are called like no class: the student says where their pictures belong. */
import { useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import type { Source } from "../core/sources";
import { Button } from "../ui/basics";
import { useUid } from "../ui/uid";

interface Props { groups: [string, Source[]][]; classes: string[]; free: boolean; onDone: (choices: [string, Source[]][]) => void }

const LEAVE = "";

export function Sorting({ groups, classes, free, onDone }: Props) {
  const id = useUid();
  const [choices, setChoices] = useState<Record<number, string>>({});
  const named = (folder: string) => folder.trim().slice(0, 60);
  const choice = (index: number) => choices[index] ?? (free ? named(groups[index]?.[0] ?? "") : LEAVE);
  return (
    <section class="ax-wash" aria-label={t("Which class do they show?")}>
      <h5>{t("Which class do they show?")}</h5>
      <ul class="ax-sorting">
        {groups.map(([folder, sources], index) => (
          <li key={`${folder}-${index}`}>
            <label for={`${id}-${index}`}>
              <bdi>{folder || t("Without a folder")}</bdi> <span class="ax-hint">{tn("{n} picture", "{n} pictures", sources.length)}</span>
            </label>
            <select id={`${id}-${index}`} value={choice(index)} onChange={(event) => { const to = event.currentTarget.value; setChoices((old) => ({ ...old, [index]: to })); }}>
              <option value={LEAVE}>{t("Leave out")}</option>
              {free && named(folder) && !classes.includes(named(folder)) ? <option value={named(folder)}>{t("New class “{name}”", { name: named(folder) })}</option> : null}
              {classes.map((each) => <option key={each} value={each}>{each}</option>)}
            </select>
          </li>
        ))}
      </ul>
      <div class="ax-row">
        <Button look="primary" small onClick={() => onDone(groups.map(([, sources], index): [string, Source[]] => [choice(index), sources]).filter(([name]) => name !== LEAVE))}>{t("Add these pictures")}</Button>
        <Button look="quiet" small onClick={() => onDone([])}>{t("Leave all out")}</Button>
      </div>
    </section>
  );
}
