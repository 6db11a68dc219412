/** The pictures of the hidden test set: for course staff alone. */
import { useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { useAsk, type Session } from "../core/session";
import type { TrainingSet } from "../core/types";
import { GalleryOf, type Pictures, type Query } from "../student/Gallery";
import { Button, Problem } from "../ui/basics";

type Page = Pictures & { set: TrainingSet };

export function HiddenSet({ session }: { session: Session }) {
  const [set, setSet] = useState<TrainingSet | null>(null);
  const [label, setLabel] = useState<string | null>(null);
  const ask = (query: Query) => session.api.handler<Page>("staff_hidden", { ...query });
  const open = useAsk(async () => setSet((await ask({ limit: 1 })).set));
  return (
    <section class="ax-card ax-staff" aria-label={t("The hidden test set")}>
      <h3 class="ax-step-title">{t("The hidden test set")}</h3>
      <p class="ax-help">{t("Models are scored on these pictures. Only course staff can look at them; students never see them.")}</p>
      {set === null ? <Button small busy={open.busy} onClick={() => void open.run()}>{t("Look at the pictures")}</Button> : (
        <>
          <p><bdi>{set.name}</bdi> · {tn("{n} picture", "{n} pictures", set.image_count)}</p>
          <GalleryOf set={set} label={label} onLabel={setLabel} pictures={ask} />
        </>
      )}
      <Problem error={open.error} />
    </section>
  );
}
