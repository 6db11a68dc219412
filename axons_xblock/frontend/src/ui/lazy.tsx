import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { Button, Notice, Skeleton } from "./basics";

type Props<P> = { load: () => Promise<ComponentType<P>>; rows?: number } & P;

/** A part that is fetched when it is first shown. */
export function Lazy<P extends object>({ load, rows = 4, ...rest }: Props<P>) {
  const [Part, setPart] = useState<{ component: ComponentType<P> } | null>(null);
  const [failed, setFailed] = useState(0);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let current = true;
    load().then(
      (component) => current && setPart({ component }),
      () => current && setFailed((count) => count + 1),
    );
    return () => {
      current = false;
    };
  }, [attempt]);
  if (Part) {
    const Component = Part.component as ComponentType<object>;
    return <Component {...rest} />;
  }
  if (failed > attempt) {
    return (
      <Notice kind="error">
        <p>{t("This part of the page did not arrive.")}</p>
        <Button onClick={() => setAttempt(attempt + 1)}>{t("Try again")}</Button>
      </Notice>
    );
  }
  return <Skeleton rows={rows} />;
}
