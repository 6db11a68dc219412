/** The student's page: header, connection banner, and the exercise's steps along one line. */
import { useEffect, useState } from "preact/hooks";
import { percent, points } from "../core/format";
import { t, tn } from "../core/i18n";
import { useStore, type Session } from "../core/session";
import { isTerminal, type State } from "../core/store";
import { figure } from "../core/task";
import type { Model, ProjectState, TrainingSet, TrashEntry } from "../core/types";
import { epochsOf, epochWords, setTitle, stateWord, trainingJobs } from "../core/words";
import { Skeleton } from "../ui/basics";
import { Lazy } from "../ui/lazy";
import { useUid } from "../ui/uid";
import { Banner } from "./Banner";
import { DeskContext, type Desk, type Step } from "./context";
import { DueFact, useDue } from "./DueDate";
import { HandIn } from "./HandIn";
import { Pictures } from "./Pictures";
import { Rail, type RailStep } from "./Rail";
import { StorageNotice, TrashPanel, UndoLine } from "./Trash";
import { Train } from "./Train";
import { TryIt } from "./TryIt";
import { useAppearance, withheldGrade } from "./Withheld";

export function Student({ session }: { session: Session }) {
  const state = useStore(session);
  const [tab, setTab] = useState<"exercise" | "submissions" | "class">("exercise");
  useAppearance(session, state);
  const canGrade = state.canGrade || session.args.can_grade === true;
  return (
    <div class="ax-page">
      <Header session={session} state={state} />
      {canGrade ? (
        <div class="ax-tabs" role="group" aria-label={t("What to show")}>
          <button type="button" aria-pressed={tab === "exercise"} onClick={() => setTab("exercise")}>{t("Exercise")}</button>
          <button type="button" aria-pressed={tab === "submissions"} onClick={() => setTab("submissions")}>{t("Submissions")}</button>
          <button type="button" aria-pressed={tab === "class"} onClick={() => setTab("class")}>{t("Class")}</button>
        </div>
      ) : null}
      <Banner session={session} state={state} />
      {canGrade && tab === "submissions" ? (
        <Lazy load={() => import("../staff/Desk").then((m) => m.Desk)} session={session} state={state} rows={8} />
      ) : null}
      {canGrade && tab === "submissions" ? <Lazy load={() => import("../staff/Leakage").then((m) => m.Leaks)} session={session} rows={3} /> : null}
      {canGrade && tab === "submissions" ? <Lazy load={() => import("../staff/Hidden").then((m) => m.HiddenSet)} session={session} rows={3} /> : null}
      {canGrade && tab === "class" ? <Lazy load={() => import("../staff/Overview").then((m) => m.Overview)} session={session} rows={8} /> : null}
      <div hidden={tab !== "exercise"}>{state.project ? <Exercise session={session} state={state} project={state.project} /> : <Opening />}</div>
    </div>
  );
}

function Opening() {
  return (
    <div class="ax-layout">
      <Skeleton rows={5} />
      <div class="ax-card"><Skeleton rows={8} /></div>
    </div>
  );
}

function Header({ session, state }: { session: Session; state: State }) {
  const instructions = typeof session.args.instructions === "string" ? session.args.instructions : "";
  const { grade, project } = state;
  const { due, now } = useDue(project, state);
  return (
    <header class="ax-header">
      <div class="ax-header-words">
        <h2 class="ax-title">{state.title || t("Train a model")}</h2>
        {instructions ? <div class="ax-instructions" dangerouslySetInnerHTML={{ __html: instructions }} /> : null}
      </div>
      {project && project.spec.kind === "training" && project.spec.grading ? (
        <dl class="ax-facts">
          <div>
            <dt>{t("Your grade")}</dt>
            <dd>{project.results_withheld ? <span class="ax-hint">{withheldGrade(project)}</span> : grade ? <bdi dir="ltr"><strong>{points(grade.earned)}</strong> / {points(grade.possible)}</bdi> : <span class="ax-none">–</span>}</dd>
          </div>
          <div>
            <dt>{t("Tries left")}</dt>
            <dd>{project.tries.max === null || project.tries.left === null ? t("no limit") : <bdi dir="ltr"><strong>{project.tries.left}</strong> / {project.tries.max}</bdi>}</dd>
          </div>
          {due ? <DueFact due={due} now={now} /> : null}
        </dl>
      ) : null}
    </header>
  );
}

function pickSet(project: ProjectState, chosen: string | null): TrainingSet | null {
  const all = [...project.training_sets, ...(project.starter_set ? [project.starter_set] : [])];
  return all.find((set) => set.id === chosen) ?? all.find((set) => set.state === "ready") ?? all[0] ?? null;
}

function pickModel(project: ProjectState, chosen: string | null): Model | null {
  if (project.spec.kind === "inference") return project.supplied_model ?? project.models[0] ?? null;
  return project.models.find((model) => model.id === chosen) ?? project.models[0] ?? null;
}

