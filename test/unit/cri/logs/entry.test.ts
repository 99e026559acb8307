import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLogEntry } from "../../../../src/cri/index.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (line: string) => parseLogEntry(bytes(line));
const at = (iso: string, nanos = 0n) => BigInt(Date.parse(iso)) * 1_000_000n + nanos;

const TIMES: [timestamp: string, unixNs: bigint][] = [
  ["2016-10-06T00:17:09Z", at("2016-10-06T00:17:09Z")],
  ["2016-10-06T00:17:09.1Z", at("2016-10-06T00:17:09.1Z")],
  ["2016-10-06T00:17:09.669794202Z", at("2016-10-06T00:17:09Z", 669_794_202n)],
  ["2016-10-06T00:17:09.000000001Z", at("2016-10-06T00:17:09Z", 1n)],
  // Digits after the ninth are read and do not count.
  ["2016-10-06T00:17:09.123456789987Z", at("2016-10-06T00:17:09Z", 123_456_789n)],
  ["2016-10-06T00:17:09,5Z", at("2016-10-06T00:17:09.5Z")],
  ["2016-10-06T1:17:09Z", at("2016-10-06T01:17:09Z")],
  ["2022-10-29T16:10:22.592603036-05:00", at("2022-10-29T21:10:22Z", 592_603_036n)],
  ["2022-10-29T16:10:22+05:30", at("2022-10-29T10:40:22Z")],
  ["2022-10-29T16:10:22+00:00", at("2022-10-29T16:10:22Z")],
  ["2022-10-29T16:10:22+24:60", at("2022-10-28T15:10:22Z")],
  ["2024-02-29T23:59:59.999999999Z", at("2024-02-29T23:59:59Z", 999_999_999n)],
  ["2000-02-29T00:00:00Z", at("2000-02-29T00:00:00Z")],
  ["1969-12-31T23:59:59.5Z", at("1969-12-31T23:59:59.5Z")],
  ["0000-01-01T00:00:00Z", -62_167_219_200_000_000_000n],
  ["9999-12-31T23:59:59.999999999Z", at("9999-12-31T23:59:59Z", 999_999_999n)],
];

for (const [timestamp, unixNs] of TIMES) {
  test(`the time ${timestamp}`, () => {
    const entry = parse(`${timestamp} stdout F x\n`);
    assert.equal(entry.unixNs, unixNs);
    assert.equal(entry.timestamp, timestamp);
  });
}

const NO_TIMES = [
  "2016-10-06T00:17:60Z",
  "2016-10-06T00:60:09Z",
  "2016-10-06T24:17:09Z",
  "2016-10-06T123:17:09Z",
  "2016-10-00T00:17:09Z",
  "2016-10-32T00:17:09Z",
  "2016-13-06T00:17:09Z",
  "2016-00-06T00:17:09Z",
  "2023-02-29T00:17:09Z",
  "1900-02-29T00:17:09Z",
  "2016-04-31T00:17:09Z",
  "2016-10-06t00:17:09Z",
  "2016-10-06T00:17:09z",
  "2016-10-06T00:17:09",
  "2016-10-06T00:17:09.Z",
  "2016-10-06T00:17:09+0500",
  "2016-10-06T00:17:09+5:00",
  "2016-10-06T00:17:09+25:00",
  "2016-10-06T00:17:09+05:61",
  "2016-10-06T00:17:09Zx",
  "2016-10-06",
  "16-10-06T00:17:09Z",
  "-016-10-06T00:17:09Z",
  "+2016-10-06T00:17:09Z",
  "\u0662016-10-06T00:17:09Z",
  "",
];

for (const timestamp of NO_TIMES) {
  test(`no time: ${JSON.stringify(timestamp)}`, () => {
    assert.throws(() => parse(`${timestamp} stdout F x\n`), { code: "ERR_CRI_LOG_INVALID" });
  });
}

const T = "2016-10-06T00:17:09Z";

test("the fields of an entry", () => {
  const { content, ...entry } = parse(`${T} stderr P:tag2::é  two  spaces \r\n`);
  assert.deepEqual(entry, {
    format: "cri",
    timestamp: T,
    unixNs: at(T),
    stream: "stderr",
    tags: ["P", "tag2", "", "é"],
    partial: true,
  });
  assert.equal(new TextDecoder().decode(content), " two  spaces \r");
});

