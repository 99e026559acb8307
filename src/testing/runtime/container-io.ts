/**
 * The input and output of a container, and those who are attached to it.
 *
 * @module
 */
import { createLatest } from "../streaming/latest.ts";
import { createPipe } from "../streaming/pipe.ts";
import type { OutputStream } from "./processes.ts";
import type { ProgramTerminalSize } from "./program-types.ts";

/** Takes output of a container. A rejection ends its being attached. */
export type OutputListener = (stream: OutputStream, bytes: Uint8Array) => Promise<void>;

/** What goes into a container, and who listens. */
export interface ContainerInput {
  /** What the container reads. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** The sizes of its terminal. */
  readonly sizes: AsyncIterable<ProgramTerminalSize>;
  readonly listeners: Set<OutputListener>;
  /** Writes to its stdin, and waits until it wants more. False if nothing reads any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Ends its stdin. */
  endStdin(): void;
  /** Tells it the size of its terminal. */
  resize(size: ProgramTerminalSize): void;
  /** Ends everything: nothing is read any more. */
  close(): void;
}

/** Input for a container with or without stdin. */
export function createInput({ stdin }: { stdin: boolean }): ContainerInput {
  const bytes = createPipe<Uint8Array>();
  const sizes = createLatest<ProgramTerminalSize>();
  if (!stdin) bytes.end();
  return {
    stdin: bytes.values,
    sizes: sizes.values,
    listeners: new Set(),
    write: (item) => bytes.write(item),
    endStdin: () => bytes.end(),
    resize: (size) => sizes.set(size),
    close() {
      bytes.end({ drop: true });
      sizes.end();
    },
  };
}

/** Sends output to all that are attached; those that do not take it are left out from then on. */
export async function tellListeners(
  listeners: Set<OutputListener>,
  stream: OutputStream,
  bytes: Uint8Array,
): Promise<void> {
  await Promise.all(
    [...listeners].map((listener) => listener(stream, bytes).catch(() => listeners.delete(listener))),
  );
}
