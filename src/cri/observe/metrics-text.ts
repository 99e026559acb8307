/**
 * Metrics of a runtime as text for Prometheus.
 *
 * The runtime lists its descriptors once and its samples again and again. A sample has label values only: they belong
 * to the keys of the descriptor with its name, by position.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 * @see {@link https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md}
 * @module
 */
import {
  type Metric,
  type MetricDescriptor,
  MetricType,
  type PodSandboxMetrics,
} from "../gen/runtime/v1/api_pb.ts";

/** Options of {@link toPrometheusText}. */
export interface PrometheusTextOptions {
  /**
   * `"prometheus"` (the default) is text format 0.0.4, content type `text/plain; version=0.0.4; charset=utf-8`;
   * `"openmetrics"` is OpenMetrics 1.0, `application/openmetrics-text; version=1.0.0; charset=utf-8`.
   */
  format?: "prometheus" | "openmetrics" | undefined;
  /** Leaves the times of the samples out; then they count as taken at the scrape. Default false. */
  omitTimestamps?: boolean | undefined;
  /**
   * Adds labels `pod_sandbox_id` and, for samples of a container, `container_id`, where the descriptor has no such
   * key. Without them the samples of two containers can be the same series. Default false.
   */
  idLabels?: boolean | undefined;
}

/** Why a descriptor or sample is not in the text. */
export type DroppedMetricReason =
  /** No descriptor has its name; the interface says to ignore it. */
  | "no-descriptor"
  /** The name is not one for a metric. */
  | "invalid-name"
  /** A label key is none, is reserved (`__…`), or comes twice. */
  | "invalid-label"
  /** There are more or fewer values than keys. */
  | "label-count"
  /** It has no value. */
  | "no-value"
  /** It is a counter where others of the name are gauges, or the reverse. */
  | "type-conflict"
  /** A sample with the same name and labels came before. */
  | "duplicate-series"
  /** A descriptor of the same name, or of the same family in OpenMetrics, came before. */
  | "duplicate-descriptor";

/** A descriptor or sample that is not in the text. */
export interface DroppedMetric {
  name: string;
  reason: DroppedMetricReason;
  /** The pod of the sample. */
  podSandboxId?: string;
  /** The container of the sample. */
  containerId?: string;
}

/** What {@link toPrometheusText} gives. */
export interface PrometheusText {
  text: string;
  /** What had to be left out, in the order in which it came. */
  dropped: DroppedMetric[];
}

/** What a sample is of. */
type Origin = Pick<DroppedMetric, "podSandboxId" | "containerId">;

/** All samples of a name. */
interface Family {
  readonly descriptor: MetricDescriptor;
  type: MetricType | undefined;
  /** Value and time of each series, by its labels as text. */
  readonly series: Map<string, string>;
}

/**
 * The samples as text, each under `HELP` and `TYPE` of its descriptor; names in order, and labels within them.
 *
 * uint64 values are written exactly. Times are cut to milliseconds in the Prometheus format and exact in OpenMetrics;
 * a time of 0 counts as none. A type of a newer runtime is `untyped` (`unknown` in OpenMetrics).
 */
