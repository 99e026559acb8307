/**
 * A request that a misbehaviour has met.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { dishonestReply } from "./registry-lies.ts";
import type { StruckMisbehaviour } from "./registry-misbehaviour.ts";
import type { RegistryReply, RegistryRequest } from "./registry-reply.ts";
import { gone, reset, writeDishonestly } from "./registry-wire.ts";

/** What {@link answerDishonestly} needs. */
export interface StrikeContext {
  struck: StruckMisbehaviour;
  incoming: IncomingMessage;
  /** The request; without its body if the misbehaviour comes before that. */
  request: RegistryRequest;
  honest: (request: RegistryRequest) => Promise<RegistryReply>;
}

/** Does what a misbehaviour says, and ends when the connection has. Gives back the status that was answered, or 0. */
export async function answerDishonestly(context: StrikeContext): Promise<number> {
  const { struck, incoming, request, honest } = context;
  const { delayMs, never, disconnect } = struck.misbehaviour;
  const { socket } = incoming;
  if (delayMs) await patience(socket, delayMs);
  if (never) await gone(socket);
  if (disconnect === "reset") reset(socket);
  else if (disconnect === "end") socket.end();
  if (disconnect || socket.destroyed) return 0;
  const reply = await dishonestReply(struck, request, honest);
  await writeDishonestly(socket, request.method, reply, struck.misbehaviour);
  return reply.status;
}

/** Waits, but not longer than the connection lasts. */
async function patience(socket: Socket, ms: number): Promise<void> {
  const left = new AbortController();
  const leave = (): void => left.abort();
  socket.once("close", leave);
  await sleep(ms, undefined, { signal: left.signal }).catch(() => {});
  socket.off("close", leave);
}
