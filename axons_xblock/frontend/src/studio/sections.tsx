/** The editor's sections; each shows the service's objections at the fields they are about. */
import { number, significant } from "../core/format";
import { hiddenShare } from "../core/grading";
import { t, tn } from "../core/i18n";
import type { ComponentChildren } from "preact";
import { bareName, fitting, hasMasks, NETWORKS, withTask } from "../core/task";
import type { Bound, Grading, Library, LibrarySet, Spec } from "../core/types";
import { architectureDescription, architectureTitle } from "../core/words";
import { boundOf, parse } from "../student/Hyper";
import { Button, Field, Notice } from "../ui/basics";
import { useUid } from "../ui/uid";
import { FurtherChoices } from "./FurtherChoices";
import { RuleChoice } from "./RubricEditor";
import { ThresholdEditor } from "./ThresholdEditor";
import type { Publication, Role } from "../core/workshop";
import { versionOf } from "./versions";

export interface FormPart {
  spec: Spec; library: Library | null; errors: Record<string, string>; change: (fresh: Partial<Spec>) => void;
  /** Opens the workshop, where sets are made; absent where the platform does not offer it. */
  make?: (role: Role, fork: LibrarySet | null) => void;
  /** What the author has just published there. */
  published?: Publication | null;
}

function JustPublished({ found, role }: { found: Publication | null | undefined; role: Role }) {
  if (found?.kind !== role) return null;
  return (
    <Notice kind="success" live title={t("“{title}” is published", { title: found.title })}>
      <p>{t("Version {n} is chosen for this exercise. Save, so that students get it.", { n: found.version })}</p>
    </Notice>
  );
}

/** Objections name fields with or without the spec before them. */
export function errorOf(errors: Record<string, string>, field: string): string | undefined {
  return errors[field] ?? errors[`spec.${field}`];
}

export function KindSection({ spec, change }: FormPart) {
  const group = useUid();
  const kinds = [
    { name: "training" as const, title: t("Train a model"), note: t("Students choose pictures, train, look at the mistakes, and hand a model in.") },
    { name: "inference" as const, title: t("Try a finished model"), note: t("You supply the model; students show it pictures of their own. Not graded.") },
  ];
  return (
    <section class="ax-form-section">
      <h3>{t("What students do")}</h3>
      <fieldset class="ax-choices">
        <legend class="ax-visually-hidden">{t("What students do")}</legend>
        {kinds.map((each) => (
          <label key={each.name} class="ax-choice">
            <input type="radio" name={group} checked={spec.kind === each.name}
              onChange={() => change(each.name === "training" && spec.architectures.length === 0 ? { kind: each.name, architectures: (NETWORKS[spec.task] ?? []).slice(0, 1) } : { kind: each.name })} />
            <span class="ax-choice-title">{each.title}</span>
            <span class="ax-choice-note">{each.note}</span>
          </label>
        ))}
      </fieldset>
    </section>
  );
}

export function TaskSection({ spec, errors, change }: FormPart) {
  const group = useUid();
  const tasks = [
    { name: "classification", title: t("Tell pictures apart"), note: t("Each picture has one label; the model says which class a picture shows.") },
    { name: "segmentation", title: t("Mark every pixel"), note: t("Each picture has a mask; the model says for every pixel what it shows. Students work with your pictures, or bring a zip with masks.") },
  ];
  const wrong = errorOf(errors, "task");
  return (
    <section class="ax-form-section">
      <h3>{t("What the model learns")}</h3>
      <fieldset class="ax-choices" data-field="task">
        <legend class="ax-visually-hidden">{t("What the model learns")}</legend>
        {tasks.map((each) => (
          <label key={each.name} class="ax-choice">
            <input type="radio" name={group} checked={spec.task === each.name} aria-invalid={Boolean(wrong)} onChange={() => change(withTask(spec, each.name))} />
            <span class="ax-choice-title">{each.title}</span>
            <span class="ax-choice-note">{each.note}</span>
          </label>
        ))}
      </fieldset>
      {wrong ? <p class="ax-field-error" role="alert">{wrong}</p> : null}
    </section>
  );
}

