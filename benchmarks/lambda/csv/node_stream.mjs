// A stream, line by line, into maps: what one writes first.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { serve } from "./rival.mjs";

await serve(async (path) => {
  const groups = new Map();
  let isHeader = true;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (isHeader) {
      isHeader = false;
      continue;
    }
    const [hospital, diagnosis, treatment, time] = line.split(",");
    const key = `${diagnosis},${hospital}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { diagnosis, hospital, total: 0, rows: 0, treatments: new Map() };
      groups.set(key, group);
    }
    group.total += Number(time);
    group.rows += 1;
    group.treatments.set(treatment, (group.treatments.get(treatment) ?? 0) + 1);
  }
  return [...groups.keys()].sort().map((key) => {
    const { diagnosis, hospital, total, rows, treatments } = groups.get(key);
    const [mostUsed] = [...treatments].reduce((a, b) => (b[1] > a[1] ? b : a));
    return [diagnosis, hospital, total / rows, mostUsed];
  });
});
