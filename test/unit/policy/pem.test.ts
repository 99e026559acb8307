import assert from "node:assert/strict";
import { test } from "node:test";
import { nextPemBlock, pemBlocks, pemText } from "../../../src/policy/pem.ts";

const BODY = "-----BEGIN X-----\nYWJj\n-----END X-----";

function first(text: string): string | undefined {
  const block = nextPemBlock(text);
  return block && `${block.type}:${Buffer.from(block.bytes).toString()}:${block.rest}`;
}

test("a block, what is before it and what is after it", () => {
  assert.equal(first(BODY), "X:abc:");
  assert.equal(first(`${BODY}\n`), "X:abc:");
  assert.equal(first(`${BODY}\r\nrest`), "X:abc:rest");
  assert.equal(first(`${BODY}\n\n`), "X:abc:\n");
  assert.equal(first(`text\n${BODY}\n`), "X:abc:");
  assert.equal(first(BODY.replaceAll("\n", "\r\n")), "X:abc:");
  assert.equal(first(`-----BEGIN X-----  \nYW Jj\t\n-----END X-----  \nrest`), "X:abc:rest");
  assert.equal(first("-----BEGIN -----\nYWJj\n-----END -----"), ":abc:");
  assert.equal(first("-----BEGIN X-----\n-----END X-----\n"), "X::");
});

test("what is no block is skipped for one that is", () => {
  const broken = [
    "-----BEGIN X-----\nYWJj\n-----END Y-----\n",
    "-----BEGIN X-----\nYW!j\n-----END X-----\n",
    "-----BEGIN X-----\nYWJ\n-----END X-----\n",
    "-----BEGIN X----\nYWJj\n-----END X-----\n",
    "-----BEGIN X-----\nYWJj\n-----END X-----z\n",
    "x-----BEGIN X-----\nYWJj\n-----END X-----\n",
    "-----END X-----\n",
    "\n-----END X-----\n",
  ];
  for (const text of broken) {
    assert.equal(first(text), undefined, text);
    assert.equal(first(text + BODY), "X:abc:", text);
  }
  for (const text of ["", "\n", "-----BEGIN X-----\nYWJj\n", "-----BEGIN X-----\nYWJj-----END X-----"]) {
    assert.equal(first(text), undefined, text);
  }
});

test("headers are no content, and are told", () => {
  const block = nextPemBlock("-----BEGIN X-----\nProc-Type: 4\nA: b\n\nYWJj\n-----END X-----\n");
  assert.equal(block?.hasHeaders, true);
  assert.equal(Buffer.from(block?.bytes ?? []).toString(), "abc");
  assert.equal(nextPemBlock(BODY)?.hasHeaders, false);
});

test("a list of blocks has nothing but white space after it", () => {
  assert.equal(pemBlocks(`\n ${BODY}\n\n${BODY}\n\t\n`)?.length, 2);
  assert.deepEqual(pemBlocks(" \n"), []);
  assert.equal(pemBlocks(`${BODY}\nx`), undefined);
  assert.equal(pemBlocks("x"), undefined);
});

test("many begins and ends take linear time", () => {
  const started = performance.now();
  assert.equal(nextPemBlock("-----BEGIN X-----\n".repeat(100_000)), undefined);
  assert.equal(nextPemBlock("\n-----END X-----".repeat(100_000)), undefined);
  assert.equal(nextPemBlock("-----BEGIN X-----\nA:\n-----END Y-----\n".repeat(30_000)), undefined);
  assert.ok(performance.now() - started < 5000);
});

test("bytes that are no text do no harm", () => {
  assert.equal(nextPemBlock(pemText(Buffer.from([0xff, 0xfe, 0, 0x0a]))), undefined);
});
