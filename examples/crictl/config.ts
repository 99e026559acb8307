/** crictl config: the configuration file, changed without losing its comments, and which runtime follows from it. */
import { CriError, discoverCri, parseCrictlConfig, resolveCriEndpoints, setCrictlConfig } from "lading/cri";

const text = `# the runtime of this node
runtime-endpoint: unix:///run/crio/crio.sock
timeout: 10 # seconds
`;
console.log(parseCrictlConfig(text));
console.log(setCrictlConfig(text, { timeout: 20, debug: true }));

const env = { CONTAINER_RUNTIME_ENDPOINT: "unix:///run/containerd/containerd.sock" };
console.log(resolveCriEndpoints({ env, config: parseCrictlConfig(text), platform: "linux" }));

// discoverCri() does all of this with the files and the environment of the machine.
try {
  const cri = await discoverCri();
  console.log(cri.endpoint, cri.discovery);
  await cri.close();
} catch (error) {
  if (!(error instanceof CriError)) throw error;
  console.log(`no runtime here: ${error.message}`);
}
