/** Compile only: which streams a session has by its options. */
import type { Readable, Writable } from "node:stream";
import type { ReadableStream, WritableStream } from "node:stream/web";
import {
  type AttachEnd,
  attach,
  type CriConnection,
  type ExecEnd,
  exec,
  type SessionOptions,
} from "../../src/cri/index.ts";

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<_T extends true>(): void {}

export async function sessions(cri: CriConnection, options: SessionOptions): Promise<void> {
  const plain = await exec(cri, "id", ["true"]);
  same<Equals<typeof plain.stdout, Readable>>();
  same<Equals<Awaited<typeof plain.exit>, ExecEnd>>();

  const typed = await exec(cri, "id", ["cat"], { stdin: true });
  same<Equals<typeof typed.stdin, Writable>>();

  const without = await exec(cri, "id", ["true"], { stderr: "ignore" });
  same<Equals<typeof without.stdin, undefined>>();

  const web = await exec(cri, "id", ["cat"], { stdin: true, streams: "web", signal: AbortSignal.timeout(1) });
  same<Equals<typeof web.stdin, WritableStream<Uint8Array>>>();
  same<Equals<typeof web.stdout, ReadableStream<Uint8Array>>>();

  const attached = await attach(cri, "id", { tty: true, stdin: true });
  same<Equals<Awaited<typeof attached.exit>, AttachEnd>>();

  const open = await exec(cri, "id", ["cat"], options);
  // @ts-expect-error options that are known at run time only may ask for no stdin
  open.stdin.write("x");
  // @ts-expect-error a transport that is none
  await exec(cri, "id", ["true"], { transport: "quic" });
  // @ts-expect-error an option that sessions do not have
  await exec(cri, "id", ["true"], { stdn: true });
  // @ts-expect-error a command is a list
  await exec(cri, "id", "true");
}
