/** Step 5: hand a model in, see what it scored and what the grader said. */
import { useState } from "preact/hooks";
import { percent, points } from "../core/format";
import { hiddenShare, howGraded } from "../core/grading";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import { figure } from "../core/task";
import type { Criterion, ProjectState, Review, Submission } from "../core/types";
import { hyperparameterSummary, metricName, modelName, runName } from "../core/words";
import { Button, Empty, Notice, Problem, ProgressBar, Time } from "../ui/basics";
import { Thresholds } from "../ui/thresholds";
import { useUid } from "../ui/uid";
import { useDesk } from "./context";
import { DueNotice, useDue } from "./DueDate";
import { Leaderboard } from "./Leaderboard";
import { WithheldNotice } from "./Withheld";

function Criteria({ rubric }: { rubric: Criterion[] }) {
  const whole = rubric.reduce((sum, each) => sum + each.points, 0);
  return (
    <section class="ax-wash">
      <h4>{t("What the grader looks for")}</h4>
      <ul class="ax-criteria">
        {rubric.map((each) => (
          <li key={each.id}>
            <strong><bdi>{each.title}</bdi></strong> <span class="ax-hint">{t("{n} of {all} points", { n: points(each.points), all: points(whole) })}</span>
            {each.help ? <p><bdi>{each.help}</bdi></p> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function HandIn() {
  const { session, state, project, model, chooseModel, go } = useDesk();
  const { grading } = project.spec;
  const { tries, submissions } = project;
  const [asked, setAsked] = useState(false);
  const group = useUid();
  const { due, now } = useDue(project, state);
  const submit = useAsk(async () => {
    await session.submit(model?.id ?? "");
    setAsked(false);
  });
  if (!grading) return null;
  const scoring = submissions.find((each) => each.state === "scoring");
  const none = tries.left !== null && tries.left <= 0;
  const best = submissions.reduce<Submission | null>((top, each) => (each.value !== null && (top === null || each.value > (top.value ?? 0)) ? each : top), null);
  return (
    <>
      <p class="ax-lead">{howGraded(grading)}</p>
      {grading.rule === "rubric" ? null : (
        <section class="ax-wash">
          <h4>{t("What the score means")}</h4>
          <Thresholds grading={grading} weight={state.weight * hiddenShare(grading)} value={best?.value ?? null} />
        </section>
      )}
      {grading.rubric?.length ? <Criteria rubric={grading.rubric} /> : null}

      {submissions.length > 0 ? <Latest project={project} submission={submissions[0]!} weight={state.weight} grade={state.grade} metric={grading.metric} /> : null}

      {due ? <DueNotice due={due} now={now} /> : null}
      {project.models.length === 0 ? (
        <Empty icon="flag" title={t("There is no model to hand in yet.")}>
          <Button look="primary" onClick={() => go("train")}>{t("Go to Train")}</Button>
        </Empty>
      ) : (
        <section>
          <fieldset class="ax-choices">
            <legend>{t("Model to hand in")}</legend>
            {project.models.slice(0, 8).map((each) => (
              <label key={each.id} class="ax-choice">
                <input type="radio" name={group} checked={each.id === model?.id} onChange={() => { chooseModel(each.id); setAsked(false); }} />
                <span class="ax-choice-title">{modelName(project, each)} <span class="ax-num">{percent(figure(project.spec, each.metrics?.validation) ?? 0)}</span></span>
                <span class="ax-choice-note"><bdi>{hyperparameterSummary(each.hyperparameters)}</bdi></span>
                {submissions.some((one) => one.model === each.id) ? <span class="ax-badge">{t("handed in")}</span> : null}
              </label>
            ))}
          </fieldset>
          <Tries used={tries.used} max={tries.max} left={tries.left} />
          {due?.phase === "ended" ? null : none ? <Notice kind="info"><p>{t("All tries are used. Your best score stays.")}</p></Notice> : asked && model ? (
            <div class="ax-inset" role="group" aria-label={t("Confirm")}>
              <p><strong>{t("Hand in {model}?", { model: modelName(project, model) })}</strong> {tries.left === null
                ? t("You can hand in again later.")
                : tn("This uses your last try, once it is scored.", "This uses one of {n} tries, once it is scored.", tries.left)}</p>
              <div class="ax-row">
                <Button look="primary" busy={submit.busy} onClick={() => void submit.run()}>{t("Hand in")}</Button>
                <Button look="quiet" onClick={() => setAsked(false)}>{t("Not yet")}</Button>
              </div>
            </div>
          ) : (
            <Button look="primary" icon="flag" disabled={!model || Boolean(scoring)} onClick={() => setAsked(true)}>{t("Hand in this model")}</Button>
          )}
          <Problem error={submit.error} />
        </section>
      )}
      {project.spec.leaderboard ? <Leaderboard changes={[project.results_withheld, ...submissions.map((each) => each.state)].join()} /> : null}
      {submissions.length > 1 ? <History submissions={submissions} /> : null}
    </>
  );

  function History({ submissions: all }: { submissions: Submission[] }) {
    return (
      <section>
        <h4>{t("Everything handed in")}</h4>
        <div class="ax-table-scroll">
          <table class="ax-table">
            <thead><tr><th scope="col">{t("Model")}</th><th scope="col" class="ax-num">{metricName(grading?.metric ?? "")}</th><th scope="col" class="ax-num">{t("Score")}</th><th scope="col">{t("When")}</th></tr></thead>
            <tbody>
              {all.map((each) => (
                <tr key={each.id}>
                  <th scope="row">{runName(project, project.models.find((one) => one.id === each.model)?.job ?? null)}</th>
                  <td class="ax-num">{each.value === null ? "–" : percent(each.value)}</td>
                  <td class="ax-num">{each.score === null ? <span class={`ax-badge ax-badge-${each.state}`}>{each.state === "scoring" ? t("scoring…") : each.state === "scored" && each.results_withheld ? t("handed in") : t("not scored")}</span> : t("{points} of {weight}", { points: points(each.score * state.weight), weight: points(state.weight) })}</td>
                  <td><Time value={each.created_at} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    );
  }
}

/** What a grader gave for each criterion, and why. */
function RubricPoints({ submission }: { submission: Submission }) {
  const given = [...submission.reviews].reverse().find((review) => review.rubric && Object.keys(review.rubric).length > 0)?.rubric;
  if (!given || !submission.rubric?.length) return null;
  return (
    <dl class="ax-rubric-points">
      {submission.rubric.map((criterion) => (
        <div key={criterion.id}>
          <dt><bdi>{criterion.title}</bdi></dt>
          <dd>
            <bdi dir="ltr"><strong>{points(given[criterion.id]?.points ?? 0)}</strong> / {points(criterion.points)}</bdi>
            {given[criterion.id]?.comment ? <p class="ax-prewrap"><bdi>{given[criterion.id]?.comment}</bdi></p> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Tries({ used, max, left }: { used: number; max: number | null; left: number | null }) {
  if (max === null || left === null) return <p class="ax-tries">{t("You may hand in as often as you like.")}</p>;
  return (
    <p class="ax-tries">
      <span class="ax-dots" aria-hidden="true">{max <= 12 ? Array.from({ length: max }, (_, i) => <span key={i} class={i < used ? "ax-used" : ""} />) : null}</span>
      {tn("{n} try left of {max}. A run of ours that fails never costs one.", "{n} tries left of {max}. A run of ours that fails never costs one.", left, { max })}
    </p>
  );
}

function Latest({ project, submission, weight, grade, metric }: { project: ProjectState; submission: Submission; weight: number; grade: { earned: number; possible: number } | null; metric: string }) {
  if (submission.state === "scoring") {
    return (
      <section class="ax-inset">
        <p><strong>{t("Your model is being scored on the hidden pictures.")}</strong> {t("You may close this page; the grade arrives by itself.")}</p>
        <ProgressBar value={null} label={t("Scoring")} />
      </section>
    );
  }
  if (submission.state === "failed") {
    return <Notice kind="error" title={t("It could not be scored")}><p>{submission.failure?.message ?? t("This was our fault; no try was used. Hand in again.")}</p></Notice>;
  }
  const changed = (submission.rule ?? "automatic") === "automatic" && submission.score !== null && submission.automatic_score !== null && submission.score !== submission.automatic_score;
  const comments = submission.reviews.filter((review) => review.comment);
  const waits = submission.score === null;
  const returned = submission.returned_at ? (
    <Notice kind="warning" title={t("Your grader gave this back for revision")}><p>{t("Read the comment, improve your work and hand in again. This did not use a try.")}</p></Notice>
  ) : null;
  if (submission.results_withheld) {
    return <section class="ax-score">{returned ?? <WithheldNotice project={project} />}<Comments reviews={comments} /></section>;
  }
  return (
    <section class="ax-score">
      {returned}
      {waits ? <Notice kind="info" title={t("A grader will look at it")}><p>{t("Your points are here and in the grade book as soon as they are given.")}</p></Notice> : null}
      <div class="ax-score-main">
        <p class="ax-headline-number">{waits ? "–" : <bdi dir="ltr">{points((submission.score ?? 0) * weight)}<small> / {points(weight)}</small></bdi>}</p>
        <div>
          <p class="ax-headline-sentence">{submission.value !== null ? t("{value} {metric} on the hidden pictures.", { value: percent(submission.value), metric: metricName(metric) }) : null}</p>
          {changed ? <p>{t("Your grader changed the score from {old} to {fresh} points.", { old: points((submission.automatic_score ?? 0) * weight), fresh: points((submission.score ?? 0) * weight) })}</p> : null}
          <p class="ax-hint"><Time value={submission.created_at} />{" · "}
            {grade && grade.earned > 0 ? t("Your grade in the course: {earned} of {possible} points.", { earned: points(grade.earned), possible: points(grade.possible) }) : waits ? t("Not in the grade book yet.") : t("On its way to the grade book.")}</p>
        </div>
      </div>
      {submission.feedback ? <p class="ax-prewrap ax-feedback"><bdi>{submission.feedback}</bdi></p> : null}
      <RubricPoints submission={submission} />
      <Comments reviews={comments} />
    </section>
  );
}

function Comments({ reviews }: { reviews: Review[] }) {
  if (reviews.length === 0) return null;
  return (
    <ul class="ax-comments">
      {reviews.map((review) => <li key={review.id}>{review.returns ? <p><span class="ax-badge ax-badge-changed">{t("returned")}</span></p> : null}<p class="ax-prewrap"><bdi>{review.comment}</bdi></p><p class="ax-hint">{t("Your grader")} · <Time value={review.created_at} /></p></li>)}
    </ul>
  );
}
