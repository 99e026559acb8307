/** `hosts.toml`, the hosts that follow from it, and the folder it is in. */
import { certificateFiles } from "../../../src/oci/mirrors/certificate-files.ts";
import { hostDirectoryNames, namespaceFor } from "../../../src/oci/mirrors/default-host.ts";
import { type HostEntry, parseHostsToml, resolveHosts } from "../../../src/oci/mirrors/hosts-toml.ts";
import { containerdNodeOf } from "../memory-node.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const IMAGES = "io.containerd.cri.v1.images";

const suite: VectorSuite = {
  run({ input }) {
    const operation = OPERATIONS[text(input, "op")];
    if (!operation) throw new TypeError(`unknown op ${String(input["op"])}`);
    return operation(input);
  },
};
export default suite;

const OPERATIONS: Readonly<Record<string, (input: VectorFields) => unknown>> = {
  parse: (input) => {
    const { hosts, server } = parseHostsToml(text(input, "toml"), { baseDir: text(input, "baseDir") });
    return { hosts: [...hosts, ...(server.host === undefined ? [] : [server])].map(listed) };
  },
  defaultHost: (input) => {
    const scheme = text(input, "defaultScheme");
    const [host] = resolveHosts(text(input, "host"), undefined, {
      defaultScheme: scheme === "http" || scheme === "https" ? scheme : undefined,
      defaultTls: input["defaultTls"] !== null,
    });
    return host;
  },
  loadDir: (input) => {
    const { ca, client } = certificateFiles(input["files"] as string[], { rules: "containerd" });
    const [host] = resolveHosts("registry.example", { ca, client });
    return { hosts: [{ ca: [], client: [], ...host }] };
  },
  dirOrder: (input) => {
    const os = text(input, "os") === "windows" ? "windows" : "unix";
    return { order: hostDirectoryNames(text(input, "host"), os) };
  },
  nsQuery: (input) => {
    const namespace = namespaceFor(text(input, "host"), text(input, "namespace"));
    return { query: namespace === undefined ? null : new URLSearchParams({ ns: namespace }).toString() };
  },
  // As a containerd whose folder for the namespace has the file.
  resolveHosts: async (input) => {
    const namespace = text(input, "host");
    const folder = `/c/${hostDirectoryNames(namespace)[0]}`;
    const node = await containerdNodeOf({
      "/etc/containerd/config.toml": `version = 3\n[plugins."${IMAGES}".registry]\nconfig_path = "/c"\n`,
      [`${folder}/hosts.toml`]: text(input, "toml"),
    });
    const read = node.runtime.hosts.find(({ path }) => path === folder);
    const isBroken = node.warnings.some(
      ({ source, code }) => source === "hosts.toml" && code === "broken-file",
    );
    const hosts = resolveHosts(namespace, read?.hosts ?? { ca: [], client: [] }).map(listed);
    return {
      hosts: JSON.parse(JSON.stringify(hosts).replaceAll(folder, "{dir}")),
      ...(isBroken ? { logsError: true } : {}),
    };
  },
};

/** Lists that are absent are empty, and so on. */
function listed(host: HostEntry): Record<string, unknown> {
  return { ca: [], client: [], header: {}, ...host };
}

function text(input: VectorFields, key: string): string {
  const value = input[key];
  if (typeof value !== "string") throw new TypeError(`${key} is not a text`);
  return value;
}
