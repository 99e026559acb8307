/**
 * A runtime's metrics, asked for and written.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import type { MetricDescriptor } from "../gen/runtime/v1/api_pb.ts";
import { iteratePodSandboxMetrics } from "../list-streams.ts";
import { collect } from "./collect.ts";
import { type PrometheusText, type PrometheusTextOptions, toPrometheusText } from "./metrics-text.ts";

/** Options of {@link fetchPrometheusText}. `timeoutMs` is for each call to the runtime. */
export interface FetchPrometheusTextOptions extends CriCallOptions, PrometheusTextOptions {
  /** Descriptors from an earlier answer. They stay the same while the runtime runs. Default: asks for them. */
  descriptors?: readonly MetricDescriptor[] | undefined;
}

/** What {@link fetchPrometheusText} gives. */
export interface FetchedPrometheusText extends PrometheusText {
  /** For the next call. */
  descriptors: readonly MetricDescriptor[];
}

/**
 * The metrics of all pods and containers as {@link toPrometheusText} writes them.
 *
 * @throws {CriError} `ERR_CRI_UNIMPLEMENTED` from containerd before 2.2 and CRI-O before 1.30, or the code of a
 * failed call.
 */
export async function fetchPrometheusText(
  cri: Pick<CriConnection, "runtime">,
  options: FetchPrometheusTextOptions = {},
): Promise<FetchedPrometheusText> {
  const { signal, timeoutMs, metadata } = options;
  const call: CriCallOptions = { signal, timeoutMs, ...(metadata ? { metadata } : {}) };
  const descriptors = options.descriptors ?? (await cri.runtime.listMetricDescriptors({}, call)).descriptors;
  const metrics = await collect(iteratePodSandboxMetrics(cri, call));
  return { ...toPrometheusText(descriptors, metrics, options), descriptors };
}
