/**
 * Containers as the kubelet makes them: what its labels and annotations repeat, and what they do not.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { ContainerSchema, ContainerState, ListContainersResponseSchema } from "../src/cri/index.ts";

/** Pods of some thirty workloads, on a node with many of each. */
const WORKLOADS = 31;
const NAMESPACES = ["default", "kube-system", "monitoring", "team-checkout", "team-search-and-discovery"];

/** Bytes of a ListContainersResponse with this many containers, about 1.0 KB each. The same number, the same bytes. */
export function listOfContainers(count: number): Uint8Array {
  const random = randomFrom(count);
  const containers = Array.from({ length: count }, (_, index) => containerOf(index, random));
  return toBinary(ListContainersResponseSchema, create(ListContainersResponseSchema, { containers }));
}

function containerOf(index: number, random: () => number) {
  // Most pods have two containers.
  const pod = Math.floor(index / 2);
  const workload = pod % WORKLOADS;
  const namespace = NAMESPACES[workload % NAMESPACES.length] ?? "default";
  const name = index % 2 === 0 ? `app-${workload}` : "istio-proxy";
  const podName = `app-${workload}-${hex(`set${workload}`).slice(0, 10)}-${hex(`pod${pod}`).slice(0, 5)}`;
  const podUid = hex(`uid${pod}`).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
  const attempt = index % 7 === 0 ? 1 : 0;
  const imageId = `sha256:${hex(`image${name}`)}`;
  return create(ContainerSchema, {
    id: hex(`container${index}`),
    podSandboxId: hex(`sandbox${pod}`),
    metadata: { name, attempt },
    image: { image: imageId, userSpecifiedImage: `registry.example.com/platform/${name}:v1.${workload}.0` },
    imageRef: imageId,
    imageId,
    state: index % 9 === 0 ? ContainerState.CONTAINER_EXITED : ContainerState.CONTAINER_RUNNING,
    createdAt: 1_790_000_000_000_000_000n + BigInt(index) * 1_234_567_891n,
    labels: shuffled(
      {
        "io.kubernetes.container.name": name,
        "io.kubernetes.pod.name": podName,
        "io.kubernetes.pod.namespace": namespace,
        "io.kubernetes.pod.uid": podUid,
      },
      random,
    ),
    annotations: shuffled(
      {
        "io.kubernetes.container.hash": hex(`hash${workload}${name}`).slice(0, 8),
        "io.kubernetes.container.ports": `[{"name":"http","containerPort":80${workload},"protocol":"TCP"}]`,
        "io.kubernetes.container.restartCount": String(attempt),
        "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
        "io.kubernetes.container.terminationMessagePolicy": "File",
        "io.kubernetes.pod.terminationGracePeriod": "30",
      },
      random,
    ),
  });
}

function hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The same members in another order: Go writes maps in an order of their own each time. */
function shuffled(record: Record<string, string>, random: () => number): Record<string, string> {
  const keyed = Object.entries(record).map((entry) => ({ entry, place: random() }));
  return Object.fromEntries(keyed.sort((a, b) => a.place - b.place).map(({ entry }) => entry));
}

/** Numbers from 0 to 1 that are the same in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
