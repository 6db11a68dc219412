import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "../core/session";
import type { State } from "../core/store";
import type { Model, ProjectState, TrainingSet, TrashEntry } from "../core/types";

export type Step = "pictures" | "train" | "results" | "try" | "hand-in";

/** What all steps of the student's page share. */
export interface Desk {
  session: Session;
  state: State;
  project: ProjectState;
  set: TrainingSet | null;
  chooseSet: (id: string) => void;
  model: Model | null;
  chooseModel: (id: string) => void;
  go: (step: Step) => void;
  /** Something went to the trash: show how to take it back. */
  discarded: (entry: TrashEntry) => void;
  /** An author makes a set for the library: nothing is trained here, and the classes are theirs to name. */
  isWorkshop?: boolean;
  /** A version is in the making, or no longer. */
  onEditing?: (isEditing: boolean) => void;
}

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("No desk around this component.");
  return desk;
}
