/** Makes a set for the library: pictures uploaded or a starter set forked, sorted as students do it, and published. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { SessionContext, useAsk, useStore } from "../core/session";
import { hasMasks } from "../core/task";
import type { Args, LibrarySet, Runtime, Spec, TrashEntry } from "../core/types";
import { Workshop as Making, type Publication, type Role } from "../core/workshop";
import { Banner } from "../student/Banner";
import { DeskContext, type Desk } from "../student/context";
import { Pictures } from "../student/Pictures";
import { StorageNotice, TrashPanel, UndoLine } from "../student/Trash";
import { Button, Problem, Skeleton } from "../ui/basics";
import { Publish, type Said } from "./Publish";

interface Props {
  args: Args; runtime: Runtime; element: unknown; spec: Spec; role: Role; fork: LibrarySet | null;
  /** The course's own sets of this role, whose next version this may be. */
  own: LibrarySet[];
  onClose: () => void; onPublished: (found: Publication) => void;
}

export function Workshop({ args, runtime, element, spec, role, fork, own, onClose, onPublished }: Props) {
  const session = useMemo(() => new Making(args, runtime, element, spec.task), []);
  const state = useStore(session);
  const [chosen, choose] = useState<string | null>(null);
  const [last, setLast] = useState<TrashEntry | null>(null);
  const [changes, setChanges] = useState(0);
  const [trashAsked, setTrashAsked] = useState(0);
  const [isEditing, setEditing] = useState(false);
  const [said, say] = useState<Said>({});
  const heading = useRef<HTMLHeadingElement>(null);
  const copy = useAsk(async (base: string) => choose((await session.fork(base)).id));
  const opened = state.project !== null;
  useEffect(() => {
    heading.current?.focus();
    void session.start();
    return () => session.stop();
  }, [session]);
  useEffect(() => {
    if (opened && fork?.id) void copy.run(fork.id);
  }, [opened]);

  const sets = (state.project?.training_sets ?? []).filter((each) => (each.task ?? "classification") === spec.task);
  const set = sets.find((each) => each.id === chosen) ?? sets[0] ?? null;
  const project = state.project ? { ...state.project, training_sets: sets } : null;
  const touched = () => setChanges((count) => count + 1);
  const desk: Desk | null = project && {
    session, state, project, set, chooseSet: choose, model: null, chooseModel: () => undefined, go: () => undefined, isWorkshop: true, onEditing: setEditing,
    discarded: (entry) => { setLast(entry); touched(); },
  };
  return (
    <SessionContext.Provider value={session}>
      <section class="ax-workshop" aria-labelledby="ax-workshop-title">
        <div class="ax-row ax-spread">
          <h3 id="ax-workshop-title" class="ax-step-title" ref={heading} tabIndex={-1}>{role === "hidden" ? t("Make a hidden test set") : t("Make a starter set")}</h3>
          <Button look="quiet" small onClick={onClose}>{t("Back to the exercise")}</Button>
        </div>
        <p class="ax-lead">{role === "hidden"
          ? t("Upload pictures that no student has, check them here, then publish them. Students are scored on them and never see them.")
          : t("Upload pictures or change a copy of another set, check them here, then publish them. Students see nothing of it before.")} {t("Drafts are yours alone and are kept for 90 days after your last change.")}</p>
        <Banner session={session} state={state} />
        {copy.error ? <><Problem error={copy.error} />{fork?.id ? <Button small onClick={() => void copy.run(fork.id ?? "")}>{t("Try again")}</Button> : null}</> : null}
        {!desk || !project || copy.busy ? <Skeleton rows={6} /> : (
          <DeskContext.Provider value={desk}>
            <StorageNotice project={project} onTrash={() => setTrashAsked((count) => count + 1)} />
            {last ? <UndoLine key={last.id} entry={last} onDone={() => { setLast(null); touched(); }} /> : null}
            <div class="ax-card"><Pictures /></div>
            {set?.state === "ready" && !isEditing ? (
              <Publish
                key={set.id} session={session} set={set} role={role} masked={hasMasks(spec)} own={own} forked={fork?.is_own ? fork : null} against={(role === "hidden" ? spec.starter_set : spec.hidden_test_set) ?? null}
                said={said} say={say} onLeftOut={choose} onPublished={onPublished}
              />
            ) : null}
            <TrashPanel changes={changes} asked={trashAsked} />
          </DeskContext.Provider>
        )}
      </section>
    </SessionContext.Provider>
  );
}
