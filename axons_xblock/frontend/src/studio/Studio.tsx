/** The editor in Studio: an exercise in words of teaching. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Api, asError, type ApiError } from "../core/api";
import { t } from "../core/i18n";
import { fitting, gradingFor, withTask } from "../core/task";
import { boundOf, parse } from "../student/Hyper";
import type { Args, LibrarySet, Runtime, Spec, StudioData } from "../core/types";
import type { Publication, Role } from "../core/workshop";
import { Button, Field, Notice, Problem, Skeleton } from "../ui/basics";
import { Lazy } from "../ui/lazy";
import { Affects } from "./Affects";
import { settled } from "./RubricEditor";
import { ChecksSection, ComputeSection, GradeSection, KindSection, PicturesSection, TaskSection, TrainingSection, type FormPart } from "./sections";

/** The spec that is sent: what the kind does not use is emptied, so that the service has nothing to object to. */
export function cleaned(wished: Spec): Spec {
  return withoutContest(withoutFallbacks(withKind(wished)));
}

/** No second choice of machine is said by saying nothing: older specs stay the same, to the letter. The pool itself is none. */
function withoutFallbacks(spec: Spec): Spec {
  const { fallback_pools, ...rest } = spec;
  const others = (fallback_pools ?? []).filter((name) => name !== spec.pool);
  return others.length > 0 ? { ...rest, fallback_pools: others } : rest;
}

/** No leaderboard is said by saying nothing, and there is none without a grade. */
function withoutContest(spec: Spec): Spec {
  const { leaderboard, ...rest } = spec;
  return leaderboard && spec.grading ? { ...rest, leaderboard } : rest;
}

function withKind(wished: Spec): Spec {
  // A budget that is no number is sent as one that the service objects to; null would mean no limit.
  const spec = Number.isNaN(wished.compute_minutes_per_learner) ? { ...wished, compute_minutes_per_learner: 0 } : wished;
  if (spec.kind === "inference") return { ...spec, starter_set: null, hidden_test_set: null, own_pictures: false, grading: null, architectures: [], max_tries: 0 };
  const thresholds = spec.grading ? [...spec.grading.thresholds].sort((a, b) => a.at_least - b.at_least) : [];
  return { ...spec, model: null, grading: spec.grading ? settled({ ...spec.grading, thresholds }) : null, hidden_test_set: spec.grading ? spec.hidden_test_set : null };
}

/** A spec may lack what its kind does not need; the form can show every kind. */
export function completed(spec: Spec): Spec {
  const blank = { starter_set: null, hidden_test_set: null, model: null, grading: null, own_pictures: true, architectures: [], max_tries: 0 };
  return {
    ...blank, ...spec,
    hyperparameters: {
      ...spec.hyperparameters,
      epochs: boundOf(spec, "epochs"), learning_rate: boundOf(spec, "learning_rate"), batch_size: boundOf(spec, "batch_size"),
      augmentation: spec.hyperparameters?.augmentation ?? { default: true }, seed: spec.hyperparameters?.seed ?? { default: 0 },
    },
  };
}

/** A template as changes of the spec: what it leaves open stays as it was chosen, unless it belongs to another task. */
export function templated(spec: Spec, template: Partial<Spec>): Partial<Spec> {
  const kept = { ...spec, ...withTask(spec, template.task ?? spec.task) };
  return { leaderboard: false, ...template, starter_set: template.starter_set ?? kept.starter_set, hidden_test_set: template.hidden_test_set ?? kept.hidden_test_set, model: template.model ?? kept.model };
}

export function Studio({ args, runtime, element }: { args: Args; runtime: Runtime; element: unknown }) {
  const api = useMemo(() => new Api(args, runtime, element), []);
  const [data, setData] = useState<StudioData | null>(null);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const load = () => {
    setFailed(null);
    api.handler<StudioData>("studio_load").then(setData, (error: unknown) => setFailed(asError(error)));
  };
  useEffect(load, []);
  // `editor-with-buttons` tells Studio's dialogue that Save and Cancel are in here.
  return (
    <div class="ax-page ax-studio editor-with-buttons">
      {failed ? <><Problem error={failed} /><Button onClick={load}>{t("Try again")}</Button></> : data ? <Form data={data} api={api} args={args} runtime={runtime} element={element} reload={load} /> : <Skeleton rows={10} />}
    </div>
  );
}

interface FormProps { data: StudioData; api: Api; args: Args; runtime: Runtime; element: unknown; reload: () => void }

