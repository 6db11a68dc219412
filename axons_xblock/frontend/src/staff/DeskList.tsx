/** Who handed in what and what it scored: searched, sorted and filtered by the service, with the LMS's names. */
import { useEffect, useState } from "preact/hooks";
import { EVERYTHING, type DeskApi, type Wish } from "../core/desk";
import { absolute, percent, points } from "../core/format";
import { t, tn } from "../core/i18n";
import type { Submission } from "../core/types";
import { parse } from "../student/Hyper";
import { Button, Empty, Icon, Skeleton, Time } from "../ui/basics";
import { useUid } from "../ui/uid";
import { overridden, personOf, stateWords, twinWords } from "./words";

interface Props {
  api: DeskApi; wish: Wish; setWish: (wish: Wish) => void; list: Submission[] | null; busy: boolean; failed: boolean; weight: number;
  at: number; onAt: (index: number) => void; onOpen: (index: number) => void;
}

export function DeskList({ api, wish, setWish, list, busy, failed, weight, at, onAt, onOpen }: Props) {
  const everything = JSON.stringify({ ...wish, sort: "newest" }) === JSON.stringify(EVERYTHING);
  return (
    <>
      <Filters api={api} wish={wish} setWish={setWish} weight={weight} />
      {list === null && !failed ? <Skeleton rows={8} /> : null}
      {list?.length === 0 && everything ? <Empty icon="flag" title={t("Nobody has handed in yet.")}><p>{t("Submissions appear here as soon as students hand in a model.")}</p></Empty> : null}
      {list?.length === 0 && !everything && !busy ? <Empty icon="search" title={t("No submission matches.")}><Button small onClick={() => setWish({ ...EVERYTHING, sort: wish.sort })}>{t("Show all")}</Button></Empty> : null}
      {list && list.length > 0 ? (
        <div class="ax-table-scroll">
          <table class="ax-table ax-submissions">
            <caption class="ax-visually-hidden">{tn("{n} submission", "{n} submissions", list.length)}</caption>
            <thead>
              <tr>
                <th scope="col">{t("Student")}</th>
                <th scope="col" class="ax-num">{t("Result")}</th>
                <th scope="col" class="ax-num ax-wide">{t("Automatic")}</th>
                <th scope="col" class="ax-num">{t("Points")}</th>
                <th scope="col">{t("Handed in")}</th>
                <th scope="col" class="ax-open-cell"><span class="ax-visually-hidden">{t("Details")}</span></th>
              </tr>
            </thead>
            {list.map((each, index) => <Row key={each.id} submission={each} weight={weight} here={index === at} onFocus={() => onAt(index)} onOpen={() => onOpen(index)} />)}
          </table>
        </div>
      ) : null}
    </>
  );
}

function Filters({ api, wish, setWish, weight }: { api: DeskApi; wish: Wish; setWish: (wish: Wish) => void; weight: number }) {
  const [groups, setGroups] = useState<{ cohorts: string[]; teams: string[] }>({ cohorts: [], teams: [] });
  useEffect(() => {
    api.groups().then(setGroups, () => undefined); // without groups there is nothing to choose
  }, []);
  const chips: [string, Partial<Wish>][] = [
    [t("All"), { state: "", needs_review: false, overridden: false }], [t("Needs review"), { state: "", needs_review: true, overridden: false }],
    [t("Scored"), { state: "scored", needs_review: false, overridden: false }], [t("Being scored"), { state: "scoring", needs_review: false, overridden: false }],
    [t("Failed"), { state: "failed", needs_review: false, overridden: false }], [t("Returned"), { state: "returned", needs_review: false, overridden: false }],
    [t("Changed by hand"), { state: "", needs_review: false, overridden: true }],
  ];
  const chosen = (part: Partial<Wish>) => part.state === wish.state && part.needs_review === wish.needs_review && part.overridden === wish.overridden;
  const id = useUid();
  return (
    <div class="ax-desk-filters">
      <div class="ax-row ax-filter-bar">
        <label class="ax-search">
          <span class="ax-visually-hidden">{t("Search by name")}</span>
          <Icon name="search" size={16} />
          <input type="search" maxLength={100} value={wish.text} placeholder={t("Search by name")} onInput={(event) => setWish({ ...wish, text: event.currentTarget.value })} />
        </label>
        <label class="ax-inline" for={`${id}-sort`}>{t("Order")}
          <select id={`${id}-sort`} value={wish.sort} onChange={(event) => setWish({ ...wish, sort: event.currentTarget.value as Wish["sort"] })}>
            <option value="newest">{t("newest first")}</option>
            <option value="oldest">{t("oldest first")}</option>
            <option value="score_low">{t("lowest score first")}</option>
            <option value="score_high">{t("highest score first")}</option>
          </select>
        </label>
        <Group label={t("Cohort")} all={t("all cohorts")} names={groups.cohorts} value={wish.cohort} onChange={(cohort) => setWish({ ...wish, cohort })} />
        <Group label={t("Team")} all={t("all teams")} names={groups.teams} value={wish.team} onChange={(team) => setWish({ ...wish, team })} />
        <fieldset class="ax-range">
          <legend>{t("Points")}</legend>
          <Limit label={t("Points, at least")} placeholder={points(0)} weight={weight} value={wish.min_score} onChange={(min_score) => setWish({ ...wish, min_score })} />
          <span aria-hidden="true">–</span>
          <Limit label={t("Points, at most")} placeholder={points(weight)} weight={weight} value={wish.max_score} onChange={(max_score) => setWish({ ...wish, max_score })} />
        </fieldset>
      </div>
      <div class="ax-chips" role="group" aria-label={t("Filter")}>
        {chips.map(([words, part]) => <button type="button" key={words} aria-pressed={chosen(part)} onClick={() => setWish({ ...wish, ...part })}>{words}</button>)}
      </div>
    </div>
  );
}