export function toPrometheusText(
  descriptors: readonly MetricDescriptor[],
  podMetrics: readonly PodSandboxMetrics[],
  options: PrometheusTextOptions = {},
): PrometheusText {
  const { format = "prometheus" } = options;
  const dropped: DroppedMetric[] = [];
  const families = familiesOf(descriptors, format, dropped);
  const takeAll = (metrics: readonly Metric[], origin: Origin) => {
    for (const metric of metrics) {
      const reason = take(families, metric, origin, options);
      if (reason) dropped.push({ name: metric.name, reason, ...origin });
    }
  };
  for (const { podSandboxId, metrics, containerMetrics } of podMetrics) {
    takeAll(metrics, { podSandboxId });
    for (const { containerId, metrics: own } of containerMetrics) takeAll(own, { podSandboxId, containerId });
  }
  const filled = [...families.values()].filter(({ series }) => series.size > 0);
  const lines = filled
    .sort((a, b) => compare(a.descriptor.name, b.descriptor.name))
    .flatMap((family) => linesOf(family, format));
  if (format === "openmetrics") lines.push("# EOF");
  return { text: lines.map((line) => `${line}\n`).join(""), dropped };
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

function familiesOf(
  descriptors: readonly MetricDescriptor[],
  format: "prometheus" | "openmetrics",
  dropped: DroppedMetric[],
): Map<string, Family> {
  const families = new Map<string, Family>();
  const names = new Set<string>();
  for (const descriptor of descriptors) {
    const { name, labelKeys } = descriptor;
    const family = format === "openmetrics" ? name.replace(/_total$/, "") : name;
    if (!METRIC_NAME.test(name) || family === "") dropped.push({ name, reason: "invalid-name" });
    else if (!labelKeys.every((key) => LABEL_NAME.test(key)) || new Set(labelKeys).size < labelKeys.length) {
      dropped.push({ name, reason: "invalid-label" });
    } else if (names.has(family)) dropped.push({ name, reason: "duplicate-descriptor" });
    else {
      names.add(family);
      families.set(name, { descriptor, type: undefined, series: new Map() });
    }
  }
  return families;
}

/** Adds a sample to its family, or says why it cannot. */
function take(
  families: ReadonlyMap<string, Family>,
  metric: Metric,
  origin: Origin,
  { format = "prometheus", omitTimestamps = false, idLabels = false }: PrometheusTextOptions,
): DroppedMetricReason | undefined {
  const { name, labelValues, metricType, value, timestamp } = metric;
  const family = families.get(name);
  if (!family) return "no-descriptor";
  const { labelKeys } = family.descriptor;
  if (labelKeys.length !== labelValues.length) return "label-count";
  if (!value) return "no-value";
  if (family.type !== undefined && family.type !== metricType) return "type-conflict";
  const pairs = labelKeys.map((key, at): [string, string] => [key, labelValues[at] ?? ""]);
  if (idLabels) pairs.push(...idsOf(origin).filter(([key]) => !labelKeys.includes(key)));
  // The order of labels is of no meaning: the same ones are the same series.
  const labels = pairs
    .sort(([a], [b]) => compare(a, b))
    .map(([key, text]) => `${key}="${escapeText(text)}"`)
    .join(",");
  if (family.series.has(labels)) return "duplicate-series";
  family.type = metricType;
  const time = omitTimestamps || timestamp === 0n ? "" : ` ${timeText(timestamp, format)}`;
  family.series.set(labels, `${value.value}${time}`);
  return undefined;
}

function idsOf({ podSandboxId, containerId }: Origin): [string, string][] {
  return [
    ...(podSandboxId === undefined ? [] : [["pod_sandbox_id", podSandboxId] satisfies [string, string]]),
    ...(containerId === undefined ? [] : [["container_id", containerId] satisfies [string, string]]),
  ];
}

function linesOf({ descriptor, type, series }: Family, format: "prometheus" | "openmetrics"): string[] {
  const open = format === "openmetrics";
  const { name, help } = descriptor;
  const base = name.replace(/_total$/, "");
  // In OpenMetrics the samples of a counter end in _total, and their family does not.
  const counter = type === MetricType.COUNTER;
  const family = open && counter ? base : name;
  const sample = open && counter ? `${base}_total` : name;
  const lines = [
    `# HELP ${family} ${open ? escapeText(help) : escapeHelp(help)}`,
    `# TYPE ${family} ${typeText(type, open)}`,
  ];
  const sorted = [...series].sort(([a], [b]) => compare(a, b));
  for (const [labels, value] of sorted) lines.push(`${sample}${labels && `{${labels}}`} ${value}`);
  return lines;
}

function typeText(type: MetricType | undefined, open: boolean): string {
  if (type === MetricType.COUNTER) return "counter";
  if (type === MetricType.GAUGE) return "gauge";
  return open ? "unknown" : "untyped";
}

/** Milliseconds for Prometheus, seconds with their fraction for OpenMetrics. */
function timeText(ns: bigint, format: "prometheus" | "openmetrics"): string {
  if (format === "prometheus") return String(ns / 1_000_000n);
  const digits = String(ns < 0n ? -ns : ns).padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return `${ns < 0n ? "-" : ""}${digits.slice(0, -9)}${fraction && `.${fraction}`}`;
}

/** A label value, or a help text of OpenMetrics. */
function escapeText(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** A help text of Prometheus. */
function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
