/**
 * Whose files CRI-O reads: root's, with the variables of its service.
 *
 * @module
 */
import type { CrioRuntime, DaemonEnvironment } from "../node.ts";

/** A user as readers of user's files take one. */
export interface DaemonUser {
  readonly env: DaemonEnvironment;
  readonly home: string;
  readonly uid: number;
}

/** The user of a daemon that runs as root; its variables hold `HOME`, also where the service has none. */
export function rootUser(env: DaemonEnvironment): DaemonUser {
  const home = env["HOME"] || "/root";
  return { env: { ...env, HOME: home }, home, uid: 0 };
}

/** The user that CRI-O runs as. */
export function crioUser({ env }: Pick<CrioRuntime, "env">): DaemonUser {
  return rootUser(env);
}