function steps(project: ProjectState, set: TrainingSet | null): RailStep[] {
  const training = trainingJobs(project);
  const running = training.find((job) => !isTerminal(job.state));
  const best = Math.max(...project.models.map((model) => figure(project.spec, model.metrics?.validation) ?? 0));
  const epochs = running ? epochsOf(running) : null;
  const scoring = project.submissions.some((submission) => submission.state === "scoring");
  const list: RailStep[] = [
    {
      id: "pictures", title: t("Pictures"), done: training.length > 0, active: project.training_sets.some((each) => each.state === "preparing"),
      status: set ? `${setTitle(set)} · ${tn("{n} picture", "{n} pictures", set.image_count)}` : t("No pictures yet"),
    },
    {
      id: "train", title: t("Train"), done: project.models.length > 0, active: Boolean(running), share: epochs ? epochs.done / epochs.total : null,
      status: running ? (epochs ? epochWords(epochs) : stateWord(running)) : tn("{n} run", "{n} runs", training.length),
    },
    {
      id: "results", title: t("Results"), done: project.models.length > 0, active: false,
      status: project.models.length > 0 ? t("best so far {accuracy}", { accuracy: percent(best) }) : t("after training"),
    },
    {
      id: "try", title: t("Try it"), done: project.predictions.length > 0 || project.jobs.some((job) => job.batch && job.state === "succeeded"), active: project.jobs.some((job) => job.kind === "inference" && !isTerminal(job.state)),
      status: project.predictions.length > 0 ? tn("{n} picture tried", "{n} pictures tried", project.predictions.length) : t("with your own picture"),
    },
  ];
  if (project.spec.grading) {
    list.push({
      id: "hand-in", title: t("Hand in"), done: project.submissions.some((submission) => submission.state === "scored"), active: scoring,
      status: scoring ? t("scoring…") : project.best_score !== null ? t("score {score}", { score: percent(project.best_score, 0) }) : project.results_withheld && project.submissions.length > 0 ? t("handed in") : t("for a grade"),
    });
  }
  return list;
}

function Exercise({ session, state, project }: { session: Session; state: State; project: ProjectState }) {
  const [chosenSet, chooseSet] = useState<string | null>(null);
  const [chosenModel, chooseModel] = useState<string | null>(null);
  const inferenceOnly = project.spec.kind === "inference";
  const [step, setStep] = useState<Step>(() => (inferenceOnly ? "try" : project.jobs.some((job) => job.kind === "training") ? "train" : "pictures"));
  const [visited, setVisited] = useState<ReadonlySet<Step>>(new Set([step]));
  const [moved, setMoved] = useState(0);
  const [last, setLast] = useState<TrashEntry | null>(null);
  const [changes, setChanges] = useState(0);
  const [trashAsked, setTrashAsked] = useState(0);

  const uid = useUid();
  const go = (next: Step) => {
    setStep(next);
    setVisited((old) => new Set(old).add(next));
    setMoved((count) => count + 1);
  };
  useEffect(() => {
    // After a step is chosen by its line the reader stands at its heading; not on the first load.
    if (moved > 0) document.getElementById(`${uid}-${step}`)?.focus({ preventScroll: false });
  }, [moved]);

  const set = pickSet(project, chosenSet);
  const model = pickModel(project, chosenModel);
  const discarded = (entry: TrashEntry) => {
    setLast(entry);
    setChanges((count) => count + 1);
  };
  const undone = () => {
    setLast(null);
    setChanges((count) => count + 1);
  };
  const desk: Desk = { session, state, project, set, chooseSet, model, chooseModel, go, discarded };
  const rail = steps(project, set);
  const trash = <TrashPanel changes={changes} asked={trashAsked} />;
  return (
    <DeskContext.Provider value={desk}>
      <StorageNotice project={project} onTrash={() => setTrashAsked((count) => count + 1)} />
      {last ? <UndoLine key={last.id} entry={last} onDone={undone} /> : null}
      {inferenceOnly ? (
        <>
          <div class="ax-card"><TryIt /></div>
          {trash}
        </>
      ) : (
        <div class="ax-layout">
          <Rail steps={rail} current={step} go={go} />
          <div class="ax-panels">
            {rail.map(({ id, title }) =>
              visited.has(id) ? (
                <section key={id} class="ax-card" hidden={step !== id} aria-labelledby={`${uid}-${id}`}>
                  <h3 class="ax-step-title" id={`${uid}-${id}`} tabIndex={-1}>{title}</h3>
                  {id === "pictures" ? <Pictures /> : null}
                  {id === "train" ? <Train /> : null}
                  {id === "results" ? <Lazy load={() => import("./Results").then((m) => m.Results)} rows={8} /> : null}
                  {id === "try" ? <TryIt /> : null}
                  {id === "hand-in" ? <HandIn /> : null}
                </section>
              ) : null,
            )}
            {trash}
          </div>
        </div>
      )}
    </DeskContext.Provider>
  );
}
