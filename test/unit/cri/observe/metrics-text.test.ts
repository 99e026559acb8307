import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  MetricDescriptorSchema,
  MetricType,
  PodSandboxMetricsSchema,
  type PrometheusTextOptions,
  toPrometheusText,
} from "../../../../src/cri/index.ts";

type Descriptor = MessageInitShape<typeof MetricDescriptorSchema>;
type Pod = MessageInitShape<typeof PodSandboxMetricsSchema>;

function text(descriptors: Descriptor[], pods: Pod[], options?: PrometheusTextOptions) {
  return toPrometheusText(
    descriptors.map((each) => create(MetricDescriptorSchema, each)),
    pods.map((each) => create(PodSandboxMetricsSchema, each)),
    options,
  );
}

const CPU = { name: "container_cpu_total", help: "CPU time.", labelKeys: ["cpu", "name"] };
const MEMORY = { name: "container_memory_bytes", help: "Memory.", labelKeys: ["name"] };
const AT = 1_700_000_000_123_456_789n;

const PODS: Pod[] = [
  {
    podSandboxId: "p",
    metrics: [
      {
        name: MEMORY.name,
        metricType: MetricType.GAUGE,
        labelValues: ["POD"],
        value: { value: 7n },
        timestamp: AT,
      },
    ],
    containerMetrics: [
      {
        containerId: "c",
        metrics: [
          { name: CPU.name, metricType: MetricType.COUNTER, labelValues: ["1", "a"], value: { value: 2n } },
          {
            name: CPU.name,
            metricType: MetricType.COUNTER,
            labelValues: ["0", "a"],
            value: { value: 2n ** 64n - 1n },
          },
        ],
      },
    ],
  },
];

test("Prometheus text: families and series in order, exact values, times in milliseconds", () => {
  const { text: got, dropped } = text([MEMORY, CPU], PODS);
  assert.equal(
    got,
    [
      "# HELP container_cpu_total CPU time.",
      "# TYPE container_cpu_total counter",
      'container_cpu_total{cpu="0",name="a"} 18446744073709551615',
      'container_cpu_total{cpu="1",name="a"} 2',
      "# HELP container_memory_bytes Memory.",
      "# TYPE container_memory_bytes gauge",
      'container_memory_bytes{name="POD"} 7 1700000000123',
      "",
    ].join("\n"),
  );
  assert.deepEqual(dropped, []);
});

test("OpenMetrics text: the family of a counter without _total, exact times, an end", () => {
  const { text: got } = text([MEMORY, CPU], PODS, { format: "openmetrics" });
  assert.equal(
    got,
    [
      "# HELP container_cpu CPU time.",
      "# TYPE container_cpu counter",
      'container_cpu_total{cpu="0",name="a"} 18446744073709551615',
      'container_cpu_total{cpu="1",name="a"} 2',
      "# HELP container_memory_bytes Memory.",
      "# TYPE container_memory_bytes gauge",
      'container_memory_bytes{name="POD"} 7 1700000000.123456789',
      "# EOF",
      "",
    ].join("\n"),
  );
});

test("without samples there is no family", () => {
  assert.deepEqual(text([CPU], []), { text: "", dropped: [] });
  assert.equal(text([CPU], [], { format: "openmetrics" }).text, "# EOF\n");
});

test("the order of what comes in changes nothing", () => {
  const [pod] = PODS;
  const reversed = pod?.containerMetrics?.map((each) => ({
    ...each,
    metrics: each.metrics?.toReversed() ?? [],
  })) as Pod["containerMetrics"];
  const other = { ...pod, containerMetrics: reversed ?? [] } as Pod;
  assert.equal(text([CPU, MEMORY], [other]).text, text([MEMORY, CPU], PODS).text);
});

/** One sample of a metric `m`. */
function one(
  sample: NonNullable<Pod["metrics"]>[number] | object,
  descriptor: Descriptor = {},
): [Descriptor[], Pod[]] {
  const metric = { name: "m", metricType: MetricType.GAUGE, value: { value: 1n }, ...sample };
  return [[{ name: "m", ...descriptor } as Descriptor], [{ podSandboxId: "p", metrics: [metric] } as Pod]];
}

test("texts are escaped, each as its place asks for", () => {
  const strange = 'back\\slash "quote" new\nline é\r\t\\n';
  const [descriptors, pods] = one({ labelValues: [strange] }, { help: strange, labelKeys: ["l"] });
  assert.equal(
    text(descriptors, pods).text,
    '# HELP m back\\\\slash "quote" new\\nline é\r\t\\\\n\n# TYPE m gauge\n' +
      'm{l="back\\\\slash \\"quote\\" new\\nline é\r\t\\\\n"} 1\n',
  );
  assert.match(
    text(descriptors, pods, { format: "openmetrics" }).text,
    /^# HELP m back\\\\slash \\"quote\\" /,
  );
});

