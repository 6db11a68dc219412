/** A confusion matrix as a table of buttons: arrow keys move, Enter chooses. */
import { useRef, useState } from "preact/hooks";
import { number } from "../core/format";
import { t } from "../core/i18n";

export interface Cell { row: number; column: number }

export function Confusion({ matrix, classes, chosen, onChoose }: { matrix: number[][]; classes: string[]; chosen?: Cell | null; onChoose?: (cell: Cell | null) => void }) {
  const table = useRef<HTMLTableElement>(null);
  const [at, setAt] = useState<Cell>({ row: 0, column: 0 });
  const name = (index: number) => classes[index] ?? t("class {n}", { n: index + 1 });
  const move = (event: KeyboardEvent, row: number, column: number) => {
    const rtl = table.current ? getComputedStyle(table.current).direction === "rtl" : false;
    const ahead = rtl ? -1 : 1;
    const step = ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -ahead], ArrowRight: [0, ahead] } as Record<string, [number, number]>)[event.key];
    if (!step) return;
    event.preventDefault();
    const next = { row: clamp(row + step[0], matrix.length), column: clamp(column + step[1], matrix.length) };
    setAt(next);
    table.current?.querySelector<HTMLElement>(`[data-cell="${next.row}-${next.column}"]`)?.focus();
  };
  return (
    // Without buttons inside, the keyboard needs the frame itself to scroll it.
    <div class="ax-table-scroll" {...(onChoose ? {} : { tabIndex: 0, role: "region", "aria-label": t("Confusion matrix") })}>
      <table class="ax-confusion" ref={table}>
        <caption class="ax-visually-hidden">{t("Confusion matrix: rows are what pictures show, columns what the model said")}</caption>
        <thead>
          <tr>
            <td class="ax-corner"><span>{t("said →")}</span><span>{t("shows ↓")}</span></td>
            {matrix.map((_row, j) => <th key={j} scope="col" title={name(j)}><span><bdi>{name(j)}</bdi></span></th>)}
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, i) => {
            const all = Math.max(1, row.reduce((sum, count) => sum + count, 0));
            return (
              <tr key={i}>
                <th scope="row" title={name(i)}><bdi>{name(i)}</bdi></th>
                {row.map((count, j) => {
                  const share = count / all;
                  const right = i === j;
                  const look = count === 0 ? "ax-zero" : right ? "ax-right" : "ax-wrong";
                  // Few mistakes should still be seen: their shade grows with the root of their share. The diagonal skips
                  // the middle tones, on which neither dark nor white figures are readable.
                  const depth = right ? (share >= 0.7 ? 0.9 + (share - 0.7) / 3 : share * 0.8) : Math.min(1, 0.25 + Math.sqrt(share));
                  const inside = count === 0 ? "·" : number(count);
                  return (
                    <td key={j} class={`${look}${right && depth >= 0.9 ? " ax-deep" : ""}`} style={{ "--depth": depth.toFixed(3) }}>
                      {onChoose ? (
                        <button
                          type="button" data-cell={`${i}-${j}`} tabIndex={at.row === i && at.column === j ? 0 : -1}
                          aria-pressed={chosen?.row === i && chosen.column === j}
                          aria-label={t("{truth} taken for {said}: {n}", { truth: name(i), said: name(j), n: number(count) })}
                          onKeyDown={(event) => move(event, i, j)} onFocus={() => setAt({ row: i, column: j })}
                          onClick={() => onChoose(chosen?.row === i && chosen.column === j ? null : { row: i, column: j })}
                        >{inside}</button>
                      ) : <span>{inside}</span>}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function clamp(value: number, size: number): number {
  return Math.min(size - 1, Math.max(0, value));
}
