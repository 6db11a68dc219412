/** Step 2: choose how to train, press Train, watch it learn, compare with earlier runs. */
import { useEffect, useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import { isTerminal } from "../core/store";
import { hasMasks } from "../core/task";
import type { Hyperparameters } from "../core/types";
import { architectureDescription, architectureTitle, setTitle, trainingJobs } from "../core/words";
import { Button, Empty, Notice, Problem } from "../ui/basics";
import { useUid } from "../ui/uid";
import { BudgetNote } from "./BudgetNote";
import { useDesk } from "./context";
import { continued, defaults, Hyper, mistakesIn } from "./Hyper";
import { JobPanel } from "./JobPanel";
import { Runs } from "./Runs";

export function Train() {
  const { session, state, project, set, go } = useDesk();
  const { spec } = project;
  const runs = trainingJobs(project);
  const running = runs.find((job) => !isTerminal(job.state)) ?? null;
  const [shown, setShown] = useState<string | null>(null);
  const [values, setValues] = useState<Hyperparameters>(() => continued(spec, runs[0]?.hyperparameters));
  const [touched, setTouched] = useState(false);
  const [refused, setRefused] = useState(0);
  const group = useUid();
  const form = useUid();
  const wrong = mistakesIn(spec, values);
  const train = useAsk(async () => {
    const job = await session.train(set?.id ?? "", values);
    setShown(job.id);
  });
  useEffect(() => {
    // A new run takes the stage, also one started in another window.
    if (running) setShown(running.id);
  }, [running?.id]);

  const current = runs.find((job) => job.id === shown) ?? running ?? runs[0] ?? null;
  const ready = set?.state === "ready" && project.budget?.state !== "used_up";
  const start = () => {
    setTouched(true);
    if (Object.keys(wrong).length > 0) setRefused((count) => count + 1);
    else if (ready && !running && !train.busy) void train.run();
  };
  useEffect(() => {
    // Once the sentences stand at their fields, the first of these gets the focus.
    if (refused > 0) document.getElementById(form)?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus();
  }, [refused]);

  return (
    <div class={`ax-train${running ? " ax-train-busy" : ""}`}>
      <form id={form} class="ax-train-form" onSubmit={(event) => { event.preventDefault(); start(); }}>
        <div class="ax-train-go">
          <p>
            {set ? <>{t("Pictures:")} <strong><bdi>{setTitle(set)}</bdi></strong> · {tn("{n} picture", "{n} pictures", set.image_count)}</> : t("No pictures yet.")}{" "}
            <button type="button" class="ax-link" onClick={() => go("pictures")}>{t("Change")}</button>
          </p>
          <BudgetNote budget={project.budget} />
          {/* A second run would only wait behind the first one. */}
          <Button look="primary" icon="play" type="submit" busy={train.busy} disabled={!ready || Boolean(running)}>{t("Train")}</Button>
          {running ? <p class="ax-help">{t("A run is under way. You can change the values for the next one meanwhile.")}</p> : null}
          {set && set.state !== "ready" ? <Notice kind="info"><p>{set.state === "preparing" ? t("Your pictures are still being checked; training can start right after.") : t("This version of the pictures cannot be used. Choose another one.")}</p></Notice> : null}
          <Problem error={train.error} />
        </div>
        <fieldset class="ax-choices ax-choices-stacked">
          <legend>{t("Network")}</legend>
          {spec.architectures.map((name) => (
            <label key={name} class="ax-choice">
              <input type="radio" name={group} checked={values.architecture === name} onChange={() => setValues({ ...values, architecture: name })} />
              <span class="ax-choice-title">{architectureTitle(name)}</span>
              <span class="ax-choice-note">{architectureDescription(name)}</span>
            </label>
          ))}
        </fieldset>
        <Hyper spec={spec} values={values} onChange={setValues} mistakes={touched ? wrong : {}} server={train.error?.fields ?? {}} onBlur={() => setTouched(true)} />
        <div class="ax-row ax-actions">
          <Button look="quiet" small icon="undo" onClick={() => { setValues(defaults(spec)); setTouched(false); }}>{t("Back to the suggested values")}</Button>
        </div>
      </form>
      <div class="ax-train-stage">
        {current ? (
          <JobPanel job={current} curves={state.curves[current.id]} />
        ) : (
          <Empty icon="play" title={t("Nothing has been trained yet.")}>
            <p>{hasMasks(spec)
              ? t("Press Train. The curves appear here while the network learns: loss should fall, mean IoU should rise.")
              : t("Press Train. The curves appear here while the network learns: loss should fall, accuracy should rise.")}</p>
          </Empty>
        )}
      </div>
      {runs.length > 0 ? <Runs runs={runs} shown={current?.id ?? null} onShow={setShown} /> : null}
    </div>
  );
}
