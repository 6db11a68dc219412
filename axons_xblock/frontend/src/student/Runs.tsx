/** All runs of the project; any of them laid over each other. */
import { useEffect, useState } from "preact/hooks";
import { percent, significant } from "../core/format";
import { t } from "../core/i18n";
import type { Job } from "../core/types";
import { figure, measureOf, measureTitle } from "../core/task";
import { hyperparameterSummary, runName, setTitle, stateWord, took } from "../core/words";
import { Time } from "../ui/basics";
import { Lazy } from "../ui/lazy";
import { useDesk } from "./context";

export function Runs({ runs, shown, onShow }: { runs: Job[]; shown: string | null; onShow: (id: string) => void }) {
  const { session, state, project } = useDesk();
  const [compared, setCompared] = useState<string[]>([]);
  useEffect(() => {
    for (const id of compared) {
      const job = runs.find((each) => each.id === id);
      if (job) void session.curves(job);
    }
  }, [compared.join()]);
  const accuracies = runs.map((job) => accuracyOf(job));
  const best = Math.max(...accuracies.map((value) => value ?? 0));
  const sets = [...project.training_sets, ...(project.starter_set ? [project.starter_set] : [])];
  const overlay = compared.map((id) => {
    const curves = state.curves[id];
    return { id, name: runName(project, id), train: [], validation: curves?.validation ?? [] };
  });

  function accuracyOf(job: Job): number | null {
    const model = project.models.find((each) => each.job === job.id);
    return figure(project.spec, model?.metrics?.validation) ?? figure(project.spec, job.metrics?.validation);
  }

  return (
    <section class="ax-runs">
      <div class="ax-row ax-spread">
        <h4>{t("All runs")}</h4>
        {runs.length > 1 ? <span class="ax-hint">{t("Tick two or more to lay their curves over each other.")}</span> : null}
      </div>
      <div class="ax-table-scroll">
        <table class="ax-table">
          <thead>
            <tr>
              {runs.length > 1 ? <th scope="col"><span class="ax-visually-hidden">{t("Compare")}</span></th> : null}
              <th scope="col">{t("Run")}</th>
              <th scope="col" class="ax-num">{measureTitle(measureOf(project.spec))}</th>
              <th scope="col" class="ax-num ax-wide">{t("Loss")}</th>
              <th scope="col" class="ax-wide">{t("Values")}</th>
              <th scope="col" class="ax-num ax-wide">{t("Took")}</th>
              <th scope="col" class="ax-wide">{t("Started")}</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((job, index) => {
              const accuracy = accuracies[index] ?? null;
              const name = runName(project, job.id);
              const set = sets.find((each) => each.id === job.training_set);
              return (
                <tr key={job.id} class={job.id === shown ? "ax-current" : ""}>
                  {runs.length > 1 ? (
                    <td>
                      <input
                        type="checkbox" aria-label={t("Compare {run}", { run: name })} checked={compared.includes(job.id)}
                        onChange={(event) => setCompared((old) => (event.currentTarget.checked ? [...old, job.id].slice(-5) : old.filter((id) => id !== job.id)))}
                      />
                    </td>
                  ) : null}
                  <th scope="row">
                    <button type="button" class="ax-link" aria-pressed={job.id === shown} onClick={() => onShow(job.id)}>{name}</button>
                    {job.state === "succeeded" ? null : <span class={`ax-badge ax-badge-${job.state}`}>{stateWord(job)}</span>}
                  </th>
                  <td class="ax-num">{accuracy === null ? "–" : <>{percent(accuracy)}{accuracy === best && runs.length > 1 ? <span class="ax-badge ax-badge-best">{t("best")}</span> : null}</>}</td>
                  <td class="ax-num ax-wide">{job.metrics?.validation ? significant(job.metrics.validation.loss) : "–"}</td>
                  <td class="ax-wide ax-values"><bdi>{hyperparameterSummary(job.hyperparameters)}</bdi>{set ? <span class="ax-hint"><bdi>{setTitle(set)}</bdi></span> : null}</td>
                  <td class="ax-num ax-wide">{took(job) || "–"}</td>
                  <td class="ax-wide"><Time value={job.created_at} /></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {compared.length > 1 ? (
        <div class="ax-compare">
          <h5>{t("Compared on held-back pictures")}</h5>
          <Lazy load={() => import("./Curves").then((m) => m.Curves)} rows={6} runs={overlay} measure={measureOf(project.spec)} />
        </div>
      ) : null}
    </section>
  );
}
