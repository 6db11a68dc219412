/** The class's best results on the hidden pictures, without names. */
import { useEffect, useState } from "preact/hooks";
import { number, percent } from "../core/format";
import { t, tn } from "../core/i18n";
import { useSession } from "../core/session";
import type { Leaderboard as Board } from "../core/types";
import { metricName } from "../core/words";

/** `changes` asks anew: how much was scored. Nothing is shown while nobody has a place, or when it cannot be read. */
export function Leaderboard({ changes }: { changes: string }) {
  const { api } = useSession();
  const [board, setBoard] = useState<Board | null>(null);
  useEffect(() => {
    let gone = false;
    void api.read<Board>("/leaderboard").then((found) => { if (!gone) setBoard(found); }, () => undefined);
    return () => { gone = true; };
  }, [changes]);
  if (!board || board.results_withheld || board.learners === 0) return null;
  const { own, places } = board;
  const below = own !== null && !places.some((each) => each.is_own);
  return (
    <section class="ax-wash">
      <h4>{t("Leaderboard")}</h4>
      <p>{own ? t("You are in place {place} of {all}.", { place: number(own.place), all: number(board.learners) }) : tn("{n} student has a place. Hand in a model to get yours.", "{n} students have a place. Hand in a model to get yours.", board.learners)}</p>
      <div class="ax-table-scroll">
        <table class="ax-table ax-leaderboard">
          <thead><tr><th scope="col">{t("Place")}</th><th scope="col" class="ax-num">{metricName(board.metric)}</th><th scope="col"><span class="ax-visually-hidden">{t("Whose it is")}</span></th></tr></thead>
          <tbody>
            {places.map((each, i) => <Row key={i} {...each} />)}
            {below && own ? <Row place={own.place} value={own.value} is_own /> : null}
          </tbody>
        </table>
      </div>
      <p class="ax-hint">{t("Each student counts once, with their best. Nobody is named.")}</p>
    </section>
  );
}

function Row({ place, value, is_own }: { place: number; value: number; is_own: boolean }) {
  return (
    <tr class={is_own ? "ax-own" : ""}>
      <th scope="row">{number(place)}</th>
      <td class="ax-num">{percent(value)}</td>
      <td>{is_own ? <strong>{t("you")}</strong> : null}</td>
    </tr>
  );
}
