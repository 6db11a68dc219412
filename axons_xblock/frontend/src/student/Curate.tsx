/** Sorts a training set by hand: pictures moved, left out or taken in, classes renamed or merged, the split made anew. */
import { useEffect, useRef, useState } from "preact/hooks";
import { percent } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import { hasMasks } from "../core/task";
import type { Picture as Shot, TrainingSet } from "../core/types";
import { setTitle } from "../core/words";
import { Button, Problem } from "../ui/basics";
import { Classes, type Renames } from "./Classes";
import { useDesk } from "./context";
import { Gallery } from "./Gallery";
import { SplitChoice, type SplitWish } from "./SplitChoice";

type Show = "all" | "excluded" | "near_duplicates";
type Marks = Readonly<Record<string, { out?: boolean; label?: string; split?: "train" | "validation" }>>;

interface Props { base: TrainingSet; onClose: () => void; onSaved: (id: string) => void }

/** What the marks on single pictures ask of the service. */
export function wishes(marks: Marks): { exclusions: string[]; inclusions: string[]; relabels: Record<string, string>; splits: Record<string, string> } {
  const entries = Object.entries(marks);
  return {
    exclusions: entries.filter(([, mark]) => mark.out === true).map(([hash]) => hash),
    inclusions: entries.filter(([, mark]) => mark.out === false).map(([hash]) => hash),
    relabels: Object.fromEntries(entries.flatMap(([hash, mark]) => (mark.label && mark.out !== true ? [[hash, mark.label]] : []))),
    splits: Object.fromEntries(entries.flatMap(([hash, mark]) => (mark.split && mark.out !== true ? [[hash, mark.split]] : []))),
  };
}