function Form({ data, api, args, runtime, element, reload }: FormProps) {
  const [library, setLibrary] = useState(data.library);
  const [making, setMaking] = useState<{ role: Role; fork: LibrarySet | null } | null>(null);
  const [published, setPublished] = useState<Publication | null>(null);
  const [name, setName] = useState(data.display_name);
  const [weight, setWeight] = useState(String(data.weight));
  const [instructions, setInstructions] = useState(data.instructions);
  const [spec, setSpec] = useState<Spec>(() => completed(data.spec));
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(false);
  const [kept, setKept] = useState<Spec>(() => cleaned(completed(data.spec)));
  const form = useRef<HTMLFormElement>(null);
  const part: FormPart = {
    spec, library, published, errors: error?.fields ?? {},
    make: args.workshop ? (role, fork) => { setPublished(null); setMaking({ role, fork }); } : undefined,
    change: (fresh) => {
      setSaved(false);
      setSpec((old) => ({ ...old, ...fresh }));
    },
  };
  useEffect(() => {
    // The first field that the service objects to gets the focus.
    form.current?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus();
  }, [error]);

  const save = async () => {
    setBusy(true);
    setError(null);
    const ready = cleaned(spec);
    // The steps stand in the order in which they are sent, so that an objection to the second is shown at the second.
    if (ready.grading) setSpec({ ...spec, grading: ready.grading });
    try {
      await api.handler("studio_save", { display_name: name, weight: parse(weight), instructions, spec: ready });
      setSaved(true);
      setKept(ready);
      runtime.notify?.("save", { state: "start", message: t("Saving") });
      runtime.notify?.("save", { state: "end" });
    } catch (failure) {
      setError(asError(failure));
    } finally {
      setBusy(false);
    }
  };
  const known = new Set([...form.current?.querySelectorAll<HTMLElement>("[data-field]") ?? []].map((each) => each.dataset["field"]));
  const elsewhere = Object.entries(error?.fields ?? {}).filter(([field]) => !known.has(field));
  const cameFrom = useRef<Role | null>(null);
  useEffect(() => {
    // Back in the form the author stands at the set that the workshop was about.
    if (!making && cameFrom.current) form.current?.querySelector<HTMLElement>(`[data-field="${cameFrom.current === "hidden" ? "hidden_test_set" : "starter_set"}"]`)?.focus();
    cameFrom.current = making?.role ?? null;
  }, [making]);
  const took = async (found: Publication) => {
    part.change(found.kind === "hidden" ? { hidden_test_set: found.name } : { starter_set: found.name });
    setPublished(found);
    setMaking(null);
    try {
      setLibrary((await api.handler<StudioData>("studio_load")).library ?? library);
    } catch {
      // The set is chosen all the same; the list is as new as the next visit.
    }
  };
  const sets = (role: Role) => fitting((role === "hidden" ? library?.hidden_test_sets : library?.starter_sets) ?? [], spec);
  return (
    <>
    {making ? (
      <Lazy
        load={() => import("./Workshop").then((m) => m.Workshop)} rows={8} args={args} runtime={runtime} element={element} spec={spec}
        role={making.role} fork={making.fork} own={sets(making.role).filter((each) => each.is_own)} onClose={() => setMaking(null)} onPublished={(found: Publication) => void took(found)}
      />
    ) : null}
    <form ref={form} hidden={making !== null} noValidate onSubmit={(event) => { event.preventDefault(); void save(); }}>
      {data.library_error ? (
        <Notice kind="warning" title={t("The library could not be loaded")}>
          <p>{data.library_error}</p>
          <p>{t("What you chose before stays chosen. You can save, but not choose other sets.")}</p>
          <Button small onClick={reload}>{t("Load again")}</Button>
        </Notice>
      ) : null}
      {data.templates && data.templates.length > 0 ? (
        <section class="ax-form-section">
          <h3>{t("Start from a template")}</h3>
          <div class="ax-templates">
            {data.templates.map((each) => (
              <button
                type="button" key={each.name} class="ax-template"
                onClick={() => part.change(templated(spec, each.spec))}
              >
                <strong>{each.title}</strong>
                <span>{each.description}</span>
              </button>
            ))}
          </div>
        </section>
      ) : null}
      <section class="ax-form-section">
        <h3>{t("The exercise")}</h3>
        <div class="ax-form-grid">
          <Field label={t("Title")} error={part.errors["display_name"]}>
            {({ id, invalid }) => <input id={id} data-field="display_name" type="text" value={name} aria-invalid={invalid} onInput={(event) => setName(event.currentTarget.value)} />}
          </Field>
          <Field label={t("Points in the course")} error={part.errors["weight"]}>
            {({ id, invalid }) => <input id={id} data-field="weight" type="text" inputMode="decimal" class="ax-number" value={weight} aria-invalid={invalid} onInput={(event) => setWeight(event.currentTarget.value)} />}
          </Field>
        </div>
        <Field label={t("What students should do")} help={t("Shown above the exercise. Simple HTML such as <p>, <b> and <a> is kept.")} error={part.errors["instructions"]}>
          {({ id, invalid, describedBy }) => <textarea id={id} data-field="instructions" rows={4} value={instructions} aria-invalid={invalid} aria-describedby={describedBy} onInput={(event) => setInstructions(event.currentTarget.value)} />}
        </Field>
      </section>
      <KindSection {...part} />
      <TaskSection {...part} />
      {spec.kind === "training" ? (
        <>
          <PicturesSection {...part} />
          <TrainingSection {...part} />
          <GradeSection {...part} weight={parse(weight) || 1} suggestion={gradingFor(spec)} />
        </>
      ) : <ChecksSection {...part} />}
      <ComputeSection {...part} />
      <Affects begun={data.begun} before={kept} after={cleaned(spec)} />
      <div class="ax-save-bar">
        <div class="ax-grow" role="status">{saved ? t("Saved.") : null}</div>
        <Button look="quiet" onClick={() => runtime.notify?.("cancel", {})}>{t("Cancel")}</Button>
        <Button type="submit" look="primary" busy={busy}>{t("Save")}</Button>
      </div>
      {error ? (
        <Notice kind="error" title={error.message}>
          {elsewhere.length > 0 ? <ul>{elsewhere.map(([field, message]) => <li key={field}>{message}</li>)}</ul> : null}
        </Notice>
      ) : null}
    </form>
    </>
  );
}