function SetPicker({ label, help, none, sets, value, error, field, onChange, children }: {
  label: string; help: string; none: string; sets: LibrarySet[] | null; value: string | null; error?: string; field: string; onChange: (name: string | null) => void; children?: ComponentChildren;
}) {
  const known = sets ?? [];
  const found = versionOf(known, value);
  const chosen = found?.isNewest ? found.set : undefined;
  return (
    <Field label={label} help={help} error={error}>
      {({ id, describedBy, invalid }) => (
        <>
          <select id={id} data-field={field} value={value ?? ""} disabled={sets === null} aria-describedby={describedBy} aria-invalid={invalid} onChange={(event) => onChange(event.currentTarget.value || null)}>
            <option value="">{none}</option>
            {value && chosen?.name !== value ? <option value={value}>{chosen ? chosen.title : found ? t("{title}, an earlier version", { title: found.set.title }) : bareName(value)}</option> : null}
            {known.filter((each) => each !== chosen || each.name === value).map((each) => <option key={each.name} value={each.name}>{each.is_own ? t("{title} (this course, version {n})", { title: each.title, n: each.version ?? 1 }) : each.title}</option>)}
          </select>
          {found && !found.isNewest ? <p class="ax-note">{t("There is a newer version, {n}. This exercise keeps the one that it has until you choose the other.", { n: found.set.version ?? 0 })}</p> : null}
          {chosen ? (
            <p class="ax-hint">{[
              chosen.count !== undefined ? tn("{n} picture", "{n} pictures", chosen.count) : "",
              chosen.classes ? tn("{n} class", "{n} classes", chosen.classes.length) : "",
              chosen.licence ?? "",
            ].filter(Boolean).join(" · ")}{chosen.classes ? <><br /><bdi>{chosen.classes.join(", ")}</bdi></> : null}{chosen.description ? <><br /><bdi>{chosen.description}</bdi></> : null}</p>
          ) : null}
          {children}
        </>
      )}
    </Field>
  );
}

export function PicturesSection({ spec, library, errors, change, make, published }: FormPart) {
  const sets = library ? fitting(library.starter_sets, spec) : null;
  const chosen = versionOf(sets ?? [], spec.starter_set)?.set ?? null;
  return (
    <section class="ax-form-section">
      <h3>{t("Pictures")}</h3>
      <SetPicker
        label={t("Starter set")} help={t("The pictures that every student begins with.")} none={t("None: students bring all pictures")} field="starter_set"
        sets={sets} value={spec.starter_set} error={errorOf(errors, "starter_set")} onChange={(starter_set) => change({ starter_set })}
      >
        <JustPublished found={published} role="starter" />
        {make && sets ? (
          <div class="ax-row">
            <Button small icon="upload" onClick={() => make("starter", null)}>{t("Make a starter set")}</Button>
            {chosen?.id ? <Button small onClick={() => make("starter", chosen)}>{t("Change a copy of “{title}”", { title: chosen.title })}</Button> : null}
          </div>
        ) : null}
      </SetPicker>
      <label class="ax-switch">
        <input type="checkbox" data-field="own_pictures" checked={spec.own_pictures} onChange={(event) => change({ own_pictures: event.currentTarget.checked })} />
        <span><strong>{t("Students may add pictures of their own")}</strong><span class="ax-help">{hasMasks(spec) ? t("As a zip with masks. They can always leave pictures out; each change makes a new version.") : t("They can also leave pictures out and correct labels. Each change makes a new version.")}</span></span>
      </label>
      {errorOf(errors, "own_pictures") ? <Notice kind="error"><p>{errorOf(errors, "own_pictures")}</p></Notice> : null}
    </section>
  );
}

