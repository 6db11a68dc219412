/** Step 1: which pictures the model learns from. */
import { useEffect, useState } from "preact/hooks";
import { number } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import { hasMasks } from "../core/task";
import type { TrainingSet } from "../core/types";
import type { Waiting } from "../core/uploads";
import { setTitle } from "../core/words";
import { Button, Empty, Notice, Problem, ProgressBar, Time } from "../ui/basics";
import { useUid } from "../ui/uid";
import { useDesk } from "./context";
import { Gallery } from "./Gallery";
import { Report } from "./Report";
import { Curate } from "./Curate";
import { History } from "./History";
import { Discard } from "./Trash";
import { ImportZip, TakeHome } from "./Zip";
import { Lazy } from "../ui/lazy";
import { draftBase, rememberDraft } from "./draft";

export function Pictures() {
  const { session, project, set, chooseSet, go, isWorkshop, onEditing } = useDesk();
  const [editing, setEditingNow] = useState<{ base: TrainingSet | null } | null>(null);
  const [curating, setCurating] = useState(false);
  const [waiting, setWaiting] = useState<Waiting[]>([]);
  const setEditing = (next: { base: TrainingSet | null } | null) => {
    if (next) rememberDraft(project.id, next.base?.id ?? null);
    setEditingNow(next);
  };
  const [label, setLabel] = useState<string | null>(null);
  const sets = [...project.training_sets, ...(project.starter_set ? [project.starter_set] : [])];
  const group = useUid();
  const own = project.spec.own_pictures;
  // A picture without a mask teaches nothing here: cameras, drops and labels are for pictures that have a label.
  const masked = hasMasks(project.spec);
  const labels = own && !masked;

  useEffect(() => {
    if (!labels || editing) return;
    // Whatever fails here is said where it matters: in the editor.
    session.waitingUploads().then(setWaiting, () => undefined);
  }, [labels, editing === null]);

  const isEditing = editing !== null || curating;
  useEffect(() => onEditing?.(isEditing), [isEditing]);

  if (editing) {
    return (
      <Lazy
        load={() => import("./SetEditor").then((m) => m.SetEditor)} rows={6}
        base={editing.base} onClose={() => setEditing(null)} onSaved={(id: string) => { chooseSet(id); setEditing(null); }}
      />
    );
  }
  if (curating && set?.state === "ready") return <Curate key={set.id} base={set} onClose={() => setCurating(false)} onSaved={(id) => { chooseSet(id); setLabel(null); setCurating(false); }} />;
  const unfinished = waiting.length > 0 ? (
    <Unfinished
      waiting={waiting} onGo={() => setEditing({ base: sets.find((each) => each.id === draftBase(project.id) && each.state === "ready") ?? null })}
      onDiscard={async () => {
        for (let i = 0; i < waiting.length; i += 500) await session.uploads("training_set").discard(waiting.slice(i, i + 500).map((each) => each.id));
        setWaiting([]);
      }}
    />
  ) : null;
  if (!set) {
    return (
      <>
      {unfinished}
      <Empty title={isWorkshop ? t("There is no draft yet.") : own ? t("There are no pictures yet.") : t("This exercise has no pictures yet.")}>
        <p>{isWorkshop ? t("Add pictures one class at a time, drop a folder, or bring a zip with one folder for each class.") : masked && own ? t("Bring some of your own with their masks, as a zip: about 50 make a good start.") : own ? t("Add some of your own: about 20 of each kind make a good start.") : t("Tell your educator: the starter set is missing.")}</p>
        {labels ? <Button look="primary" icon="plus" onClick={() => setEditing({ base: null })}>{t("Add pictures")}</Button> : null}
        {own ? <ImportZip onSaved={chooseSet} /> : null}
      </Empty>
      </>
    );
  }
  const drawers = (
    <div class="ax-drawers">
      {(own || masked) && project.training_sets.length > 0 ? <History current={set} onSaved={chooseSet} /> : null}
      <details class="ax-details">
        <summary>{own ? t("Take home or bring along") : t("Take home")}</summary>
        {set.state === "ready" ? <TakeHome set={set} /> : null}
        {own ? <ImportZip onSaved={chooseSet} /> : null}
      </details>
    </div>
  );
  const report = set.report && set.report.length > 0 ? <Report key={`${set.id}-${set.state}`} set={set} /> : null;
  return (
    <>
      {unfinished}
      {isWorkshop ? null : <p class="ax-lead">{masked
        ? own
          ? t("A mask says for every pixel what it shows; the model learns from both. Leave out what misleads it, or bring pictures with their masks as a zip.")
          : t("A mask says for every pixel what it shows; the model learns from both. Look through them, and leave out what misleads it.")
        : own
        ? t("A model knows only what its pictures show it. Look through them, or make a version of your own.")
        : t("A model knows only what its pictures show it. Look through them before you train.")}</p>}
      {sets.length > 1 ? (
        <fieldset class="ax-choices">
          <legend>{isWorkshop ? t("Your drafts") : t("Pictures to train with")}</legend>
          {sets.map((each) => (
            <label key={each.id} class="ax-choice">
              <input type="radio" name={group} checked={each.id === set.id} onChange={() => { chooseSet(each.id); setLabel(null); }} />
              <span class="ax-choice-title">{setTitle(each)}</span>
              <span class="ax-choice-note">
                {each.state === "ready" ? tn("{n} picture", "{n} pictures", each.image_count) : each.state === "preparing" ? t("being checked…") : t("not usable")}
                {each.kind === "project" && each.created_at ? <> · <Time value={each.created_at} /></> : null}
              </span>
            </label>
          ))}
        </fieldset>
      ) : null}
      <SetSummary set={set} label={label} onLabel={setLabel} masked={masked} />
      {set.state === "ready" ? (
        <>
          <div class="ax-row ax-actions">
            {isWorkshop ? null : <Button look="primary" icon="play" onClick={() => go("train")}>{t("Train with these pictures")}</Button>}
            {labels ? <Button icon="plus" onClick={() => setEditing({ base: set })}>{isWorkshop ? t("Add or change pictures") : t("Make my own version")}</Button> : null}
            {own || masked ? <Button onClick={() => setCurating(true)}>{masked ? t("Leave out and split") : t("Sort and split")}</Button> : null}
            {labels ? <Button look="quiet" onClick={() => setEditing({ base: null })}>{t("Start from nothing")}</Button> : null}
          </div>
          {report}
          {drawers}
          <Gallery set={set} label={label} onLabel={setLabel} />
        </>
      ) : <>{report}{drawers}</>}
      {set.licence || set.credits ? (
        <details class="ax-details">
          <summary>{t("Licence and credits")}</summary>
          {set.licence ? <p>{set.licence}</p> : null}
          {set.credits ? <p class="ax-prewrap">{set.credits}</p> : null}
        </details>
      ) : null}
      {set.kind === "project" && set.state !== "preparing" ? <div class="ax-details ax-row"><Discard kind="training_set" object={set.id}>{t("Delete this version")}</Discard></div> : null}
    </>
  );
}