/** One way in which the LMS groups people; nothing where the course has none. */
function Group({ label, all, names, value, onChange }: { label: string; all: string; names: string[]; value: string; onChange: (name: string) => void }) {
  const id = useUid();
  if (names.length === 0) return null;
  return (
    <label class="ax-inline" for={id}>{label}
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{all}</option>
        {names.map((each) => <option key={each} value={each}>{each}</option>)}
      </select>
    </label>
  );
}

/** One end of the range, in points; what is no number filters nothing. */
function Limit({ label, placeholder, weight, value, onChange }: { label: string; placeholder: string; weight: number; value: number | null; onChange: (share: number | null) => void }) {
  const [text, setText] = useState("");
  useEffect(() => {
    if (value === null && Number.isFinite(parse(text))) setText("");
  }, [value]);
  return (
    <input
      type="text" inputMode="decimal" class="ax-number" aria-label={label} placeholder={placeholder} value={text}
      onInput={(event) => {
        setText(event.currentTarget.value);
        const typed = parse(event.currentTarget.value);
        onChange(Number.isFinite(typed) && weight > 0 ? Math.min(1, Math.max(0, typed / weight)) : null);
      }}
    />
  );
}

function Row({ submission, weight, here, onFocus, onOpen }: { submission: Submission; weight: number; here: boolean; onFocus: () => void; onOpen: () => void }) {
  const name = personOf(submission);
  const tone = submission.returned_at || submission.needs_review ? "changed" : submission.state;
  return (
    <tbody class="ax-desk-row">
      <tr>
        <th scope="row">
          <bdi class="ax-person">{name}</bdi>
          {submission.username && submission.name ? <span class="ax-hint"><bdi>{submission.username}</bdi></span> : null}
          {submission.duplicates?.length ? <span class="ax-badge ax-badge-failed">{twinWords(submission.duplicates)}</span> : null}
          {submission.lock ? <span class="ax-badge">{t("{name} is grading", { name: submission.lock.grader_name ?? "" })}</span> : null}
        </th>
        <td class="ax-num">{submission.value === null || submission.needs_review || submission.returned_at ? <span class={`ax-badge ax-badge-${tone}`}>{stateWords(submission)}</span> : percent(submission.value)}</td>
        <td class="ax-num ax-wide">{submission.automatic_score === null ? "–" : points(submission.automatic_score * weight)}</td>
        <td class="ax-num">
          {submission.score === null ? "–" : <bdi dir="ltr"><strong>{points(submission.score * weight)}</strong> / {points(weight)}</bdi>}
          {overridden(submission) ? <span class="ax-badge ax-badge-changed">{t("by hand")}</span> : null}
        </td>
        <td><Time value={submission.created_at} /><span class="ax-hint ax-wide">{absolute(submission.created_at)}</span></td>
        <td class="ax-open-cell">
          <button type="button" class="ax-disclose" tabIndex={here ? 0 : -1} aria-label={t("Details of {name}", { name })} onFocus={onFocus} onClick={onOpen}><Icon name="chevron" size={18} /></button>
        </td>
      </tr>
    </tbody>
  );
}
