/** One submission: on one side what it is, on the other what graders say about it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { DeskApi, DeskSubmission } from "../core/desk";
import { absolute, percent, points } from "../core/format";
import { t } from "../core/i18n";
import { useAsk } from "../core/session";
import type { Submission } from "../core/types";
import { hasMasks, measureOf } from "../core/task";
import { metricName } from "../core/words";
import { Button, Notice, Problem, Skeleton, Time } from "../ui/basics";
import { Confusion } from "../ui/confusion";
import { Curves } from "../student/Curves";
import { IouBars, WorstPictures } from "../student/MaskResults";
import { AllowanceForm, Notes, Regrade, Trail } from "./Beside";
import { Artifacts, Mistakes, Predictions, SpecFacts, TrainingSetFacts } from "./Evidence";
import { ReviewForm } from "./ReviewForm";
import { personOf, stateWords, twinWords } from "./words";

interface Props {
  api: DeskApi; id: string; weight: number; place: number; count: number; more: boolean;
  onMove: (step: number) => void; onBack: () => void; onChange: (fresh: Submission) => void; onOpen: (id: string) => void;
}

export function Detail({ api, id, weight, place, count, more, onMove, onBack, onChange, onOpen }: Props) {
  const [found, setFound] = useState<DeskSubmission | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const load = useAsk(async () => {
    const fresh = await api.open(id);
    setFound(fresh);
    onChange(fresh.submission);
  });
  useEffect(() => {
    heading.current?.focus({ preventScroll: false });
    void load.run();
  }, []);
  const take = (fresh: DeskSubmission) => {
    setFound(fresh);
    onChange(fresh.submission);
  };
  const submission = found?.submission;
  return (
    <div class="ax-detail-page">
      <div class="ax-row ax-spread">
        <Button small look="quiet" icon="undo" onClick={onBack}>{t("Back to the list")}</Button>
        <div class="ax-row">
          {place >= 0 ? <span class="ax-hint">{t("{n} of {all}", { n: place + 1, all: more ? `${count}+` : count })}</span> : null}
          <Button small disabled={place <= 0} onClick={() => onMove(-1)}>{t("Previous")}</Button>
          <Button small disabled={place < 0 || place >= count - 1} onClick={() => onMove(1)}>{t("Next")}</Button>
        </div>
      </div>
      <h3 class="ax-detail-title" tabIndex={-1} ref={heading}>
        {submission ? <bdi>{personOf(submission)}</bdi> : t("Submission")}
        {submission ? <span class="ax-hint">{stateWords(submission)} · <Time value={submission.created_at} /></span> : null}
      </h3>
      <Problem error={load.error} />
      {load.error ? <Button small onClick={() => void load.run()}>{t("Try again")}</Button> : null}
      {!found && !load.error ? <Skeleton rows={10} /> : null}
      {found && submission ? (
        <>
          {found.duplicates.length > 0 ? (
            <Notice kind="warning" title={t("Somebody else handed in the same")}>
              <ul>{found.duplicates.map((twin) => (
                <li key={twin.submission}><button type="button" class="ax-link" onClick={() => onOpen(twin.submission)}><bdi>{personOf(twin)}</bdi></button>: {twinWords(twin.kinds)}</li>
              ))}</ul>
            </Notice>
          ) : null}
          <div class="ax-detail-columns">
            <div class="ax-detail-main">
              <Facts found={found} weight={weight} />
              <Evidence found={found} />
            </div>
            <div class="ax-detail-side">
              <ReviewForm
                api={api} submission={submission} weight={weight}
                onChange={() => void load.run()} onLock={(fresh) => { setFound({ ...found, submission: { ...submission, ...fresh } }); onChange(fresh); }}
              />
              <AllowanceForm api={api} found={found} onChange={take} />
              <Notes api={api} found={found} onChange={take} />
              <Regrade api={api} submission={submission} weight={weight} onChange={() => void load.run()} />
              <History found={found} weight={weight} />
              <Trail entries={found.audit} weight={weight} />
            </div>
          </div>
        </>
      ) : null}
    </div>
  );
}

function Facts({ found, weight }: { found: DeskSubmission; weight: number }) {
  const { submission } = found;
  const score = (share: number | null | undefined) => (share === null || share === undefined ? "–" : points(share * weight));
  return (
    <dl class="ax-small-facts">
      <div><dt>{t("Points")}</dt><dd><bdi dir="ltr"><strong>{score(submission.score)}</strong> / {points(weight)}</bdi></dd></div>
      {submission.value === null ? null : <div><dt>{t("On the hidden test set")}</dt><dd>{percent(submission.value)} <span class="ax-hint">{metricName(submission.metric)}</span></dd></div>}
      <div><dt>{t("Automatic")}</dt><dd>{score(submission.automatic_score)}</dd></div>
      {submission.rule !== "automatic" && submission.rule ? <div><dt>{t("By rubric")}</dt><dd>{score(submission.rubric_score)}</dd></div> : null}
      <div><dt>{t("Handed in")}</dt><dd>{absolute(submission.created_at)}</dd></div>
      {submission.revision ? <div><dt>{t("In the grade book")}</dt><dd>{submission.delivered_revision && submission.delivered_revision >= submission.revision ? t("yes") : t("on its way")}</dd></div> : null}
    </dl>
  );
}

function Evidence({ found }: { found: DeskSubmission }) {
  const { submission, model } = found;
  const matrix = submission.confusion_matrix ?? [];
  return (
    <>
      <section>
        <h4>{t("On the hidden pictures")}</h4>
        {submission.iou_per_class ? <IouBars values={submission.iou_per_class} /> : matrix.length > 0 ? <Confusion matrix={matrix} classes={model.classes} />
          : submission.state === "scoring" ? <p>{t("The model is being scored; the result will be here in a moment.")}</p>
            : submission.failure ? <Notice kind="error" title={t("It could not be scored; no try was used")}><p>{submission.failure.message}</p></Notice>
              : <p class="ax-hint">{t("There is no confusion matrix for this submission.")}</p>}
      </section>
      <section>
        <h4>{t("Curves")}</h4>
        {found.curves && found.curves.train.length + found.curves.validation.length > 0
          ? <Curves measure={measureOf(found.spec)} runs={[{ id: model.id, name: model.name, train: found.curves.train, validation: found.curves.validation }]} />
          : <p class="ax-hint">{t("The curves of this run are not there: it was deleted, or the store does not answer.")}</p>}
      </section>
      {hasMasks(found.spec) ? <WorstPictures mistakes={model.metrics?.validation?.mistakes ?? []} /> : <Mistakes model={model} />}
      <TrainingSetFacts set={found.training_set} />
      <Predictions predictions={found.predictions} />
      <Artifacts model={model} />
      <SpecFacts spec={found.spec} hash={found.spec_hash} />
    </>
  );
}

function History({ found, weight }: { found: DeskSubmission; weight: number }) {
  return (
    <details class="ax-details">
      <summary>{t("Everything this student handed in")} ({found.history.length})</summary>
      <ol class="ax-history">
        {found.history.map((each) => (
          <li key={each.id}>
            <strong>{each.score === null ? stateWords(each) : t("{points} points", { points: points(each.score * weight) })}</strong>{" "}
            <span class="ax-hint">{each.value === null ? "" : `${percent(each.value)} · `}<Time value={each.created_at} />{each.id === found.submission.id ? ` · ${t("this one")}` : ""}</span>
          </li>
        ))}
      </ol>
    </details>
  );
}
