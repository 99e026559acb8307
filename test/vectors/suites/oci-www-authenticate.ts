/** Challenges, scopes and token answers. */
import { parseChallenges } from "../../../src/oci/challenge.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { cleanActions, mergeScopes, repositoryScope, splitScopes } from "../../../src/oci/scope.ts";
import { parseTokenAnswer } from "../../../src/oci/token-answer.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    switch (input["op"]) {
      case "parse": {
        const challenges = parseChallenges(texts(input["headers"]));
        const scopes = challenges.flatMap(({ params }) => splitScopes(params["scope"]));
        return { challenges, scopes, order: challenges.map(({ scheme }) => scheme) };
      }
      case "cleanActions":
        return { actions: cleanActions(texts(input["actions"])) };
      case "mergeScopesSemantic":
        return { scopes: mergeScopes(texts(input["scopes"])) };
      case "mergeScopesTextual":
        return {
          scopes: mergeScopes([...texts(input["context"]), ...texts(input["challenge"])], { by: "text" }),
        };
      case "repositoryScope": {
        const name = String(input["name"]);
        const path = name.slice(name.indexOf("/") + 1);
        return { scope: repositoryScope(path, input["push"] === true ? ["pull", "push"] : ["pull"]) };
      }
      case "scopeRepository":
        return { scope: repositoryScope(String(input["repository"]), texts(input["actions"])) };
      case "tokenResponse":
        try {
          return parseTokenAnswer(JSON.stringify(input["json"]));
        } catch (error) {
          if (!(error instanceof OciError) || error.code !== "ERR_OCI_TOKEN_INVALID") throw error;
          return { error: "no-token" };
        }
      default:
        throw new TypeError(`unknown op ${String(input["op"])}`);
    }
  },
};
export default suite;

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new TypeError("list expected");
  return value.map(String);
}