function Unfinished({ waiting, onGo, onDiscard }: { waiting: Waiting[]; onGo: () => void; onDiscard: () => Promise<void> }) {
  const discard = useAsk(onDiscard);
  const arrived = waiting.filter((each) => each.state === "arrived").length;
  return (
    <Notice kind="info" title={t("You began a training set and did not save it")}>
      <p>{arrived === waiting.length
        ? tn("{n} picture has arrived and waits for you, for a day.", "{n} pictures have arrived and wait for you, for a day.", arrived)
        : t("{sent} of {all} pictures have arrived and wait for you, for a day.", { sent: number(arrived), all: number(waiting.length) })}</p>
      <div class="ax-row">
        <Button small look="primary" icon="play" onClick={onGo}>{t("Go on")}</Button>
        <Button small look="quiet" busy={discard.busy} onClick={() => void discard.run()}>{t("Throw away")}</Button>
      </div>
      <Problem error={discard.error} />
    </Notice>
  );
}

function SetSummary({ set, label, onLabel, masked }: { set: TrainingSet; label: string | null; onLabel: (label: string | null) => void; masked: boolean }) {
  if (set.state === "preparing") {
    return (
      <div class="ax-wash">
        <p><strong>{t("Your pictures are being checked.")}</strong> {t("Each one is opened, turned upright and brought to one size. You may leave this page.")}</p>
        <ProgressBar value={set.progress && set.progress.total > 0 ? set.progress.done / set.progress.total : null} label={t("Checking pictures")} />
        {set.progress ? <p class="ax-facts-line" aria-live="polite">{t("{done} of {total} checked", { done: number(set.progress.done), total: number(set.progress.total) })}</p> : null}
      </div>
    );
  }
  if (set.state === "failed") {
    return <Notice kind="error" title={t("This version cannot be used")}><p>{set.message ?? t("None of its pictures could be taken. See the report below.")}</p></Notice>;
  }
  const totals = set.classes.map((name) => (set.counts[name]?.train ?? 0) + (set.counts[name]?.validation ?? 0));
  const most = Math.max(1, ...totals);
  const least = Math.min(...totals);
  const held = set.classes.reduce((sum, name) => sum + (set.counts[name]?.validation ?? 0), 0);
  return (
    <div class="ax-wash">
      <p class="ax-summary-line">
        <strong>{tn("{n} picture", "{n} pictures", set.image_count)}</strong> · {tn("{n} class", "{n} classes", set.classes.length)}
        {held > 0 ? <> · {tn("{n} is kept back to check the model", "{n} are kept back to check the model", held)}</> : null}
      </p>
      {set.message ? <p>{set.message}</p> : null}
      <ul class="ax-balance" aria-label={t("Pictures of each class")}>
        {set.classes.map((name, index) => {
          const train = set.counts[name]?.train ?? 0;
          const validation = set.counts[name]?.validation ?? 0;
          return (
            <li key={name}>
              <button type="button" aria-pressed={label === name} onClick={() => onLabel(label === name ? null : name)} title={name}>
                <span class="ax-balance-name">{name}</span>
                <span class="ax-balance-bar" aria-hidden="true">
                  <span class="ax-bar-train" style={{ inlineSize: `${(train / most) * 100}%` }} />
                  <span class="ax-bar-validation" style={{ inlineSize: `${(validation / most) * 100}%` }} />
                </span>
                <span class="ax-balance-count">{number(totals[index] ?? 0)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      <p class="ax-key">
        <span><span class="ax-swatch ax-bar-train" /> {t("to learn from")}</span>
        <span><span class="ax-swatch ax-bar-validation" /> {t("kept back to check")}</span>
      </p>
      {masked ? <p class="ax-hint">{t("A picture is counted where its largest mark belongs; most show several classes.")}</p> : null}
      {(set.warnings ?? []).map((each) => <p key={`${each.code}-${each.label}`} class="ax-note"><bdi>{each.message}</bdi></p>)}
      {!masked && set.classes.length > 1 && most >= least * 3 && !set.warnings?.some((each) => each.code === "uneven_classes") ? (
        <p class="ax-note">{t("The classes are uneven: a model tends to prefer the ones it has seen most.")}</p>
      ) : null}
    </div>
  );
}