export function TrainingSection({ spec, library, errors, change }: FormPart) {
  const known = library ? fitting(library.architectures, spec) : (NETWORKS[spec.task] ?? []).map((name) => ({ name, title: architectureTitle(name), description: architectureDescription(name) }));
  const knobs = [
    { name: "epochs" as const, label: t("Epochs") },
    { name: "learning_rate" as const, label: t("Learning rate") },
    { name: "batch_size" as const, label: t("Batch size") },
  ];
  const set = (name: "epochs" | "learning_rate" | "batch_size", side: keyof Bound, value: number) =>
    change({ hyperparameters: { ...spec.hyperparameters, [name]: { ...boundOf(spec, name), [side]: value } } });
  const others = Object.entries(errors).filter(([field]) => /^(spec\.)?architectures/.test(field));
  return (
    <section class="ax-form-section">
      <h3>{t("Training")}</h3>
      <fieldset class="ax-choices" data-field="architectures">
        <legend>{t("Networks that students may choose")}</legend>
        {known.map((each) => {
          const on = spec.architectures.includes(each.name);
          return (
            <label key={each.name} class="ax-choice">
              <input type="checkbox" checked={on} aria-invalid={others.length > 0} onChange={() => change({ architectures: on ? spec.architectures.filter((name) => name !== each.name) : [...spec.architectures, each.name] })} />
              <span class="ax-choice-title">{each.title}{spec.architectures[0] === each.name ? <span class="ax-badge">{t("suggested")}</span> : null}</span>
              <span class="ax-choice-note">{each.description}</span>
              {on && spec.architectures[0] !== each.name ? <button type="button" class="ax-link" onClick={() => change({ architectures: [each.name, ...spec.architectures.filter((name) => name !== each.name)] })}>{t("Suggest this one")}</button> : null}
            </label>
          );
        })}
      </fieldset>
      {others.map(([field, message]) => <Notice key={field} kind="error"><p>{message}</p></Notice>)}
      <table class="ax-bounds">
        <caption>{t("What students may set")}</caption>
        <thead><tr><td /><th scope="col">{t("At least")}</th><th scope="col">{t("At most")}</th><th scope="col">{t("Suggested")}</th></tr></thead>
        <tbody>
          {knobs.map(({ name, label }) => {
            const bound = boundOf(spec, name);
            const sides = [["min", t("at least")], ["max", t("at most")], ["default", t("suggested")]] as const;
            const wrong = ["", ".min", ".max", ".default"].map((side) => errorOf(errors, `hyperparameters.${name}${side}`)).filter(Boolean);
            return [
              <tr key={name}>
                <th scope="row">{label}</th>
                {sides.map(([side, words]) => (
                  <td key={side}>
                    <input
                      type="text" inputMode="decimal" class="ax-number" data-field={`hyperparameters.${name}.${side}`} aria-label={`${label}, ${words}`} value={Number.isFinite(bound[side]) ? String(bound[side]) : ""}
                      aria-invalid={Boolean(errorOf(errors, `hyperparameters.${name}.${side}`) ?? errorOf(errors, `hyperparameters.${name}`))}
                      onChange={(event) => set(name, side, parse(event.currentTarget.value))}
                    />
                  </td>
                ))}
              </tr>,
              wrong.length > 0 ? <tr key={`${name}-wrong`}><td colSpan={4}>{wrong.map((message) => <p key={message} class="ax-field-error" role="alert">{message}</p>)}</td></tr> : null,
            ];
          })}
        </tbody>
      </table>
      <p class="ax-help">{t("Set “at least” and “at most” to the same value to take the choice away.")}</p>
      <label class="ax-switch">
        <input type="checkbox" data-field="hyperparameters.augmentation.default" checked={spec.hyperparameters.augmentation?.default ?? true}
          onChange={(event) => change({ hyperparameters: { ...spec.hyperparameters, augmentation: { default: event.currentTarget.checked } } })} />
        <span><strong>{t("Suggest varied pictures (augmentation)")}</strong></span>
      </label>
      <FurtherChoices spec={spec} errors={errors} change={change} />
    </section>
  );
}

