/** Who gives the points: the hidden test set, a grader by a rubric, or both; and the rubric's criteria. */
import { number } from "../core/format";
import { rubricShare } from "../core/grading";
import { t } from "../core/i18n";
import type { Criterion, Grading, Rule } from "../core/types";
import { parse } from "../student/Hyper";
import { Button, Field, Icon } from "../ui/basics";
import { useUid } from "../ui/uid";

interface Props { grading: Grading; errors: Record<string, string>; onChange: (grading: Grading) => void }

/** What the service takes: keys that the rule does not use are left out, so that an older spec keeps its hash. */
export function settled(grading: Grading): Grading {
  const { rule, rubric, rubric_share: _share, ...rest } = grading;
  if (!rule || rule === "automatic") return rest;
  const criteria = (rubric ?? []).map(({ help, ...each }) => ({ ...each, title: each.title.trim(), ...(help?.trim() ? { help: help.trim() } : {}) }));
  return rule === "mixed" ? { ...rest, rule, rubric: criteria, rubric_share: rubricShare(grading) } : { ...rest, rule, rubric: criteria };
}

/** An id that no criterion has: points that were given belong to it for ever. */
export function freshId(rubric: Criterion[]): string {
  let n = rubric.length + 1;
  while (rubric.some((each) => each.id === `c${n}`)) n += 1;
  return `c${n}`;
}

export function RuleChoice({ grading, errors, onChange }: Props) {
  const group = useUid();
  const rule = grading.rule ?? "automatic";
  const rules: { name: Rule; title: string; note: string }[] = [
    { name: "automatic", title: t("The hidden test set"), note: t("The grade is there within seconds.") },
    { name: "rubric", title: t("A grader, by a rubric"), note: t("The figures are shown to the grader, who gives the points.") },
    { name: "mixed", title: t("Both"), note: t("A part of the points from each.") },
  ];
  const choose = (name: Rule) => onChange({ ...grading, rule: name, rubric: grading.rubric ?? [{ id: "c1", title: "", points: 5 }] });
  return (
    <>
      <fieldset class="ax-choices" data-field="grading.rule">
        <legend>{t("Who gives the points")}</legend>
        {rules.map((each) => (
          <label key={each.name} class="ax-choice">
            <input type="radio" name={group} checked={rule === each.name} onChange={() => choose(each.name)} />
            <span class="ax-choice-title">{each.title}</span>
            <span class="ax-choice-note">{each.note}</span>
          </label>
        ))}
      </fieldset>
      {rule === "mixed" ? (
        <Field label={t("The rubric’s part, in percent of the points")} error={errors["grading.rubric_share"] ?? errors["spec.grading.rubric_share"]}>
          {({ id, invalid }) => (
            <input id={id} data-field="grading.rubric_share" type="text" inputMode="decimal" class="ax-number" aria-invalid={invalid} value={Number.isFinite(rubricShare(grading)) ? String(Number((rubricShare(grading) * 100).toFixed(4))) : ""}
              onChange={(event) => onChange({ ...grading, rubric_share: parse(event.currentTarget.value) / 100 })} />
          )}
        </Field>
      ) : null}
      {rule === "automatic" ? null : <Criteria grading={grading} errors={errors} onChange={onChange} />}
    </>
  );
}

function Criteria({ grading, errors, onChange }: Props) {
  const rubric = grading.rubric ?? [];
  const change = (place: number, fresh: Partial<Criterion>) => onChange({ ...grading, rubric: rubric.map((each, i) => (i === place ? { ...each, ...fresh } : each)) });
  const errorAt = (field: string) => errors[`grading.rubric${field}`] ?? errors[`spec.grading.rubric${field}`];
  const whole = rubric.reduce((sum, each) => sum + (Number.isFinite(each.points) ? each.points : 0), 0);
  return (
    <fieldset class="ax-rubric" data-field="grading.rubric">
      <legend>{t("Rubric")} <span class="ax-hint">{t("{n} points make the whole", { n: number(whole, 2) })}</span></legend>
      {rubric.map((each, i) => (
        <div key={each.id} class="ax-rubric-row">
          <Field label={t("Criterion {n}", { n: number(i + 1) })} error={errorAt(`.${i}.title`) ?? errorAt(`.${i}`)}>
            {({ id, invalid }) => <input id={id} type="text" data-field={`grading.rubric.${i}.title`} value={each.title} aria-invalid={invalid} onInput={(event) => change(i, { title: event.currentTarget.value })} />}
          </Field>
          <Field label={t("Points")} error={errorAt(`.${i}.points`)}>
            {({ id, invalid }) => <input id={id} type="text" inputMode="decimal" class="ax-number" data-field={`grading.rubric.${i}.points`} value={Number.isFinite(each.points) ? String(each.points) : ""} aria-invalid={invalid} onChange={(event) => change(i, { points: parse(event.currentTarget.value) })} />}
          </Field>
          <Field label={t("What earns them")} error={errorAt(`.${i}.help`)}>
            {({ id, invalid }) => <textarea id={id} rows={2} data-field={`grading.rubric.${i}.help`} value={each.help ?? ""} aria-invalid={invalid} onInput={(event) => change(i, { help: event.currentTarget.value })} />}
          </Field>
          <button type="button" class="ax-disclose" aria-label={t("Remove criterion {n}", { n: number(i + 1) })} disabled={rubric.length < 2} onClick={() => onChange({ ...grading, rubric: rubric.filter((_each, j) => j !== i) })}><Icon name="cross" size={16} /></button>
        </div>
      ))}
      <Button small icon="plus" onClick={() => onChange({ ...grading, rubric: [...rubric, { id: freshId(rubric), title: "", points: 5 }] })}>{t("Add a criterion")}</Button>
      {errorAt("") ? <p class="ax-field-error" role="alert">{errorAt("")}</p> : null}
    </fieldset>
  );
}
