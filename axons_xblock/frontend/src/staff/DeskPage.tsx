/** The desk as a page of its own. */
import { useStore, type Session } from "../core/session";
import { t } from "../core/i18n";
import { Banner } from "../student/Banner";
import { Desk } from "./Desk";
import { HiddenSet } from "./Hidden";
import { Leaks } from "./Leakage";

export function DeskPage({ session }: { session: Session }) {
  const state = useStore(session);
  return (
    <div class="ax-page ax-desk-page">
      <header class="ax-header"><h1 class="ax-title">{t("Submissions of “{title}”", { title: state.title })}</h1></header>
      <Banner session={session} state={state} />
      <Desk session={session} state={state} full />
      <Leaks session={session} />
      <HiddenSet session={session} />
    </div>
  );
}
