/** Mounts the view that the XBlock's fragment asks for. */
import { render, type ComponentChild } from "preact";
import { setLocale } from "./core/i18n";
import { Session, SessionContext } from "./core/session";
import { Lazy } from "./ui/lazy";
import { Student } from "./student/Student";
import type { Args, Runtime } from "./core/types";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/student.css";
import "./styles/results.css";
import "./styles/studio.css";
import "./styles/class.css";
import "./styles/desk.css";

/** The LMS hands over a DOM node, Studio a jQuery collection. */
function rootOf(element: unknown): HTMLElement {
  const holder = (element as { jquery?: string; 0?: HTMLElement }).jquery ? (element as { 0: HTMLElement })[0] : (element as HTMLElement);
  const inside = holder.matches?.(".axons-block") ? holder : holder.querySelector<HTMLElement>(".axons-block");
  if (inside) return inside;
  const root = document.createElement("div");
  root.className = "axons-block";
  holder.appendChild(root);
  return root;
}

function holderOf(root: HTMLElement): HTMLElement {
  return root.parentElement ?? document.documentElement;
}

export function mount(runtime: Runtime, element: unknown, args: Args): { destroy: () => void } {
  const root = rootOf(element);
  setLocale(args.locale ?? document.documentElement.lang, args.catalogue);
  root.replaceChildren();
  root.dataset["view"] = args.view;
  // Said on the block itself: its styles need it where logical properties do not reach.
  root.dir = getComputedStyle(holderOf(root)).direction;
  let content: ComponentChild;
  let session: Session | null = null;
  if (args.view === "studio") {
    content = <Lazy load={() => import("./studio/Studio").then((m) => m.Studio)} args={args} runtime={runtime} element={element} />;
  } else if (args.view === "author") {
    content = <Lazy load={() => import("./studio/Author").then((m) => m.Author)} args={args} runtime={runtime} element={element} />;
  } else if (args.view === "desk") {
    // The link is spent: without it in the address nobody copies a dead one.
    history.replaceState(null, "", location.pathname);
    session = new Session(args, runtime, element);
    void session.start();
    content = (
      <SessionContext.Provider value={session}>
        <Lazy load={() => import("./staff/DeskPage").then((m) => m.DeskPage)} session={session} rows={12} />
      </SessionContext.Provider>
    );
  } else {
    session = new Session(args, runtime, element);
    void session.start();
    content = (
      <SessionContext.Provider value={session}>
        <Student session={session} />
      </SessionContext.Provider>
    );
  }
  render(content, root);
  return {
    destroy: () => {
      session?.stop();
      render(null, root);
    },
  };
}
