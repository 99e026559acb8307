/** The tests of guides see what a guide has: a link, a program or a row that went unseen would never be checked. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { blocksOf, codesIn, linksOf, programsOf, ROOT, rowsOf, tableOf, typeProblems } from "./guide.ts";

const GUIDE = `
See [the other](other.md#part), [the site](https://example.com/x.md) and \`node examples/oci/pull-image.ts\`.

| step | functions |
|---|---|
| first | \`one\`, \`two\` |
| last | none |

| code | meaning |
|---|---|
| \`x\` | y |

\`\`\`ts
const a = 1;
\`\`\`
\`\`\`json
{}
\`\`\`
`;

test("links, examples, blocks and tables are found", () => {
  assert.deepEqual(linksOf(GUIDE), [join(ROOT, "docs/other.md")]);
  assert.deepEqual(programsOf(GUIDE), [join(ROOT, "examples/oci/pull-image.ts")]);
  assert.deepEqual(blocksOf(GUIDE, "ts"), ["const a = 1;\n"]);
  const steps = [
    ["first", "`one`, `two`"],
    ["last", "none"],
  ];
  assert.deepEqual(rowsOf(GUIDE), [...steps, ["`x`", "y"]]);
  assert.deepEqual(tableOf(GUIDE, "step"), steps);
  assert.deepEqual(codesIn("`one`, `two`"), ["one", "two"]);
  assert.throws(() => tableOf(GUIDE, "none"), assert.AssertionError);
});

test("errors of programs are found, in each of them", { timeout: 120_000 }, () => {
  const programs = [
    'import { parseDigest } from "lading";\nconsole.log(parseDigest(1));',
    "console.log(1);",
    "let = ;",
    "export {};\nconst unused = 1;",
  ];
  assert.deepEqual(typeProblems(programs.slice(1, 2), "examples"), []);
  const problems = typeProblems(programs, "examples");
  for (const part of ["'number' is not assignable", "Expression expected", "'unused' is declared"]) {
    assert.ok(
      problems.some((problem) => problem.includes(part)),
      `${part}: ${problems.join("\n")}`,
    );
  }
});