test("only the first tag decides whether an entry is partial", () => {
  for (const [tags, partial] of [
    ["F", false],
    ["P", true],
    ["F:P", false],
    ["p", false],
    ["PF", false],
    ["", false],
  ] as const) {
    assert.equal(parse(`${T} stdout ${tags} x\n`).partial, partial, tags);
  }
});

test("a full entry keeps its LF, a partial one has none, and either may lack it in the file", () => {
  const content = (line: string) => new TextDecoder().decode(parse(line).content);
  assert.equal(content(`${T} stdout F x\n`), "x\n");
  assert.equal(content(`${T} stdout P x\n`), "x");
  assert.equal(content(`${T} stdout F x`), "x");
  assert.equal(content(`${T} stdout F \n`), "\n");
  assert.equal(content(`${T} stdout F `), "");
});

test("content is any bytes", () => {
  const content = Uint8Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 0x0a);
  const line = Buffer.concat([bytes(`${T} stdout P `), content, bytes("\n")]);
  assert.deepEqual(Buffer.from(parseLogEntry(line).content), Buffer.from(content));
});

for (const line of [
  "",
  "\n",
  " \n",
  `${T}\n`,
  `${T} \n`,
  `${T} stdout\n`,
  `${T} stdout \n`,
  `${T} stdout F\n`,
  `${T} stdin F x\n`,
  `${T} stdoutx F x\n`,
  `${T} STDOUT F x\n`,
  `${T}  stdout F x\n`,
  `${T}\tstdout\tF\tx\n`,
  ` ${T} stdout F x\n`,
  `\ufeff${T} stdout F x\n`,
  "{}x\n",
  "null\n",
  "[]\n",
  `{"log":1,"stream":"stdout","time":"${T}"}\n`,
  `{"log":"x","stream":"stdout","time":"yesterday"}\n`,
  `{"log":"x","stream":"stdout","time":""}\n`,
  `{"log":"x","stream":"stdout","time":"2016-10-06T1:17:09Z"}\n`,
  `{"log":"x","stream":"stdout","time":"2016-10-06T00:17:09,5Z"}\n`,
  `{"log":"x","stream":"stdout","time":"2016-10-06T00:17:09+24:00"}\n`,
  `{"log":"x","stream":"tty","time":"${T}"}\n`,
  `{"log":"x","time":"${T}"}\n`,
]) {
  test(`no entry: ${JSON.stringify(line)}`, () => {
    assert.throws(() => parse(line), { code: "ERR_CRI_LOG_INVALID" });
  });
}

test("an entry in Docker's form", () => {
  const { content, ...entry } = parse(`{"log":"a\\u00e9\\n","stream":"stderr","time":"${T}"}\n`);
  assert.deepEqual(entry, {
    format: "docker-json",
    timestamp: T,
    unixNs: at(T),
    stream: "stderr",
    tags: [],
    partial: false,
  });
  assert.deepEqual(content, bytes("a\u00e9\n"));
  assert.equal(parse(`{"log":"a","stream":"stdout","time":"${T}"}`).partial, true);
});

test("Docker's form is read as Go's JSON decoder reads it", () => {
  const entry = parse(`{"LOG":"a","log":"b","Stream":"stdout","other":{"log":1},"attrs":null,"time":null}`);
  assert.deepEqual(entry.content, bytes("b"));
  assert.equal(entry.timestamp, "0001-01-01T00:00:00Z");
  assert.equal(entry.unixNs, -62_135_596_800_000_000_000n);
  const hostile = parse(`{"__proto__":{"log":"x"},"stream":"stdout","log":"\\ud800","time":"${T}"}`);
  assert.deepEqual(hostile.content, bytes("\ufffd"));
});

test("the text of an error holds only the beginning of a line", () => {
  const line = Buffer.concat([bytes("\u001b[31m"), Buffer.alloc(1 << 20, 0xff)]);
  assert.throws(
    () => parseLogEntry(line),
    (error: Error) => error.message.length < 300 && !error.message.includes("\u001b"),
  );
});
