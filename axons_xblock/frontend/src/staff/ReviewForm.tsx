/** A grader's decision: rubric points, an override with its reason, a return for revision, a comment; and the lock. */
import { useState } from "preact/hooks";
import { asError } from "../core/api";
import type { DeskApi, ReviewBody } from "../core/desk";
import { absolute, percent, points } from "../core/format";
import { t } from "../core/i18n";
import { useAsk } from "../core/session";
import type { Criterion, Submission } from "../core/types";
import { parse } from "../student/Hyper";
import { Button, Field, Notice, Problem, Time } from "../ui/basics";
import { overridden, pointsMistake } from "./words";

interface Props { api: DeskApi; submission: Submission; weight: number; onChange: () => void; onLock: (fresh: Submission) => void }
type Given = Record<string, { points: string; comment: string }>;

function before(submission: Submission): Given {
  const last = [...submission.reviews].reverse().find((review) => review.rubric && Object.keys(review.rubric).length > 0)?.rubric ?? {};
  return Object.fromEntries((submission.rubric ?? []).map((each) => [each.id, { points: last[each.id] ? points(last[each.id]!.points) : "", comment: last[each.id]?.comment ?? "" }]));
}

export function ReviewForm({ api, submission, weight, onChange, onLock }: Props) {
  const rubric = submission.rubric ?? [];
  const [given, setGiven] = useState<Given>(() => before(submission));
  const [value, setValue] = useState("");
  const [reason, setReason] = useState("");
  const [comment, setComment] = useState("");
  const [returns, setReturns] = useState(false);
  const [saved, setSaved] = useState("");
  const [touched, setTouched] = useState(false);
  const [taken, setTaken] = useState(false);
  const [mine, setMine] = useState(false);
  const scored = submission.state === "scored";
  const wrong = pointsMistake(value, weight);
  const rubricChanged = JSON.stringify(given) !== JSON.stringify(before(submission));
  const rubricWrong = rubric.some((each) => (given[each.id]?.points ?? "").trim() === "" || pointsMistake(given[each.id]!.points, each.points) !== null);
  const reasonMissing = value.trim() !== "" && reason.trim() === "" ? t("Say why the score is changed. Students do not see this.") : null;
  const commentMissing = returns && comment.trim() === "" ? t("Say what the student should change.") : null;
  const nothing = value.trim() === "" && comment.trim() === "" && !rubricChanged;
  const bad = wrong !== null || reasonMissing !== null || commentMissing !== null || (rubricChanged && rubricWrong);

  /** Whoever begins to write keeps the others away; that somebody else is at it is shown. */
  const begin = useAsk(async () => {
    if (taken) return;
    setTaken(true);
    try {
      onLock(await api.lock(submission.id, "take"));
      setMine(true);
    } catch (failure) {
      const error = asError(failure);
      if (error.code === "locked") onChange();
      else { setTaken(false); throw error; }
    }
  });
  const takeOver = useAsk(async () => { onLock(await api.lock(submission.id, "take_over")); setTaken(true); setMine(true); });
  const release = useAsk(async () => { onLock(await api.lock(submission.id, "release")); setTaken(false); setMine(false); });
  const save = useAsk(async (clear: boolean) => {
    const body: ReviewBody = { score: value.trim() === "" || clear ? null : parse(value) / weight, comment: comment.trim() };
    if (clear) body.clear = true;
    if (body.score !== null) body.reason = reason.trim();
    if (returns) body.returns = true;
    if (rubricChanged && !clear) body.rubric = Object.fromEntries(Object.entries(given).map(([id, each]) => [id, { points: parse(each.points), comment: each.comment.trim() }]));
    const changesGrade = body.score !== null || body.rubric !== undefined;
    await api.review(submission.id, body);
    setSaved(clear ? t("The override is removed.") : returns ? t("Given back. The student may hand in again.") : changesGrade ? t("Saved. The grade is on its way to the grade book.") : t("Comment saved."));
    setValue(""); setReason(""); setComment(""); setReturns(false); setTouched(false);
    onChange();
  });

  const locked = submission.lock ?? null;
  return (
    <section class="ax-review-side">
      <h4>{t("Your review")}</h4>
      {locked ? (
        <p class="ax-lock"><span>{t("{name} is grading this until {time}.", { name: locked.grader_name || t("A grader"), time: absolute(locked.until) })}</span>{" "}
          {mine ? <Button small look="quiet" busy={release.busy} onClick={() => void release.run()}>{t("Let go")}</Button>
            : <Button small look="quiet" busy={takeOver.busy} onClick={() => void takeOver.run()}>{t("Take over")}</Button>}</p>
      ) : null}
      <Problem error={begin.error ?? takeOver.error ?? release.error} />
      <form class="ax-review-form" onInput={() => void begin.run()} onSubmit={(event) => { event.preventDefault(); setTouched(true); if (!bad && !nothing) void save.run(false); }}>
        {rubric.length > 0 && scored ? <Rubric rubric={rubric} given={given} touched={touched} onChange={setGiven} /> : null}
        {scored ? (
          <Field
            label={rubric.length > 0 ? t("Override the points") : t("Points")} hint={t("0 to {weight}", { weight: points(weight) })} error={touched ? wrong : null}
            help={submission.automatic_score === null ? t("Leave empty to comment only.") : t("Automatic: {points}. Leave empty to comment only.", { points: points(submission.automatic_score * weight) })}
          >
            {({ id, describedBy, invalid }) => (
              <div class="ax-row">
                <input id={id} type="text" inputMode="decimal" class="ax-number" value={value} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => setValue(event.currentTarget.value)} onBlur={() => setTouched(true)} />
                {value.trim() !== "" && !wrong ? <span class="ax-hint">{t("= {percent} of the score", { percent: percent(parse(value) / weight) })}</span> : null}
              </div>
            )}
          </Field>
        ) : <Notice kind="info"><p>{t("There is no score yet that could be changed; you can comment.")}</p></Notice>}
        {value.trim() !== "" ? (
          <Field label={t("Reason for the override")} help={t("For the audit trail; students do not see it.")} error={touched ? reasonMissing : null}>
            {({ id, describedBy, invalid }) => <input id={id} type="text" maxLength={2000} value={reason} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => setReason(event.currentTarget.value)} />}
          </Field>
        ) : null}
        <Field label={t("Comment for the student")} error={touched ? commentMissing : null}>
          {({ id, describedBy, invalid }) => <textarea id={id} rows={3} maxLength={4000} value={comment} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => setComment(event.currentTarget.value)} />}
        </Field>
        {scored && !submission.returned_at ? (
          <label class="ax-check"><input type="checkbox" checked={returns} onInput={(event) => setReturns(event.currentTarget.checked)} /> {t("Give back for revision; the try is the student’s again")}</label>
        ) : null}
        <div class="ax-row">
          <Button type="submit" look="primary" busy={save.busy} disabled={nothing}>{returns ? t("Give back") : value.trim() !== "" ? t("Save score") : rubricChanged ? t("Save points") : t("Save comment")}</Button>
          {overridden(submission) ? <Button look="quiet" icon="undo" busy={save.busy} onClick={() => void save.run(true)}>{t("Remove the override")}</Button> : null}
        </div>
        <Problem error={save.error} />
        <p role="status" class="ax-good">{saved}</p>
      </form>
      <Reviews submission={submission} weight={weight} />
    </section>
  );
}

