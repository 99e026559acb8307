import assert from "node:assert/strict";
import { test } from "node:test";
import { createEntryDecoder } from "../../../../src/cri/logs/decode.ts";
import type { LogEntry } from "../../../../src/cri/logs/entry.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const T = "2024-01-01T00:00:00Z";
const show = ({ stream, partial, content }: LogEntry) =>
  `${stream} ${partial ? "P" : "F"} ${new TextDecoder().decode(content)}`;

/** What a decoder gives out for these blocks, and what it skips. */
function decode(blocks: readonly string[], maxEntryBytes = 1024): { entries: string[]; skipped: string[] } {
  const skipped: string[] = [];
  const onSkippedLine = (line: Uint8Array) => void skipped.push(new TextDecoder().decode(line));
  const decoder = createEntryDecoder({ maxEntryBytes, onSkippedLine });
  const entries = blocks.flatMap((block) => decoder.push(bytes(block)));
  return { entries: [...entries, ...decoder.end()].map(show), skipped };
}

test("lines are found over the borders of blocks", () => {
  const text = `${T} stdout F one\n${T} stderr P two\n${T} stdout F three\n`;
  for (let size = 1; size < text.length; size++) {
    const blocks = text.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
    assert.deepEqual(decode(blocks).entries, ["stdout F one\n", "stderr P two", "stdout F three\n"]);
  }
});

test("a first line that is no entry fails, a later one is skipped", () => {
  assert.throws(() => decode(["garbage\n"]), { code: "ERR_CRI_LOG_INVALID" });
  assert.throws(() => decode(["\n"]), { code: "ERR_CRI_LOG_INVALID" });
  assert.throws(() => decode(["garbage"]), { code: "ERR_CRI_LOG_INVALID" });
  assert.deepEqual(decode([`${T} stdout F a\ngarbage\n\n${T} stdin F b\n${T} stdout F c\n`]), {
    entries: ["stdout F a\n", "stdout F c\n"],
    skipped: ["garbage\n", "\n", `${T} stdin F b\n`],
  });
});

test("the form of the first line is that of the file", () => {
  const docker = `{"log":"d\\n","stream":"stdout","time":"${T}"}\n`;
  const cri = `${T} stdout F c\n`;
  assert.deepEqual(decode([cri, docker]), { entries: ["stdout F c\n"], skipped: [docker] });
  assert.deepEqual(decode([docker, cri]), { entries: ["stdout F d\n"], skipped: [cri] });
});

test("an entry of an unknown stream fails after the entries before it", () => {
  const decoder = createEntryDecoder({ maxEntryBytes: 1024 });
  const line = (stream: string) => `{"log":"${stream}","stream":"${stream}","time":"${T}"}\n`;
  assert.deepEqual(decoder.push(bytes(line("stdout") + line("tty") + line("stderr"))).map(show), [
    "stdout P stdout",
  ]);
  assert.throws(() => decoder.assertSound(), { code: "ERR_CRI_LOG_INVALID" });
  assert.throws(() => decoder.push(bytes(line("stdout"))), { code: "ERR_CRI_LOG_INVALID" });
});

test("nothing, and empty blocks, are no entries", () => {
  assert.deepEqual(decode([]), { entries: [], skipped: [] });
  assert.deepEqual(decode(["", ""]), { entries: [], skipped: [] });
});

const HEAD = `${T} stdout F `;

test("an entry of exactly the limit is whole, and one byte more makes two", () => {
  const limit = 64;
  const content = "x".repeat(limit - HEAD.length - 1);
  for (const split of [1, 10, limit - 1, limit]) {
    const pieces = (line: string) => decode([line.slice(0, split), line.slice(split)], limit).entries;
    assert.deepEqual(pieces(`${HEAD}${content}\n`), [`stdout F ${content}\n`]);
    assert.deepEqual(pieces(`${HEAD}${content}y\n`), [`stdout P ${content}y`, "stdout F \n"]);
  }
});

test("an entry of any length comes in pieces that make it up, and what follows is not lost", () => {
  const content = Array.from({ length: 1000 }, (_, at) => at).join(" ");
  for (const [tag, last] of [
    ["F", `${content}\n`],
    ["P", content],
  ]) {
    const text = `${T} stderr ${tag} ${content}\n${HEAD}next\n`;
    for (const size of [1, 63, 64, 65, 1000, text.length]) {
      const blocks = text.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
      const { entries, skipped } = decode(blocks, 64);
      assert.equal(entries.pop(), "stdout F next\n");
      assert.ok(entries.slice(0, -1).every((entry) => entry.startsWith("stderr P ")));
      assert.ok(entries.at(-1)?.startsWith(`stderr ${tag} `));
      assert.equal(entries.map((entry) => entry.slice("stderr P ".length)).join(""), last);
      assert.deepEqual(skipped, []);
    }
  }
});

test("a line over the limit that is no entry is skipped as one, or fails as the first", () => {
  const garbage = "g".repeat(1000);
  assert.deepEqual(decode([`${HEAD}a\n${garbage}`, garbage, `\n${HEAD}b\n`], 64), {
    entries: ["stdout F a\n", "stdout F b\n"],
    skipped: [garbage.slice(0, 64)],
  });
  assert.throws(() => decode([garbage], 64), { code: "ERR_CRI_LOG_INVALID" });
  const docker = (log: string) => `{"log":"${log}","stream":"stdout","time":"${T}"}\n`;
  assert.deepEqual(decode([docker("a"), docker(garbage), docker("b")], 128).entries, [
    "stdout P a",
    "stdout P b",
  ]);
});

test("a line of 100 MiB without an end is not held", () => {
  const decoder = createEntryDecoder({ maxEntryBytes: 1 << 20 });
  const block = new Uint8Array(1 << 16).fill(0x78);
  decoder.push(bytes(HEAD));
  let total = 0;
  let largest = 0;
  for (let count = 0; count < 1600; count++) {
    for (const { content } of decoder.push(block)) {
      total += content.byteLength;
      largest = Math.max(largest, content.buffer.byteLength);
    }
  }
  for (const { content } of decoder.end()) total += content.byteLength;
  assert.equal(total, 100 << 20);
  assert.ok(largest <= 1 << 20);
});

test("what is held is forgotten at a restart, and its place in a long line too", () => {
  const decoder = createEntryDecoder({ maxEntryBytes: 64 });
  decoder.push(bytes(`${HEAD}half`));
  decoder.reset();
  assert.deepEqual(decoder.push(bytes(`${HEAD}whole\n`)).map(show), ["stdout F whole\n"]);
  decoder.push(bytes(HEAD + "x".repeat(200)));
  decoder.reset();
  assert.deepEqual(decoder.push(bytes(`${HEAD}whole\n`)).map(show), ["stdout F whole\n"]);
});

test("entries do not change when the next block comes", () => {
  const decoder = createEntryDecoder({ maxEntryBytes: 1024 });
  decoder.push(bytes(`${HEAD}fi`));
  const [first] = decoder.push(bytes("rst\n"));
  decoder.push(bytes(`${HEAD}se`));
  decoder.push(bytes("cond\n"));
  assert.equal(first && show(first), "stdout F first\n");
});
