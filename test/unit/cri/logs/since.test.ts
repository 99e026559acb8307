import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSince } from "../../../../src/cri/index.ts";

const at = (iso: string, nanos = 0n) => BigInt(Date.parse(iso)) * 1_000_000n + nanos;
const nowNs = at("2023-11-14T22:13:20Z", 999_999_999n);

const since = (text: string, timeZone = "UTC") => parseSince(text, { nowNs, timeZone });

const READ: [text: string, expected: bigint, timeZone?: string][] = [
  // Durations go back from now, to whole seconds.
  ["42m", at("2023-11-14T21:31:20Z")],
  ["1h30m", at("2023-11-14T20:43:20Z")],
  ["1h2m3s4ms5us6ns", at("2023-11-14T21:11:17Z")],
  ["0s", at("2023-11-14T22:13:20Z")],
  ["1.5s", at("2023-11-14T22:13:19Z")],
  [".5s", at("2023-11-14T22:13:20Z")],
  ["1.h", at("2023-11-14T21:13:20Z")],
  ["-10s", at("2023-11-14T22:13:30Z")],
  ["+10s", at("2023-11-14T22:13:10Z")],
  ["1000000\u00b5s", at("2023-11-14T22:13:19Z")],
  ["1000000\u03bcs", at("2023-11-14T22:13:19Z")],
  ["2562047h", at("2023-11-14T22:13:20Z") - 2_562_047n * 3_600_000_000_000n],
  // Points in time.
  ["2006-01-02T15:04:05Z", at("2006-01-02T15:04:05Z")],
  ["2006-01-02T15:04:05.5Z", at("2006-01-02T15:04:05.5Z")],
  ["2006-01-02T15:04:05.123456789+07:00", at("2006-01-02T08:04:05Z", 123_456_789n)],
  ["2006-01-02T15:04:05-07:00", at("2006-01-02T22:04:05Z")],
  ["2006-01-02T15:04-07:00", at("2006-01-02T22:04:00Z")],
  ["2006-01-02T15-07:00", at("2006-01-02T22:00:00Z")],
  ["2006-01-02T15:04Z", at("2006-01-02T15:04:00Z")],
  ["2006-01-02Z", at("2006-01-02T00:00:00Z")],
  ["2006-01-02-07:00", at("2006-01-02T07:00:00Z")],
  ["2006-01-02+07:30", at("2006-01-01T16:30:00Z")],
  // Without a zone: the local one.
  ["2013-01-02T13:23:37", at("2013-01-02T05:23:37Z"), "+08:00"],
  ["2013-01-02T13:23:37", at("2013-01-02T05:23:37Z"), "Asia/Shanghai"],
  ["2013-01-02T13:23:37.000000001", at("2013-01-02T16:53:37Z", 1n), "-03:30"],
  ["2024-07-01T12:00", at("2024-07-01T10:00:00Z"), "Europe/Berlin"],
  ["2024-01-01T12", at("2024-01-01T11:00:00Z"), "Europe/Berlin"],
  ["2024-07-01", at("2024-06-30T22:00:00Z"), "Europe/Berlin"],
  ["2024-02-29", at("2024-02-29T00:00:00Z")],
  ["0001-01-01", at("0001-01-01T00:00:00Z")],
  ["9999-12-31T23:59:59.999999999Z", at("9999-12-31T23:59:59Z", 999_999_999n)],
  // Unix seconds.
  ["0", 0n],
  ["1136073600", at("2006-01-01T00:00:00Z")],
  ["1136073600.000000001", at("2006-01-01T00:00:00Z", 1n)],
  ["1136073600.5", at("2006-01-01T00:00:00.5Z")],
  ["9223372036854775807", 9_223_372_036_854_775_807_000_000_000n],
];

for (const [text, expected, timeZone] of READ) {
  test(`since ${text} in ${timeZone ?? "UTC"}`, () => {
    assert.equal(since(text, timeZone), expected);
  });
}

const REFUSED = [
  "",
  "invalid",
  "m",
  "1.2.3s",
  "1h 30m",
  "1d",
  "--1s",
  "9223372037s9223372037s",
  "-5",
  "1.",
  "9223372036854775808",
  "2006-01-02T24:00:00Z",
  "2006-01-02T15:60:00Z",
  "2006-01-02T15:04:60Z",
  "2006-13-02",
  "2006-00-02",
  "2006-02-29",
  "2006-01-32",
  "2006-1-2",
  "2006-01-02t15:04:05z",
  "2006-01-02T15:04:05.Z",
  "2006-01-02 15:04:05",
  "2006-01-02T15:04:05+7",
  "2006-01-02T15:04:05+25:00",
  "2006-01-02T15:04:05ZZ",
  `${"1".repeat(200)}s`,
  "\u0661s",
];

for (const text of REFUSED) {
  test(`since refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(() => since(text), { code: "ERR_CRI_QUERY_INVALID" });
  });
}

test("without a time zone that of the process is used", () => {
  const local = BigInt(new Date(2024, 0, 15, 6, 30).getTime()) * 1_000_000n;
  assert.equal(parseSince("2024-01-15T06:30", { nowNs }), local);
});

test("a time that clocks have twice, or never, is the earlier of its two readings", () => {
  assert.equal(since("2024-10-27T02:30", "Europe/Berlin"), at("2024-10-27T00:30:00Z"));
  assert.equal(since("2024-03-31T02:30", "Europe/Berlin"), at("2024-03-31T00:30:00Z"));
});

test("a time zone that does not exist is a mistake of the caller", () => {
  assert.throws(() => since("2024-01-01", "Mars/Olympus"), RangeError);
});
