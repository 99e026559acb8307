/** Counters, gauges and one histogram, as Prometheus reads them. */

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly series: Map<string, number>;
}

export interface Metrics {
  count(name: keyof typeof COUNTERS, labels?: Labels): void;
  gauge(name: keyof typeof GAUGES, value: number): void;
  /** How long a review took. */
  observe(seconds: number): void;
  /** The whole, in the text format. */
  text(): string;
}

const COUNTERS = {
  lading_webhook_reviews_total: "Reviews that were answered.",
  lading_webhook_failed_calls_total: "Requests that were answered with another status than 200.",
  lading_webhook_reloads_total: "Changes of files that were taken up, or could not be.",
  lading_webhook_cache_total: "What became of look-ups of verdicts.",
};

const GAUGES = {
  lading_webhook_ready: "Whether policies and trust roots are there.",
  lading_webhook_stale:
    "Whether files have changed to something that cannot be used: the old ones still count.",
  lading_webhook_held_bytes: "Bytes of bodies that are held.",
  lading_webhook_certificate_end_seconds: "When the certificate ends, in seconds since 1970.",
  lading_webhook_heap_bytes: "Bytes of the heap in use.",
  lading_webhook_heap_committed_bytes: "Bytes that the heap takes, garbage and room included.",
};

export function createMetrics(): Metrics {
  const families = new Map<string, Family>();
  for (const [name, help] of Object.entries(COUNTERS)) {
    families.set(name, { type: "counter", help, series: new Map() });
  }
  for (const [name, help] of Object.entries(GAUGES)) {
    families.set(name, { type: "gauge", help, series: new Map() });
  }
  const buckets = BUCKETS.map(() => 0);
  let sum = 0;
  let count = 0;
  const add = (name: string, labels: Labels, change: (old: number) => number): void => {
    const series = families.get(name)?.series;
    const key = labelText(labels);
    series?.set(key, change(series.get(key) ?? 0));
  };
  return {
    count: (name, labels = {}) => add(name, labels, (old) => old + 1),
    gauge: (name, value) => add(name, {}, () => value),
    observe(seconds) {
      sum += seconds;
      count++;
      for (const [index, bound] of BUCKETS.entries()) {
        if (seconds <= bound) buckets[index] = (buckets[index] ?? 0) + 1;
      }
    },
    text() {
      const { heapUsed, heapTotal } = process.memoryUsage();
      add("lading_webhook_heap_bytes", {}, () => heapUsed);
      add("lading_webhook_heap_committed_bytes", {}, () => heapTotal);
      const lines: string[] = [];
      for (const [name, { type, help, series }] of families) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
        for (const [labels, value] of series) lines.push(`${name}${labels} ${value}`);
      }
      const name = "lading_webhook_review_seconds";
      lines.push(`# HELP ${name} How long reviews took.`, `# TYPE ${name} histogram`);
      for (const [index, bound] of BUCKETS.entries()) {
        lines.push(`${name}_bucket{le="${bound}"} ${buckets[index]}`);
      }
      lines.push(`${name}_bucket{le="+Inf"} ${count}`, `${name}_sum ${sum}`, `${name}_count ${count}`);
      return `${lines.join("\n")}\n`;
    },
  };
}

/** Labels are few and the same again and again. */
function labelText(labels: Labels): string {
  let text = "";
  for (const name in labels) text += `${text === "" ? "{" : ","}${name}="${escaped(labels[name] ?? "")}"`;
  return text === "" ? "" : `${text}}`;
}

function escaped(value: string): string {
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