function Rubric({ rubric, given, touched, onChange }: { rubric: Criterion[]; given: Given; touched: boolean; onChange: (given: Given) => void }) {
  const total = rubric.reduce((sum, each) => sum + each.points, 0);
  const sum = rubric.reduce((all, each) => all + (parse(given[each.id]?.points ?? "") || 0), 0);
  return (
    <fieldset class="ax-rubric">
      <legend>{t("Rubric")} <span class="ax-hint"><bdi dir="ltr">{points(sum)} / {points(total)}</bdi></span></legend>
      {rubric.map((each) => {
        const now = given[each.id] ?? { points: "", comment: "" };
        const mistake = touched ? (now.points.trim() === "" ? t("Give points for every criterion.") : pointsMistake(now.points, each.points)) : null;
        return (
          <div key={each.id} class="ax-criterion">
            <Field label={<bdi>{each.title}</bdi>} hint={t("0 to {weight}", { weight: points(each.points) })} help={each.help} error={mistake}>
              {({ id, describedBy, invalid }) => <input id={id} type="text" inputMode="decimal" class="ax-number" value={now.points} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => onChange({ ...given, [each.id]: { ...now, points: event.currentTarget.value } })} />}
            </Field>
            <input type="text" maxLength={4000} aria-label={t("Comment on “{title}”", { title: each.title })} placeholder={t("Comment")} value={now.comment} onInput={(event) => onChange({ ...given, [each.id]: { ...now, comment: event.currentTarget.value } })} />
          </div>
        );
      })}
    </fieldset>
  );
}

function Reviews({ submission, weight }: { submission: Submission; weight: number }) {
  return (
    <>
      <h4>{t("History")}</h4>
      {submission.reviews.length === 0 ? <p class="ax-hint">{t("No reviews yet.")}</p> : (
        <ol class="ax-history">
          {[...submission.reviews].reverse().map((each) => (
            <li key={each.id}>
              <p>
                <strong>{each.returns ? t("Given back for revision") : each.score !== null ? t("{points} points", { points: points(each.score * weight) }) : each.clear ? t("Override removed") : each.rubric && Object.keys(each.rubric).length > 0 ? t("Rubric points") : t("Comment")}</strong>{" "}
                <span class="ax-hint">{each.grader_name ? <><bdi>{each.grader_name}</bdi> · </> : null}<Time value={each.created_at} /></span>
              </p>
              {each.comment ? <p class="ax-prewrap"><bdi>{each.comment}</bdi></p> : null}
              {each.reason ? <p class="ax-hint ax-prewrap">{t("Reason:")} <bdi>{each.reason}</bdi></p> : null}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