export function Curate({ base, onClose, onSaved }: Props) {
  const { session, project } = useDesk();
  const [marks, setMarks] = useState<Marks>({});
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<Shot[]>([]);
  const [show, setShow] = useState<Show>("all");
  const [label, setLabel] = useState<string | null>(null);
  const [renames, setRenames] = useState<Renames>({});
  const [split, setSplit] = useState<SplitWish | null>(null);
  const anchor = useRef<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);

  const wish = wishes(marks);
  const pictures = wish.exclusions.length + wish.inclusions.length + new Set([...Object.keys(wish.relabels), ...Object.keys(wish.splits)]).size;
  const changes = pictures + Object.keys(renames).length + (split ? 1 : 0);
  const save = useAsk(async () => onSaved((await session.changeSet(base.id, { ...wish, renames, split })).id));
  // Where a score is given, the model's classes must be those of the educator's pictures.
  const masked = hasMasks(project.spec);
  const fixed = masked || Boolean(project.spec.starter_set || project.spec.hidden_test_set || project.spec.grading);

  const mark = (change: Marks[string]) => {
    setMarks((old) => ({ ...old, ...Object.fromEntries([...picked].map((hash) => [hash, { ...old[hash], ...change }])) }));
    setPicked(new Set());
  };
  const forget = () => {
    setMarks((old) => Object.fromEntries(Object.entries(old).filter(([hash]) => !picked.has(hash))));
    setPicked(new Set());
  };
  const pick = (picture: Shot, range: boolean) => {
    const from = shown.findIndex((each) => each.sha256 === anchor.current);
    const to = shown.findIndex((each) => each.sha256 === picture.sha256);
    setPicked((old) => {
      const next = new Set(old);
      if (range && from >= 0) for (const each of shown.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(each.sha256);
      else if (!next.delete(picture.sha256)) next.add(picture.sha256);
      return next;
    });
    anchor.current = picture.sha256;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || event.altKey) return;
    const place = /^[1-9]$/.test(event.key) ? base.classes[Number(event.key) - 1] : undefined;
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key === "a") setPicked(new Set(shown.map((each) => each.sha256)));
    else if (control) return;
    else if (event.key === "Escape") setPicked(new Set());
    else if ((event.key === "Delete" || event.key === "Backspace") && picked.size > 0) mark({ out: show !== "excluded" });
    else if (place && !masked && picked.size > 0) mark({ label: place });
    else return;
    event.preventDefault();
  };
  const sign = (picture: Shot) => {
    const found = marks[picture.sha256];
    if (found?.out === true) return <span class="ax-mark-out">{t("left out")}</span>;
    if (found?.label && found.label !== picture.label) return <span class="ax-mark-moved">→ {found.label}</span>;
    if (found?.out === false) return <span class="ax-mark-moved">{t("taken in")}</span>;
    if (found?.split && found.split !== picture.split) return <span class="ax-mark-moved">{found.split === "validation" ? t("kept back") : t("to learn from")}</span>;
    return show === "near_duplicates" && picture.near_group ? t("{label} · group {n}", { label: picture.label, n: picture.near_group }) : picture.label;
  };
  const nobody = picked.size === 0;

  return (
    <div class="ax-editor">
      <div class="ax-row ax-spread">
        <h4 ref={heading} tabIndex={-1}>{t("Sort “{name}”", { name: setTitle(base) })}</h4>
        <Button look="quiet" small onClick={onClose}>{t("Back without saving")}</Button>
      </div>
      <section onKeyDown={onKeyDown} aria-label={t("The pictures of the set")}>
        <p class="ax-help">{t("Pick pictures, then choose what becomes of them.")} <span class="ax-keys">{masked ? t("Hold Shift for a whole row, press Ctrl+A for all shown; Delete leaves them out, Esc lets go.") : t("Hold Shift for a whole row, press Ctrl+A for all shown; the keys 1 to 9 move them to a class, Delete leaves them out, Esc lets go.")}</span></p>
        <div class="ax-chips" role="group" aria-label={t("Which pictures")}>
          {([["all", t("In this version")], ["near_duplicates", t("Look-alikes")], ["excluded", t("Left out")]] as [Show, string][]).map(([name, words]) => (
            <button type="button" key={name} aria-pressed={show === name} onClick={() => { setShow(name); setPicked(new Set()); }}>{words}</button>
          ))}
        </div>
        <div class="ax-pick-bar ax-pick-bar-stays">
          <span aria-live="polite">{nobody ? t("None picked") : tn("{n} picked", "{n} picked", picked.size)}</span>
          <Button small disabled={shown.length === 0} onClick={() => setPicked(new Set(shown.map((each) => each.sha256)))}>{t("Pick all shown")}</Button>
          {show === "excluded"
            ? <Button small disabled={nobody} onClick={() => mark({ out: false })}>{t("Take in again")}</Button>
            : <Button small disabled={nobody} onClick={() => mark({ out: true })}>{t("Leave out")}</Button>}
          {masked ? null : (
            <label class="ax-row">
              <span class="ax-visually-hidden">{t("Move to class")}</span>
              <select disabled={nobody} value="" onChange={(event) => { mark({ label: event.currentTarget.value }); event.currentTarget.value = ""; }}>
                <option value="">{t("Move to…")}</option>
                {base.classes.map((each, place) => <option key={each} value={each}>{place < 9 ? `${place + 1} · ${each}` : each}</option>)}
              </select>
            </label>
          )}
          <label class="ax-row">
            <span class="ax-visually-hidden">{t("Use for")}</span>
            <select disabled={nobody || split !== null} value="" onChange={(event) => { mark({ split: event.currentTarget.value as "train" | "validation" }); event.currentTarget.value = ""; }}>
              <option value="">{t("Use for…")}</option>
              <option value="train">{t("to learn from")}</option>
              <option value="validation">{t("kept back to check")}</option>
            </select>
          </label>
          <Button small icon="undo" look="quiet" disabled={nobody} onClick={forget}>{t("As it was")}</Button>
        </div>
        <Gallery set={base} label={label} onLabel={setLabel} show={show} onShown={setShown} picked={picked} onPick={pick} mark={sign} />
      </section>

      {fixed ? null : <Classes set={base} renames={renames} onChange={setRenames} />}
      <SplitChoice set={base} wish={split} onChange={setSplit} />

      <div class="ax-save-bar">
        <div class="ax-grow" aria-live="polite">
          <span>{[
            wish.exclusions.length ? tn("{n} left out", "{n} left out", wish.exclusions.length) : "",
            wish.inclusions.length ? tn("{n} taken in", "{n} taken in", wish.inclusions.length) : "",
            Object.keys(wish.relabels).length ? tn("{n} moved", "{n} moved", Object.keys(wish.relabels).length) : "",
            Object.keys(renames).length ? tn("{n} class renamed", "{n} classes renamed", Object.keys(renames).length) : "",
            split ? t("split anew, {share} kept back", { share: percent(split.validation, 0) }) : "",
          ].filter(Boolean).join(" · ") || t("Nothing changed yet")}</span>
        </div>
        <Button look="primary" busy={save.busy} disabled={changes === 0} onClick={() => void save.run()}>{t("Save as a new version")}</Button>
      </div>
      <Problem error={save.error} />
    </div>
  );
}
