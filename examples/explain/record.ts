/**
 * A decision in one file: everything that it rests on, and nothing secret; to be made again offline, a year later.
 *
 *   node examples/explain/record.ts
 *   node examples/explain/record.ts RECORDING.json      makes the decision again
 */
import { readFile } from "node:fs/promises";
import { ExplainError, formatExplanation, recordExplanation, replayExplanation } from "lading/explain";
import { podOf, withNode } from "./shared/node.ts";

async function replay(recording: string): Promise<string> {
  const { explanation, isSame, recordedAt } = await replayExplanation(recording);
  console.log(`recorded at ${new Date(recordedAt).toISOString()}, the same today: ${isSame}`);
  if (!isSame) process.exitCode = 1;
  process.stdout.write(formatExplanation(explanation, { colors: process.stdout.isTTY }));
  return JSON.stringify(explanation);
}

const [file] = process.argv.slice(2);
if (file !== undefined) {
  await replay(await readFile(file, "utf8"));
} else {
  let kept = { recording: "", text: "" };
  await withNode(async ({ node, registry, team }) => {
    const pod = podOf("bad", `${team}/tool:1.0`);
    const { recording, explanation } = await recordExplanation(pod, node, { registry });
    kept = { recording, text: JSON.stringify(explanation) };
  });
  // Registry and node are gone by now.
  if ((await replay(kept.recording)) !== kept.text) process.exitCode = 1;
  try {
    await replayExplanation(kept.recording.replace('"shop"', '"shed"'));
    process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof ExplainError)) throw error;
    console.log(`changed by hand: ${error.code}`);
  }
}
