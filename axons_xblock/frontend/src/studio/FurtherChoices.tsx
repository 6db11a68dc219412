/** Studio: what students may choose beyond the usual knobs. What is not ticked is not in the spec. */
import { CHOICES, choiceNames, FURTHER_KNOBS, knobNames, SWITCHES, switchNames } from "../core/further";
import { t } from "../core/i18n";
import type { Bound, Spec } from "../core/types";
import { parse } from "../student/parse";

type Knobs = Spec["hyperparameters"];
interface Props { spec: Spec; errors: Record<string, string>; change: (part: Partial<Spec>) => void }

export function FurtherChoices({ spec, errors, change }: Props) {
  const knobs: Knobs = spec.hyperparameters;
  const offer = (name: string, value: unknown) => {
    const { [name as keyof Knobs]: _, ...others } = knobs;
    change({ hyperparameters: (value === null ? others : { ...others, [name]: value }) as Knobs });
  };
  const sentences = (name: string) => Object.entries(errors).filter(([field]) => new RegExp(`^(spec\\.)?hyperparameters\\.${name}(\\.|$)`).test(field)).map(([, message]) => message);
  const wrong = [...choiceNames, ...knobNames, ...switchNames].some((name) => sentences(name).length > 0);
  return (
    <details class="ax-details" open={wrong}>
      <summary>{t("More that students may choose")}</summary>
      <p class="ax-help">{t("What is not ticked stays as it is usual, and students do not see it.")}</p>
      {choiceNames.map((name) => {
        const words = CHOICES[name];
        const on = knobs[name];
        return (
          <fieldset key={name} class="ax-choices" data-field={`hyperparameters.${name}`}>
            <legend>{words.label()}</legend>
            <p class="ax-help">{words.help()}</p>
            {Object.entries(words.values).map(([value, title]) => {
              const ticked = on?.allowed.includes(value) ?? false;
              const allowed = ticked ? (on?.allowed ?? []).filter((each) => each !== value) : Object.keys(words.values).filter((each) => each === value || on?.allowed.includes(each));
              const next = allowed.length === 0 ? null : { allowed, default: on && allowed.includes(on.default) ? on.default : (allowed[0] ?? value) };
              return (
                <label key={value} class="ax-choice">
                  <input type="checkbox" checked={ticked} onChange={() => offer(name, next)} />
                  <span class="ax-choice-title">{title()}{on?.default === value ? <span class="ax-badge">{t("suggested")}</span> : null}</span>
                  {ticked && on && on.default !== value ? <button type="button" class="ax-link" onClick={() => offer(name, { ...on, default: value })}>{t("Suggest this one")}</button> : null}
                </label>
              );
            })}
            {sentences(name).map((message) => <p key={message} class="ax-field-error" role="alert">{message}</p>)}
          </fieldset>
        );
      })}
      <table class="ax-bounds">
        <caption>{t("Students may also set")}</caption>
        <thead><tr><td /><th scope="col">{t("At least")}</th><th scope="col">{t("At most")}</th><th scope="col">{t("Suggested")}</th></tr></thead>
        <tbody>
          {knobNames.map((name) => {
            const words = FURTHER_KNOBS[name];
            const bound = knobs[name];
            const sides: [keyof Bound, string][] = [["min", t("at least")], ["max", t("at most")], ["default", t("suggested")]];
            return [
              <tr key={name}>
                <th scope="row"><label title={words.help()}><input type="checkbox" data-field={`hyperparameters.${name}`} checked={Boolean(bound)} onChange={() => offer(name, bound ? null : words.usual)} /> {words.label()}</label></th>
                {sides.map(([side, word]) => (
                  <td key={side}>
                    {bound ? (
                      <input
                        type="text" inputMode="decimal" class="ax-number" data-field={`hyperparameters.${name}.${side}`} aria-label={`${words.label()}, ${word}`} aria-invalid={sentences(name).length > 0}
                        value={Number.isFinite(bound[side]) ? String(bound[side]) : ""} onChange={(event) => offer(name, { ...bound, [side]: parse(event.currentTarget.value) })}
                      />
                    ) : null}
                  </td>
                ))}
              </tr>,
              sentences(name).length > 0 ? <tr key={`${name}-wrong`}><td colSpan={4}>{sentences(name).map((message) => <p key={message} class="ax-field-error" role="alert">{message}</p>)}</td></tr> : null,
            ];
          })}
        </tbody>
      </table>
      {switchNames.map((name) => {
        const words = SWITCHES[name];
        const on = knobs[name];
        return (
          <div key={name} class="ax-row">
            <label class="ax-switch">
              <input type="checkbox" data-field={`hyperparameters.${name}`} checked={Boolean(on)} onChange={() => offer(name, on ? null : { default: words.usual })} />
              <span><strong>{words.label()}</strong><span class="ax-help">{words.help()}</span></span>
            </label>
            {on ? <label><input type="checkbox" checked={on.default} onChange={(event) => offer(name, { default: event.currentTarget.checked })} /> {t("Suggest it on")}</label> : null}
          </div>
        );
      })}
    </details>
  );
}
