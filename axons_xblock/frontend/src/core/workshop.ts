/** An author's workshop: a session of its own, in which sets for the library are made, forked and published. */
import { Session } from "./session";
import { sleep } from "./stream";
import type { Args, Runtime, TrainingSet } from "./types";

export type Role = "starter" | "hidden";
export interface PublishRequest {
  training_set: string; kind: Role; set: string | null; title: string; description: string; licence: string; credits: string; against: string | null; despite_leakage: boolean;
}
export interface Publication {
  id: string; name: string; title: string; kind: Role; version: number; state: "preparing" | "ready" | "failed"; image_count: number;
  progress: { done: number; total: number } | null; message: string | null;
}

export class Workshop extends Session {
  constructor(args: Args, runtime: Runtime, element: unknown, task: string) {
    super({ ...args, handlers: args.workshop ?? {}, opening: { task } }, runtime, element);
  }

  /** A version that is what a starter set is; its pictures are shared. */
  async fork(base: string): Promise<TrainingSet> {
    return this.took(await this.act<TrainingSet>("fork", "fork", { base }));
  }

  /** Publishes a version and waits until the library has it. `onChange` hears how far it is. */
  async publish(request: PublishRequest, onChange: (found: Publication) => void): Promise<Publication> {
    let found = await this.act<Publication>("publish", "publish", { ...request });
    for (let wait = 400; found.state === "preparing" && !this.stopped; wait = Math.min(wait * 1.5, 3000)) {
      onChange(found);
      await sleep(wait);
      found = await this.api.handler<Publication>("publication", { publication: found.id });
    }
    onChange(found);
    return found;
  }
}
