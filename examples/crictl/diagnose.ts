/** What crictl leaves to its user: why a runtime cannot be used. */
import { diagnoseCri } from "lading/cri";
import { onNode } from "./shared/node.ts";

console.log(await diagnoseCri("unix:///run/no/such.sock"));
await onNode(async ({ cri }) => {
  const diagnosis = await diagnoseCri(cri.endpoint);
  console.log(diagnosis.kind, diagnosis.message);
});
