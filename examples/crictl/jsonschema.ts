/** crictl runp|create|run jsonschema: JSON Schemas of the configurations of pods and containers. */
import { CriError, containerConfigSchema, parseContainerConfig, podSandboxConfigSchema } from "lading/cri";

console.log(Object.keys(podSandboxConfigSchema()), Object.keys(containerConfigSchema()));

// The loader says what is wrong, and where, instead of dropping it.
try {
  parseContainerConfig('{ "metadata": { "name": "x" }, "image": { "image": "y" }, "comand": ["sh"] }');
} catch (error) {
  if (!(error instanceof CriError)) throw error;
  console.log(error.code, error.problems);
}
