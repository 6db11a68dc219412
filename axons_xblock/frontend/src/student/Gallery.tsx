/** A training set's pictures, class by class, fetched as they are asked for. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { asError, type ApiError } from "../core/api";
import { t } from "../core/i18n";
import { hasMasks } from "../core/task";
import type { Picture as Shot, TrainingSet } from "../core/types";
import { Button, Empty, Problem, Skeleton } from "../ui/basics";
import { Legend, Masked } from "../ui/masked";
import { useDesk } from "./context";

/** What a page of pictures is asked by. */
export interface Query { label?: string; after?: string; limit?: number; show?: "excluded" | "near_duplicates" }
export interface Pictures { images: Shot[]; next: string | null }

/** How much of a picture its mask covers. */
const MASK = 0.55;
/** How many of each class stand for the whole set. */
const SAMPLE = 4;

interface Props {
  set: TrainingSet;
  label: string | null;
  onLabel: (label: string | null) => void;
  /** With this, pictures can be picked; it says how a picture stands. */
  picked?: ReadonlySet<string>;
  onPick?: (picture: Shot, range: boolean) => void;
  mark?: (picture: Shot) => ComponentChildren;
  /** Which of the set's pictures: all, those left out, or look-alikes. */
  show?: "all" | "excluded" | "near_duplicates";
  /** Hears which pictures are on the page, in their order. */
  onShown?: (pictures: Shot[]) => void;
}

export function Gallery(props: Props) {
  const { session } = useDesk();
  return <GalleryOf {...props} pictures={(query) => session.pictures(props.set.id, query)} />;
}

/** The same for pictures that come another way. */
export function GalleryOf({ set, label, onLabel, picked, onPick, mark, show = "all", onShown, pictures }: Props & { pictures: (query: Query) => Promise<Pictures> }) {
  const [images, setImages] = useState<Shot[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [state, setState] = useState<"loading" | "idle" | "more">("loading");
  const [error, setError] = useState<ApiError | null>(null);
  const [strength, setStrength] = useState(MASK);
  const turn = useRef(0);

  // The service lists a set class by class: the first page of all pictures would show one class only.
  // Who sorts pictures sees them all, class by class.
  const mixed = !onShown && show === "all" && label === null && set.classes.length > 1 && set.classes.length <= 12;
  const sample = async () => {
    const pages = await Promise.all(set.classes.map((each) => pictures({ label: each, limit: SAMPLE })));
    return { images: Array.from({ length: SAMPLE }, (_, i) => pages.flatMap((page) => page.images[i] ?? [])).flat(), next: null };
  };
  const masks = hasMasks({ task: set.task ?? "classification" });
  const load = async (after: string | null) => {
    const mine = ++turn.current;
    setState(after === null ? "loading" : "more");
    setError(null);
    try {
      const answer = mixed ? await sample() : await pictures({ label: label ?? undefined, after: after ?? undefined, limit: 48, show: show === "all" ? undefined : show });
      if (mine !== turn.current) return;
      setImages((old) => (after === null ? answer.images : [...old, ...answer.images]));
      setNext(answer.next);
    } catch (failure) {
      if (mine === turn.current) setError(asError(failure));
    } finally {
      if (mine === turn.current) setState("idle");
    }
  };
  useEffect(() => {
    setImages([]);
    void load(null);
  }, [set.id, label, show]);
  useEffect(() => onShown?.(images), [images]);

  return (
    <section class="ax-gallery" aria-label={t("The pictures of the set")}>
      <div class="ax-chips" role="group" aria-label={t("Show only one class")}>
        <button type="button" aria-pressed={label === null} onClick={() => onLabel(null)}>{t("All")}</button>
        {set.classes.map((name) => (
          <button type="button" key={name} aria-pressed={label === name} onClick={() => onLabel(name)}><bdi>{name}</bdi></button>
        ))}
      </div>
      {masks ? (
        <div class="ax-mask-tools">
          <label class="ax-check"><input type="checkbox" checked={strength > 0} onChange={(event) => setStrength(event.currentTarget.checked ? MASK : 0)} /> {t("Show masks")}</label>
          <Legend colours={set.colours ?? {}} label={t("Colours of the classes")} />
        </div>
      ) : null}
      {state === "loading" ? <div class="ax-grid" aria-hidden="true">{Array.from({ length: 12 }, (_, i) => <span key={i} class="ax-tile ax-skeleton-row" />)}</div> : null}
      {state === "loading" ? <Skeleton rows={0} /> : null}
      {state !== "loading" && images.length === 0 && !error ? <Empty title={show === "excluded" ? t("Nothing was left out of this version.") : show === "near_duplicates" ? t("No two pictures look alike.") : t("No pictures of this class.")} /> : null}
      <ul class="ax-grid">
        {images.map((image) => {
          const words = t("{label}: {name}", { label: image.label, name: image.name });
          const inside = (
            <>
              <Masked src={image.thumbnail_url ?? image.url} mask={image.mask_url} alt={words} strength={strength} />
              <span class="ax-tile-label"><bdi>{mark?.(image) ?? image.label}</bdi></span>
            </>
          );
          return (
            <li key={image.sha256}>
              {onPick ? (
                <button type="button" class="ax-tile ax-pickable" aria-pressed={picked?.has(image.sha256) ?? false} onClick={(event) => onPick(image, event.shiftKey)}>{inside}</button>
              ) : (
                <span class="ax-tile">{inside}</span>
              )}
            </li>
          );
        })}
      </ul>
      {mixed && images.length > 0 ? <p class="ax-hint">{t("Some of each class. Choose a class to see all of its pictures.")}</p> : null}
      <Problem error={error} />
      {error ? <Button small onClick={() => void load(images.length > 0 ? next : null)}>{t("Try again")}</Button> : null}
      {next && !error ? <Button small busy={state === "more"} onClick={() => void load(next)}>{t("Show more pictures")}</Button> : null}
    </section>
  );
}
