import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogSplitter, formatLogEntry } from "../../../../src/cri/index.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (content: Uint8Array) => new TextDecoder().decode(content);

/** The entries for an output in these chunks, each as its tag and content. */
function split(chunks: readonly string[], maxLineBytes = 16_384): string[] {
  const splitter = createLogSplitter({ maxLineBytes });
  const entries = chunks.flatMap((chunk) => splitter.push(bytes(chunk)));
  return [...entries, ...splitter.end()].map(({ tag, content }) => `${tag} ${text(content)}`);
}

const CASES: [name: string, chunks: string[], expected: string[]][] = [
  ["nothing", [], []],
  ["an empty chunk", [""], []],
  ["one line", ["hi\n"], ["F hi"]],
  ["lines in one chunk", ["a\nb\n\nc\n"], ["F a", "F b", "F ", "F c"]],
  ["a line in pieces", ["a", "b", "", "c\n"], ["F abc"]],
  ["a CR before the LF", ["a\r\n"], ["F a"]],
  ["a CR in the chunk before the LF", ["a\r", "\n"], ["F a"]],
  ["a CR alone", ["a\rb\n"], ["F a\rb"]],
  ["a CR at the end of a chunk", ["a\r", "b\n"], ["F a\rb"]],
  ["only the last CR goes", ["a\r\r\n"], ["F a\r"]],
  ["two CRs in two chunks", ["a\r", "\r", "\n"], ["F a\r"]],
  ["an empty line of CR and LF", ["\r\n"], ["F "]],
  ["no line end at the end", ["a\nb"], ["F a", "P b"]],
  ["a CR at the end of the output", ["a\r"], ["P a\r"]],
  ["exactly the limit", ["12345678\n"], ["F 12345678"]],
  ["one over the limit", ["123456789\n"], ["P 12345678", "F 9"]],
  ["twice the limit", ["1234567812345678\n"], ["P 12345678", "F 12345678"]],
  ["more than twice", ["12345678123456789\n"], ["P 12345678", "P 12345678", "F 9"]],
  ["the limit, then CR and LF", ["12345678\r\n"], ["F 12345678"]],
  ["the limit, then CR, then LF", ["12345678", "\r", "\n"], ["F 12345678"]],
  ["the limit, then a CR that counts", ["12345678\r", "x\n"], ["P 12345678", "F \rx"]],
  ["the limit at the end of the output", ["12345678"], ["P 12345678"]],
  ["a character over the limit is cut", ["1234567\u00e9\n"], ["P 1234567\ufffd", "F \ufffd"]],
];

for (const [name, chunks, expected] of CASES) {
  test(`writing: ${name}`, () => {
    assert.deepEqual(split(chunks, 8), expected);
  });
}

test("the limit is 16384 bytes, and 0 is none", () => {
  const line = `${"a".repeat(40_000)}\n`;
  const lengths = (maxLineBytes?: number) =>
    createLogSplitter(maxLineBytes === undefined ? {} : { maxLineBytes })
      .push(bytes(line))
      .map(({ tag, content }) => [tag, content.byteLength]);
  assert.deepEqual(lengths(), [
    ["P", 16_384],
    ["P", 16_384],
    ["F", 7232],
  ]);
  assert.deepEqual(lengths(0), [["F", 40_000]]);
  assert.throws(() => lengths(-1), RangeError);
});

test("what was pushed may be written over", () => {
  const splitter = createLogSplitter();
  const chunk = bytes("abc");
  splitter.push(chunk);
  chunk.fill(0x78);
  assert.equal(text(splitter.push(bytes("\n"))[0]?.content ?? chunk), "abc");
});

test("an entry is written with as many digits of a fraction as it needs", () => {
  const write = (unixNs: bigint) =>
    text(formatLogEntry({ unixNs, stream: "stderr", tag: "P", content: bytes(" x") }));
  assert.equal(write(0n), "1970-01-01T00:00:00Z stderr P  x\n");
  assert.equal(write(1_476_988_760_576_064_430n), "2016-10-20T18:39:20.57606443Z stderr P  x\n");
  assert.equal(write(-1n), "1969-12-31T23:59:59.999999999Z stderr P  x\n");
  assert.equal(write(1_000_000_000_100_000_000n), "2001-09-09T01:46:40.1Z stderr P  x\n");
});

test("an entry whose content would be two is refused", () => {
  const entry = { unixNs: 0n, stream: "stdout", tag: "F", content: bytes("a\nb") } as const;
  assert.throws(() => formatLogEntry(entry), TypeError);
});
