/** Arbitrary bytes that are nearly some valid ones. */
import fc from "fast-check";

type Change = (bytes: Buffer) => Buffer;

/** Bytes with a few changes: a bit flipped, bytes put in, taken out, repeated or cut off. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const at = fc.nat(Math.max(0, bytes.length - 1));
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.tuple(at, fc.integer({ min: 0, max: 7 })).map(([index, bit]) => flip(index, bit)),
    fc.tuple(at, fc.uint8Array({ maxLength: 4 })).map(([index, added]) => splice(index, 0, added)),
    fc.tuple(at, fc.nat(8)).map(([index, count]) => splice(index, count, new Uint8Array(0))),
    fc.tuple(at, fc.nat(64)).map(([index, count]) => repeat(index, count)),
    at.map((index) => (given: Buffer) => given.subarray(0, index)),
  );
  return fc
    .array(change, { maxLength: 3 })
    .map((changes) => changes.reduce<Buffer>((given, apply) => apply(given), Buffer.from(bytes)));
}

function flip(index: number, bit: number): Change {
  return (given) => {
    const copy = Buffer.from(given);
    const old = copy[index];
    if (old !== undefined) copy[index] = old ^ (1 << bit);
    return copy;
  };
}

function splice(index: number, count: number, added: Uint8Array): Change {
  return (given) => Buffer.concat([given.subarray(0, index), added, given.subarray(index + count)]);
}

function repeat(index: number, count: number): Change {
  return (given) => Buffer.concat([given.subarray(0, index + count), given.subarray(index)]);
}
