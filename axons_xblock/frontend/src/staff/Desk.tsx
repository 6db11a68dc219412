/** The graders' desk: the list, or one submission of it, and the keys that move between them. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { DeskApi, EVERYTHING, type Wish } from "../core/desk";
import { t } from "../core/i18n";
import { useAsk, type Session } from "../core/session";
import type { State } from "../core/store";
import type { Submission } from "../core/types";
import { Button, Problem } from "../ui/basics";
import { Detail } from "./Detail";
import { DeskList } from "./DeskList";
import { FullPage, Tools } from "./Tools";

export function Desk({ session, state, full = false }: { session: Session; state: State; full?: boolean }) {
  const api = useMemo(() => new DeskApi(session), [session]);
  const root = useRef<HTMLElement>(null);
  const [wish, setWish] = useState<Wish>(EVERYTHING);
  const [list, setList] = useState<Submission[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState<string | null>(null);
  const [help, setHelp] = useState(false);
  const asked = useRef(0);
  const load = useAsk(async (wanted: Wish, cursor: string | null) => {
    asked.current += 1;
    const mine = asked.current;
    const page = await api.list(wanted, cursor);
    if (mine !== asked.current) return; // the wish has changed meanwhile
    setList((old) => (cursor === null ? page.results : [...(old ?? []), ...page.results]));
    setNext(page.next);
    if (cursor === null) setAt(0);
  });
  useEffect(() => {
    const timer = setTimeout(() => void load.run(wish, null), wish.text ? 300 : 0);
    return () => clearTimeout(timer);
  }, [wish]);

  const place = open === null ? -1 : (list ?? []).findIndex((each) => each.id === open);
  const focusRow = (index: number) => {
    setAt(index);
    root.current?.querySelectorAll<HTMLElement>(".ax-desk-row .ax-disclose")[index]?.focus();
  };
  const show = (index: number) => {
    const chosen = (list ?? [])[index];
    if (!chosen) return;
    setAt(index);
    setOpen(chosen.id);
  };
  const move = (step: number) => {
    const count = (list ?? []).length;
    const from = open === null ? at : place;
    const to = Math.min(count - 1, Math.max(0, from + step));
    if (to >= count - 2 && next !== null && !load.busy) void load.run(wish, next);
    if (open === null) focusRow(to);
    else if (to !== from) show(to);
  };
  const back = () => {
    setOpen(null);
    setTimeout(() => focusRow(at), 0);
  };
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && open !== null && !target.closest("dialog")) return back();
    if (target.closest("input, textarea, select, [role=slider], .ax-confusion, summary")) return;
    const rtl = root.current ? getComputedStyle(root.current).direction === "rtl" : false;
    const ahead = rtl ? "ArrowLeft" : "ArrowRight";
    const behind = rtl ? "ArrowRight" : "ArrowLeft";
    const inList = open === null;
    const steps: Record<string, number> = { j: 1, k: -1, ...(inList ? { ArrowDown: 1, ArrowUp: -1 } : { [ahead]: 1, [behind]: -1 }) };
    const step = steps[event.key];
    if (step !== undefined) {
      // Arrows in the list belong to the rows: elsewhere they scroll.
      if (event.key.startsWith("Arrow") && inList && !target.closest(".ax-submissions")) return;
      event.preventDefault();
      move(step);
    } else if (event.key === "?") {
      event.preventDefault();
      setHelp((old) => !old);
    } else if (event.key === "/" && inList) {
      event.preventDefault();
      root.current?.querySelector<HTMLElement>("input[type=search]")?.focus();
    } else if (event.key === "r" && !inList) {
      event.preventDefault();
      root.current?.querySelector<HTMLElement>(".ax-review-form input, .ax-review-form textarea")?.focus();
    }
  };
  const fresh = (changed: Submission) => setList((old) => (old ?? []).map((each) => (each.id === changed.id ? { ...each, ...changed, name: changed.name ?? each.name, username: changed.username ?? each.username, duplicates: changed.duplicates ?? each.duplicates } : each)));

  return (
    // Keys work while the focus is inside the desk, and nowhere else on the page.
    <section class="ax-card ax-staff ax-desk" aria-label={t("Submissions")} ref={root} onKeyDown={onKey}>
      <div class="ax-row ax-spread">
        <h2 class="ax-step-title">{t("Submissions")}</h2>
        <div class="ax-row">
          <Button small look="quiet" aria-expanded={help} onClick={() => setHelp(!help)}>{t("Keys (?)")}</Button>
          {full ? null : <FullPage api={api} />}
          <Button small busy={load.busy} onClick={() => void load.run(wish, null)}>{t("Refresh")}</Button>
        </div>
      </div>
      {help ? <Keys /> : null}
      {open === null ? (
        <>
          <DeskList api={api} wish={wish} setWish={setWish} list={list} busy={load.busy} failed={load.error !== null} weight={state.weight} at={at} onAt={setAt} onOpen={show} />
          <Problem error={load.error} />
          {load.error ? <Button small onClick={() => void load.run(wish, null)}>{t("Try again")}</Button> : null}
          {next !== null && list ? <Button small busy={load.busy} onClick={() => void load.run(wish, next)}>{t("Load more")}</Button> : null}
          <Tools api={api} weight={state.weight} onChanged={() => void load.run(wish, null)} />
        </>
      ) : (
        <Detail
          key={open} api={api} id={open} weight={state.weight} place={place} count={(list ?? []).length} more={next !== null}
          onMove={move} onBack={back} onChange={fresh} onOpen={setOpen}
        />
      )}
    </section>
  );
}

function Keys() {
  const keys: [string, string][] = [
    ["j  ↓ →", t("next submission")], ["k  ↑ ←", t("previous submission")], ["Enter", t("open")], ["Esc", t("back to the list")],
    ["r", t("to your review")], ["/", t("to the search")], ["?", t("show or hide this")],
  ];
  return (
    <div class="ax-wash" role="region" aria-label={t("Keys")}>
      <dl class="ax-keys">{keys.map(([key, words]) => <div key={key}><dt><kbd dir="ltr">{key}</kbd></dt><dd>{words}</dd></div>)}</dl>
      <p class="ax-hint">{t("They work while the focus is in this panel and not in a field.")}</p>
    </div>
  );
}
