import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { parseJson, toPlain } from "../../src/core/strict-json.ts";
import {
  cgroupDriverOfContainerd,
  cpuPercent,
  formatInspect,
  MetricDescriptorSchema,
  MetricType,
  mergeVerboseInfo,
  nsToDate,
  nsToIso,
  PodSandboxMetricsSchema,
  readContainerInfo,
  readImageInfo,
  readPodSandboxInfo,
  readRuntimeInfo,
  toPrometheusText,
} from "../../src/cri/index.ts";
import { property } from "./runs.ts";

/** A valid text with a piece cut out, doubled or replaced. */
function mutated(valid: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...valid), fc.nat(200), fc.nat(8), fc.string({ unit: "binary", maxLength: 4 }))
    .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length));
}

const INFOS = [
  '{"sandboxID":"a","pid":1,"removing":false,"privileged":true,"runtimeSpec":{"linux":{}},"config":{"linux":{"security_context":{"privileged":true}}}}',
  '{"pid":0,"image":"pause","netNamespaceClosed":false,"cniResult":{"Interfaces":{"eth0":{}}},"runtimeOptions":null}',
  '{"chainID":"sha256:1","labels":{"a":"b"},"imageSpec":{"rootfs":{"diff_ids":[]}}}',
  '{"sandboxImage":"p","containerd":{"defaultRuntimeName":"r","runtimes":{"r":{"runtimeType":"io.containerd.runc.v2","options":{"SystemdCgroup":true}}}}}',
];

test("verbose information of every kind is read or refused with a code", () => {
  const text = fc.oneof(mutated(INFOS), fc.string({ unit: "binary" }), fc.json());
  fc.assert(
    fc.property(text, (value) => {
      const reads = [
        () => readContainerInfo({ info: { info: value } }),
        () => readPodSandboxInfo({ info: { info: value } }),
        () => readImageInfo({ info: { info: value } }),
        () => mergeVerboseInfo({ config: value }),
        () => {
          const { config } = readRuntimeInfo({ info: { config: value, [value]: value } });
          if (config) cgroupDriverOfContainerd(config);
        },
      ];
      for (const read of reads) {
        try {
          read();
        } catch (error) {
          assert.ok(isLadingError(error), String(error));
          assert.equal(error.code, "ERR_CRI_INFO_INVALID");
        }
      }
    }),
    property,
  );
});

test("text made of plain data reads as that data, whatever size its numbers are", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: "binary" }),
      fc.maxSafeInteger(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
      fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value")),
      fc.dictionary(fc.string(), tie("value"), { noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(value, (data) => {
      const text = formatInspect(data as Parameters<typeof formatInspect>[0]);
      assert.deepEqual(toPlain(parseJson(text)), data);
    }),
    property,
  );
});

test("a time as text is the time", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (ns) => {
      const text = nsToIso(ns);
      assert.match(text, /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$/);
      const second = BigInt(Date.parse(text.replace(/\.[0-9]+Z/, "Z"))) * 1_000_000n;
      assert.equal(second + BigInt(text.slice(-10, -1)), ns);
      const rest = ns - BigInt(nsToDate(ns).getTime()) * 1_000_000n;
      assert.ok(rest >= 0n && rest < 1_000_000n);
    }),
    property,
  );
});

test("a percentage is never negative and no more than all the time on all cores", () => {
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const elapsed = fc.bigInt({ min: 1n, max: 2n ** 62n });
  fc.assert(
    fc.property(uint64, uint64, elapsed, (first, second, ns) => {
      const percent = cpuPercent(
        { timestamp: 1n, usageCoreNanoSeconds: first },
        { timestamp: 1n + ns, usageCoreNanoSeconds: second },
      );
      assert.ok(Number.isFinite(percent) && percent >= 0);
      const used = second >= first ? second - first : second;
      const exact = (Number(used) / Number(ns)) * 100;
      assert.ok(Math.abs(percent - exact) <= 0.01 + exact * 1e-12, `${percent} ${exact}`);
    }),
    property,
  );
});

/** Reads the labels of a line back, as a scraper does. */
function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, character: string) => (character === "n" ? "\n" : character));
}

test("no text gets out of its place: each sample is a line with its labels, in both formats", () => {
  const anything = fc.oneof(
    fc.string({ unit: "binary" }),
    mutated(['a"b\\c\nd', "\\n", '"} 5\n# TYPE x gauge\n']),
  );
  const format = fc.constantFrom("prometheus" as const, "openmetrics" as const);
  const values = fc.uniqueArray(anything, { maxLength: 5 });
  fc.assert(
    fc.property(anything, values, anything, format, (help, labels, name, as) => {
      const descriptors = [
        create(MetricDescriptorSchema, { name: "m", help, labelKeys: ["key"] }),
        create(MetricDescriptorSchema, { name, help, labelKeys: [help] }),
      ];
      const metricType = MetricType.GAUGE;
      const metrics = labels.map((label) => ({
        name: "m",
        metricType,
        labelValues: [label],
        value: { value: 0n },
      }));
      const pods = [
        create(PodSandboxMetricsSchema, {
          metrics: [...metrics, { name, metricType, labelValues: [help], value: { value: 1n } }],
        }),
      ];
      const { text, dropped } = toPrometheusText(descriptors, pods, { format: as });
      assert.ok(text.endsWith("\n") || text === "");
      const lines = text.split("\n").slice(0, -1);
      const samples = lines.filter((line) => line.startsWith("m{"));
      const read = samples.map((line) => {
        const [, label] = /^m\{key="((?:[^"\\]|\\.)*)"\} 0$/s.exec(line) ?? assert.fail(line);
        return unescaped(label ?? "");
      });
      assert.deepEqual(read.toSorted(), labels.toSorted());
      const known = /^(?:# HELP m |# TYPE m gauge$|# EOF$|m\{)/;
      const strange = lines.filter((line) => !known.test(line));
      if (dropped.some((each) => each.name === name)) assert.deepEqual(strange, []);
    }),
    property,
  );
});