test("times: none, cut, negative, left out", () => {
  const line = (timestamp: bigint, options?: PrometheusTextOptions) =>
    text(...one({ timestamp }), options).text.split("\n")[2];
  assert.equal(line(0n), "m 1");
  assert.equal(line(999_999n), "m 1 0");
  assert.equal(line(-1_500_000_000n), "m 1 -1500");
  assert.equal(line(AT, { omitTimestamps: true }), "m 1");
  const format = "openmetrics";
  assert.equal(line(1n, { format }), "m 1 0.000000001");
  assert.equal(line(2_000_000_000n, { format }), "m 1 2");
  assert.equal(line(-1_500_000_000n, { format }), "m 1 -1.5");
});

test("a counter without _total, a gauge with it, and a type of a newer runtime", () => {
  const lines = (sample: object, name: string, format: "prometheus" | "openmetrics") =>
    text(...one({ name, ...sample }, { name }), { format })
      .text.split("\n")
      .slice(1, 3);
  const counter = { metricType: MetricType.COUNTER };
  assert.deepEqual(lines(counter, "m", "openmetrics"), ["# TYPE m counter", "m_total 1"]);
  assert.deepEqual(lines(counter, "m", "prometheus"), ["# TYPE m counter", "m 1"]);
  assert.deepEqual(lines({}, "m_total", "openmetrics"), ["# TYPE m_total gauge", "m_total 1"]);
  const future = { metricType: 9 };
  assert.deepEqual(lines(future, "m", "openmetrics"), ["# TYPE m unknown", "m 1"]);
  assert.deepEqual(lines(future, "m", "prometheus"), ["# TYPE m untyped", "m 1"]);
});

test("what cannot be told apart or named is left out and said", () => {
  const value = { value: 1n };
  const gauge = { metricType: MetricType.GAUGE, value };
  const descriptors = [
    { name: "ok", labelKeys: ["a"] },
    { name: "ok", help: "again" },
    { name: "no-name" },
    { name: "" },
    { name: "0digit" },
    { name: "m\n# TYPE evil counter" },
    { name: "twice", labelKeys: ["a", "a"] },
    { name: "reserved", labelKeys: ["__name__"] },
    { name: "colon", labelKeys: ["a:b"] },
    { name: "quoted", labelKeys: ['a="b",c'] },
  ];
  const metrics = [
    { ...gauge, name: "ok", labelValues: ["1"] },
    { ...gauge, name: "ok", labelValues: ["1"] },
    { ...gauge, name: "ok", labelValues: [] },
    { ...gauge, name: "ok", labelValues: ["1", "2"] },
    { metricType: MetricType.GAUGE, name: "ok", labelValues: ["2"] },
    { ...gauge, name: "ok", labelValues: ["3"], metricType: MetricType.COUNTER },
    { ...gauge, name: "nobody" },
    { ...gauge, name: "no-name" },
    { ...gauge, name: "__proto__" },
  ];
  const { text: got, dropped } = text(descriptors, [{ podSandboxId: "p", metrics }]);
  assert.equal(got, '# HELP ok \n# TYPE ok gauge\nok{a="1"} 1\n');
  assert.deepEqual(
    dropped.map(({ name, reason }) => `${name}: ${reason}`),
    [
      "ok: duplicate-descriptor",
      "no-name: invalid-name",
      ": invalid-name",
      "0digit: invalid-name",
      "m\n# TYPE evil counter: invalid-name",
      "twice: invalid-label",
      "reserved: invalid-label",
      "colon: invalid-label",
      "quoted: invalid-label",
      "ok: duplicate-series",
      "ok: label-count",
      "ok: label-count",
      "ok: no-value",
      "ok: type-conflict",
      "nobody: no-descriptor",
      "no-name: no-descriptor",
      "__proto__: no-descriptor",
    ],
  );
  assert.equal(dropped.at(-1)?.podSandboxId, "p");
});

test("one family of OpenMetrics has one descriptor", () => {
  const { dropped } = text([{ name: "m" }, { name: "m_total" }], [], { format: "openmetrics" });
  assert.deepEqual(dropped, [{ name: "m_total", reason: "duplicate-descriptor" }]);
  assert.deepEqual(text([{ name: "m" }, { name: "m_total" }], []).dropped, []);
});

test("ids as labels keep the samples of two containers apart", () => {
  const sample = { name: "m", metricType: MetricType.GAUGE, value: { value: 1n }, labelValues: ["own"] };
  const containers = ["c1", "c2"].map((containerId) => ({ containerId, metrics: [sample] }));
  const pods = [{ podSandboxId: "p", metrics: [sample], containerMetrics: containers }];
  const descriptors = [{ name: "m", labelKeys: ["container_id"] }];
  assert.equal(text(descriptors, pods).dropped.length, 2);
  // A key of the descriptor's own stays what it is.
  assert.equal(text(descriptors, pods, { idLabels: true }).dropped.length, 2);
  const free = [{ name: "m", labelKeys: ["b"] }];
  const { text: got, dropped } = text(free, pods, { idLabels: true });
  assert.deepEqual(dropped, []);
  assert.deepEqual(got.split("\n").slice(2, 5), [
    'm{b="own",container_id="c1",pod_sandbox_id="p"} 1',
    'm{b="own",container_id="c2",pod_sandbox_id="p"} 1',
    'm{b="own",pod_sandbox_id="p"} 1',
  ]);
});
