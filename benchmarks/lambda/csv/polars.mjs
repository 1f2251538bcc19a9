// POLARS_MAX_THREADS says how many threads.
import pl from "nodejs-polars";
import { serve } from "./rival.mjs";

const schema = {
  Hospital: pl.Utf8, Diagnosis: pl.Utf8, Treatment: pl.Utf8, "Recovery Time": pl.Int64,
};

await serve((path) => {
  const cells = pl.scanCSV(path, { schema })
    .groupBy(["Diagnosis", "Hospital", "Treatment"])
    .agg(pl.col("Recovery Time").sum().alias("total"), pl.col("Recovery Time").count().alias("n"))
    .sort("n", true);
  return cells.groupBy(["Diagnosis", "Hospital"])
    .agg(pl.col("total").sum(), pl.col("n").sum(), pl.col("Treatment").first())
    .sort(["Diagnosis", "Hospital"])
    .collectSync()
    .rows()
    .map(([diagnosis, hospital, total, n, treatment]) =>
      [diagnosis, hospital, Number(total) / Number(n), treatment]);
});
