import assert from "node:assert/strict";
import { test } from "node:test";
import { createSizeReader } from "../../../../src/testing/streaming/sizes.ts";

const read = (...pieces: string[]) => {
  const reader = createSizeReader();
  return pieces
    .flatMap((piece) => reader(Buffer.from(piece)))
    .map(({ width, height }) => `${width}x${height}`);
};

for (const [name, pieces, expected] of [
  ["an object", ['{"Width":80,"Height":24}'], ["80x24"]],
  ["keys in any case and order, others ignored", ['{"height":24,"x":{"a":"}"},"WIDTH":80}'], ["80x24"]],
  ["white space between", [' {"Width":1,"Height":2}\n\t{"Width":3,"Height":4}\r\n'], ["1x2", "3x4"]],
  ["cut anywhere", [...'{"Width":80,"Height":24}'], ["80x24"]],
  ["braces and quotes in strings", ['{"a\\"}":"{","Width":1,"Height":2}'], ["1x2"]],
  ["the largest", ['{"Width":65535,"Height":65535}'], ["65535x65535"]],
  ["a 0, and what is not named", ['{"Width":0,"Height":1}{"Width":1}{}{"Width":1,"Height":2}'], ["1x2"]],
  ["nothing after a number that is too large", ['{"Width":65536,"Height":1}{"Width":1,"Height":2}'], []],
  ["nothing after a negative number", ['{"Width":-1,"Height":1}{"Width":1,"Height":2}'], []],
  ["nothing after a fraction", ['{"Width":1.5,"Height":1}{"Width":1,"Height":2}'], []],
  ["nothing after a text", ['{"Width":"1","Height":1}{"Width":1,"Height":2}'], []],
  ["nothing after what is no object", ['{"Width":1,"Height":2}[1]{"Width":3,"Height":4}'], ["1x2"]],
  ["nothing after what is no JSON", ['{"Width":1,}{"Width":3,"Height":4}'], []],
  ["nothing after 64 KiB without an end", [`{"a":"${"x".repeat(65_536)}`, '","Width":1,"Height":2}'], []],
] as const) {
  test(`sizes: ${name}`, () => assert.deepEqual(read(...pieces), expected));
}