export function GradeSection({ spec, library, errors, change, make, published, weight, suggestion }: FormPart & { weight: number; suggestion: Grading }) {
  return (
    <section class="ax-form-section">
      <h3>{t("Grade")}</h3>
      <label class="ax-switch">
        <input type="checkbox" checked={spec.grading !== null} onChange={(event) => change({ grading: event.currentTarget.checked ? suggestion : null })} />
        <span><strong>{t("Students hand in a model for a grade")}</strong><span class="ax-help">{t("It is scored on hidden pictures, the same for everyone.")}</span></span>
      </label>
      {spec.grading ? (
        <>
          <SetPicker
            label={t("Hidden test set")} help={t("Students never see these pictures.")} none={t("Choose a set")} field="hidden_test_set"
            sets={library ? fitting(library.hidden_test_sets, spec) : null} value={spec.hidden_test_set} error={errorOf(errors, "hidden_test_set")} onChange={(hidden_test_set) => change({ hidden_test_set })}
          >
            <JustPublished found={published} role="hidden" />
            {make && library ? <div class="ax-row"><Button small icon="upload" onClick={() => make("hidden", null)}>{t("Make a hidden test set")}</Button></div> : null}
          </SetPicker>
          <RuleChoice grading={spec.grading} errors={errors} onChange={(grading) => change({ grading })} />
          {hasMasks(spec) && spec.grading.rule !== "rubric" ? <MetricChoice grading={spec.grading} errors={errors} onChange={(grading) => change({ grading })} /> : null}
          {spec.grading.rule === "rubric" ? null : <ThresholdEditor grading={spec.grading} weight={weight * hiddenShare(spec.grading)} errors={errors} onChange={(grading) => change({ grading })} />}
          <Field label={t("Tries")} hint={t("0 means no limit")} error={errorOf(errors, "max_tries")} help={t("Only a scored submission uses a try; faults of ours never do.")}>
            {({ id, describedBy, invalid }) => (
              <input id={id} data-field="max_tries" type="text" inputMode="numeric" class="ax-number" value={Number.isFinite(spec.max_tries) ? String(spec.max_tries) : ""} aria-describedby={describedBy} aria-invalid={invalid} onChange={(event) => change({ max_tries: parse(event.currentTarget.value) })} />
            )}
          </Field>
          <label class="ax-switch">
            <input type="checkbox" data-field="leaderboard" checked={spec.leaderboard === true} onChange={(event) => change({ leaderboard: event.currentTarget.checked })} />
            <span><strong>{t("Leaderboard")}</strong><span class="ax-help">{t("Students see the ten best results on the hidden pictures and their own place. Nobody is named.")}</span></span>
          </label>
        </>
      ) : errorOf(errors, "grading") ? <Notice kind="error"><p>{errorOf(errors, "grading")}</p></Notice> : null}
    </section>
  );
}

/** What is measured on hidden masks. */
function MetricChoice({ grading, errors, onChange }: { grading: Grading; errors: Record<string, string>; onChange: (grading: Grading) => void }) {
  return (
    <Field label={t("Measured by")} help={t("Mean IoU counts every class alike. The share of right pixels is high already where most of a picture is background.")} error={errorOf(errors, "grading.metric")}>
      {({ id, describedBy, invalid }) => (
        <select id={id} data-field="grading.metric" value={grading.metric} aria-describedby={describedBy} aria-invalid={invalid} onChange={(event) => onChange({ ...grading, metric: event.currentTarget.value })}>
          <option value="miou">{t("Mean IoU")}</option>
          <option value="accuracy">{t("Share of right pixels")}</option>
        </select>
      )}
    </Field>
  );
}

/** Inference only: the model that the author supplies. */
export function ChecksSection({ spec, library, errors, change }: FormPart) {
  const models = library ? fitting(library.models, spec) : null;
  const chosen = models?.find((each) => each.name === spec.model);
  return (
    <section class="ax-form-section">
      <h3>{t("Model")}</h3>
      <Field label={t("Supplied model")} error={errorOf(errors, "model")} help={models?.length === 0 ? t("There is no supplied model yet. Ask the administrator of the training service to add one.") : undefined}>
        {({ id, describedBy, invalid }) => (
          <>
            <select id={id} data-field="model" value={spec.model ?? ""} disabled={models === null} aria-describedby={describedBy} aria-invalid={invalid} onChange={(event) => change({ model: event.currentTarget.value || null })}>
              <option value="">{t("Choose a model")}</option>
              {spec.model && !chosen ? <option value={spec.model}>{spec.model}</option> : null}
              {(models ?? []).map((each) => <option key={each.name} value={each.name}>{each.title}</option>)}
            </select>
            {chosen?.classes ? <p class="ax-hint"><bdi>{chosen.classes.join(", ")}</bdi></p> : null}
          </>
        )}
      </Field>
    </section>
  );
}

