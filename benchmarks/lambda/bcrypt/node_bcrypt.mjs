// @node-rs/bcrypt on libuv's threads, of which UV_THREADPOOL_SIZE says how many.
import { hash } from "@node-rs/bcrypt";
import { serve } from "./rival.mjs";

await serve(async (line) => {
  const passwords = Array.from({ length: Number(line) },
    (_, i) => "password_" + String(i).padStart(6, "0"));
  const start = process.hrtime.bigint();
  const hashes = await Promise.all(passwords.map((password) => hash(password, { cost: 10, version: "2b" })));
  return { ms: Number(process.hrtime.bigint() - start) / 1e6, hashes };
});
