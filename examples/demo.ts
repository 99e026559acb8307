/**
 * The main job, end to end and offline: is this image allowed, which seccomp profile does its container get, what
 * does that profile do? Registry and signing authorities run inside this process.
 *
 *   npm run demo
 *   npm run demo -- --cri unix:///run/containerd/containerd.sock     also runs the Pod there (needs root)
 */
import { parseArgs } from "node:util";
import { prepare } from "./demo/cast.ts";
import { policyStories, tamperStories } from "./demo/policy-stories.ts";
import { say, title } from "./demo/print.ts";
import { seccompStories } from "./demo/seccomp-stories.ts";

const { values } = parseArgs({ options: { cri: { type: "string" } } });
const started = performance.now();
const cast = await prepare();
try {
  title("A registry with an image, signed as cosign signs it, and a seccomp profile as an OCI artifact");
  say("registry", cast.server.url);
  say("image", `${cast.app}:1.0 is ${cast.signed}`);
  say("profile", `${cast.profile}:image, named by an annotation of the image`);

  await policyStories(cast);
  await tamperStories(cast);
  const spec = await seccompStories(cast);
  if (values.cri !== undefined) {
    const { runPod } = await import("./demo/run-pod.ts");
    await runPod({ endpoint: values.cri, image: `${cast.app}@${cast.signed}`, spec });
  }
  console.log(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s: every step went as told.`);
} finally {
  await cast.close();
}
