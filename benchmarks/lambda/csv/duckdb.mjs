import { DuckDBInstance } from "@duckdb/node-api";
import { serve } from "./rival.mjs";

const instance = await DuckDBInstance.create(":memory:", { threads: process.argv[2] });
const connection = await instance.connect();
await connection.run("SET preserve_insertion_order = false");

await serve(async (path) => {
  const reader = await connection.runAndReadAll(`
    WITH cells AS (
      SELECT Diagnosis, Hospital, Treatment, count(*) AS n, sum("Recovery Time") AS total
      FROM read_csv('${path}', header = true, auto_detect = false, delim = ',', quote = '"',
                    columns = {'Hospital': 'VARCHAR', 'Diagnosis': 'VARCHAR',
                               'Treatment': 'VARCHAR', 'Recovery Time': 'INTEGER'})
      GROUP BY ALL)
    SELECT Diagnosis, Hospital, CAST(sum(total) AS DOUBLE) / sum(n), arg_max(Treatment, n)
    FROM cells GROUP BY 1, 2 ORDER BY 1, 2`);
  return reader.getRows();
});
