import { parseCrictlConfig } from "../../../src/cri/crictl-config.ts";
import { parseCriEndpoint } from "../../../src/cri/endpoint.ts";
import { CriError } from "../../../src/cri/errors.ts";
import { type ParseSinceOptions, parseSince } from "../../../src/cri/logs/since.ts";
import { type CpuSample, cpuPercent } from "../../../src/cri/observe/stats.ts";
import { parseAuth, parseCreds } from "../../../src/cri/operations/credentials.ts";
import { filterImages } from "../../../src/cri/operations/image-filters.ts";
import { splitRepoDigest, splitRepoTags } from "../../../src/cri/operations/image-names.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    try {
      return outcome(input);
    } catch (error) {
      if (error instanceof CriError) return { error: true };
      throw error;
    }
  },
};
export default suite;

function outcome(input: VectorFields): unknown {
  switch (input["op"]) {
    case "image-filters":
      return filterImages(imagesOf(input["images"]), strings(input["filters"])).map(({ id }) => id);
    case "creds": {
      const { username, password } = parseCreds(String(input["input"]));
      return { username, password };
    }
    case "auth": {
      const credentials = parseAuth({ creds: String(input["creds"]), auth: String(input["auth"]) });
      if (!credentials) return { credentials: null };
      const { username, password, auth } = credentials;
      return { username, password, auth };
    }
    case "repo-tag-pairs":
      return splitRepoTags(strings(input["repoTags"]), String(input["imageName"])).map(
        ({ repository, tag }) => [repository, tag],
      );
    case "repo-digest": {
      const { repository, digest } = splitRepoDigest(strings(input["repoDigests"]));
      return [repository, digest];
    }
    case "since": {
      const ns = parseSince(String(input["value"]), sinceOptions(String(input["reference"])));
      return { unixSeconds: String(ns / SECOND), nanos: Number(ns % SECOND) };
    }
    case "config":
      return parseCrictlConfig(String(input["yaml"]));
    case "endpoints": {
      const platform = input["platform"] === "windows" ? "windows" : "unix";
      const { protocol, address, deprecated } = parseCriEndpoint(String(input["endpoint"]), { platform });
      return { protocol, address, deprecated };
    }
    case "cpu-percent": {
      const percent = cpuPercent(cpuSample(input["c1"], input["t1"]), cpuSample(input["c2"], input["t2"]));
      return { percent };
    }
    default:
      throw new Error(`unknown operation ${String(input["op"])}`);
  }
}

const SECOND = 1_000_000_000n;

/** The present, and the zone it is told in, by a time of RFC 3339. */
function sinceOptions(reference: string): ParseSinceOptions {
  const zone = /(?:Z|[-+]\d\d:\d\d)$/.exec(reference)?.[0] ?? "Z";
  return { nowNs: BigInt(Date.parse(reference)) * 1_000_000n, timeZone: zone === "Z" ? "UTC" : zone };
}

function cpuSample(
  counter: VectorFields[string] | undefined,
  time: VectorFields[string] | undefined,
): CpuSample {
  return { usageCoreNanoSeconds: BigInt(String(counter)), timestamp: BigInt(String(time)) };
}

/** A list of texts; none for null, as an absent list is written. */
function strings(value: VectorFields[string] | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function imagesOf(value: VectorFields[string] | undefined) {
  const images = Array.isArray(value) ? value : [];
  return images.map((image) => {
    const { id, repoTags, repoDigests } = Object(image) as VectorFields;
    return { id: String(id), repoTags: strings(repoTags), repoDigests: strings(repoDigests) };
  });
}
