/** Says when the service does not answer, when it is asked again, and that nothing is lost. */
import { useEffect, useState } from "preact/hooks";
import { duration } from "../core/format";
import { t } from "../core/i18n";
import type { Session } from "../core/session";
import type { State } from "../core/store";
import { Button, Notice } from "../ui/basics";

export function Banner({ session, state }: { session: Session; state: State }) {
  const { connection } = state;
  const [now, setNow] = useState(Date.now());
  const [wasDown, setWasDown] = useState(false);
  const down = connection.mode === "down";
  useEffect(() => {
    if (!down) {
      const timer = setTimeout(() => setWasDown(false), 6000);
      return () => clearTimeout(timer);
    }
    setWasDown(true);
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [down]);
  if (connection.mode === "down") {
    const left = Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
    return (
      <Notice kind="warning" live title={state.project ? t("Your work is safe; the training service does not answer") : t("The exercise could not be opened yet")}>
        <p>{connection.message}</p>
        <div class="ax-row">
          <Button small onClick={() => session.retryNow()}>{t("Try now")}</Button>
          <span class="ax-hint">{left > 0 ? t("This page tries again by itself in {time}.", { time: duration(left) }) : t("Trying again…")}</span>
        </div>
      </Notice>
    );
  }
  return wasDown ? <Notice kind="success" live><p>{t("Connected again. Everything is up to date.")}</p></Notice> : null;
}
