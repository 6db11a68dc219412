/** The exercise at a glance on Studio's unit page, and a place to try it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { number, points, significant } from "../core/format";
import { hiddenShare, howGraded } from "../core/grading";
import { t } from "../core/i18n";
import { Api } from "../core/api";
import { bareName, hasMasks } from "../core/task";
import { Session, SessionContext } from "../core/session";
import { Student } from "../student/Student";
import { boundOf } from "../student/Hyper";
import type { Args, Runtime, Spec, StudioData } from "../core/types";
import { architectureTitle } from "../core/words";
import { Button, Notice, Skeleton } from "../ui/basics";
import { Thresholds } from "../ui/thresholds";

export function Author({ args, runtime, element }: { args: Args; runtime: Runtime; element: unknown }) {
  const [spec, setSpec] = useState<Spec | null>(args.spec ?? null);
  const [trying, setTrying] = useState(false);
  const session = useMemo(() => (trying ? new Session(args, runtime, element) : null), [trying]);
  useEffect(() => {
    if (spec) return;
    new Api(args, runtime, element).handler<StudioData>("studio_load").then((data) => setSpec(data.spec), () => undefined);
  }, []);
  useEffect(() => {
    void session?.start();
    return () => session?.stop();
  }, [session]);
  if (!spec) return <Skeleton rows={4} />;
  const weight = args.weight ?? 1;
  const training = spec.kind === "training";
  const missing = training ? (spec.starter_set === null && !spec.own_pictures ? t("Choose a starter set, or let students add pictures.") : null) : spec.model === null ? t("Choose the model that students try.") : null;
  const range = (name: "epochs" | "learning_rate" | "batch_size") => {
    const { min, max } = boundOf(spec, name);
    return min === max ? significant(min, 6) : t("{min} to {max}", { min: significant(min, 6), max: significant(max, 6) });
  };
  const facts: [string, string][] = training
    ? [
        [t("Pictures"), [spec.starter_set ? bareName(spec.starter_set) : t("students bring them"), spec.own_pictures && spec.starter_set ? t("and their own") : ""].filter(Boolean).join(" ")],
        [t("Networks"), spec.architectures.map(architectureTitle).join(", ") || "–"],
        [t("Epochs"), range("epochs")],
        [t("Learning rate"), range("learning_rate")],
        [t("Batch size"), range("batch_size")],
        [t("Machine"), t("{pool}, at most {n} min", { pool: spec.pool, n: number(spec.time_limit_minutes) })],
        [t("Tries"), spec.max_tries === 0 ? t("no limit") : number(spec.max_tries)],
        [t("Points"), spec.grading ? points(weight) : t("not graded")],
      ]
    : [[t("Model"), spec.model ?? "–"], [t("Machine"), spec.pool], [t("Points"), t("not graded")]];
  return (
    <div class="ax-page">
      <section class="ax-card ax-glance">
        <p class="ax-eyebrow">{training ? (hasMasks(spec) ? t("Students train a model that marks every pixel") : t("Students train a model")) : t("Students try a finished model")}</p>
        <h2 class="ax-title">{args.display_name}</h2>
        {missing ? <Notice kind="warning"><p>{missing} {t("Open the editor to set it.")}</p></Notice> : null}
        <dl class="ax-glance-facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>)}</dl>
        {training && spec.grading ? (
          <>
            <h3 class="ax-small-title">{t("What the score means")}</h3>
            <p>{howGraded(spec.grading)}</p>
            {spec.grading.rule === "rubric" ? null : <Thresholds grading={spec.grading} weight={weight * hiddenShare(spec.grading)} />}
            {spec.grading.rubric ? <ul class="ax-words">{spec.grading.rubric.map((each) => <li key={each.id}><bdi>{each.title}</bdi> · {points(each.points)}</li>)}</ul> : null}
            {spec.hidden_test_set ? <p class="ax-hint">{t("Scored on the hidden test set “{name}”.", { name: bareName(spec.hidden_test_set) })}</p> : <Notice kind="warning"><p>{t("Choose a hidden test set: without one nothing can be scored.")}</p></Notice>}
          </>
        ) : null}
        <Button onClick={() => setTrying(!trying)} aria-expanded={trying}>{trying ? t("Close the workspace") : t("Try the exercise here")}</Button>
      </section>
      {session ? <SessionContext.Provider value={session}><Student session={session} /></SessionContext.Provider> : null}
    </div>
  );
}