/** The other kinds of machine, in the order in which they were ticked. */
function Fallbacks({ spec, pools, error, change }: { spec: Spec; pools: Library["pools"]; error: string | undefined; change: FormPart["change"] }) {
  const chosen = spec.fallback_pools ?? [];
  const others = [...pools.filter((each) => each.name !== spec.pool), ...chosen.filter((name) => !pools.some((each) => each.name === name)).map((name) => ({ name, title: name }))];
  if (others.length === 0) return null;
  return (
    <fieldset class="ax-choices ax-fallbacks" data-field="fallback_pools">
      <legend>{t("When none is free there, use")}</legend>
      {others.map(({ name, title }) => {
        const place = chosen.indexOf(name);
        return (
          <label key={name} class="ax-choice">
            <input type="checkbox" checked={place >= 0} aria-invalid={Boolean(error)} onChange={() => change({ fallback_pools: place >= 0 ? chosen.filter((each) => each !== name) : [...chosen, name] })} />
            <span class="ax-choice-title">{title}{place >= 0 && chosen.length > 1 ? <span class="ax-badge">{t("choice {n}", { n: number(place + 1) })}</span> : null}</span>
          </label>
        );
      })}
      {error ? <p class="ax-field-error" role="alert">{error}</p> : null}
    </fieldset>
  );
}

export function ComputeSection({ spec, library, errors, change }: FormPart) {
  const pools = library?.pools ?? [];
  const minutes = spec.compute_minutes_per_learner ?? NaN;
  return (
    <section class="ax-form-section">
      <h3>{t("Machines")}</h3>
      <div class="ax-form-grid">
        <Field label={t("Kind of machine")} error={errorOf(errors, "pool")}>
          {({ id, invalid }) => (
            <select id={id} data-field="pool" value={spec.pool} disabled={library === null} aria-invalid={invalid} onChange={(event) => change({ pool: event.currentTarget.value })}>
              {pools.some((each) => each.name === spec.pool) ? null : <option value={spec.pool}>{spec.pool}</option>}
              {pools.map((each) => <option key={each.name} value={each.name}>{each.title}</option>)}
            </select>
          )}
        </Field>
        <Field label={t("Longest run, in minutes")} hint={t("{min} to {max}", { min: significant(1), max: number(240) })} error={errorOf(errors, "time_limit_minutes")}>
          {({ id, invalid }) => <input id={id} data-field="time_limit_minutes" type="text" inputMode="numeric" class="ax-number" value={Number.isFinite(spec.time_limit_minutes) ? String(spec.time_limit_minutes) : ""} aria-invalid={invalid} onChange={(event) => change({ time_limit_minutes: parse(event.currentTarget.value) })} />}
        </Field>
        <Field label={t("Compute minutes for each student")} hint={t("Empty means no limit")} help={t("Counted over all runs of this exercise. At the limit a running job still finishes, and no new one starts.")} error={errorOf(errors, "compute_minutes_per_learner")}>
          {({ id, describedBy, invalid }) => (
            <input
              id={id} data-field="compute_minutes_per_learner" type="text" inputMode="numeric" class="ax-number" value={Number.isFinite(minutes) ? String(minutes) : ""} aria-describedby={describedBy} aria-invalid={invalid}
              onChange={(event) => change({ compute_minutes_per_learner: event.currentTarget.value.trim() === "" ? null : parse(event.currentTarget.value) })}
            />
          )}
        </Field>
      </div>
      <Fallbacks spec={spec} pools={pools} error={errorOf(errors, "fallback_pools")} change={change} />
    </section>
  );
}

