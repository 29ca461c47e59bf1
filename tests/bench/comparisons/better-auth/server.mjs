import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import { hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import Database from "better-sqlite3";

const { DATA, PORT, USERS } = process.env;
const HASH_PARAMS = { memoryCost: 19456, timeCost: 2, parallelism: 1, outputLen: 32 };

const database = new Database(join(DATA, "better-auth.sqlite"));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = NORMAL");

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: randomBytes(32).toString("base64url"),
  database,
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => hash(password, HASH_PARAMS),
      verify: ({ hash, password }) => verify(hash, password),
    },
  },
  // All requests come from one address, which the rate limit would block.
  rateLimit: { enabled: false },
});

const { internalAdapter, password, runMigrations } = await auth.$context;
await runMigrations();
// One hash for all accounts keeps the setup short.
const hashed = await password.hash("oie7");
for (let n = 0; n < Number(USERS); n++) {
  const { id } = await internalAdapter.createUser({ name: `p${n}`, email: `p${n}@example.org`, emailVerified: true });
  await internalAdapter.linkAccount({ userId: id, accountId: id, providerId: "credential", password: hashed });
}

createServer(toNodeHandler(auth)).listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
