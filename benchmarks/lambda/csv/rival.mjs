// What the rivals on Node have in common: a line "PATH" in, a line of JSON out, until the input ends.
import { createInterface } from "node:readline";

// `groups(path)` gives [[diagnosis, hospital, average, treatment], ...], sorted.
export async function serve(groups) {
  for await (const path of createInterface({ input: process.stdin })) {
    const start = process.hrtime.bigint();
    const found = await groups(path);
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    process.stdout.write(JSON.stringify({ values: { "from file": ms }, groups: found }) + "\n");
  }
}
